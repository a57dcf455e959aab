//! Group commit: what waits together is done in one transaction, and answered when that is on the disk.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::catalog::writer::counters::CatalogCounters;
use crate::catalog::writer::file_identity::CatalogFile;
use crate::catalog::writer::ledger::{CatalogLedger, CatalogOperation, LedgerJob, QueuedJob};
use crate::catalog::{CatalogAddress, CatalogError, CatalogPolicy};
use crate::clock::SystemClock;

/// Most operations in one transaction.
const MOST_OPERATIONS: usize = 512;
/// Most rows in one transaction: two full pages of the longest list.
const MOST_ROWS: usize = 20_000;
/// The same on a server, where each takes long, and stays locked for all others as long as the transaction lasts.
const MOST_ROWS_ON_SERVER: usize = 1_000;

/// How a ledger is opened, first and after a fault.
#[derive(Debug, Clone)]
pub(crate) struct LedgerOpening {
    pub address: CatalogAddress,
    pub clock: SystemClock,
    pub policy: CatalogPolicy,
    /// The file as it was when it was opened first; `None` on a server.
    pub file: Option<Arc<CatalogFile>>,
    /// Which catalog was opened first; `None` of a file.
    pub catalog_id: Option<String>,
    pub counters: Arc<CatalogCounters>,
}

impl LedgerOpening {
    fn open(&self) -> Result<CatalogLedger, CatalogError> {
        let known = self.catalog_id.as_deref();
        CatalogLedger::open_again(&self.address, self.clock.clone(), self.policy.clone(), known)
    }

    fn check_file(&self) -> Result<(), CatalogError> {
        self.file.as_ref().map_or(Ok(()), |file| file.check())
    }
}

/// An operation that somebody waits for.
struct Waiting<O: CatalogOperation> {
    job: LedgerJob<O>,
    asker: oneshot::Sender<Result<O::Output, CatalogError>>,
    rows: usize,
}

trait Member: QueuedJob {
    fn queued(&mut self) -> &mut dyn QueuedJob;
    fn is_abandoned(&self) -> bool;
    fn is_brief(&self) -> bool;
    fn rows(&self) -> usize;
    fn answer(self: Box<Self>);
}

impl<O: CatalogOperation> QueuedJob for Waiting<O> {
    fn run(&mut self, tx: &mut crate::catalog::CatalogTransaction<'_>) -> bool {
        self.job.run(tx)
    }

    fn fail(&mut self, error: CatalogError) {
        self.job.fail(error);
    }

    fn error(&self) -> Option<CatalogError> {
        self.job.error()
    }
}

impl<O: CatalogOperation> Member for Waiting<O> {
    fn queued(&mut self) -> &mut dyn QueuedJob {
        self
    }

    fn is_abandoned(&self) -> bool {
        self.asker.is_closed()
    }

    fn is_brief(&self) -> bool {
        O::IS_BRIEF
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn answer(self: Box<Self>) {
        // An asker that went away meanwhile needs no answer; what it asked for is done.
        let _ = self.asker.send(self.job.outcome());
    }
}

/// The queue of one writer and its ledger; lives on the catalog's thread.
pub(crate) struct WriteGroup {
    queue: RefCell<Vec<Box<dyn Member>>>,
    ledger: RefCell<Option<CatalogLedger>>,
    opening: LedgerOpening,
}

impl WriteGroup {
    pub(crate) fn new(ledger: Option<CatalogLedger>, opening: LedgerOpening) -> Self {
        Self {
            queue: RefCell::default(),
            ledger: RefCell::new(ledger),
            opening,
        }
    }

    /// Queues an operation. Whoever waits for one calls [`WriteGroup::flush`] before, once.
    pub(crate) fn join<O: CatalogOperation>(&self, operation: O) -> oneshot::Receiver<Result<O::Output, CatalogError>> {
        let (asker, answer) = oneshot::channel();
        let rows = operation.rows();
        self.queue.borrow_mut().push(Box::new(Waiting {
            job: LedgerJob::new(operation),
            asker,
            rows,
        }));
        answer
    }

    /// Does all that is queued; blocks the thread, which has nothing else to do. Nobody is answered before the commit.
    pub(crate) fn flush(&self) {
        loop {
            let mut group = self.next_group();
            if group.is_empty() {
                return;
            }
            self.transact(&mut group);
            for member in group {
                member.answer();
            }
        }
    }

    /// The operations of the next transaction, in the order in which they came, those first that keep other programs waiting; those that
    /// nobody waits for any more are left out.
    fn next_group(&self) -> Vec<Box<dyn Member>> {
        let mut queue = self.queue.borrow_mut();
        queue.retain(|member| !member.is_abandoned());
        let is_shared = self.opening.file.is_none();
        if is_shared && queue.iter().any(|member| member.is_brief()) {
            return queue.extract_if(.., |member| member.is_brief()).collect();
        }
        let most = if is_shared { MOST_ROWS_ON_SERVER } else { MOST_ROWS };
        let mut rows = 0;
        let end = queue
            .iter()
            .take(MOST_OPERATIONS)
            .take_while(|member| {
                let first = rows == 0;
                rows += member.rows().max(1);
                first || rows <= most
            })
            .count();
        queue.drain(..end).collect()
    }

    fn transact(&self, group: &mut [Box<dyn Member>]) {
        let mut jobs: Vec<&mut dyn QueuedJob> = group.iter_mut().map(|member| member.queued()).collect();
        let LedgerOpening { counters, address, .. } = &self.opening;
        counters.watch.begun(Timestamp::now());
        let errors = match self.open() {
            Ok(ledger) => self.transact_with(ledger, &mut jobs),
            Err(error) => {
                jobs.iter_mut().for_each(|job| job.fail(error.clone()));
                vec![error]
            }
        };
        let is_locked = |error: &&CatalogError| matches!(error, CatalogError::Busy);
        let trouble = errors.iter().find(|error| error.is_of_catalog());
        let trouble = trouble.or_else(|| errors.iter().find(is_locked));
        counters.watch.ended(trouble, address, Timestamp::now());
    }

    /// The ledger that is open, or one that is opened now, but no empty catalog in the place of one that is gone.
    fn open(&self) -> Result<CatalogLedger, CatalogError> {
        self.opening.check_file()?;
        let open = self.ledger.borrow_mut().take();
        open.map_or_else(|| self.opening.open(), Ok)
    }

    /// Comes back with the errors of the jobs that failed.
    fn transact_with(&self, mut ledger: CatalogLedger, jobs: &mut [&mut dyn QueuedJob]) -> Vec<CatalogError> {
        let began = Instant::now();
        ledger.transact(jobs);
        let errors: Vec<CatalogError> = jobs.iter().filter_map(|job| job.error()).collect();
        self.opening.counters.note(began.elapsed(), &errors);
        // A session with a server keeps the default that it began with: a new one may write again.
        let is_read_only = |error: &CatalogError| matches!(error, CatalogError::ReadOnly(_));
        let is_stale = self.opening.file.is_none() && errors.iter().any(is_read_only);
        *self.ledger.borrow_mut() = (!is_stale).then_some(ledger);
        errors
    }

    /// Closes the file in good order.
    pub(crate) fn close(&self) {
        self.flush();
        if let Some(ledger) = self.ledger.borrow_mut().take() {
            if let Err(error) = self.opening.check_file() {
                tracing::error!(%error, "what was recorded last is lost with the catalog's file");
            }
            if let Err(error) = ledger.close() {
                tracing::warn!(%error, "the catalog's log was not copied back; the next start does that");
            }
        }
    }
}
