//! Attributes of a METS's elements, and references that stand for no character.

use std::borrow::Cow;

use quick_xml::escape::unescape;
use quick_xml::events::BytesStart;

use crate::archive::mets::walk::WalkEnd;

/// Is a MARC record announced? As MDTYPE="MARC", or as MDTYPE="OTHER" with a name of MARC's beside it.
pub(super) fn announces_marc(tag: &BytesStart<'_>) -> Result<bool, WalkEnd> {
    let is = |value: Option<String>, words: &[&str]| {
        value.is_some_and(|value| words.iter().any(|word| value.trim().eq_ignore_ascii_case(word)))
    };
    let kind = attribute(tag, b"MDTYPE")?;
    if is(kind.clone(), &["MARC"]) {
        return Ok(true);
    }
    let other = attribute(tag, b"OTHERMDTYPE")?;
    Ok(is(kind, &["OTHER"]) && is(other, &["MARC", "MARCXML", "MARC21", "MARC21XML", "MARC-XML"]))
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
