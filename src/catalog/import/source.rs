//! Reading the database of a `grin-transfer` run, whichever of its versions wrote it.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row};

use crate::catalog::CatalogError;
use crate::catalog::import::files::AdoptedArchive;
use crate::catalog::import::report::ImportReport;
use crate::catalog::lifecycle::claim::ClaimToken;
use crate::clock::stamp;
use crate::grin::columns::{CSV_COLUMNS, ColumnKind};
use crate::grin::{Barcode, GrinDate};

/// Why nothing, or nothing more, could be taken over.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The other database cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    Source {
        /// Its file.
        path: PathBuf,
        /// Why.
        cause: rusqlite::Error,
    },
    /// It is no database of `grin-transfer`.
    #[error("{} is no database of grin-transfer: it has no table `books` with a column `barcode`", path.display())]
    Foreign {
        /// Its file.
        path: PathBuf,
    },
    /// Our own catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// It is no member of the catalog any more, so others may have worked on the same books meanwhile.
    #[error("the import stood still for so long that it lost its membership of the catalog, and what it had claimed")]
    Interrupted,
    /// The stored files cannot be listed, or our own storage does not take them.
    #[error("cannot go on with the stored files: {0}")]
    Files(io::Error),
}

/// One book of the other database, and its archive.
#[derive(Debug)]
pub(super) struct ImportedBook {
    pub barcode: Barcode,
    /// Values by our column's name; never empty.
    pub values: Vec<(&'static str, String)>,
    /// What the other program thinks of it: its last word in `sync`.
    pub called_done: bool,
    /// Its ETag belongs to what was decrypted, as far as its history tells.
    pub etag_fits: bool,
    /// When what is stored was decrypted, as its history tells; `None` if a later archive was fetched and never decrypted.
    pub decrypted_at: Option<String>,
    pub history: Vec<OldEvent>,
    pub archive: Option<AdoptedArchive>,
    /// The claim under which its archive was published.
    pub claim: Option<ClaimToken>,
    /// Made known by that claim.
    pub made_known: bool,
    /// The other database does not know it.
    pub is_stray: bool,
}

/// A line of the other program's history.
#[derive(Debug)]
pub(super) struct OldEvent {
    pub status_type: String,
    pub status_value: String,
    pub timestamp: String,
    pub session: Option<String>,
    pub metadata: Option<String>,
}

impl OldEvent {
    /// What was noted with it, with the run of the other program that it was part of.
    pub(super) fn note(&self) -> String {
        let noted = self.metadata.as_deref().unwrap_or("{}");
        match (&self.session, serde_json::from_str(noted)) {
            (Some(session), Ok(serde_json::Value::Object(mut note))) => {
                note.entry("session_id").or_insert_with(|| session.as_str().into());
                serde_json::Value::Object(note).to_string()
            }
            _ => noted.to_owned(),
        }
    }
}

impl ImportedBook {
    pub(super) fn bare(barcode: Barcode) -> Self {
        Self {
            barcode,
            values: Vec::new(),
            called_done: false,
            etag_fits: false,
            decrypted_at: None,
            history: Vec::new(),
            archive: None,
            claim: None,
            made_known: false,
            is_stray: false,
        }
    }

    /// A book of which only the archive is there.
    pub(super) fn stray(barcode: Barcode) -> Self {
        Self {
            is_stray: true,
            ..Self::bare(barcode)
        }
    }

    pub(super) fn value(&self, column: &str) -> Option<&str> {
        let found = self.values.iter().find(|(name, _)| *name == column);
        found.map(|(_, value)| value.as_str())
    }

    /// A column's instant as ours are written; nothing where it is none.
    pub(super) fn instant(&self, column: &str) -> Option<String> {
        self.value(column).and_then(instant)
    }

    /// When the archive that is stored was: by its history; without any, by the other program's own word.
    pub(super) fn stored_at(&self) -> Option<String> {
        let told = self.decrypted_at.as_deref().and_then(instant);
        told.or_else(|| self.instant("sync_timestamp").filter(|_| self.history.is_empty()))
    }

