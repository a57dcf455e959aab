//! The name of a volume.

use std::fmt;
use std::sync::Arc;

/// A volume's barcode: 3 to 50 ASCII letters, digits, hyphens or underscores (PROTOCOL.md, section 1).
///
/// The only way to make one is [`Barcode::parse`], so a `Barcode` can be put into file names and addresses as it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Barcode(Arc<str>);

/// Why a text is no barcode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadBarcode {
    /// Fewer than 3 or more than 50 characters.
    #[error("a barcode has 3 to 50 characters, this has {0}")]
    Length(usize),
    /// Something else than an ASCII letter, digit, hyphen or underscore.
    #[error("a barcode has only letters, digits, hyphens and underscores, this has {0:?}")]
    Character(char),
}

impl Barcode {
    /// Checks a text and takes it as a barcode; nothing is trimmed or changed.
    pub fn parse(text: &str) -> Result<Self, BadBarcode> {
        if let Some(bad) = text
            .chars()
            .find(|c| !(c.is_ascii_alphanumeric() || *c == '-' || *c == '_'))
        {
            return Err(BadBarcode::Character(bad));
        }
        if !(3..=50).contains(&text.len()) {
            return Err(BadBarcode::Length(text.len()));
        }
        Ok(Self(text.into()))
    }

    /// The barcode as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
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
        for good in ["39015012345678", "HVD1A2", "W1PD-I1PD4", "a_b"] {
            assert_eq!(Barcode::parse(good).unwrap().as_str(), good);
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
