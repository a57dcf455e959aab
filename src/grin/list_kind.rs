//! The lists that GRIN keeps of a library's volumes.

use url::Url;

use crate::grin::{LibraryDirectory, ListForm};

/// One of GRIN's lists (PROTOCOL.md, section 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ListKind {
    /// `_all_books`: every volume, in any state.
    AllBooks,
    /// `_available`: conversion can be asked for.
    Available,
    /// `_in_process`: conversion asked for, not done.
    InProcess,
    /// `_converted`: ready to be fetched; names files instead of barcodes.
    Converted,
    /// `_failed`: conversion failed.
    Failed,
}

impl ListKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::AllBooks,
        Self::Available,
        Self::InProcess,
        Self::Converted,
        Self::Failed,
    ];

    /// The last part of the list's address.
    pub fn path(self) -> &'static str {
        match self {
            Self::AllBooks => "_all_books",
            Self::Available => "_available",
            Self::InProcess => "_in_process",
            Self::Converted => "_converted",
            Self::Failed => "_failed",
        }
    }

    /// The forms in which the list may be had, the confirmed one first (PROTOCOL.md, sections 1, 4 and 5). `_available` and
    /// `_in_process` have been read by other programs as text; nobody has described them as pages.
    pub fn forms(self) -> [ListForm; 2] {
        match self {
            Self::AllBooks | Self::Converted | Self::Failed => [ListForm::Html, ListForm::TextAll],
            Self::Available | Self::InProcess => [ListForm::TextAll, ListForm::Html],
        }
    }

    /// The list and the library that an address `…/<LIB>/<LIST>` names.
    pub fn of_address(url: &Url) -> Option<(Self, LibraryDirectory)> {
        let mut parts = url.path_segments()?.rev();
        let last = parts.next()?;
        let kind = Self::ALL.into_iter().find(|kind| kind.path() == last)?;
        Some((kind, LibraryDirectory::parse(parts.next()?).ok()?))
    }
}

impl std::fmt::Display for ListKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_its_list() {
        let of = |text: &str| ListKind::of_address(&Url::parse(text).unwrap());
        let library = LibraryDirectory::parse("TESTLIB").unwrap();
        for kind in ListKind::ALL {
            let url = format!("https://books.google.com/libraries/TESTLIB/{}?first=3", kind.path());
            assert_eq!(of(&url), Some((kind, library.clone())));
        }
        assert_eq!(of("https://books.google.com/libraries/TESTLIB/_process"), None);
        assert_eq!(of("data:_failed"), None);
    }
}
