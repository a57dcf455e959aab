//! How much is measured.

use std::time::Duration;

/// Arrivals without which a round of an open loop says nothing.
const FEWEST: f64 = 10.0;

/// Arrivals of a round that make the 1,000 of five rounds by which two ways are compared at the 99th percentile.
const WANTED: f64 = 200.0;

/// What rounds of an open loop are to have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundTarget {
    /// So many arrivals each.
    pub arrivals: f64,
    /// No round is made longer than this for their sake.
    pub longest: Duration,
}

/// What the command line says about all benches alike.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchEffort {
    /// A small part of everything.
    pub quick: bool,
    /// Rounds; `None`: as many as fit the bench.
    pub rounds: Option<usize>,
    /// Seconds of each measurement; `None`: as long as fits the bench.
    pub seconds: Option<f64>,
    /// Only cells whose name contains this.
    pub only: Option<String>,
}

impl BenchEffort {
    /// Rounds, unless chosen.
    pub fn rounds(&self, quick: usize, full: usize) -> usize {
        self.rounds.unwrap_or(if self.quick { quick } else { full }).max(1)
    }

    /// Whether a cell is to be measured.
    pub fn wants(&self, cell: &str) -> bool {
        self.only.as_ref().is_none_or(|only| cell.contains(only))
    }

    /// What the rounds of an open loop are to have; only the least where time is short or their length is chosen.
    pub fn wanted(&self) -> RoundTarget {
        let few = self.quick || self.seconds.is_some();
        RoundTarget {
            arrivals: if few { FEWEST } else { WANTED },
            longest: Duration::from_secs(if self.quick { 2 } else { 15 }),
        }
    }

    /// Length of one measurement, unless chosen.
    pub fn lasting(&self, quick: f64, full: f64) -> Duration {
        let seconds = self.seconds.unwrap_or(if self.quick { quick } else { full });
        Duration::try_from_secs_f64(seconds.max(0.01)).unwrap_or(Duration::from_secs(1))
    }
}

/// Length of a round of an open loop in which so many a second arrive: `lasting`, or longer so that as many arrive as are
/// wanted, or where that would be too long at least the fewest that say something; `None` where even that would be.
pub fn open_round(rate: f64, lasting: Duration, wanted: RoundTarget) -> Option<Duration> {
    // A fixed rate has its first arrival at once and its last just before the end.
    let taken = |arrivals: f64| Duration::try_from_secs_f64((arrivals - 0.5) / rate).ok();
    let long = |arrivals: f64| Some(taken(arrivals)?.max(lasting)).filter(|long| *long <= wanted.longest.max(lasting));
    long(wanted.arrivals).or_else(|| long(FEWEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_round_lasts_until_enough_have_arrived() {
        let second = Duration::from_secs(1);
        let round = |rate, lasting, arrivals| {
            let longest = 15 * second;
            open_round(rate, lasting, RoundTarget { arrivals, longest })
        };
        let seconds = |rate, arrivals| round(rate, second, arrivals).map(|long| long.as_secs_f64().round());
        assert_eq!(seconds(5_000.0, WANTED), Some(1.0));
        assert_eq!(seconds(20.0, WANTED), Some(10.0));
        assert_eq!(seconds(20.0, FEWEST), Some(1.0));
        assert_eq!(seconds(2.0, WANTED), Some(5.0), "200 would take 100 s, 10 take 5");
        assert_eq!(seconds(0.5, WANTED), None, "10 would take 19 s");
        assert_eq!(seconds(0.0, WANTED), None);
        assert_eq!(round(0.5, 60 * second, WANTED), Some(60 * second));
    }
}
