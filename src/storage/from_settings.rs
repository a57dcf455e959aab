//! Where books are kept and under which names, out of the settings.

use std::path::PathBuf;

use crate::settings::{DiskReserve, SecondCopySettings, StorageSettings, UnusableSetting};
use crate::storage::{ObjectKey, OwnUrl, SpaceReserve, StorageConfig, StorageLayout};

impl StorageConfig {
    /// `journal` is the folder for the journal of open uploads.
    pub fn from_settings(storage: &StorageSettings, journal: Option<PathBuf>) -> Self {
        Self {
            own_urls: own_urls(storage),
            endpoint: storage.endpoint.clone(),
            region: storage.region.clone(),
            account: storage.account.clone(),
            credentials_file: storage.credentials_file.clone(),
            reserve: reserve(storage.disk_reserve),
            journal,
            ..Self::of_url(storage.url.clone())
        }
    }

    /// The same of the second copy; `None` where there is none.
    pub fn of_second_copy(copy: &SecondCopySettings, journal: Option<PathBuf>) -> Option<Self> {
        Some(Self {
            endpoint: copy.endpoint.clone(),
            region: copy.region.clone(),
            account: copy.account.clone(),
            credentials_file: copy.credentials_file.clone(),
            reserve: reserve(copy.disk_reserve),
            journal,
            ..Self::of_url(copy.url.clone()?)
        })
    }
}

fn reserve(reserve: DiskReserve) -> SpaceReserve {
    match reserve {
        DiskReserve::Percent(percent) => SpaceReserve::Percent(percent),
        DiskReserve::Size(size) => SpaceReserve::Bytes(size.as_u64()),
    }
}

/// A prefix that is no folder's name is refused with the layout.
fn own_urls(storage: &StorageSettings) -> Vec<OwnUrl> {
    [
        (&storage.raw_url, &storage.raw_prefix, true),
        (&storage.full_url, &storage.full_prefix, false),
        (&storage.meta_url, &storage.meta_prefix, false),
    ]
    .into_iter()
    .filter_map(|(url, prefix, holds_archives)| {
        Some(OwnUrl {
            folder: ObjectKey::parse(prefix).ok()?,
            url: url.clone()?,
            holds_archives,
        })
    })
    .collect()
}

impl StorageLayout {
    /// The three prefixes.
    pub fn from_settings(storage: &StorageSettings) -> Result<Self, UnusableSetting> {
        Self::new(&storage.raw_prefix, &storage.full_prefix, &storage.meta_prefix)
            .map_err(|error| UnusableSetting(error.to_string()))
    }
}
