//! What is PostgreSQL's own: its dialect, its cursors, its clock, and connections that may break.

pub(crate) mod dialect;
pub(crate) mod failure;
mod identity;
mod opening;
pub(crate) mod schema;
pub(crate) mod tls;
mod trial;
mod values;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use tokio::runtime::{Builder, Runtime};
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_postgres::{Client, Row, SimpleQueryMessage, Statement};
use tracing::warn;

use crate::catalog::CatalogError;
use crate::catalog::address::PostgresAddress;
use crate::catalog::engine::postgres::dialect::TranslatedText;
use crate::catalog::engine::value::{SqlArgument, SqlValue, argument};
use crate::catalog::engine::{BoundStatement, EngineRow, SqlRow};
use crate::catalog::writer::catalog_watch::ANSWERS_WITHIN;

pub(super) use crate::catalog::engine::postgres::values::value;

/// How long a server may take for one statement, long ones over a million books included.
const ANSWER_WITHIN: Duration = Duration::from_secs(180);
const CONNECT_WITHIN: Duration = Duration::from_secs(15);
/// Begins a transaction that sees one moment.
const READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// Rows fetched at a time where there may be many.
const FETCHED: usize = 500;
/// The first number of the advisory locks by which connections take a part of the totals each: `GRIN` in ASCII.
const PART_LOCKS: i64 = 0x4752_494e;

/// A connection to a server, driven by whoever waits for an answer; a thread that drives another runtime must not wait itself (see
/// [`outside_runtime`]).
pub(crate) struct PostgresEngine {
    client: Client,
    /// Always there until the end.
    runtime: Option<Runtime>,
    /// It locks no rows: the server refuses that to who may only read.
    is_reader: bool,
    /// Which catalog it leads to; a reader does not ask.
    catalog_id: Option<String>,
    statements: RefCell<HashMap<String, Arc<PreparedText>>>,
    in_transaction: Cell<bool>,
    /// An answer did not come in time: what comes next cannot be told from it.
    is_broken: Cell<bool>,
    /// The server's clock at the beginning of the transaction, in Unix milliseconds.
    began: Cell<i64>,
    /// The transaction that was begun for writing.
    number: Cell<Option<i64>>,
    /// The transaction whose commit was asked for and not answered.
    unanswered: Cell<Option<i64>>,
    /// Cursors that are open.
    cursors: Cell<usize>,
}

struct PreparedText {
    statement: Statement,
    names: Vec<String>,
}

/// What became of a transaction, as the server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransactionFate {
    Committed,
    Undone,
    /// Still running, or too long ago.
    NotKnown,
}

