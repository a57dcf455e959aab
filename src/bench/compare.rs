//! Room `bench`: two ways compared in one cell, as far as what was measured allows it.

use super::figures::Figures;
use super::percentiles::enough_to_compare;
use super::report::factor;
use super::stats::Ratio;

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Compared {
    /// One over the other, round by round.
    By(Ratio),
    /// A percentile of too few.
    TooFew,
}

/// One way over another; `None` where either was not measured.
pub fn compare(figures: &Figures, cell: &str, what: &str, [over, under]: [&str; 2]) -> Option<Compared> {
    if figures.rounds(cell, over, what).is_empty() || figures.rounds(cell, under, what).is_empty() {
        return None;
    }
    if !enough_to_compare(figures, cell, what, [over, under]) {
        return Some(Compared::TooFew);
    }
    // Rounds of a percentile that had too few times have no value, and may be all of them.
    let ratio = figures.ratio(cell, what, over, under);
    Some(ratio.map_or(Compared::TooFew, Compared::By))
}

/// The same as tables have it.
pub fn compared(figures: &Figures, cell: &str, what: &str, modes: [&str; 2]) -> String {
    match compare(figures, cell, what, modes) {
        Some(Compared::By(ratio)) if figures.errors(cell) > 0.0 => format!("{}, with errors", factor(Some(&ratio))),
        Some(Compared::By(ratio)) => factor(Some(&ratio)),
        Some(Compared::TooFew) => "too few".to_owned(),
        None => factor(None),
    }
}

/// The median of the slower of the ways; 0 where one was not measured.
pub fn slower(figures: &Figures, cell: &str, modes: &[&str], rate: &str) -> f64 {
    let median = |mode: &&str| figures.spread(cell, mode, rate).map_or(0.0, |spread| spread.median);
    modes.iter().map(median).reduce(f64::min).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: [&str; 2] = ["kept", "new"];

    #[test]
    fn errors_and_too_few_times_are_told() {
        let mut figures = Figures::default();
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
