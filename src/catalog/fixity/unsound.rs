//! How far the reading of stored books is, and books that are to be fetched again because what is stored of them is not sound.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlConnection;
use crate::catalog::engine::value::arguments;
use crate::catalog::fixity::select::can_be_mended;
use crate::catalog::lifecycle::history::ChangeNote;
use crate::catalog::lifecycle::next_state::{BookChange, BookStanding};
use crate::catalog::lifecycle::restore::forget_stored;
use crate::catalog::queries::ask::StateCounts;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction, StateChange};
use crate::clock::{later, read_stamp, stamp};
use crate::vocabulary::BookState;

/// Asks how far the reading of stored books is.
#[derive(Debug, Clone, Copy)]
pub struct AskFixity {
    /// Books are due that were last known to be good before this moment.
    pub before: Timestamp,
    /// Books that are damaged or missing are looked at again that were last looked at before this one.
    pub again_before: Timestamp,
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
    /// Those of them that may be fetched by now, and are looked at again.
    pub again: u64,
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
    /// Its archive is sound, has this SHA-256 and stays where it is: everything else is made anew from it.
    pub keeps: Option<String>,
    /// Not before so much time has passed.
    pub wait: Duration,
}

/// Where the archives are that are kept so, until a worker has made the rest anew.
#[derive(Debug, Clone, Copy)]
pub struct ListKept;

impl CatalogOperation for ListKept {
    type Output = Vec<String>;
    const KIND: &'static str = "list_kept";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Vec<String>, CatalogError> {
        let sql = "SELECT storage_path FROM books WHERE publishing_sha256 IS NOT NULL AND sync_timestamp IS NULL \
                   AND storage_path IS NOT NULL";
        tx.conn.all(sql, &[], |row| row.at(0))
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

/// The condition of all that is read again.
const STORED: &str = "sync_timestamp IS NOT NULL AND storage_path IS NOT NULL";

/// What the catalog tells of the checks, whatever the configuration wants of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StoredChecks {
    /// When the book that was not looked at for the longest time was checked or, if it never was, stored; `None`: nothing is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<String>,
    /// Books of which the last check told damage or loss.
    pub unsound: u64,
}

impl StoredChecks {
    /// From indexes alone.
    pub(in crate::catalog) fn read(conn: &SqlConnection) -> Result<Self, CatalogError> {
        let oldest = format!(
            "SELECT ifnull(checked_at, sync_timestamp) AS known_since FROM books WHERE {STORED} \
             ORDER BY ifnull(checked_at, sync_timestamp), id LIMIT 1"
        );
        let unsound = "SELECT count(*) FROM books WHERE check_outcome IN ('damaged', 'missing')";
        Ok(Self {
            oldest: conn.first(&oldest, &[], |row| row.at(0))?,
            unsound: conn.one(unsound, &[], |row| row.at(0))?,
        })
    }
}

impl fmt::Display for StoredChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { oldest, unsound } = self;
        if let Some(oldest) = oldest {
            writeln!(f, "\nAll stored books were checked or stored since {oldest}")?;
        }
        if *unsound > 0 {
            writeln!(
                f,
                "{unsound} books are damaged or missing by their last check; --unsound lists them"
            )?;
        }
        Ok(())
    }
}

impl CatalogOperation for AskFixity {
    type Output = FixityStanding;
    const KIND: &'static str = "ask_fixity";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<FixityStanding, CatalogError> {
        let meant = STORED;
        let StoredChecks { oldest, unsound } = StoredChecks::read(tx.conn)?;
        let due = format!("SELECT count(*) FROM books WHERE {meant} AND ifnull(checked_at, sync_timestamp) < :before");
        let before = stamp(self.before);
        let again = format!(
            "SELECT count(*) FROM books WHERE {meant} AND {} AND ifnull(checked_at, '') < :again_before",
            can_be_mended()
        );
        let again_before = stamp(self.again_before);
        // Totals of each day: some thousand rows after many years.
        let mean = "SELECT CAST(ifnull(sum(CASE WHEN kind = 'bytes_on' THEN n END) / \
                    nullif(sum(CASE WHEN kind = 'stored_on' THEN n END), 0), 0) AS BIGINT) FROM tallies \
                    WHERE kind IN ('bytes_on', 'stored_on')";
        Ok(FixityStanding {
            oldest: oldest.as_deref().and_then(read_stamp),
            stored: StateCounts::read(tx.conn)?.of(BookState::Stored),
            due: tx.conn.one(&due, &arguments! { before: before }, |row| row.at(0))?,
            unsound,
            again: tx
                .conn
                .one(&again, &arguments! { again_before: again_before }, |row| row.at(0))?,
            mean_bytes: tx.conn.one(mean, &[], |row| row.at(0))?,
        })
    }
}

impl CatalogOperation for FetchAgain {
    type Output = bool;
    const KIND: &'static str = "fetch_again";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<bool, CatalogError> {
        let sql = "SELECT barcode, storage_path FROM books WHERE id = :id AND sync_timestamp = :stored_at AND state = 'stored' \
                   AND publishing_sha256 IS NULL /*pg FOR UPDATE*/";
        let given = arguments! { id: self.book, stored_at: self.stored_at };
        let found = tx.conn.first(sql, &given, |row| {
            let barcode: String = row.get("barcode")?;
            Ok((barcode, row.get::<Option<String>>("storage_path")?))
        })?;
        let Some((barcode, place)) = found else {
            return Ok(false);
        };
        let from = BookState::Stored;
        let next = tx.next_state(&BookStanding::of(from), BookChange::Unsound(later(tx.now, self.wait)));
        let change = StateChange { from, to: next.state };
        let note = ChangeNote::of(next.cause);
        if let Some(sha256) = &self.keeps {
            // As after a publication that was killed: whoever claims the book completes it from the archive.
            let begin = "UPDATE books SET publishing_sha256 = :sha256, publishing_etag = encrypted_etag WHERE id = :id";
            tx.conn.execute(begin, &arguments! { id: self.book, sha256: sha256 })?;
        }
        forget_stored(tx, self.book, next)?;
        if self.keeps.is_some() {
            let keep = "UPDATE books SET storage_path = :place WHERE id = :id";
            tx.conn.execute(keep, &arguments! { id: self.book, place: place })?;
        }
        tx.record_transition(&barcode, change, note)?;
        Ok(true)
    }
}
