//! Room `catalog`: the handle by which everybody else asks the catalog.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use actix_rt::Arbiter;

use super::actor::{Do, Writer};
use super::connection::path_of;
use super::counters::{CatalogCounters, CatalogSnapshot};
use super::group::{Group, Opening};
use super::ledger::Operation;
use super::{CatalogError, Clock, Policy};
use crate::mailbox::{Concurrent, Cx, Hub, LedgerEntry, Mailbox, Spawn, spawn};

/// Operations that may wait for the writer; more make their askers wait.
const CAPACITY: usize = 256;

/// Asks the catalog; clones ask the same writer. Every answer comes after its transaction is on the disk.
#[derive(Debug, Clone)]
pub struct Catalog {
    mailbox: Mailbox<Concurrent<Writer>>,
    path: Arc<Path>,
    counters: CatalogCounters,
}

/// The writer's thread; to be joined when the catalog is closed.
#[derive(Debug)]
pub struct CatalogThread(Arbiter);

impl Catalog {
    /// Opens or makes the catalog at `sqlite:///path` and starts its writer on a thread of its own. Needs a running actix
    /// system.
    ///
    /// # Errors
    /// The file cannot be opened, is damaged, is no catalog of ours, or one of a newer version.
    pub fn open(hub: &Hub, url: &str, clock: Clock, policy: Policy) -> Result<(Self, CatalogThread), CatalogError> {
        let path = path_of(url)?;
        let opening = Opening {
            path: path.clone(),
            clock,
            policy,
        };
        // Opened here, so that the caller hears at once of a file that cannot be used.
        let first = Mutex::new(Some(opening.open()?));
        let counters = CatalogCounters::default();
        let arbiter = Arbiter::new();
        let shared = counters.clone();
        let mailbox = spawn::concurrent(hub, &arbiter.handle(), Spawn::with_capacity(CAPACITY), move || {
            let ledger = first.lock().unwrap_or_else(PoisonError::into_inner).take();
            Writer::new(Group::new(ledger, opening.clone(), shared.clone()))
        });
        let catalog = Self {
            mailbox,
            path: path.into(),
            counters,
        };
        Ok((catalog, CatalogThread(arbiter)))
    }

    /// Has an operation done; its answer comes after the commit.
    pub async fn ask<O: Operation>(&self, operation: O, cx: &Cx) -> Result<O::Output, CatalogError> {
        self.mailbox.ask(Do(operation), cx).await.map_err(CatalogError::Asked)?
    }

    /// The catalog's file, for readers with connections of their own.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the writer has done so far.
    pub fn snapshot(&self) -> CatalogSnapshot {
        self.counters.snapshot()
    }

    /// Refuses new operations, finishes those that were asked for, and closes the file.
    pub async fn close(&self) -> LedgerEntry {
        self.mailbox.close();
        self.mailbox.drained().await
    }
}

impl CatalogThread {
    /// Ends the writer's thread; `false` if it ended by a panic.
    pub fn join(self) -> bool {
        self.0.stop();
        self.0.join().is_ok()
    }
}
