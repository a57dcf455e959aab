//! A target, and whether the rounds show that it is reached.

use crate::lab::bench::measure::stats::{ENOUGH_ROUNDS, SampleSpread};

/// What a quantity is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TargetBound {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// From the one to the other.
    Between(f64, f64),
}

/// Whether it is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetReached {
    /// In every round.
    Yes,
    /// In no round.
    No,
    /// The rounds disagree or are too few.
    NotShown,
}

impl TargetReached {
    /// As reports say it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::NotShown => "not shown",
        }
    }
}

impl TargetBound {
    /// Of something that differs from round to round: nothing is shown by a few of them. Of a thing that is exactly as its
    /// target, five rounds all say yes once in 32 times.
    pub fn reached(self, spread: SampleSpread) -> TargetReached {
        if spread.rounds < ENOUGH_ROUNDS {
            return TargetReached::NotShown;
        }
        self.counted(spread)
    }

    /// Of something that is counted and not timed: one round is as good as ten.
    pub fn counted(self, SampleSpread { min, max, .. }: SampleSpread) -> TargetReached {
        let (all, none) = match self {
            Self::AtLeast(least) => (min >= least, max < least),
            Self::AtMost(most) => (max <= most, min > most),
            // Above is no failure of what is measured but of what its target was made from.
            Self::Between(least, most) => (min >= least && max <= most, max < least),
        };
        match (all, none) {
            (true, _) => TargetReached::Yes,
            (_, true) => TargetReached::No,
            _ => TargetReached::NotShown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(values: &[f64]) -> SampleSpread {
        SampleSpread::of(values).unwrap()
    }

    #[test]
    fn all_rounds_have_to_agree() {
        let five = spread(&[9.0, 10.0, 10.0, 11.0, 12.0]);
        let cases = [
            (TargetBound::AtLeast(9.0), TargetReached::Yes),
            (TargetBound::AtLeast(10.0), TargetReached::NotShown),
            (TargetBound::AtLeast(12.5), TargetReached::No),
            (TargetBound::AtMost(12.0), TargetReached::Yes),
            (TargetBound::AtMost(10.0), TargetReached::NotShown),
            (TargetBound::AtMost(8.0), TargetReached::No),
            (TargetBound::Between(8.0, 12.0), TargetReached::Yes),
            (TargetBound::Between(13.0, 14.0), TargetReached::No),
            (TargetBound::Between(1.0, 2.0), TargetReached::NotShown),
        ];
        for (target, reached) in cases {
            assert_eq!(target.reached(five), reached, "{target:?}");
        }
    }

    #[test]
    fn a_few_rounds_show_nothing_but_a_count() {
        let few = spread(&[10.0; 4]);
        assert_eq!(TargetBound::AtLeast(1.0).reached(few), TargetReached::NotShown);
        assert_eq!(TargetBound::AtLeast(11.0).reached(few), TargetReached::NotShown);
        assert_eq!(TargetBound::AtLeast(1.0).counted(few), TargetReached::Yes);
    }
}
