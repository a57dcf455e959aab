//! What an import came to, and what did not fit.

use std::fmt;

use serde::Serialize;

use crate::catalog::import::source::ImportedBook;

/// Most misfits that are named one by one.
const NAMED: usize = 100;

/// What an import came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Nothing was written.
    pub dry_run: bool,
    /// Whether stored files were looked at.
    pub files_seen: bool,
    /// Rows of the other database.
    pub books: u64,
    /// Books that were new to the catalog.
    pub new: u64,
    /// Books that the catalog knew.
    pub merged: u64,
    /// Archives that are really in the storage and whole.
    pub archives: u64,
    /// Bytes of these.
    pub archive_bytes: u64,
    /// Books that are called stored from now on.
    pub stored: u64,
    /// Books that were stored already, or claimed by a worker; their archives were left as they are.
    pub home_already: u64,
    /// Archives of books that the other database does not know.
    pub strays: u64,
    /// Books that the other program calls completed, and of which no whole archive is there: they will be fetched.
    pub only_called_done: u64,
    /// Archives whose ETag is not certain: fetched again where GRIN lists a conversion that is not older than they are.
    pub without_etag: u64,
    /// Rows and files that did not fit.
    pub misfits: u64,
    /// The first of these.
    pub named: Vec<ImportMisfit>,
}

/// Something that did not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportMisfit {
    /// What stood where the barcode should be.
    pub barcode: String,
    /// Why it did not fit.
    pub because: String,
}

/// What one batch wrote.
#[derive(Debug, Default)]
pub(super) struct BatchCounts {
    pub new: u64,
    pub merged: u64,
    pub stored: u64,
}

impl ImportReport {
    pub(super) fn new(dry_run: bool, files_seen: bool) -> Self {
        Self {
            dry_run,
            files_seen,
            ..Self::default()
        }
    }

    pub(super) fn misfit(&mut self, barcode: &str, because: &dyn fmt::Display) {
        self.misfits += 1;
        if self.named.len() < NAMED {
            self.named.push(ImportMisfit {
                barcode: barcode.chars().take(80).collect(),
                because: because.to_string(),
            });
        }
    }

    pub(super) fn note_archive(&mut self, book: &ImportedBook) {
        match &book.archive {
            Some(archive) => {
                self.archives += 1;
                self.archive_bytes += archive.bytes;
                self.without_etag += u64::from(archive.encrypted_etag.is_none() && !book.etag_fits);
            }
            None => self.only_called_done += u64::from(book.called_done),
        }
    }

    pub(super) fn add(&mut self, written: BatchCounts) {
        self.new += written.new;
        self.merged += written.merged;
        self.stored += written.stored;
    }
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dry_run {
            writeln!(f, "dry run: nothing was written")?;
        }
        writeln!(f, "{:>10} books in the other database", self.books)?;
        if self.files_seen {
            writeln!(f, "{:>10} more of which only an archive is there", self.strays)?;
        }
        writeln!(
            f,
            "{:>10} of all these are new here, {} known already",
            self.new, self.merged
        )?;
        if self.files_seen {
            writeln!(
                f,
                "{:>10} whole archives in its storage, {} bytes",
                self.archives, self.archive_bytes
            )?;
            let when = if self.dry_run {
                "that would be stored"
            } else {
                "stored from now on"
            };
            writeln!(f, "{:>10} books {when}", self.stored)?;
            writeln!(
                f,
                "{:>10} books stored or claimed already, left as they are",
                self.home_already
            )?;
            writeln!(
                f,
                "{:>10} books called completed of which no whole archive is there",
                self.only_called_done
            )?;
            writeln!(
                f,
                "{:>10} archives without a certain ETag: looked at again if GRIN converted them later",
                self.without_etag
            )?;
        } else {
            writeln!(f, "no storage was named, so no book counts as stored")?;
        }
        writeln!(f, "{:>10} did not fit", self.misfits)?;
        for misfit in &self.named {
            let barcode: String = misfit
                .barcode
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect();
            writeln!(f, "           {barcode}: {}", misfit.because)?;
        }
        let more = self.misfits.saturating_sub(self.named.len() as u64);
        if more > 0 {
            writeln!(f, "           and {more} more")?;
        }
        Ok(())
    }
}
