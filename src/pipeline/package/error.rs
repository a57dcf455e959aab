//! Why a book did not become a package.

use std::io;
use std::path::{Path, PathBuf};

use crate::catalog::CatalogError;
use crate::storage::{ObjectKey, StorageError};

/// Why a book did not become a package.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PackageError {
    /// There is nothing of it.
    #[error("the catalog knows nothing that is stored of it")]
    NotStored,
    /// An object of it is not in the storage, which is proven to be the right one.
    #[error("{0} is not in the storage")]
    Missing(ObjectKey),
    /// An object of it is not what was stored.
    #[error("{key} is damaged: {detail}")]
    Damaged {
        /// Its name within the storage.
        key: String,
        /// What is wrong with it.
        detail: String,
    },
    /// It is being stored anew.
    #[error("it is being stored anew; export it again later")]
    BeingReplaced,
    /// Something else stands in the package's place.
    #[error("{} stands in its place, and was left alone: {why}", path.display())]
    Occupied {
        /// The place.
        path: PathBuf,
        /// What it is.
        why: String,
    },
    /// The folder takes no packages of this form.
    #[error("{} cannot be the folder of the packages: {why}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// It was cut.
    #[error("it was stopped by a signal")]
    Cut,
    /// The catalog cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The storage is not there, or cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A file of a package cannot be made or read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl PackageError {
    /// For `map_err` on what is done with a file or folder.
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }

    pub(super) fn damaged(key: &ObjectKey, detail: impl Into<String>) -> Self {
        Self::Damaged {
            key: key.to_string(),
            detail: detail.into(),
        }
    }

    pub(super) fn occupied(path: &Path, why: impl Into<String>) -> Self {
        Self::Occupied {
            path: path.to_owned(),
            why: why.into(),
        }
    }

    /// The word for programs where the fault is this book's, and others can be packed; `None`: it is that of catalog, storage or folder.
    pub(crate) fn of_book(&self) -> Option<&'static str> {
        match self {
            Self::NotStored => Some("not_stored"),
            Self::Missing(_) => Some("missing"),
            Self::Damaged { .. } => Some("damaged"),
            Self::BeingReplaced => Some("being_replaced"),
            Self::Occupied { .. } => Some("occupied"),
            Self::Folder { .. } | Self::Cut | Self::Catalog(_) | Self::Storage(_) | Self::File { .. } => None,
        }
    }

    /// Whether another look at catalog and storage may find something else.
    pub(super) fn is_of_objects(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::Damaged { .. })
    }
}
