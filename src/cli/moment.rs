//! A moment as a person writes it on the command line.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::clock::earlier;

/// A moment to come: a time of day (`18:00`, the next one there is), a span from now (`2h`, `1d 12h`), a day (`2026-01-31`, its beginning
/// in UTC), or RFC 3339.
///
/// # Errors
/// Says what is wrong with the text.
pub fn moment_to_come(text: &str, now: &Zoned) -> Result<Timestamp, String> {
    let text = text.trim();
    let moment = if let Some(moment) = moment_or_day(text) {
        moment
    } else if let Ok(span) = humantime::parse_duration(text) {
        let moment = now.timestamp().checked_add(span);
        moment.map_err(|_| format!("{text:?} is too far away"))?
    } else {
        next_time_of_day(text, now).ok_or_else(|| {
            format!(
                "{text:?} is no moment: use a time of day (18:00), a span from now (2h), a day (2026-01-31, from 00:00 UTC), or 2026-01-31T18:00:00Z"
            )
        })?
    };
    if moment <= now.timestamp() {
        return Err(format!("{text:?} is over already"));
    }
    Ok(moment)
}

fn next_time_of_day(text: &str, now: &Zoned) -> Option<Timestamp> {
    let is_time = text.contains(':') && text.chars().all(|c| c.is_ascii_digit() || c == ':');
    let time: Time = text.parse().ok().filter(|_| is_time)?;
    let today = now.with().time(time).build().ok()?;
    let next = match today > *now {
        true => today,
        false => now.tomorrow().ok()?.with().time(time).build().ok()?,
    };
    Some(next.timestamp())
}

/// RFC 3339, or a day alone: its beginning in UTC.
fn moment_or_day(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = text.parse() {
        return Some(moment);
    }
    let day: Date = text.parse().ok().filter(|_| text.len() == "2026-01-31".len())?;
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// A moment in the past: so long ago (`90d`), a day (`2026-01-31`, its beginning in UTC), or RFC 3339.
pub fn moment_before(text: &str) -> Result<Timestamp, String> {
    before(text, Timestamp::now())
}

fn before(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Some(moment) = moment_or_day(text) {
        return Ok(moment);
    }
    let span = humantime::parse_duration(text);
    span.map(|span| earlier(now, span)).map_err(|_| {
        format!("{text:?} is neither a time (90d), a day (2026-01-31) nor a moment (2026-01-31T18:00:00Z)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_taken_as_people_write_them() {
        let now: Zoned = "2026-11-29T16:30:00+01:00[+01:00]".parse().unwrap();
        for (text, moment) in [
            ("18:00", Some("2026-11-29T17:00:00Z")),
            ("16:30", Some("2026-11-30T15:30:00Z")),
            ("07:15", Some("2026-11-30T06:15:00Z")),
            ("2h", Some("2026-11-29T17:30:00Z")),
            ("1d 12h", Some("2026-12-01T03:30:00Z")),
            ("2026-12-01T00:00:00+01:00", Some("2026-11-30T23:00:00Z")),
            ("2026-12-01", Some("2026-12-01T00:00:00Z")),
            ("2026-11-29", None),
            ("2026-11-29T15:00:00Z", None),
            ("0s", None),
            ("25:00", None),
            ("tomorrow", None),
            ("18", None),
            ("", None),
        ] {
            let read = moment_to_come(text, &now);
            let expected = moment.map(|moment| moment.parse::<Timestamp>().unwrap());
            assert_eq!(read.clone().ok(), expected, "{text:?}: {read:?}");
        }
    }

    #[test]
    fn moments_in_the_past_are_taken_as_people_write_them() {
        let now: Timestamp = "2026-11-29T12:00:00Z".parse().unwrap();
        for (text, moment) in [
            ("90d", Some("2026-08-31T12:00:00Z")),
            ("1d 12h", Some("2026-11-28T00:00:00Z")),
            ("2026-11-01T00:00:00+01:00", Some("2026-10-31T23:00:00Z")),
            ("2026-11-01", Some("2026-11-01T00:00:00Z")),
            ("2026-11-31", None),
            ("2026-11-01T00:00", None),
            ("20261101", None),
            ("2026-11", None),
            ("yesterday", None),
            ("90", None),
            ("", None),
        ] {
            let expected = moment.map(|moment| moment.parse::<Timestamp>().unwrap());
            assert_eq!(before(text, now).ok(), expected, "{text:?}");
        }
    }
}
