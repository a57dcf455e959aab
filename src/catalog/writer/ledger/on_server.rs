//! Transactions on a server: done again where another was in the way or the connection broke.

use std::time::{Duration, Instant};

use crate::catalog::CatalogError;
use crate::catalog::engine::postgres::TransactionFate;
use crate::catalog::writer::connection;
use crate::catalog::writer::ledger::{CatalogLedger, QueuedJob};

/// How often a transaction is tried that was in another's way, or whose connection broke.
const MOST_TRIES: u32 = 6;
/// How long to ask for the fate of a transaction whose commit was not answered: a server that starts anew first repairs its files.
const FATE_ASKED: Duration = Duration::from_secs(60);
const FATE_ASKED_EVERY: Duration = Duration::from_millis(500);

/// What follows when a transaction on a server could not be completed.
enum TransactionFailure {
    /// Nothing of it was recorded, and it may be done again.
    Again,
    /// It was recorded after all.
    Committed,
    Failed(CatalogError),
}

impl CatalogLedger {
    /// Again where another transaction was in the way or the connection broke; never what may have been recorded.
    pub(super) fn transact_on_server(&mut self, jobs: &mut [&mut dyn QueuedJob]) -> Result<(), CatalogError> {
        let mut last = CatalogError::Busy;
        let noted = self.session.notes();
        for tried in 0..MOST_TRIES {
            if !self.conn.is_usable() {
                self.connect_again()?;
            }
            let Err(error) = self.try_transact(jobs) else {
                return Ok(());
            };
            let unanswered = self.conn.unanswered_commit();
            let _ = self.conn.roll_back();
            let failure = match unanswered {
                Some(transaction) => self.ask_fate(transaction),
                None if self.is_passing(&error) => TransactionFailure::Again,
                None => TransactionFailure::Failed(error.clone()),
            };
            match failure {
                TransactionFailure::Again => {
                    self.session.go_back_to(noted);
                    std::thread::sleep(Duration::from_millis(5 << tried));
                }
                TransactionFailure::Committed => return Ok(()),
                TransactionFailure::Failed(error) => return Err(error),
            }
            last = error;
        }
        Err(last)
    }

    /// Asks what became of a transaction whose commit was not answered.
    fn ask_fate(&mut self, transaction: i64) -> TransactionFailure {
        let mut cause = CatalogError::Unanswered("it is still being committed".into());
        let deadline = Instant::now() + FATE_ASKED;
        loop {
            match self.fate(transaction) {
                Ok(TransactionFate::Committed) => return TransactionFailure::Committed,
                Ok(TransactionFate::Undone) => return TransactionFailure::Again,
                Ok(TransactionFate::NotKnown) => {}
                Err(error) => cause = CatalogError::Unanswered(error.to_string()),
            }
            if Instant::now() + FATE_ASKED_EVERY > deadline {
                return TransactionFailure::Failed(cause);
            }
            std::thread::sleep(FATE_ASKED_EVERY);
        }
    }

    /// To the catalog that was opened, or not at all.
    fn connect_again(&mut self) -> Result<(), CatalogError> {
        self.conn = connection::open_writer(&self.address, self.conn.catalog_id())?;
        Ok(())
    }

    fn fate(&mut self, transaction: i64) -> Result<TransactionFate, CatalogError> {
        if !self.conn.is_usable() {
            self.connect_again()?;
        }
        self.conn.fate(transaction)
    }

    /// Whether the whole transaction is done again for this error, rather than the operation answered with it.
    pub(super) fn is_passing(&self, error: &CatalogError) -> bool {
        self.conn.is_remote()
            && matches!(
                error,
                CatalogError::Busy | CatalogError::NotAdmitted(_) | CatalogError::Unreachable(_)
            )
    }
}
