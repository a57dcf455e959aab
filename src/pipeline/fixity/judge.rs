//! Is a stored object what was stored?
//!
//! Only what was read to its end and differs is damaged, and only what is absent from a storage that is proven to be the right one is
//! missing. Of all else it is said that it could not be checked.

use std::fmt;

use crate::archive::BookManifest;
use crate::grin::Barcode;
use crate::vocabulary::FixityOutcome;

/// Why an object is not known to be what was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CheckFault {
    /// It is not in the storage.
    Absent,
    /// Its digest is another than the recorded one.
    DigestDiffers { expected: String, found: String },
    /// Its pages are not those that its lists name, or it is no volume.
    PagesDiffer(String),
    /// What lies in the place of the manifest is none of this book.
    NoManifest(String),
    /// The manifest names another archive.
    OtherManifest,
    /// It cannot be read.
    Unreadable(String),
    /// Nothing says which digest it should have.
    NoDigest,
    /// Archive and manifest agree, and the catalog has recorded another archive.
    NotRecorded,
    /// It is being replaced.
    BeingReplaced,
}

impl CheckFault {
    /// What follows for the object.
    pub(crate) const fn outcome(&self) -> FixityOutcome {
        match self {
            Self::Absent => FixityOutcome::Missing,
            Self::DigestDiffers { .. } | Self::PagesDiffer(_) | Self::NoManifest(_) | Self::OtherManifest => {
                FixityOutcome::Damaged
            }
            Self::Unreadable(_) | Self::NoDigest | Self::NotRecorded | Self::BeingReplaced => {
                FixityOutcome::CouldNotCheck
            }
        }
    }

    /// Its word in JSON.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::DigestDiffers { .. } => "digest_differs",
            Self::PagesDiffer(_) => "pages_differ",
            Self::NoManifest(_) => "no_manifest",
            Self::OtherManifest => "other_manifest",
            Self::Unreadable(_) => "unreadable",
            Self::NoDigest => "no_digest",
            Self::NotRecorded => "not_recorded",
            Self::BeingReplaced => "being_replaced",
        }
    }
}

impl fmt::Display for CheckFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("it is not in the storage"),
            Self::DigestDiffers { expected, found } => write!(f, "its SHA-256 is {found}, and {expected} is recorded"),
            Self::PagesDiffer(why) | Self::NoManifest(why) => f.write_str(why),
            Self::OtherManifest => f.write_str("it names another archive than the stored one"),
            Self::Unreadable(why) => write!(f, "it cannot be read: {why}"),
            Self::NoDigest => f.write_str(
                "no digest of it was recorded, so nothing proves it; the one that was read is recorded for the next check, and --deep compares its pages",
            ),
            Self::NotRecorded => {
                f.write_str("archive and manifest agree, and the catalog has recorded another archive of this book")
            }
            Self::BeingReplaced => f.write_str("the book is being stored anew"),
        }
    }
}

/// How reading an object ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ObjectRead {
    /// At its end; `None`: it is no archive, and its digest was not taken.
    Whole(Option<String>),
    /// There is no such object.
    Absent,
    /// Before.
    Failed(String),
}

/// All that the decision about an archive depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct ArchiveFacts<'a> {
    pub(super) read: &'a ObjectRead,
    /// The digest that the catalog has recorded.
    pub(super) recorded: Option<&'a str>,
    /// The digest that its manifest names.
    pub(super) named: Option<&'a str>,
    /// What is wrong with its pages; `None`: they were not compared.
    pub(super) pages: Option<Result<(), &'a str>>,
    /// A publication of the book was begun.
    pub(super) is_replaced: bool,
}

