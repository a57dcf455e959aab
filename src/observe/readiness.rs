//! Whether the daemon can do its job.

use serde::{Deserialize, Serialize};

use crate::actor::ActorName;
use crate::observe::liveness::{ActorStall, ThreadSilence};

/// Whether the daemon can do its job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ready", rename_all = "snake_case")]
pub enum DaemonReadiness {
    /// Yes.
    Yes,
    /// Not yet, not now, or no more, and why: "starting", "signed out: …", "shutting down: …".
    No {
        /// One line for a person.
        why: String,
    },
}

impl DaemonReadiness {
    /// What cannot be seen of its work: a thread or an actor that comes no step further does nothing. What waits for the state store is no book.
    pub fn among(self, stuck: &[ThreadSilence], stalled: &[ActorStall]) -> Self {
        let threads = stuck.iter().map(ToString::to_string);
        let actors = stalled.iter().filter(|stall| stall.actor != ActorName::StateStore);
        let told: Vec<_> = threads.chain(actors.map(ToString::to_string)).collect();
        match self {
            Self::Yes if !told.is_empty() => Self::No { why: told.join("; ") },
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stands_still_is_not_ready() {
        let no = |why: &str| DaemonReadiness::No { why: why.into() };
        let silence = ThreadSilence {
            thread: "session".into(),
            seconds: 75.0,
            actors: Vec::new(),
        };
        let stall = |actor| ActorStall {
            actor,
            messages: Vec::new(),
            seconds: 75.0,
            ends_daemon: false,
        };
        let told = "the actor catalog has begun no message for 1m 15s";
        let both = format!("the thread session has not answered for 75 s; {told}");
        for (ready, stuck, stalled, expected) in [
            (DaemonReadiness::Yes, vec![], vec![], DaemonReadiness::Yes),
            (DaemonReadiness::Yes, vec![], vec![stall(ActorName::Catalog)], no(told)),
            (
                DaemonReadiness::Yes,
                vec![silence],
                vec![stall(ActorName::Catalog)],
                no(&both),
            ),
            (
                DaemonReadiness::Yes,
                vec![],
                vec![stall(ActorName::StateStore)],
                DaemonReadiness::Yes,
            ),
            (
                no("signed out"),
                vec![],
                vec![stall(ActorName::Catalog)],
                no("signed out"),
            ),
        ] {
            assert_eq!(ready.among(&stuck, &stalled), expected);
        }
    }
}
