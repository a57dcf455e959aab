//! Where books are kept and under which names, out of the settings.

use std::path::PathBuf;

use crate::settings::{DiskReserve, LayoutChoice, Settings, StorageSettings, UnusableSetting};
use crate::storage::{ObjectKey, OwnUrl, SpaceReserve, StorageConfig, StorageLayout};

impl StorageConfig {
    /// `journal` is the folder for the journal of open uploads.
    pub fn from_settings(settings: &Settings, journal: Option<PathBuf>) -> Self {
        let storage = &settings.storage;
        Self {
            // One that cannot be used is refused wherever a key is made.
            layout: StorageLayout::from_settings(settings).ok().map(|layout| layout.name()),
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
    pub fn of_second_copy(settings: &Settings, journal: Option<PathBuf>) -> Option<Self> {
        let copy = &settings.storage_copy;
        Some(Self {
            layout: StorageLayout::from_settings(settings).ok().map(|layout| layout.name()),
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
    /// The three prefixes, and the run where the layout has one.
    pub fn from_settings(settings: &Settings) -> Result<Self, UnusableSetting> {
        let storage = &settings.storage;
        let layout = Self::new(&storage.raw_prefix, &storage.full_prefix, &storage.meta_prefix);
        let run = || {
            storage
                .run
                .clone()
                .unwrap_or_else(|| settings.library.directory.to_lowercase())
        };
        let layout = match storage.layout {
            LayoutChoice::PerBook => layout,
            LayoutChoice::GrinTransfer => layout.and_then(|layout| layout.of_run(&run())),
        };
        layout.map_err(|error| UnusableSetting(error.to_string()))
    }
}
