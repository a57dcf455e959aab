//! The handle by which everybody else asks the catalog.

use std::sync::{Arc, Mutex, PoisonError};

use actix_rt::{Arbiter, ArbiterHandle};
use jiff::Timestamp;

use crate::actor::{ActorRegistry, AskContext, ConcurrentRunner, LedgerEntry, Mailbox, SpawnOptions, spawn};
use crate::catalog::writer::actor::{CatalogMessage, CatalogWriter};
use crate::catalog::writer::counters::{CatalogCounters, CatalogFigures};
use crate::catalog::writer::file_identity::CatalogFile;
use crate::catalog::writer::group::{LedgerOpening, WriteGroup};
use crate::catalog::writer::ledger::{CatalogLedger, CatalogOperation};
use crate::catalog::{CatalogAddress, CatalogError, CatalogPolicy};
use crate::clock::SystemClock;
use crate::vocabulary::WaitReason;

/// Operations that may wait for the writer; more make their askers wait.
const CAPACITY: usize = 256;

/// Asks the catalog; clones ask the same writer. Every answer comes after its transaction is on the disk.
#[derive(Debug, Clone)]
pub struct Catalog {
    mailbox: Mailbox<ConcurrentRunner<CatalogWriter>>,
    /// `None` on a server.
    file: Option<Arc<CatalogFile>>,
    counters: Arc<CatalogCounters>,
}

/// The writer's thread; to be joined when the catalog is closed.
#[derive(Debug)]
pub struct CatalogThread(Arbiter);

impl Catalog {
    /// Opens or makes the catalog at `sqlite:///path` or `postgres://host/database` and starts its writer on a thread of its own. Needs a running actix
    /// system.
    ///
    /// # Errors
    /// The file cannot be opened or the server not be reached, it is damaged, is no catalog of ours, or one of a newer version.
    pub fn open(
        hub: &ActorRegistry,
        url: &str,
        clock: SystemClock,
        policy: CatalogPolicy,
    ) -> Result<(Self, CatalogThread), CatalogError> {
        let address = CatalogAddress::parse(url)?;
        // Opened here, so that the caller hears at once of a file that cannot be used.
        let first = CatalogLedger::open_unnoted(&address, clock.clone(), policy.clone())?;
        let catalog_id = first.catalog_id().map(str::to_owned);
        let first = Mutex::new(Some(first));
        let file = address.file().map(|path| Arc::new(CatalogFile::at(path)));
        let counters = Arc::<CatalogCounters>::default();
        let opening = LedgerOpening {
            address,
            clock,
            policy,
            file: file.clone(),
            catalog_id,
            counters: Arc::clone(&counters),
        };
        let arbiter = Arbiter::new();
        let mailbox = spawn::concurrent(
            hub,
            &arbiter.handle(),
            SpawnOptions::with_capacity(CAPACITY),
            move || {
                let ledger = first.lock().unwrap_or_else(PoisonError::into_inner).take();
                CatalogWriter::new(WriteGroup::new(ledger, opening.clone()))
            },
        );
        let catalog = Self {
            mailbox,
            file,
            counters,
        };
        Ok((catalog, CatalogThread(arbiter)))
    }

    /// What its transactions took.
    pub(crate) fn figures(&self) -> CatalogFigures {
        self.counters.figures()
    }

    /// Adds to what is waited for that it takes nothing, and why; asks no actor.
    pub(crate) fn add_waits(&self, waiting: &mut Vec<WaitReason>) {
        self.counters.watch.add_to(waiting, Timestamp::now());
    }

    /// Whether the file is still the one that was opened; asks no actor, so a locked catalog keeps nobody waiting.
    ///
    /// # Errors
    /// [`CatalogError::Gone`]
    pub fn check_file(&self) -> Result<(), CatalogError> {
        self.file.as_ref().map_or(Ok(()), |file| file.check())
    }

    /// Has an operation done; its answer comes after the commit.
    pub async fn ask<O: CatalogOperation>(&self, operation: O, cx: &AskContext) -> Result<O::Output, CatalogError> {
        self.mailbox
            .ask(CatalogMessage(operation), cx)
            .await
            .map_err(CatalogError::Asked)?
    }

    /// Refuses new operations, finishes those that were asked for, and closes the file.
    pub async fn close(&self) -> LedgerEntry {
        self.mailbox.close();
        self.mailbox.drained().await
    }
}

impl CatalogThread {
    /// The thread, to see whether it answers.
    pub(crate) fn arbiter(&self) -> ArbiterHandle {
        self.0.handle()
    }

    /// Ends the writer's thread; `false` if it ended by a panic.
    pub fn join(self) -> bool {
        self.0.stop();
        self.0.join().is_ok()
    }
}
