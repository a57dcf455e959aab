//! The second place, opened when it is needed: one that is away at the start keeps nothing else from beginning.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tracing::{info, warn};

use crate::storage::{Storage, StorageConfig, StorageError};

/// The second place; clones share it.
#[derive(Clone)]
pub struct SecondPlace {
    config: Arc<StorageConfig>,
    opened: Arc<OnceLock<Storage>>,
}

impl fmt::Debug for SecondPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.config.fmt(f)
    }
}

impl SecondPlace {
    /// What the settings name; nothing is opened yet.
    pub(crate) fn of(config: StorageConfig) -> Self {
        Self {
            config: Arc::new(config),
            opened: Arc::default(),
        }
    }

    /// Opens it unless it is; blocking. Nothing is stored in it before its marker was seen.
    pub(super) fn open(&self) -> Result<Storage, StorageError> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened.clone());
        }
        let storage = Storage::open(&self.config)?;
        storage.guard();
        sweep(&storage);
        Ok(self.opened.get_or_init(|| storage).clone())
    }

    /// The place, if it was opened.
    pub(super) fn opened(&self) -> Option<Storage> {
        self.opened.get().cloned()
    }
}

fn sweep(storage: &Storage) {
    let swept = storage.sweep();
    if swept.removed > 0 {
        info!(
            swept.removed,
            "leftovers of an earlier run removed from the second place"
        );
    }
    for failure in &swept.failures {
        warn!(
            failure,
            "leftovers of an earlier run could not be looked for in the second place, or one of them not removed; it is tried again at the next start"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_away_at_first_is_opened_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("second");
        // Something else stands where its folder should be.
        std::fs::write(&path, "").unwrap();
        let place = SecondPlace::of(StorageConfig::of_url(format!("file://{}", path.display())));
        assert!(place.open().is_err());
        assert!(place.opened().is_none());
        std::fs::remove_file(&path).unwrap();
        place.open().unwrap();
        assert!(place.opened().is_some());
    }
}
