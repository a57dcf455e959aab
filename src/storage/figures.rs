//! What the storage tells of itself without being asked anything: numbers that are kept where they arise.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

/// The storage at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageFigures {
    /// Bytes free on the disk when it was measured last; `None`: an object store.
    pub free_bytes: Option<u64>,
    /// Bytes of it that books on their way are still to fill.
    pub reserved_bytes: u64,
    /// Uploads in parts under way to a bucket.
    pub open_uploads: u64,
    /// Uploads that could not be removed from a bucket when they were given up; each is tried again by the next sweep.
    pub abort_failures: u64,
}

/// Counts the uploads in parts of one bucket.
#[derive(Debug, Default)]
pub(super) struct UploadCounters {
    open: AtomicU64,
    abort_failures: AtomicU64,
}

impl UploadCounters {
    pub(super) fn begun(&self) {
        self.open.fetch_add(1, Relaxed);
    }

    /// An upload has come to its end, and left nothing behind if it `is_clean`.
    pub(super) fn ended(&self, is_clean: bool) {
        self.open.fetch_sub(1, Relaxed);
        self.abort_failures.fetch_add((!is_clean).into(), Relaxed);
    }

    /// A sweep could not remove what an upload had left.
    pub(super) fn is_not_swept(&self) {
        self.abort_failures.fetch_add(1, Relaxed);
    }

    pub(super) fn figures(&self) -> StorageFigures {
        StorageFigures {
            open_uploads: self.open.load(Relaxed),
            abort_failures: self.abort_failures.load(Relaxed),
            ..StorageFigures::default()
        }
    }
}
