//! The counts of a histogram at one moment, or between two.

use std::time::Duration;

use histogram::{Bucket, SparseHistogram};

use crate::actor::histogram::{LAYOUT, quantile};

/// How many durations of which length; only what was counted takes space.
#[derive(Debug, Clone)]
pub struct DurationCounts {
    pub(super) buckets: SparseHistogram,
    /// Longer than the last bound.
    pub(super) beyond: u64,
    pub(super) sum_nanos: u64,
}

impl Default for DurationCounts {
    fn default() -> Self {
        Self {
            buckets: SparseHistogram::with_config(&LAYOUT),
            beyond: 0,
            sum_nanos: 0,
        }
    }
}

impl DurationCounts {
    /// What was counted since an earlier reading of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        // Counts only grow, so there is always a difference.
        let buckets = self.buckets.checked_sub(&earlier.buckets);
        Self {
            buckets: buckets.unwrap_or_else(|_| self.buckets.clone()),
            beyond: self.beyond.saturating_sub(earlier.beyond),
            sum_nanos: self.sum_nanos.saturating_sub(earlier.sum_nanos),
        }
    }

    /// Adds what was counted at another time.
    pub fn add(&mut self, other: &Self) {
        if let Ok(both) = self.buckets.wrapping_add(&other.buckets) {
            self.buckets = both;
        }
        self.beyond += other.beyond;
        self.sum_nanos += other.sum_nanos;
    }

    /// How many durations.
    pub fn count(&self) -> u64 {
        self.buckets.count().iter().sum::<u64>() + self.beyond
    }

    /// All of them together.
    pub fn sum_seconds(&self) -> f64 {
        Duration::from_nanos(self.sum_nanos).as_secs_f64()
    }

    /// The duration that the share `q` of them does not exceed; `None`: there is none, or it is longer than the last bound.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let buckets: Vec<Bucket> = self.buckets.iter().collect();
        quantile(&buckets, self.count(), q)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::actor::DurationHistogram;

    /// From 1 µs to some days, as evenly over the powers as over the numbers.
    fn durations() -> impl Strategy<Value = Vec<u64>> {
        let one = (0_u32..29, 1_000_u64..2_000_000).prop_map(|(power, nanos)| nanos << power);
        prop::collection::vec(one, 1..300)
    }

    fn exact(nanos: &mut [u64], q: f64) -> f64 {
        nanos.sort_unstable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place in the list"
        )]
        let place = (q * nanos.len() as f64).ceil() as usize;
        nanos[place.max(1) - 1] as f64 / 1e9
    }

    fn observe(histogram: &DurationHistogram, nanos: &[u64]) {
        let durations = nanos.iter().map(|nanos| Duration::from_nanos(*nanos));
        durations.for_each(|duration| histogram.observe(duration));
    }

    proptest! {
        #[test]
        fn quantiles_of_a_time_are_within_five_percent(before in durations(), first in durations(), second in durations()) {
            let histogram = DurationHistogram::new();
            observe(&histogram, &before);
            let begun = histogram.counts();
            observe(&histogram, &first);
            let between = histogram.counts();
            observe(&histogram, &second);
            let mut window = between.since(&begun);
            window.add(&histogram.counts().since(&between));
            let mut nanos = [first, second].concat();
            prop_assert_eq!(window.count(), nanos.len() as u64);
            for q in [0.5, 0.9, 0.99, 1.0] {
                let (told, exact) = (window.quantile(q).unwrap(), exact(&mut nanos, q));
                prop_assert!((told / exact - 1.0).abs() < 0.05, "{}: {} for {}", q, told, exact);
            }
        }
    }

    #[test]
    fn what_is_beyond_the_last_bound_counts_and_has_no_quantile() {
        let histogram = DurationHistogram::new();
        observe(&histogram, &[1_000, 1_000 << 40]);
        let counts = histogram.counts();
        assert_eq!((counts.count(), counts.quantile(1.0)), (2, None));
        assert!(counts.quantile(0.5).is_some());
        assert_eq!(DurationCounts::default().quantile(0.5), None);
    }
}
