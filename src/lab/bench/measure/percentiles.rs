//! Percentiles of each round and of all rounds together, and how many times they rest on.

use crate::lab::bench::measure::figures::BenchFigures;
use crate::lab::bench::measure::latency::{LatencySamples, enough};
use crate::lab::bench::measure::stats::SampleSpread;

/// Those that are given.
const GIVEN: [(&str, f64); 4] = [("p50 ms", 50.0), ("p95 ms", 95.0), ("p99 ms", 99.0), ("p99.9 ms", 99.9)];

/// Two ways are compared by a percentile where all rounds of each have so many times what giving it takes.
const TO_COMPARE: f64 = 10.0;

/// How many times were taken.
pub const TIMES: &str = "n";

/// Times of one cell, by way, over its rounds.
#[derive(Debug)]
pub struct LatencyPools {
    of: &'static str,
    pools: Vec<(&'static str, LatencySamples)>,
}

impl LatencyPools {
    /// Of what goes before the names of figures: `""`, or `"cart "`.
    pub fn of(of: &'static str) -> Self {
        Self { of, pools: Vec::new() }
    }

    /// Notes the percentiles of a round and keeps its times.
    pub fn round(&mut self, figures: &mut BenchFigures, cell: &str, mode: &'static str, times: &LatencySamples) {
        for (name, percent) in GIVEN {
            figures.note(cell, mode, &format!("{}{name}", self.of), times.percentile(percent));
        }
        match self.pools.iter_mut().find(|(other, _)| *other == mode) {
            Some((_, pool)) => pool.add(times),
            None => self.pools.push((mode, times.clone())),
        }
    }

    /// Notes the percentiles of all rounds together.
    pub fn end(self, figures: &mut BenchFigures, cell: &str) {
        for (mode, pool) in self.pools {
            for (name, percent) in GIVEN {
                figures.note(
                    cell,
                    mode,
                    &of_all(&format!("{}{name}", self.of)),
                    pool.percentile(percent),
                );
            }
            figures.note(cell, mode, &of_all(&format!("{}{TIMES}", self.of)), pool.count() as f64);
        }
    }
}

/// A percentile or number of times of all rounds together, with the least and most of the rounds where each had enough; any
/// other quantity as the rounds have it.
pub fn pooled(figures: &BenchFigures, cell: &str, mode: &str, what: &str) -> Option<SampleSpread> {
    if figures.rounds(cell, mode, &of_all(what)).is_empty() {
        return figures.spread(cell, mode, what);
    }
    let all = figures.spread(cell, mode, &of_all(what))?;
    let each = figures.rounds(cell, mode, what);
    let rounds = SampleSpread::of(each).filter(|rounds| rounds.rounds == each.len());
    Some(rounds.map_or(all, |rounds| SampleSpread {
        median: all.median,
        ..rounds
    }))
}

/// Whether the ways may be compared by `what`: a percentile needs enough times of both, anything else does not.
pub fn enough_to_compare(figures: &BenchFigures, cell: &str, what: &str, modes: [&str; 2]) -> bool {
    let Some((of, percent)) = percentile(what) else {
        return true;
    };
    modes.iter().all(|mode| {
        let times = figures.spread(cell, mode, &of_all(&format!("{of}{TIMES}")));
        times.is_some_and(|times| times.median >= enough(percent) * TO_COMPARE)
    })
}

/// What goes before the name of a percentile, and its number; `None` for any other quantity.
fn percentile(what: &str) -> Option<(&str, f64)> {
    let of = |(name, percent)| Some((what.strip_suffix(name)?, percent));
    GIVEN.into_iter().find_map(of)
}

fn of_all(what: &str) -> String {
    format!("{what}, all rounds")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn figures(rounds: u32, times: u64) -> BenchFigures {
        let (mut figures, mut pools) = (BenchFigures::default(), LatencyPools::of("cart "));
        for _ in 0..rounds {
            let mut round = LatencySamples::new().unwrap();
            (1..=times).for_each(|millis| round.note(Duration::from_millis(millis)));
            for mode in ["new", "kept"] {
                pools.round(&mut figures, "a", mode, &round);
            }
        }
        pools.end(&mut figures, "a");
        figures
    }

    #[test]
    fn a_percentile_rests_on_all_rounds_and_tells_how_many_times_they_had() {
        let few = figures(5, 20);
        assert!(few.rounds("a", "new", "cart p99 ms").iter().all(|value| value.is_nan()));
        let p99 = pooled(&few, "a", "new", "cart p99 ms").unwrap();
        assert!((p99.median - 20.0).abs() < 0.1 && p99.min >= p99.max, "{p99:?}");
        assert!((pooled(&few, "a", "new", "cart n").unwrap().median - 100.0).abs() < 1e-9);
        assert_eq!(pooled(&few, "a", "new", "cart p99.9 ms"), None);
        let many = pooled(&figures(5, 200), "a", "new", "cart p99 ms").unwrap();
        assert!(many.rounds == 5 && many.min > 190.0);
    }

    #[test]
    fn ways_are_compared_by_ten_times_as_many() {
        let enough = |rounds, times, what| enough_to_compare(&figures(rounds, times), "a", what, ["new", "kept"]);
        assert!(enough(5, 200, "cart p99 ms") && !enough(5, 199, "cart p99 ms"));
        assert!(enough(5, 4, "cart p50 ms") && !enough(5, 4, "cart p95 ms"));
        assert!(enough(1, 1, "carts/s"), "no percentile");
    }
}