    /// It was decrypted on a later day than GRIN converted it: no newer archive was there then. (GRIN's dates have no zone, so
    /// the same day says nothing.)
    pub(super) fn is_newest_by_dates(&self) -> bool {
        match (self.decrypted_at.as_deref(), self.value("converted_date")) {
            (Some(decrypted), Some(converted)) => decrypted.get(..10) > converted.get(..10),
            _ => false,
        }
    }
}

/// Some books, and where the next ones begin.
pub(super) struct ImportBatch {
    pub books: Vec<ImportedBook>,
    pub last_rowid: Option<i64>,
}

/// The other database, opened for reading only.
pub(super) struct ImportSource {
    conn: Connection,
    path: PathBuf,
    /// Our column, its place in `select`.
    columns: Vec<(&'static str, ColumnKind, usize)>,
    select: String,
    /// Empty where there is no history.
    select_history: String,
}

/// Our names of columns that are not simply taken over: they are derived from what is stored.
const DERIVED: [&str; 4] = ["barcode", "storage_path", "is_decrypted", "last_etag_check"];

impl ImportSource {
    pub(super) fn open(path: &Path) -> Result<Self, ImportError> {
        let failed = |cause| ImportError::Source {
            path: path.into(),
            cause,
        };
        let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
        let theirs = columns_of(&conn, "books").map_err(failed)?;
        if !theirs.iter().any(|name| name == "barcode") {
            return Err(ImportError::Foreign { path: path.into() });
        }
        let wanted: Vec<_> = CSV_COLUMNS
            .iter()
            .filter(|column| !DERIVED.contains(&column.sql))
            .filter_map(|column| Some((column, their_name(column.sql, &theirs)?)))
            .collect();
        let names: Vec<_> = wanted.iter().map(|(_, name)| format!("\"{name}\"")).collect();
        let more = if names.is_empty() {
            String::new()
        } else {
            format!(", {}", names.join(", "))
        };
        let columns = wanted
            .iter()
            .enumerate()
            .map(|(at, (column, _))| (column.sql, column.kind, at + 2));
        Ok(Self {
            columns: columns.collect(),
            select: format!("SELECT rowid, barcode{more} FROM books WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"),
            select_history: history_select(&columns_of(&conn, "book_status_history").map_err(failed)?),
            path: path.into(),
            conn,
        })
    }

    fn failed(&self, cause: rusqlite::Error) -> ImportError {
        ImportError::Source {
            path: self.path.clone(),
            cause,
        }
    }

    /// The next books; rows without a usable barcode are counted and skipped.
    pub(super) fn batch(
        &self,
        after: Option<i64>,
        limit: usize,
        report: &mut ImportReport,
    ) -> Result<ImportBatch, ImportError> {
        self.read_batch(after, limit, report)
            .map_err(|cause| self.failed(cause))
    }

    fn read_batch(
        &self,
        after: Option<i64>,
        limit: usize,
        report: &mut ImportReport,
    ) -> Result<ImportBatch, rusqlite::Error> {
        let mut select = self.conn.prepare_cached(&self.select)?;
        let mut rows = select.query((after.unwrap_or(i64::MIN), limit))?;
        let mut batch = ImportBatch {
            books: Vec::new(),
            last_rowid: None,
        };
        while let Some(row) = rows.next()? {
            batch.last_rowid = Some(row.get(0)?);
            report.books += 1;
            let name = text_of(row.get_ref(1)?).unwrap_or_default();
            match Barcode::parse(&name) {
                Ok(barcode) => batch.books.push(self.read_book(barcode, row)?),
                Err(bad) => report.misfit(&name, &bad),
            }
        }
        Ok(batch)
    }

    fn read_book(&self, barcode: Barcode, row: &Row<'_>) -> Result<ImportedBook, rusqlite::Error> {
        let mut book = ImportedBook::bare(barcode);
        for (column, kind, at) in &self.columns {
            if let Some(text) = text_of(row.get_ref(*at)?) {
                let value = match kind {
                    ColumnKind::Date => GrinDate::read(&text).map_or(text, |date| date.stored()),
                    _ => text,
                };
                book.values.push((*column, value));
            }
        }
        if !self.select_history.is_empty() {
            book.history = self.read_history(&book.barcode)?;
            judge_history(&mut book);
        }
        Ok(book)
    }

    fn read_history(&self, barcode: &Barcode) -> Result<Vec<OldEvent>, rusqlite::Error> {
        let mut select = self.conn.prepare_cached(&self.select_history)?;
        let rows = select.query_map([barcode.as_str()], |row| {
            Ok(OldEvent {
                status_type: text_of(row.get_ref(0)?).unwrap_or_default(),
                status_value: text_of(row.get_ref(1)?).unwrap_or_default(),
                timestamp: text_of(row.get_ref(2)?).unwrap_or_default(),
                metadata: text_of(row.get_ref(3)?),
                session: text_of(row.get_ref(4)?),
            })
        })?;
        rows.collect()
    }

