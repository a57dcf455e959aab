//! How long requests took: percentiles of many.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Three digits are kept of every value up to this.
const LONGEST: u64 = 120_000_000;

/// Times of requests in microseconds.
#[derive(Debug, Clone)]
pub struct LatencySamples(Histogram<u64>);

impl LatencySamples {
    /// None yet.
    pub fn new() -> Option<Self> {
        Histogram::new_with_bounds(1, LONGEST, 3).ok().map(Self)
    }

    /// One more; what is longer than two minutes counts as two minutes.
    pub fn note(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(LONGEST).max(1);
        self.0.saturating_record(micros);
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Adds those of `other`.
    pub fn add(&mut self, other: &Self) {
        // Both have the same bounds, without which it would refuse.
        let _ = self.0.add(&other.0);
    }

    /// The time in milliseconds that `percent` of the requests did not exceed; not a number when there are fewer than
    /// [`enough`] says.
    pub fn percentile(&self, percent: f64) -> f64 {
        if (self.count() as f64) < enough(percent) {
            return f64::NAN;
        }
        self.0.value_at_percentile(percent) as f64 / 1_000.0
    }

    /// The longest time in milliseconds.
    #[cfg(test)]
    pub fn longest(&self) -> f64 {
        self.0.max() as f64 / 1_000.0
    }
}

/// So many times a percentile needs at least: with fewer it would be the longest time and nothing more.
pub fn enough(percent: f64) -> f64 {
    // 99.9 has no exact form: without rounding it would take one more than 1,000.
    (100.0 / (100.0 - percent)).round()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_thousand() {
        let mut times = LatencySamples::new().unwrap();
        assert!(times.percentile(50.0).is_nan());
        (1..=999).for_each(|millis| times.note(Duration::from_millis(millis)));
        assert!(times.percentile(99.9).is_nan());
        let mut times = LatencySamples::new().unwrap();
        (1..=1_000).for_each(|millis| times.note(Duration::from_millis(millis)));
        for (percent, millis) in [(50.0, 500.0), (95.0, 950.0), (99.0, 990.0), (99.9, 999.0)] {
            let got = times.percentile(percent);
            assert!((got - millis).abs() / millis < 0.002, "p{percent}: {got}");
        }
        times.note(Duration::from_hours(1));
        assert!((times.longest() / 1_000.0 - 120.0).abs() < 0.5);
        assert_eq!(times.count(), 1_001);
    }

    #[test]
    fn a_percentile_takes_as_many_as_it_leaves_out_one_of() {
        for (percent, times) in [(50.0, 2.0), (95.0, 20.0), (99.0, 100.0), (99.9, 1_000.0)] {
            assert!((enough(percent) - times).abs() < 1e-9, "{percent}");
        }
        let (mut times, mut more) = (LatencySamples::new().unwrap(), LatencySamples::new().unwrap());
        (0..99).for_each(|_| times.note(Duration::from_millis(5)));
        assert!(times.percentile(95.0) > 4.9 && times.percentile(99.0).is_nan());
        more.note(Duration::from_millis(5));
        times.add(&more);
        assert!(times.count() == 100 && times.percentile(99.0) > 4.9);
    }
}
