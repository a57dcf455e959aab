//! When GRIN is told as what is waited for although nothing keeps a book from being begun.

use std::time::Duration;

use jiff::Timestamp;

use crate::log::DisplayDuration;
use crate::pipeline::progress::ProgressSnapshot;
use crate::vocabulary::{WaitCause, WaitReason};

/// GRIN is not known to be silent before.
const SILENT_AFTER: Duration = Duration::from_secs(45);

/// What is known of GRIN's answers.
#[derive(Debug, Clone, Copy)]
pub struct GrinSilence {
    /// For so long it has answered nothing that it was asked; `None`: it answers, or nothing was asked.
    pub lasts: Option<Duration>,
    /// How long one request may wait for its answer.
    pub read_timeout: Duration,
    /// We are signed in, and GRIN wants requests.
    pub is_asked: bool,
}

impl GrinSilence {
    /// How long it has been silent, where that is longer than one request may wait by half.
    fn too_long(self) -> Option<Duration> {
        let after = SILENT_AFTER.max(self.read_timeout.mul_f64(1.5));
        self.lasts.filter(|lasts| *lasts >= after)
    }
}

/// What keeps no book from being begun, and is waited for all the same: a list, where no book is in work, or any answer of GRIN's, which
/// has been silent for too long. Nothing where the run itself is `waiting` for GRIN by now, or nothing is asked of it.
pub fn unnoticed_wait(
    waiting: &[WaitReason],
    progress: &ProgressSnapshot,
    silence: GrinSilence,
    now: Timestamp,
) -> Option<WaitReason> {
    use WaitCause as W;
    let is_told = |wait: &WaitReason| matches!(wait.cause, W::Grin | W::Gate | W::Token | W::SignIn);
    if !silence.is_asked || waiting.iter().any(is_told) {
        return None;
    }
    let unread = progress.unread.values().rev().filter(|_| progress.claimed == 0);
    let unread = unread
        .max_by_key(|unread| unread.needs_person)
        .map(|unread| WaitReason {
            until: progress.next.get("collect").copied().filter(|next| *next > now),
            ..unread.clone()
        });
    unread.or_else(|| {
        let silent = silence.too_long()?;
        let why = format!("it has answered nothing for {}", DisplayDuration(silent.as_secs_f64()));
        Some(WaitReason::new(W::Grin, why, now.checked_sub(silent).unwrap_or(now)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grin::ListKind;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn wait(cause: WaitCause) -> WaitReason {
        WaitReason::new(cause, "a reason", NOW)
    }

    fn silence(lasts: Option<u64>) -> GrinSilence {
        GrinSilence {
            lasts: lasts.map(Duration::from_secs),
            read_timeout: Duration::from_secs(30),
            is_asked: true,
        }
    }

    /// Where so many books are in work.
    fn progress(claimed: u64, unread: &[(ListKind, bool)]) -> ProgressSnapshot {
        let trouble = |needs_person| WaitReason {
            needs_person,
            ..wait(WaitCause::Grin)
        };
        ProgressSnapshot {
            claimed,
            unread: unread
                .iter()
                .map(|(list, by_hand)| (*list, trouble(*by_hand)))
                .collect(),
            ..ProgressSnapshot::default()
        }
    }

    #[test]
    fn a_list_that_is_not_read_is_waited_for_where_no_book_is_in_work() {
        let (all, failed) = (ListKind::AllBooks, ListKind::Failed);
        let gate = [wait(WaitCause::Gate)];
        for (waiting, unread, claimed, by_hand) in [
            (&[][..], &[][..], 0, None),
            (&[], &[(all, true)], 0, Some(true)),
            (&[], &[(all, false)], 0, Some(false)),
            (&[], &[(all, false), (failed, true)], 0, Some(true)),
            (&[], &[(all, true)], 3, None),
            (&gate, &[(all, true)], 0, None),
        ] {
            let told = unnoticed_wait(waiting, &progress(claimed, unread), silence(None), NOW);
            assert_eq!(told.map(|told| told.needs_person), by_hand, "{unread:?} {claimed}");
        }
        let unasked = GrinSilence {
            is_asked: false,
            ..silence(Some(50))
        };
        assert_eq!(unnoticed_wait(&[], &progress(0, &[(all, true)]), unasked, NOW), None);
    }

    #[test]
    fn an_answer_that_does_not_come_is_waited_for_where_the_run_does_not_wait_for_grin() {
        for (waiting, claimed, silent, is_told) in [
            (vec![], 12, None, false),
            (vec![], 12, Some(44), false),
            (vec![], 12, Some(50), true),
            (vec![], 0, Some(50), true),
            (vec![wait(WaitCause::Disk)], 0, Some(50), true),
            (vec![wait(WaitCause::Grin)], 0, Some(50), false),
            (vec![wait(WaitCause::Gate)], 0, Some(50), false),
            (vec![wait(WaitCause::Token)], 0, Some(50), false),
        ] {
            let told = unnoticed_wait(&waiting, &progress(claimed, &[]), silence(silent), NOW);
            assert_eq!(told.is_some(), is_told, "{waiting:?} {claimed} {silent:?}");
            let Some(told) = told else { continue };
            assert_eq!((told.cause, told.needs_person), (WaitCause::Grin, false));
            assert_eq!(told.why, "it has answered nothing for 50.0s");
        }
    }

    #[test]
    fn one_request_may_use_all_its_time() {
        for (read, lasts, is_too_long) in [
            (5, 44, false),
            (5, 45, true),
            (30, 45, true),
            (120, 179, false),
            (120, 180, true),
        ] {
            let silence = GrinSilence {
                read_timeout: Duration::from_secs(read),
                ..silence(Some(lasts))
            };
            assert_eq!(silence.too_long().is_some(), is_too_long, "{read} {lasts}");
        }
    }
}
