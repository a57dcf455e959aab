//! A book's MARC record, with the turns that trip readers: 1999, 9999, `18uu`, a blank last position.

use crate::lab::simulator::grin::titles;
use crate::lab::simulator::seed::{DrawPurpose, SeedDraw};

const DATES: [(char, &str, &str); 8] = [
    ('s', "1887", "    "),
    ('s', "1999", "    "),
    ('m', "1990", "9999"),
    ('q', "18uu", "1900"),
    ('n', "uuuu", "uuuu"),
    ('r', "1976", "1901"),
    ('t', "2001", "2000"),
    ('s', "1650", "    "),
];
const LANGUAGES: [&str; 6] = ["eng", "fre", "ger", "rus", "chi", "heb"];
const SUBJECTS: [&str; 4] = ["Tides", "Geometry, Plane", "Travel, 19th century", "Optics"];

/// What the bibliographic record of a book says; the fields a client reads out of the METS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedRecord {
    /// Field 001.
    pub control_number: String,
    /// Field 008, 40 characters.
    pub fixed_field: String,
    /// Subfield 245 a.
    pub title: String,
    /// Subfield 245 b, where there is one.
    pub title_remainder: Option<String>,
    /// Subfield a of field 100, 110 or 111: the tag and the name.
    pub author: (&'static str, String),
    /// Subfields 020 a.
    pub isbn: Vec<String>,
    /// Subfields 035 a, of OCLC and others.
    pub system_numbers: Vec<String>,
    /// Subfields 650 a.
    pub subjects: Vec<String>,
    /// Subfield 010 a.
    pub lccn: String,
    /// Subfield 050 a.
    pub call_number: String,
}

/// The record of book number `index`.
pub(crate) fn record(seed: u64, index: u32) -> SimulatedRecord {
    let mut draw = SeedDraw::new(seed, DrawPurpose::Record, u64::from(index));
    let title = titles::title(seed, index);
    let number = u64::from(index);
    SimulatedRecord {
        control_number: format!("99{number:010}"),
        fixed_field: fixed_field(&mut draw),
        title: if title.is_empty() { "[Untitled]".into() } else { title },
        title_remainder: draw.once_in(3).then(|| "being a true account, with maps".into()),
        author: author(&mut draw),
        isbn: (0..draw.below(3))
            .map(|n| format!("0{:08}{n} (v. {n}, cloth)", draw.below(100_000_000)))
            .collect(),
        system_numbers: vec![
            format!("(OCoLC)ocm{:08}", draw.below(100_000_000)),
            format!("(LIB){number}"),
        ],
        subjects: (0..draw.pick(SUBJECTS.len() + 1)).map(|n| SUBJECTS[n].into()).collect(),
        lccn: format!("   {:08} ", draw.below(100_000_000)),
        call_number: format!("QA{}", draw.below(900) + 1),
    }
}

fn fixed_field(draw: &mut SeedDraw) -> String {
    let (kind, first, second) = DATES[draw.pick(DATES.len())];
    let language = LANGUAGES[draw.pick(LANGUAGES.len())];
    let last = if draw.once_in(4) { ' ' } else { 'd' };
    format!("870101{kind}{first}{second}enk{:17}{language} {last}", "")
}

fn author(draw: &mut SeedDraw) -> (&'static str, String) {
    match draw.below(6) {
        0 => ("110", "Society for Tides".into()),
        1 => ("111", "Congress of Geometers".into()),
        _ => ("100", "Doe, Jane, 1850-1901.".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_field_has_forty_places() {
        assert!((0..200).all(|index| record(2, index).fixed_field.chars().count() == 40));
    }
}
