//! Where books are kept and under which names, out of the settings.

use std::path::PathBuf;

use crate::settings::{DiskReserve, StorageSettings, UnusableSetting};
use crate::storage::{SpaceReserve, StorageConfig, StorageLayout};

impl StorageConfig {
    /// `journal` is the folder for the journal of open uploads.
    pub fn from_settings(storage: &StorageSettings, journal: Option<PathBuf>) -> Self {
        Self {
            endpoint: storage.endpoint.clone(),
            region: storage.region.clone(),
            account: storage.account.clone(),
            credentials_file: storage.credentials_file.clone(),
            reserve: match storage.disk_reserve {
                DiskReserve::Percent(percent) => SpaceReserve::Percent(percent),
                DiskReserve::Size(size) => SpaceReserve::Bytes(size.as_u64()),
            },
            journal,
            ..Self::of_url(storage.url.clone())
        }
    }
}

impl StorageLayout {
    /// The three prefixes.
    pub fn from_settings(storage: &StorageSettings) -> Result<Self, UnusableSetting> {
        Self::new(&storage.raw_prefix, &storage.full_prefix, &storage.meta_prefix)
            .map_err(|error| UnusableSetting(error.to_string()))
    }
}
