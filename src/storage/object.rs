//! Books in an object store.

mod again;
mod azure;
mod connect;
mod copy;
mod error;
mod first;
mod journal;
mod list;
mod multipart;
mod odd_names;
mod parts;
mod patience;
mod read;
mod runtime;
mod sweep;
mod upload;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt, PutPayload};

pub(super) use crate::storage::object::list::list;
pub(super) use crate::storage::object::read::ObjectReader;
pub(super) use crate::storage::object::upload::StreamedUpload;

use crate::settings::StoreProvider;
use crate::storage::error::StorageError;
use crate::storage::figures::UploadCounters;
use crate::storage::key::ObjectKey;
use crate::storage::meta::ObjectMeta;
use crate::storage::object::error::sorted;
use crate::storage::object::journal::UploadJournal;
use crate::storage::object::parts::{PartStore, absent, meta_of};
use crate::storage::object::patience::in_time;
use crate::storage::object::runtime::ObjectRuntime;
use crate::storage::open::StorageConfig;
use crate::storage::{ListedEntry, ListedObject, NoObject, ObjectStat, SweepResult};

/// Prefix of uploads under way. No key can begin with a dot.
const TEMPORARY: &str = ".grind-tmp";
/// Longest wait for tidying up; what is left is found by the next sweep.
const TIDYING: Duration = Duration::from_secs(30);

/// An object store with a small thread of its own.
pub(super) struct ObjectStorage {
    runtime: ObjectRuntime,
    store: Arc<dyn ObjectStore>,
    /// What a bucket can do beyond memory.
    parts: Option<Arc<PartStore>>,
    /// Folder inside the bucket.
    prefix: Option<ObjectKey>,
    /// The whole address, for messages and the journal.
    place: String,
    journal: Option<UploadJournal>,
    pub(super) uploads: UploadCounters,
}

impl fmt::Debug for ObjectStorage {
    /// Without the client, which shows some tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStorage")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl ObjectStorage {
    /// A store that is gone with the process.
    pub fn in_memory() -> Result<Self, StorageError> {
        Ok(Self {
            runtime: ObjectRuntime::start()?,
            store: Arc::new(InMemory::new()),
            parts: None,
            prefix: None,
            place: "memory:".to_owned(),
            journal: None,
            uploads: UploadCounters::default(),
        })
    }

    pub fn is_lasting(&self) -> bool {
        self.parts.is_some()
    }

    pub fn place(&self) -> &str {
        &self.place
    }

    /// The bucket that `config.url` names; it is not asked yet.
    pub fn bucket(
        config: &StorageConfig,
        provider: StoreProvider,
        name: &str,
        prefix: &str,
    ) -> Result<Self, StorageError> {
        let prefix = (!prefix.is_empty()).then(|| ObjectKey::parse(prefix)).transpose()?;
        let parts = Arc::new(connect::connect(config, provider, name)?);
        Ok(Self {
            runtime: ObjectRuntime::start()?,
            store: parts.shared(),
            parts: Some(parts),
            prefix,
            place: config.url.clone(),
            journal: config
                .journal
                .as_deref()
                .map(|folder| UploadJournal::open(folder, &config.url))
                .transpose()?,
            uploads: UploadCounters::default(),
        })
    }

    /// Whether an object whose name is final goes there at once, and any other one by way of a temporary place.
    pub fn gains_by_final_names(&self) -> bool {
        self.parts.as_ref().is_some_and(|parts| parts.takes_meta_last())
    }

    /// Writes an empty object beside the uploads under way, and removes it again. Where removing is not permitted it stays, one for
    /// all looks.
    pub fn check(&self) -> Result<(), StorageError> {
        let path = self.inside(&format!("{TEMPORARY}/check"));
        let store = Arc::clone(&self.store);
        let written = self.runtime.wait(async move {
            in_time(0, store.put(&path, PutPayload::new())).await?;
            if let Err(error) = absent(in_time(0, store.delete(&path)).await) {
                tracing::warn!(%path, %error, "the object that was written to try the storage could not be removed");
            }
            Ok(())
        })?;
        written.map_err(|why| sorted("writing to", &self.place, None, why))
    }

    pub fn stat(&self, key: &ObjectKey) -> Result<Option<ObjectStat>, StorageError> {
        match self.head(key) {
            Ok((bytes, meta, _)) => Ok(Some(ObjectStat { bytes, meta })),
            Err(StorageError::NotFound(_)) => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// Size, metadata and `ETag`.
    fn head(&self, key: &ObjectKey) -> Result<(u64, ObjectMeta, Option<String>), StorageError> {
        let (store, path) = (Arc::clone(&self.store), self.path(key));
        let options = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        let got = self
            .runtime
            .wait(async move { in_time(0, store.get_opts(&path, options)).await })?;
        let got = got.map_err(|why| sorted("asking for", &self.place, Some(key), why))?;
        Ok((got.meta.size, meta_of(&got.attributes), got.meta.e_tag))
    }

    pub fn remove(&self, key: &ObjectKey) -> Result<bool, StorageError> {
        // S3 does not say whether there was anything to delete.
        if self.stat(key)?.is_none() {
            return Ok(false);
        }
        let (store, path) = (Arc::clone(&self.store), self.path(key));
        match self
            .runtime
            .wait(async move { in_time(0, store.delete(&path)).await })?
        {
            Ok(()) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(why) => Err(sorted("removing", &self.place, Some(key), why)),
        }
    }

    pub fn rename(&self, from: &ObjectKey, to: &ObjectKey) -> Result<(), StorageError> {
        let (store, source, target) = (Arc::clone(&self.store), self.path(from), self.path(to));
        let copied = self.runtime.wait(async move { store.copy(&source, &target).await })?;
        copied.map_err(|why| sorted("renaming", &self.place, Some(from), why))?;
        self.remove(from).map(drop)
    }

    pub fn sweep(&self) -> SweepResult {
        sweep::sweep(self)
    }

    /// Where a key lies in the bucket.
    fn path(&self, key: &ObjectKey) -> Path {
        self.inside(key.as_str())
    }

    fn inside(&self, name: &str) -> Path {
        match &self.prefix {
            Some(prefix) => Path::from(format!("{prefix}/{name}")),
            None => Path::from(name),
        }
    }

    /// The key of a place in the bucket, or that it is none of ours; `None` of uploads under way, and outside our folder.
    fn entry(&self, path: &Path, bytes: u64) -> Option<ListedEntry> {
        let name = match &self.prefix {
            Some(prefix) => path.as_ref().strip_prefix(prefix.as_str())?.strip_prefix('/')?,
            None => path.as_ref(),
        };
        let is_under_way = name.strip_prefix(TEMPORARY).is_some_and(|below| below.starts_with('/'));
        match ObjectKey::parse(name) {
            Ok(key) => Some(ListedEntry::Object(ListedObject { key, bytes })),
            Err(_) if is_under_way => None,
            Err(bad) => Some(ListedEntry::NoObject(NoObject {
                name: name.to_owned(),
                why: bad.why,
            })),
        }
    }
}
