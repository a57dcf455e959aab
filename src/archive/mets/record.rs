//! A MARC record as it stands in MARCXML.

use std::fmt::Write;

use quick_xml::escape::escape;
use serde::{Deserialize, Serialize};

/// Bytes of text and tags that one record may hold.
const RECORD_BYTES: usize = 1 << 20;

/// A bibliographic record, fields in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MarcRecord {
    pub(super) leader: String,
    /// Tag and value of the fields 001 to 009, not trimmed: positions count.
    pub(super) control: Vec<(String, String)>,
    pub(super) data: Vec<DataField>,
    /// The attribute `type` of its element, such as `Bibliographic` or `Holdings`.
    pub(super) kind: String,
    /// Bytes kept so far.
    pub(super) bytes: usize,
}

/// How much a MARC record says of its book.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordParts {
    /// Its leader is not blank.
    pub has_leader: bool,
    /// It has a control number (001).
    pub has_control_number: bool,
    /// It has a title (245).
    pub has_title: bool,
    /// Fields with something in them.
    pub fields: u64,
}

/// What a record describes; of several records the first of the first kind here counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MarcKind {
    Bibliographic,
    /// Holdings, authority, classification or community data, which say little of the book itself.
    Other,
}

/// A field with indicators and subfields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DataField {
    pub(super) tag: String,
    pub(super) ind1: String,
    pub(super) ind2: String,
    pub(super) subfields: Vec<(String, String)>,
}

impl MarcRecord {
    /// It has a leader and fields, as no record of another schema has.
    pub(super) fn has_fields(&self) -> bool {
        !self.leader.is_empty() && !self.data.is_empty()
    }

    /// Counts bytes that are about to be kept; false if they are too many for a record.
    pub(super) fn has_room(&mut self, bytes: usize) -> bool {
        self.bytes += bytes + 16;
        self.bytes <= RECORD_BYTES
    }

    /// How much it says; what is blank says nothing.
    pub(super) fn parts(&self) -> RecordParts {
        let is_filled = |text: &String| !text.trim().is_empty();
        let control = self.control.iter().filter(|(_, value)| is_filled(value));
        let data = self.data.iter();
        let data = data.filter(|field| field.subfields.iter().any(|(_, value)| is_filled(value)));
        RecordParts {
            has_leader: is_filled(&self.leader),
            has_control_number: control.clone().any(|(tag, _)| tag == "001"),
            has_title: data.clone().any(|field| field.tag == "245"),
            fields: (control.count() + data.count()) as u64,
        }
    }

    /// By the element's attribute, else by the type in the leader (position 6).
    pub(super) fn kind(&self) -> MarcKind {
        let is_other = match self.kind.as_str() {
            "" => matches!(
                self.leader.chars().nth(6),
                Some('u' | 'v' | 'w' | 'x' | 'y' | 'z' | 'q')
            ),
            kind => !kind.eq_ignore_ascii_case("Bibliographic"),
        };
        if is_other {
            MarcKind::Other
        } else {
            MarcKind::Bibliographic
        }
    }

    /// Removes the characters that XML 1.0 forbids, so that the record can be written; gives how many there were.
    pub(super) fn remove_forbidden(&mut self) -> usize {
        let mut removed = remove_forbidden(&mut self.leader);
        for (tag, value) in &mut self.control {
            removed += remove_forbidden(tag) + remove_forbidden(value);
        }
        for field in &mut self.data {
            removed += [&mut field.tag, &mut field.ind1, &mut field.ind2]
                .into_iter()
                .map(remove_forbidden)
                .sum::<usize>();
            for (code, value) in &mut field.subfields {
                removed += remove_forbidden(code) + remove_forbidden(value);
            }
        }
        removed
    }

    /// The record as a MARCXML document of its own, in the default namespace.
    pub(super) fn to_xml(&self) -> String {
        let mut xml = String::with_capacity(self.bytes + 1_024);
        xml.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        xml.push_str("<record xmlns=\"http://www.loc.gov/MARC21/slim\">\n");
        self.write_fields(&mut xml);
        xml.push_str("</record>\n");
        xml
    }

