//! How long to wait before the next try.

use std::time::Duration;

use rand::{Rng, RngExt as _};

/// Exponential back-off with full jitter, so that many workers do not retry at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryBackoff {
    /// Bound of the first wait.
    pub base: Duration,
    /// Bound of every wait.
    pub cap: Duration,
    /// Tries in all.
    pub attempts: u32,
}

impl RetryBackoff {
    /// The wait after `attempt` failed tries (1 after the first): even between zero and `base · 2^(attempt-1)`, at most `cap`.
    ///
    /// `None` when no try is left.
    pub fn delay(&self, attempt: u32, rng: &mut impl Rng) -> Option<Duration> {
        (attempt < self.attempts).then(|| self.wait(attempt, rng))
    }

    /// As [`RetryBackoff::delay`], whether or not a try is left.
    pub fn wait(&self, attempt: u32, rng: &mut impl Rng) -> Duration {
        self.bound(attempt).mul_f64(rng.random::<f64>())
    }

    /// The same with at most so many tries; `None`: as many as it has.
    #[must_use]
    pub fn limited(self, attempts: Option<u32>) -> Self {
        let attempts = attempts.unwrap_or(self.attempts).min(self.attempts);
        Self { attempts, ..self }
    }

    /// A wait between half of the longest one and all of it: spread out, and never nothing. For what is tried without end.
    pub fn pause(&self, attempt: u32, rng: &mut impl Rng) -> Duration {
        self.bound(attempt).mul_f64(rng.random_range(0.5..=1.0))
    }

    /// The longest wait after `attempt` failed tries.
    pub fn bound(&self, attempt: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;

    #[test]
    fn waits_double_up_to_the_cap() {
        let backoff = RetryBackoff {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(10),
            attempts: 9,
        };
        let bounds: Vec<u64> = (1..8).map(|attempt| backoff.bound(attempt).as_secs()).collect();
        assert_eq!(bounds, [1, 2, 4, 8, 10, 10, 10]);
    }

    #[test]
    fn tries_are_counted() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let backoff = RetryBackoff {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(10),
            attempts: 3,
        };
        assert!(backoff.delay(2, &mut rng).is_some());
        assert_eq!(backoff.delay(3, &mut rng), None);
        for (limit, attempts) in [(None, 3), (Some(2), 2), (Some(9), 3)] {
            assert_eq!(backoff.limited(limit).attempts, attempts, "{limit:?}");
        }
    }

    proptest! {
        #[test]
        fn no_wait_leaves_its_bounds(attempt in 0_u32..u32::MAX, base in 0_u64..100_000, cap in 0_u64..100_000, seed: u64) {
            let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
            let backoff = RetryBackoff { base: Duration::from_millis(base), cap: Duration::from_millis(cap), attempts: u32::MAX };
            let wait = backoff.delay(attempt, &mut rng).unwrap();
            prop_assert!(wait <= backoff.bound(attempt) && wait <= backoff.cap);
        }
    }
}
