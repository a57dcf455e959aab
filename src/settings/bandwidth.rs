//! How many bytes a second bodies may take, by the time of day.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use bytesize::ByteSize;
use jiff::civil::Time;
use jiff::{ToSpan as _, Zoned};

use crate::settings::kinds::{GivenValue, SettingKind, exact_size};

/// Bytes a second, or in another time that the key names; `None` (written `off`): no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BandwidthLimit(pub Option<NonZeroU64>);

/// `"08:00-18:00 20MiB, else off"`: the first time that fits counts, and what follows `else` counts at all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BandwidthTimetable {
    periods: Vec<BandwidthPeriod>,
    otherwise: BandwidthLimit,
}

/// Each day from one time to another, local time; over midnight where it ends earlier than it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct BandwidthPeriod {
    from: Time,
    until: Time,
    limit: BandwidthLimit,
}

/// What a timetable says at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BandwidthNow {
    pub limit: BandwidthLimit,
    /// Before which it says nothing else; `None`: it always says the same.
    pub until: Option<Zoned>,
}

impl BandwidthTimetable {
    /// No limit at any time.
    pub const OFF: Self = Self {
        periods: Vec::new(),
        otherwise: BandwidthLimit(None),
    };

    /// Always the same limit.
    #[cfg(test)]
    pub fn always(bytes_per_second: u64) -> Self {
        Self {
            otherwise: BandwidthLimit(NonZeroU64::new(bytes_per_second)),
            ..Self::OFF
        }
    }

    /// The limit at a moment, and when to look again.
    pub fn at(&self, now: &Zoned) -> BandwidthNow {
        let time = now.time();
        let period = self.periods.iter().find(|period| period.holds(time));
        let changes = self.periods.iter().flat_map(|period| [period.from, period.until]);
        BandwidthNow {
            limit: period.map_or(self.otherwise, |period| period.limit),
            until: changes.filter_map(|change| next(now, change)).min(),
        }
    }
}

impl BandwidthPeriod {
    fn holds(&self, time: Time) -> bool {
        if self.from < self.until {
            self.from <= time && time < self.until
        } else {
            self.from <= time || time < self.until
        }
    }
}

/// When the clocks show this time next. Where they are put forward over it, that is when they are.
pub(super) fn next(now: &Zoned, time: Time) -> Option<Zoned> {
    let of = |date: jiff::civil::Date| date.to_datetime(time).to_zoned(now.time_zone().clone()).ok();
    let today = of(now.date())?;
    if today > *now {
        return Some(today);
    }
    of(now.date().checked_add(1.day()).ok()?)
}

impl FromStr for BandwidthLimit {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "off" {
            return Ok(Self(None));
        }
        let size: ByteSize = text.parse().map_err(|_| ())?;
        // Nothing at all would be a pause, which is asked for in other ways.
        NonZeroU64::new(size.as_u64()).map(|size| Self(Some(size))).ok_or(())
    }
}

impl FromStr for BandwidthTimetable {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let last = parts.pop().ok_or(())?;
        let (otherwise, is_period) = match last.strip_prefix("else ") {
            Some(limit) => (limit.trim().parse()?, false),
            None if parts.is_empty() => match last.parse() {
                Ok(limit) => (limit, false),
                Err(()) => (BandwidthLimit(None), true),
            },
            None => (BandwidthLimit(None), true),
        };
        let periods = parts.into_iter().chain(is_period.then_some(last));
        Ok(Self {
            periods: periods.map(str::parse).collect::<Result<_, ()>>()?,
            otherwise,
        })
    }
}

impl FromStr for BandwidthPeriod {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (times, limit) = text.split_once(' ').ok_or(())?;
        let (from, until) = times.split_once('-').ok_or(())?;
        let period = Self {
            from: time(from)?,
            until: time(until)?,
            limit: limit.trim().parse()?,
        };
        if period.from == period.until {
            Err(())
        } else {
            Ok(period)
        }
    }
}

/// `08:00`, or `24:00` for the end of the day.
pub(super) fn time(text: &str) -> Result<Time, ()> {
    let (hour, minute) = text.split_once(':').ok_or(())?;
    let number = |digits: &str| match digits.len() {
        2 if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse::<i8>().map_err(|_| ()),
        _ => Err(()),
    };
    match (number(hour)?, number(minute)?) {
        (24, 0) => Ok(Time::midnight()),
        (hour, minute) => Time::new(hour, minute, 0, 0).map_err(|_| ()),
    }
}

impl fmt::Display for BandwidthLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            // A change of the config is seen by this text, so that it tells each byte.
            Some(limit) => f.write_str(&exact_size(ByteSize::b(limit.get()))),
            None => f.write_str("off"),
        }
    }
}

impl fmt::Display for BandwidthTimetable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for BandwidthPeriod { from, until, limit } in &self.periods {
            let [from, until] = [from, until].map(|time| format!("{:02}:{:02}", time.hour(), time.minute()));
            write!(f, "{from}-{until} {limit}, ")?;
        }
        if !self.periods.is_empty() {
            f.write_str("else ")?;
        }
        write!(f, "{}", self.otherwise)
    }
}

impl SettingKind for BandwidthLimit {
    const RIGHT: &'static str = "a size such as \"500GiB\", or \"off\"";

    fn read(given: &GivenValue<'_>) -> Option<Self> {
        given.text()?.trim().parse().ok()
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.to_string().into())
    }
}