    /// Whether the database has this book.
    pub(super) fn knows(&self, barcode: &Barcode) -> Result<bool, ImportError> {
        let ask = || {
            self.conn
                .prepare_cached("SELECT 1 FROM books WHERE barcode = ?1")?
                .query_row([barcode.as_str()], |_| Ok(()))
                .optional()
        };
        ask().map(|found| found.is_some()).map_err(|cause| self.failed(cause))
    }
}

/// The ETag in the database is the one of the last download, also if that was never decrypted; it belongs to the stored
/// archive only if the history shows decryption, and no failure, after it.
fn judge_history(book: &mut ImportedBook) {
    let etag = book.value("encrypted_etag").map(str::to_owned);
    for event in book.history.iter().filter(|event| event.status_type == "sync") {
        book.called_done = event.status_value == "completed" || (book.called_done && event.status_value == "skipped");
        match event.status_value.as_str() {
            "decrypted" | "uploaded" => {
                book.etag_fits = etag.is_some();
                book.decrypted_at = Some(event.timestamp.clone());
            }
            "downloaded" | "decrypt_failed" | "unpack_failed" | "upload_failed" => {
                book.etag_fits = false;
                book.decrypted_at = None;
            }
            _ => {}
        }
    }
}

fn columns_of(conn: &Connection, table: &str) -> Result<Vec<String>, rusqlite::Error> {
    let mut select = conn.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let names = select.query_map([table], |row| row.get(0))?;
    names.collect()
}

/// Asks for a book's history; columns that a version lacks are NULL.
fn history_select(theirs: &[String]) -> String {
    if theirs.is_empty() {
        return String::new();
    }
    let column = |name: &str| match theirs.iter().any(|their| their == name) {
        true => name.to_owned(),
        false => "NULL".to_owned(),
    };
    let columns = ["status_type", "status_value", "timestamp", "metadata", "session_id"].map(column);
    let columns = columns.join(", ");
    format!("SELECT {columns} FROM book_status_history WHERE barcode = ?1 ORDER BY rowid")
}

/// An instant of the other program as ours are written; a time without a zone is one in UTC, as it was made.
fn instant(text: &str) -> Option<String> {
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    let in_utc = || {
        let time: jiff::civil::DateTime = text.parse().ok()?;
        Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    };
    let instant = parsed.ok().or_else(in_utc)?;
    Some(stamp(instant))
}

/// Their name of our column: the same; or, in older versions, without `grin_`, and `google_etag`.
fn their_name(ours: &str, theirs: &[String]) -> Option<String> {
    let older = match ours {
        "encrypted_etag" => "google_etag",
        other => other.strip_prefix("grin_").unwrap_or(other),
    };
    [ours, older]
        .into_iter()
        .find(|name| theirs.iter().any(|their| their == name))
        .map(Into::into)
}

/// A value as text; nothing for an empty one.
fn text_of(value: ValueRef<'_>) -> Option<String> {
    let text = match value {
        ValueRef::Null => return None,
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Real(n) => n.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).trim().to_owned(),
    };
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_as_ours_are() {
        let cases = [
            ("2024-12-31T00:00:00+00:00", Some("2024-12-31T00:00:00.000Z")),
            ("2025-01-02T01:00:01.123456+01:00", Some("2025-01-02T00:00:01.123Z")),
            ("2024-12-31T00:00:00Z", Some("2024-12-31T00:00:00.000Z")),
            ("2024-12-31 10:11:12", Some("2024-12-31T10:11:12.000Z")),
            ("2023-05-01", Some("2023-05-01T00:00:00.000Z")),
            ("01/02/2024", None),
            ("yesterday", None),
        ];
        for (text, expected) in cases {
            assert_eq!(instant(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_note_names_the_run_it_was_made_in() {
        let note = |session: Option<&str>, metadata: Option<&str>| {
            let [session, metadata] = [session, metadata].map(|text| text.map(str::to_owned));
            let event = OldEvent {
                status_type: String::new(),
                status_value: String::new(),
                timestamp: String::new(),
                session,
                metadata,
            };
            event.note()
        };
        assert_eq!(note(None, None), "{}");
        assert_eq!(note(Some("s1"), None), r#"{"session_id":"s1"}"#);
        assert_eq!(note(Some("s1"), Some(r#"{"a":1}"#)), r#"{"a":1,"session_id":"s1"}"#);
        assert_eq!(note(Some("s1"), Some("words")), "words");
    }
}
