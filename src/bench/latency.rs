//! Room `bench`: how long requests took: percentiles of many.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Three digits are kept of every value up to this.
const LONGEST: u64 = 120_000_000;

/// Times of requests in microseconds.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
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

    /// The time in milliseconds that `percent` of the requests did not exceed; not a number when there was none.
    pub fn percentile(&self, percent: f64) -> f64 {
        if self.0.is_empty() {
            return f64::NAN;
        }
        self.0.value_at_percentile(percent) as f64 / 1_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_thousand() {
        let mut times = Latencies::new().unwrap();
        assert!(times.percentile(50.0).is_nan());
        (1..=1_000).for_each(|millis| times.note(Duration::from_millis(millis)));
        for (percent, millis) in [(50.0, 500.0), (95.0, 950.0), (99.0, 990.0), (99.9, 999.0)] {
            let got = times.percentile(percent);
            assert!((got - millis).abs() / millis < 0.002, "p{percent}: {got}");
        }
        times.note(Duration::from_hours(1));
        assert!((times.percentile(100.0) / 1_000.0 - 120.0).abs() < 0.5);
        assert_eq!(times.count(), 1_001);
    }
}
