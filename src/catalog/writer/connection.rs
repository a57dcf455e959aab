//! Opening the database, for the one writer and for readers.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::catalog::engine::SqlConnection;
use crate::catalog::engine::postgres::{PostgresEngine, outside_runtime};
use crate::catalog::engine::sqlite::{SqliteEngine, UnlockedFile};
use crate::catalog::sharing::members::check_complete;
use crate::catalog::writer::schema;
use crate::catalog::{CatalogAddress, CatalogError};

/// How long a connection waits for another program's transaction before it answers `Busy`.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(15);

/// How soon a writer that waits looks again. SQLite's own way to wait soon looks each tenth of a second only: where others write one
/// transaction after another, it may find the file locked each time.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Page cache of the writer. It is part of the daemon's peak memory, whatever the number of books.
const WRITER_CACHE_KIB: i64 = 16 * 1024;
const READER_CACHE_KIB: i64 = 4 * 1024;

/// Pages in the write-ahead log before it is copied back: 16 MiB, so that hot pages are copied once for many commits.
const CHECKPOINT_PAGES: i64 = 4_000;

/// Opens the catalog for writing; makes or upgrades it where needed. With the id of a server's catalog that was opened before, nothing is
/// made, and one with another id is refused; that a file is the same one, [`super::file_identity`] tells.
///
/// `synchronous=FULL`: a book may be called stored, and its settlement answered, only when the log is on the disk.
/// What this costs is spread over all operations that wait together (group commit).
pub(crate) fn open_writer(address: &CatalogAddress, known: Option<&str>) -> Result<SqlConnection, CatalogError> {
    match address {
        CatalogAddress::Sqlite(path) => open_file(path),
        CatalogAddress::Postgres(address) => {
            outside_runtime(|| PostgresEngine::open_writer(address, known)).map(Into::into)
        }
    }
}

/// Tries whether a server's catalog can be written, or made, and undoes it; of a file its rights tell.
pub(crate) fn try_writing(address: &CatalogAddress) -> Result<(), CatalogError> {
    match address {
        CatalogAddress::Sqlite(_) => Ok(()),
        CatalogAddress::Postgres(address) => outside_runtime(|| PostgresEngine::try_writing(address)),
    }
}

fn open_file(path: &Path) -> Result<SqlConnection, CatalogError> {
    let mut conn = Connection::open(path).map_err(|error| cannot_open(path, &error))?;
    configure_writer(&mut conn)
        .and_then(|()| schema::prepare(&mut conn, path))
        .map_err(|error| error.in_file(path))?;
    Ok(SqliteEngine::new(conn).into())
}

fn configure_writer(conn: &mut Connection) -> Result<(), CatalogError> {
    let mut since = Instant::now();
    conn.busy_handler(Some(move |looked| {
        if looked == 0 {
            since = Instant::now();
        }
        let goes_on = since.elapsed() < BUSY_TIMEOUT;
        if goes_on {
            std::thread::sleep(LOOK_AGAIN);
        }
        goes_on
    }))?;
    conn.set_prepared_statement_cache_capacity(128);
    conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    conn.pragma_update(None, "temp_store", "memory")?;
    conn.pragma_update(None, "journal_mode", "wal")?;
    conn.pragma_update(None, "synchronous", "full")?;
    conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    conn.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    Ok(())
}

/// Opens the catalog for reading only; it must exist, have a schema version that this program knows, and be no unfinished copy.
pub(crate) fn open_reader(address: &CatalogAddress) -> Result<SqlConnection, CatalogError> {
    match address {
        CatalogAddress::Sqlite(path) => whole(open_file_for_reading(path)?),
        CatalogAddress::Postgres(address) => {
            outside_runtime(|| whole(PostgresEngine::open_reader(address).map(SqlConnection::from)?))
        }
    }
}

/// What a copy lacks is missing in all that is read of it.
fn whole(conn: SqlConnection) -> Result<SqlConnection, CatalogError> {
    check_complete(&conn).map(|()| conn)
}

fn open_file_for_reading(path: &Path) -> Result<SqlConnection, CatalogError> {
    // Looked at before anything else, so that a program which begins to write at any time from here on is noticed.
    let file = UnlockedFile::at(path);
    let opened = match connect_for_reading(path, "") {
        // SQLite wants to make a log and its index beside the file, which the folder's other users may not. Without a log nobody has
        // the catalog open, and the file has all.
        Err(CatalogError::ReadOnly(_)) if !has_log(path) => file.and_then(|file| connect_unlocked(path, file)),
        opened => opened.map(SqliteEngine::new),
    };
    Ok(opened.map_err(|error| error.in_file(path))?.into())
}

fn connect_unlocked(path: &Path, file: UnlockedFile) -> Result<SqliteEngine, CatalogError> {
    let conn = connect_for_reading(path, "?immutable=1")?;
    Ok(SqliteEngine::unlocked(conn, file))
}

fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    Path::new(&log).try_exists().unwrap_or(true)
}

fn connect_for_reading(path: &Path, query: &str) -> Result<Connection, CatalogError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(uri(path, query), flags).map_err(|error| match path.try_exists() {
        Ok(false) => CatalogError::Missing { path: path.into() },
        _ => cannot_open(path, &error),
    })?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(32);
    conn.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    conn.pragma_update(None, "query_only", true)?;
    schema::check_readable(&conn, path)?;
    Ok(conn)
}

/// The file's address for SQLite, each byte that means something in an address written as its number.
fn uri(path: &Path, query: &str) -> OsString {
    let mut uri = OsString::from("file:");
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'%' | b'?' | b'#' => uri.push(format!("%{byte:02x}")),
            _ => uri.push(OsStr::from_bytes(&[byte])),
        }
    }
    uri.push(query);
    uri
}

fn cannot_open(path: &Path, error: &rusqlite::Error) -> CatalogError {
    CatalogError::Open {
        path: path.into(),
        cause: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_same_file_as_an_address() {
        for (path, address) in [
            ("/a b/c.db", "file:/a b/c.db?x"),
            ("/50%?#.db", "file:/50%25%3f%23.db?x"),
        ] {
            assert_eq!(uri(Path::new(path), "?x"), address);
        }
    }

    #[test]
    fn what_nobody_has_open_is_read_as_it_lies_and_a_log_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("50% ready?.db");
        drop(open_file(&path).unwrap());
        assert!(!has_log(&path), "the last connection removes it");
        // Its time is another one after the next change, however soon that comes.
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        drop(file);
        let engine = connect_unlocked(&path, UnlockedFile::at(&path).unwrap()).unwrap();
        let read = SqlConnection::from(engine);
        let sql = "SELECT count(*) FROM books";
        let books = || read.one::<i64>(sql, &[], |row| row.at(0));
        assert_eq!(books().unwrap(), 0);
        assert!(!has_log(&path), "nothing was written beside it");
        let open = open_file(&path).unwrap();
        assert!(has_log(&path));
        assert_eq!(books().unwrap(), 0, "the file is as it was");
        let sql = "INSERT INTO settings (key, value) VALUES ('a', 'b')";
        open.as_sqlite().unwrap().execute(sql, []).unwrap();
        open.close().unwrap();
        assert!(
            matches!(books(), Err(CatalogError::Busy)),
            "another program wrote meanwhile"
        );
    }

    #[test]
    fn the_bundled_sqlite_has_the_wal_reset_fix() {
        // SQLite before 3.51.3 can corrupt a database when a checkpoint resets the write-ahead log.
        assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
    }
}
