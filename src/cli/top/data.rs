//! What is known of the daemon.

use crate::actor::{ActorName, BlackBoxDump};
use crate::observe::DaemonStatus;
use crate::vocabulary::WaitCause;

/// What the daemon told last, and what is wrong with asking it.
pub struct TopData {
    /// Its status, as it was when it answered last.
    pub status: DaemonStatus,
    /// The last lines of its log, the newest last.
    pub log: Vec<String>,
    /// The last messages of the actor that is looked at.
    pub black_box: Option<BlackBoxDump>,
    /// Why it did not answer this time.
    pub trouble: Option<String>,
}

/// What came of one look at the daemon.
pub struct TopLook {
    /// What it says of itself.
    pub status: DaemonStatus,
    /// The last lines of its log.
    pub log: Vec<String>,
    /// The last messages of the actor that is looked at.
    pub black_box: Option<BlackBoxDump>,
}

impl TopData {
    /// What was learned at the start.
    pub fn of(status: DaemonStatus) -> Self {
        Self {
            status,
            log: Vec::new(),
            black_box: None,
            trouble: None,
        }
    }

    /// Takes over what came of a look; where the daemon did not answer, what was known stays, with the reason.
    pub fn take(&mut self, look: Result<TopLook, String>) {
        match look {
            Ok(look) => {
                *self = Self {
                    status: look.status,
                    log: look.log,
                    black_box: look.black_box,
                    trouble: None,
                }
            }
            Err(why) => self.trouble = Some(why),
        }
    }

    /// An operator has asked for a pause, and it lasts; also in a drain, whose state is another: the next start would begin with it.
    pub fn is_paused(&self) -> bool {
        let mut waiting = self.status.daemon.waiting.iter();
        waiting.any(|wait| wait.cause == WaitCause::Operator)
    }

    /// The last messages, where they are those of this actor.
    pub fn black_box_of(&self, actor: ActorName) -> Option<&BlackBoxDump> {
        self.black_box.as_ref().filter(|dump| dump.actor == actor)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::observe::DaemonState;
    use crate::vocabulary::WaitReason;

    #[test]
    fn a_pause_lasts_until_somebody_ends_it_whatever_else_the_daemon_does() {
        use DaemonState as S;
        use WaitCause::{Disk, Operator};
        for (state, waits_for, is_paused) in [
            (S::Paused, vec![Operator], true),
            (S::Draining, vec![Operator], true),
            (S::Draining, vec![Operator, Disk], true),
            (S::Draining, vec![], false),
            (S::Working, vec![Disk], false),
        ] {
            let mut data = TopData::of(crate::cli::frame::tests::seen());
            let wait = |cause: &WaitCause| WaitReason::new(*cause, "a reason", Timestamp::UNIX_EPOCH);
            data.status.daemon.state = state;
            data.status.daemon.waiting = waits_for.iter().map(wait).collect();
            assert_eq!(data.is_paused(), is_paused, "{state:?} {waits_for:?}");
        }
    }
}
