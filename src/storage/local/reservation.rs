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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use crate::storage::local::tests::{Tmpfs, key, none, open};
    use crate::storage::{SpaceReserve, Storage, StorageConfig, StorageError};
    use crate::vocabulary::FailureReason;

    #[test]
    fn books_on_their_way_cannot_together_pass_the_reserve() {
        let Some(disk) = Tmpfs::mount("size=16m") else { return };
        let mut config = StorageConfig::of_url(format!("file://{}", disk.0.path().display()));
        config.reserve = SpaceReserve::Bytes(6 << 20);
        let storage = Storage::open(&config).unwrap();
        let begin = |storage: &Storage, name: &str| storage.begin(&key(name), &none());
        let reason = |error: StorageError| error.reason();
        // Of the ten megabytes above the reserve.
        let first = storage.with_room_for(6 << 20).unwrap();
        let mut upload = begin(&first, "raw/X1").unwrap();
        upload.write_all(&vec![1; 4 << 20]).unwrap();
        let second = storage.with_room_for(5 << 20).map(drop);
        assert_eq!(
            second.map_err(reason),
            Err(FailureReason::StorageFull),
            "two are still to come"
        );
        let second = storage.with_room_for(3 << 20).unwrap();
        begin(&second, "raw/X2").unwrap().write_all(&vec![1; 3 << 20]).unwrap();
        upload.write_all(&vec![1; 2 << 20]).unwrap();
        upload.publish().unwrap();
        first
            .put(&key("meta/X1"), &vec![1; 5 << 20], &none())
            .expect("what was begun comes to its end");
        let refused = begin(&storage, "raw/X3").map(drop);
        assert_eq!(
            refused.map_err(reason),
            Err(FailureReason::StorageFull),
            "less than the reserve is free"
        );
    }

    #[test]
    fn room_that_a_book_does_not_fill_is_free_again() {
        let folder = tempfile::tempdir().unwrap();
        let storage = open(folder.path()).unwrap();
        let most = storage.room().unwrap().unwrap() / 10 * 6;
        let first = storage.with_room_for(most).unwrap();
        let upload = first.begin(&key("raw/X1"), &none()).unwrap();
        drop(first);
        assert!(storage.with_room_for(most).is_err(), "the upload holds it");
        drop(upload);
        storage.with_room_for(most).unwrap();
    }
}
