//! What the log says of waits: each cause once when it is first waited for, and once when nothing is waited for any more.

use jiff::Timestamp;
use tracing::{field, warn};

use crate::vocabulary::WaitReason;

/// Causes that the log has named since the work went on last. Two that last, such as a full disk that the catalog shares, are waited
/// for by turns.
#[derive(Debug, Default)]
pub(super) struct SaidWaits(Vec<WaitReason>);

/// What is new to the log.
#[derive(Debug, PartialEq, Eq)]
enum WaitNews {
    Nothing,
    /// A cause that was not named before.
    Begun,
    /// All these are over.
    Over(Vec<WaitReason>),
}

impl SaidWaits {
    /// Takes what is waited for now, and says what is new of it.
    pub fn tell(&mut self, waiting: Option<&WaitReason>) {
        match (self.news(waiting), waiting) {
            (WaitNews::Begun, Some(now)) => {
                let until = now.until.map(field::display);
                warn!(error_kind = now.cause.as_str(), until, "no new book is begun: {now}");
            }
            (WaitNews::Over(waits), _) => {
                // As loud as the trouble was: who sees only warnings is to see its end, too.
                for wait in waits {
                    let (cause, reason) = (wait.cause.as_str(), wait.why);
                    let seconds = Timestamp::now().duration_since(wait.since).as_secs();
                    warn!(cause, reason, seconds, "intake resumed");
                }
            }
            _ => {}
        }
    }

    fn news(&mut self, waiting: Option<&WaitReason>) -> WaitNews {
        let Some(now) = waiting else {
            let over = std::mem::take(&mut self.0);
            return if over.is_empty() {
                WaitNews::Nothing
            } else {
                WaitNews::Over(over)
            };
        };
        if self.0.iter().any(|said| said.cause == now.cause) {
            return WaitNews::Nothing;
        }
        self.0.push(now.clone());
        WaitNews::Begun
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::WrittenLog;
    use crate::vocabulary::WaitCause;

    #[test]
    fn the_end_of_a_wait_is_a_warning_with_cause_and_duration_as_its_beginning_is_one() {
        let log = WrittenLog::begin();
        let since = Timestamp::now() - jiff::SignedDuration::from_secs(7_200);
        let mut said = SaidWaits::default();
        said.tell(Some(&WaitReason::new(WaitCause::Disk, "1 KiB is free", since)));
        said.tell(None);
        let lines = log.with("");
        let [begun, over] = &lines[..] else { panic!("{lines:?}") };
        assert!(begun.starts_with("<4>no new book is begun"), "{begun}");
        assert!(over.starts_with("<4>intake resumed"), "{over}");
        assert!(
            over.contains("cause=disk_full") && over.contains("1 KiB is free"),
            "{over}"
        );
        assert!(over.contains("seconds=720"), "{over}");
    }

    #[test]
    fn two_causes_by_turns_are_named_once_each() {
        let wait = |cause| WaitReason::new(cause, "full", Timestamp::UNIX_EPOCH);
        let (disk, catalog) = (wait(WaitCause::Disk), wait(WaitCause::Catalog));
        let mut said = SaidWaits::default();
        for (waiting, news) in [
            (None, WaitNews::Nothing),
            (Some(&disk), WaitNews::Begun),
            (Some(&disk), WaitNews::Nothing),
            (Some(&catalog), WaitNews::Begun),
            (Some(&disk), WaitNews::Nothing),
            (Some(&catalog), WaitNews::Nothing),
            (None, WaitNews::Over(vec![disk.clone(), catalog.clone()])),
            (None, WaitNews::Nothing),
            (Some(&disk), WaitNews::Begun),
            (None, WaitNews::Over(vec![disk.clone()])),
        ] {
            assert_eq!(said.news(waiting), news, "{waiting:?}");
        }
    }
}
