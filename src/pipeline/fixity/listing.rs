//! Catalog and storage compared both ways by listing: books whose objects are not there, objects that nobody knows. No object is read,
//! but one that may be recorded again, and none is removed.

mod finding;

use std::collections::HashMap;

use tracing::info;
use xxhash_rust::xxh3::xxh3_64;

use crate::catalog::{AskWhetherStored, CatalogError, CatalogLedger, ListRecorded, RecordFound, RecordedBook};
use crate::grin::Barcode;
use crate::pipeline::fixity::check::{BookChecker, CheckStop};
use crate::pipeline::fixity::judge::{ManifestRead, ObjectRead};
use crate::pipeline::fixity::owner::{ObjectOwner, owner_of};
use crate::pipeline::publish::record_of;
use crate::storage::{ListedObject, ObjectKey};

pub(crate) use crate::pipeline::fixity::listing::finding::{ListingCounts, ListingFault, ListingFinding};

/// Books read from the catalog at a time.
const BOOKS: usize = 1_000;

/// Why the comparison ends before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListingStop {
    /// The storage is away, or the work was cut.
    #[error(transparent)]
    Check(#[from] CheckStop),
    /// The catalog could not be read or written.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// A book in a few bytes, so that a million of them need no more than some ten megabytes.
#[derive(Debug, Clone, Copy, Default)]
struct SeenBook {
    /// The size that is recorded of its archive.
    recorded: Option<u64>,
    /// The size that was found.
    found: Option<u64>,
    has_manifest: bool,
    /// Its archive is not where the layout would put it.
    is_elsewhere: bool,
}

/// What is known of a book after the storage was listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BookStanding {
    Agreed,
    NoArchive,
    OtherSize,
    NoManifest,
}

/// An archive that was adopted unread has neither size nor digest recorded, and no manifest.
fn judge(seen: SeenBook, has_digest: bool) -> BookStanding {
    match (seen.recorded, seen.found) {
        (_, None) => BookStanding::NoArchive,
        (Some(recorded), Some(found)) if recorded != found => BookStanding::OtherSize,
        _ if has_digest && !seen.has_manifest => BookStanding::NoManifest,
        _ => BookStanding::Agreed,
    }
}

/// A comparison under way.
pub(crate) struct StoreListing<'a> {
    checker: &'a BookChecker,
    ledger: &'a mut CatalogLedger,
    /// Mend the catalog.
    repair: bool,
    books: HashMap<u64, SeenBook>,
    /// Archives that are not where the layout would put them, by their names: whose they are.
    elsewhere: HashMap<u64, u64>,
    counts: ListingCounts,
}

/// Hears of each finding.
type TellFinding<'t> = dyn FnMut(ListingFinding) + 't;

fn hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

impl<'a> StoreListing<'a> {
    pub(crate) fn new(checker: &'a BookChecker, ledger: &'a mut CatalogLedger, repair: bool) -> Self {
        Self {
            checker,
            ledger,
            repair,
            books: HashMap::new(),
            elsewhere: HashMap::new(),
            counts: ListingCounts::default(),
        }
    }

    /// Compares all of both. What is absent is looked for once more before it is told: it may have been stored meanwhile.
    pub(crate) fn run(mut self, tell: &mut TellFinding<'_>) -> Result<ListingCounts, ListingStop> {
        self.each_book(|listing, book| {
            listing.expect(&book);
            Ok(())
        })?;
        self.list(tell)?;
        self.proven()?;
        self.each_book(|listing, book| listing.conclude(&book, tell))?;
        Ok(self.counts)
    }

    fn each_book(
        &mut self,
        mut each: impl FnMut(&mut Self, RecordedBook) -> Result<(), ListingStop>,
    ) -> Result<(), ListingStop> {
        let mut after = 0;
        loop {
            let books = self.ledger.execute(ListRecorded { after, limit: BOOKS })?;
            let Some(last) = books.last() else { return Ok(()) };
            after = last.id;
            for book in books {
                self.not_cut()?;
                each(self, book)?;
            }
        }
    }

    fn expect(&mut self, book: &RecordedBook) {
        let Some(barcode) = &book.barcode else { return };
        let of_book = hash(barcode.as_str());
        let is_elsewhere = self.checker.layout.raw(barcode).as_str() != book.path;
        if is_elsewhere {
            self.elsewhere.insert(hash(&book.path), of_book);
        }
        let seen = SeenBook {
            recorded: book.stored.bytes,
            is_elsewhere,
            ..SeenBook::default()
        };
        self.books.insert(of_book, seen);
        self.counts.books += 1;
    }

