//! Why a daemon does not start.

use crate::catalog::CatalogError;
use crate::pipeline::MountError;
use crate::session::SessionError;
use crate::settings::UnusableSetting;
use crate::storage::StorageError;

/// Why the daemon could not be built; nothing of it runs then.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A setting that only turns out wrong in use.
    #[error("{0}")]
    Settings(String),
    /// The session.
    #[error("the session cannot be set up")]
    Session(#[from] SessionError),
    /// The catalog.
    #[error("the catalog cannot be opened")]
    Catalog(#[from] CatalogError),
    /// The store.
    #[error("the storage cannot be opened")]
    Storage(#[from] StorageError),
    /// Another program that lives has this one's name in the catalog.
    #[error("{program} {instance:?} already runs with this catalog, on {host} since {since}")]
    InstanceTaken {
        /// The name.
        instance: String,
        /// The machine it runs on.
        host: String,
        /// What it is.
        program: String,
        /// When it joined.
        since: String,
    },
}

impl From<MountError> for BuildError {
    fn from(error: MountError) -> Self {
        match error {
            MountError::Catalog(error) => Self::Catalog(error),
            MountError::Storage(error @ StorageError::OtherLayout { .. }) => Self::Settings(error.to_string()),
            MountError::Storage(error) => Self::Storage(error),
        }
    }
}

impl From<UnusableSetting> for BuildError {
    fn from(unusable: UnusableSetting) -> Self {
        Self::Settings(unusable.0)
    }
}
