//! Attributes of a METS's elements, and references that stand for no character.

use std::borrow::Cow;

use quick_xml::escape::unescape;
use quick_xml::events::BytesStart;

use crate::archive::mets::walk::WalkEnd;

/// What a section says that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SectionSchema {
    /// A MARC record: MDTYPE="MARC", or MDTYPE="OTHER" with a name of MARC's beside it.
    Marc,
    /// It does not say, or in words that are not known: what is in it tells.
    Unknown,
    /// Another schema, by its name in METS.
    Other,
}

/// What is announced.
pub(super) fn schema_of(tag: &BytesStart<'_>) -> Result<SectionSchema, WalkEnd> {
    let (kind, other) = (attribute(tag, b"MDTYPE")?, attribute(tag, b"OTHERMDTYPE")?);
    Ok(schema(kind.as_deref(), other.as_deref()))
}

fn schema(kind: Option<&str>, other: Option<&str>) -> SectionSchema {
    const MARC: [&str; 5] = ["MARC", "MARCXML", "MARC21", "MARC21XML", "MARC-XML"];
    let kind = kind.unwrap_or_default().trim().to_ascii_uppercase();
    let is_marc = |word: &str| MARC.iter().any(|known| word.trim().eq_ignore_ascii_case(known));
    match kind.as_str() {
        "MARC" => SectionSchema::Marc,
        "OTHER" if other.is_some_and(is_marc) => SectionSchema::Marc,
        "OTHER" | "" => SectionSchema::Unknown,
        kind if kind.contains("MARC") => SectionSchema::Unknown,
        _ => SectionSchema::Other,
    }
}

/// An attribute by its local name.
pub(super) fn attribute(tag: &BytesStart<'_>, name: &[u8]) -> Result<Option<String>, WalkEnd> {
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| WalkEnd::Malformed(error.to_string()))?;
        if attribute.key.local_name().as_ref() == name && !attribute.key.as_ref().starts_with(b"xmlns") {
            let raw = String::from_utf8_lossy(&attribute.value);
            let known = with_zeros(&raw);
            let value = unescape(&known).map_err(|error| WalkEnd::Malformed(error.to_string()))?;
            return Ok(Some(value.into_owned()));
        }
    }
    Ok(None)
}

/// An attribute that names a book or a file, without the zeros, which no such name has.
pub(super) fn name_attribute(tag: &BytesStart<'_>, name: &[u8]) -> Result<Option<String>, WalkEnd> {
    let value = attribute(tag, name)?;
    Ok(value.map(|value| value.replace('\0', "")))
}

/// A number in a reference that stands for no character: zero, half of a surrogate pair, or beyond the last one.
pub(super) fn names_no_character(number: &[u8]) -> bool {
    let (digits, radix) = match number.strip_prefix(b"x") {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    let is_number = !digits.is_empty() && digits.iter().all(|digit| char::from(*digit).is_digit(radix));
    let text = std::str::from_utf8(digits).ok();
    let value = text.and_then(|digits| u32::from_str_radix(digits, radix).ok());
    is_number && value.and_then(char::from_u32).is_none_or(|character| character == '\0')
}

/// An attribute's text, each reference that stands for no character made a zero, which is removed with the other forbidden ones.
fn with_zeros(raw: &str) -> Cow<'_, str> {
    if !raw.contains("&#") {
        return Cow::Borrowed(raw);
    }
    let mut parts = raw.split("&#");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(';') {
            Some((number, rest)) if names_no_character(number.as_bytes()) => text.extend(["\0", rest]),
            _ => text.extend(["&#", part]),
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use SectionSchema::{Marc, Other, Unknown};

    #[test]
    fn only_another_schema_by_its_name_rules_out_a_record() {
        for (kind, other, expected) in [
            (Some("MARC"), None, Marc),
            (Some(" marc "), Some("x"), Marc),
            (Some("OTHER"), Some("MARCXML"), Marc),
            (Some("OTHER"), Some("MARC 21"), Unknown),
            (Some("OTHER"), Some("Bibliographic"), Unknown),
            (Some("OTHER"), None, Unknown),
            (Some("MARC21"), None, Unknown),
            (None, None, Unknown),
            (Some("DC"), None, Other),
            (Some("MODS"), Some("MARC"), Other),
            (Some("PREMIS"), None, Other),
        ] {
            assert_eq!(schema(kind, other), expected, "{kind:?} {other:?}");
        }
    }
}
