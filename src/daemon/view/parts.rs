//! Parts of a snapshot: tasks, members, transfers, what keeps books from being begun.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::catalog::MemberRow;
use crate::log::DisplayDuration;
use crate::observe::{DaemonSnapshot, MemberView, SignedOut, TransferView};
use crate::pipeline::workers::UnderWay;
use crate::pipeline::{LibraryMembership, ProgressSnapshot};
use crate::vocabulary::{WaitCause, WaitReason};

/// What each task says, and when it goes on.
pub(super) fn tell_tasks(shown: &mut DaemonSnapshot, progress: &ProgressSnapshot) {
    let tasks = progress.tasks.iter().map(|(task, news)| ((*task).to_owned(), news));
    shown.tasks = tasks.clone().map(|(task, news)| (task, news.words.clone())).collect();
    shown.unfinished = tasks
        .filter(|(_, news)| news.is_unfinished)
        .map(|(task, _)| task)
        .collect();
    let next = progress.next.iter();
    shown.next = next.map(|(task, at)| ((*task).to_owned(), *at)).collect();
}

pub(super) fn members(membership: &LibraryMembership) -> Vec<MemberView> {
    let members = membership.members().into_iter();
    let view = |member: MemberRow| MemberView {
        this: member.card.owner == membership.owner(),
        live: member.is_live(),
        since: member.joined_at.parse().ok(),
        seen: member.seen_at.parse().ok(),
        instance: member.card.instance,
        host: member.card.host,
        program: member.card.program,
        version: member.card.version,
    };
    members.map(view).collect()
}

pub(super) fn transfer(under_way: UnderWay) -> TransferView {
    TransferView {
        barcode: under_way.barcode.to_string(),
        received: under_way.received,
        length: under_way.length,
        seconds: under_way.seconds,
        silent_seconds: under_way.silent_seconds,
    }
}

pub(super) fn signed_out(since: &mut Option<Timestamp>, why: Option<&str>) -> Option<SignedOut> {
    let Some(why) = why else {
        *since = None;
        return None;
    };
    let since = *since.get_or_insert_with(Timestamp::now);
    let advice =
        "run `grind auth login` on this machine, or put a working service account key in place; work goes on by itself";
    Some(SignedOut {
        since,
        why: why.to_owned(),
        advice: advice.to_owned(),
    })
}

/// What the work waits for: told by the run, and by the catalog's writer, whose wait the run may not have met yet. A moment that is over
/// is none any more: what was to happen then is under way.
pub(super) fn waits(
    progress: &ProgressSnapshot,
    add_of_catalog: impl FnOnce(&mut Vec<WaitReason>),
    now: Timestamp,
) -> Vec<WaitReason> {
    let mut waiting: Vec<_> = progress.paused.iter().chain(&progress.waiting).cloned().collect();
    add_of_catalog(&mut waiting);
    for wait in &mut waiting {
        wait.until = wait.until.filter(|until| *until > now);
    }
    waiting
}

/// GRIN is not known to be silent before.
const SILENT_AFTER: Duration = Duration::from_secs(45);

/// So long GRIN may answer nothing: half as long again as one request may wait for its answer.
pub(super) fn silent_after(read_timeout: Duration) -> Duration {
    SILENT_AFTER.max(read_timeout.mul_f64(1.5))
}

/// What keeps no book from being begun, and is waited for all the same: a list, where no book is in work, or any answer of GRIN's, which
/// has been `silent` for too long. Nothing where the run itself waits for GRIN by now.
pub(super) fn unanswered(
    waiting: &[WaitReason],
    progress: &ProgressSnapshot,
    silent: Option<Duration>,
    now: Timestamp,
) -> Option<WaitReason> {
    use WaitCause as W;
    let is_told = |wait: &WaitReason| matches!(wait.cause, W::Grin | W::Gate | W::Token | W::SignIn);
    if waiting.iter().any(is_told) {
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
        let silent = silent?;
        let why = format!("it has answered nothing for {}", DisplayDuration(silent.as_secs_f64()));
        Some(WaitReason::new(W::Grin, why, now.checked_sub(silent).unwrap_or(now)))
    })
}

