//! One place where objects are: a folder, or a bucket.

use std::io::{Read, Write};
use std::ops::Range;
use std::sync::Arc;

use crate::storage::error::StorageError;
use crate::storage::figures::StorageFigures;
use crate::storage::key::ObjectKey;
use crate::storage::local::{self, LocalStorage, SpaceReservation, StorageSpace};
use crate::storage::meta::ObjectMeta;
use crate::storage::object::{self, ObjectStorage};
use crate::storage::upload::ObjectUpload;
use crate::storage::{EntryListing, ObjectStat, SweepResult};

/// A folder of this machine, or a bucket.
#[derive(Clone, Debug)]
pub(super) enum StorageBackend {
    Local(Arc<LocalStorage>),
    Object(Arc<ObjectStorage>),
}

impl StorageBackend {
    pub fn check(&self) -> Result<(), StorageError> {
        match self {
            Self::Local(local) => local.check(),
            Self::Object(objects) => objects.check(),
        }
    }

    /// Bytes that are free, at least the reserve; `None` of a bucket.
    pub fn room(&self) -> Result<Option<u64>, StorageError> {
        match self {
            Self::Local(local) => local.check_room().map(Some),
            Self::Object(_) => Ok(None),
        }
    }

    pub fn reserve(&self, bytes: u64) -> Result<Option<Arc<SpaceReservation>>, StorageError> {
        match self {
            Self::Local(local) => Ok(Some(Arc::new(SpaceReservation::take(local, bytes)?))),
            Self::Object(_) => Ok(None),
        }
    }

    pub fn begin(&self, begun: BegunObject<'_>) -> Result<ObjectUpload, StorageError> {
        let BegunObject {
            key,
            meta,
            is_final,
            room,
        } = begun;
        match self {
            Self::Local(local) => {
                let upload = local::LocalUpload::begin(local, key, room)?;
                Ok(ObjectUpload::local(upload, is_final))
            }
            Self::Object(objects) => {
                let upload = object::StreamedUpload::begin(objects, key, meta, is_final);
                Ok(ObjectUpload::object(upload, is_final))
            }
        }
    }

    /// Stores a small object unless one of that name is there; which of the two is there afterwards, reading tells.
    pub fn put_first(&self, key: &ObjectKey, bytes: &[u8]) -> Result<(), StorageError> {
        match self {
            Self::Local(local) => {
                let mut upload = local::LocalUpload::begin(local, key, None)?;
                upload.write_all(bytes).map_err(StorageError::from_write)?;
                upload.publish_first()
            }
            Self::Object(objects) => objects.put_first(key, bytes),
        }
    }

    pub fn gains_by_final_names(&self) -> bool {
        match self {
            Self::Local(_) => false,
            Self::Object(objects) => objects.gains_by_final_names(),
        }
    }

    pub fn open_read(&self, key: &ObjectKey) -> Result<Box<dyn Read + Send>, StorageError> {
        match self {
            Self::Local(local) => Ok(Box::new(local.open_read(key)?)),
            Self::Object(objects) => Ok(Box::new(object::ObjectReader::open(objects, key)?)),
        }
    }

    pub fn open_read_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Box<dyn Read + Send>, StorageError> {
        match self {
            Self::Local(local) => Ok(Box::new(local.open_read_range(key, range)?)),
            Self::Object(objects) => Ok(Box::new(object::ObjectReader::open_range(objects, key, range)?)),
        }
    }

    pub fn space(&self) -> Result<Option<StorageSpace>, StorageError> {
        match self {
            Self::Local(local) => local.space().map(Some),
            Self::Object(_) => Ok(None),
        }
    }

    pub fn figures(&self) -> StorageFigures {
        match self {
            Self::Local(local) => local.figures(),
            Self::Object(objects) => objects.uploads.figures(),
        }
    }

    pub fn stat(&self, key: &ObjectKey) -> Result<Option<ObjectStat>, StorageError> {
        match self {
            Self::Local(local) => local.stat(key),
            Self::Object(objects) => objects.stat(key),
        }
    }

    pub fn remove(&self, key: &ObjectKey) -> Result<bool, StorageError> {
        match self {
            Self::Local(local) => local.remove(key),
            Self::Object(objects) => objects.remove(key),
        }
    }

    pub fn rename(&self, from: &ObjectKey, to: &ObjectKey) -> Result<(), StorageError> {
        match self {
            Self::Local(local) => local.rename(from, to),
            Self::Object(objects) => objects.rename(from, to),
        }
    }

    pub fn list(&self, folder: Option<&ObjectKey>) -> EntryListing {
        match self {
            Self::Local(local) => Box::new(local::list(local, folder)),
            Self::Object(objects) => Box::new(object::list(objects, folder)),
        }
    }

    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Local(_) => true,
            Self::Object(objects) => objects.is_lasting(),
        }
    }

    /// The folder or bucket, for messages.
    pub fn place(&self) -> String {
        match self {
            Self::Local(local) => local.root(),
            Self::Object(objects) => objects.place().to_owned(),
        }
    }

    /// Looks for the root anew, where something else may be mounted by now.
    pub fn reopen(&self) -> Result<(), StorageError> {
        match self {
            Self::Local(local) => local.reopen(),
            Self::Object(_) => Ok(()),
        }
    }

    pub fn sweep(&self) -> SweepResult {
        match self {
            Self::Local(local) => local.sweep(),
            Self::Object(objects) => objects.sweep(),
        }
    }

    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Local(one), Self::Local(two)) => Arc::ptr_eq(one, two),
            (Self::Object(one), Self::Object(two)) => Arc::ptr_eq(one, two),
            _ => false,
        }
    }
}

/// An object that is to be written.
pub(super) struct BegunObject<'a> {
    pub key: &'a ObjectKey,
    pub meta: &'a ObjectMeta,
    /// It keeps this name.
    pub is_final: bool,
    /// Room that was reserved for it.
    pub room: Option<Arc<SpaceReservation>>,
}
