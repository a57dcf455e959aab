//! Taking over a `grin-transfer` run: what its database knows, and what its storage really holds.

mod adopt;
mod files;
mod report;
mod source;

use std::io;
use std::path::Path;
use std::time::Duration;

pub use crate::catalog::import::files::{AdoptedArchive, ArchiveUnfit, BeginAdoption, StoredFiles, check_beginning};
use crate::catalog::import::report::BatchCounts;
pub use crate::catalog::import::report::ImportReport;
pub use crate::catalog::import::source::ImportError;

use crate::catalog::import::adopt::{BookAdoption, ClaimForImport, RecordOf};
use crate::catalog::import::source::{ImportSource, ImportedBook};

use crate::catalog::{BegunPublication, CatalogError, CatalogLedger, CatalogReader};
use crate::grin::Barcode;
use crate::vocabulary::BookState;

/// How long a book stays claimed whose archive is being published, unless it is recorded before.
const LEASE: Duration = Duration::from_secs(4 * 3_600);

/// Books taken over in one transaction.
const BATCH: usize = 500;

/// How an import is done.
pub struct ImportPlan<'a> {
    /// The other program's database.
    pub from: &'a Path,
    /// Its storage; `None`: only the database is taken over, and no book counts as stored.
    pub files: Option<&'a mut dyn StoredFiles>,
    /// Under which name books are claimed while their archives are published.
    pub owner: String,
    /// Where to.
    pub into: ImportTarget<'a>,
    /// Whether it is a member of the catalog still; asked before each book.
    pub may_go_on: &'a dyn Fn() -> bool,
    /// Called now and then with the number of books looked at.
    pub progress: &'a mut dyn FnMut(u64),
}

/// What becomes of the books.
pub enum ImportTarget<'a> {
    /// They are written into this catalog.
    Catalog(&'a mut CatalogLedger),
    /// Nothing is written: they are compared with this catalog, if there is one yet.
    Compared(Option<&'a CatalogReader>),
}

impl ImportTarget<'_> {
    /// The book's state in the catalog and where its archive is, if it is known there.
    fn record_of(&mut self, barcode: &Barcode) -> Result<Option<(BookState, Option<String>)>, CatalogError> {
        let question = RecordOf(barcode.clone());
        match self {
            Self::Catalog(ledger) => ledger.execute(question),
            Self::Compared(Some(reader)) => reader.ask(&question),
            Self::Compared(None) => Ok(None),
        }
    }
}

