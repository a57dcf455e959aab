//! The clock of whoever grants turns, as far as it is known here: each question and its answer say between which of our moments it
//! gave them.

use std::time::Duration;

use tokio::time::Instant;

/// Two clocks are taken to drift apart by a thousandth at most, twice what one may that is kept right by NTP.
const DRIFT: i64 = 1_000;

/// The source's clock.
#[derive(Debug)]
pub(super) struct SourceClock {
    base: Instant,
    offset: Option<ClockOffset>,
}

/// Our microseconds since [`SourceClock::base`], without the source's: between these two, as known at that moment.
#[derive(Debug, Clone, Copy)]
struct ClockOffset {
    earliest: i64,
    latest: i64,
    as_of: Instant,
}

/// A moment of the source's, by our clock: no later than `latest`, and sooner than it by `unsure` at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SourceMoment {
    pub latest: Instant,
    pub unsure: Duration,
}

impl ClockOffset {
    /// What is still known of it at this moment.
    fn at(self, now: Instant) -> Self {
        let drift = micros(now - self.as_of) / DRIFT;
        Self {
            earliest: self.earliest - drift,
            latest: self.latest + drift,
            as_of: now,
        }
    }

    /// What two such bounds tell together; where they contradict each other, a clock was set, and the new one counts.
    fn and(self, new: Self) -> Self {
        let both = Self {
            earliest: self.earliest.max(new.earliest),
            latest: self.latest.min(new.latest),
            ..new
        };
        if both.earliest <= both.latest { both } else { new }
    }

    fn unsure(self) -> Duration {
        Duration::from_micros(self.latest.abs_diff(self.earliest))
    }
}

impl SourceClock {
    pub(super) fn new() -> Self {
        Self {
            base: Instant::now(),
            offset: None,
        }
    }

    /// When something was given, at this time of the source's, that was asked for and answered at these moments.
    pub(super) fn moment(&mut self, given_at: Duration, asked: Instant, answered: Instant) -> SourceMoment {
        let given_at = micros(given_at);
        let [earliest, latest] = [asked, answered].map(|at| micros(at - self.base) - given_at);
        let told = ClockOffset {
            earliest,
            latest,
            as_of: answered,
        };
        let offset = self.offset.map_or(told, |known| known.at(answered).and(told));
        self.offset = Some(offset);
        SourceMoment {
            latest: self.base + Duration::from_micros(u64::try_from(given_at + offset.latest).unwrap_or(0)),
            unsure: offset.unsure(),
        }
    }

    /// How unsure a moment of the source's is now; nothing before the first answer, which alone tells of it.
    pub(super) fn unsure(&self) -> Duration {
        self.offset
            .map_or(Duration::ZERO, |offset| offset.at(Instant::now()).unsure())
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_clock_is_known_as_well_as_the_answers_say() {
        let mut clock = SourceClock::new();
        let base = clock.base;
        let millis = Duration::from_millis;
        // Questions that were asked and answered at these moments, given at that time of the source's: by when that was for us, and by
        // how much sooner it may have been.
        for (asked, answered, given_at, latest, unsure) in [
            // The first answer says no more than that it was given before it came.
            (0, 100, 5_000, 100, 100),
            // A quick one says it better, and so does one that was asked late.
            (200, 210, 5_110, 210, 10),
            (300, 390, 5_205, 305, 5),
            // One that was long on its way says nothing new, nor does time: a millisecond each second, to both sides.
            (10_000, 70_000, 20_000, 15_170, 144),
            // The clock was set forwards, and back.
            (140_000, 140_010, 9_000_000, 140_010, 10),
            (150_000, 150_010, 1_000, 150_010, 10),
        ] {
            let told = clock.moment(millis(given_at), base + millis(asked), base + millis(answered));
            let near = |told: Duration, expected: u64| told.as_millis().abs_diff(u128::from(expected)) <= 1;
            assert!(near(told.latest - base, latest), "{asked}, {given_at}: {told:?}");
            assert!(near(told.unsure, unsure), "{asked}, {given_at}: {told:?}");
        }
    }
}
