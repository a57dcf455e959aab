//! Is an actor well?

use crate::actor::{ActorSnapshot, ActorState};
use crate::observe::liveness::ThreadSilence;

/// A message that waits for longer is shown: the slowest request may take a minute.
const LATE_SECONDS: f64 = 60.0;

/// How an actor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorHealth {
    /// As it should be.
    Well,
    /// A message waits for long, or a worker is built anew.
    Late,
    /// Its thread does not answer, or it could not be kept alive.
    Stuck,
}

impl ActorHealth {
    /// The worst that holds.
    pub fn of(actor: &ActorSnapshot, stuck: &[ThreadSilence]) -> Self {
        let is_silent = stuck.iter().any(|silence| silence.actors.contains(&actor.name));
        let is_built_anew = actor.states.get(&ActorState::Backoff).is_some_and(|count| *count > 0);
        match (
            actor.gave_up || is_silent,
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
        let nobody = Vec::new;
        for (gave_up, oldest, backoff, stuck, health) in [
            (false, 0.0, 0, nobody(), Well),
            (false, 60.0, 0, silent(ActorName::Catalog), Well),
            (false, 61.0, 0, nobody(), Late),
            (false, 0.0, 1, nobody(), Late),
            (false, 61.0, 1, silent(ActorName::Downloader), Stuck),
            (true, 0.0, 0, nobody(), Stuck),
        ] {
            let mut actor = crate::observe::tests::fixture::actor(ActorName::Downloader);
            (actor.gave_up, actor.oldest_age_seconds) = (gave_up, oldest);
            actor.states = [(ActorState::Backoff, backoff)].into();
            assert_eq!(ActorHealth::of(&actor, &stuck), health, "{actor:?} {stuck:?}");
        }
    }
}