/// Everything that keeps new books from being begun: what the work waits for, and what the session knows.
pub(super) fn pauses(shown: &DaemonSnapshot, turns_missing: bool) -> Vec<WaitCause> {
    let known = [
        (shown.signed_out.is_some(), WaitCause::SignIn),
        // Requests wait for it that were begun; nothing new is gained by beginning more.
        (turns_missing, WaitCause::Catalog),
        (
            shown.gate_closed_until.is_some_and(|until| until > shown.taken_at),
            WaitCause::Gate,
        ),
    ];
    let known = known.into_iter().filter_map(|(holds, cause)| holds.then_some(cause));
    let causes: BTreeSet<_> = shown.waiting.iter().map(|wait| wait.cause).chain(known).collect();
    causes.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grin::ListKind;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn wait(cause: WaitCause, why: &str) -> WaitReason {
        WaitReason::new(cause, why, NOW)
    }

    #[test]
    fn a_moment_that_is_over_is_not_the_next_attempt() {
        let at = |second| Timestamp::from_second(second).unwrap();
        for (until, now, shown) in [
            (Some(10), 9, Some(10)),
            (Some(10), 10, None),
            (Some(10), 20, None),
            (None, 0, None),
        ] {
            let progress = ProgressSnapshot {
                waiting: Some(WaitReason {
                    until: until.map(at),
                    ..wait(WaitCause::Grin, "timeout (head)")
                }),
                ..ProgressSnapshot::default()
            };
            assert_eq!(
                waits(&progress, |_| {}, at(now))[0].until,
                shown.map(at),
                "{until:?} at {now}"
            );
        }
    }

    fn trouble(needs_person: bool) -> WaitReason {
        WaitReason {
            needs_person,
            ..wait(WaitCause::Grin, "not trusted")
        }
    }

    /// Where so many books are in work, with a list that is not read, or after a silence of so many seconds.
    fn told(
        waiting: &[WaitReason],
        unread: &[(ListKind, bool)],
        claimed: u64,
        silent: Option<u64>,
    ) -> Option<WaitReason> {
        let progress = ProgressSnapshot {
            claimed,
            unread: unread
                .iter()
                .map(|(list, by_hand)| (*list, trouble(*by_hand)))
                .collect(),
            ..ProgressSnapshot::default()
        };
        unanswered(waiting, &progress, silent.map(Duration::from_secs), NOW)
    }

    #[test]
    fn a_list_that_is_not_read_is_waited_for_where_no_book_is_in_work() {
        let (all, failed) = (ListKind::AllBooks, ListKind::Failed);
        let gate = [wait(WaitCause::Gate, "429")];
        for (waiting, unread, claimed, by_hand) in [
            (&[][..], &[][..], 0, None),
            (&[], &[(all, true)], 0, Some(true)),
            (&[], &[(all, false)], 0, Some(false)),
            (&[], &[(all, false), (failed, true)], 0, Some(true)),
            (&[], &[(all, true)], 3, None),
            (&gate, &[(all, true)], 0, None),
        ] {
            let told = told(waiting, unread, claimed, None);
            assert_eq!(told.map(|told| told.needs_person), by_hand, "{unread:?} {claimed}");
        }
    }

    #[test]
    fn an_answer_that_does_not_come_is_waited_for_where_the_run_does_not_wait_for_grin() {
        let beside = |cause| vec![wait(cause, "a reason")];
        for (waiting, claimed, silent, is_told) in [
            (vec![], 12, None, false),
            (vec![], 12, Some(50), true),
            (vec![], 0, Some(50), true),
            (beside(WaitCause::Disk), 0, Some(50), true),
            (beside(WaitCause::Grin), 0, Some(50), false),
            (beside(WaitCause::Gate), 0, Some(50), false),
            (beside(WaitCause::Token), 0, Some(50), false),
        ] {
            let told = told(&waiting, &[], claimed, silent);
            assert_eq!(told.is_some(), is_told, "{waiting:?} {claimed} {silent:?}");
            let Some(told) = told else { continue };
            assert_eq!((told.cause, told.needs_person), (WaitCause::Grin, false));
            assert_eq!(told.why, "it has answered nothing for 50.0s");
        }
    }

    #[test]
    fn one_request_may_use_all_its_time() {
        for (read, after) in [(5, 45), (30, 45), (120, 180)] {
            assert_eq!(silent_after(Duration::from_secs(read)), Duration::from_secs(after));
        }
    }
}
