//! An object being written.

use std::io::{self, Write};
use std::sync::Arc;

use crate::storage::backend::StorageBackend;
use crate::storage::error::StorageError;
use crate::storage::key::ObjectKey;
use crate::storage::local::LocalUpload;
use crate::storage::meta::ObjectMeta;
use crate::storage::object::StreamedUpload;
use crate::storage::places::{ObjectPlace, StoragePlaces};

/// An object that is not there yet: write it, then [`ObjectUpload::publish`]. Dropped, it leaves nothing under its name.
///
/// Writing blocks while the store is slow. Errors of writing carry a [`StorageError`] ([`StorageError::of`]); after one the upload
/// can only be aborted.
#[derive(Debug)]
pub struct ObjectUpload {
    kind: Kind,
    /// Its key does not change any more.
    is_final: bool,
    /// Where it goes, and by what its other names are found.
    place: Option<UploadPlace>,
}

#[derive(Debug)]
struct UploadPlace {
    places: Arc<StoragePlaces>,
    backend: StorageBackend,
}

#[derive(Debug)]
enum Kind {
    Local(LocalUpload),
    Object(Box<StreamedUpload>),
}

/// An object that is now visible, whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedObject {
    /// Its size.
    pub bytes: u64,
}

impl ObjectUpload {
    pub(super) fn local(upload: LocalUpload, is_final: bool) -> Self {
        Self {
            kind: Kind::Local(upload),
            is_final,
            place: None,
        }
    }

    pub(super) fn object(upload: StreamedUpload, is_final: bool) -> Self {
        Self {
            kind: Kind::Object(Box::new(upload)),
            is_final,
            place: None,
        }
    }

    pub(super) fn within(self, places: &Arc<StoragePlaces>, backend: &StorageBackend) -> Self {
        let place = Some(UploadPlace {
            places: Arc::clone(places),
            backend: backend.clone(),
        });
        Self { place, ..self }
    }

    /// Its name in the place where it is; `None` where that is another place.
    fn key_there(&self, key: &ObjectKey) -> Option<ObjectKey> {
        let Some(UploadPlace { places, backend }) = &self.place else {
            return Some(key.clone());
        };
        let ObjectPlace { backend: wanted, key } = places.of(key);
        wanted.is_same(backend).then_some(key)
    }

    /// Replaces the metadata given at the beginning, up to the moment of publishing; kept by object stores only.
    pub fn set_meta(&mut self, meta: &ObjectMeta) -> Result<(), StorageError> {
        meta.check()?;
        if let Kind::Object(upload) = &mut self.kind {
            upload.set_meta(meta);
        }
        Ok(())
    }

    /// Publishes under another name than the one it was begun with, such as one in quarantine.
    ///
    /// # Errors
    /// [`StorageError::Broken`] after [`crate::storage::Storage::begin_final`], and for a name in another place; begun again with [`crate::storage::Storage::begin`] it can be done.
    pub fn set_key(&mut self, key: &ObjectKey) -> Result<(), StorageError> {
        let Some(key) = self.key_there(key).filter(|_| !self.is_final) else {
            return Err(StorageError::Broken);
        };
        match &mut self.kind {
            Kind::Local(upload) => upload.set_key(&key),
            Kind::Object(upload) => upload.set_key(&key),
        }
        Ok(())
    }

    /// Makes the object visible, whole and durable, in one step; replaces an older one of that name.
    ///
    /// # Errors
    /// On any error nothing of this upload is visible, except after [`StorageError::Store`] in the very last request, of
    /// which the answer was lost: then the whole object may be there.
    pub fn publish(self) -> Result<PublishedObject, StorageError> {
        self.publish_if(&|| true)
    }

    /// The same; where that takes long, because a store gets the bytes a second time, it is asked at the end whether the object is still
    /// wanted.
    ///
    /// # Errors
    /// As above; [`StorageError::Broken`] where it is not wanted any more.
    pub fn publish_if(self, wanted: &dyn Fn() -> bool) -> Result<PublishedObject, StorageError> {
        let bytes = match self.kind {
            Kind::Local(upload) => upload.publish()?,
            Kind::Object(upload) => upload.publish(wanted)?,
        };
        Ok(PublishedObject { bytes })
    }

    /// Gives the upload up; the same as dropping it.
    pub fn abort(self) {
        drop(self);
    }
}

impl Write for ObjectUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.kind {
            Kind::Local(upload) => upload.write(bytes),
            Kind::Object(upload) => upload.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        // Durable is what is published; nothing in between needs to be.
        Ok(())
    }
}
