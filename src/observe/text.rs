//! Families as Prometheus text (exposition format 0.0.4).

use std::fmt::{self, Write};

use crate::observe::family::{HistogramBuckets, MetricFamilies, SeriesValue};
use crate::observe::names::MetricName;

/// The content type of [`render`]'s answer.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The whole page of `GET /metrics`.
pub fn render(families: &MetricFamilies) -> String {
    let mut page = String::with_capacity(families.series() * 80);
    for (metric, samples) in families.iter() {
        let name = metric.as_str();
        let family = writeln!(page, "# HELP {name} {}", Escaped::help(metric.help()))
            .and_then(|()| writeln!(page, "# TYPE {name} {}", metric.kind().as_str()))
            .and_then(|()| {
                samples
                    .iter()
                    .try_for_each(|(labels, value)| sample(&mut page, metric, labels, value))
            });
        debug_assert!(family.is_ok(), "writing to a String");
    }
    page
}

fn sample(page: &mut String, metric: MetricName, labels: &[String], value: &SeriesValue) -> fmt::Result {
    match value {
        SeriesValue::Number(number) => series(page, metric.as_str(), &Labels::of(metric, labels), *number),
        SeriesValue::Histogram(buckets) => histogram(page, metric, labels, buckets),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "Prometheus knows only floats; exact up to 2^53"
)]
fn histogram(page: &mut String, metric: MetricName, labels: &[String], buckets: &HistogramBuckets) -> fmt::Result {
    let name = metric.as_str();
    let bucket = format!("{name}_bucket");
    let infinity = (f64::INFINITY, buckets.count);
    for (bound, count) in buckets.up_to.iter().copied().chain([infinity]) {
        let labels = Labels {
            bound: Some(bound),
            ..Labels::of(metric, labels)
        };
        series(page, &bucket, &labels, count as f64)?;
    }
    let labels = Labels::of(metric, labels);
    series(page, &format!("{name}_sum"), &labels, buckets.sum_seconds)?;
    series(page, &format!("{name}_count"), &labels, buckets.count as f64)
}

fn series(page: &mut String, name: &str, labels: &Labels<'_>, value: f64) -> fmt::Result {
    writeln!(page, "{name}{labels} {}", Number(value))
}

/// The part in braces; empty without labels.
struct Labels<'a> {
    names: &'static [&'static str],
    values: &'a [String],
    bound: Option<f64>,
}

impl<'a> Labels<'a> {
    fn of(metric: MetricName, values: &'a [String]) -> Self {
        Self {
            names: metric.labels(),
            values,
            bound: None,
        }
    }
}

impl fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut opening = "{";
        for (name, value) in self.names.iter().zip(self.values) {
            write!(f, "{opening}{name}=\"{}\"", Escaped::label(value))?;
            opening = ",";
        }
        if let Some(bound) = self.bound {
            write!(f, "{opening}le=\"{}\"", Number(bound))?;
            opening = ",";
        }
        f.write_str(if opening == "," { "}" } else { "" })
    }
}

/// A float as Prometheus reads it.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            number if number.is_nan() => f.write_str("NaN"),
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            number => write!(f, "{number}"),
        }
    }
}

/// A text with backslashes, line ends and (in labels) quotes escaped.
struct Escaped<'a> {
    text: &'a str,
    quotes: bool,
}

impl<'a> Escaped<'a> {
    fn label(text: &'a str) -> Self {
        Self { text, quotes: true }
    }

    fn help(text: &'a str) -> Self {
        Self { text, quotes: false }
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.text.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '"' if self.quotes => f.write_str("\\\"")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_without_labels_is_one_line() {
        let mut families = MetricFamilies::new();
        families.count(MetricName::ConnectionsOpen, &[], 7);
        let expected = "# HELP grind_connections_open Connections open now.\n\
                        # TYPE grind_connections_open gauge\n\
                        grind_connections_open 7\n";
        assert_eq!(render(&families), expected);
    }

    #[test]
    fn label_values_are_escaped() {
        let mut families = MetricFamilies::new();
        families.count(MetricName::BuildInfo, &["a\"b\\c\nd", "1"], 1);
        assert!(render(&families).ends_with("grind_build_info{version=\"a\\\"b\\\\c\\nd\",commit=\"1\"} 1\n"));
    }

    #[test]
    fn a_histogram_ends_with_infinity_sum_and_count() {
        let mut families = MetricFamilies::new();
        let buckets = HistogramBuckets {
            up_to: vec![(0.001_024, 1), (1.048_576, 3)],
            sum_seconds: 2.25,
            count: 4,
        };
        families.histogram(MetricName::UpstreamHead, &["archive_head"], buckets);
        let page = render(&families);
        let lines: Vec<_> = page.lines().skip(2).collect();
        let expected = [
            "grind_upstream_head_seconds_bucket{kind=\"archive_head\",le=\"0.001024\"} 1",
            "grind_upstream_head_seconds_bucket{kind=\"archive_head\",le=\"1.048576\"} 3",
            "grind_upstream_head_seconds_bucket{kind=\"archive_head\",le=\"+Inf\"} 4",
            "grind_upstream_head_seconds_sum{kind=\"archive_head\"} 2.25",
            "grind_upstream_head_seconds_count{kind=\"archive_head\"} 4",
        ];
        assert_eq!(lines, expected);
    }
}
