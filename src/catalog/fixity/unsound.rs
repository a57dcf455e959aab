//! How far the reading of stored books is, and books that are to be fetched again because what is stored of them is not sound.

use std::time::Duration;

use jiff::Timestamp;

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::history::ChangeNote;
use crate::catalog::lifecycle::next_state::{BookChange, BookStanding};
use crate::catalog::lifecycle::restore::forget_stored;
use crate::catalog::queries::ask::StateCounts;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction, StateChange};
use crate::clock::{later, read_stamp, stamp};
use crate::grin::Barcode;
use crate::vocabulary::BookState;

/// Asks how far the reading of stored books is.
#[derive(Debug, Clone, Copy)]
pub struct AskFixity {
    /// Books are due that were last known to be good before this moment.
    pub before: Timestamp,
}

/// How far it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FixityStanding {
    /// When the book that was not looked at for the longest time was last known to be good; `None`: nothing is stored.
    pub oldest: Option<Timestamp>,
    /// Stored books.
    pub stored: u64,
    /// Books that are due.
    pub due: u64,
    /// Books of which the last check told damage or loss.
    pub unsound: u64,
    /// The mean size of the archives that were stored by this program; 0: none was.
    pub mean_bytes: u64,
}

/// Has a stored book fetched again; `false`, and nothing is changed, if what is stored of it was replaced since, or it is no longer
/// merely stored.
#[derive(Debug, Clone)]
pub struct FetchAgain {
    /// The book's number in the catalog.
    pub book: i64,
    /// When that was stored which is not sound.
    pub stored_at: String,
    /// Its archive is sound, and everything else is made anew from it.
    pub keeps_archive: bool,
    /// Not before so much time has passed.
    pub wait: Duration,
}

/// Records that what is stored of a book is being removed: it is to be fetched again, unless somebody wants it left out.
#[derive(Debug, Clone)]
pub struct RecordRemoval {
    /// The book.
    pub barcode: Barcode,
}

/// Whether it may be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalAnswer {
    /// Nobody relies on it any more.
    Recorded,
    /// A worker has claimed the book.
    InWork,
}

impl CatalogOperation for RecordRemoval {
    type Output = RemovalAnswer;
    const KIND: &'static str = "record_removal";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<RemovalAnswer, CatalogError> {
        let sql = "SELECT id, state, claimed_by IS NOT NULL AS is_claimed, sync_timestamp IS NOT NULL AS stored FROM books \
                   WHERE barcode = :barcode /*pg FOR UPDATE*/";
        let found = tx.conn.first(sql, &arguments! { barcode: self.barcode }, |row| {
            let state: BookState = row.get("state")?;
            Ok((
                row.get::<i64>("id")?,
                state,
                row.get::<bool>("is_claimed")?,
                row.get::<bool>("stored")?,
            ))
        })?;
        let (id, from) = match found {
            Some((_, _, true, _)) => return Ok(RemovalAnswer::InWork),
            Some((id, state, false, true)) => (id, state),
            Some((.., false)) | None => return Ok(RemovalAnswer::Recorded),
        };
        if from == BookState::Failed {
            tx.uncount_failure(id)?;
        }
        let next = tx.next_state(&BookStanding::of(from), BookChange::Removed);
        let change = StateChange { from, to: next.state };
        let note = ChangeNote::of(next.cause);
        forget_stored(tx, id, next)?;
        tx.record_transition(self.barcode.as_str(), change, note)?;
        Ok(RemovalAnswer::Recorded)
    }
}

/// The damaged archive of such a book was moved away: it may be fetched at once.
#[derive(Debug, Clone, Copy)]
pub struct EndWait {
    /// The book's number in the catalog.
    pub book: i64,
}

impl CatalogOperation for EndWait {
    type Output = ();
    const KIND: &'static str = "end_wait";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<(), CatalogError> {
        let sql = "UPDATE books SET next_attempt_at = NULL \
                   WHERE id = :id AND state = 'available' AND sync_timestamp IS NULL AND attempts = 0";
        tx.conn.execute(sql, &arguments! { id: self.book }).map(drop)
    }
}

impl CatalogOperation for AskFixity {
    type Output = FixityStanding;
    const KIND: &'static str = "ask_fixity";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<FixityStanding, CatalogError> {
        let meant = "sync_timestamp IS NOT NULL AND storage_path IS NOT NULL";
        let oldest = format!(
            "SELECT ifnull(checked_at, sync_timestamp) AS known_since FROM books WHERE {meant} \
             ORDER BY ifnull(checked_at, sync_timestamp), id LIMIT 1"
        );
        let oldest: Option<String> = tx.conn.first(&oldest, &[], |row| row.at(0))?;
        let due = format!("SELECT count(*) FROM books WHERE {meant} AND ifnull(checked_at, sync_timestamp) < :before");
        let before = stamp(self.before);
        let unsound = "SELECT count(*) FROM books WHERE check_outcome IN ('damaged', 'missing')";
        // Totals of each day: some thousand rows after many years.
        let mean = "SELECT CAST(ifnull(sum(CASE WHEN kind = 'bytes_on' THEN n END) / \
                    nullif(sum(CASE WHEN kind = 'stored_on' THEN n END), 0), 0) AS BIGINT) FROM tallies \
                    WHERE kind IN ('bytes_on', 'stored_on')";
        Ok(FixityStanding {
            oldest: oldest.as_deref().and_then(read_stamp),
            stored: StateCounts::read(tx.conn)?.of(BookState::Stored),
            due: tx.conn.one(&due, &arguments! { before: before }, |row| row.at(0))?,
            unsound: tx.conn.one(unsound, &[], |row| row.at(0))?,
            mean_bytes: tx.conn.one(mean, &[], |row| row.at(0))?,
        })
    }
}

impl CatalogOperation for FetchAgain {
    type Output = bool;
    const KIND: &'static str = "fetch_again";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<bool, CatalogError> {
        let sql = "SELECT barcode FROM books WHERE id = :id AND sync_timestamp = :stored_at AND state = 'stored' \
                   AND publishing_sha256 IS NULL /*pg FOR UPDATE*/";
        let given = arguments! { id: self.book, stored_at: self.stored_at };
        let Some(barcode) = tx.conn.first(sql, &given, |row| row.get::<String>("barcode"))? else {
            return Ok(false);
        };
        let from = BookState::Stored;
        let next = tx.next_state(&BookStanding::of(from), BookChange::Unsound(later(tx.now, self.wait)));
        let change = StateChange { from, to: next.state };
        let note = ChangeNote::of(next.cause);
        if self.keeps_archive {
            // As after a publication that was killed: whoever claims the book completes it from the archive.
            let begin = "UPDATE books SET publishing_sha256 = sha256, publishing_etag = encrypted_etag WHERE id = :id";
            tx.conn.execute(begin, &arguments! { id: self.book })?;
        }
        forget_stored(tx, self.book, next)?;
        tx.record_transition(&barcode, change, note)?;
        Ok(true)
    }
}
