//! What is SQLite's own: how its statements are prepared, bound and read, and its one writer at a time.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::{Null, ToSqlOutput, Value, ValueRef};
use rusqlite::{CachedStatement, Connection, Rows, ToSql};

use crate::catalog::CatalogError;
use crate::catalog::engine::value::{SqlArgument, SqlValue, argument, kept_text};
use crate::catalog::engine::{EngineRow, SqlRow};

/// Adds to a running total.
pub(super) const ADD_TO_COUNTER: &str = "INSERT INTO tallies (kind, value, n) VALUES (:kind, :value, :by) \
    ON CONFLICT (kind, value) DO UPDATE SET n = tallies.n + excluded.n";

/// A number that no claim had before; written in the claim's own transaction.
pub(super) const NEXT_FENCE: &str = "INSERT INTO settings (key, value) VALUES ('last_fence', '1') \
    ON CONFLICT (key) DO UPDATE SET value = CAST(settings.value AS INTEGER) + 1 RETURNING CAST(value AS INTEGER)";

pub(super) const LAST_FENCE: &str = "SELECT CAST(value AS INTEGER) FROM settings WHERE key = 'last_fence'";

pub(super) const AFTER_COPY: &[&str] = &["INSERT INTO settings (key, value) VALUES ('last_fence', :fence) \
    ON CONFLICT (key) DO UPDATE SET value = excluded.value"];

/// How long another program's lock is waited for before the end.
const CLOSING: Duration = Duration::from_secs(1);

/// A connection to a file; what it was opened for decides whether it may write.
pub(crate) struct SqliteEngine {
    connection: Connection,
    /// What it reads without locks.
    file: Option<UnlockedFile>,
}

/// A file that is read without SQLite's locks, as it was when it was opened.
pub(crate) struct UnlockedFile {
    path: PathBuf,
    opened: FileState,
}

/// What differs after another program wrote into a file.
#[derive(PartialEq, Eq)]
struct FileState {
    bytes: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl FileState {
    fn of(path: &Path) -> Result<Self, CatalogError> {
        let file = std::fs::metadata(path).map_err(|error| CatalogError::Disk(error.to_string()))?;
        Ok(Self {
            bytes: file.size(),
            seconds: file.mtime(),
            nanoseconds: file.mtime_nsec(),
        })
    }
}

impl UnlockedFile {
    pub(crate) fn at(path: &Path) -> Result<Self, CatalogError> {
        Ok(Self {
            path: path.to_owned(),
            opened: FileState::of(path)?,
        })
    }

    /// Whether all that was read is of one moment.
    fn check(&self) -> Result<(), CatalogError> {
        match FileState::of(&self.path)? == self.opened {
            true => Ok(()),
            false => Err(CatalogError::Busy),
        }
    }
}

impl SqliteEngine {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection, file: None }
    }

    /// Without locks: each answer is good only if the file is the same afterwards.
    pub(crate) fn unlocked(connection: Connection, file: UnlockedFile) -> Self {
        let file = Some(file);
        Self { connection, file }
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn prepare(&self, sql: &str) -> Result<SqliteStatement<'_>, CatalogError> {
        Ok(SqliteStatement {
            statement: self.connection.prepare_cached(sql)?,
            file: self.file.as_ref(),
        })
    }

    /// Executes a statement without parameters.
    pub(super) fn run(&self, sql: &str) -> Result<(), CatalogError> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    pub(super) fn begin(&self) -> Result<(), CatalogError> {
        // IMMEDIATE: a read that turns into a write fails at once when another program wrote meanwhile.
        self.run("BEGIN IMMEDIATE")
    }

    pub(super) fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    /// Copies the log back into the file and shortens it. The next start can do that as well, so a lock of another program is hardly
    /// waited for.
    pub(super) fn close(self) -> Result<(), CatalogError> {
        self.connection.busy_timeout(CLOSING)?;
        let _ = self.connection.execute_batch("PRAGMA optimize");
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}

/// A statement from the connection's cache.
pub(super) struct SqliteStatement<'c> {
    statement: CachedStatement<'c>,
    file: Option<&'c UnlockedFile>,
}

impl SqliteStatement<'_> {
    pub(super) fn execute(&mut self, arguments: &[SqlArgument<'_>]) -> Result<u64, CatalogError> {
        self.bind(arguments)?;
        Ok(self.statement.raw_execute()? as u64)
    }

    pub(super) fn first<T>(
        &mut self,
        arguments: &[SqlArgument<'_>],
        read: impl FnOnce(&SqlRow<'_>) -> Result<T, CatalogError>,
    ) -> Result<Option<T>, CatalogError> {
        let file = self.file;
        let found = self.read_first(arguments, read);
        file.map_or(Ok(()), UnlockedFile::check)?;
        found
    }

    fn read_first<T>(
        &mut self,
        arguments: &[SqlArgument<'_>],
        read: impl FnOnce(&SqlRow<'_>) -> Result<T, CatalogError>,
    ) -> Result<Option<T>, CatalogError> {
        let mut rows = self.query(arguments)?;
        match rows.next()? {
            Some(row) => read(&SqlRow(EngineRow::Sqlite(row))).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn each<E: From<CatalogError>>(
        &mut self,
        arguments: &[SqlArgument<'_>],
        read: impl FnMut(&SqlRow<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        let file = self.file;
        let done = self.read_each(arguments, read);
        file.map_or(Ok(()), UnlockedFile::check)?;
        done
    }

    fn read_each<E: From<CatalogError>>(
        &mut self,
        arguments: &[SqlArgument<'_>],
        mut read: impl FnMut(&SqlRow<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        let mut rows = self.query(arguments)?;
        while let Some(row) = rows.next().map_err(CatalogError::from)? {
            if read(&SqlRow(EngineRow::Sqlite(row)))?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn query(&mut self, arguments: &[SqlArgument<'_>]) -> Result<Rows<'_>, CatalogError> {
        self.bind(arguments)?;
        Ok(self.statement.raw_query())
    }

    /// Gives each parameter of the statement its value; arguments that it does not have are left out.
    fn bind(&mut self, arguments: &[SqlArgument<'_>]) -> Result<(), CatalogError> {
        for at in 1..=self.statement.parameter_count() {
            let name = self.statement.parameter_name(at).unwrap_or_default();
            let value = argument(arguments, at - 1, name.get(1..).unwrap_or_default())?;
            self.statement.raw_bind_parameter(at, value)?;
        }
        Ok(())
    }
}

impl ToSql for SqlValue<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match *self {
            Self::Null => ToSqlOutput::from(Null),
            Self::Flag(flag) => flag.into(),
            Self::Integer(n) => n.into(),
            Self::Real(n) => n.into(),
            Self::Text(text) => match kept_text(text) {
                Cow::Borrowed(text) => text.into(),
                Cow::Owned(text) => ToSqlOutput::Owned(Value::from(text)),
            },
        })
    }
}

/// A value of a row.
pub(super) fn value(value: ValueRef<'_>) -> Result<SqlValue<'_>, CatalogError> {
    let text = |bytes| std::str::from_utf8(bytes).map_err(|_| CatalogError::Fault("a text is not UTF-8".into()));
    Ok(match value {
        ValueRef::Null => SqlValue::Null,
        ValueRef::Integer(n) => SqlValue::Integer(n),
        ValueRef::Real(n) => SqlValue::Real(n),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => SqlValue::Text(text(bytes)?),
    })
}