impl PostgresEngine {
    fn connect(address: &PostgresAddress) -> Result<Self, CatalogError> {
        let failed = |cause: String| CatalogError::Unreachable(format!("{}: {cause}", address.shown()));
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let connected = runtime.block_on(async {
            let tls = tls::connector(address.tls()).map_err(CatalogError::Unreachable)?;
            let (client, connection) = timeout(CONNECT_WITHIN, address.config().connect(tls))
                .await
                .map_err(|_| failed("no answer".into()))?
                .map_err(|error| failure::of_connecting(&error, address.shown()))?;
            // It ends with the connection; its error is the next answer's, too.
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(cause = failure::words(&error), "a connection to the database ended");
                }
            });
            Ok(client)
        });
        match connected {
            Ok(client) => Ok(Self {
                client,
                runtime: Some(runtime),
                is_reader: false,
                catalog_id: None,
                statements: RefCell::default(),
                in_transaction: Cell::new(false),
                is_broken: Cell::new(false),
                began: Cell::new(0),
                number: Cell::new(None),
                unanswered: Cell::new(None),
                cursors: Cell::new(0),
            }),
            Err(error) => {
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    /// Runs statements on a connection of their own.
    #[cfg(test)]
    pub(crate) fn run_once(address: &PostgresAddress, sql: &str) -> Result<(), CatalogError> {
        Self::connect(address)?.batch(sql)
    }

    /// Takes a part of the totals that no other connection has, so that no two wait for each other's totals.
    fn take_part(&self) -> Result<(), CatalogError> {
        self.batch(&format!(
            "SELECT set_config('grind.part', (SELECT n FROM generate_series(0, 100000) AS n \
             WHERE pg_try_advisory_lock({PART_LOCKS}, n) LIMIT 1)::text, false)"
        ))
    }

    /// Which catalog it leads to.
    pub(super) fn catalog_id(&self) -> Option<&str> {
        self.catalog_id.as_deref()
    }

    /// Whether the connection can be used for something more.
    pub(crate) fn is_usable(&self) -> bool {
        !self.is_broken.get() && !self.client.is_closed()
    }

    fn wait<T>(&self, answer: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, CatalogError> {
        let Some(runtime) = &self.runtime else {
            return Err(CatalogError::Unreachable("closed".into()));
        };
        let answered = runtime.block_on(self.in_time(answer));
        match answered {
            Ok(answer) => Ok(answer?),
            Err(_) => {
                self.is_broken.set(true);
                let seconds = ANSWER_WITHIN.as_secs();
                Err(CatalogError::Unreachable(format!("no answer for {seconds} s")))
            }
        }
    }

    /// An answer that is late is told once: a server that stands still keeps its connections, and says nothing.
    async fn in_time<T>(&self, answer: impl Future<Output = T>) -> Result<T, Elapsed> {
        let mut answer = std::pin::pin!(answer);
        if let Ok(answered) = timeout(ANSWERS_WITHIN, &mut answer).await {
            return Ok(answered);
        }
        // A reader asks what takes long: an export, a report.
        if !self.is_reader {
            let (seconds, longest) = (ANSWERS_WITHIN.as_secs(), ANSWER_WITHIN.as_secs());
            warn!("the catalog's server has not answered for {seconds} s; it is waited for up to {longest} s");
        }
        timeout(ANSWER_WITHIN.saturating_sub(ANSWERS_WITHIN), answer).await
    }

    /// Executes statements without parameters.
    pub(super) fn batch(&self, sql: &str) -> Result<(), CatalogError> {
        self.wait(self.client.batch_execute(sql))
    }

    pub(super) fn prepare(&self, sql: &str) -> Result<PostgresStatement<'_>, CatalogError> {
        let known = self.statements.borrow().get(sql).cloned();
        let text = match known {
            Some(text) => text,
            None => {
                let text = Arc::new(self.prepare_anew(TranslatedText::of(sql, !self.is_reader))?);
                self.statements.borrow_mut().insert(sql.to_owned(), Arc::clone(&text));
                text
            }
        };
        Ok(PostgresStatement { engine: self, text })
    }

    /// Sends all before it waits for the first answer.
    pub(super) fn execute_together(&self, statements: &[BoundStatement<'_>]) -> Result<(), CatalogError> {
        let prepared = statements.iter().map(|bound| self.prepare(bound.sql));
        let prepared = prepared.collect::<Result<Vec<_>, _>>()?;
        let values = prepared.iter().zip(statements);
        let values = values.map(|(statement, bound)| statement.values(&bound.arguments));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let answers = prepared
            .iter()
            .zip(values)
            .map(|(prepared, values)| self.client.execute_raw(&prepared.text.statement, values));
        self.wait(try_join_all(answers))?;
        Ok(())
    }

    fn prepare_anew(&self, text: TranslatedText) -> Result<PreparedText, CatalogError> {
        let statement = self.wait(self.client.prepare(&text.sql))?;
        let names = text.names;
        Ok(PreparedText { statement, names })
    }

    /// Begins a transaction and asks the server for the time and the transaction's number, in one go.
    pub(super) fn begin(&self) -> Result<(), CatalogError> {
        self.begin_with("BEGIN", "txid_current()")
    }

    /// The same for reading: all statements see one moment, and there is no number.
    pub(super) fn begin_reading(&self) -> Result<(), CatalogError> {
        self.begin_with(READING, "NULL")
    }

    fn begin_with(&self, begin: &str, number: &str) -> Result<(), CatalogError> {
        let asked = format!("{begin}; SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, {number}");
        let answer = self.wait(self.client.simple_query(&asked))?;
        let row = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let told = |place| row.and_then(|row| row.get(place)?.parse().ok());
        self.in_transaction.set(true);
        self.unanswered.set(None);
        self.number.set(told(1));
        self.began
            .set(told(0).ok_or_else(|| CatalogError::Fault("the server tells no time".into()))?);
        Ok(())
    }

    /// The server's clock at the beginning of the transaction, in Unix milliseconds.
    pub(super) fn began(&self) -> i64 {
        self.began.get()
    }

    /// Commits. When the answer does not come, the transaction's number is kept, by which the server can be asked for its fate.
    pub(super) fn commit(&self) -> Result<(), CatalogError> {
        self.unanswered.set(self.number.take());
        // A question before it makes an error of a transaction that failed before, which COMMIT would undo without a word.
        let done = self.batch("SELECT 1; COMMIT");
        if done.is_ok() || self.is_usable() {
            self.unanswered.set(None);
        }
        self.in_transaction.set(done.is_err() && self.is_usable());
        done
    }

    /// The number of the transaction whose commit was asked for and not answered.
    pub(super) fn unanswered(&self) -> Option<i64> {
        self.unanswered.get()
    }

    /// What became of a transaction of an earlier connection.
    pub(super) fn fate(&self, number: i64) -> Result<TransactionFate, CatalogError> {
        let mut ask = self.prepare("SELECT txid_status(:number)")?;
        let argument = SqlArgument::new("number", &number);
        let status: Option<Option<String>> = ask.first(&[argument], |row| row.at(0))?;
        Ok(match status.flatten().as_deref() {
            Some("committed") => TransactionFate::Committed,
            Some("aborted") => TransactionFate::Undone,
            _ => TransactionFate::NotKnown,
        })
    }

    pub(super) fn roll_back(&self) -> Result<(), CatalogError> {
        self.in_transaction.set(false);
        if self.is_usable() {
            self.batch("ROLLBACK")
        } else {
            Ok(())
        }
    }

    pub(super) fn in_transaction(&self) -> bool {
        self.in_transaction.get() && self.is_usable()
    }

    /// Calls `read` for each row, some hundreds fetched at a time: the client would else keep all that the server sends.
    pub(super) fn each<E: From<CatalogError>>(
        &self,
        sql: &str,
        arguments: &[SqlArgument<'_>],
        read: impl FnMut(&SqlRow<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        if self.in_transaction.get() {
            return self.each_by_cursor(sql, arguments, read);
        }
        self.batch(READING)?;
        self.in_transaction.set(true);
        let outcome = self.each_by_cursor(sql, arguments, read);
        let ended = self.roll_back();
        outcome.and_then(|()| ended.map_err(E::from))
    }

    fn each_by_cursor<E: From<CatalogError>>(
        &self,
        sql: &str,
        arguments: &[SqlArgument<'_>],
        mut read: impl FnMut(&SqlRow<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        // Cursors may be nested, and their declarations are kept like all statements.
        let cursor = format!("rows_{}", self.cursors.get());
        self.prepare(&format!("DECLARE {cursor} NO SCROLL CURSOR FOR {sql}"))?
            .execute(arguments)?;
        self.cursors.set(self.cursors.get() + 1);
        let outcome = self.read_cursor(&cursor, &mut read);
        self.cursors.set(self.cursors.get() - 1);
        outcome?;
        self.batch(&format!("CLOSE {cursor}"))?;
        Ok(())
    }

    fn read_cursor<E: From<CatalogError>>(
        &self,
        cursor: &str,
        read: &mut impl FnMut(&SqlRow<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        let fetch = format!("FETCH {FETCHED} FROM {cursor}");
        loop {
            let rows = self.wait(self.client.query_typed(&fetch, &[]))?;
            for row in &rows {
                if read(&SqlRow(EngineRow::Postgres(row)))?.is_break() {
                    return Ok(());
                }
            }
            if rows.len() < FETCHED {
                return Ok(());
            }
        }
    }
}

impl Drop for PostgresEngine {
    fn drop(&mut self) {
        // It may be dropped where blocking is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A statement that the server has prepared.
pub(super) struct PostgresStatement<'c> {
    engine: &'c PostgresEngine,
    text: Arc<PreparedText>,
}

impl PostgresStatement<'_> {
    pub(super) fn execute(&mut self, arguments: &[SqlArgument<'_>]) -> Result<u64, CatalogError> {
        let values = self.values(arguments)?;
        let client = &self.engine.client;
        self.engine.wait(client.execute_raw(&self.text.statement, values))
    }

    pub(super) fn first<T>(
        &mut self,
        arguments: &[SqlArgument<'_>],
        read: impl FnOnce(&SqlRow<'_>) -> Result<T, CatalogError>,
    ) -> Result<Option<T>, CatalogError> {
        let rows = self.rows(arguments)?;
        rows.first()
            .map(|row| read(&SqlRow(EngineRow::Postgres(row))))
            .transpose()
    }

    /// All rows at once.
    pub(super) fn rows(&mut self, arguments: &[SqlArgument<'_>]) -> Result<Vec<Row>, CatalogError> {
        let values = self.values(arguments)?;
        let values: Vec<_> = values.iter().map(values::as_parameter).collect();
        let client = &self.engine.client;
        self.engine.wait(client.query(&self.text.statement, &values))
    }

    fn values<'a>(&self, arguments: &[SqlArgument<'a>]) -> Result<Vec<SqlValue<'a>>, CatalogError> {
        let names = self.text.names.iter().enumerate();
        names.map(|(place, name)| argument(arguments, place, name)).collect()
    }
}

/// Runs what waits for a server: on a thread of its own where the calling one drives a runtime, which must not be blocked by another.
pub(crate) fn outside_runtime<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if tokio::runtime::Handle::try_current().is_err() {
        return work();
    }
    std::thread::scope(|scope| {
        let done = scope.spawn(work).join();
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
