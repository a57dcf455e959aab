//! Room `bench`: how much is measured.

use std::time::Duration;

/// What the command line says about all benches alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Effort {
    /// A small part of everything.
    pub quick: bool,
    /// Rounds; `None`: as many as fit the bench.
    pub rounds: Option<usize>,
    /// Seconds of each measurement; `None`: as long as fits the bench.
    pub seconds: Option<f64>,
    /// Only cells whose name contains this.
    pub only: Option<String>,
}

impl Effort {
    /// Rounds, unless chosen.
    pub fn rounds(&self, quick: usize, full: usize) -> usize {
        self.rounds.unwrap_or(if self.quick { quick } else { full }).max(1)
    }

    /// Whether a cell is to be measured.
    pub fn wants(&self, cell: &str) -> bool {
        self.only.as_ref().is_none_or(|only| cell.contains(only))
    }

    /// Length of one measurement, unless chosen.
    pub fn lasting(&self, quick: f64, full: f64) -> Duration {
        let seconds = self.seconds.unwrap_or(if self.quick { quick } else { full });
        Duration::try_from_secs_f64(seconds.max(0.01)).unwrap_or(Duration::from_secs(1))
    }
}
