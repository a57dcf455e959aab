//! What the commands on the storage share: the storage to read, and the objects of one book.

use clap::ValueEnum;

use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::reading;
use crate::cli::storage::refused;
use crate::grin::Barcode;
use crate::pipeline::storage_config;
use crate::settings::Settings;
use crate::storage::{ObjectKey, Storage, StorageLayout};

/// An object of a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BookPart {
    /// The decrypted archive
    Archive,
    /// The pages' text
    Text,
    /// The MARC record
    Record,
    /// The manifest
    Manifest,
}

/// The storage as it is configured, and its names.
pub struct StorageLook {
    pub storage: Storage,
    pub layout: StorageLayout,
}

impl StorageLook {
    /// Opens it to read only: a folder that is not there is not made.
    pub fn open(settings: &Settings) -> Result<Self, CliError> {
        let config = storage_config(settings).map_err(|error| reading::refused(&error))?;
        Ok(Self {
            storage: Storage::open_to_read(&config).map_err(|error| refused(&error))?,
            layout: layout(settings)?,
        })
    }

    /// Where the objects of a book are that the layout names, the archive last: without it nothing else says that it is stored.
    pub fn objects(&self, barcode: &Barcode) -> Vec<(BookPart, ObjectKey)> {
        objects(&self.layout, barcode)
    }
}

pub fn layout(settings: &Settings) -> Result<StorageLayout, CliError> {
    StorageLayout::from_settings(&settings.storage)
        .map_err(|error| CliError::new(ExitStatus::Config, "the storage cannot be used").because(&error))
}

pub fn objects(layout: &StorageLayout, barcode: &Barcode) -> Vec<(BookPart, ObjectKey)> {
    vec![
        (BookPart::Manifest, layout.manifest(barcode)),
        (BookPart::Text, layout.text(barcode, true)),
        (BookPart::Text, layout.text(barcode, false)),
        (BookPart::Record, layout.record(barcode)),
        (BookPart::Archive, layout.raw(barcode)),
    ]
}
