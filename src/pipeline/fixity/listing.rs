//! Catalog and storage compared both ways by listing: books whose objects are not there, objects that nobody knows. No archive is read,
//! but one by which the catalog may be mended, and no object is removed.

mod finding;
mod look;
mod mend;
mod standing;

use std::collections::{BTreeSet, HashMap, HashSet};

use xxhash_rust::xxh3::xxh3_64;

use crate::archive::PassOptions;
use crate::catalog::{AskWhetherStored, CatalogError, CatalogLedger, ListKept, ListRecorded, RecordedBook};
use crate::grin::Barcode;
use crate::pipeline::fixity::check::{BookChecker, CheckStop};
use crate::pipeline::fixity::listing::finding::{finding, unknown};
use crate::pipeline::fixity::listing::standing::{ListedStanding, SeenBook, SeenKinds, SeenSize, judge};
use crate::pipeline::fixity::owner::{ObjectOwner, owner_of};
use crate::storage::{BookObjectKind, ListedEntry, ListedObject, NoObject, ObjectKey};

pub(crate) use crate::pipeline::fixity::listing::finding::{
    ListingCounts, ListingFault, ListingFinding, ListingPart, ListingRepair,
};

/// Books read from the catalog at a time.
const BOOKS: usize = 1_000;
/// So many entries that no object can be are told; all of them are counted.
const NO_OBJECTS_TOLD: u64 = 100;
/// What is said of an object that should be there.
const ABSENT: &str = "it is not in the storage";

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

/// A comparison under way.
pub(crate) struct StoreListing<'a> {
    checker: &'a BookChecker,
    ledger: &'a mut CatalogLedger,
    /// Mend the catalog.
    repair: bool,
    /// What lies beside most archives.
    usual: SeenKinds,
    books: HashMap<u64, SeenBook>,
    /// Archives that are not where the layout would put them, by their names: whose they are.
    elsewhere: HashMap<u64, u64>,
    /// Archives, by their names, from which the rest of their books is to be made anew.
    kept: HashSet<u64>,
    /// Books that have objects, and of which the catalog knew nothing stored when this began.
    strangers: BTreeSet<Barcode>,
    counts: ListingCounts,
}

/// Hears of each finding.
type TellFinding<'t> = dyn FnMut(ListingFinding) + 't;

fn hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

impl<'a> StoreListing<'a> {
    /// `made` are the options by which archives are stored.
    pub(crate) fn new(
        checker: &'a BookChecker,
        ledger: &'a mut CatalogLedger,
        repair: bool,
        made: &PassOptions,
    ) -> Self {
        Self {
            checker,
            ledger,
            repair,
            usual: SeenKinds::usual(made.keep_encrypted, made.writes_by_page()),
            books: HashMap::new(),
            elsewhere: HashMap::new(),
            kept: HashSet::new(),
            strangers: BTreeSet::new(),
            counts: ListingCounts::default(),
        }
    }

    /// Compares all of both. What is absent is looked for once more before it is told: it may have been stored meanwhile.
    pub(crate) fn run(mut self, tell: &mut TellFinding<'_>) -> Result<ListingCounts, ListingStop> {
        self.each_book(|listing, book| {
            listing.expect(&book);
            Ok(())
        })?;
        let kept = self.ledger.execute(ListKept)?;
        self.kept = kept.iter().map(|path| hash(path)).collect();
        self.list(tell)?;
        self.proven()?;
        for barcode in std::mem::take(&mut self.strangers) {
            self.not_cut()?;
            self.meet(&barcode, tell)?;
        }
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
        self.counts.books += 1;
        let Some(barcode) = &book.barcode else { return };
        let of_book = hash(barcode.as_str());
        let is_elsewhere = self.checker.layout.raw(barcode).as_str() != book.path;
        if is_elsewhere {
            self.elsewhere.insert(hash(&book.path), of_book);
        }
        let seen = SeenBook {
            recorded: book.stored.bytes,
            is_elsewhere,
            is_begun: book.begun.is_some(),
            ..SeenBook::default()
        };
        self.books.insert(of_book, seen);
    }

    fn list(&mut self, tell: &mut TellFinding<'_>) -> Result<(), ListingStop> {
        for entry in self.checker.storage.list_entries() {
            self.not_cut()?;
            match entry.map_err(CheckStop::Away)? {
                ListedEntry::Object(object) => {
                    self.counts.objects += 1;
                    self.see(&object, tell);
                }
                ListedEntry::NoObject(other) => self.see_other(&other, tell),
            }
        }
        Ok(())
    }

    /// What no object can be. Where a recorded one should be, it is told with its book.
    fn see_other(&mut self, other: &NoObject, tell: &mut TellFinding<'_>) {
        let owner = ObjectKey::parse(&other.name).map(|key| owner_of(&self.checker.layout, &key));
        let is_told_later = match owner {
            Ok(ObjectOwner::Book(_, barcode)) => self.books.contains_key(&hash(barcode.as_str())),
            Ok(ObjectOwner::Program | ObjectOwner::Nobody) | Err(_) => false,
        };
        if is_told_later {
            return;
        }
        self.counts.no_objects += 1;
        if self.counts.no_objects <= NO_OBJECTS_TOLD {
            tell(finding(ListingFault::Unknown, &other.name, other.why));
        }
    }

