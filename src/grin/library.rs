//! The name of a library's directory at GRIN.

use std::fmt;
use std::sync::Arc;

use crate::grin::Barcode;

/// A library's directory: letters, digits, hyphens, underscores, case-sensitive (PROTOCOL.md, section 1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LibraryDirectory(Arc<str>);

/// Why a text is no library directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLibrary {
    /// Nothing, or more than 64 characters.
    #[error("a library directory has 1 to 64 characters, this has {0}")]
    Length(usize),
    /// Something else than an ASCII letter, digit, hyphen or underscore.
    #[error("a library directory has only letters, digits, hyphens and underscores, this has {0:?}")]
    Character(char),
}

impl LibraryDirectory {
    /// Checks a text and takes it as a library directory; nothing is trimmed or changed.
    pub fn parse(text: &str) -> Result<Self, BadLibrary> {
        if let Some(bad) = text
            .chars()
            .find(|c| !(c.is_ascii_alphanumeric() || *c == '-' || *c == '_'))
        {
            return Err(BadLibrary::Character(bad));
        }
        if !(1..=64).contains(&text.len()) {
            return Err(BadLibrary::Length(text.len()));
        }
        Ok(Self(text.into()))
    }

    /// The directory's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// One name for a book of this library in all that is handed on, unlike those of other libraries' books. It is a URI: no character of a
    /// barcode has to be encoded in one.
    pub fn identifier_of(&self, barcode: &Barcode) -> String {
        format!("grin:{self}/{barcode}")
    }
}

impl fmt::Display for LibraryDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for LibraryDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for LibraryDirectory {
    type Error = BadLibrary;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<LibraryDirectory> for String {
    fn from(library: LibraryDirectory) -> Self {
        library.0.as_ref().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seen_directories_are_taken_and_paths_are_not() {
        for good in ["Harvard", "UOM", "PRNC", "a-b_c"] {
            assert_eq!(LibraryDirectory::parse(good).unwrap().as_str(), good);
        }
        assert_eq!(LibraryDirectory::parse(""), Err(BadLibrary::Length(0)));
        assert_eq!(LibraryDirectory::parse("a/../b"), Err(BadLibrary::Character('/')));
        assert_eq!(LibraryDirectory::parse("a b"), Err(BadLibrary::Character(' ')));
        assert_eq!(LibraryDirectory::parse(&"a".repeat(65)), Err(BadLibrary::Length(65)));
    }
}