impl SettingKind for BandwidthTimetable {
    const RIGHT: &'static str =
        "a size a second such as \"20MiB\", \"off\", or a timetable such as \"08:00-18:00 20MiB, else off\"";

    fn read(given: &GivenValue<'_>) -> Option<Self> {
        given.text()?.trim().parse().ok()
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.to_string().into())
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    const WORK: &str = "08:00-18:00 20MiB, 22:00-06:00 1MiB, else off";

    fn mebibytes(limit: BandwidthLimit) -> Option<u64> {
        limit.0.map(|limit| limit.get() >> 20)
    }

    #[test]
    fn the_first_time_that_fits_counts_until_the_next_change() {
        for (text, now, limit, until) in [
            ("off", "12:00:00", None, None),
            ("20MiB", "12:00:00", Some(20), None),
            (WORK, "07:59:59", None, Some("08:00:00")),
            (WORK, "08:00:00", Some(20), Some("18:00:00")),
            (WORK, "17:59:59", Some(20), Some("18:00:00")),
            (WORK, "18:00:00", None, Some("22:00:00")),
            // Over midnight.
            (WORK, "23:00:00", Some(1), Some("06:00:00")),
            (WORK, "00:00:00", Some(1), Some("06:00:00")),
            (WORK, "06:00:00", None, Some("08:00:00")),
            (
                "08:00-12:00 1MiB, 08:00-18:00 2MiB, else 3MiB",
                "09:00:00",
                Some(1),
                Some("12:00:00"),
            ),
            (
                "08:00-12:00 1MiB, 08:00-18:00 2MiB, else 3MiB",
                "12:00:00",
                Some(2),
                Some("18:00:00"),
            ),
            (
                "08:00-12:00 1MiB, 08:00-18:00 2MiB, else 3MiB",
                "19:00:00",
                Some(3),
                Some("08:00:00"),
            ),
            ("18:00-24:00 2MiB", "23:59:59", Some(2), Some("00:00:00")),
            ("18:00-24:00 2MiB", "00:00:00", None, Some("18:00:00")),
        ] {
            let timetable: BandwidthTimetable = text.parse().unwrap();
            let day = jiff::civil::date(2026, 11, 28);
            let at = day.to_datetime(now.parse().unwrap()).to_zoned(TimeZone::UTC).unwrap();
            let told = timetable.at(&at);
            assert_eq!(mebibytes(told.limit), limit, "{text} at {now}");
            assert_eq!(
                told.until.as_ref().map(Zoned::time),
                until.map(|until| until.parse().unwrap()),
                "{text} at {now}"
            );
            assert!(
                told.until
                    .is_none_or(|until| at < until && until <= at.checked_add(1.day()).unwrap())
            );
        }
    }

    #[test]
    fn a_timetable_goes_by_the_clocks_that_are_put_forward_and_back() {
        // Central European time without a database of zones: an hour forward on 2026-03-29 at 02:00, back on 2026-10-25 at 03:00.
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        for (text, now, until) in [
            (
                "02:30-06:00 1MiB, else off",
                "2026-03-29T00:59:00Z",
                "2026-03-29T01:30:00Z",
            ),
            (
                "02:30-06:00 1MiB, else off",
                "2026-03-29T01:30:00Z",
                "2026-03-29T04:00:00Z",
            ),
            (
                "08:00-18:00 1MiB, else off",
                "2026-03-28T18:00:00Z",
                "2026-03-29T06:00:00Z",
            ),
            (
                "08:00-18:00 1MiB, else off",
                "2026-10-24T17:00:00Z",
                "2026-10-25T07:00:00Z",
            ),
        ] {
            let timetable: BandwidthTimetable = text.parse().unwrap();
            let now = now.parse::<jiff::Timestamp>().unwrap().to_zoned(zone.clone());
            let told = timetable.at(&now).until.unwrap().timestamp();
            assert_eq!(told.to_string(), until, "{text} at {now}");
        }
    }

    #[test]
    fn what_is_no_timetable_is_refused_and_what_is_one_is_shown_again() {
        for wrong in [
            "",
            "0B",
            "20 apples",
            "08:00-18:00",
            "08:00-18:00 0B, else off",
            "8-18 20MiB",
            "08:00-08:00 1MiB",
            "25:00-26:00 1MiB",
            "24:30-06:00 1MiB",
            "else off, 08:00-18:00 20MiB",
            "08:00-18:00 20MiB; else off",
            "else",
            "on",
            "08:00-18:00 20MiB, 5MiB",
            "+8:00-18:00 1MiB",
        ] {
            assert_eq!(wrong.parse::<BandwidthTimetable>(), Err(()), "{wrong:?}");
        }
        for (text, shown) in [
            ("off", "off"),
            ("20MiB", "20MiB"),
            ("1040MiB", "1040MiB"),
            ("1024MiB", "1GiB"),
            ("08:00-18:00 20MiB, else off", "08:00-18:00 20MiB, else off"),
            ("08:00-18:00 20MiB", "08:00-18:00 20MiB, else off"),
            ("18:00-24:00   1.5 MB,else 1KB", "18:00-00:00 1500000B, else 1000B"),
        ] {
            assert_eq!(text.parse::<BandwidthTimetable>().unwrap().to_string(), shown, "{text}");
        }
        for text in ["off", "1040MiB", WORK, "18:00-24:00 7KiB, else 1GiB"] {
            let timetable: BandwidthTimetable = text.parse().unwrap();
            assert_eq!(timetable.to_string().parse(), Ok(timetable), "{text}");
        }
    }
}
