//! What the commands on the storage share: the storage to read, and the objects of one book.

use clap::ValueEnum;

use crate::catalog::{AskPlace, MarkedPlace, RecordedPlace};
use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::reading;
use crate::cli::storage::{config_of, refused};
use crate::grin::Barcode;
use crate::pipeline::{check_layout, check_place};
use crate::settings::Settings;
use crate::storage::{BookObjectKind, ObjectKey, ObjectListing, Storage, StorageLayout};

/// An object of a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BookPart {
    /// The decrypted archive
    Archive,
    /// The archive as GRIN sent it
    Encrypted,
    /// The pages' text
    Text,
    /// The pages' text with page numbers and names of images
    Pages,
    /// The MARC record
    Record,
    /// The index of the archive's files
    Members,
    /// The manifest
    Manifest,
}

impl From<BookObjectKind> for BookPart {
    fn from(kind: BookObjectKind) -> Self {
        match kind {
            BookObjectKind::Archive => Self::Archive,
            BookObjectKind::Encrypted => Self::Encrypted,
            BookObjectKind::Text => Self::Text,
            BookObjectKind::TextByPage => Self::Pages,
            BookObjectKind::Record => Self::Record,
            BookObjectKind::Members => Self::Members,
            BookObjectKind::Manifest => Self::Manifest,
        }
    }
}

/// The storage as it is configured, its names, and the catalog that knows where books were adopted.
pub struct StorageLook {
    pub storage: Storage,
    pub layout: StorageLayout,
    catalog: String,
    place: MarkedPlace,
}

impl StorageLook {
    /// Opens it, or the second copy, to read only: a folder that is not there is not made.
    pub fn open(settings: &Settings, of_copy: bool) -> Result<Self, CliError> {
        let config = config_of(settings, of_copy)?;
        let storage = Storage::open_to_read(&config).map_err(|error| refused(&error))?;
        let place = match of_copy {
            true => MarkedPlace::SecondCopy,
            false => MarkedPlace::Main,
        };
        if let Some(kept) = reading::storage_mark(&settings.catalog.url, place).filter(|_| !of_copy) {
            check_layout(storage.layout(), &kept).map_err(|error| refused(&error))?;
        }
        Ok(Self {
            storage,
            layout: layout(settings)?,
            catalog: settings.catalog.url.clone(),
            place,
        })
    }

    /// Refuses a storage that is not the one that the catalog knows: what is in it, or is not, says nothing of the library.
    pub fn check_place(&self) -> Result<(), CliError> {
        let kept = reading::storage_mark(&self.catalog, self.place);
        kept.map_or(Ok(()), |kept| check_place(&self.storage, self.place, &kept))
            .map_err(|error| refused(&error))
    }

    /// Where the catalog says that the archive of a book is; `None` where it knows nothing of it, or there is no catalog.
    pub fn recorded(&self, barcode: &Barcode) -> Result<Option<RecordedPlace>, CliError> {
        let Some(catalog) = reading::existing(&self.catalog)? else {
            return Ok(None);
        };
        catalog
            .ask(&AskPlace(barcode.clone()))
            .map_err(|error| reading::refused(&error))
    }

    /// Where the objects of a book are, by the layout and by the catalog.
    pub fn objects(&self, barcode: &Barcode) -> Result<Vec<BookObject>, CliError> {
        Ok(objects(&self.layout, barcode, self.recorded(barcode)?.as_ref()))
    }
}

/// What is in quarantine of a book.
pub fn quarantined(storage: &Storage, layout: &StorageLayout, barcode: &Barcode) -> Result<ObjectListing, CliError> {
    let folder = layout
        .quarantine_folder(barcode)
        .map_err(|error| refused(&error.into()))?;
    storage.list(Some(&folder)).map_err(|error| refused(&error))
}

pub fn layout(settings: &Settings) -> Result<StorageLayout, CliError> {
    StorageLayout::from_settings(settings)
        .map_err(|error| CliError::new(ExitStatus::Config, "the storage cannot be used").because(&error))
}

/// A name under which an object of a book may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookObject {
    pub part: BookPart,
    pub key: ObjectKey,
}

/// The archive last: without it nothing else says that the book is stored. One that was adopted, or stored under another layout, is where
/// the catalog says.
pub fn objects(layout: &StorageLayout, barcode: &Barcode, recorded: Option<&RecordedPlace>) -> Vec<BookObject> {
    let of_layout = layout.objects(barcode);
    let mut objects: Vec<_> = of_layout
        .map(|(kind, key)| BookObject { part: kind.into(), key })
        .collect();
    let elsewhere = recorded.and_then(|place| ObjectKey::parse(&place.path).ok());
    let elsewhere = elsewhere.filter(|key| objects.iter().all(|object| object.key != *key));
    objects.extend(elsewhere.map(|key| BookObject {
        part: BookPart::Archive,
        key,
    }));
    objects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_is_also_where_the_catalog_says() {
        let layout = StorageLayout::new("raw", "full", "meta").unwrap();
        let barcode = Barcode::parse("TL0001").unwrap();
        for (recorded, archives) in [
            (None, &["raw/TL0001/TL0001.tar.gz"][..]),
            (Some("raw/TL0001/TL0001.tar.gz"), &["raw/TL0001/TL0001.tar.gz"]),
            (
                Some("run/TL0001.tar.gz"),
                &["raw/TL0001/TL0001.tar.gz", "run/TL0001.tar.gz"],
            ),
            (Some("/no/name"), &["raw/TL0001/TL0001.tar.gz"]),
        ] {
            let place = recorded.map(|path| RecordedPlace {
                path: path.to_owned(),
                sha256: None,
            });
            let found = objects(&layout, &barcode, place.as_ref());
            let archives_found = found.iter().filter(|object| object.part == BookPart::Archive);
            let keys: Vec<_> = archives_found.map(|object| object.key.as_str()).collect();
            assert_eq!(keys, archives, "{recorded:?}");
        }
    }
}
