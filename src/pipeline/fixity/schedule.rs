//! When stored books are read again in the background, and how fast; and what the day brings of it.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use jiff::{Timestamp, Zoned};
use serde::Serialize;

use crate::catalog::FixityStanding;
use crate::clock::earlier;
use crate::log::CountedNoun;
use crate::settings::DailyHours;

/// How often it is looked whether a book is due.
const LOOK_AGAIN: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// How often each stored book is read again, how much of it a day, and at which hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RereadPlan {
    /// `None`: never.
    pub every: Option<Duration>,
    /// `None`: no limit.
    pub bytes_a_day: Option<NonZeroU64>,
    /// At which hours.
    pub hours: DailyHours,
}

/// What is done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RereadStep {
    /// Nothing, ever.
    Never,
    /// Nothing before so much time has passed.
    Wait(Duration),
    /// Books are read that were last known to be good before such a moment.
    Read(DueMoments),
}

/// Who is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DueMoments {
    /// Books that were last known to be good before this moment.
    pub before: Timestamp,
    /// Before this one, what could not be checked, and what is not sound and may be fetched by now.
    pub again_before: Timestamp,
}

impl RereadPlan {
    /// Never.
    #[cfg(test)]
    pub(crate) const NEVER: Self = Self {
        every: None,
        bytes_a_day: None,
        hours: DailyHours::ALWAYS,
    };

    /// Who is due at this moment; `None`: nobody, ever.
    pub(crate) fn due(&self, now: Timestamp) -> Option<DueMoments> {
        let every = self.every?;
        Some(DueMoments {
            before: earlier(now, every),
            again_before: earlier(now, every.min(DAY)),
        })
    }

    /// What is done, as far as the reading is.
    pub(crate) fn step(&self, now: &Zoned, standing: &FixityStanding) -> RereadStep {
        let Some(due) = self.due(now.timestamp()) else {
            return RereadStep::Never;
        };
        if let Some(begin) = self.hours.begin(now) {
            let wait = begin.duration_since(now).unsigned_abs();
            return RereadStep::Wait(wait.clamp(Duration::from_secs(1), LOOK_AGAIN));
        }
        let Some(oldest) = standing.oldest else {
            return RereadStep::Wait(LOOK_AGAIN);
        };
        if oldest < due.before || standing.again > 0 {
            return RereadStep::Read(due);
        }
        let left = oldest.duration_since(due.before).unsigned_abs();
        RereadStep::Wait(left.clamp(Duration::from_secs(1), LOOK_AGAIN))
    }

    /// Bytes a second, so that the bytes of a day are spread over its hours.
    pub(crate) fn speed(&self) -> Option<NonZeroU64> {
        let a_day = self.bytes_a_day?.get();
        NonZeroU64::new((a_day / self.hours.seconds()).max(1))
    }
}

/// How far the reading of stored books is, and whether it can keep its time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, serde::Deserialize)]
pub struct RereadForecast {
    /// When the book that was not looked at for the longest time was last known to be good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Timestamp>,
    /// Books that are due.
    pub due: u64,
    /// Books of which the last check told damage or loss.
    pub unsound: u64,
    /// Books that could not be read when all that was due was read last.
    #[serde(default)]
    pub unread: u64,
    /// Days until the books that are due are read; `None`: no limit says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_for_due: Option<f64>,
    /// Days that reading all books takes at this limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_for_all: Option<f64>,
    /// All books cannot be read as often as is wanted.
    pub is_too_slow: bool,
}

/// A forecast by the limit alone: what a disk or a network can do shows only when they are read.
#[expect(clippy::cast_precision_loss, reason = "days need no 53 bits")]
pub(crate) fn forecast_of(plan: &RereadPlan, standing: &FixityStanding) -> RereadForecast {
    let mean = standing.mean_bytes as f64;
    let days = |books: u64| Some(books as f64 * mean / plan.bytes_a_day?.get() as f64);
    let days_for_all = days(standing.stored);
    let wanted = plan.every.map(|every| every.as_secs_f64() / DAY.as_secs_f64());
    RereadForecast {
        oldest: standing.oldest,
        due: standing.due,
        unsound: standing.unsound,
        unread: 0,
        days_for_due: days(standing.due),
        days_for_all,
        is_too_slow: days_for_all.zip(wanted).is_some_and(|(needed, wanted)| needed > wanted),
    }
}

