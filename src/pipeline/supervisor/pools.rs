//! Everybody the supervisor asks.

use std::path::PathBuf;
use std::sync::Arc;

use crate::actor::WorkerPool;
use crate::archive::PassOptions;
use crate::catalog::Catalog;
use crate::grin::GrinAddresses;
use crate::pipeline::copies::CopyMaker;
use crate::pipeline::hooks::StoredHook;
use crate::pipeline::membership::LibraryMembership;
use crate::pipeline::second_copy::SecondPlace;
use crate::pipeline::workers::{
    ArchiveKeyFiles, CheckWorker, CollectWorker, ConvertWorker, DownloadWorker, EnrichWorker,
};
use crate::storage::{Storage, StorageLayout};

/// Everybody the supervisor asks.
#[derive(Clone)]
pub struct WorkerPools {
    /// Reads lists.
    pub collectors: WorkerPool<CollectWorker>,
    /// Asks for facts.
    pub enrichers: WorkerPool<EnrichWorker>,
    /// Asks for archives.
    pub converters: WorkerPool<ConvertWorker>,
    /// Compares validators.
    pub checkers: WorkerPool<CheckWorker>,
    /// Fetches and publishes volumes.
    pub downloaders: WorkerPool<DownloadWorker>,
    /// Knows every book.
    pub catalog: Catalog,
    /// Where volumes are stored.
    pub storage: Storage,
    /// The second place for the same books, if there is one.
    pub second_copy: Option<SecondPlace>,
    /// Under which names.
    pub layout: StorageLayout,
    /// Copies the catalog into the storage.
    pub(crate) copies: CopyMaker,
    /// Opens archives as GRIN sent them.
    pub(crate) keys: ArchiveKeyFiles,
    /// Files with secrets that are read again while the daemon runs.
    pub secrets: Arc<[PathBuf]>,
    /// What is extracted from an archive that is stored already.
    pub options: PassOptions,
    /// Where GRIN's resources lie; batches are cut to its address length.
    pub addresses: GrinAddresses,
    /// Tells the operator of stored books.
    pub hook: Option<StoredHook>,
    /// This program among those that share the catalog.
    pub membership: LibraryMembership,
}
