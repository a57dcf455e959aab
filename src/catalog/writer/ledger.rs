//! The writer's connection; runs operations, many in one transaction, each in a savepoint of its own.

mod on_server;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use jiff::Timestamp;

use crate::catalog::engine::SqlConnection;
use crate::catalog::engine::postgres::outside_runtime;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::history;
use crate::catalog::lifecycle::history::{ChangeNote, ChangeTopic, HistoryEntry};
use crate::catalog::lifecycle::next_state::{BookChange, BookStanding, BookTransition, next_state};
use crate::catalog::lifecycle::tallies::{PendingTallies, TallyKind};
use crate::catalog::writer::connection;
use crate::catalog::{CatalogAddress, CatalogError, CatalogPolicy};
use crate::clock::SystemClock;
use crate::clock::stamp;
use crate::vocabulary::BookState;

/// Something that is asked of the catalog: a change, or a question that must see all changes before it.
pub trait CatalogOperation: Send + 'static {
    /// What comes back.
    type Output: Send + 'static;
    /// Its name in metrics.
    const KIND: &'static str;

    /// How many rows it writes, as far as that is known before; keeps transactions to a bounded size.
    fn rows(&self) -> usize {
        1
    }

    /// Does it, inside the running transaction. An error undoes what it did, and nothing else. It may be done again when the transaction
    /// could not be committed.
    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Self::Output, CatalogError>;
}

/// An operation in a group, its type forgotten.
pub(crate) trait QueuedJob: Send {
    /// Runs it and keeps the outcome; tells whether it succeeded.
    fn run(&mut self, tx: &mut CatalogTransaction<'_>) -> bool;
    /// Its outcome is this error after all.
    fn fail(&mut self, error: CatalogError);
    /// Why it failed, if it did.
    fn error(&self) -> Option<CatalogError>;
}

/// One operation and its outcome.
pub(crate) struct LedgerJob<O: CatalogOperation> {
    operation: O,
    outcome: Option<Result<O::Output, CatalogError>>,
}

impl<O: CatalogOperation> LedgerJob<O> {
    pub(crate) fn new(operation: O) -> Self {
        Self {
            operation,
            outcome: None,
        }
    }

    pub(crate) fn outcome(self) -> Result<O::Output, CatalogError> {
        self.outcome
            .unwrap_or_else(|| Err(CatalogError::Fault("the operation was not run".into())))
    }
}

impl<O: CatalogOperation> QueuedJob for LedgerJob<O> {
    fn run(&mut self, tx: &mut CatalogTransaction<'_>) -> bool {
        let outcome = catch_unwind(AssertUnwindSafe(|| self.operation.run(tx)))
            .unwrap_or_else(|_| Err(CatalogError::Fault(format!("{} panicked", O::KIND))));
        let good = outcome.is_ok();
        self.outcome = Some(outcome);
        good
    }

    fn fail(&mut self, error: CatalogError) {
        self.outcome = Some(Err(error));
    }

    fn error(&self) -> Option<CatalogError> {
        self.outcome.as_ref()?.as_ref().err().cloned()
    }
}

/// A change of a book's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StateChange {
    pub from: BookState,
    pub to: BookState,
}

/// The database's clock, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeaseClock {
    /// Of a file, since the machine started; of a server, by its wall clock.
    pub lease_now: i64,
    /// A claim from now on is over as soon as the clock shows less, since the machine was started anew; 0 where it is not started anew.
    pub lease_from: i64,
}

/// What an operation works with.
pub struct CatalogTransaction<'a> {
    /// The connection, inside a transaction.
    pub(crate) conn: &'a SqlConnection,
    /// When the operation began.
    pub(crate) now: Timestamp,
    /// The same as text.
    pub(crate) stamp: String,
    /// By which claims are judged.
    pub(crate) clock: LeaseClock,
    pub(crate) session: i64,
    /// When this program opened the catalog.
    pub(crate) opened_at: &'a str,
    pub(crate) policy: &'a CatalogPolicy,
    pub(crate) totals: PendingTallies,
}

