//! Durations counted in buckets fine enough for quantiles, cheap enough for every message.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use histogram::{AtomicHistogram, Bucket, Config, SparseHistogram};
use serde::{Deserialize, Serialize};

use crate::actor::duration_counts::DurationCounts;

/// Units of a counted value in a microsecond: finer than the shortest wait that matters, and a power of two, so that the
/// bounds that are shown fall between two buckets.
const UNITS: u64 = 16;
/// Buckets in each power of two, as an exponent: 16, so that a bucket is at most 1/16 wide and its middle at most 3.2 % off.
const GROUPING: u8 = 4;
/// Bounds that are shown: 1 µs, 2 µs, 4 µs … 2^39 µs (6.4 days).
const BOUNDS: u8 = 40;

/// 640 buckets, 5 KiB a histogram.
pub(super) const LAYOUT: Config = match Config::new(GROUPING, BOUNDS - 1 + UNITS.ilog2() as u8) {
    Ok(layout) => layout,
    Err(_) => panic!("the layout is a sound one"),
};

/// Counts durations; shared by reference, written from any thread.
#[derive(Debug)]
pub struct DurationHistogram {
    buckets: AtomicHistogram,
    /// Longer than the last bound.
    beyond: AtomicU64,
    sum_nanos: AtomicU64,
}

impl Default for DurationHistogram {
    fn default() -> Self {
        Self {
            buckets: AtomicHistogram::with_config(&LAYOUT),
            beyond: AtomicU64::new(0),
            sum_nanos: AtomicU64::new(0),
        }
    }
}

impl DurationHistogram {
    /// An empty histogram.
    pub fn new() -> Self {
        Self::default()
    }

    /// What its buckets take in memory.
    #[cfg(test)]
    pub(super) fn bytes() -> usize {
        LAYOUT.total_buckets() * size_of::<AtomicU64>()
    }

    /// Counts one duration.
    pub fn observe(&self, duration: Duration) {
        self.observe_nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(super) fn observe_nanos(&self, nanos: u64) {
        if self.buckets.increment(unit(nanos)).is_err() {
            self.beyond.fetch_add(1, Relaxed);
        }
        self.sum_nanos.fetch_add(nanos, Relaxed);
    }

    /// The counts so far, to compare them with later ones.
    pub(super) fn counts(&self) -> DurationCounts {
        DurationCounts {
            buckets: SparseHistogram::from(&self.buckets.load()),
            beyond: self.beyond.load(Relaxed),
            sum_nanos: self.sum_nanos.load(Relaxed),
        }
    }

    /// The counts so far. Buckets are read one after another, so a reading during writes may lag by some counts.
    pub fn snapshot(&self) -> HistogramSnapshot {
        let buckets: Vec<Bucket> = self.buckets.load().iter().filter(|bucket| bucket.count() > 0).collect();
        let within: u64 = buckets.iter().map(Bucket::count).sum();
        let count = within + self.beyond.load(Relaxed);
        HistogramSnapshot {
            bounds_seconds: (0..BOUNDS).map(bound_seconds).collect(),
            counts: cumulative(&buckets),
            sum_seconds: Duration::from_nanos(self.sum_nanos.load(Relaxed)).as_secs_f64(),
            count,
            p50_seconds: quantile(&buckets, count, 0.50),
            p90_seconds: quantile(&buckets, count, 0.90),
            p99_seconds: quantile(&buckets, count, 0.99),
        }
    }
}

/// The units of a duration, counted from 0: `unit < 16 * 2^n` exactly where the duration is 2^n µs at most.
fn unit(nanos: u64) -> u64 {
    let units = (u128::from(nanos) * u128::from(UNITS)).div_ceil(1_000);
    u64::try_from(units).unwrap_or(u64::MAX).saturating_sub(1)
}

/// The duration in the middle of a bucket.
fn middle_seconds(bucket: &Bucket) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a duration needs no more than 53 bits")]
    let units = (bucket.start() as f64 + bucket.end() as f64 + 1.0) / 2.0;
    units / (UNITS as f64 * 1e6)
}

