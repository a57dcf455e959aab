//! What catalog and storage do not agree about, and how much was compared.

use serde::Serialize;

/// What catalog and storage do not agree about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ListingFault {
    /// A recorded object is not in the storage.
    Missing,
    /// An archive is of another size than recorded.
    Damaged,
    /// An object that belongs to nothing that the catalog knows.
    Unknown,
    /// Nothing can be said while the book is being stored anew.
    CouldNotCheck,
}

impl ListingFault {
    /// Its word in JSON and for people.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Damaged => "damaged",
            Self::Unknown => "unknown",
            Self::CouldNotCheck => "could_not_check",
        }
    }
}

/// One object about which they do not agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ListingFinding {
    /// What is wrong.
    pub outcome: ListingFault,
    /// The book, where it is one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub barcode: Option<String>,
    /// The object.
    pub key: String,
    /// What was seen, in words.
    pub detail: String,
    /// The catalog was mended.
    pub repaired: bool,
}

/// How much was compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ListingCounts {
    /// Books of which an archive is recorded.
    pub books: u64,
    /// Objects in the storage.
    pub objects: u64,
}