impl fmt::Display for RereadForecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.oldest {
            Some(oldest) => write!(f, "oldest check {oldest:.0}, {} due", CountedNoun(self.due, "book"))?,
            None => f.write_str("nothing is stored")?,
        }
        if let Some(days) = self.days_for_due.filter(|_| self.due > 0) {
            write!(f, ", read again within {days:.1} days")?;
        }
        if let Some(days) = self.days_for_all.filter(|_| self.is_too_slow) {
            write!(
                f,
                "; all books take {days:.0} days, longer than fixity.reread_every: raise fixity.bytes_per_day"
            )?;
        }
        if self.unsound > 0 {
            let are = if self.unsound == 1 { "is" } else { "are" };
            write!(f, "; {} {are} damaged or missing", CountedNoun(self.unsound, "book"))?;
        }
        if self.unread > 0 {
            write!(f, "; {} could not be read", CountedNoun(self.unread, "book"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RereadStep as S;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn what_is_due_is_read_in_its_hours() {
        let now: Zoned = "2026-11-29T12:00:00Z[UTC]".parse().unwrap();
        let ago = |time: Duration| Some(earlier(now.timestamp(), time));
        let year = Some(DAY * 365);
        let due = DueMoments {
            before: earlier(now.timestamp(), DAY * 365),
            again_before: earlier(now.timestamp(), DAY),
        };
        for (what, (every, hours, oldest), expected) in [
            ("switched off", (None, "always", ago(DAY * 999)), S::Never),
            ("nothing stored", (year, "always", None), S::Wait(HOUR)),
            ("due", (year, "always", ago(DAY * 366)), S::Read(due)),
            ("due, not now", (year, "22:00-06:00", ago(DAY * 366)), S::Wait(HOUR)),
            (
                "its hours begin",
                (year, "12:10-06:00", ago(DAY * 366)),
                S::Wait(HOUR / 6),
            ),
            ("its hours", (year, "06:00-22:00", ago(DAY * 366)), S::Read(due)),
            ("not due for long", (year, "always", ago(DAY)), S::Wait(HOUR)),
            (
                "due in a minute",
                (year, "always", ago(DAY * 365 - Duration::from_mins(1))),
                S::Wait(Duration::from_mins(1)),
            ),
        ] {
            let plan = RereadPlan {
                every,
                hours: hours.parse().unwrap(),
                bytes_a_day: None,
            };
            let standing = FixityStanding {
                oldest,
                ..FixityStanding::default()
            };
            assert_eq!(plan.step(&now, &standing), expected, "{what}");
        }
        let plan = RereadPlan {
            every: year,
            ..RereadPlan::NEVER
        };
        let standing = FixityStanding {
            oldest: ago(DAY),
            again: 1,
            ..FixityStanding::default()
        };
        assert_eq!(
            plan.step(&now, &standing),
            S::Read(due),
            "GRIN has a damaged one by now"
        );
    }

    #[test]
    fn the_bytes_of_a_day_are_spread_over_its_hours() {
        for (bytes, hours, speed) in [
            (None, "always", None),
            (Some(86_400_000), "always", Some(1_000)),
            (Some(28_800_000), "22:00-06:00", Some(1_000)),
            (Some(1), "always", Some(1)),
        ] {
            let plan = RereadPlan {
                every: Some(DAY),
                bytes_a_day: bytes.and_then(NonZeroU64::new),
                hours: hours.parse().unwrap(),
            };
            assert_eq!(plan.speed().map(NonZeroU64::get), speed, "{bytes:?} {hours}");
        }
    }

    #[test]
    fn the_forecast_says_whether_the_time_can_be_kept() {
        let standing = FixityStanding {
            oldest: Some(Timestamp::UNIX_EPOCH),
            stored: 1_000,
            due: 10,
            unsound: 1,
            again: 0,
            mean_bytes: 1_000,
        };
        for (a_day, every, days_for_due, days_for_all, is_too_slow) in [
            (Some(10_000), 365, Some(1.0), Some(100.0), false),
            (Some(1_000), 365, Some(10.0), Some(1_000.0), true),
            (None, 365, None, None, false),
        ] {
            let plan = RereadPlan {
                every: Some(DAY * every),
                bytes_a_day: a_day.and_then(NonZeroU64::new),
                hours: DailyHours::ALWAYS,
            };
            let forecast = forecast_of(&plan, &standing);
            let found = (forecast.days_for_due, forecast.days_for_all, forecast.is_too_slow);
            assert_eq!(found, (days_for_due, days_for_all, is_too_slow), "{a_day:?}");
            let words = forecast.to_string();
            assert_eq!(words.contains("raise fixity.bytes_per_day"), is_too_slow, "{words}");
            assert!(
                words.contains("10 books due") && words.contains("1 book is damaged"),
                "{words}"
            );
        }
    }
}
