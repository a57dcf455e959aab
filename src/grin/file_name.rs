//! The name of an archive's file.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::grin::barcode::{for_address, is_name_character};
use crate::grin::{Barcode, LibraryDirectory};

/// What an archive's name ends with.
pub const ARCHIVE_SUFFIX: &str = ".tar.gz.gpg";

/// The name under which GRIN lists an archive: `<BARCODE>.tar.gz.gpg` or `<LIB>_<BARCODE>.tar.gz.gpg`
/// (PROTOCOL.md, section 1). It is requested exactly as listed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(Arc<str>);

/// Why a text is no archive's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFileName {
    /// Another ending.
    #[error("an archive's name ends with {ARCHIVE_SUFFIX}")]
    Suffix,
    /// Before the ending stands what could not be part of a barcode, or too little or too much of it.
    #[error("before {ARCHIVE_SUFFIX} an archive's name has 3 to 120 letters, digits and the characters - _ $ +")]
    Stem,
}

impl FileName {
    /// Checks a listed name; nothing is trimmed or changed.
    pub fn parse(text: &str) -> Result<Self, BadFileName> {
        let stem = text.strip_suffix(ARCHIVE_SUFFIX).ok_or(BadFileName::Suffix)?;
        let plain = stem.chars().all(is_name_character) && !stem.starts_with(['-', '_']);
        if !plain || !(3..=120).contains(&stem.len()) {
            return Err(BadFileName::Stem);
        }
        Ok(Self(text.into()))
    }

    /// The usual name of a volume's archive, for when no list has named it.
    pub fn of(barcode: &Barcode) -> Self {
        Self(format!("{barcode}{ARCHIVE_SUFFIX}").into())
    }

    /// What stands before the first `_`, which may be a prefix that is not the library's directory, and the barcode behind it.
    pub fn prefixed(&self) -> Option<(&str, Barcode)> {
        let (prefix, rest) = self.stem().split_once('_')?;
        Some((prefix, Barcode::listed(rest).ok()?))
    }

    /// Whether it may be the name of this volume's archive: its barcode, or that behind a prefix.
    pub(super) fn may_be_of(&self, barcode: &Barcode) -> bool {
        self.stem() == barcode.as_str() || self.prefixed().is_some_and(|(_, behind)| behind == *barcode)
    }

    /// The name without its ending.
    pub fn stem(&self) -> &str {
        self.0.strip_suffix(ARCHIVE_SUFFIX).unwrap_or(&self.0)
    }

    /// The volume's barcode: without the ending, and without the library's prefix if there is one.
    pub fn barcode(&self, library: &LibraryDirectory) -> Result<Barcode, crate::grin::BadBarcode> {
        let stem = self.stem();
        without_prefix(stem, library)
            .and_then(|rest| Barcode::parse(rest).ok())
            .map_or_else(|| Barcode::parse(stem), Ok)
    }

    /// As a part of an address: `$` is `%24`, `+` is `%2B`.
    pub fn for_address(&self) -> Cow<'_, str> {
        for_address(&self.0)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn without_prefix<'a>(stem: &'a str, library: &LibraryDirectory) -> Option<&'a str> {
    let (prefix, rest) = stem.split_at_checked(library.as_str().len())?;
    prefix
        .eq_ignore_ascii_case(library.as_str())
        .then(|| rest.strip_prefix('_'))?
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for FileName {
    type Error = BadFileName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0.as_ref().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn barcode_of_a_listed_name() {
        let library = LibraryDirectory::parse("TESTLIB").unwrap();
        let cases = [
            ("TL0000000001.tar.gz.gpg", "TL0000000001"),
            ("TESTLIB_TL0000000001.tar.gz.gpg", "TL0000000001"),
            ("testlib_TL0000000001.tar.gz.gpg", "TL0000000001"),
            ("OTHER_TL0000000001.tar.gz.gpg", "OTHER_TL0000000001"),
            ("TESTLIB_ab.tar.gz.gpg", "TESTLIB_ab"),
            ("TESTLIB1.tar.gz.gpg", "TESTLIB1"),
            ("TESTLIB_$B988123.tar.gz.gpg", "$B988123"),
            ("+Z204417703.tar.gz.gpg", "+Z204417703"),
        ];
        for (name, barcode) in cases {
            let name = FileName::parse(name).unwrap();
            assert_eq!(name.barcode(&library).unwrap().as_str(), barcode);
        }
    }

    #[test]
    fn a_prefix_may_be_another_one_than_the_directory() {
        for (name, expected) in [
            ("TL0000000001", None),
            ("EXU_TL0000000001", Some(("EXU", "TL0000000001"))),
            ("A_B_123", Some(("A", "B_123"))),
            ("EXU_ab", None),
            ("EXU__123", None),
            ("EXU_$B988123", Some(("EXU", "$B988123"))),
        ] {
            let file = FileName::parse(&format!("{name}{ARCHIVE_SUFFIX}")).unwrap();
            let prefixed = file.prefixed();
            let found = prefixed.as_ref().map(|(prefix, barcode)| (*prefix, barcode.as_str()));
            assert_eq!(found, expected, "{name}");
            assert!(prefixed.is_none_or(|(_, barcode)| file.may_be_of(&barcode)), "{name}");
            assert!(file.may_be_of(&Barcode::parse(name).unwrap()), "{name}");
            assert!(!file.may_be_of(&Barcode::parse("TL0000000002").unwrap()), "{name}");
        }
    }

    #[test]
    fn names_that_could_leave_the_library_are_refused() {
        for bad in [
            "../x.tar.gz.gpg",
            "a/b.tar.gz.gpg",
            "a..tar.gz.gpg",
            "a b.tar.gz.gpg",
            ".tar.gz.gpg",
            "-rf.tar.gz.gpg",
            "_all_books.tar.gz.gpg",
        ] {
            assert_eq!(FileName::parse(bad), Err(BadFileName::Stem), "{bad}");
        }
        assert_eq!(FileName::parse("abc.tar.gz"), Err(BadFileName::Suffix));
        assert_eq!(FileName::parse("abc.tar.gz.gpg?x"), Err(BadFileName::Suffix));
    }

    #[test]
    fn a_built_name_has_no_prefix() {
        let barcode = Barcode::parse("TL0000000001").unwrap();
        assert_eq!(FileName::of(&barcode).as_str(), "TL0000000001.tar.gz.gpg");
    }
}
