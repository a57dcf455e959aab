//! One book on its way to the second place. Blocking.

use std::sync::Arc;

use tracing::info;

use crate::archive::BookManifest;
use crate::catalog::{DueCopy, RecordedBook};
use crate::grin::Barcode;
use crate::pipeline::fixity::ReadPace;
use crate::pipeline::room::needed_room;
use crate::storage::{
    ObjectKey, ObjectMeta, ObjectUpload, Storage, StorageError, StorageLayout, TransferFault, copy_digested,
};

/// Copies books, one after another.
#[derive(Clone)]
pub(super) struct SecondCopier {
    /// Where they are stored.
    pub main: Storage,
    /// Where they are copied to.
    pub copy: Storage,
    /// Under which names, in both places.
    pub layout: StorageLayout,
    /// How fast.
    pub pace: Arc<ReadPace>,
}

/// Why a book was not copied.
#[derive(Debug, thiserror::Error)]
pub(super) enum CopyFault {
    /// The program ends.
    #[error("the copying was cut")]
    Cut,
    /// The storage gave an error.
    #[error("cannot be read from the storage: {0}")]
    Main(StorageError),
    /// The second place did.
    #[error("cannot be written to the second place: {0}")]
    Copy(StorageError),
    /// What is stored is not what its manifest says.
    #[error("{0}; nothing of it was copied")]
    Doubtful(String),
    /// Nothing says which digest the archive should have.
    #[error("it has neither a manifest nor a recorded SHA-256; `grind verify` records one")]
    Unproven,
}

/// A book that was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CopiedBook {
    /// The SHA-256 of its archive.
    pub sha256: String,
    /// Bytes of all its objects.
    pub bytes: u64,
}

/// An object that is to be copied.
struct CopiedObject {
    key: ObjectKey,
    /// `None`: a manifest of an earlier version says nothing of it.
    sha256: Option<String>,
    meta: ObjectMeta,
}

/// A manifest as it was read, and what it says.
pub(super) struct CopiedManifest {
    text: Vec<u8>,
    pub named: BookManifest,
}

/// All of a book.
pub(super) struct BookContents {
    pub sha256: String,
    pub archive_bytes: u64,
    /// The archive last.
    objects: Vec<CopiedObject>,
    /// An adopted archive has none.
    pub manifest: Option<CopiedManifest>,
}

impl BookContents {
    /// Room that it takes where it is sent.
    fn needed_room(&self, with_encrypted: bool) -> u64 {
        let encrypted = self
            .manifest
            .as_ref()
            .map_or(0, |manifest| manifest.named.encrypted_bytes);
        match with_encrypted {
            true => needed_room(self.archive_bytes.max(encrypted), 1),
            false => needed_room(self.archive_bytes, 0),
        }
    }
}

/// What was sent and compared, and is not visible yet.
pub(super) struct StagedCopy {
    to: Storage,
    uploads: Vec<ObjectUpload>,
    /// The manifest and its name; the last object.
    manifest: Option<(ObjectKey, Vec<u8>)>,
    bytes: u64,
}

impl StagedCopy {
    /// An archive alone.
    pub fn of_archive(to: Storage, upload: ObjectUpload, bytes: u64) -> Self {
        Self {
            to,
            uploads: vec![upload],
            manifest: None,
            bytes,
        }
    }

    /// Publishes all of it, the manifest last, as long as `may_go_on`; how many bytes it has.
    pub fn publish<E: From<StorageError>>(self, mut may_go_on: impl FnMut() -> Result<(), E>) -> Result<u64, E> {
        for upload in self.uploads {
            may_go_on()?;
            upload.publish()?;
        }
        if let Some((key, text)) = &self.manifest {
            may_go_on()?;
            self.to.put(key, text, &ObjectMeta::default())?;
        }
        Ok(self.bytes)
    }
}

impl SecondCopier {
    /// Copies a book: all of its objects are sent and compared before the first of them is published, the manifest last.
    pub fn copy(&self, due: &DueCopy) -> Result<CopiedBook, CopyFault> {
        let (contents, staged) = self.stage(&due.recorded, |_, _| true)?;
        let bytes = staged.publish(|| Ok(())).map_err(CopyFault::Copy)?;
        if let Some(barcode) = &due.recorded.barcode {
            self.remove_stale(due, barcode, &contents).map_err(CopyFault::Copy)?;
        }
        let sha256 = contents.sha256;
        Ok(CopiedBook { sha256, bytes })
    }

