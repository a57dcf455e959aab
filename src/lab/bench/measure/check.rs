//! Guards against getting slower: ratios of a run against bounds kept in the repository.
//!
//! Only ratios of two modes of one run are compared, never times: those belong to the machine. A quick run has too few rounds to
//! claim a difference by, and none is claimed: bounds are so far from what is measured that the middle of three rounds is not
//! beyond one by chance.

use serde::Deserialize;

use crate::lab::bench::error::BenchError;
use crate::lab::bench::measure::stats::SampleSpread;
use crate::lab::bench::report::{BenchReport, number};

/// The bounds in force.
const BOUNDS: &str = include_str!("../../../../tests/bench_bounds.toml");

/// One thing that must stay true.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bound {
    /// Of which bench.
    bench: String,
    /// In which cells: those whose name contains this.
    cells: String,
    /// Which quantity.
    what: String,
    /// This mode's value …
    over: String,
    /// … divided by this mode's; without it the value itself, for counts and shares that no machine changes.
    under: Option<String>,
    /// The median of the ratios may not be less; without `under` no round may be.
    at_least: Option<f64>,
    /// The median of the ratios may not be more; without `under` no round may be.
    at_most: Option<f64>,
    /// Not measuring it is no miss: its programs may not be on the machine.
    #[serde(default)]
    optional: bool,
    /// What it means when it is missed.
    why: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    bound: Vec<Bound>,
}

/// What a comparison with the bounds found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundsCheck {
    /// Ratios that were compared.
    pub compared: usize,
    /// One sentence for each that is out of bounds, or could not be found.
    pub missed: Vec<String>,
}

impl BenchReport {
    /// Compares with the bounds kept in the repository.
    pub fn check(&self) -> Result<BoundsCheck, BenchError> {
        check(self, BOUNDS)
    }
}

fn check(report: &BenchReport, bounds: &str) -> Result<BoundsCheck, BenchError> {
    let bounds: Bounds = toml::from_str(bounds).map_err(|error| BenchError::Bounds(error.to_string()))?;
    let mut checked = BoundsCheck {
        compared: 0,
        missed: Vec::new(),
    };
    for bound in bounds.bound.iter().filter(|bound| bound.bench == report.bench) {
        let mut found = false;
        for cell in report.figures.cells() {
            if let Some(spread) = bound.value(report, cell).filter(|_| cell.contains(&bound.cells)) {
                found = true;
                checked.compared += 1;
                checked.missed.extend(bound.miss(cell, spread));
            }
        }
        if !found && !bound.optional {
            checked.missed.push(format!(
                "{} was not measured in any cell named “{}”",
                bound.name(),
                bound.cells
            ));
        }
    }
    Ok(checked)
}

impl Bound {
    fn value(&self, report: &BenchReport, cell: &str) -> Option<SampleSpread> {
        match &self.under {
            Some(under) => Some(report.figures.ratio(cell, &self.what, &self.over, under)?.spread),
            None => report.figures.spread(cell, &self.over, &self.what),
        }
    }

    fn miss(&self, cell: &str, spread: SampleSpread) -> Option<String> {
        let name = self.name();
        // A ratio scatters with the machine; a count does not, and one round with an error is one too many.
        let (low, high) = match self.under {
            Some(_) => (spread.median, spread.median),
            None => (spread.min, spread.max),
        };
        let (got, beyond) = match (self.at_least, self.at_most) {
            (Some(least), _) if low < least => (low, format!("at least {}", number(least))),
            (_, Some(most)) if high > most => (high, format!("at most {}", number(most))),
            _ => return None,
        };
        let got = number(got);
        Some(format!("{cell}: {name} is {got}, it should be {beyond}: {}", self.why))
    }

    fn name(&self) -> String {
        match &self.under {
            Some(under) => format!("{} ({} ÷ {under})", self.what, self.over),
            None => format!("{} ({})", self.what, self.over),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::bench::measure::figures::BenchFigures;
    use crate::lab::bench::report::tests::sample;

    const ONE: &str = "[[bound]]\nbench = \"sessions\"\ncells = \"closed\"\nwhat = \"connections\"\nover = \"owner\"\n\
                       under = \"new\"\nat_most = 0.1\nwhy = \"connections are not kept\"\n";

    fn report(owner: f64) -> BenchReport {
        let mut figures = BenchFigures::default();
        for _ in 0..3 {
            figures.note("plain, closed", "new", "connections", 1_000.0);
            figures.note("plain, closed", "owner", "connections", owner);
            figures.note("plain, open", "owner", "connections", 1_000.0);
        }
        BenchReport { figures, ..sample() }
    }

    #[test]
    fn a_good_ratio_passes() {
        let checked = check(&report(10.0), ONE).unwrap();
        assert_eq!((checked.compared, checked.missed), (1, vec![]));
    }

    #[test]
    fn a_session_remade_for_each_request_is_caught() {
        let checked = check(&report(1_000.0), ONE).unwrap();
        assert_eq!(
            checked.missed,
            ["plain, closed: connections (owner ÷ new) is 1, it should be at most 0.1: connections are not kept"]
        );
    }

    #[test]
    fn one_bad_round_of_a_count_is_caught() {
        let bound = "[[bound]]\nbench = \"sessions\"\ncells = \"closed\"\nwhat = \"errors\"\nover = \"owner\"\n\
                     at_most = 0.0\nwhy = \"requests fail\"\n";
        let mut report = report(10.0);
        for errors in [0.0, 7.0, 0.0] {
            report.figures.note("plain, closed", "owner", "errors", errors);
        }
        let missed = check(&report, bound).unwrap().missed;
        assert_eq!(
            missed,
            ["plain, closed: errors (owner) is 7, it should be at most 0: requests fail"]
        );
    }

    #[test]
    fn what_was_not_measured_is_missed_too() {
        let mut other = report(10.0);
        other.figures = BenchFigures::default();
        assert!(check(&other, ONE).unwrap().missed[0].contains("was not measured"));
        let optional = format!("{ONE}optional = true\n");
        assert_eq!(check(&other, &optional).unwrap().missed.len(), 0);
        other.bench = "state".into();
        assert_eq!(check(&other, ONE).unwrap().missed.len(), 0);
    }

    #[test]
    fn the_bounds_in_the_repository_are_understood_and_each_can_be_missed() {
        let bounds: Bounds = toml::from_str(BOUNDS).unwrap();
        for bound in &bounds.bound {
            assert!(["sessions", "pipeline", "state"].contains(&bound.bench.as_str()));
            assert!(bound.at_least.is_some() || bound.at_most.is_some(), "{bound:?}");
        }
        assert!(check(&sample(), "[[bound]]\nbensch = 1\n").is_err());
    }
}
