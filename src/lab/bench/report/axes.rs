//! The axes of a plot: places side by side, and powers of ten with round numbers between them.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::lab::bench::report::numbers::number;

/// Places 0, 1, 2 …, evenly spaced, each with its name.
pub struct NamedAxis(pub Vec<String>);

/// From one power of ten to another; values are the powers.
pub struct LogAxis(pub Range<f64>);

impl Ranged for NamedAxis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        map(&self.range(), *value, limit)
    }

    fn key_points<H: KeyPointHint>(&self, _: H) -> Vec<f64> {
        (0..self.0.len()).map(|place| place as f64).collect()
    }

    fn range(&self) -> Range<f64> {
        -0.3..self.0.len() as f64 - 0.7
    }
}

impl ValueFormatter<f64> for NamedAxis {
    #[expect(
        clippy::cast_sign_loss,
        reason = "only key points are formatted, and they are places"
    )]
    fn format_ext(&self, value: &f64) -> String {
        self.0.get(value.round() as usize).cloned().unwrap_or_default()
    }
}

impl Ranged for LogAxis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        map(&self.0, *value, limit)
    }

    /// 1, 2 and 5 of each power of ten, or 1 alone where these would be too many.
    fn key_points<H: KeyPointHint>(&self, hint: H) -> Vec<f64> {
        let decades = (self.0.end - self.0.start).ceil();
        let few = decades * 3.0 > hint.max_num_points().max(6) as f64;
        let digits: &[f64] = if few { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let powers = self.0.start.floor() as i32..=self.0.end.ceil() as i32;
        powers
            .flat_map(|power| digits.iter().map(move |digit| f64::from(power) + digit.log10()))
            .filter(|value| self.0.contains(value))
            .collect()
    }

    fn range(&self) -> Range<f64> {
        self.0.clone()
    }
}

impl ValueFormatter<f64> for LogAxis {
    fn format_ext(&self, value: &f64) -> String {
        number(10_f64.powf(*value))
    }
}

fn map(range: &Range<f64>, value: f64, (from, to): (i32, i32)) -> i32 {
    let share = (value - range.start) / (range.end - range.start);
    from + (share * f64::from(to - from)).round() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_ten_have_round_numbers() {
        let told = |range: Range<f64>, most: usize| {
            let axis = LogAxis(range);
            let points = axis.key_points(most);
            points
                .iter()
                .map(|point| axis.format_ext(point))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(told(2.9..4.1, 9), "1 000 2 000 5 000 10 000");
        assert_eq!(told(-3.0..4.1, 6), "0.001 0.01 0.1 1 10 100 1 000 10 000");
    }

    #[test]
    fn places_are_where_they_belong() {
        let axis = NamedAxis(vec!["1".into(), "50".into()]);
        assert!(axis.map(&0.0, (0, 1_000)) < axis.map(&1.0, (0, 1_000)));
        assert_eq!(axis.format_ext(&1.0), "50");
        assert_eq!(map(&(0.0..2.0), 1.0, (300, 100)), 200);
    }
}