/// The catalog's digest counts; the manifest's only where the catalog has none. What differs from it during a publication, or is what the
/// manifest names, is no damage.
pub(super) fn judge_archive(facts: ArchiveFacts<'_>) -> Option<CheckFault> {
    let found = match facts.read {
        ObjectRead::Failed(why) => return Some(CheckFault::Unreadable(why.clone())),
        ObjectRead::Absent if facts.is_replaced => return Some(CheckFault::BeingReplaced),
        ObjectRead::Absent => return Some(CheckFault::Absent),
        ObjectRead::Whole(found) => found.as_deref(),
    };
    let pages = match facts.pages {
        Some(Err(why)) => Some(CheckFault::PagesDiffer(why.to_owned())),
        Some(Ok(())) | None => None,
    };
    match (facts.recorded.or(facts.named), found) {
        (Some(expected), Some(found)) if expected == found => pages,
        (Some(_), _) if facts.is_replaced => Some(CheckFault::BeingReplaced),
        (Some(_), Some(found)) if facts.named == Some(found) => Some(CheckFault::NotRecorded),
        (Some(expected), Some(found)) => Some(differs(expected, found)),
        (None, Some(_)) if facts.pages.is_none() => Some(CheckFault::NoDigest),
        (None, _) | (Some(_), None) => pages,
    }
}

/// Is what was read the first that is known of an archive? It was adopted unread, and no manifest says otherwise; one that cannot be read
/// might.
pub(super) fn is_first_evidence(facts: ArchiveFacts<'_>, manifest: &ManifestRead) -> bool {
    let is_known = facts.recorded.or(facts.named).is_some() || matches!(manifest, ManifestRead::Failed(_));
    let is_read = matches!(facts.read, ObjectRead::Whole(Some(_))) && !matches!(facts.pages, Some(Err(_)));
    is_read && !is_known && !facts.is_replaced
}

/// What was found in the place of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ManifestRead {
    Found(Box<BookManifest>),
    /// Something else.
    Other(String),
    Absent,
    Failed(String),
}

/// All that the decision about a manifest depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct ManifestFacts<'a> {
    pub(super) read: &'a ManifestRead,
    pub(super) barcode: &'a Barcode,
    /// The digest that the catalog has recorded; `None`: the archive was adopted unread.
    pub(super) recorded: Option<&'a str>,
    /// The digest of the archive as it was read.
    pub(super) archive: Option<&'a str>,
    /// A manifest was made; of an archive that was adopted unread there is none, also when its digest is known by now.
    pub(super) was_made: bool,
    pub(super) is_replaced: bool,
}

pub(super) fn judge_manifest(facts: ManifestFacts<'_>) -> Option<CheckFault> {
    let manifest = match facts.read {
        ManifestRead::Failed(why) => return Some(CheckFault::Unreadable(why.clone())),
        ManifestRead::Absent if !facts.was_made => return None,
        ManifestRead::Absent | ManifestRead::Other(_) if facts.is_replaced => return Some(CheckFault::BeingReplaced),
        ManifestRead::Absent => return Some(CheckFault::Absent),
        ManifestRead::Other(why) => return Some(CheckFault::NoManifest(why.clone())),
        ManifestRead::Found(manifest) => manifest,
    };
    let named = Some(manifest.sha256.as_str());
    if manifest.barcode != *facts.barcode {
        let why = format!("it is the manifest of {}", manifest.barcode);
        return Some(CheckFault::NoManifest(why));
    }
    match facts.recorded {
        None => None,
        recorded if recorded == named => None,
        _ if facts.is_replaced => Some(CheckFault::BeingReplaced),
        _ if facts.archive == named => Some(CheckFault::NotRecorded),
        _ => Some(CheckFault::OtherManifest),
    }
}

/// An object beside the archive, of which the manifest names the digest.
pub(super) fn judge_companion(read: &ObjectRead, expected: &str, is_replaced: bool) -> Option<CheckFault> {
    match read {
        ObjectRead::Failed(why) => Some(CheckFault::Unreadable(why.clone())),
        ObjectRead::Whole(Some(found)) if found == expected => None,
        _ if is_replaced => Some(CheckFault::BeingReplaced),
        ObjectRead::Absent => Some(CheckFault::Absent),
        ObjectRead::Whole(found) => Some(differs(expected, found.as_deref().unwrap_or_default())),
    }
}

fn differs(expected: &str, found: &str) -> CheckFault {
    CheckFault::DigestDiffers {
        expected: expected.to_owned(),
        found: found.to_owned(),
    }
}

#[cfg(test)]
mod tests;
