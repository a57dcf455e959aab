//! Two ways compared in one cell, as far as what was measured allows it.

use crate::lab::bench::measure::figures::BenchFigures;
use crate::lab::bench::measure::percentiles::enough_to_compare;
use crate::lab::bench::measure::stats::PairedRatio;
use crate::lab::bench::report::factor;

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq)]
pub enum SampleComparison {
    /// One over the other, round by round.
    By(PairedRatio),
    /// A percentile of too few.
    TooFew,
}

/// One way over another; `None` where either was not measured.
pub fn compare(figures: &BenchFigures, cell: &str, what: &str, [over, under]: [&str; 2]) -> Option<SampleComparison> {
    if figures.rounds(cell, over, what).is_empty() || figures.rounds(cell, under, what).is_empty() {
        return None;
    }
    if !enough_to_compare(figures, cell, what, [over, under]) {
        return Some(SampleComparison::TooFew);
    }
    // Rounds of a percentile that had too few times have no value, and may be all of them.
    let ratio = figures.ratio(cell, what, over, under);
    Some(ratio.map_or(SampleComparison::TooFew, SampleComparison::By))
}

/// The same as tables have it.
pub fn compared(figures: &BenchFigures, cell: &str, what: &str, modes: [&str; 2]) -> String {
    match compare(figures, cell, what, modes) {
        Some(SampleComparison::By(ratio)) if figures.errors(cell) > 0.0 => {
            format!("{}, with errors", factor(Some(&ratio)))
        }
        Some(SampleComparison::By(ratio)) => factor(Some(&ratio)),
        Some(SampleComparison::TooFew) => "too few".to_owned(),
        None => factor(None),
    }
}

/// The median of the slower of the ways; 0 where one was not measured.
pub fn slower(figures: &BenchFigures, cell: &str, modes: &[&str], rate: &str) -> f64 {
    let median = |mode: &&str| figures.spread(cell, mode, rate).map_or(0.0, |spread| spread.median);
    modes.iter().map(median).reduce(f64::min).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: [&str; 2] = ["kept", "new"];

    #[test]
    fn errors_and_too_few_times_are_told() {
        let mut figures = BenchFigures::default();
        assert_eq!(compared(&figures, "a", "books/s", MODES), "–");
        for _ in 0..5 {
            for (mode, rate) in [("new", 1.0), ("kept", 2.0)] {
                figures.note("a", mode, "books/s", rate);
                figures.note("a", mode, "p99 ms", f64::NAN);
                figures.note("a", mode, "errors", 0.0);
            }
        }
        assert_eq!(compared(&figures, "a", "books/s", MODES), "2×");
        assert!((slower(&figures, "a", &MODES, "books/s") - 1.0).abs() < 1e-9);
        assert!(slower(&figures, "b", &MODES, "books/s").abs() < 1e-9);
        assert_eq!(compared(&figures, "a", "p99 ms", MODES), "too few");
        figures.note("a", "new", "errors", 1.0);
        assert_eq!(compared(&figures, "a", "books/s", MODES), "2×, with errors");
    }
}
