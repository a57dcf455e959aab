//! `[storage.copy]`, the one section within another.

use std::path::PathBuf;

use url::Url;

use crate::settings::bandwidth::BandwidthLimit;
use crate::settings::choices::DiskReserve;
use crate::settings::hours::DailyHours;
use crate::settings::section::section;
use crate::settings::sections::{Settings, StorageSettings};

section! {
    /// `[storage.copy]`: a second place for the same books.
    SecondCopySettings = "storage.copy" {
        /// As `storage.url`; not set: there is no second copy.
        url: Option<String> => NeedsRestart,
        /// Address of the object store, where it is not its provider's.
        endpoint: Option<Url> => NeedsRestart,
        /// S3 region.
        region: Option<String> => NeedsRestart,
        /// Azure storage account.
        account: Option<String> => NeedsRestart,
        /// The object store's keys, instead of those in the environment.
        credentials_file: Option<PathBuf> => NeedsRestart,
        /// Room on the disk that is left free.
        disk_reserve: DiskReserve => NeedsRestart,
        /// Books that are copied at once.
        transfers: u32 => NeedsRestart,
        /// How much is copied a day.
        bytes_per_day: BandwidthLimit => NeedsRestart,
        /// At which hours.
        hours: DailyHours => NeedsRestart,
    }
}

impl StorageSettings {
    /// Every place that is named, with its key.
    pub fn addresses(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let own = [
            ("storage.raw_url", &self.raw_url),
            ("storage.full_url", &self.full_url),
            ("storage.meta_url", &self.meta_url),
        ];
        let own = own.into_iter().filter_map(|(key, url)| Some((key, url.as_deref()?)));
        std::iter::once(("storage.url", self.url.as_str())).chain(own)
    }
}

impl Settings {
    /// Every place of books that is named, that of the second copy too, with its key.
    pub fn book_places(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let copy = self.storage_copy.url.as_deref().map(|url| ("storage.copy.url", url));
        self.storage.addresses().chain(copy)
    }
}
