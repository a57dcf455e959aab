//! Numbers of a report as people read them.

use crate::lab::bench::measure::stats::{PairedRatio, SampleSpread};
use crate::log::DisplayCount;

/// Three digits that count: `0.0123`, `4.56`, `78.9`, `12 345`.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "–".to_owned();
    }
    if size >= 1_000.0 {
        #[expect(clippy::cast_sign_loss, reason = "the sign is written apart")]
        let whole = size.round() as u64;
        return format!("{}{}", if value < 0.0 { "−" } else { "" }, DisplayCount(whole));
    }
    let digits = match size {
        _ if size < 1e-9 => return "0".to_owned(),
        _ if size >= 100.0 => 0,
        _ if size >= 10.0 => 1,
        _ if size >= 1.0 => 2,
        _ if size >= 0.1 => 3,
        _ => 4,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// The median with least and most in brackets; the median alone when all rounds agree.
pub fn spread(spread: Option<SampleSpread>) -> String {
    let Some(spread) = spread else { return "–".to_owned() };
    let (median, min, max) = (number(spread.median), number(spread.min), number(spread.max));
    if min == max {
        return median;
    }
    format!("{median} ({min}–{max})")
}

/// A ratio as a factor: `12.3× (11–14)`, with a word when it shows nothing.
pub fn factor(ratio: Option<&PairedRatio>) -> String {
    let Some(ratio) = ratio else { return "–".to_owned() };
    let text = times(ratio.spread);
    if ratio.shows_a_difference() {
        text
    } else {
        format!("{text}, no difference shown")
    }
}

/// The spread of a ratio: `12.3× (11–14)`.
pub fn times(SampleSpread { median, min, max, .. }: SampleSpread) -> String {
    if number(min) == number(max) {
        format!("{}×", number(median))
    } else {
        format!("{}× ({}–{})", number(median), number(min), number(max))
    }
}

/// A ratio as a change in percent.
pub fn change(ratio: Option<&PairedRatio>) -> String {
    let Some(ratio) = ratio else { return "–".to_owned() };
    if !ratio.shows_a_difference() {
        return "no difference shown".to_owned();
    }
    percent(ratio)
}

/// The same of what is counted and not timed, where a difference needs no rounds to be seen.
pub fn percent(ratio: &PairedRatio) -> String {
    let percent = ratio.percent();
    let digits = if percent < -99.0 && percent > -100.0 { 3 } else { 1 };
    let sign = if percent < 0.0 { "−" } else { "+" };
    format!("{sign}{:.digits$} %", percent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_that_count() {
        let cases = [
            (0.0, "0"),
            (0.012_34, "0.0123"),
            (0.5, "0.5"),
            (4.561, "4.56"),
            (78.94, "78.9"),
            (789.4, "789"),
            (12_345.4, "12 345"),
            (-12_345.0, "−12 345"),
            (f64::NAN, "–"),
            (100.0, "100"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn what_is_not_shown_is_not_claimed() {
        let unsure = PairedRatio::of(&[1.1, 0.9, 1.0, 1.0, 1.0], &[1.0; 5]).unwrap();
        assert!(factor(Some(&unsure)).ends_with("no difference shown"));
        assert_eq!(change(Some(&unsure)), "no difference shown");
        let sure = PairedRatio::of(&[1.0; 5], &[8_000.0; 5]).unwrap();
        assert_eq!(change(Some(&sure)), "−99.987 %");
        let faster = PairedRatio::of(&[3.0; 5], &[2.0; 5]).unwrap();
        assert_eq!(
            (change(Some(&faster)).as_str(), factor(Some(&faster)).as_str()),
            ("+50.0 %", "1.5×")
        );
        assert_eq!(spread(None), "–");
        assert_eq!(spread(SampleSpread::of(&[1.0, 2.0, 3.0])), "2 (1–3)");
    }
}
