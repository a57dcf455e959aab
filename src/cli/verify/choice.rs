//! How many books, and since when, as a person writes it.

use std::str::FromStr;

use jiff::Timestamp;

use crate::clock::earlier;

/// How many of the books that are meant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SampleSize {
    /// So many.
    Books(u64),
    /// Such a share of them, more than 0 and at most 100.
    Percent(f64),
}

impl SampleSize {
    /// The number of books out of so many; at least one of any.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of books, and no library has 2^53"
    )]
    pub fn of(self, books: u64) -> u64 {
        match self {
            Self::Books(most) => most.min(books),
            Self::Percent(share) => ((books as f64 * share / 100.0).ceil() as u64).min(books),
        }
    }
}

impl FromStr for SampleSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = match text.trim().strip_suffix('%') {
            Some(share) => {
                let share = share.trim().parse::<f64>().ok();
                share.filter(|share| *share > 0.0 && *share <= 100.0).map(Self::Percent)
            }
            None => text.trim().parse().ok().filter(|books| *books > 0).map(Self::Books),
        };
        read.ok_or_else(|| format!("{text:?} is neither a number of books (200) nor a share of them (5%)"))
    }
}

/// A moment in the past: so long ago (`90d`), or RFC 3339.
pub fn moment_before(text: &str) -> Result<Timestamp, String> {
    before(text, Timestamp::now())
}

fn before(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let span = humantime::parse_duration(text);
    span.map(|span| earlier(now, span))
        .map_err(|_| format!("{text:?} is neither a time (90d) nor a moment (2026-01-31T18:00:00Z)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_taken_as_people_write_them() {
        for (text, of, books) in [
            ("200", 1_000, Some(200)),
            ("200", 60, Some(60)),
            ("5%", 1_000, Some(50)),
            ("5%", 7, Some(1)),
            ("0.1 %", 1_000_000, Some(1_000)),
            ("100%", 7, Some(7)),
            ("5%", 0, Some(0)),
            ("0", 7, None),
            ("0%", 7, None),
            ("101%", 7, None),
            ("-1%", 7, None),
            ("NaN%", 7, None),
            ("all", 7, None),
            ("", 7, None),
        ] {
            let sample = text.parse::<SampleSize>().ok().map(|sample| sample.of(of));
            assert_eq!(sample, books, "{text:?} of {of}");
        }
    }

    #[test]
    fn moments_in_the_past_are_taken_as_people_write_them() {
        let now: Timestamp = "2026-11-29T12:00:00Z".parse().unwrap();
        for (text, moment) in [
            ("90d", Some("2026-08-31T12:00:00Z")),
            ("1d 12h", Some("2026-11-28T00:00:00Z")),
            ("2026-11-01T00:00:00+01:00", Some("2026-10-31T23:00:00Z")),
            ("yesterday", None),
            ("90", None),
            ("", None),
        ] {
            let expected = moment.map(|moment| moment.parse::<Timestamp>().unwrap());
            assert_eq!(before(text, now).ok(), expected, "{text:?}");
        }
    }
}