    /// Sends objects of a book and compares them: those that are wanted, by their names and whether a digest proves them.
    pub fn stage(
        &self,
        recorded: &RecordedBook,
        is_wanted: impl Fn(&ObjectKey, bool) -> bool,
    ) -> Result<(BookContents, StagedCopy), CopyFault> {
        let (Some(barcode), Ok(archive)) = (&recorded.barcode, ObjectKey::parse(&recorded.path)) else {
            return Err(doubtful(&recorded.path, "the catalog has no usable name of it"));
        };
        let contents = self.contents(recorded, barcode, &archive)?;
        let wanted = |object: &&CopiedObject| is_wanted(&object.key, object.sha256.is_some());
        let wanted: Vec<_> = contents.objects.iter().filter(wanted).collect();
        let encrypted = self.layout.encrypted(barcode);
        let with_encrypted = wanted.iter().any(|object| object.key == encrypted);
        let room = self.copy.with_room_for(contents.needed_room(with_encrypted));
        let to = room.map_err(CopyFault::Copy)?;
        let key = self.layout.manifest(barcode);
        let text = contents.manifest.as_ref().filter(|_| is_wanted(&key, true));
        let manifest = text.map(|manifest| (key.clone(), manifest.text.clone()));
        let mut bytes = manifest.as_ref().map_or(0, |(_, text)| text.len() as u64);
        let mut uploads = Vec::new();
        for object in wanted {
            let (upload, sent) = self.send(&to, object)?;
            bytes += sent;
            uploads.push(upload);
        }
        let staged = StagedCopy {
            to,
            uploads,
            manifest,
            bytes,
        };
        Ok((contents, staged))
    }

    /// Whether both places are there, give an object and take one: then a book that was not copied is itself the reason.
    pub fn places_answer(&self) -> Result<(), StorageError> {
        self.main.prove_marker()?;
        self.copy.prove_marker()?;
        self.copy.check()
    }

    /// Held against what the catalog has recorded.
    fn contents(
        &self,
        recorded: &RecordedBook,
        barcode: &Barcode,
        archive: &ObjectKey,
    ) -> Result<BookContents, CopyFault> {
        let key = self.layout.manifest(barcode);
        let text = self.manifest(&key)?;
        let known = recorded.stored.sha256.clone();
        let Some(text) = text else {
            return match known {
                _ if recorded.has_manifest => Err(doubtful(&key, "it is not in the storage")),
                None => Err(CopyFault::Unproven),
                Some(sha256) => Ok(BookContents {
                    objects: vec![CopiedObject::archive(recorded, barcode, archive, &sha256)],
                    archive_bytes: self.size(recorded, archive)?,
                    sha256,
                    manifest: None,
                }),
            };
        };
        let manifest = BookManifest::from_json(&text).map_err(|fault| doubtful(&key, fault.to_string()))?;
        if manifest.barcode != *barcode {
            return Err(doubtful(&key, format!("it is the manifest of {}", manifest.barcode)));
        }
        if let Some(known) = known.filter(|known| *known != manifest.sha256) {
            let named = &manifest.sha256;
            let why = format!("it names an archive with the SHA-256 {named}, and {known} is recorded");
            return Err(doubtful(&key, why));
        }
        let mut objects = self.companions(&manifest)?;
        let mut of_archive = CopiedObject::archive(recorded, barcode, archive, &manifest.sha256);
        of_archive.meta.acquisition_date = Some(manifest.acquired_at.to_string());
        objects.push(of_archive);
        Ok(BookContents {
            sha256: manifest.sha256.clone(),
            archive_bytes: manifest.archive_bytes,
            objects,
            manifest: Some(CopiedManifest { text, named: manifest }),
        })
    }

    /// The size of an archive without a manifest, which may not be recorded either.
    fn size(&self, recorded: &RecordedBook, archive: &ObjectKey) -> Result<u64, CopyFault> {
        if let Some(bytes) = recorded.stored.bytes {
            return Ok(bytes);
        }
        let there = self.main.stat(archive).map_err(CopyFault::Main)?;
        Ok(there.map_or(0, |there| there.bytes))
    }