    fn list(&mut self, tell: &mut TellFinding<'_>) -> Result<(), ListingStop> {
        let listed = self.checker.storage.list(None).map_err(CheckStop::Away)?;
        for object in listed {
            self.not_cut()?;
            let object = object.map_err(CheckStop::Away)?;
            self.counts.objects += 1;
            self.see(&object, tell)?;
        }
        Ok(())
    }

    fn see(&mut self, object: &ListedObject, tell: &mut TellFinding<'_>) -> Result<(), ListingStop> {
        let key = object.key.as_str();
        if let Some(book) = self.elsewhere.get(&hash(key)) {
            if let Some(seen) = self.books.get_mut(book) {
                seen.found = Some(object.bytes);
            }
            return Ok(());
        }
        let owner = owner_of(&self.checker.layout, &object.key);
        let barcode = match &owner {
            ObjectOwner::Program => return Ok(()),
            ObjectOwner::Nobody => None,
            ObjectOwner::Archive(barcode) | ObjectOwner::Manifest(barcode) | ObjectOwner::Companion(barcode) => {
                Some(barcode)
            }
        };
        let seen = barcode.and_then(|barcode| self.books.get_mut(&hash(barcode.as_str())));
        match (seen, &owner) {
            (Some(seen), ObjectOwner::Archive(_)) if !seen.is_elsewhere => seen.found = Some(object.bytes),
            (Some(seen), ObjectOwner::Manifest(_)) => seen.has_manifest = true,
            (Some(_), _) => {}
            (None, _) => return self.unknown(object, barcode, tell),
        }
        Ok(())
    }

    /// An object of no book that the catalog knew when this began; it may have been stored since.
    fn unknown(
        &mut self,
        object: &ListedObject,
        barcode: Option<&Barcode>,
        tell: &mut TellFinding<'_>,
    ) -> Result<(), ListingStop> {
        let key = &object.key;
        if let Some(barcode) = barcode {
            if self.ledger.execute(AskWhetherStored(barcode.clone()))? {
                return Ok(());
            }
            if self.checker.layout.raw(barcode) == *key && self.repair && self.record_again(barcode)? {
                tell(ListingFinding {
                    outcome: ListingFault::Unknown,
                    barcode: Some(barcode.to_string()),
                    key: key.to_string(),
                    detail: "archive and manifest agree; the book is recorded as stored".to_owned(),
                    repaired: true,
                });
                return Ok(());
            }
        }
        let detail = match barcode {
            Some(_) => "the catalog knows nothing that is stored of this book",
            None => "its name is none that this program gives",
        };
        tell(ListingFinding {
            outcome: ListingFault::Unknown,
            barcode: barcode.map(ToString::to_string),
            key: key.to_string(),
            detail: detail.to_owned(),
            repaired: false,
        });
        Ok(())
    }

    fn conclude(&mut self, book: &RecordedBook, tell: &mut TellFinding<'_>) -> Result<(), ListingStop> {
        let Some(barcode) = &book.barcode else { return Ok(()) };
        // One that was stored since the beginning was not looked for.
        let Some(mut seen) = self.books.get(&hash(barcode.as_str())).copied() else {
            return Ok(());
        };
        let manifest = self.checker.layout.manifest(barcode);
        let has_digest = book.stored.sha256.is_some();
        seen.recorded = book.stored.bytes;
        if judge(seen, has_digest) == BookStanding::Agreed {
            return Ok(());
        }
        // Looked for once more in a storage that is proven now.
        self.proven()?;
        seen.found = ObjectKey::parse(&book.path)
            .ok()
            .map_or(Ok(None), |key| self.size(&key))?;
        seen.has_manifest = seen.has_manifest || self.size(&manifest)?.is_some();
        let (outcome, key, detail) = match judge(seen, has_digest) {
            BookStanding::Agreed => return Ok(()),
            BookStanding::NoArchive => (
                ListingFault::Missing,
                &*book.path,
                "it is not in the storage".to_owned(),
            ),
            BookStanding::NoManifest => (
                ListingFault::Missing,
                manifest.as_str(),
                "it is not in the storage".to_owned(),
            ),
            BookStanding::OtherSize => {
                let of = |bytes: Option<u64>| bytes.unwrap_or_default();
                let words = format!(
                    "it has {} bytes, and {} are recorded",
                    of(seen.found),
                    of(seen.recorded)
                );
                (ListingFault::Damaged, &*book.path, words)
            }
        };
        let mut finding = ListingFinding {
            outcome,
            barcode: Some(barcode.to_string()),
            key: key.to_owned(),
            detail,
            repaired: false,
        };
        if book.begun.is_some() {
            finding.outcome = ListingFault::CouldNotCheck;
            "the book is being stored anew".clone_into(&mut finding.detail);
        } else if self.repair {
            self.mend(barcode, judge(seen, has_digest), &mut finding)?;
        }
        tell(finding);
        Ok(())
    }