impl CatalogTransaction<'_> {
    /// Counts and writes into the history that a known book's state changed; the caller changes the row itself.
    pub(crate) fn record_transition(
        &mut self,
        barcode: &str,
        change: StateChange,
        note: ChangeNote<'_>,
    ) -> Result<(), CatalogError> {
        let StateChange { from, to } = change;
        self.totals.shift(TallyKind::State, from.as_str(), to.as_str());
        let note = ChangeNote {
            from: Some(from.as_str()),
            ..note
        };
        self.append_history(barcode, ChangeTopic::State, to.as_str(), &note.text())
    }

    /// The same for a book that was not known before.
    pub(crate) fn record_new_book(&mut self, barcode: &str, state: BookState, note: &str) -> Result<(), CatalogError> {
        self.totals.add(TallyKind::State, state.as_str(), 1);
        self.append_history(barcode, ChangeTopic::State, state.as_str(), note)
    }

    /// Appends to a book's history.
    pub(crate) fn append_history(
        &self,
        barcode: &str,
        topic: ChangeTopic,
        value: &str,
        note: &str,
    ) -> Result<(), CatalogError> {
        history::append(
            self.conn,
            &HistoryEntry {
                barcode,
                topic,
                value,
                stamp: &self.stamp,
                session: self.session,
                note,
            },
        )
    }

    /// What the table of lifecycle changes says about a book now.
    pub(crate) fn next_state(&self, book: &BookStanding, change: BookChange) -> BookTransition {
        next_state(book, change, self.policy, self.now)
    }

    /// Takes a given-up book out of the count of its reason; to be called before the reason is overwritten.
    pub(crate) fn uncount_failure(&mut self, id: i64) -> Result<(), CatalogError> {
        self.count_failure_by(id, -1)
    }

    /// Puts a given-up book back into the count of its reason.
    pub(crate) fn count_failure(&mut self, id: i64) -> Result<(), CatalogError> {
        self.count_failure_by(id, 1)
    }

    fn count_failure_by(&mut self, id: i64, by: i64) -> Result<(), CatalogError> {
        let sql = "SELECT failure_reason FROM books WHERE id = :id";
        let reason: Option<Option<String>> = self.conn.first(sql, &arguments! { id: id }, |row| row.at(0))?;
        let reason = reason.flatten();
        self.totals.add(TallyKind::Failure, reason.as_deref().unwrap_or(""), by);
        Ok(())
    }

    /// Writes what the operation has changed so far, so that it can read the totals itself.
    pub(crate) fn write_totals(&mut self) -> Result<(), CatalogError> {
        std::mem::take(&mut self.totals).write(self.conn)
    }

    /// Today (UTC), as the daily totals name it.
    pub(crate) fn day(&self) -> &str {
        &self.stamp[..10]
    }
}

/// The catalog open for writing; blocking. The actor owns one; commands without a daemon may use one directly.
pub struct CatalogLedger {
    conn: SqlConnection,
    address: CatalogAddress,
    clock: SystemClock,
    policy: CatalogPolicy,
    session: i64,
    opened_at: String,
}

impl CatalogLedger {
    /// Opens or makes the catalog at this path and notes who opened it.
    pub fn open(path: &Path, clock: SystemClock, policy: CatalogPolicy) -> Result<Self, CatalogError> {
        Self::open_at(&CatalogAddress::Sqlite(path.into()), clock, policy)
    }

    /// The same at this address.
    pub fn open_at(address: &CatalogAddress, clock: SystemClock, policy: CatalogPolicy) -> Result<Self, CatalogError> {
        let conn = connection::open_writer(address)?;
        let mut ledger = Self {
            conn,
            address: address.clone(),
            clock,
            policy,
            session: 0,
            opened_at: String::new(),
        };
        let begun = match address {
            CatalogAddress::Sqlite(_) => ledger.begin_session(),
            CatalogAddress::Postgres(_) => outside_runtime(|| ledger.begin_session()),
        };
        begun.map_err(|error| error.at(&ledger.address))?;
        Ok(ledger)
    }

