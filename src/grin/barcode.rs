//! The name of a volume, and how it is written in addresses, object keys and file names.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

/// A volume's barcode: 3 to 50 ASCII letters, digits, `-`, `_`, `$` or `+` (PROTOCOL.md, section 1).
///
/// The first character is neither `-`, so that no barcode is taken for an option of a command, nor `_`, with which the
/// names of GRIN's lists begin.
///
/// `$` and `+` mean something of their own in addresses, in a shell and to some object stores, so they are encoded:
///
/// | written in | encoding | `$B988123` | by |
/// |---|---|---|---|
/// | addresses, form bodies | percent-encoding (RFC 3986) | `%24B988123` | [`Barcode::for_address`] |
/// | object keys, file names | `=` and two hexadecimal digits | `=24B988123` | [`Barcode::for_key`] |
/// | catalog, exports, logs, lists of barcodes | none | `$B988123` | `Display` |
///
/// A barcode without these two characters is written the same everywhere. `=` is used for keys because no barcode has
/// it, because file systems and object stores take it, and because a `%` in a key would be encoded once more in the
/// address of the object.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Barcode(Arc<str>);

/// Why a text is no barcode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadBarcode {
    /// Fewer than 3 or more than 50 characters.
    #[error("a barcode has 3 to 50 characters, this has {0}")]
    Length(usize),
    /// A character that no barcode has.
    #[error("a barcode has only letters, digits and the characters - _ $ +, this has {0:?}")]
    Character(char),
    /// `-` or `_` in front.
    #[error("a barcode does not begin with {0:?}: that would be an option or a list's name")]
    Leading(char),
    /// A word of which a list makes use where it names no volume (`placeholder.rs`).
    #[error("{0:?} is a word that names no volume")]
    Placeholder(Box<str>),
}

impl Barcode {
    /// Checks a text and takes it as a barcode; nothing is trimmed or changed.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, BadBarcode> {
        if let Some(bad) = text.chars().find(|c| !is_name_character(*c)) {
            return Err(BadBarcode::Character(bad));
        }
        if !(3..=50).contains(&text.len()) {
            return Err(BadBarcode::Length(text.len()));
        }
        match text.chars().next() {
            Some(first @ ('-' | '_')) => Err(BadBarcode::Leading(first)),
            _ => Ok(Self(text.into())),
        }
    }

    /// As a part of an address or of a form's body: `$` is `%24`, `+` is `%2B`.
    pub fn for_address(&self) -> Cow<'_, str> {
        for_address(&self.0)
    }

    /// As a part of an object key or a file name: `$` is `=24`, `+` is `=2B`.
    pub fn for_key(&self) -> Cow<'_, str> {
        encoded(&self.0, '=')
    }

    /// The barcode that [`Barcode::for_key`] wrote; `None` for any other text.
    pub fn of_key(text: &str) -> Option<Self> {
        let mut plain = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('=') {
            let (code, after) = after.split_at_checked(2)?;
            plain.push_str(before);
            plain.push(u8::from_str_radix(code, 16).ok()?.into());
            rest = after;
        }
        plain.push_str(rest);
        // Another spelling of the same barcode (`=2b`, `=41`) is not ours.
        Self::parse(&plain).ok().filter(|barcode| barcode.for_key() == text)
    }

    /// The barcode as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A set of barcodes can be asked for a text.
impl Borrow<str> for Barcode {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Whether barcodes and names of archives may have this character.
pub(super) fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$' | '+')
}

/// A barcode's or archive's name as a part of an address.
pub(super) fn for_address(name: &str) -> Cow<'_, str> {
    encoded(name, '%')
}

/// The name with `$` and `+` as `escape` and two hexadecimal digits; all other characters stay.
fn encoded(name: &str, escape: char) -> Cow<'_, str> {
    if !name.contains(['$', '+']) {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len() + 8);
    for c in name.chars() {
        if matches!(c, '$' | '+') {
            // Writing to a `String` cannot fail.
            let _ = write!(out, "{escape}{:02X}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

impl fmt::Display for Barcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Barcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Barcode {
    type Error = BadBarcode;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Barcode> for String {
    fn from(barcode: Barcode) -> Self {
        barcode.0.as_ref().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seen_forms_are_taken() {
        for good in [
            "39015012345678",
            "HVD1A2",
            "W1PD-I1PD4",
            "a_b",
            "$B988123",
            "+Z170669505",
        ] {
            assert_eq!(Barcode::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn an_option_or_a_lists_name_is_no_barcode() {
        assert_eq!(Barcode::parse("--force"), Err(BadBarcode::Leading('-')));
        assert_eq!(Barcode::parse("_all_books"), Err(BadBarcode::Leading('_')));
    }

    #[test]
    fn each_place_has_its_encoding_and_keys_lead_back() {
        for (barcode, address, key) in [
            ("$B988123", "%24B988123", "=24B988123"),
            ("+Z204417703", "%2BZ204417703", "=2BZ204417703"),
            ("A$+B", "A%24%2BB", "A=24=2BB"),
            ("W1PD-I_4", "W1PD-I_4", "W1PD-I_4"),
        ] {
            let parsed = Barcode::parse(barcode).unwrap();
            assert_eq!(
                (parsed.for_address().as_ref(), parsed.for_key().as_ref()),
                (address, key)
            );
            assert_eq!(Barcode::of_key(key), Some(parsed));
        }
        for other in ["=2bZ204417703", "=41BC", "A=", "A=2", "A=é1", "=2FBC", "$B988123", "ab"] {
            assert_eq!(Barcode::of_key(other), None, "{other}");
        }
    }

    #[test]
    fn what_could_leave_the_store_is_refused() {
        assert_eq!(Barcode::parse("../etc"), Err(BadBarcode::Character('.')));
        assert_eq!(Barcode::parse("a/b/c"), Err(BadBarcode::Character('/')));
        assert_eq!(Barcode::parse("ab"), Err(BadBarcode::Length(2)));
        assert_eq!(Barcode::parse(&"a".repeat(300)), Err(BadBarcode::Length(300)));
        assert_eq!(Barcode::parse("١٢٣٤"), Err(BadBarcode::Character('١')));
    }
}
