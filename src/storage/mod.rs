//! Publish whole or not at all, on disk and in object stores.
//!
//! Blocking: it is called on a book's own blocking thread. An [`ObjectUpload`] is written like a file; only [`ObjectUpload::publish`] makes the object
//! visible under its name, whole, in one step. Aborted, dropped or killed uploads never show; what they leave behind is removed by
//! [`Storage::sweep`] at the next start.
//!
//! On disk there are no metadata beside an object: there the manifest (`meta/<BARCODE>.json`) serves. Object stores keep
//! [`ObjectMeta`] as user metadata.

mod error;
mod figures;
mod from_settings;
mod key;
mod local;
mod marker;
mod meta;
mod object;
mod open;
mod upload;

use std::io::{Read, Write};
use std::ops::Range;
use std::sync::Arc;

pub use crate::storage::error::{StorageError, StorageErrorClass};
pub use crate::storage::figures::StorageFigures;
pub use crate::storage::key::{ObjectKey, StorageLayout};
pub(crate) use crate::storage::local::TEMPORARY;
pub(crate) use crate::storage::marker::MARKER_NAME;
pub use crate::storage::meta::ObjectMeta;
pub(crate) use crate::storage::open::SpaceReserve;
pub use crate::storage::open::StorageConfig;
pub use crate::storage::upload::ObjectUpload;
pub(crate) use crate::storage::upload::PublishedObject;

/// The configured storage; clones share it.
#[derive(Clone, Debug)]
pub struct Storage {
    backend: Backend,
    guard: Arc<marker::MarkerGuard>,
    /// Room that everything begun by this clone has on a disk.
    room: Option<Arc<local::SpaceReservation>>,
}

#[derive(Clone, Debug)]
enum Backend {
    Local(Arc<local::LocalStorage>),
    Object(Arc<object::ObjectStorage>),
}

/// What is known of a stored object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectStat {
    /// Its size.
    pub bytes: u64,
    /// Its metadata; empty on disk.
    pub meta: ObjectMeta,
}

/// One object in a listing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedObject {
    /// Its name.
    pub key: ObjectKey,
    /// Its size.
    pub bytes: u64,
}

/// What a sweep of leftovers did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SweepResult {
    /// Temporary files or objects removed.
    pub removed: u64,
    /// Multipart uploads aborted.
    pub aborted: u64,
    /// What could not be removed, one sentence each; tried again by the next sweep.
    pub failures: Vec<String>,
}

/// A listing; ends after the first error.
pub type ObjectListing = Box<dyn Iterator<Item = Result<ListedObject, StorageError>> + Send>;

impl Storage {
    /// Opens what `config.url` names. On disk the folder is made and tried; an object store is not asked yet (see [`Storage::check`]).
    pub fn open(config: &StorageConfig) -> Result<Self, StorageError> {
        Ok(Self {
            backend: open::backend(config)?,
            guard: Arc::default(),
            room: None,
        })
    }

    /// The same to read only: on disk the folder must be there, and nothing is written to it.
    pub fn open_to_read(config: &StorageConfig) -> Result<Self, StorageError> {
        Ok(Self {
            backend: open::backend_to_read(config)?,
            guard: Arc::default(),
            room: None,
        })
    }

    /// Does the storage take what is written to it? A file or a small object is made and removed again.
    pub fn check(&self) -> Result<(), StorageError> {
        self.check_marker()?;
        match &self.backend {
            Backend::Local(local) => local.check(),
            Backend::Object(objects) => objects.check(),
        }
    }

    /// Bytes that are free, at least the reserve; `None` where an object store has no such bound.
    ///
    /// # Errors
    /// [`StorageError::Full`] when less is free than the reserve.
    pub fn room(&self) -> Result<Option<u64>, StorageError> {
        match &self.backend {
            Backend::Local(local) => local.check_room().map(Some),
            Backend::Object(_) => Ok(None),
        }
    }

    /// What is known of it without asking it anything.
    pub(crate) fn figures(&self) -> StorageFigures {
        match &self.backend {
            Backend::Local(local) => local.figures(),
            Backend::Object(objects) => objects.uploads.figures(),
        }
    }

    /// A clone for one book that will write about so many bytes. Until the clone and all that was begun by it are dropped, no other book
    /// is begun in that room; an object store has no such bound.
    ///
    /// # Errors
    /// [`StorageError::Full`] when the disk would be filled beyond the reserve once this book and all others on their way are written.
    pub fn with_room_for(&self, bytes: u64) -> Result<Self, StorageError> {
        let room = match &self.backend {
            Backend::Local(local) => Some(Arc::new(local::SpaceReservation::take(local, bytes)?)),
            Backend::Object(_) => None,
        };
        Ok(Self { room, ..self.clone() })
    }

    /// Begins an object. Nothing is visible under `key` until [`ObjectUpload::publish`], and an object already there stays until then.
    ///
    /// # Errors
    /// [`StorageError::Full`] when less room is free than the reserve and what books on their way take; [`StorageError::NotOurs`] when another storage is expected here.
    pub fn begin(&self, key: &ObjectKey, meta: &ObjectMeta) -> Result<ObjectUpload, StorageError> {
        self.begin_as(key, meta, false)
    }

