//! Where a run is, on standard error.

use std::io::Write;
use std::time::Instant;

use crate::log::DisplayDuration;

/// Counts steps and says how long the rest will take.
#[derive(Debug)]
pub struct BenchProgress {
    steps: usize,
    done: usize,
    began: Instant,
}

impl BenchProgress {
    /// Of so many steps.
    pub fn new(steps: usize) -> Self {
        Self {
            steps,
            done: 0,
            began: Instant::now(),
        }
    }

    /// A step is done; `what` came of it.
    pub fn step(&mut self, what: &str) {
        self.done += 1;
        let each = self.began.elapsed().as_secs_f64() / self.done as f64;
        let left = each * self.steps.saturating_sub(self.done) as f64;
        let (done, steps, left) = (self.done, self.steps, DisplayDuration(left));
        say(&format!("[{done}/{steps}, {left} left] {what}"));
    }
}

/// One line. That nobody reads it is no reason to stop measuring.
pub fn say(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}
