//! A slice of turns, and until when each of them may be used.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock::time_asleep;
use crate::session::turns::GrantedSlice;
use crate::session::turns::source_clock::SourceMoment;

/// A turn may be used this much later than its time, and is lost then: part of what the pace leaves for requests that come unevenly.
pub(in crate::session) const LATENESS: Duration = Duration::from_millis(50);
/// The source's clock may be unsure by so much: another part of it. By what it is more, nobody else has a turn behind the slice.
pub(in crate::session) const CLOCK_UNSURE: Duration = Duration::from_millis(50);

/// What is left of a slice.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeldSlice {
    pub next: Instant,
    every: Duration,
    granted: u32,
    pub left: u32,
    /// How long the machine had slept when it was asked for: nobody knows whether it was given before a sleep on its way, or after.
    asleep: Duration,
}

/// A moment, by two clocks: one runs while the process stands still, and only the other while the machine sleeps.
#[derive(Debug, Clone, Copy)]
pub(super) struct TurnMoment {
    pub at: Instant,
    /// How long the machine has slept.
    pub asleep: Duration,
}

impl TurnMoment {
    pub(super) fn now() -> Self {
        Self {
            at: Instant::now(),
            asleep: time_asleep(),
        }
    }
}

impl HeldSlice {
    /// What is left of a slice when the answer comes, behind which so much is kept free: nothing where all its turns are over, as others
    /// have the time after them, or where they may be over, as far as is known.
    pub(super) fn new(
        slice: GrantedSlice,
        behind: Duration,
        given: SourceMoment,
        [asked, answered]: [TurnMoment; 2],
    ) -> Self {
        let is_sure = given.unsure <= CLOCK_UNSURE + behind;
        let mut held = Self {
            next: given.latest + slice.begins_in,
            every: slice.every,
            granted: slice.turns,
            left: if is_sure { slice.turns } else { 0 },
            asleep: asked.asleep,
        };
        held.forget_lost(answered);
        held
    }

    pub(super) fn pass_one(&mut self) {
        self.next += self.every;
        self.left -= 1;
    }

    /// Whether half of what was granted is used.
    pub(super) fn is_low(&self) -> bool {
        self.left <= self.granted / 2
    }

    /// Drops the turns whose time is over: all of them, if the machine has slept since.
    pub(super) fn forget_lost(&mut self, now: TurnMoment) {
        if now.asleep > self.asleep + LATENESS {
            self.left = 0;
        }
        while self.left > 0 && now.at > self.next + LATENESS {
            self.pass_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLICE: GrantedSlice = GrantedSlice {
        given_at: Duration::ZERO,
        begins_in: Duration::from_millis(300),
        turns: 3,
        every: Duration::from_millis(200),
        closed_for: Duration::ZERO,
    };

    fn moment(given: Instant, at: u64, asleep: u64) -> TurnMoment {
        TurnMoment {
            at: given + Duration::from_millis(at),
            asleep: Duration::from_millis(asleep),
        }
    }

    fn given(latest: Instant, unsure: u64) -> SourceMoment {
        SourceMoment {
            latest,
            unsure: Duration::from_millis(unsure),
        }
    }

    #[test]
    fn turns_that_are_over_when_the_answer_comes_are_lost_together() {
        let at = Instant::now();
        for (answered, next, left) in [
            (0, 300, 3),
            (350, 300, 3),
            (351, 500, 2),
            (750, 700, 1),
            (751, 900, 0),
            (60_000, 900, 0),
        ] {
            let held = HeldSlice::new(
                SLICE,
                Duration::ZERO,
                given(at, 0),
                [0, answered].map(|on| moment(at, on, 0)),
            );
            let next = Duration::from_millis(next);
            assert_eq!((held.next - at, held.left), (next, left), "{answered}");
        }
    }

    /// By how much the source's clock is unsure, what is kept free behind the slice, and how many turns there are.
    #[test]
    fn turns_that_may_be_over_already_are_as_lost_as_those_that_are() {
        let at = Instant::now();
        for (unsure, behind, left) in [(0, 0, 3), (50, 0, 3), (51, 0, 0), (150, 100, 3), (151, 100, 0)] {
            let behind = Duration::from_millis(behind);
            let held = HeldSlice::new(SLICE, behind, given(at, unsure), [moment(at, 0, 0); 2]);
            assert_eq!(held.left, left, "{unsure}, {behind:?}");
        }
    }

    /// After a stop, `Instant` tells the time; after a sleep of the machine only the other clock does.
    #[test]
    fn turns_are_not_used_late_after_the_process_stood_still_or_the_machine_slept() {
        let at = Instant::now();
        for (stopped, slept, left) in [(0, 0, 3), (20_000, 0, 0), (0, 50, 3), (0, 51, 0), (0, 60_000, 0)] {
            let mut held = HeldSlice::new(SLICE, Duration::ZERO, given(at, 0), [moment(at, 0, 7_000); 2]);
            held.forget_lost(moment(at, stopped, 7_000 + slept));
            assert_eq!(held.left, left, "{stopped}, {slept}");
        }
    }

    #[test]
    fn turns_are_not_used_that_were_on_their_way_while_the_machine_slept() {
        let at = Instant::now();
        for (slept, left) in [(0, 3), (50, 3), (51, 0), (60_000, 0)] {
            let way = [7_000, 7_000 + slept].map(|asleep| moment(at, 0, asleep));
            let held = HeldSlice::new(SLICE, Duration::ZERO, given(at, 0), way);
            assert_eq!(held.left, left, "{slept}");
        }
    }
}
