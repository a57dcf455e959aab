//! Whether a body comes fast enough: a body that trickles never falls silent, so a read timeout does not end it.

use std::time::Duration;

use crate::session::MinimumSpeed;

/// Bytes against time spent waiting for the server; time in which nobody wanted bytes is not counted.
pub(super) struct SpeedFloor {
    minimum: MinimumSpeed,
    bytes: u64,
    waited: Duration,
}

impl SpeedFloor {
    pub(super) fn new(minimum: MinimumSpeed) -> Self {
        Self {
            minimum,
            bytes: 0,
            waited: Duration::ZERO,
        }
    }

    /// Adds what came after a wait; says whether the window that has just ended was fast enough.
    pub(super) fn is_enough(&mut self, bytes: usize, waited: Duration) -> bool {
        self.bytes += bytes as u64;
        self.waited += waited;
        if self.minimum.bytes_per_second == 0 || self.waited < self.minimum.window {
            return true;
        }
        let least = u128::from(self.minimum.bytes_per_second) * self.waited.as_millis() / 1_000;
        let enough = u128::from(self.bytes) >= least;
        self.bytes = 0;
        self.waited = Duration::ZERO;
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speed(bytes_per_second: u64) -> SpeedFloor {
        SpeedFloor::new(MinimumSpeed {
            bytes_per_second,
            window: Duration::from_secs(10),
        })
    }

    /// Whether `seconds` of one piece of `bytes` each second pass.
    fn passes(speed: &mut SpeedFloor, bytes: usize, seconds: u32) -> bool {
        (0..seconds).all(|_| speed.is_enough(bytes, Duration::from_secs(1)))
    }

    #[test]
    fn a_trickle_is_found_out_after_one_window_and_not_before() {
        assert!(passes(&mut speed(1_000), 999, 9));
        assert!(!passes(&mut speed(1_000), 999, 10));
        assert!(passes(&mut speed(1_000), 1_000, 100));
    }

    #[test]
    fn a_fast_past_does_not_excuse_a_slow_window() {
        let mut speed = speed(1_000);
        assert!(passes(&mut speed, 1_000_000, 10));
        assert!(!passes(&mut speed, 1, 10));
    }

    #[test]
    fn time_in_which_nobody_waited_is_not_slow() {
        let mut speed = speed(1_000);
        assert!((0..1_000_000).all(|_| speed.is_enough(1, Duration::ZERO)));
    }

    #[test]
    fn no_minimum_means_any_speed() {
        assert!(passes(&mut speed(0), 0, 1_000));
    }
}
