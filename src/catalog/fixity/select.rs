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
    /// Why they are read.
    pub purpose: CheckPurpose,
}

/// Why books are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CheckPurpose {
    /// Somebody wants to know.
    #[default]
    Asked,
    /// Their time has come: not those that were tried in vain since this moment.
    Due(Timestamp),
    /// Somebody wants to know of their second copies.
    Copied,
    /// By their last check they are damaged or missing, and by now they can be fetched: what was told then is acted upon.
    Unsound,
}

/// A book was copied to the second place as it is stored.
const WAS_COPIED: &str = "EXISTS (SELECT 1 FROM second_copies WHERE second_copies.book = books.id \
    AND second_copies.copied_of = books.sync_timestamp)";

/// Of books that are damaged or missing, those that GRIN or the second place may have.
pub(super) fn can_be_mended() -> String {
    format!(
        "check_outcome IN ('damaged', 'missing') AND state = 'stored' \
         AND (check_outcome = 'missing' OR listed_converted = 1 OR {WAS_COPIED})"
    )
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
    /// It was copied to the second place as it is stored.
    pub is_copied: bool,
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

/// The condition of all selections; its parameters are those of [`CheckSelection::with`].
const MEANT: &str = "sync_timestamp IS NOT NULL AND storage_path IS NOT NULL \
    AND (:all OR barcode IN (SELECT value FROM json_each(:barcodes))) \
    AND (:proven OR verified IS DISTINCT FROM 1)";

/// Of books whose time has come, those that were not tried in vain a short time ago.
const NOT_TRIED: &str = "NOT EXISTS (SELECT 1 FROM fixity_checks WHERE fixity_checks.barcode = books.barcode \
    AND fixity_checks.outcome = 'could_not_check' AND fixity_checks.checked_at >= :tried)";

/// Books that are in the second place as they are stored.
const IS_COPIED: &str = "EXISTS (SELECT 1 FROM second_copies WHERE second_copies.book = books.id \
    AND second_copies.due_at IS NULL)";

/// Later than any moment that is recorded.
const END_OF_TIME: &str = "9";

impl CheckSelection {
    /// The condition; its parameters are those of [`Self::with`].
    fn condition(&self) -> String {
        let known_since = self.known_since();
        let meant = format!("{MEANT} AND {known_since} < :before");
        match self.purpose {
            CheckPurpose::Asked => meant,
            CheckPurpose::Copied => format!("{meant} AND {IS_COPIED}"),
            CheckPurpose::Due(_) => format!("{meant} AND {NOT_TRIED}"),
            CheckPurpose::Unsound => format!("{meant} AND {}", can_be_mended()),
        }
    }

    /// When a book was last known to be good, as it is asked for. What is not sound was checked, or is to be looked at again at once: said
    /// so, it is found by the index of the few books that are not sound, and not by walking through all in the order of that moment.
    fn known_since(&self) -> &'static str {
        match self.purpose {
            CheckPurpose::Asked | CheckPurpose::Copied | CheckPurpose::Due(_) => "ifnull(checked_at, sync_timestamp)",
            CheckPurpose::Unsound => "ifnull(checked_at, '')",
        }
    }

    /// Calls `ask` with the arguments of the condition.
    fn with<T>(&self, ask: impl FnOnce(&[SqlArgument<'_>]) -> T) -> T {
        let before = self.before.map_or_else(|| END_OF_TIME.to_owned(), stamp);
        let barcodes = json_list(self.barcodes.iter().flatten().map(Barcode::as_str));
        let (all, proven) = (self.barcodes.is_none(), !self.unverified);
        let meant = arguments! { before: before, all: all, barcodes: barcodes, proven: proven };
        match self.purpose {
            CheckPurpose::Due(since) => {
                let tried = stamp(since);
                ask(&[&meant[..], &arguments! { tried: tried }[..]].concat())
            }
            CheckPurpose::Asked | CheckPurpose::Copied | CheckPurpose::Unsound => ask(&meant),
        }
    }
}

impl BookToCheck {
    fn read(row: &SqlRow<'_>) -> Result<Self, CatalogError> {
        Ok(Self {
            recorded: RecordedBook::read(row)?,
            code: row.get("barcode")?,
            is_ready: row.get("listed_converted")?,
            is_copied: row.get("was_copied")?,
            cursor: CheckCursor {
                known_since: row.get("known_since")?,
                id: row.get("id")?,
            },
        })
    }
}

impl ListToCheck {
    fn question(&self) -> String {
        let columns = RecordedBook::COLUMNS;
        let (meant, known_since) = (self.selection.condition(), self.selection.known_since());
        format!(
            "SELECT {columns}, listed_converted, {WAS_COPIED} AS was_copied, {known_since} AS known_since FROM books WHERE {meant} \
             AND {known_since} >= :since AND ({known_since} > :since OR id > :id) ORDER BY {known_since}, id LIMIT :limit"
        )
    }
}

impl CatalogOperation for ListToCheck {
    type Output = Vec<BookToCheck>;
    const KIND: &'static str = "list_to_check";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Vec<BookToCheck>, CatalogError> {
        let sql = self.question();
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
            "SELECT count(*) AS books, CAST(ifnull(sum(archive_bytes), 0) AS BIGINT) AS bytes FROM books WHERE {}",
            self.0.condition()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::tests::shelf::Shelf;

    #[test]
    fn each_purpose_has_an_index() {
        let shelf = Shelf::in_file();
        for (purpose, index) in [
            (CheckPurpose::Asked, "books_check"),
            (CheckPurpose::Copied, "books_check"),
            (CheckPurpose::Due(Timestamp::UNIX_EPOCH), "books_check"),
            (CheckPurpose::Unsound, "books_unsound"),
        ] {
            let list = ListToCheck {
                selection: CheckSelection {
                    purpose,
                    ..CheckSelection::default()
                },
                after: CheckCursor::default(),
                limit: 1,
            };
            let plan = shelf.plan(&list.question());
            assert!(plan.contains(index), "{purpose:?}: {plan}");
        }
    }
}