    fn write_fields(&self, xml: &mut String) {
        let mut line = |args: std::fmt::Arguments<'_>| xml.write_fmt(args).unwrap_or_default();
        if !self.leader.is_empty() {
            line(format_args!("  <leader>{}</leader>\n", escape(self.leader.as_str())));
        }
        for (tag, value) in &self.control {
            line(format_args!(
                "  <controlfield tag=\"{}\">{}</controlfield>\n",
                escape(tag.as_str()),
                escape(value.as_str())
            ));
        }
        for field in &self.data {
            // An indicator is one character, a blank where nothing is given.
            let indicator = |text: &String| text.chars().next().unwrap_or(' ').to_string();
            let tags = [field.tag.clone(), indicator(&field.ind1), indicator(&field.ind2)];
            let [tag, ind1, ind2] = tags.each_ref().map(|text| escape(text.as_str()));
            line(format_args!(
                "  <datafield tag=\"{tag}\" ind1=\"{ind1}\" ind2=\"{ind2}\">\n"
            ));
            for (code, value) in &field.subfields {
                line(format_args!(
                    "    <subfield code=\"{}\">{}</subfield>\n",
                    escape(code.as_str()),
                    escape(value.as_str())
                ));
            }
            line(format_args!("  </datafield>\n"));
        }
    }
}

/// Removes what XML 1.0 does not allow even as a reference: most control characters, and two that are none.
fn remove_forbidden(text: &mut String) -> usize {
    let before = text.chars().count();
    text.retain(|c| !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}'));
    before - text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_said_by_the_attribute_then_by_the_leader() {
        let record = |kind: &str, leader: &str| MarcRecord {
            kind: kind.to_owned(),
            leader: leader.to_owned(),
            ..MarcRecord::default()
        };
        let cases = [
            ("", "00512nam a2200157 a 4500", MarcKind::Bibliographic),
            ("", "00512nx  a2200157 a 4500", MarcKind::Other),
            ("", "", MarcKind::Bibliographic),
            ("Holdings", "00512nam a2200157 a 4500", MarcKind::Other),
            ("bibliographic", "00512nx  a2200157 a 4500", MarcKind::Bibliographic),
        ];
        for (kind, leader, expected) in cases {
            assert_eq!(record(kind, leader).kind(), expected, "{kind:?} {leader:?}");
        }
    }

    #[test]
    fn what_is_blank_is_no_part() {
        let record = |leader: &str, number: &str, title: &str| MarcRecord {
            leader: leader.to_owned(),
            control: vec![("001".to_owned(), number.to_owned())],
            data: vec![DataField {
                tag: "245".to_owned(),
                subfields: vec![("a".to_owned(), title.to_owned())],
                ..DataField::default()
            }],
            ..MarcRecord::default()
        };
        for (record, [has_leader, has_control_number, has_title], fields) in [
            (record("00512nam", "ocm1", "Title"), [true; 3], 2),
            (record("  ", "ocm1", "Title"), [false, true, true], 2),
            (record("00512nam", "", "\n"), [true, false, false], 0),
            (MarcRecord::default(), [false; 3], 0),
        ] {
            let expected = RecordParts {
                has_leader,
                has_control_number,
                has_title,
                fields,
            };
            assert_eq!(record.parts(), expected, "{record:?}");
        }
    }

    #[test]
    fn forbidden_characters_go_and_all_others_stay() {
        let mut text = "a\0\u{8}\t\n\u{b}\r\u{1d}\u{7f}\u{85}\u{fffd}\u{fffe}\u{10ffff}b".to_owned();
        assert_eq!(remove_forbidden(&mut text), 5);
        assert_eq!(text, "a\t\n\r\u{7f}\u{85}\u{fffd}\u{10ffff}b");
    }
}
