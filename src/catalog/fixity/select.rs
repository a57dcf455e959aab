//! Stored books in the order in which they are to be read again: what was not looked at for the longest time comes first.

use jiff::Timestamp;

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlRow;
use crate::catalog::engine::value::{SqlArgument, arguments, json_list};
use crate::catalog::lifecycle::restore::RecordedBook;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::clock::stamp;
use crate::grin::Barcode;

/// Which stored books are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckSelection {
    /// Only these.
    pub barcodes: Option<Vec<Barcode>>,
    /// Only those that were last checked, or stored and never checked since, before this moment.
    pub before: Option<Timestamp>,
    /// Only those that are not known to be verified.
    pub unverified: bool,
}

/// The place of a book in that order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckCursor {
    /// When it was last checked, or stored.
    pub known_since: String,
    /// Its number in the catalog.
    pub id: i64,
}

/// Asks for the next books.
#[derive(Debug, Clone)]
pub struct ListToCheck {
    /// Which books.
    pub selection: CheckSelection,
    /// Only those behind this place.
    pub after: CheckCursor,
    /// How many at most.
    pub limit: usize,
}

/// A stored book that is to be read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookToCheck {
    /// What is recorded of it.
    pub recorded: RecordedBook,
    /// Its barcode as it stands in the catalog.
    pub code: String,
    /// GRIN's list names it as converted.
    pub is_ready: bool,
    /// When it was stored, which tells this archive from a later one.
    pub stored_at: String,
    /// Its place.
    pub cursor: CheckCursor,
}

/// Whether anything is stored of a book, or is being stored.
#[derive(Debug, Clone)]
pub struct AskWhetherStored(pub Barcode);

/// Asks where the archive of a book is; `None`: the catalog knows of none.
#[derive(Debug, Clone)]
pub struct AskPlace(pub Barcode);

/// Where an archive is, and what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedPlace {
    /// Within the storage: where the layout puts it, unless it was adopted or the layout was another.
    pub path: String,
    /// Its SHA-256 in hexadecimal digits; `None`: it was adopted unread.
    pub sha256: Option<String>,
}

/// Counts the books that are meant.
#[derive(Debug, Clone)]
pub struct CountToCheck(pub CheckSelection);

/// How many books, and what their archives come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ToCheckCounts {
    /// Books.
    pub books: u64,
    /// Bytes of those whose size is recorded.
    pub bytes: u64,
}

/// The condition of a selection; its parameters are those of [`CheckSelection::with`].
const MEANT: &str = "sync_timestamp IS NOT NULL AND storage_path IS NOT NULL \
    AND ifnull(checked_at, sync_timestamp) < :before \
    AND (:all OR barcode IN (SELECT value FROM json_each(:barcodes))) \
    AND (:proven OR verified IS DISTINCT FROM 1)";

/// Later than any moment that is recorded.
const END_OF_TIME: &str = "9";

impl CheckSelection {
    /// Calls `ask` with the arguments of [`MEANT`].
    fn with<T>(&self, ask: impl FnOnce(&[SqlArgument<'_>]) -> T) -> T {
        let before = self.before.map_or_else(|| END_OF_TIME.to_owned(), stamp);
        let barcodes = json_list(self.barcodes.iter().flatten().map(Barcode::as_str));
        ask(&arguments! {
            before: before, all: self.barcodes.is_none(), barcodes: barcodes, proven: !self.unverified,
        })
    }
}

impl BookToCheck {
    fn read(row: &SqlRow<'_>) -> Result<Self, CatalogError> {
        Ok(Self {
            recorded: RecordedBook::read(row)?,
            code: row.get("barcode")?,
            is_ready: row.get("listed_converted")?,
            stored_at: row.get("sync_timestamp")?,
            cursor: CheckCursor {
                known_since: row.get("known_since")?,
                id: row.get("id")?,
            },
        })
    }
}

impl CatalogOperation for ListToCheck {
    type Output = Vec<BookToCheck>;
    const KIND: &'static str = "list_to_check";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Vec<BookToCheck>, CatalogError> {
        let sql = format!(
            "SELECT id, barcode, storage_path, encrypted_etag, sha256, archive_bytes, publishing_sha256, publishing_etag, \
             sync_timestamp, listed_converted, ifnull(checked_at, sync_timestamp) AS known_since FROM books WHERE {MEANT} \
             AND ifnull(checked_at, sync_timestamp) >= :since \
             AND (ifnull(checked_at, sync_timestamp) > :since OR id > :id) \
             ORDER BY ifnull(checked_at, sync_timestamp), id LIMIT :limit"
        );
        let CheckCursor { known_since, id } = &self.after;
        let place = arguments! { since: known_since, id: id, limit: self.limit };
        self.selection.with(|meant| {
            let given = [meant, &place].concat();
            tx.conn.all(&sql, &given, BookToCheck::read)
        })
    }
}

impl CatalogOperation for CountToCheck {
    type Output = ToCheckCounts;
    const KIND: &'static str = "count_to_check";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<ToCheckCounts, CatalogError> {
        let sql = format!(
            "SELECT count(*) AS books, CAST(ifnull(sum(archive_bytes), 0) AS BIGINT) AS bytes FROM books WHERE {MEANT}"
        );
        self.0.with(|meant| {
            tx.conn.one(&sql, meant, |row| {
                Ok(ToCheckCounts {
                    books: row.get("books")?,
                    bytes: row.get("bytes")?,
                })
            })
        })
    }
}

impl CatalogOperation for AskWhetherStored {
    type Output = bool;
    const KIND: &'static str = "ask_whether_stored";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<bool, CatalogError> {
        let sql = "SELECT 1 FROM books WHERE barcode = :barcode \
                   AND (sync_timestamp IS NOT NULL OR publishing_sha256 IS NOT NULL)";
        let found = tx.conn.first(sql, &arguments! { barcode: self.0 }, |_| Ok(()))?;
        Ok(found.is_some())
    }
}

impl CatalogOperation for AskPlace {
    type Output = Option<RecordedPlace>;
    const KIND: &'static str = "ask_place";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Self::Output, CatalogError> {
        let sql = "SELECT storage_path, sha256 FROM books WHERE barcode = :barcode AND storage_path IS NOT NULL";
        tx.conn.first(sql, &arguments! { barcode: self.0 }, |row| {
            Ok(RecordedPlace {
                path: row.get("storage_path")?,
                sha256: row.get("sha256")?,
            })
        })
    }
}
