//! How an actor is, as the page and `grind top` show it.

use crate::actor::{ActorSnapshot, ActorState};
use crate::observe::liveness::{ActorStall, ThreadSilence};

/// A message that waits for longer is shown: the slowest request may take a minute.
const LATE_SECONDS: f64 = 60.0;

/// How an actor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorHealth {
    /// As it should be.
    Well,
    /// A message waits for long, or a worker is built anew.
    Late,
    /// It stands still, its thread does not answer, or it could not be kept alive.
    Stuck,
}

impl ActorHealth {
    /// The worst that holds.
    pub fn of(actor: &ActorSnapshot, stuck: &[ThreadSilence], stalled: &[ActorStall]) -> Self {
        let is_silent = stuck.iter().any(|silence| silence.actors.contains(&actor.name));
        let is_stalled = stalled.iter().any(|stall| stall.actor == actor.name);
        let is_built_anew = actor.states.get(&ActorState::Backoff).is_some_and(|count| *count > 0);
        match (
            actor.gave_up || is_silent || is_stalled,
            actor.oldest_age_seconds > LATE_SECONDS || is_built_anew,
        ) {
            (true, _) => Self::Stuck,
            (false, true) => Self::Late,
            (false, false) => Self::Well,
        }
    }

    /// Its class in the page.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Late => "waits",
            Self::Stuck => "bad",
        }
    }

    /// For whoever does not see the colour.
    pub const fn word(self) -> Option<&'static str> {
        match self {
            Self::Well => None,
            Self::Late => Some("late"),
            Self::Stuck => Some("stuck"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::ActorName;

    #[test]
    fn the_worst_that_holds_is_shown() {
        use ActorHealth::{Late, Stuck, Well};
        let silent = |actor| {
            vec![ThreadSilence {
                thread: "main".into(),
                seconds: 61.0,
                actors: vec![actor],
            }]
        };
        let still = |actor| {
            vec![ActorStall {
                actor,
                messages: Vec::new(),
                seconds: 61.0,
                ends_daemon: false,
            }]
        };
        for (gave_up, oldest, backoff, stuck, stalled, health) in [
            (false, 0.0, 0, vec![], vec![], Well),
            (false, 60.0, 0, silent(ActorName::Catalog), vec![], Well),
            (false, 60.0, 0, vec![], still(ActorName::Catalog), Well),
            (false, 61.0, 0, vec![], vec![], Late),
            (false, 0.0, 1, vec![], vec![], Late),
            (false, 61.0, 1, silent(ActorName::Downloader), vec![], Stuck),
            (false, 0.0, 0, vec![], still(ActorName::Downloader), Stuck),
            (true, 0.0, 0, vec![], vec![], Stuck),
        ] {
            let mut actor = crate::observe::tests::fixture::actor(ActorName::Downloader);
            (actor.gave_up, actor.oldest_age_seconds) = (gave_up, oldest);
            actor.states = [(ActorState::Backoff, backoff)].into();
            let found = ActorHealth::of(&actor, &stuck, &stalled);
            assert_eq!(found, health, "{actor:?} {stuck:?} {stalled:?}");
        }
    }
}