    /// Notes that this program opened the catalog, and the number by which histories name it.
    fn begin_session(&mut self) -> Result<(), CatalogError> {
        self.conn.begin()?;
        self.opened_at = stamp(self.now());
        let (program, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        self.session = self.conn.one(
            "INSERT INTO sessions (opened_at, program, version) VALUES (:opened_at, :program, :version) RETURNING id",
            &arguments! { opened_at: self.opened_at, program: program, version: version },
            |row| row.at(0),
        )?;
        self.conn.commit()
    }

    /// The time of the transaction: by the server's clock, so that all that share a catalog have one; a test's clock goes first.
    fn now(&self) -> Timestamp {
        let server = self.conn.server_time().filter(|_| !self.clock.is_manual());
        let server = server.and_then(|millis| Timestamp::from_millisecond(millis).ok());
        server.unwrap_or_else(|| self.clock.now())
    }

    fn lease_clock(&self) -> LeaseClock {
        match self.conn.server_time() {
            Some(millis) if !self.clock.is_manual() => LeaseClock {
                lease_now: millis,
                lease_from: 0,
            },
            _ => {
                let since_boot = self.clock.since_boot();
                LeaseClock {
                    lease_now: since_boot,
                    lease_from: since_boot,
                }
            }
        }
    }

    /// Runs one operation in a transaction of its own.
    pub fn execute<O: CatalogOperation>(&mut self, operation: O) -> Result<O::Output, CatalogError> {
        let mut job = LedgerJob::new(operation);
        self.transact(&mut [&mut job]);
        job.outcome()
    }

    /// Runs operations in one transaction. Each job then has its outcome; none is good unless the commit was.
    pub(crate) fn transact(&mut self, jobs: &mut [&mut dyn QueuedJob]) {
        let done = if self.conn.is_remote() {
            outside_runtime(|| self.transact_on_server(jobs))
        } else {
            self.try_transact(jobs)
        };
        if let Err(error) = done {
            // A failed rollback leaves the connection in the transaction; the next BEGIN would then say so.
            let _ = self.conn.roll_back();
            let error = error.at(&self.address);
            for job in jobs {
                job.fail(error.clone());
            }
        }
    }

    fn try_transact(&mut self, jobs: &mut [&mut dyn QueuedJob]) -> Result<(), CatalogError> {
        self.conn.begin()?;
        let mut clean = true;
        for job in jobs.iter_mut() {
            // What is first needs no savepoint: it is undone by beginning anew. SQLite keeps each page that changes
            // after a savepoint in memory, which for a page of a list would be many.
            let good = if clean {
                self.run_first(&mut **job)?
            } else {
                self.run_next(&mut **job)?
            };
            clean &= !good;
        }
        self.conn.commit()
    }

    /// Runs a job before which nothing was written in this transaction.
    fn run_first(&self, job: &mut dyn QueuedJob) -> Result<bool, CatalogError> {
        let good = self.run_one(job)?;
        if !good {
            self.conn.roll_back()?;
            self.conn.begin()?;
        }
        Ok(good)
    }

    fn run_next(&self, job: &mut dyn QueuedJob) -> Result<bool, CatalogError> {
        self.conn.set_savepoint()?;
        let good = self.run_one(job)?;
        if !self.conn.in_transaction() {
            // SQLite itself undid the whole transaction (disk full, I/O): what ran before is gone with it.
            return Err(job
                .error()
                .unwrap_or_else(|| CatalogError::Disk("SQLite undid the transaction".into())));
        }
        if !good {
            self.conn.undo_to_savepoint()?;
        }
        self.conn.release_savepoint()?;
        Ok(good)
    }

    fn run_one(&self, job: &mut dyn QueuedJob) -> Result<bool, CatalogError> {
        let now = self.now();
        let mut tx = CatalogTransaction {
            conn: &self.conn,
            now,
            stamp: stamp(now),
            clock: self.lease_clock(),
            session: self.session,
            opened_at: &self.opened_at,
            policy: &self.policy,
            totals: PendingTallies::default(),
        };
        let good = job.run(&mut tx);
        if good {
            tx.write_totals()?;
        } else if let Some(error) = job.error() {
            if self.is_passing(&error) {
                return Err(error);
            }
            job.fail(error.at(&self.address));
        }
        Ok(good)
    }

    /// Copies the log back into the file and shortens it; for a clean end.
    pub fn close(self) -> Result<(), CatalogError> {
        self.conn.close()
    }

    /// Where the catalog is.
    #[cfg(test)]
    pub fn address(&self) -> &CatalogAddress {
        &self.address
    }

    #[cfg(test)]
    pub(crate) fn conn(&self) -> &SqlConnection {
        &self.conn
    }
}
