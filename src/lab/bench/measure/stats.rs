//! Medians with their spread, ratios round by round, and when a difference may be claimed.

use serde::{Deserialize, Serialize};

/// Fewer rounds than this show nothing. Between two equal ways three rounds would show a difference in one cell of eleven by
/// chance alone, five in one of 140.
pub const ENOUGH_ROUNDS: usize = 5;

/// The middle of several rounds and how far they lie apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SampleSpread {
    /// The middle value; between two middle ones their mean.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
    /// How many rounds.
    pub rounds: usize,
}

impl SampleSpread {
    /// Of all finite values; `None` when there is none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        } else {
            sorted[middle]
        };
        Some(Self {
            median,
            min,
            max,
            rounds: sorted.len(),
        })
    }

    /// The same in another unit.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self {
            median: self.median * factor,
            min: self.min * factor,
            max: self.max * factor,
            ..self
        }
    }
}

/// One mode over another, round by round: both were measured in the same minute, so what disturbs both falls out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairedRatio {
    /// One ratio a round.
    pub each: Vec<f64>,
    /// Their middle and spread.
    pub spread: SampleSpread,
}

impl PairedRatio {
    /// `over` by `under`; rounds in which either is missing, or `under` is not positive, are left out.
    pub fn of(over: &[f64], under: &[f64]) -> Option<Self> {
        let each: Vec<f64> = over
            .iter()
            .zip(under)
            .filter(|(over, under)| over.is_finite() && under.is_finite() && **under > 0.0)
            .map(|(over, under)| over / under)
            .collect();
        let spread = SampleSpread::of(&each)?;
        Some(Self { each, spread })
    }

    /// Whether there is a difference larger than the spread of the rounds. Compared as factors, so that half and double
    /// weigh the same.
    pub fn shows_a_difference(&self) -> bool {
        let SampleSpread {
            median,
            min,
            max,
            rounds,
        } = self.spread;
        if rounds < ENOUGH_ROUNDS {
            return false;
        }
        if min <= 0.0 {
            // Something became nothing (connections, errors) in some round: only if so in every round.
            return max < 1.0;
        }
        median.ln().abs() > max.ln() - min.ln()
    }

    /// The change in percent, of the median.
    pub fn percent(&self) -> f64 {
        (self.spread.median - 1.0) * 100.0
    }
}

/// Modes in alternating order: forwards in even rounds, backwards in odd ones (ABBA…), so that neither always comes first.
pub fn order<M: Clone>(modes: &[M], round: usize) -> Vec<M> {
    let mut modes = modes.to_vec();
    if !round.is_multiple_of(2) {
        modes.reverse();
    }
    modes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_odd_and_even_numbers_of_rounds() {
        let odd = SampleSpread::of(&[3.0, 1.0, 2.0]).unwrap();
        assert_eq!((odd.median, odd.min, odd.max, odd.rounds), (2.0, 1.0, 3.0, 3));
        assert!((SampleSpread::of(&[4.0, 1.0, 2.0, 3.0]).unwrap().median - 2.5).abs() < 1e-12);
        assert_eq!(SampleSpread::of(&[]), None);
        assert_eq!(SampleSpread::of(&[f64::NAN, 5.0]).unwrap().rounds, 1);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // The machine was twice as slow in the second round: both suffered, the ratio did not.
        let ratio = PairedRatio::of(&[100.0, 50.0, 100.0], &[10.0, 5.0, 10.0]).unwrap();
        assert_eq!(ratio.each, [10.0, 10.0, 10.0]);
        assert!((ratio.percent() - 900.0).abs() < 1e-9);
        assert_eq!(PairedRatio::of(&[1.0], &[0.0]), None);
    }

    #[test]
    fn a_difference_smaller_than_the_spread_is_not_claimed() {
        let shown = |each: &[f64]| {
            let ones = vec![1.0; each.len()];
            PairedRatio::of(each, &ones).unwrap().shows_a_difference()
        };
        assert!(shown(&[1.30, 1.32, 1.28, 1.31, 1.30]));
        assert!(shown(&[0.01, 0.011, 0.012, 0.01, 0.01]));
        assert!(!shown(&[1.05, 0.95, 1.10, 1.0, 1.02]));
        assert!(!shown(&[1.3, 1.0, 1.6, 1.3, 1.3]), "spread 1.6, difference 1.3");
        assert!(!shown(&[5.0; 4]), "four rounds show nothing");
        assert!(shown(&[0.0; 5]));
        assert!(!shown(&[0.0, 0.0, 2.0, 0.0, 0.0]));
    }

    #[test]
    fn the_order_turns_with_every_round() {
        let rounds: String = (0..4).flat_map(|round| order(&['A', 'B'], round)).collect();
        assert_eq!(rounds, "ABBAABBA");
    }
}
