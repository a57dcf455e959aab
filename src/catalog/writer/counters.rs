//! Counters of the writer, for metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::Serialize;

use crate::actor::{DurationHistogram, HistogramSnapshot};
use crate::catalog::CatalogError;

/// Counts what the writer does; clones share the counts.
#[derive(Debug, Clone, Default)]
pub struct CatalogCounters(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    transactions: AtomicU64,
    operations: AtomicU64,
    busy: AtomicU64,
    disk_full: AtomicU64,
    errors: AtomicU64,
    write: DurationHistogram,
}

/// The counts at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct CatalogSnapshot {
    /// Transactions, committed or not.
    pub transactions: u64,
    /// Operations in them.
    pub operations: u64,
    /// Operations refused because another program held the lock for too long.
    pub busy: u64,
    /// Operations refused for want of room on the disk.
    pub disk_full: u64,
    /// Operations that ended in any other error.
    pub errors: u64,
    /// Seconds from the beginning of a transaction until it was on the disk.
    pub write_seconds: HistogramSnapshot,
}

impl CatalogCounters {
    pub(crate) fn note_transaction(&self, operations: usize, took: Duration) {
        self.0.transactions.fetch_add(1, Relaxed);
        self.0.operations.fetch_add(operations as u64, Relaxed);
        self.0.write.observe(took);
    }

    pub(crate) fn note_error(&self, error: &CatalogError) {
        let counter = match error {
            CatalogError::Busy => &self.0.busy,
            CatalogError::DiskFull(_) => &self.0.disk_full,
            _ => &self.0.errors,
        };
        counter.fetch_add(1, Relaxed);
    }

    /// The counts now.
    pub fn snapshot(&self) -> CatalogSnapshot {
        CatalogSnapshot {
            transactions: self.0.transactions.load(Relaxed),
            operations: self.0.operations.load(Relaxed),
            busy: self.0.busy.load(Relaxed),
            disk_full: self.0.disk_full.load(Relaxed),
            errors: self.0.errors.load(Relaxed),
            write_seconds: self.0.write.snapshot(),
        }
    }
}
