//! The fields of a MARC record that go to the catalog (src/grin/PROTOCOL.md, sections 9 and 13).

use crate::archive::mets::record::MarcRecord;
use crate::vocabulary::MarcFields;

impl MarcFields {
    /// Takes the fields out of a record.
    pub(super) fn of(record: &MarcRecord) -> Self {
        let fixed = record.control("008").map(fixed_field).unwrap_or_default();
        Self {
            marc_control_number: record.control("001").and_then(filled),
            marc_date_type: positions(&fixed, 6, 1).filter(|code| is_known(code)),
            marc_date_1: positions(&fixed, 7, 4).filter(|date| is_known(date)),
            marc_date_2: positions(&fixed, 11, 4).filter(|date| is_known(date)),
            marc_language: positions(&fixed, 35, 3).filter(|code| code.bytes().all(|c| c.is_ascii_alphabetic())),
            marc_lccn: record.first("010", "a"),
            marc_lc_call_number: record.all("050", "a"),
            marc_isbn: record.all("020", "a"),
            marc_oclc_numbers: record
                .all("035", "a")
                .into_iter()
                .filter(|number| number.contains("(OCoLC)"))
                .collect(),
            marc_title: record.first("245", "a"),
            marc_title_remainder: record.first("245", "b"),
            marc_author_personal: record.first("100", "a"),
            marc_author_corporate: record.first("110", "a"),
            marc_author_meeting: record.first("111", "a"),
            marc_subjects: without_full_stops(record.all("650", "a")),
            marc_genres: without_full_stops(record.all("655", "a")),
            marc_general_note: record.all("500", "a"),
        }
    }
}

impl MarcRecord {
    fn control(&self, tag: &str) -> Option<&str> {
        self.control
            .iter()
            .find(|(name, _)| name == tag)
            .map(|(_, value)| value.as_str())
    }

    fn all(&self, tag: &str, code: &str) -> Vec<String> {
        let fields = self.data.iter().filter(|field| field.tag == tag);
        let subfields = fields
            .flat_map(|field| &field.subfields)
            .filter(|(name, _)| name == code);
        subfields.filter_map(|(_, value)| filled(value)).collect()
    }

    fn first(&self, tag: &str, code: &str) -> Option<String> {
        self.all(tag, code).into_iter().next()
    }
}

/// The text without white space round it and with one blank for each white space inside, if anything is left: line breaks
/// and indentation come from the writer of the XML.
fn filled(text: &str) -> Option<String> {
    let parts = text
        .trim()
        .split([' ', '\t', '\r', '\n'])
        .filter(|part| !part.is_empty());
    let text = parts.collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

/// The 40 positions of field 008. Blanks count, also at its end; only a line break and indentation that a pretty printer
/// put round the value do not.
fn fixed_field(value: &str) -> Vec<char> {
    let value = match value.trim_start_matches([' ', '\t', '\r', '\n']) {
        rest if value[..value.len() - rest.len()].contains('\n') => rest,
        _ => value,
    };
    value.chars().take_while(|c| *c != '\n').collect()
}

/// So many positions from `start`; `None` where the field is too short to have them all.
fn positions(field: &[char], start: usize, count: usize) -> Option<String> {
    field.get(start..start + count).map(|part| part.iter().collect())
}

/// False for blanks, which some write as other signs, and fill characters alone.
fn is_known(text: &str) -> bool {
    text.chars().any(|c| !matches!(c, ' ' | '|' | '#' | '^' | '\\'))
}

fn without_full_stops(values: Vec<String>) -> Vec<String> {
    values
        .into_iter()
        .filter_map(|value| filled(value.trim_end_matches('.')))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_008(value: &str) -> MarcFields {
        MarcFields::of(&MarcRecord {
            control: vec![("008".to_owned(), value.to_owned())],
            ..MarcRecord::default()
        })
    }

    fn dates(marc: &MarcFields) -> (Option<&str>, Option<&str>, Option<&str>, Option<&str>) {
        let MarcFields {
            marc_date_type,
            marc_date_1,
            marc_date_2,
            marc_language,
            ..
        } = marc;
        (
            marc_date_type.as_deref(),
            marc_date_1.as_deref(),
            marc_date_2.as_deref(),
            marc_language.as_deref(),
        )
    }

    #[test]
    fn field_008_is_read_by_position() {
        let cases = [
            // 1999 and 9999 are dates like others, 18uu is what the library knows.
            (
                "990101m19999999enk                 eng d",
                (Some("m"), Some("1999"), Some("9999"), Some("eng")),
            ),
            (
                "870101q18uu19uuenk                 lat d",
                (Some("q"), Some("18uu"), Some("19uu"), Some("lat")),
            ),
            // A blank in the last position is a position too.
            (
                "870101s1887    enk                 eng  ",
                (Some("s"), Some("1887"), None, Some("eng")),
            ),
            // Short: what is there is there.
            ("870101s1887", (Some("s"), Some("1887"), None, None)),
            ("870101s188", (Some("s"), None, None, None)),
            ("", (None, None, None, None)),
            // Fill characters say nothing.
            ("870101||||||||||||||||||||||||||||||||||", (None, None, None, None)),
            (
                "870101n                               |d",
                (Some("n"), None, None, None),
            ),
            // A tool's sign for a blank.
            (
                "870101s1887\\\\\\\\enk                 eng d",
                (Some("s"), Some("1887"), None, Some("eng")),
            ),
            // A pretty printer's indentation does not count.
            (
                "\n    870101s1887    enk                 eng d\n  ",
                (Some("s"), Some("1887"), None, Some("eng")),
            ),
            // Characters count, not bytes.
            (
                "8701é1s1887    enk                 eng d",
                (Some("s"), Some("1887"), None, Some("eng")),
            ),
        ];
        for (value, expected) in cases {
            assert_eq!(dates(&with_008(value)), expected, "{value:?}");
        }
    }
}