    /// What is not there is to be fetched again; an archive that its manifest proves is recorded. Everything else is left as it is.
    fn mend(
        &mut self,
        barcode: &Barcode,
        standing: BookStanding,
        finding: &mut ListingFinding,
    ) -> Result<(), ListingStop> {
        match standing {
            BookStanding::NoArchive => {
                let (barcode, found) = (barcode.clone(), None);
                self.ledger.execute(RecordFound { barcode, found })?;
                finding.detail += "; the book is to be fetched again";
                finding.repaired = true;
            }
            BookStanding::OtherSize if self.record_again(barcode)? => {
                finding.detail += "; archive and manifest agree, and are recorded now";
                finding.repaired = true;
            }
            BookStanding::OtherSize | BookStanding::NoManifest | BookStanding::Agreed => {}
        }
        Ok(())
    }

    /// Records an archive that is the one which its manifest names; `false`: it is not.
    fn record_again(&mut self, barcode: &Barcode) -> Result<bool, ListingStop> {
        let layout = &self.checker.layout;
        let ManifestRead::Found(manifest) = self.checker.manifest(&layout.manifest(barcode))? else {
            return Ok(false);
        };
        let key = layout.raw(barcode);
        if manifest.barcode != *barcode {
            return Ok(false);
        }
        let (ObjectRead::Whole(found), _) = self.checker.digest(&key)? else {
            return Ok(false);
        };
        if found.as_deref() != Some(manifest.sha256.as_str()) {
            return Ok(false);
        }
        info!(%barcode, "archive and manifest agree; the book is recorded as stored");
        let (barcode, found) = (barcode.clone(), Some(record_of(*manifest, &key)));
        self.ledger.execute(RecordFound { barcode, found })?;
        Ok(true)
    }

    fn size(&self, key: &ObjectKey) -> Result<Option<u64>, ListingStop> {
        let found = self.checker.storage.stat(key).map_err(CheckStop::Away)?;
        Ok(found.map(|found| found.bytes))
    }

    fn proven(&self) -> Result<(), ListingStop> {
        Ok(self.checker.storage.prove_marker().map_err(CheckStop::Away)?)
    }

    fn not_cut(&self) -> Result<(), ListingStop> {
        Ok(self.checker.not_cut()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use BookStanding as S;

    #[test]
    fn what_listing_tells_of_a_book() {
        let (yes, no) = (true, false);
        // Size recorded, size found, manifest, digest recorded.
        for (what, (recorded, found, has_manifest, has_digest), expected) in [
            ("as it was stored", (Some(9), Some(9), yes, yes), S::Agreed),
            ("no archive", (Some(9), None, yes, yes), S::NoArchive),
            ("nothing at all", (Some(9), None, no, yes), S::NoArchive),
            ("cut", (Some(9), Some(8), yes, yes), S::OtherSize),
            ("empty", (Some(9), Some(0), yes, yes), S::OtherSize),
            ("no manifest", (Some(9), Some(9), no, yes), S::NoManifest),
            ("adopted unread", (Some(9), Some(9), no, no), S::Agreed),
            ("adopted without a size", (None, Some(9), no, no), S::Agreed),
            ("adopted, and gone", (None, None, no, no), S::NoArchive),
        ] {
            let seen = SeenBook {
                recorded,
                found,
                has_manifest,
                is_elsewhere: false,
            };
            assert_eq!(judge(seen, has_digest), expected, "{what}");
        }
    }
}
