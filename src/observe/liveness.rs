//! Whether the daemon lives: whether each of its threads still answers, and each of its actors comes a step further.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::actor::ActorName;
use crate::log::DisplayDuration;

/// A thread of the daemon, and how long it has not answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThreadSilence {
    /// Its name: `main`, `lists`, `catalog` or `session`.
    pub thread: String,
    /// Seconds since it was asked last and did not answer; 0: it has answered.
    pub seconds: f64,
    /// The actors on it.
    pub actors: Vec<ActorName>,
}

impl fmt::Display for ThreadSilence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the thread {} has not answered for {:.0} s",
            self.thread, self.seconds
        )
    }
}

/// An actor that comes no step further, and has not said what it waits for. `src/daemon/stalls.rs` decides which do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActorStall {
    /// Which.
    pub actor: ActorName,
    /// What it has in hand, by kind of message; empty: it begins none of those that are queued.
    pub messages: Vec<String>,
    /// Since when it has come no step further, with these or with the oldest that is queued.
    pub seconds: f64,
    /// It has lasted so long that the daemon is no longer said to live, and systemd starts it again.
    pub ends_daemon: bool,
}

impl fmt::Display for ActorStall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = DisplayDuration(self.seconds);
        match &self.messages[..] {
            [] => write!(f, "the actor {} has begun no message for {since}", self.actor),
            messages => write!(
                f,
                "the actor {} has stood still for {since} with {}",
                self.actor,
                messages.join(", ")
            ),
        }
    }
}
