//! Room on the disk that was promised to books on their way, and that they have not filled yet.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::storage::error::StorageError;
use crate::storage::local::LocalStorage;

/// Bytes that are promised to books on their way and not written yet: the disk still shows them as free.
#[derive(Debug, Default)]
pub(super) struct PromisedRoom(Mutex<u64>);

impl PromisedRoom {
    pub fn bytes(&self) -> MutexGuard<'_, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room for one book. What the book does not fill is free again when the last upload and the last clone of a storage that hold this
/// are dropped.
#[derive(Debug)]
pub(in crate::storage) struct SpaceReservation {
    local: Arc<LocalStorage>,
    /// Of the promise, not written yet.
    left: Mutex<u64>,
}

impl SpaceReservation {
    /// Refused where the disk would be filled beyond the reserve once this book and all others on their way are written.
    pub fn take(local: &Arc<LocalStorage>, bytes: u64) -> Result<Self, StorageError> {
        // Held while the disk is measured: of two books that fit alone, and not together, one is refused.
        let mut promised = local.promised.bytes();
        local.measure(*promised, bytes)?;
        *promised = promised.saturating_add(bytes);
        Ok(Self {
            local: Arc::clone(local),
            left: Mutex::new(bytes),
        })
    }

    /// So many bytes are on the disk now, where they are not free any more.
    pub fn filled(&self, bytes: u64) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = bytes.min(*left);
        *left -= filled;
        let mut promised = self.local.promised.bytes();
        *promised = promised.saturating_sub(filled);
    }
}

impl Drop for SpaceReservation {
    fn drop(&mut self) {
        self.filled(u64::MAX);
    }
}
