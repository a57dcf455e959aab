//! Taking over a `grin-transfer` run: what its database knows, and what its storage really holds.

mod adopt;
mod files;
mod report;
mod source;

use std::path::Path;

pub use crate::catalog::import::files::{AdoptedArchive, ArchiveUnfit, StoredFiles, check_beginning};
pub use crate::catalog::import::report::{ImportMisfit, ImportReport};
pub use crate::catalog::import::source::ImportError;

use crate::catalog::import::adopt::{BookAdoption, StateOf};
use crate::catalog::import::source::{ImportSource, ImportedBook};

use crate::catalog::{CatalogError, CatalogLedger};
use crate::grin::Barcode;

/// Books taken over in one transaction.
const BATCH: usize = 500;

/// How an import is done.
pub struct ImportPlan<'a> {
    /// The other program's database.
    pub from: &'a Path,
    /// Its storage; `None`: only the database is taken over, and no book counts as stored.
    pub files: Option<&'a mut dyn StoredFiles>,
    /// Look at everything, write nothing.
    pub dry_run: bool,
    /// Called now and then with the number of books looked at.
    pub progress: &'a mut dyn FnMut(u64),
}

impl ImportPlan<'_> {
    /// Takes everything over into `ledger` (`None` only for a dry run without a catalog yet). May be done again: what is
    /// there already is kept.
    pub fn run(mut self, mut ledger: Option<&mut CatalogLedger>) -> Result<ImportReport, ImportError> {
        let source = ImportSource::open(self.from)?;
        let mut report = ImportReport::new(self.dry_run, self.files.is_some());
        let mut last = None;
        loop {
            let batch = source.batch(last, BATCH, &mut report)?;
            let Some(end) = batch.last_rowid else { break };
            last = Some(end);
            let mut books = batch.books;
            for book in &mut books {
                self.look_for_archive(book, ledger.as_deref_mut(), &mut report)?;
            }
            self.write(ledger.as_deref_mut(), books, &mut report)?;
            (self.progress)(report.books);
        }
        self.adopt_strays(&source, ledger, &mut report)?;
        Ok(report)
    }

    /// What the storage holds of the book decides, whatever the database says. What is home already, or in hand, stays as it is:
    /// it may be newer than what the other program had.
    fn look_for_archive(
        &mut self,
        book: &mut ImportedBook,
        ledger: Option<&mut CatalogLedger>,
        report: &mut ImportReport,
    ) -> Result<(), ImportError> {
        let Some(files) = self.files.as_deref_mut() else {
            return Ok(());
        };
        let state = match ledger {
            Some(ledger) => ledger.execute(StateOf(book.barcode.clone()))?,
            None => None,
        };
        if state.is_some_and(|state| !adopt::is_free(state)) {
            report.home_already += 1;
            return Ok(());
        }
        let etag = book.value("encrypted_etag").filter(|_| book.etag_fits);
        match files.adopt(&book.barcode, etag) {
            Ok(found) => book.archive = found,
            Err(ArchiveUnfit::Ours(error)) => return Err(ImportError::Files(error)),
            Err(unfit) => report.misfit(book.barcode.as_str(), &unfit),
        }
        report.note_archive(book);
        Ok(())
    }

    fn write(
        &mut self,
        ledger: Option<&mut CatalogLedger>,
        books: Vec<ImportedBook>,
        report: &mut ImportReport,
    ) -> Result<(), CatalogError> {
        match ledger {
            Some(ledger) if !self.dry_run => report.add(ledger.execute(BookAdoption(books))?),
            _ => {}
        }
        Ok(())
    }

    /// Archives of books that the database does not know are taken over too.
    fn adopt_strays(
        &mut self,
        source: &ImportSource,
        mut ledger: Option<&mut CatalogLedger>,
        report: &mut ImportReport,
    ) -> Result<(), ImportError> {
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
        for chunk in strays.chunks(BATCH) {
            let mut books: Vec<ImportedBook> = chunk.iter().cloned().map(ImportedBook::bare).collect();
            for book in &mut books {
                self.look_for_archive(book, ledger.as_deref_mut(), report)?;
            }
            books.retain(|book| book.archive.is_some());
            report.strays += books.len() as u64;
            self.write(ledger.as_deref_mut(), books, report)?;
        }
        Ok(())
    }
}
