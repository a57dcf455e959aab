//! Opening the database, for the one writer and for readers.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::catalog::engine::SqlConnection;
use crate::catalog::engine::postgres::{PostgresEngine, outside_runtime};
use crate::catalog::engine::sqlite::SqliteEngine;
use crate::catalog::writer::schema;
use crate::catalog::{CatalogAddress, CatalogError};

/// How long a connection waits for another program's transaction before it answers `Busy`.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(15);

/// Page cache of the writer. It is part of the daemon's peak memory, whatever the number of books.
const WRITER_CACHE_KIB: i64 = 16 * 1024;
const READER_CACHE_KIB: i64 = 4 * 1024;

/// Pages in the write-ahead log before it is copied back: 16 MiB, so that hot pages are copied once for many commits.
const CHECKPOINT_PAGES: i64 = 4_000;

/// Opens the catalog for writing; makes or upgrades it where needed.
///
/// `synchronous=FULL`: a book may be called stored, and its settlement answered, only when the log is on the disk.
/// What this costs is spread over all operations that wait together (group commit).
pub(crate) fn open_writer(address: &CatalogAddress) -> Result<SqlConnection, CatalogError> {
    match address {
        CatalogAddress::Sqlite(path) => open_file(path),
        CatalogAddress::Postgres(address) => outside_runtime(|| PostgresEngine::open_writer(address)).map(Into::into),
    }
}

fn open_file(path: &Path) -> Result<SqlConnection, CatalogError> {
    let mut conn = Connection::open(path).map_err(|error| cannot_open(path, &error))?;
    configure_writer(&conn)
        .and_then(|()| schema::prepare(&mut conn, path))
        .map_err(|error| error.in_file(path))?;
    Ok(SqliteEngine::new(conn).into())
}

fn configure_writer(conn: &Connection) -> Result<(), CatalogError> {
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(128);
    conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    conn.pragma_update(None, "temp_store", "memory")?;
    conn.pragma_update(None, "journal_mode", "wal")?;
    conn.pragma_update(None, "synchronous", "full")?;
    conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    conn.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    Ok(())
}

/// Opens the catalog for reading only; it must exist and have a schema version that this program knows.
pub(crate) fn open_reader(address: &CatalogAddress) -> Result<SqlConnection, CatalogError> {
    match address {
        CatalogAddress::Sqlite(path) => open_file_for_reading(path),
        CatalogAddress::Postgres(address) => outside_runtime(|| PostgresEngine::open_reader(address)).map(Into::into),
    }
}

fn open_file_for_reading(path: &Path) -> Result<SqlConnection, CatalogError> {
    let conn = connect_for_reading(path).map_err(|error| error.in_file(path))?;
    schema::check_readable(&conn, path).map_err(|error| error.in_file(path))?;
    Ok(SqliteEngine::new(conn).into())
}

fn connect_for_reading(path: &Path) -> Result<Connection, CatalogError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(|error| match path.try_exists() {
        Ok(false) => CatalogError::Missing { path: path.into() },
        _ => cannot_open(path, &error),
    })?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(32);
    conn.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    conn.pragma_update(None, "query_only", true)?;
    Ok(conn)
}

fn cannot_open(path: &Path, error: &rusqlite::Error) -> CatalogError {
    CatalogError::Open {
        path: path.into(),
        cause: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_bundled_sqlite_has_the_wal_reset_fix() {
        // SQLite before 3.51.3 can corrupt a database when a checkpoint resets the write-ahead log.
        assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
    }
}