fn bound_seconds(bound: u8) -> f64 {
    Duration::from_micros(1 << bound).as_secs_f64()
}

/// For each bound how many durations are not longer.
fn cumulative(buckets: &[Bucket]) -> Vec<u64> {
    let (mut next, mut total) = (0, 0);
    let mut counts = Vec::with_capacity(BOUNDS.into());
    for bound in 0..BOUNDS {
        while let Some(bucket) = buckets.get(next).filter(|bucket| bucket.end() < UNITS << bound) {
            total += bucket.count();
            next += 1;
        }
        counts.push(total);
    }
    counts
}

/// The duration that the share `q` of `count` durations does not exceed; `None`: there is none, or it is beyond the bounds.
pub(super) fn quantile(buckets: &[Bucket], count: u64, q: f64) -> Option<f64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to count")]
    let wanted = ((q * count as f64).ceil() as u64).max(1);
    let mut total = 0;
    let reached = buckets.iter().find(|bucket| {
        total += bucket.count();
        total >= wanted
    });
    reached.map(middle_seconds)
}

/// A histogram as Prometheus wants it, with the quantiles that people ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct HistogramSnapshot {
    /// Upper bounds, inclusive, in seconds; `+Inf` is implied.
    pub bounds_seconds: Vec<f64>,
    /// Cumulative counts, one a bound.
    pub counts: Vec<u64>,
    /// Sum of all durations in seconds.
    pub sum_seconds: f64,
    /// How many durations, those beyond the last bound included.
    pub count: u64,
    /// Half of the durations are not longer, within 3.2 %; `None` while there are none.
    pub p50_seconds: Option<f64>,
    /// Nine in ten are not longer.
    pub p90_seconds: Option<f64>,
    /// 99 in a hundred are not longer.
    pub p99_seconds: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive_powers_of_two() {
        for (nanos, bound) in [
            (0, 0),
            (1_000, 0),
            (1_001, 1),
            (2_000, 1),
            (2_001, 2),
            (4_000, 2),
            (1_000 << 39, 39),
        ] {
            let histogram = DurationHistogram::new();
            histogram.observe_nanos(nanos);
            let reached = histogram.snapshot().counts.iter().position(|count| *count == 1);
            assert_eq!(reached, Some(bound), "{nanos} ns");
        }
        let histogram = DurationHistogram::new();
        histogram.observe_nanos((1_000 << 39) + 1);
        let snapshot = histogram.snapshot();
        assert_eq!(
            (snapshot.counts[39], snapshot.count, snapshot.p50_seconds),
            (0, 1, None)
        );
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

    /// With a bucket a power of two they were up to twice as long as the truth.
    #[test]
    #[expect(clippy::cast_sign_loss, reason = "all of it is positive")]
    fn quantiles_are_within_five_percent() {
        let histogram = DurationHistogram::new();
        // From 2 µs to some 20 minutes, evenly over the powers; a fixed sequence.
        let mut nanos: Vec<u64> = (0..9_973_u64)
            .map(|n| {
                let share = (n * 7_919 % 9_973) as f64 / 9_973.0;
                (2_000.0 * 2_f64.powf(share * 29.0)).round() as u64
            })
            .collect();
        nanos.iter().for_each(|nanos| histogram.observe_nanos(*nanos));
        nanos.sort_unstable();
        let snapshot = histogram.snapshot();
        for (q, told) in [
            (0.5, snapshot.p50_seconds),
            (0.9, snapshot.p90_seconds),
            (0.99, snapshot.p99_seconds),
        ] {
            let exact = nanos[(q * nanos.len() as f64).ceil() as usize - 1] as f64 / 1e9;
            let off = (told.unwrap() / exact - 1.0).abs();
            assert!(off < 0.05, "{q}: {told:?} for {exact}");
        }
    }

    #[test]
    fn without_durations_there_are_no_quantiles() {
        let snapshot = DurationHistogram::new().snapshot();
        assert_eq!(
            (snapshot.count, snapshot.p50_seconds, snapshot.p99_seconds),
            (0, None, None)
        );
    }
}
