//! A date as GRIN writes it.

use std::fmt;

use jiff::civil::DateTime;

/// A date of GRIN's: the text as it came, and what it says if it can be read.
///
/// GRIN writes `YYYY/MM/DD HH:MM` without zone (PROTOCOL.md, section 4); hyphens, seconds, a date alone and ISO
/// 8601 are read too. A text that is none of these is kept as it is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct GrinDate {
    raw: Box<str>,
    when: Option<DateTime>,
}

impl GrinDate {
    /// Reads a cell; `None` if there is nothing but blanks in it.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self {
            raw: text.into(),
            when: civil(text),
        })
    }

    /// Whether the text may be a date, or says that there is none, though in a way that is not known: it has numbers enough, and no words
    /// but those of dates. `false`, a score or a title is none.
    pub(super) fn may_be_date(&self) -> bool {
        self.when.is_some() || says_no_date(&self.raw) || is_like_date(&self.raw)
    }

    /// The text as GRIN gave it.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The moment, if the text could be read; GRIN's zone is unknown.
    pub fn when(&self) -> Option<DateTime> {
        self.when
    }

    /// ISO 8601 without zone, `2011-02-03T04:05:00`; a date alone counts from its midnight.
    pub fn iso(&self) -> Option<String> {
        self.when.map(iso)
    }

    /// What the catalog and the export hold: [`GrinDate::iso`], else the text as it came.
    pub fn stored(&self) -> String {
        self.iso().unwrap_or_else(|| self.raw.to_string())
    }
}

impl fmt::Debug for GrinDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.stored())
    }
}

impl serde::Serialize for GrinDate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.stored())
    }
}

fn iso(when: DateTime) -> String {
    use fmt::Write;
    let mut out = String::with_capacity(19);
    let (date, time) = (when.date(), when.time());
    // Written out because it runs for six cells of every row.
    let _ = write!(
        out,
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        date.year(),
        date.month(),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    );
    out
}

/// The moment in UTC is read as it stands. Year, month, day, with the same `/` or `-` between; then, after a blank or `T`, hours, minutes and perhaps seconds.
fn civil(text: &str) -> Option<DateTime> {
    let (date, time) = match text.find([' ', 'T']) {
        Some(at) => (&text[..at], without_zone(text[at + 1..].trim_start())),
        None => (text, "00:00"),
    };
    let separator = if date.contains('/') { '/' } else { '-' };
    let [year, month, day] = numbers(date, separator, &[4, 2, 2])?;
    let [hour, minute, second] = match time.matches(':').count() {
        1 => numbers::<2>(time, ':', &[2, 2]).map(|[h, m]| [h, m, 0])?,
        _ => numbers(time, ':', &[2, 2, 2])?,
    };
    let small = |n: i16| i8::try_from(n).ok();
    DateTime::new(
        year,
        small(month)?,
        small(day)?,
        small(hour)?,
        small(minute)?,
        small(second)?,
        0,
    )
    .ok()
}

/// A time without `Z` or `+00:00`.
fn without_zone(time: &str) -> &str {
    let bare = time.strip_suffix('Z').or_else(|| time.strip_suffix("+00:00"));
    bare.map_or(time, str::trim_end)
}

/// Exactly `N` numbers of ASCII digits, each as wide as said; where that is two digits, one will do.
fn numbers<const N: usize>(text: &str, separator: char, widths: &[usize; N]) -> Option<[i16; N]> {
    let mut out = [0; N];
    let mut parts = text.split(separator);
    for (i, slot) in out.iter_mut().enumerate() {
        let part = parts.next()?;
        let fits = part.len() == widths[i] || (widths[i] == 2 && part.len() == 1);
        if !fits || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *slot = part.parse().ok()?;
    }
    parts.next().is_none().then_some(out)
}

/// `-`, `N/A`, `None`.
fn says_no_date(text: &str) -> bool {
    let bare = text.trim_matches(|c: char| !c.is_alphanumeric());
    let known = ["", "n/a", "na", "none", "null", "never"];
    known.iter().any(|known| bare.eq_ignore_ascii_case(known))
}

/// Words of dates: months and days of the week by their beginning, else what is as short as `PM`, `T` or `CEST`.
fn is_like_date(text: &str) -> bool {
    const NAMES: [&str; 19] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "mon", "tue", "wed", "thu",
        "fri", "sat", "sun",
    ];
    let is_of_date = |word: &str| {
        let lower = word.to_ascii_lowercase();
        let is_sign = word.len() <= 4 && word.bytes().all(|byte| byte.is_ascii_uppercase());
        is_sign || matches!(&*lower, "am" | "pm") || NAMES.iter().any(|name| lower.starts_with(name))
    };
    let mut words = text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    let numbers = || {
        text.split(|c: char| !c.is_ascii_digit())
            .filter(|number| !number.is_empty())
    };
    // `20110203` and milliseconds since 1970 are one number; a barcode of fourteen digits is none.
    (numbers().nth(1).is_some() || numbers().any(|number| (8..=13).contains(&number.len()))) && words.all(is_of_date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_dates() {
        let cases = [
            ("2011/02/03 04:05", Some("2011-02-03T04:05:00")),
            ("2011-02-03 04:05", Some("2011-02-03T04:05:00")),
            ("2011/02/03 04:05:06", Some("2011-02-03T04:05:06")),
            ("2011/02/03", Some("2011-02-03T00:00:00")),
            ("2011/2/3 4:05", Some("2011-02-03T04:05:00")),
            (" 2011-02-03T04:05:00 ", Some("2011-02-03T04:05:00")),
            ("2011/02/03  04:05", Some("2011-02-03T04:05:00")),
            ("2011-02-03T04:05:06Z", Some("2011-02-03T04:05:06")),
            ("2011-02-03T04:05:06+00:00", Some("2011-02-03T04:05:06")),
            ("2011-02-03T04:05:06+01:00", None),
            ("2011/02/03 Z", None),
            ("2011/02/30 04:05", None),
            ("2011/02/03 24:00", None),
            ("2011/02-03", None),
            ("11/02/03", None),
            ("2011/02/03 04", None),
            ("2011/02/03 04:05 PM", None),
            ("2011/02/03T", None),
            ("soon", None),
            ("٢٠١١/٠٢/٠٣", None),
            ("2011/02/03\u{0}", None),
        ];
        for (text, iso) in cases {
            let date = GrinDate::read(text).unwrap();
            assert_eq!(date.iso().as_deref(), iso, "{text}");
            assert_eq!(date.raw(), text.trim());
            assert_eq!(date.stored(), iso.unwrap_or(text.trim()));
        }
        assert_eq!(GrinDate::read("  "), None);
    }

    #[test]
    fn texts_that_may_be_dates() {
        for (text, expected) in [
            ("2011/02/03 04:05", true),
            ("2011/02/30 04:05", true),
            ("0000/00/00 00:00", true),
            ("2011/02/03 04:05 PM", true),
            ("2/3/2011 4:05 pm", true),
            ("2011-02-03T04:05:06.123Z", true),
            ("11/02/03", true),
            ("3 Feb 2011", true),
            ("Thursday, February 3, 2011 04:05 CEST", true),
            ("20110203", true),
            ("1296705900", true),
            ("1296705900000", true),
            ("39015012345678", false),
            ("-", true),
            ("N/A", true),
            ("None", true),
            ("false", false),
            ("77", false),
            ("TL0001", false),
            ("NEW", false),
            ("Lichens of Europe, 1899-1901", false),
            ("soon", false),
        ] {
            assert_eq!(GrinDate::read(text).unwrap().may_be_date(), expected, "{text}");
        }
    }
}
