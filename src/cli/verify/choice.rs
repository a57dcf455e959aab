//! How many books, as a person writes it.

use std::str::FromStr;

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
}
