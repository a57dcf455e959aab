//! Publish whole or not at all, on disk and in object stores.
//!
//! Blocking: it is called on a book's own blocking thread. An [`ObjectUpload`] is written like a file; only [`ObjectUpload::publish`] makes the object
//! visible under its name, whole, in one step. Aborted, dropped or killed uploads never show; what they leave behind is removed by
//! [`Storage::sweep`] at the next start.
//!
//! On disk there are no metadata beside an object: there the manifest (`meta/<BARCODE>.json`) serves. Object stores keep
//! [`ObjectMeta`] as user metadata.

mod backend;
mod digested;
mod error;
mod figures;
mod from_settings;
mod key;
mod local;
mod marker;
mod meta;
mod object;
mod open;
mod places;
mod upload;

use std::io::{self, Read, Write};
use std::ops::Range;
use std::sync::Arc;

pub(crate) use crate::storage::digested::{TransferFault, copy_digested, sha256_hex};
pub use crate::storage::error::{StorageError, StorageErrorClass};
pub(crate) use crate::storage::figures::StorageFigures;
pub(crate) use crate::storage::key::BookObjectKind;
pub use crate::storage::key::{ObjectKey, StorageLayout};
pub(crate) use crate::storage::local::{StorageSpace, TEMPORARY};
pub(crate) use crate::storage::marker::{MARKER_NAME, PlaceMarker, same_layout};
pub use crate::storage::meta::ObjectMeta;
pub(crate) use crate::storage::open::SpaceReserve;
pub use crate::storage::open::{OwnUrl, StorageConfig};
pub use crate::storage::upload::ObjectUpload;
pub(crate) use crate::storage::upload::PublishedObject;

use crate::storage::backend::{BegunObject, StorageBackend};
use crate::storage::places::{ObjectPlace, StoragePlaces};

/// The configured storage; clones share it.
#[derive(Clone, Debug)]
pub struct Storage {
    places: Arc<StoragePlaces>,
    guard: Arc<marker::MarkerGuard>,
    /// The name of the configured layout.
    layout: Arc<str>,
    /// Room that everything begun by this clone has on a disk.
    room: Option<Arc<local::SpaceReservation>>,
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

/// One entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ListedEntry {
    /// An object.
    Object(ListedObject),
    /// What no object can be: it has another kind of name, or is no file. It is told and left as it is.
    NoObject(NoObject),
}

/// What no object can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoObject {
    /// Its name in the whole storage; of a folder, which is not looked into, with a slash at its end.
    pub name: String,
    /// Why it is none.
    pub why: &'static str,
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

/// The same, with what is no object.
pub(crate) type EntryListing = Box<dyn Iterator<Item = Result<ListedEntry, StorageError>> + Send>;

impl Storage {
    /// Opens what `config` names. On disk folders are made and tried; an object store is not asked yet (see [`Storage::check`]).
    pub fn open(config: &StorageConfig) -> Result<Self, StorageError> {
        open::storage(config, local::LocalStorage::open)
    }

    /// The same to read only: on disk the folder must be there, and nothing is written to it.
    pub fn open_to_read(config: &StorageConfig) -> Result<Self, StorageError> {
        open::storage(config, local::LocalStorage::open_existing)
    }

    /// Does each place take what is written to it? A file or a small object is made and removed again.
    pub fn check(&self) -> Result<(), StorageError> {
        self.check_marker()?;
        self.places.all().try_for_each(StorageBackend::check)
    }

    /// Bytes that are free for archives, at least the reserve; `None` where an object store has no such bound.
    ///
    /// # Errors
    /// [`StorageError::Full`] when less is free than the reserve, in any place.
    pub fn room(&self) -> Result<Option<u64>, StorageError> {
        for place in self.places.all() {
            place.room()?;
        }
        self.places.archives.room()
    }

    /// What is known of it without asking it anything.
    pub(crate) fn figures(&self) -> StorageFigures {
        let of_archives = self.places.archives.figures();
        self.places
            .all()
            .filter(|place| !place.is_same(&self.places.archives))
            .fold(of_archives, |sum, place| {
                let figures = place.figures();
                StorageFigures {
                    reserved_bytes: sum.reserved_bytes + figures.reserved_bytes,
                    open_uploads: sum.open_uploads + figures.open_uploads,
                    abort_failures: sum.abort_failures + figures.abort_failures,
                    ..sum
                }
            })
    }

    /// Room on the disk of the archives; `None` where an object store has no such bound.
    pub(crate) fn space(&self) -> Result<Option<StorageSpace>, StorageError> {
        self.places.archives.space()
    }

