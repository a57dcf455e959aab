//! The writer's connection; runs operations, many in one transaction, each in a savepoint of its own.

mod on_server;
mod transaction;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::catalog::engine::SqlConnection;
use crate::catalog::engine::postgres::outside_runtime;
use crate::catalog::writer::connection;
use crate::catalog::{CatalogAddress, CatalogError, CatalogPolicy};
use crate::clock::SystemClock;

pub use transaction::CatalogTransaction;
pub(crate) use transaction::{OpenedSession, StateChange};

/// Something that is asked of the catalog: a change, or a question that must see all changes before it.
pub trait CatalogOperation: Send + 'static {
    /// What comes back.
    type Output: Send + 'static;
    /// Its name in metrics.
    const KIND: &'static str;
    /// Whether it changes a row that programs elsewhere wait for, or must be in time: on a server it is then done before all else, in a
    /// transaction without anything longer.
    const IS_BRIEF: bool = false;

    /// How many rows it writes, as far as that is known before; keeps transactions to a bounded size.
    fn rows(&self) -> usize {
        1
    }

    /// Does it, inside the running transaction. An error undoes what it did, and nothing else. It may be done again when the transaction
    /// could not be committed.
    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Self::Output, CatalogError>;
}

/// Notes that this program has the catalog open.
struct NoteSession;

impl CatalogOperation for NoteSession {
    type Output = ();
    const KIND: &'static str = "note_session";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<(), CatalogError> {
        tx.note_session()
    }
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

/// The catalog open for writing; blocking. The actor owns one; commands without a daemon may use one directly.
pub struct CatalogLedger {
    conn: SqlConnection,
    address: CatalogAddress,
    clock: SystemClock,
    policy: CatalogPolicy,
    session: OpenedSession,
}

impl CatalogLedger {
    /// Opens or makes the catalog at this path and notes who opened it.
    pub fn open(path: &Path, clock: SystemClock, policy: CatalogPolicy) -> Result<Self, CatalogError> {
        Self::open_at(&CatalogAddress::Sqlite(path.into()), clock, policy)
    }

    /// The same at this address.
    pub fn open_at(address: &CatalogAddress, clock: SystemClock, policy: CatalogPolicy) -> Result<Self, CatalogError> {
        Self::open_again(address, clock, policy, None)
    }

    /// The same without noting who opened it: whoever joins the members is noted then.
    pub(crate) fn open_unnoted(
        address: &CatalogAddress,
        clock: SystemClock,
        policy: CatalogPolicy,
    ) -> Result<Self, CatalogError> {
        Self::open_known(address, clock, policy, None)
    }

    /// The same; on a server only the catalog with this id, if one is given.
    fn open_known(
        address: &CatalogAddress,
        clock: SystemClock,
        policy: CatalogPolicy,
        known: Option<&str>,
    ) -> Result<Self, CatalogError> {
        Ok(Self {
            session: OpenedSession::default(),
            conn: connection::open_writer(address, known)?,
            address: address.clone(),
            clock,
            policy,
        })
    }

    /// The catalog that was opened before once more, and no other on a server.
    pub(crate) fn open_again(
        address: &CatalogAddress,
        clock: SystemClock,
        policy: CatalogPolicy,
        known: Option<&str>,
    ) -> Result<Self, CatalogError> {
        let mut ledger = Self::open_known(address, clock, policy, known)?;
        ledger.execute(NoteSession)?;
        Ok(ledger)
    }

    /// Which catalog it is, on a server.
    pub(crate) fn catalog_id(&self) -> Option<&str> {
        self.conn.catalog_id()
    }

    /// Runs one operation in a transaction of its own.
    pub fn execute<O: CatalogOperation>(&mut self, operation: O) -> Result<O::Output, CatalogError> {
        let mut job = LedgerJob::new(operation);
        self.transact(&mut [&mut job]);
        job.outcome()
    }

    /// Runs operations in one transaction. Each job then has its outcome; none is good unless the commit was.
    pub(crate) fn transact(&mut self, jobs: &mut [&mut dyn QueuedJob]) {
        let noted = self.session.notes();
        let done = if self.conn.is_remote() {
            outside_runtime(|| self.transact_on_server(jobs))
        } else {
            self.try_transact(jobs)
        };
        if let Err(error) = done {
            // Perhaps it was recorded after all: then the next renewal of the membership notes it once more.
            self.session.go_back_to(noted);
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
        let (mut clean, mut is_set) = (true, false);
        for job in jobs.iter_mut() {
            // What is first needs no savepoint: it is undone by beginning anew. SQLite keeps each page that changes
            // after a savepoint in memory, which for a page of a list would be many.
            let good = if clean {
                self.run_first(&mut **job)?
            } else {
                self.run_next(&mut **job, std::mem::replace(&mut is_set, true))?
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

    /// Runs a job that can be undone alone. The commit releases the last savepoint.
    fn run_next(&self, job: &mut dyn QueuedJob, is_set: bool) -> Result<bool, CatalogError> {
        match is_set {
            true => self.conn.renew_savepoint()?,
            false => self.conn.set_savepoint()?,
        }
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
        Ok(good)
    }

    fn run_one(&self, job: &mut dyn QueuedJob) -> Result<bool, CatalogError> {
        let noted = self.session.notes();
        let mut tx = CatalogTransaction::of(&self.conn, &self.clock, &self.policy, &self.session);
        let mut good = job.run(&mut tx);
        if good && let Err(error) = tx.write_pending() {
            job.fail(error);
            good = false;
        }
        if good {
            return Ok(true);
        }
        self.session.go_back_to(noted);
        if let Some(error) = job.error() {
            if self.is_passing(&error) {
                return Err(error);
            }
            job.fail(error.at(&self.address));
        }
        Ok(good)
    }

    /// Copies the log back into the file and shortens it; for a clean end.
    pub fn close(self) -> Result<(), CatalogError> {
        let Self { conn, address, .. } = self;
        conn.close().map_err(|error| error.at(&address))
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
