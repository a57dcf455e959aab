//! SQL on either engine: one text for both, its parameters by name. What the engines do differently stands in their files.
//!
//! A text is written for SQLite. Locks on rows, which only PostgreSQL needs, stand in it as `/*pg … */`, a comment to SQLite, which has one
//! writer at a time, and to a connection that only reads.

pub(crate) mod postgres;
pub(crate) mod rows;
pub(crate) mod sqlite;
pub(crate) mod value;

use std::ops::ControlFlow;

use crate::catalog::CatalogError;
use crate::catalog::engine::postgres::{PostgresEngine, PostgresStatement, TransactionFate};
use crate::catalog::engine::sqlite::{SqliteEngine, SqliteStatement};
use crate::catalog::engine::value::{ColumnValue, SqlArgument, SqlValue};

/// A statement and what it is executed with.
pub(crate) struct BoundStatement<'a> {
    pub sql: &'a str,
    pub arguments: Vec<SqlArgument<'a>>,
}

/// A connection to the catalog's database.
pub(crate) struct SqlConnection(EngineConnection);

enum EngineConnection {
    Sqlite(SqliteEngine),
    Postgres(Box<PostgresEngine>),
}

impl From<SqliteEngine> for SqlConnection {
    fn from(engine: SqliteEngine) -> Self {
        Self(EngineConnection::Sqlite(engine))
    }
}

impl From<PostgresEngine> for SqlConnection {
    fn from(engine: PostgresEngine) -> Self {
        Self(EngineConnection::Postgres(Box::new(engine)))
    }
}

