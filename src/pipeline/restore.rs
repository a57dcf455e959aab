//! Makes a restored catalog agree with the storage: what was stored after the backup is recorded, and what the storage lacks is to be
//! fetched again.

use std::collections::HashMap;

use tracing::{info, warn};

use crate::archive::PassOptions;
use crate::catalog::{CatalogError, CatalogLedger, ListRecorded, RecordFound, RecordedBook};
use crate::grin::Barcode;
use crate::pipeline::publish::{PublicationWindow, PublishError};
use crate::pipeline::recover::{PublishedVolume, ReconcileBook};
use crate::storage::{BookObjectKind, ObjectKey, Storage, StorageError, StorageLayout};

/// Books read from the catalog at a time.
const BOOKS: usize = 1_000;

/// What a comparison came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct RestoredBooks {
    /// Books that catalog and storage agree about.
    pub agreed: u64,
    /// Books that are in the storage, and were not recorded as they are there.
    pub found: u64,
    /// Books that were recorded and are not in the storage: they are to be fetched again.
    pub lost: u64,
    /// Books whose archive in the storage is of another size than recorded, and proven by nothing: they are to be fetched again.
    pub differing: u64,
    /// Archives in the storage that nothing proves to be what they should be, nor shows to be something else: what is recorded of their
    /// books stays.
    pub unproven: u64,
}

/// Why they do not agree.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The catalog could not be read or written.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The storage could not be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The objects beside an archive could not be made anew.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// Where books are stored, and how they are looked at.
pub struct StoreComparison {
    /// The storage.
    pub storage: Storage,
    /// Its names.
    pub layout: StorageLayout,
    /// What is extracted from an archive whose companions are made anew.
    pub options: PassOptions,
    /// How long objects may be published.
    pub window: PublicationWindow,
}

impl StoreComparison {
    /// Compares all of the catalog with all of the storage; blocking.
    pub fn run(&self, ledger: &mut CatalogLedger) -> Result<RestoredBooks, ReconcileError> {
        let mut archives = self.archives()?;
        let mut done = RestoredBooks::default();
        let mut doubtful = Vec::new();
        let mut after = 0;
        loop {
            let books = ledger.execute(ListRecorded { after, limit: BOOKS })?;
            let Some(last) = books.last() else { break };
            after = last.id;
            for book in books {
                let found = match archives.remove(&book.path) {
                    Some(bytes) => Some(bytes),
                    None => self.bytes_at(&book.path)?,
                };
                match found {
                    // Most are told by their size: reading them all would take as long as fetching them.
                    Some(bytes) if book.stored.bytes == Some(bytes) => done.agreed += 1,
                    Some(_) => doubtful.push(book),
                    None => done.lost += fetch_again(ledger, &book, "recorded as stored, and not in the storage")?,
                }
            }
        }
        for book in doubtful {
            self.look_again(ledger, &book, &mut done)?;
        }
        for barcode in archives.keys().filter_map(|path| self.barcode_of(path)) {
            self.look(ledger, &barcode, &mut done)?;
        }
        Ok(done)
    }

    /// The archives in the storage with their sizes.
    fn archives(&self) -> Result<HashMap<String, u64>, ReconcileError> {
        let mut found = HashMap::new();
        for object in self.storage.list(Some(self.layout.raw_folder()))? {
            let object = object?;
            found.insert(object.key.to_string(), object.bytes);
        }
        Ok(found)
    }

    /// The size of an archive that is not among those: the layout may have been another when it was stored.
    fn bytes_at(&self, path: &str) -> Result<Option<u64>, StorageError> {
        let Ok(key) = ObjectKey::parse(path) else {
            return Ok(None);
        };
        Ok(self.storage.stat(&key)?.map(|found| found.bytes))
    }

    /// The book whose archive is stored under this name.
    fn barcode_of(&self, path: &str) -> Option<Barcode> {
        let key = ObjectKey::parse(path).ok()?;
        match self.layout.owner(&key)? {
            (BookObjectKind::Archive, barcode) => Some(barcode),
            _ => None,
        }
    }

    /// Looks into an archive that no record names.
    fn look(
        &self,
        ledger: &mut CatalogLedger,
        barcode: &Barcode,
        done: &mut RestoredBooks,
    ) -> Result<(), ReconcileError> {
        if let Some(volume) = self.archive_of(barcode, None).reconcile()?.volume {
            done.found += found_again(ledger, barcode, volume)?;
        } else {
            warn!(%barcode, "nothing proves that the archive in the storage is what it should be; it stays until the book is fetched again");
            done.unproven += 1;
        }
        Ok(())
    }

    /// Looks into an archive that is recorded with another size, or with none.
    fn look_again(
        &self,
        ledger: &mut CatalogLedger,
        book: &RecordedBook,
        done: &mut RestoredBooks,
    ) -> Result<(), ReconcileError> {
        let Some(barcode) = &book.barcode else { return Ok(()) };
        let archive = self.archive_of(barcode, Some(book)).reconcile()?;
        if let Some(volume) = archive.volume {
            done.found += found_again(ledger, barcode, volume)?;
        } else if archive.is_as_recorded {
            done.agreed += 1;
        } else if book.stored.bytes.is_some() {
            done.differing += fetch_again(
                ledger,
                book,
                "the archive in the storage is not the one that is recorded",
            )?;
        } else {
            warn!(%barcode, "neither size nor digest is recorded: nothing proves the archive in the storage, and the book stays stored");
            done.unproven += 1;
        }
        Ok(())
    }

    fn archive_of(&self, barcode: &Barcode, recorded: Option<&RecordedBook>) -> ReconcileBook {
        ReconcileBook {
            barcode: barcode.clone(),
            recorded: recorded.map(|book| book.stored.clone()),
            begun: recorded.and_then(|book| book.begun.clone()),
            place: recorded.and_then(|book| ObjectKey::parse(&book.path).ok()),
            storage: self.storage.clone(),
            layout: self.layout.clone(),
            options: self.options.clone(),
            window: self.window.clone(),
            looks_closer: true,
        }
    }
}

fn found_again(ledger: &mut CatalogLedger, barcode: &Barcode, volume: PublishedVolume) -> Result<u64, ReconcileError> {
    info!(%barcode, "stored after the backup; recorded again");
    let found = Some(volume.into_book());
    let barcode = barcode.clone();
    ledger.execute(RecordFound { barcode, found })?;
    Ok(1)
}

fn fetch_again(ledger: &mut CatalogLedger, book: &RecordedBook, why: &str) -> Result<u64, ReconcileError> {
    let Some(barcode) = book.barcode.clone() else {
        return Ok(0);
    };
    warn!(%barcode, path = book.path, why, "the book is to be fetched again");
    ledger.execute(RecordFound { barcode, found: None })?;
    Ok(1)
}