impl ImportPlan<'_> {
    /// Takes everything over. May be done again: what is there already is kept.
    pub fn run(mut self) -> Result<ImportReport, ImportError> {
        let source = ImportSource::open(self.from)?;
        let is_dry = matches!(self.into, ImportTarget::Compared(_));
        let mut report = ImportReport::new(is_dry, self.files.is_some());
        let mut last = None;
        loop {
            let batch = source.batch(last, BATCH, &mut report)?;
            let Some(end) = batch.last_rowid else { break };
            last = Some(end);
            self.take_over(batch.books, &mut report)?;
            (self.progress)(report.books);
        }
        self.adopt_strays(&source, &mut report)?;
        Ok(report)
    }

    /// Looks for the archives of these books and writes them. A book whose archive was published is written at once, so that its
    /// claim is short; the others are written together.
    fn take_over(&mut self, books: Vec<ImportedBook>, report: &mut ImportReport) -> Result<(), ImportError> {
        let mut together = Vec::with_capacity(books.len());
        for mut book in books {
            if !(self.may_go_on)() {
                return Err(ImportError::Interrupted);
            }
            let is_stray = book.is_stray;
            self.look_for_archive(&mut book, report)?;
            if is_stray && book.archive.is_none() {
                continue;
            }
            report.strays += u64::from(is_stray);
            if book.claim.is_some() {
                self.write(vec![book], report)?;
            } else {
                together.push(book);
            }
        }
        self.write(together, report)?;
        Ok(())
    }

    /// What the storage holds of the book decides, whatever the database says. What is stored already, or claimed, stays as it is:
    /// it may be newer than what the other program had.
    fn look_for_archive(&mut self, book: &mut ImportedBook, report: &mut ImportReport) -> Result<(), ImportError> {
        let Some(files) = self.files.as_deref_mut() else {
            return Ok(());
        };
        let record = self.into.record_of(&book.barcode)?;
        let (state, recorded) = record.map_or((None, None), |(state, path)| (Some(state), path));
        if state.is_some_and(|state| !adopt::is_free(state)) {
            report.home_already += 1;
            return Ok(());
        }
        let mut claim = None;
        let mut begin = |archive: &BegunPublication| {
            let ImportTarget::Catalog(ledger) = &mut self.into else {
                return Ok(());
            };
            let asked = ClaimForImport {
                barcode: book.barcode.clone(),
                archive: archive.clone(),
                owner: self.owner.clone(),
                lease: LEASE,
            };
            claim = ledger
                .execute(asked)
                .map_err(|error| ArchiveUnfit::Ours(io::Error::other(error)))?;
            claim.is_some().then_some(()).ok_or(ArchiveUnfit::NotFree)
        };
        let etag = book.value("encrypted_etag").filter(|_| book.etag_fits);
        let adopted = files.adopt(&book.barcode, etag, recorded.as_deref(), &mut begin);
        if let Some(claim) = claim {
            book.made_known = claim.made_known;
            book.claim = Some(claim.token);
        }
        match adopted {
            Ok(found) => book.archive = found,
            Err(ArchiveUnfit::Ours(error)) => return Err(ImportError::Files(error)),
            Err(ArchiveUnfit::NotFree) => {
                report.home_already += 1;
                return Ok(());
            }
            Err(unfit) => report.misfit(book.barcode.as_str(), &unfit),
        }
        report.note_archive(book);
        Ok(())
    }

    /// Writes the books; a dry run only says what that would come to.
    fn write(&mut self, books: Vec<ImportedBook>, report: &mut ImportReport) -> Result<(), CatalogError> {
        let written = match &mut self.into {
            ImportTarget::Catalog(ledger) => ledger.execute(BookAdoption(books))?,
            compared @ ImportTarget::Compared(_) => would_write(compared, &books)?,
        };
        report.add(written);
        Ok(())
    }

    /// Archives of books that the database does not know are taken over too.
    fn adopt_strays(&mut self, source: &ImportSource, report: &mut ImportReport) -> Result<(), ImportError> {
        let Some(files) = self.files.as_deref_mut() else {
            return Ok(());
        };
        let mut strays = Vec::new();
        for name in files.names().map_err(ImportError::Files)? {
            let name = name.map_err(ImportError::Files)?;
            match Barcode::parse(&name) {
                Err(bad) => report.misfit(&name, &bad),
                Ok(barcode) if source.knows(&barcode)? => {}
                Ok(barcode) => strays.push(barcode),
            }
        }
        // A book of several archives is named once for each.
        strays.sort_unstable();
        strays.dedup();
        for chunk in strays.chunks(BATCH) {
            let books = chunk.iter().cloned().map(ImportedBook::stray).collect();
            self.take_over(books, report)?;
        }
        Ok(())
    }
}

/// What writing these books would come to; without a catalog every book is new.
fn would_write(compared: &mut ImportTarget<'_>, books: &[ImportedBook]) -> Result<BatchCounts, CatalogError> {
    let mut counts = BatchCounts::default();
    for book in books {
        let state = compared.record_of(&book.barcode)?.map(|(state, _)| state);
        *(if state.is_none() {
            &mut counts.new
        } else {
            &mut counts.merged
        }) += 1;
        counts.stored += u64::from(book.archive.is_some() && state.is_none_or(adopt::is_free));
    }
    Ok(counts)
}
