//! Hours of each day in which something is done.

use std::fmt;
use std::str::FromStr;

use jiff::Zoned;
use jiff::civil::Time;

use crate::settings::bandwidth::{next, time};
use crate::settings::kinds::{GivenValue, SettingKind};

/// `"22:00-06:00"`, local time, over midnight where it ends earlier than it begins; or `"always"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyHours(Option<HourSpan>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct HourSpan {
    from: Time,
    until: Time,
}

/// Seconds of a day of 24 hours.
const DAY: u64 = 24 * 3_600;

impl DailyHours {
    /// At any time.
    pub const ALWAYS: Self = Self(None);

    /// Before which moment the hours do not begin; `None`: they have begun.
    pub fn begin(&self, now: &Zoned) -> Option<Zoned> {
        let HourSpan { from, until } = self.0?;
        let time = now.time();
        let holds = match from < until {
            true => from <= time && time < until,
            false => from <= time || time < until,
        };
        if holds { None } else { next(now, from) }
    }

    /// How many seconds they are.
    pub fn seconds(&self) -> u64 {
        let Some(HourSpan { from, until }) = self.0 else {
            return DAY;
        };
        let of =
            |time: Time| u64::from(time.hour().unsigned_abs()) * 3_600 + u64::from(time.minute().unsigned_abs()) * 60;
        match (of(from), of(until)) {
            (from, until) if from < until => until - from,
            (from, until) => DAY - from + until,
        }
    }
}

impl FromStr for DailyHours {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "always" {
            return Ok(Self::ALWAYS);
        }
        let (from, until) = text.split_once('-').ok_or(())?;
        let span = HourSpan {
            from: time(from)?,
            until: time(until)?,
        };
        // No hour at all would be "off", which reread_every says.
        if span.from == span.until {
            Err(())
        } else {
            Ok(Self(Some(span)))
        }
    }
}

impl fmt::Display for DailyHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(HourSpan { from, until }) = self.0 else {
            return f.write_str("always");
        };
        let [from, until] = [from, until].map(|time| format!("{:02}:{:02}", time.hour(), time.minute()));
        write!(f, "{from}-{until}")
    }
}

impl SettingKind for DailyHours {
    const RIGHT: &'static str = "hours such as \"22:00-06:00\", or \"always\"";

    fn read(given: &GivenValue<'_>) -> Option<Self> {
        given.text()?.trim().parse().ok()
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.to_string().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_those_that_the_clocks_show() {
        let at = |time: &str| format!("2026-11-29T{time}+01:00[+01:00]").parse::<Zoned>().unwrap();
        for (hours, now, begin, seconds) in [
            ("always", "12:00", None, 86_400),
            ("22:00-06:00", "23:00", None, 28_800),
            ("22:00-06:00", "05:59", None, 28_800),
            ("22:00-06:00", "06:00", Some("2026-11-29T22:00"), 28_800),
            ("08:00-18:30", "08:00", None, 37_800),
            ("08:00-18:30", "18:30", Some("2026-11-30T08:00"), 37_800),
        ] {
            let read: DailyHours = hours.parse().unwrap();
            let begins = read.begin(&at(now)).map(|at| at.strftime("%Y-%m-%dT%H:%M").to_string());
            assert_eq!(
                (begins.as_deref(), read.seconds()),
                (begin, seconds),
                "{hours} at {now}"
            );
            assert_eq!(read.to_string(), hours);
        }
        for wrong in [
            "",
            "22:00",
            "00:00-24:00",
            "22-06",
            "06:00-06:00",
            "25:00-06:00",
            "at night",
        ] {
            assert!(wrong.parse::<DailyHours>().is_err(), "{wrong}");
        }
    }
}