    /// The same for an object that will have no other name than this, which spares some stores a copy ([`Storage::gains_by_final_names`]).
    ///
    /// # Errors
    /// As [`Storage::begin`].
    pub fn begin_final(&self, key: &ObjectKey, meta: &ObjectMeta) -> Result<ObjectUpload, StorageError> {
        self.begin_as(key, meta, true)
    }

    fn begin_as(&self, key: &ObjectKey, meta: &ObjectMeta, is_final: bool) -> Result<ObjectUpload, StorageError> {
        meta.check()?;
        self.check_marker()?;
        match &self.backend {
            Backend::Local(local) => {
                let upload = local::LocalUpload::begin(local, key, self.room.clone())?;
                Ok(ObjectUpload::local(upload, is_final))
            }
            Backend::Object(objects) => {
                let upload = object::StreamedUpload::begin(objects, key, meta, is_final);
                Ok(ObjectUpload::object(upload, is_final))
            }
        }
    }

    /// Whether a large object costs less that is begun with [`Storage::begin_final`].
    pub fn gains_by_final_names(&self) -> bool {
        match &self.backend {
            Backend::Local(_) => false,
            Backend::Object(objects) => objects.gains_by_final_names(),
        }
    }

    /// Stores a small object whole.
    pub fn put(&self, key: &ObjectKey, bytes: &[u8], meta: &ObjectMeta) -> Result<PublishedObject, StorageError> {
        let mut upload = self.begin_final(key, meta)?;
        upload.write_all(bytes).map_err(StorageError::from_write)?;
        upload.publish()
    }

    /// Reads an object from its beginning, in bounded memory; [`StorageError::NotFound`] if there is none.
    pub fn open_read(&self, key: &ObjectKey) -> Result<Box<dyn Read + Send>, StorageError> {
        match &self.backend {
            Backend::Local(local) => Ok(Box::new(local.open_read(key)?)),
            Backend::Object(objects) => Ok(Box::new(object::ObjectReader::open(objects, key)?)),
        }
    }

    /// Reads the bytes of an object that lie in a range, as far as it has them; [`StorageError::NotFound`] if there is none.
    pub fn open_read_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Box<dyn Read + Send>, StorageError> {
        match &self.backend {
            Backend::Local(local) => Ok(Box::new(local.open_read_range(key, range)?)),
            Backend::Object(objects) => Ok(Box::new(object::ObjectReader::open_range(objects, key, range)?)),
        }
    }

    /// Size and metadata of an object; `None` if there is none.
    pub fn stat(&self, key: &ObjectKey) -> Result<Option<ObjectStat>, StorageError> {
        match &self.backend {
            Backend::Local(local) => local.stat(key),
            Backend::Object(objects) => objects.stat(key),
        }
    }

    /// Removes one object; `false` if there was none.
    pub fn remove(&self, key: &ObjectKey) -> Result<bool, StorageError> {
        match &self.backend {
            Backend::Local(local) => local.remove(key),
            Backend::Object(objects) => objects.remove(key),
        }
    }

    /// Gives an object another name, in place of the object that has it; an object store copies it for that.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] if there is no such object; others if the store cannot do it.
    pub fn rename(&self, from: &ObjectKey, to: &ObjectKey) -> Result<(), StorageError> {
        self.check_marker()?;
        match &self.backend {
            Backend::Local(local) => local.rename(from, to),
            Backend::Object(objects) => objects.rename(from, to),
        }
    }

    /// Every object, or those under a folder, in no particular order and in bounded memory; uploads under way are not among them.
    pub fn list(&self, folder: Option<&ObjectKey>) -> Result<ObjectListing, StorageError> {
        match &self.backend {
            Backend::Local(local) => Ok(Box::new(local::list(local, folder))),
            Backend::Object(objects) => Ok(Box::new(object::list(objects, folder))),
        }
    }

    /// Whether what is stored outlives the process.
    pub fn is_lasting(&self) -> bool {
        match &self.backend {
            Backend::Local(_) => true,
            Backend::Object(objects) => objects.is_lasting(),
        }
    }

    /// The folder or bucket, for messages.
    fn place(&self) -> String {
        match &self.backend {
            Backend::Local(local) => local.root(),
            Backend::Object(objects) => objects.place().to_owned(),
        }
    }

    /// Looks for the root anew, where something else may be mounted by now.
    fn reopen(&self) -> Result<(), StorageError> {
        match &self.backend {
            Backend::Local(local) => local.reopen(),
            Backend::Object(_) => Ok(()),
        }
    }

    /// Removes what killed uploads left behind; those of running processes are spared.
    pub fn sweep(&self) -> SweepResult {
        match &self.backend {
            Backend::Local(local) => local.sweep(),
            Backend::Object(objects) => objects.sweep(),
        }
    }
}
