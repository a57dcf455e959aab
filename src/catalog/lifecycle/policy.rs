//! How long a book waits until it is tried or requested again.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::later;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Waits that the catalog itself decides about; everything else comes with the settlements.
#[derive(Debug, Clone)]
pub struct CatalogPolicy {
    /// After a conversion failed at GRIN, asked again after this time, then twice this, and so on.
    pub conversion_retry: Duration,
    /// The longest of these waits.
    pub conversion_retry_cap: Duration,
    /// How often a conversion may fail before it is left alone (until somebody resets it).
    pub conversion_attempts: u32,
    /// A book that was given up, its bytes not proven bad, is tried again after this time, then twice this, and so on.
    pub failed_retry: Duration,
    /// The longest of these waits.
    pub failed_retry_cap: Duration,
    /// After words that say nothing certain, or no answer: asked again after this time, doubling.
    pub ask_again: Duration,
    /// The longest of these waits.
    pub ask_again_cap: Duration,
    /// A pass over all books that calls itself complete, but saw less than this share (in percent) of the books listed
    /// before, is not believed: nothing is marked as vanished.
    pub believable_percent: u32,
}

impl Default for CatalogPolicy {
    fn default() -> Self {
        Self {
            conversion_retry: DAY,
            conversion_retry_cap: 30 * DAY,
            conversion_attempts: 6,
            failed_retry: DAY,
            failed_retry_cap: 30 * DAY,
            ask_again: HOUR,
            ask_again_cap: 7 * DAY,
            believable_percent: 50,
        }
    }
}

impl CatalogPolicy {
    /// When a conversion that failed for the `failures`-th time is requested again; `None`: never.
    pub(crate) fn after_conversion_failure(&self, failures: u32, now: Timestamp) -> Option<Timestamp> {
        (failures < self.conversion_attempts)
            .then(|| later(now, doubled(self.conversion_retry, failures, self.conversion_retry_cap)))
    }

    /// When a book that was given up for the `failures`-th time is tried again.
    pub(crate) fn after_failure(&self, failures: u32, now: Timestamp) -> Timestamp {
        later(now, doubled(self.failed_retry, failures, self.failed_retry_cap))
    }

    /// When the conversion of a book is requested again whose `asks`-th request brought no certain answer.
    pub(crate) fn after_unclear_answer(&self, asks: u32, now: Timestamp) -> Timestamp {
        later(now, doubled(self.ask_again, asks, self.ask_again_cap))
    }

    /// How long a book waits about which a search said nothing, after it last waited so long for the same reason.
    pub(crate) fn after_no_facts(&self, before: Option<Duration>) -> Duration {
        let wait = before.unwrap_or_default().saturating_mul(2);
        wait.clamp(self.ask_again, self.ask_again_cap)
    }
}

/// `base` for the first time, doubling each time, at most `cap`.
fn doubled(base: Duration, nth: u32, cap: Duration) -> Duration {
    base.saturating_mul(2_u32.saturating_pow(nth.saturating_sub(1)))
        .min(cap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_are_capped() {
        let policy = CatalogPolicy::default();
        let now = Timestamp::UNIX_EPOCH;
        let days = |failures| {
            policy
                .after_conversion_failure(failures, now)
                .map(|at| at.as_second() / DAY.as_secs() as i64)
        };
        assert_eq!(
            (1..=6).map(days).collect::<Vec<_>>(),
            [Some(1), Some(2), Some(4), Some(8), Some(16), None]
        );
        assert_eq!(doubled(DAY, 40, 30 * DAY), 30 * DAY);
        assert_eq!(policy.after_unclear_answer(200, now).as_second(), 7 * 24 * 3_600);
    }
}