    /// A clone for one book that will write about so many bytes. Until the clone and all that was begun by it are dropped, no other book
    /// is begun in that room; an object store has no such bound.
    ///
    /// # Errors
    /// [`StorageError::Full`] when the disk would be filled beyond the reserve once this book and all others on their way are written.
    pub fn with_room_for(&self, bytes: u64) -> Result<Self, StorageError> {
        let room = self.places.archives.reserve(bytes)?;
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
        let ObjectPlace { backend, key } = self.places.of(key);
        let upload = backend.begin(BegunObject {
            key: &key,
            meta,
            is_final,
            room: self.room.clone().filter(|_| backend.is_same(&self.places.archives)),
        })?;
        Ok(upload.within(&self.places, backend))
    }

    /// Whether a large object costs less that is begun with [`Storage::begin_final`].
    pub fn gains_by_final_names(&self) -> bool {
        self.places.archives.gains_by_final_names()
    }

    /// Stores a small object whole.
    pub fn put(&self, key: &ObjectKey, bytes: &[u8], meta: &ObjectMeta) -> Result<PublishedObject, StorageError> {
        let mut upload = self.begin_final(key, meta)?;
        upload.write_all(bytes).map_err(StorageError::from_write)?;
        upload.publish()
    }

    /// Reads an object from its beginning, in bounded memory; [`StorageError::NotFound`] if there is none.
    pub fn open_read(&self, key: &ObjectKey) -> Result<Box<dyn Read + Send>, StorageError> {
        let ObjectPlace { backend, key } = self.places.of(key);
        backend.open_read(&key)
    }

    /// Reads the bytes of an object that lie in a range, as far as it has them; [`StorageError::NotFound`] if there is none.
    pub fn open_read_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Box<dyn Read + Send>, StorageError> {
        let ObjectPlace { backend, key } = self.places.of(key);
        backend.open_read_range(&key, range)
    }

    /// Size and metadata of an object; `None` if there is none.
    pub fn stat(&self, key: &ObjectKey) -> Result<Option<ObjectStat>, StorageError> {
        let ObjectPlace { backend, key } = self.places.of(key);
        backend.stat(&key)
    }

    /// Removes one object; `false` if there was none.
    pub fn remove(&self, key: &ObjectKey) -> Result<bool, StorageError> {
        let ObjectPlace { backend, key } = self.places.of(key);
        backend.remove(&key)
    }

    /// Gives an object another name, in place of the object that has it; an object store copies it for that. Into another place its bytes
    /// are sent.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] if there is no such object; others if the store cannot do it.
    pub fn rename(&self, from: &ObjectKey, to: &ObjectKey) -> Result<(), StorageError> {
        self.check_marker()?;
        let (source, target) = (self.places.of(from), self.places.of(to));
        if source.backend.is_same(target.backend) {
            return source.backend.rename(&source.key, &target.key);
        }
        self.send(from, to)?;
        self.remove(from).map(drop)
    }

    fn send(&self, from: &ObjectKey, to: &ObjectKey) -> Result<(), StorageError> {
        let meta = self.stat(from)?.map(|found| found.meta).unwrap_or_default();
        let mut object = self.open_read(from)?;
        let mut upload = self.begin_final(to, &meta)?;
        // Either side may fail, and each error says which it was.
        io::copy(&mut object, &mut upload).map_err(StorageError::from_read)?;
        upload.publish().map(drop)
    }

    /// Every object, or those under a folder, in no particular order and in bounded memory; uploads under way are not among them.
    pub fn list(&self, folder: Option<&ObjectKey>) -> Result<ObjectListing, StorageError> {
        let objects = self.places.list(folder).filter_map(|entry| match entry {
            Ok(ListedEntry::Object(object)) => Some(Ok(object)),
            Ok(ListedEntry::NoObject(_)) => None,
            Err(error) => Some(Err(error)),
        });
        Ok(Box::new(objects))
    }

    /// The same of the whole storage, and what is in it that no object can be.
    pub(crate) fn list_entries(&self) -> EntryListing {
        self.places.list(None)
    }

    /// Whether what is stored outlives the process.
    pub fn is_lasting(&self) -> bool {
        self.places.all().all(StorageBackend::is_lasting)
    }

    /// Removes what killed uploads left behind; those of running processes are spared.
    pub fn sweep(&self) -> SweepResult {
        self.places.all().fold(SweepResult::default(), |mut all, place| {
            let SweepResult {
                removed,
                aborted,
                failures,
            } = place.sweep();
            all.removed += removed;
            all.aborted += aborted;
            all.failures.extend(failures);
            all
        })
    }
}
