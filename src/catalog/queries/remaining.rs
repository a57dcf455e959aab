//! The books that are left, by what they wait for.

use crate::catalog::queries::ask::StateCounts;
use crate::catalog::queries::forecast::ForecastInputs;
use crate::vocabulary::BookState;

/// Books that are left, by what they wait for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct RemainingBooks {
    /// Ready at GRIN and not claimed.
    pub available: u64,
    /// Of these, due later.
    pub later: u64,
    /// GRIN converts them.
    pub converting: u64,
    /// GRIN has scanned them, and converts them if it is asked.
    pub unrequested: u64,
    pub unscanned: u64,
    pub failed: u64,
    /// Of these, tried again when their time comes.
    pub again: u64,
}

impl RemainingBooks {
    /// `checked_in`: books that GRIN says it has not scanned; `put_off`: those that are ready, and those that failed, with a due time.
    pub fn of(states: &StateCounts, checked_in: u64, put_off: [u64; 2]) -> Self {
        use BookState as S;
        let sum = |of: &[S]| of.iter().map(|state| states.of(*state)).sum::<u64>();
        // A book that is not scanned can be in no other state than this.
        let unscanned = checked_in.min(states.of(S::Known));
        Self {
            available: states.of(S::Available),
            // The totals and the books are written together, but not always read together.
            later: put_off[0].min(states.of(S::Available)),
            converting: sum(&[S::Requested, S::InProcess]),
            unrequested: sum(&[S::Known, S::ConversionFailed]) - unscanned,
            unscanned,
            failed: states.of(S::Failed),
            again: put_off[1].min(states.of(S::Failed)),
        }
    }

    /// What a forecast counts of all that are left, where some are not fetched.
    pub fn inputs(self, states: &StateCounts, unasked: Self) -> ForecastInputs {
        let asked = self.without(unasked);
        let others = self.without(asked);
        let in_hand = states.of(BookState::Checking) + states.of(BookState::Downloading);
        ForecastInputs {
            ready: asked.available.saturating_sub(asked.later) + in_hand,
            put_off: asked.later + asked.again,
            given_up: asked.failed.saturating_sub(asked.again),
            unconverted: asked.converting + asked.unrequested,
            unasked: others.available + others.converting + others.unrequested + others.failed,
            unscanned: asked.unscanned,
            is_empty: states.total == 0,
            ..ForecastInputs::default()
        }
    }

    pub fn map(self, other: Self, each: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            available: each(self.available, other.available),
            later: each(self.later, other.later),
            converting: each(self.converting, other.converting),
            unrequested: each(self.unrequested, other.unrequested),
            unscanned: each(self.unscanned, other.unscanned),
            failed: each(self.failed, other.failed),
            again: each(self.again, other.again),
        }
    }

    pub fn without(self, other: Self) -> Self {
        self.map(other, u64::saturating_sub)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_that_grin_has_not_scanned_are_not_counted() {
        use BookState as S;
        let counts = [
            (S::Known, 50),
            (S::Requested, 3),
            (S::ConversionFailed, 2),
            (S::Available, 10),
            (S::Downloading, 1),
            (S::Stored, 40),
            (S::Failed, 9),
            (S::Unavailable, 4),
            (S::Forgotten, 4),
        ];
        let states = StateCounts {
            by_state: counts.into_iter().collect(),
            total: 123,
        };
        for (checked_in, unasked, [ready, unconverted, unscanned, others]) in [
            (0, 0, [7, 55, 0, 0]),
            (20, 0, [7, 35, 20, 0]),
            (50, 0, [7, 5, 50, 0]),
            (70, 0, [7, 5, 50, 0]),
            (20, 30, [7, 5, 20, 30]),
            // Fewer are left than were counted a minute ago.
            (20, 90, [7, 3, 20, 32]),
        ] {
            let unasked = RemainingBooks {
                unrequested: unasked,
                ..RemainingBooks::default()
            };
            let inputs = RemainingBooks::of(&states, checked_in, [4, 3]).inputs(&states, unasked);
            assert_eq!([inputs.put_off, inputs.given_up], [7, 6]);
            assert_eq!(
                [inputs.ready, inputs.unconverted, inputs.unscanned, inputs.unasked],
                [ready, unconverted, unscanned, others]
            );
        }
    }
}