    /// What lies beside the archive. A manifest of an earlier version names none of it.
    fn companions(&self, manifest: &BookManifest) -> Result<Vec<CopiedObject>, CopyFault> {
        let mut objects = Vec::new();
        for companion in &manifest.companions {
            let key = ObjectKey::parse(&companion.key).map_err(|error| doubtful(&companion.key, error.to_string()))?;
            objects.push(CopiedObject {
                key,
                sha256: Some(companion.sha256.clone()),
                meta: ObjectMeta::default(),
            });
        }
        if objects.is_empty() {
            for (_, key) in self.layout.companions(&manifest.barcode) {
                if self.main.stat(&key).map_err(CopyFault::Main)?.is_some() {
                    objects.push(CopiedObject {
                        key,
                        sha256: None,
                        meta: ObjectMeta::default(),
                    });
                }
            }
        }
        Ok(objects)
    }

    /// `None`: there is none.
    fn manifest(&self, key: &ObjectKey) -> Result<Option<Vec<u8>>, CopyFault> {
        let object = match self.main.open_read(key) {
            Ok(object) => object,
            Err(StorageError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(CopyFault::Main(error)),
        };
        let read = BookManifest::bytes_of(object);
        read.map(Some)
            .map_err(|error| CopyFault::Main(StorageError::from_read(error)))
    }

    /// Sends an object and compares it; it is not visible yet. How many bytes it has.
    fn send(&self, to: &Storage, object: &CopiedObject) -> Result<(ObjectUpload, u64), CopyFault> {
        let key = &object.key;
        let source = match self.main.open_read(key) {
            Ok(source) => self.pace.over(source),
            Err(StorageError::NotFound(_)) => return Err(doubtful(key, "it is not in the storage")),
            Err(error) => return Err(CopyFault::Main(error)),
        };
        let mut upload = to.begin_final(key, &object.meta).map_err(CopyFault::Copy)?;
        let sent = match copy_digested(source, &mut upload) {
            Ok(sent) => sent,
            Err(TransferFault::Source(_)) if self.pace.is_cut() => return Err(CopyFault::Cut),
            Err(TransferFault::Source(error)) => return Err(CopyFault::Main(StorageError::from_read(error))),
            Err(TransferFault::Target(error)) => return Err(CopyFault::Copy(StorageError::from_write(error))),
        };
        match &object.sha256 {
            Some(sha256) if *sha256 != sent.sha256 => Err(doubtful(
                key,
                format!("its SHA-256 is {}, and {sha256} is recorded", sent.sha256),
            )),
            _ => Ok((upload, sent.bytes)),
        }
    }

    /// Removes what an earlier version of the book left in the second place and this one does not have.
    fn remove_stale(&self, due: &DueCopy, barcode: &Barcode, contents: &BookContents) -> Result<(), StorageError> {
        let mut stale: Vec<_> = self.layout.companions(barcode).map(|(_, key)| key).collect();
        stale.extend(due.copied_path.as_ref().and_then(|path| ObjectKey::parse(path).ok()));
        stale.retain(|key| contents.objects.iter().all(|object| object.key != *key));
        for key in stale {
            if self.copy.remove(&key)? {
                info!(%barcode, %key, "object of the replaced version removed from the second place");
            }
        }
        Ok(())
    }
}

impl CopiedObject {
    fn archive(recorded: &RecordedBook, barcode: &Barcode, key: &ObjectKey, sha256: &str) -> Self {
        Self {
            key: key.clone(),
            sha256: Some(sha256.to_owned()),
            meta: ObjectMeta {
                barcode: Some(barcode.to_string()),
                encrypted_etag: recorded.stored.etag.clone(),
                sha256: Some(sha256.to_owned()),
                acquisition_date: None,
            },
        }
    }
}

fn doubtful(key: &impl ToString, why: impl AsRef<str>) -> CopyFault {
    CopyFault::Doubtful(format!("{}: {}", key.to_string(), why.as_ref()))
}

#[cfg(test)]
mod tests;
