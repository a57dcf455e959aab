//! A MARC record in its binary form (ISO 2709), as it may stand in `mets:binData`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::archive::mets::record::{DataField, MarcRecord};

/// Ends a field.
const FIELD_END: u8 = 0x1e;
/// Begins a subfield.
const SUBFIELD: u8 = 0x1f;
const ESCAPE: u8 = 0x1b;
/// Bytes of the leader, and of one entry of the directory behind it.
const LEADER: usize = 24;
const ENTRY: usize = 12;

/// Reads a record out of the text of a `binData` element. The error says in what form it is.
pub(super) fn read_base64(text: &str) -> Result<MarcRecord, String> {
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(packed).map_err(|_| "not base64".to_owned())?;
    read(&bytes)
}

fn read(bytes: &[u8]) -> Result<MarcRecord, String> {
    let is_utf8 = bytes.get(9) == Some(&b'a');
    // MARC-8 writes scripts other than Latin in ASCII's own bytes, behind an escape.
    let is_ascii = bytes.is_ascii() && !bytes.contains(&ESCAPE);
    if !is_utf8 && !is_ascii {
        return Err("binary MARC in the MARC-8 character set".to_owned());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "binary MARC that is not UTF-8".to_owned())?;
    record(text).ok_or_else(|| "not binary MARC (ISO 2709)".to_owned())
}

fn record(text: &str) -> Option<MarcRecord> {
    let base: usize = text.get(12..17)?.parse().ok()?;
    let directory = text.get(LEADER..base)?.strip_suffix(char::from(FIELD_END))?;
    let mut record = MarcRecord {
        leader: text.get(..LEADER)?.to_owned(),
        ..MarcRecord::default()
    };
    if directory.len() % ENTRY != 0 {
        return None;
    }
    for entry in (0..directory.len()).step_by(ENTRY) {
        let part = |from: usize, to: usize| directory.get(entry + from..entry + to);
        let number = |text: &str| text.parse::<usize>().ok();
        let (tag, length, start) = (part(0, 3)?, number(part(3, 7)?)?, number(part(7, 12)?)?);
        let from = base.checked_add(start)?;
        let field = text
            .get(from..from.checked_add(length)?)?
            .trim_end_matches(char::from(FIELD_END));
        if !record.has_room(field.len()) {
            return None;
        }
        if tag.starts_with("00") {
            record.control.push((tag.to_owned(), field.to_owned()));
        } else {
            record.data.push(data_field(tag, field));
        }
    }
    Some(record)
}

fn data_field(tag: &str, field: &str) -> DataField {
    let mut parts = field.split(char::from(SUBFIELD));
    let mut indicators = parts.next().unwrap_or_default().chars().map(String::from);
    let subfield = |part: &str| {
        let mut characters = part.chars();
        let code = characters.next().map(String::from).unwrap_or_default();
        (code, characters.as_str().to_owned())
    };
    DataField {
        tag: tag.to_owned(),
        ind1: indicators.next().unwrap_or_default(),
        ind2: indicators.next().unwrap_or_default(),
        subfields: parts.map(subfield).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &[u8] =
        b"00082nam a2200049 a 4500001001300000245001900013\x1e990000880011\x1e10\x1faMosses, a list\x1e\x1d";

    #[test]
    fn a_record_is_read_field_by_field() {
        let packed = STANDARD.encode(RECORD);
        let (front, back) = packed.split_at(20);
        let record = read_base64(&format!("\n  {front}\n  {back}\n")).unwrap();
        assert_eq!(record.control, [("001".to_owned(), "990000880011".to_owned())]);
        let field = &record.data[0];
        assert_eq!(
            (field.tag.as_str(), field.ind1.as_str(), field.ind2.as_str()),
            ("245", "1", "0")
        );
        assert_eq!(field.subfields, [("a".to_owned(), "Mosses, a list".to_owned())]);
    }

    #[test]
    fn what_cannot_be_read_says_what_it_is() {
        let mut marc8 = RECORD.to_vec();
        marc8[9] = b' ';
        marc8[75] = 0xe1;
        let mut escaped = RECORD.to_vec();
        escaped[9] = b' ';
        escaped[75] = ESCAPE;
        let mut torn = RECORD.to_vec();
        torn.truncate(60);
        let cases: [(&[u8], &str); 5] = [
            (&marc8, "MARC-8"),
            (&escaped, "MARC-8"),
            (&torn, "ISO 2709"),
            (b"", "ISO 2709"),
            (b"00082nam a2299999 a 4500\x1e", "ISO 2709"),
        ];
        for (bytes, expected) in cases {
            assert!(read(bytes).unwrap_err().contains(expected), "{bytes:x?}");
        }
        assert_eq!(read_base64("*").unwrap_err(), "not base64");
    }
}
