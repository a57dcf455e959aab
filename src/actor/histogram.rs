//! Durations counted in power-of-two buckets, cheap enough for every message.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::Serialize;

/// Bounded buckets: 1 µs, 2 µs, 4 µs … 2^39 µs (6.4 days).
const BOUNDS: usize = 40;

/// Counts durations; shared by reference, written from any thread.
#[derive(Debug)]
pub struct DurationHistogram {
    /// One bucket a bound, and one for what is longer than the last.
    buckets: [AtomicU64; BOUNDS + 1],
    sum_nanos: AtomicU64,
}

impl Default for DurationHistogram {
    fn default() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BOUNDS + 1],
            sum_nanos: AtomicU64::new(0),
        }
    }
}

impl DurationHistogram {
    /// An empty histogram.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one duration.
    pub fn observe(&self, duration: Duration) {
        self.observe_nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(super) fn observe_nanos(&self, nanos: u64) {
        self.buckets[bucket(nanos)].fetch_add(1, Relaxed);
        self.sum_nanos.fetch_add(nanos, Relaxed);
    }

    /// The counts so far. Buckets are read one after another, so a reading during writes may lag by some counts.
    pub fn snapshot(&self) -> HistogramSnapshot {
        let mut total = 0;
        let mut counts = Vec::with_capacity(BOUNDS);
        for bucket in &self.buckets[..BOUNDS] {
            total += bucket.load(Relaxed);
            counts.push(total);
        }
        HistogramSnapshot {
            bounds_seconds: (0..BOUNDS).map(bound_seconds).collect(),
            counts,
            sum_seconds: Duration::from_nanos(self.sum_nanos.load(Relaxed)).as_secs_f64(),
            count: total + self.buckets[BOUNDS].load(Relaxed),
        }
    }
}

fn bucket(nanos: u64) -> usize {
    let micros = nanos.div_ceil(1_000);
    if micros <= 1 {
        0
    } else {
        BOUNDS.min((u64::BITS - (micros - 1).leading_zeros()) as usize)
    }
}

fn bound_seconds(bucket: usize) -> f64 {
    Duration::from_micros(1 << bucket).as_secs_f64()
}

/// A histogram as Prometheus wants it.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct HistogramSnapshot {
    /// Upper bounds, inclusive, in seconds; `+Inf` is implied.
    pub bounds_seconds: Vec<f64>,
    /// Cumulative counts, one a bound.
    pub counts: Vec<u64>,
    /// Sum of all durations in seconds.
    pub sum_seconds: f64,
    /// How many durations, those beyond the last bound included.
    pub count: u64,
}

impl HistogramSnapshot {
    /// The same counts with only the bounds from `low` to `high`, both inclusive: fewer series for a dashboard.
    #[must_use]
    pub fn between(&self, low: Duration, high: Duration) -> Self {
        let wanted = low.as_secs_f64()..=high.as_secs_f64();
        let kept = self
            .bounds_seconds
            .iter()
            .zip(&self.counts)
            .filter(|(bound, _)| wanted.contains(*bound));
        let (bounds_seconds, counts) = kept.map(|(bound, count)| (*bound, *count)).unzip();
        Self {
            bounds_seconds,
            counts,
            sum_seconds: self.sum_seconds,
            count: self.count,
        }
    }

    /// The bound below which at least the share `q` (0 to 1) of the durations lies; `None` when empty or beyond the bounds.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a share of a count needs no more than 53 bits"
        )]
        let wanted = q * self.count as f64;
        #[expect(clippy::cast_precision_loss, reason = "as above")]
        let reached = self
            .counts
            .iter()
            .position(|count| *count > 0 && *count as f64 >= wanted)?;
        self.bounds_seconds.get(reached).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive_powers_of_two() {
        let cases = [
            (0, 0),
            (1, 0),
            (1_000, 0),
            (1_001, 1),
            (2_000, 1),
            (2_001, 2),
            (4_000, 2),
            (u64::MAX, BOUNDS),
        ];
        for (nanos, expected) in cases {
            assert_eq!(bucket(nanos), expected, "{nanos} ns");
        }
        assert_eq!(bucket(1_000 << 39), 39);
        assert_eq!(bucket((1_000 << 39) + 1), BOUNDS);
    }

    #[test]
    fn a_snapshot_is_cumulative_and_counts_the_overflow() {
        let histogram = DurationHistogram::new();
        for micros in [1, 3, 3, 1_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        histogram.observe(Duration::from_hours(720));
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.counts[0..3], [1, 1, 3]);
        assert_eq!(snapshot.counts[39], 4);
        assert_eq!(snapshot.count, 5);
        assert!((snapshot.sum_seconds - 2_592_001.000_007).abs() < 1e-6);
    }

    #[test]
    fn fewer_bounds_keep_count_and_sum() {
        let histogram = DurationHistogram::new();
        histogram.observe(Duration::from_micros(3));
        let thin = histogram
            .snapshot()
            .between(Duration::from_millis(1), Duration::from_hours(1));
        assert!(thin.bounds_seconds.len() < 25);
        assert!(thin.bounds_seconds[0] >= 0.001);
        assert_eq!((thin.counts[0], thin.count), (1, 1));
    }

    #[test]
    fn quantiles_name_a_bound() {
        let histogram = DurationHistogram::new();
        assert_eq!(histogram.snapshot().quantile(0.5), None);
        for micros in [1, 1, 1, 1_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.quantile(0.5), Some(0.000_001));
        assert_eq!(snapshot.quantile(1.0), Some(0.001_024));
    }
}