    fn see(&mut self, object: &ListedObject, tell: &mut TellFinding<'_>) {
        let key = object.key.as_str();
        if let Some(book) = self.elsewhere.get(&hash(key)) {
            if let Some(seen) = self.books.get_mut(book) {
                seen.found = Some(object.bytes);
            }
            return;
        }
        if self.kept.contains(&hash(key)) {
            return;
        }
        let owner = owner_of(&self.checker.layout, &object.key);
        let (kind, barcode) = match &owner {
            ObjectOwner::Program => return,
            ObjectOwner::Nobody => {
                tell(unknown(&owner, &object.key, "its name is none that this program gives"));
                return;
            }
            ObjectOwner::Book(kind, barcode) => (*kind, barcode),
        };
        let Some(seen) = self.books.get_mut(&hash(barcode.as_str())) else {
            self.strangers.insert(barcode.clone());
            return;
        };
        match kind {
            BookObjectKind::Archive if !seen.is_elsewhere => seen.found = Some(object.bytes),
            BookObjectKind::Archive if seen.is_begun => {}
            BookObjectKind::Archive => {
                let why = "the catalog has recorded another place of this book's archive";
                tell(unknown(&owner, &object.key, why));
            }
            // None of them is empty: of one that is, the manifest tells which size it had.
            kind if object.bytes > 0 => seen.kinds.add(kind),
            _ => {}
        }
    }

    /// A book of which the catalog knew nothing stored when this began; it may have been stored since.
    fn meet(&mut self, barcode: &Barcode, tell: &mut TellFinding<'_>) -> Result<(), ListingStop> {
        if self.ledger.execute(AskWhetherStored(barcode.clone()))? {
            return Ok(());
        }
        let layout = &self.checker.layout;
        let raw = layout.raw(barcode);
        let keys: Vec<_> = layout.objects(barcode).map(|(_, key)| key).collect();
        let repair = match self.repair {
            true => self.record_again(barcode, &raw, None)?,
            false => None,
        };
        let why = "the catalog knows nothing that is stored of this book";
        for key in keys {
            // Whatever belongs to a book that is recorded now is known.
            if repair.is_some() && key != raw {
                continue;
            }
            let mut finding = unknown(&owner_of(&self.checker.layout, &key), &key, why);
            match self.size(&key)? {
                SeenSize::Absent => continue,
                SeenSize::Bytes(_) => {}
                SeenSize::Unread(why) => (finding.outcome, finding.detail) = (ListingFault::CouldNotCheck, why),
            }
            if let Some(repair) = repair {
                finding.mended(repair);
            }
            tell(finding);
        }
        Ok(())
    }

    fn conclude(&mut self, book: &RecordedBook, tell: &mut TellFinding<'_>) -> Result<(), ListingStop> {
        let (Some(barcode), Ok(path)) = (&book.barcode, ObjectKey::parse(&book.path)) else {
            tell(ListingFinding {
                part: ListingPart::Archive,
                ..finding(
                    ListingFault::CouldNotCheck,
                    &book.path,
                    "the catalog has no usable name of it",
                )
            });
            return Ok(());
        };
        // One that was stored since the beginning was not looked for.
        let Some(mut seen) = self.books.get(&hash(barcode.as_str())).copied() else {
            return Ok(());
        };
        seen.recorded = book.stored.bytes;
        if judge(seen, book.has_manifest, self.usual) == ListedStanding::Agreed {
            self.counts.ok += 1;
            return Ok(());
        }
        let mut findings = match self.look_again(&mut seen, &path, barcode)? {
            Some(unread) => vec![unread],
            None => self.findings(book, seen, barcode)?,
        };
        if findings.is_empty() {
            self.counts.ok += 1;
            return Ok(());
        }
        let is_read = findings
            .iter()
            .all(|finding| finding.outcome != ListingFault::CouldNotCheck);
        if book.begun.is_some() {
            for finding in &mut findings {
                finding.outcome = ListingFault::CouldNotCheck;
                "the book is being stored anew".clone_into(&mut finding.detail);
            }
        } else if self.repair && is_read {
            let standing = judge(seen, book.has_manifest, self.usual);
            self.mend(book, &path, standing, &mut findings)?;
        }
        for mut finding in findings {
            finding.barcode = Some(barcode.to_string());
            tell(finding);
        }
        Ok(())
    }

    /// What is not there is fetched or made anew; an archive that its manifest proves is recorded. Everything else is left as it is.
    fn mend(
        &mut self,
        book: &RecordedBook,
        path: &ObjectKey,
        standing: ListedStanding,
        findings: &mut [ListingFinding],
    ) -> Result<(), ListingStop> {
        let Some(barcode) = &book.barcode else { return Ok(()) };
        let encrypted = self.checker.layout.encrypted(barcode);
        // What GRIN sent cannot be made from the archive.
        let can_be_made = findings.iter().all(|finding| match finding.outcome {
            ListingFault::Missing => finding.key != encrypted.as_str(),
            ListingFault::Damaged => finding.part == ListingPart::Companion && finding.key != encrypted.as_str(),
            ListingFault::Unknown | ListingFault::CouldNotCheck => false,
        });
        let repair = match standing {
            ListedStanding::NoArchive => self.record_loss(book)?,
            ListedStanding::OtherSize => self.record_again(barcode, path, Some(book.stored_at.clone()))?,
            ListedStanding::NoManifest => self.make_anew(book)?,
            ListedStanding::Unsure if can_be_made => self.make_anew(book)?,
            ListedStanding::Unsure | ListedStanding::Agreed => None,
        };
        if let Some(repair) = repair {
            self.counts.ok += u64::from(repair == ListingRepair::Recorded);
            findings.iter_mut().for_each(|finding| finding.mended(repair));
        }
        Ok(())
    }

    fn proven(&self) -> Result<(), ListingStop> {
        Ok(self.checker.storage.prove_marker().map_err(CheckStop::Away)?)
    }

    fn not_cut(&self) -> Result<(), ListingStop> {
        Ok(self.checker.not_cut()?)
    }
}
