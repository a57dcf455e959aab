//! Whether the daemon lives: whether each of its threads still answers.

/// A thread of the daemon, and how long it has not answered.
#[derive(Debug, Clone, PartialEq)]
pub struct ThreadSilence {
    /// Its name: `main`, `lists`, `catalog` or `session`.
    pub thread: String,
    /// Seconds since it was asked last and did not answer; 0: it has answered.
    pub seconds: f64,
}
