//! What catalog and storage do not agree about, and how much was compared.

use serde::Serialize;

use crate::pipeline::fixity::owner::ObjectOwner;
use crate::storage::{BookObjectKind, ObjectKey};

/// What catalog and storage do not agree about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ListingFault {
    /// A recorded object is not in the storage.
    Missing,
    /// An archive is of another size than recorded, an object beside it of another than the manifest names, or a manifest is none.
    Damaged,
    /// An object that belongs to nothing that the catalog knows.
    Unknown,
    /// Nothing can be said: the book is being stored anew, or its record or manifest cannot be read.
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

/// Which object of a book it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ListingPart {
    /// Its archive.
    Archive,
    /// Its manifest.
    Manifest,
    /// What lies beside its archive: text, MARC record, index, and the archive as GRIN sent it.
    Companion,
    /// None of these.
    Other,
}

/// How the catalog was mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ListingRepair {
    /// What is stored is recorded.
    Recorded,
    /// The book is to be fetched again.
    FetchedAgain,
    /// What is missing or of another size beside its archive is to be made anew from that.
    MadeAnew,
}

impl ListingRepair {
    /// As a person is told it.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Recorded => "archive and manifest agree, and the book is recorded as they say",
            Self::FetchedAgain => "the book is to be fetched again",
            Self::MadeAnew => "it is to be made anew from the archive",
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
    /// Which of its objects.
    pub part: ListingPart,
    /// The object.
    pub key: String,
    /// What was seen, in words.
    pub detail: String,
    /// The catalog was mended.
    pub repaired: bool,
    /// How.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair: Option<ListingRepair>,
}

impl ListingFinding {
    /// The same, after the catalog was mended.
    pub(super) fn mended(&mut self, repair: ListingRepair) {
        self.detail = format!("{}; {}", self.detail, repair.words());
        (self.repaired, self.repair) = (true, Some(repair));
    }
}

/// How much was compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ListingCounts {
    /// Books of which an archive is recorded.
    pub books: u64,
    /// Those of them about which both agree, or do so now that they are recorded anew.
    pub ok: u64,
    /// Objects in the storage.
    pub objects: u64,
    /// Beside them, files, folders and links that no object can be; the first of them are told.
    pub no_objects: u64,
}

/// A finding that is no book's yet.
pub(super) fn finding(outcome: ListingFault, key: &str, detail: &str) -> ListingFinding {
    ListingFinding {
        outcome,
        barcode: None,
        part: ListingPart::Other,
        key: key.to_owned(),
        detail: detail.to_owned(),
        repaired: false,
        repair: None,
    }
}

/// An object of nothing that the catalog knows.
pub(super) fn unknown(owner: &ObjectOwner, key: &ObjectKey, why: &str) -> ListingFinding {
    let (part, barcode) = match owner {
        ObjectOwner::Book(BookObjectKind::Archive, barcode) => (ListingPart::Archive, Some(barcode)),
        ObjectOwner::Book(BookObjectKind::Manifest, barcode) => (ListingPart::Manifest, Some(barcode)),
        ObjectOwner::Book(_, barcode) => (ListingPart::Companion, Some(barcode)),
        ObjectOwner::Program | ObjectOwner::Nobody => (ListingPart::Other, None),
    };
    ListingFinding {
        barcode: barcode.map(ToString::to_string),
        part,
        ..finding(ListingFault::Unknown, key.as_str(), why)
    }
}
