//! Why a volume is not stored.

use std::io;

use crate::archive::ArchiveError;
use crate::grin::Barcode;
use crate::session::BodyError;
use crate::storage::StorageError;

/// Why a volume is not stored.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The body broke off and could not be resumed.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The archive is not what it should be.
    #[error(transparent)]
    Archive(Box<ArchiveError>),
    /// The store did not take it.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The store broke off in the middle; a [`StorageError`] is inside where it named its reason.
    #[error("the store did not take it: {0}")]
    Sink(#[source] io::Error),
    /// An archive that is taken over cannot be read.
    #[error("the stored archive cannot be read: {0}")]
    Source(#[source] io::Error),
    /// The claim may have ended before all objects were published. What was published is compared with the catalog when the book is
    /// claimed next.
    #[error("the claim on {0} ended before all of its objects were published")]
    ClaimEnded(Barcode),
}

/// Tells a broken body and a full store from a bad archive.
pub(super) fn of_download(error: ArchiveError) -> PublishError {
    match error {
        ArchiveError::Input(error) => match BodyError::of(&error) {
            Some(body_error) => PublishError::Body(body_error.clone()),
            // The copy kept as evidence goes through the same reader: its store broke off.
            None => PublishError::Sink(error),
        },
        ArchiveError::Sink(error) | ArchiveError::Text(error) => PublishError::Sink(error),
        error => PublishError::Archive(Box::new(error)),
    }
}

/// As [`of_download`], where what is read is a store's.
pub(super) fn of_import(error: ArchiveError) -> PublishError {
    match error {
        ArchiveError::Input(error) => PublishError::Source(error),
        error => of_download(error),
    }
}
