//! Whether the daemon lives: whether each of its threads still answers.

use serde::{Deserialize, Serialize};

use crate::actor::ActorName;

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
