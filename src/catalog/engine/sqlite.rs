//! What is SQLite's own: how its statements are prepared, bound and read, and its one writer at a time.

use std::ops::ControlFlow;

use rusqlite::types::{Null, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, Rows, ToSql};

use crate::catalog::CatalogError;
use crate::catalog::engine::value::{SqlArgument, SqlValue};
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

/// A connection to a file; what it was opened for decides whether it may write.
pub(crate) struct SqliteEngine(Connection);

impl SqliteEngine {
    pub(crate) fn new(connection: Connection) -> Self {
        Self(connection)
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.0
    }

    pub(super) fn prepare(&self, sql: &str) -> Result<SqliteStatement<'_>, CatalogError> {
        Ok(SqliteStatement(self.0.prepare_cached(sql)?))
    }

    /// Executes a statement without parameters.
    pub(super) fn run(&self, sql: &str) -> Result<(), CatalogError> {
        self.0.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    pub(super) fn begin(&self) -> Result<(), CatalogError> {
        // IMMEDIATE: a read that turns into a write fails at once when another program wrote meanwhile.
        self.run("BEGIN IMMEDIATE")
    }

    pub(super) fn in_transaction(&self) -> bool {
        !self.0.is_autocommit()
    }

    /// Copies the log back into the file and shortens it.
    pub(super) fn close(self) -> Result<(), CatalogError> {
        let _ = self.0.execute_batch("PRAGMA optimize");
        self.0.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}

/// A statement from the connection's cache.
pub(super) struct SqliteStatement<'c>(CachedStatement<'c>);

impl SqliteStatement<'_> {
    pub(super) fn execute(&mut self, arguments: &[SqlArgument<'_>]) -> Result<u64, CatalogError> {
        self.bind(arguments)?;
        Ok(self.0.raw_execute()? as u64)
    }

    pub(super) fn first<T>(
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
        Ok(self.0.raw_query())
    }

    /// Gives each parameter of the statement its value; arguments that it does not have are left out.
    fn bind(&mut self, arguments: &[SqlArgument<'_>]) -> Result<(), CatalogError> {
        for at in 1..=self.0.parameter_count() {
            let value = {
                let name = self.0.parameter_name(at).unwrap_or_default();
                let name = name.get(1..).unwrap_or_default();
                // Mostly they are given in the order in which the statement names them.
                let (before, from_here) = arguments.split_at(arguments.len().min(at - 1));
                let mut found = from_here.iter().chain(before);
                let argument = found.find(|argument| argument.name == name);
                argument
                    .ok_or_else(|| CatalogError::Fault(format!("a statement's parameter {name:?} was not given")))?
                    .value
            };
            self.0.raw_bind_parameter(at, value)?;
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
            Self::Text(text) => text.into(),
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
