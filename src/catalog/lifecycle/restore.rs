//! A catalog that was restored from a backup, and what the storage knows better.

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlRow;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::claim::{BegunPublication, StoredArchive};
use crate::catalog::lifecycle::history::{ChangeCause, ChangeNote};
use crate::catalog::lifecycle::hooks;
use crate::catalog::lifecycle::next_state::{BookChange, BookStanding, BookTransition};
use crate::catalog::lifecycle::settle::{OVER, StoredBook, write_stored};
use crate::catalog::lifecycle::wish::EnsureKnown;
use crate::catalog::second_copy;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction, StateChange};
use crate::grin::Barcode;
use crate::vocabulary::BookState;

/// Books of which an archive is recorded, in the order of their numbers.
#[derive(Debug, Clone, Copy)]
pub struct ListRecorded {
    /// Only those after this number.
    pub after: i64,
    /// How many at most.
    pub limit: usize,
}

/// A book of which an archive is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedBook {
    /// Its number in the catalog.
    pub id: i64,
    /// The book; `None` if its barcode is none of ours.
    pub barcode: Option<Barcode>,
    /// Where the archive is, within the storage.
    pub path: String,
    /// The archive.
    pub stored: StoredArchive,
    /// An archive whose publication was begun.
    pub begun: Option<BegunPublication>,
    /// When that was stored, which tells this archive from a later one.
    pub stored_at: String,
    /// The archive was looked into when it was stored: a manifest was made of it.
    pub has_manifest: bool,
}

impl RecordedBook {
    /// The columns that are read.
    pub(in crate::catalog) const COLUMNS: &'static str = "id, barcode, storage_path, encrypted_etag, sha256, archive_bytes, \
        publishing_sha256, publishing_etag, sync_timestamp, (page_count IS NOT NULL OR verified IS NOT NULL) AS has_manifest";

    pub(crate) fn read(row: &SqlRow<'_>) -> Result<Self, CatalogError> {
        let begun: Option<String> = row.get("publishing_sha256")?;
        let etag = row.get("publishing_etag")?;
        Ok(Self {
            id: row.get("id")?,
            barcode: Barcode::parse(&row.get::<String>("barcode")?).ok(),
            path: row.get("storage_path")?,
            stored: StoredArchive {
                etag: row.get("encrypted_etag")?,
                sha256: row.get("sha256")?,
                bytes: row.get("archive_bytes")?,
            },
            begun: begun.map(|sha256| BegunPublication { sha256, etag }),
            stored_at: row.get("sync_timestamp")?,
            has_manifest: row.get("has_manifest")?,
        })
    }
}

impl CatalogOperation for ListRecorded {
    type Output = Vec<RecordedBook>;
    const KIND: &'static str = "list_recorded";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Vec<RecordedBook>, CatalogError> {
        let columns = RecordedBook::COLUMNS;
        let sql = format!(
            "SELECT {columns} FROM books WHERE id > :after AND sync_timestamp IS NOT NULL AND storage_path IS NOT NULL \
             ORDER BY id LIMIT :limit"
        );
        let given = arguments! { after: self.after, limit: self.limit };
        tx.conn.all(&sql, &given, RecordedBook::read)
    }
}

/// Asks for what is recorded of one book; `None`: nothing of it is stored.
#[derive(Debug, Clone)]
pub struct AskRecorded(pub Barcode);

impl CatalogOperation for AskRecorded {
    type Output = Option<RecordedBook>;
    const KIND: &'static str = "ask_recorded";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Option<RecordedBook>, CatalogError> {
        let columns = RecordedBook::COLUMNS;
        let sql = format!(
            "SELECT {columns} FROM books \
             WHERE barcode = :barcode AND sync_timestamp IS NOT NULL AND storage_path IS NOT NULL"
        );
        tx.conn.first(&sql, &arguments! { barcode: self.0 }, RecordedBook::read)
    }
}

/// Records what the storage says of a book.
#[derive(Debug, Clone)]
pub struct RecordFound {
    /// The book.
    pub barcode: Barcode,
    /// What is stored of it; `None`: nothing is any more, and it is to be fetched again.
    pub found: Option<StoredBook>,
}

/// A book as far as its standing decides what becomes of it.
struct FoundRow {
    id: i64,
    standing: BookStanding,
}

impl FoundRow {
    fn read(row: &SqlRow<'_>) -> Result<Self, CatalogError> {
        let state = row.get("state")?;
        Ok(Self {
            id: row.get("id")?,
            standing: BookStanding {
                resume: row.get("resume")?,
                stored: row.get("stored")?,
                ..BookStanding::of(state)
            },
        })
    }
}

impl CatalogOperation for RecordFound {
    type Output = ();
    const KIND: &'static str = "record_found";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<(), CatalogError> {
        EnsureKnown(vec![self.barcode.clone()]).run(tx)?;
        let sql = "SELECT id, state, ifnull(resume_state, state) AS resume, sync_timestamp IS NOT NULL AS stored \
                   FROM books WHERE barcode = :barcode /*pg FOR UPDATE*/";
        let FoundRow { id, standing } = tx
            .conn
            .one(sql, &arguments! { barcode: self.barcode }, FoundRow::read)?;
        if standing.state == BookState::Failed {
            tx.uncount_failure(id)?;
        }
        let change = if self.found.is_some() {
            BookChange::Found
        } else {
            BookChange::Lost
        };
        let next = tx.next_state(&standing, change);
        match &self.found {
            Some(stored) => {
                write_stored(tx, id, next, stored)?;
                // Whether the hook was told of it, the catalog that was lost knew.
                hooks::is_due(tx, id)?;
            }
            None => forget_stored(tx, id, next)?,
        }
        let note = ChangeNote {
            sha256: self.found.as_ref().map(|stored| stored.sha256.as_str()),
            ..ChangeNote::of(ChangeCause::Restored)
        };
        let change = StateChange {
            from: standing.state,
            to: next.state,
        };
        tx.record_transition(self.barcode.as_str(), change, note)
    }
}

/// A claim that the backup has of it is over, too: when its lease ended, the book would else be what it was before the claim.
pub(in crate::catalog) fn forget_stored(
    tx: &mut CatalogTransaction<'_>,
    id: i64,
    next: BookTransition,
) -> Result<(), CatalogError> {
    let (keep, due) = next.due.column();
    tx.conn.execute(
        &format!(
            "{OVER}sync_timestamp = NULL, storage_path = NULL, sha256 = NULL, archive_bytes = NULL, encrypted_etag = NULL, \
             encrypted_bytes = NULL, is_decrypted = 0, verified = NULL, last_etag_check = NULL, judged_converted_date = NULL, \
             requested_for = NULL, absent_at = NULL, checked_at = NULL, check_outcome = NULL WHERE id = :id"
        ),
        &arguments! { id: id, now: tx.stamp, state: next.state, keep: keep, due: due },
    )?;
    second_copy::is_gone(tx, id)
}
