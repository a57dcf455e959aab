//! Samples grouped by metric, before they become text.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::observe::names::{MetricName, MetricType};

/// Cumulative buckets as Prometheus wants them, without the last one (`+Inf`), which is `count`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HistogramBuckets {
    /// Upper bounds in seconds, rising, each with the number of observations up to it.
    pub up_to: Vec<(f64, u64)>,
    /// Sum of all observations in seconds.
    pub sum_seconds: f64,
    /// Number of all observations.
    pub count: u64,
}

/// Bounds closer together than this factor are thinned out: the buckets are cumulative, so nothing is counted wrong.
const BOUND_STEP: f64 = 3.9;
/// Shorter than this is not told apart: 16 µs.
const SHORTEST_BOUND: f64 = 16e-6;
/// Longer than this falls into `+Inf`: some 72 minutes.
const LONGEST_BOUND: f64 = 4_300.0;

impl HistogramBuckets {
    /// Takes bounds with their cumulative counts and keeps about every second power of two between 16 µs and 72 min.
    pub fn thinned(cumulative: impl IntoIterator<Item = (f64, u64)>, sum_seconds: f64, count: u64) -> Self {
        let mut up_to: Vec<(f64, u64)> = Vec::new();
        for (bound, counted) in cumulative {
            let far_enough = up_to.last().is_none_or(|(last, _)| bound >= last * BOUND_STEP);
            if far_enough && (SHORTEST_BOUND..=LONGEST_BOUND).contains(&bound) {
                up_to.push((bound, counted.min(count)));
            }
        }
        Self {
            up_to,
            sum_seconds,
            count,
        }
    }
}

/// The value of one series.
#[derive(Debug, Clone, PartialEq)]
pub enum SeriesValue {
    /// Of a counter or a gauge.
    Number(f64),
    /// Of a histogram.
    Histogram(HistogramBuckets),
}

/// Every family of a snapshot with its samples; the same labels never stand twice in one family.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MetricFamilies {
    families: BTreeMap<MetricName, BTreeMap<Vec<String>, SeriesValue>>,
}

impl MetricFamilies {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a counter or gauge. Label values are given in the order of [`MetricName::labels`]; given twice, they add up
    /// (several instances of one actor), since Prometheus refuses a page with a series on it twice.
    pub fn number(&mut self, metric: MetricName, labels: &[&str], value: f64) {
        debug_assert_ne!(metric.kind(), MetricType::Histogram, "{metric:?}");
        let labels = label_values(metric, labels);
        let slot = self
            .families
            .entry(metric)
            .or_default()
            .entry(labels)
            .or_insert(SeriesValue::Number(0.0));
        if let SeriesValue::Number(sum) = slot {
            *sum += value;
        }
    }

    /// The same for whole numbers.
    #[expect(
        clippy::cast_precision_loss,
        reason = "Prometheus knows only floats; exact up to 2^53"
    )]
    pub fn count(&mut self, metric: MetricName, labels: &[&str], value: u64) {
        self.number(metric, labels, value as f64);
    }

    /// The same for what is so (1) or not (0).
    pub fn flag(&mut self, metric: MetricName, labels: &[&str], value: bool) {
        self.number(metric, labels, f64::from(u8::from(value)));
    }

    /// Sets a histogram; the last one given for the same labels counts.
    pub fn histogram(&mut self, metric: MetricName, labels: &[&str], buckets: HistogramBuckets) {
        debug_assert_eq!(metric.kind(), MetricType::Histogram, "{metric:?}");
        let labels = label_values(metric, labels);
        self.families
            .entry(metric)
            .or_default()
            .insert(labels, SeriesValue::Histogram(buckets));
    }

    /// Takes over all families of another snapshot.
    pub fn extend(&mut self, other: Self) {
        for (metric, samples) in other.families {
            self.families.entry(metric).or_default().extend(samples);
        }
    }

    /// Makes every metric there is a family, though of no series yet.
    pub fn name_all(&mut self) {
        for metric in MetricName::ALL {
            self.families.entry(*metric).or_default();
        }
    }

    /// Families in the order of [`MetricName::ALL`], each with its label values and values.
    pub fn iter(&self) -> impl Iterator<Item = (MetricName, &BTreeMap<Vec<String>, SeriesValue>)> {
        self.families.iter().map(|(metric, samples)| (*metric, samples))
    }

    /// How many series a scrape will see, buckets counted singly.
    pub fn series(&self) -> usize {
        let size = |value: &SeriesValue| match value {
            SeriesValue::Number(_) => 1,
            SeriesValue::Histogram(buckets) => buckets.up_to.len() + 3,
        };
        self.families.values().flat_map(BTreeMap::values).map(size).sum()
    }
}

/// A moment as metrics tell it: seconds since 1970, and 0 for none.
pub(super) fn seconds(at: Option<Timestamp>) -> f64 {
    at.map_or(0.0, |at| at.as_duration().as_secs_f64())
}

fn label_values(metric: MetricName, values: &[&str]) -> Vec<String> {
    debug_assert_eq!(metric.labels().len(), values.len(), "label values of {metric:?}");
    values.iter().map(|value| (*value).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_instances_of_one_actor_add_up_to_one_series() {
        let mut families = MetricFamilies::new();
        families.count(MetricName::MailboxMessages, &["downloader"], 2);
        families.count(MetricName::MailboxMessages, &["downloader"], 3);
        assert_eq!(families.series(), 1);
        let (_, samples) = families.iter().next().unwrap();
        assert_eq!(samples[&vec!["downloader".to_owned()]], SeriesValue::Number(5.0));
    }

    #[test]
    fn thinning_keeps_the_counts_of_the_bounds_that_stay() {
        let powers = (0..40).map(|power| (2f64.powi(power) * 1e-6, u64::try_from(power).unwrap()));
        let buckets = HistogramBuckets::thinned(powers, 1.5, 39);
        assert!(buckets.up_to.len() <= 15, "{}", buckets.up_to.len());
        assert_eq!(buckets.up_to[0], (16e-6, 4));
        assert_eq!(buckets.up_to.last().unwrap().1, 32);
        assert!(
            buckets
                .up_to
                .windows(2)
                .all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1)
        );
    }

    #[test]
    fn a_bucket_never_says_more_than_the_count() {
        // Snapshots are read while workers count on: a bucket may be a little ahead of the total.
        let buckets = HistogramBuckets::thinned([(0.001, 5), (0.004, 9)], 0.1, 8);
        assert_eq!(buckets.up_to, [(0.001, 5), (0.004, 8)]);
    }
}