impl SqlConnection {
    /// A statement that is kept for the next time.
    pub(crate) fn prepare(&self, sql: &str) -> Result<SqlStatement<'_>, CatalogError> {
        match &self.0 {
            EngineConnection::Sqlite(engine) => Ok(SqlStatement(EngineStatement::Sqlite(engine.prepare(sql)?))),
            EngineConnection::Postgres(engine) => Ok(SqlStatement(EngineStatement::Postgres(engine.prepare(sql)?))),
        }
    }

    /// Executes a statement; comes back with the number of rows that it changed.
    pub(crate) fn execute(&self, sql: &str, arguments: &[SqlArgument<'_>]) -> Result<u64, CatalogError> {
        self.prepare(sql)?.execute(arguments)
    }

    /// Executes a statement with each of these arguments, of which there are not many; a server gets them at once.
    pub(crate) fn execute_each<'a>(
        &self,
        sql: &'a str,
        each: impl Iterator<Item = Vec<SqlArgument<'a>>>,
    ) -> Result<(), CatalogError> {
        let statements = each.map(|arguments| BoundStatement { sql, arguments });
        self.execute_together(&statements.collect::<Vec<_>>())
    }

    /// Executes statements, of which there are not many, in this order; a server gets them at once.
    pub(crate) fn execute_together(&self, statements: &[BoundStatement<'_>]) -> Result<(), CatalogError> {
        match &self.0 {
            _ if statements.is_empty() => Ok(()),
            EngineConnection::Sqlite(engine) => statements
                .iter()
                .try_for_each(|bound| engine.prepare(bound.sql)?.execute(&bound.arguments).map(drop)),
            EngineConnection::Postgres(engine) => engine.execute_together(statements),
        }
    }

    /// The first row, if there is any.
    pub(crate) fn first<T>(
        &self,
        sql: &str,
        arguments: &[SqlArgument<'_>],
        read: impl FnOnce(&SqlRow<'_>) -> Result<T, CatalogError>,
    ) -> Result<Option<T>, CatalogError> {
        self.prepare(sql)?.first(arguments, read)
    }

    /// The one row that there must be.
    pub(crate) fn one<T>(
        &self,
        sql: &str,
        arguments: &[SqlArgument<'_>],
        read: impl FnOnce(&SqlRow<'_>) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        let none = || CatalogError::Fault(format!("no row came of {sql:?}"));
        self.first(sql, arguments, read)?.ok_or_else(none)
    }

    /// All rows; for few.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        arguments: &[SqlArgument<'_>],
        mut read: impl FnMut(&SqlRow<'_>) -> Result<T, CatalogError>,
    ) -> Result<Vec<T>, CatalogError> {
        match &self.0 {
            EngineConnection::Sqlite(engine) => {
                let mut out = Vec::new();
                engine.prepare(sql)?.each(arguments, |row| {
                    out.push(read(row)?);
                    Ok::<_, CatalogError>(ControlFlow::Continue(()))
                })?;
                Ok(out)
            }
            EngineConnection::Postgres(engine) => {
                let rows = engine.prepare(sql)?.rows(arguments)?;
                rows.iter().map(|row| read(&SqlRow(EngineRow::Postgres(row)))).collect()
            }
        }
    }

    /// Calls `read` for each row until it breaks off; for any number, as rows are fetched only as they are read.
    pub(crate) fn each<E: From<CatalogError>>(
        &self,
        sql: &str,
        arguments: &[SqlArgument<'_>],
        read: impl FnMut(&SqlRow<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        match &self.0 {
            EngineConnection::Sqlite(engine) => engine.prepare(sql)?.each(arguments, read),
            EngineConnection::Postgres(engine) => engine.each(sql, arguments, read),
        }
    }

    /// Begins a transaction that only reads.
    pub(crate) fn begin_reading(&self) -> Result<(), CatalogError> {
        match &self.0 {
            EngineConnection::Sqlite(engine) => engine.run("BEGIN"),
            EngineConnection::Postgres(engine) => engine.begin_reading(),
        }
    }

    /// Begins a transaction for writing.
    pub(crate) fn begin(&self) -> Result<(), CatalogError> {
        match &self.0 {
            EngineConnection::Sqlite(engine) => engine.begin(),
            EngineConnection::Postgres(engine) => engine.begin(),
        }
    }

    pub(crate) fn commit(&self) -> Result<(), CatalogError> {
        match &self.0 {
            EngineConnection::Sqlite(engine) => engine.run("COMMIT"),
            EngineConnection::Postgres(engine) => engine.commit(),
        }
    }

    /// Undoes the transaction, unless the engine did so itself.
    pub(crate) fn roll_back(&self) -> Result<(), CatalogError> {
        if !self.in_transaction() {
            return Ok(());
        }
        match &self.0 {
            EngineConnection::Sqlite(engine) => engine.run("ROLLBACK"),
            EngineConnection::Postgres(engine) => engine.roll_back(),
        }
    }

    /// What follows can be undone alone.
    pub(crate) fn set_savepoint(&self) -> Result<(), CatalogError> {
        match &self.0 {
            EngineConnection::Sqlite(engine) => engine.run("SAVEPOINT one"),
            EngineConnection::Postgres(engine) => engine.batch("SAVEPOINT one"),
        }
    }

    pub(crate) fn undo_to_savepoint(&self) -> Result<(), CatalogError> {
        match &self.0 {
            EngineConnection::Sqlite(engine) => engine.run("ROLLBACK TO one"),
            EngineConnection::Postgres(engine) => engine.batch("ROLLBACK TO SAVEPOINT one"),
        }
    }

    /// The same where a savepoint is set: what came after that one can then only be undone with the transaction.
    pub(crate) fn renew_savepoint(&self) -> Result<(), CatalogError> {
        match &self.0 {
            EngineConnection::Sqlite(engine) => engine.run("RELEASE one").and_then(|()| engine.run("SAVEPOINT one")),
            EngineConnection::Postgres(engine) => engine.batch("RELEASE SAVEPOINT one; SAVEPOINT one"),
        }
    }

    /// Whether a transaction is open. A full disk and the like make SQLite undo it by itself.
    pub(crate) fn in_transaction(&self) -> bool {
        match &self.0 {
            EngineConnection::Sqlite(engine) => engine.in_transaction(),
            EngineConnection::Postgres(engine) => engine.in_transaction(),
        }
    }

    /// The connection, for what only SQLite has.
    pub(crate) fn as_sqlite(&self) -> Option<&rusqlite::Connection> {
        match &self.0 {
            EngineConnection::Sqlite(engine) => Some(engine.connection()),
            EngineConnection::Postgres(_) => None,
        }
    }

    /// The server's clock at the beginning of the transaction, in Unix milliseconds; `None` where the database has this machine's.
    pub(crate) fn server_time(&self) -> Option<i64> {
        match &self.0 {
            EngineConnection::Sqlite(_) => None,
            EngineConnection::Postgres(engine) => Some(engine.began()),
        }
    }

    /// Adds `:by` to the total of `:kind` and `:value`.
    pub(crate) fn add_to_counter(&self) -> &'static str {
        match &self.0 {
            EngineConnection::Sqlite(_) => sqlite::ADD_TO_COUNTER,
            EngineConnection::Postgres(_) => postgres::dialect::ADD_TO_COUNTER,
        }
    }

    /// Gives a number that no claim had before.
    pub(crate) fn next_fence(&self) -> &'static str {
        match &self.0 {
            EngineConnection::Sqlite(_) => sqlite::NEXT_FENCE,
            EngineConnection::Postgres(_) => postgres::dialect::NEXT_FENCE,
        }
    }

    /// The number of the last claim.
    pub(crate) fn last_fence(&self) -> &'static str {
        match &self.0 {
            EngineConnection::Sqlite(_) => sqlite::LAST_FENCE,
            EngineConnection::Postgres(_) => postgres::dialect::LAST_FENCE,
        }
    }

    /// What follows when all rows of another catalog were written; `:fence` is the number of the last claim there.
    pub(crate) fn after_copy(&self) -> &'static [&'static str] {
        match &self.0 {
            EngineConnection::Sqlite(_) => sqlite::AFTER_COPY,
            EngineConnection::Postgres(_) => postgres::dialect::AFTER_COPY,
        }
    }

    /// The table in which the rows of one are that is read by this name.
    pub(crate) fn written_table(&self, read: &'static str) -> &'static str {
        match &self.0 {
            EngineConnection::Sqlite(_) => read,
            EngineConnection::Postgres(_) => postgres::dialect::written_table(read).name,
        }
    }

    /// Whether it is a connection to a server: waiting for it needs a thread that drives no runtime, and what failed may be done again.
    pub(crate) fn is_remote(&self) -> bool {
        matches!(&self.0, EngineConnection::Postgres(_))
    }

    /// Which catalog a server's connection for writing leads to.
    pub(crate) fn catalog_id(&self) -> Option<&str> {
        match &self.0 {
            EngineConnection::Sqlite(_) => None,
            EngineConnection::Postgres(engine) => engine.catalog_id(),
        }
    }

    /// Whether the connection can be used for something more.
    pub(crate) fn is_usable(&self) -> bool {
        match &self.0 {
            EngineConnection::Sqlite(_) => true,
            EngineConnection::Postgres(engine) => engine.is_usable(),
        }
    }

    /// The number of a transaction whose commit was asked for and not answered.
    pub(crate) fn unanswered_commit(&self) -> Option<i64> {
        match &self.0 {
            EngineConnection::Sqlite(_) => None,
            EngineConnection::Postgres(engine) => engine.unanswered(),
        }
    }

    /// What became of such a transaction of an earlier connection.
    pub(crate) fn fate(&self, transaction: i64) -> Result<TransactionFate, CatalogError> {
        match &self.0 {
            EngineConnection::Sqlite(_) => Ok(TransactionFate::Undone),
            EngineConnection::Postgres(engine) => engine.fate(transaction),
        }
    }

    /// Leaves the database in good order.
    pub(crate) fn close(self) -> Result<(), CatalogError> {
        match self.0 {
            EngineConnection::Sqlite(engine) => engine.close(),
            EngineConnection::Postgres(engine) => {
                drop(engine);
                Ok(())
            }
        }
    }
}

/// A statement, prepared once and executed many times.
pub(crate) struct SqlStatement<'c>(EngineStatement<'c>);

enum EngineStatement<'c> {
    Sqlite(SqliteStatement<'c>),
    Postgres(PostgresStatement<'c>),
}

impl SqlStatement<'_> {
    /// Executes it; comes back with the number of rows that it changed.
    pub(crate) fn execute(&mut self, arguments: &[SqlArgument<'_>]) -> Result<u64, CatalogError> {
        match &mut self.0 {
            EngineStatement::Sqlite(statement) => statement.execute(arguments),
            EngineStatement::Postgres(statement) => statement.execute(arguments),
        }
    }

    /// The first row, if there is any.
    pub(crate) fn first<T>(
        &mut self,
        arguments: &[SqlArgument<'_>],
        read: impl FnOnce(&SqlRow<'_>) -> Result<T, CatalogError>,
    ) -> Result<Option<T>, CatalogError> {
        match &mut self.0 {
            EngineStatement::Sqlite(statement) => statement.first(arguments, read),
            EngineStatement::Postgres(statement) => statement.first(arguments, read),
        }
    }
}

/// A row of an answer.
pub(crate) struct SqlRow<'r>(EngineRow<'r>);

enum EngineRow<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

impl<'r> SqlRow<'r> {
    /// The value of the column with this name.
    pub(crate) fn get<T: ColumnValue>(&self, name: &str) -> Result<T, CatalogError> {
        let at = match &self.0 {
            EngineRow::Sqlite(row) => row.as_ref().column_index(name)?,
            EngineRow::Postgres(row) => {
                let found = row.columns().iter().position(|column| column.name() == name);
                found.ok_or_else(|| CatalogError::Fault(format!("an answer has no column {name}")))?
            }
        };
        read(self.value(at)?, name)
    }

    /// The value of the only column, or of the one at this place of a list from which the statement was made.
    pub(crate) fn at<T: ColumnValue>(&self, place: usize) -> Result<T, CatalogError> {
        read(self.value(place)?, "column")
    }

    /// The same as it is.
    pub(crate) fn value(&self, place: usize) -> Result<SqlValue<'r>, CatalogError> {
        match &self.0 {
            EngineRow::Sqlite(row) => sqlite::value(row.get_ref(place)?),
            EngineRow::Postgres(row) => postgres::value(row, place),
        }
    }

    /// The names of the columns.
    pub(crate) fn names(&self) -> Vec<&str> {
        match &self.0 {
            EngineRow::Sqlite(row) => row.as_ref().column_names().collect(),
            EngineRow::Postgres(row) => row.columns().iter().map(|column| column.name()).collect(),
        }
    }
}

fn read<T: ColumnValue>(value: SqlValue<'_>, name: &str) -> Result<T, CatalogError> {
    T::of(value).ok_or_else(|| CatalogError::Fault(format!("{name} is not expected to be {value:?}")))
}
