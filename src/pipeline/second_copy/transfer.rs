//! One book on its way to the second place. Blocking.

use std::io::{self, Read, Write};
use std::sync::Arc;

use ring::digest::{Context, SHA256};
use tracing::info;

use crate::archive::{BookManifest, hex};
use crate::catalog::{DueCopy, RecordedBook};
use crate::grin::Barcode;
use crate::pipeline::fixity::ReadPace;
use crate::pipeline::publish::MANIFEST_LIMIT;
use crate::storage::{ObjectKey, ObjectMeta, ObjectUpload, Storage, StorageError, StorageLayout};

/// Read at once.
const BUFFER: usize = 256 << 10;

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

/// All of a book.
struct BookContents {
    sha256: String,
    archive_bytes: u64,
    /// The archive last.
    objects: Vec<CopiedObject>,
    /// The manifest as it was read; an adopted archive has none.
    manifest: Option<Vec<u8>>,
}

impl SecondCopier {
    /// Copies a book: all of its objects are sent and compared before the first of them is published, the manifest last.
    pub fn copy(&self, due: &DueCopy) -> Result<CopiedBook, CopyFault> {
        let recorded = &due.recorded;
        let (Some(barcode), Ok(archive)) = (&recorded.barcode, ObjectKey::parse(&recorded.path)) else {
            return Err(doubtful(&recorded.path, "the catalog has no usable name of it"));
        };
        let contents = self.contents(recorded, barcode, &archive)?;
        let to = self
            .copy
            .with_room_for(contents.archive_bytes)
            .map_err(CopyFault::Copy)?;
        let mut bytes = 0;
        let mut uploads = Vec::new();
        for object in &contents.objects {
            let (upload, sent) = self.send(&to, object)?;
            bytes += sent;
            uploads.push(upload);
        }
        for upload in uploads {
            upload.publish().map_err(CopyFault::Copy)?;
        }
        if let Some(manifest) = &contents.manifest {
            let key = self.layout.manifest(barcode);
            to.put(&key, manifest, &ObjectMeta::default())
                .map_err(CopyFault::Copy)?;
            bytes += manifest.len() as u64;
        }
        self.remove_stale(due, barcode, &contents).map_err(CopyFault::Copy)?;
        let sha256 = contents.sha256;
        Ok(CopiedBook { sha256, bytes })
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
                    archive_bytes: recorded.stored.bytes.unwrap_or(0),
                    sha256,
                    manifest: None,
                }),
            };
        };
        let manifest: BookManifest =
            serde_json::from_slice(&text).map_err(|error| doubtful(&key, format!("it is no manifest: {error}")))?;
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
            sha256: manifest.sha256,
            archive_bytes: manifest.archive_bytes,
            objects,
            manifest: Some(text),
        })
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
        let mut text = Vec::new();
        let read = object.take(MANIFEST_LIMIT + 1).read_to_end(&mut text);
        read.map_err(|error| CopyFault::Main(StorageError::from_read(error)))?;
        if text.len() as u64 > MANIFEST_LIMIT {
            return Err(doubtful(key, format!("it is longer than {MANIFEST_LIMIT} bytes")));
        }
        Ok(Some(text))
    }

    /// Sends an object and compares it; it is not visible yet. How many bytes it has.
    fn send(&self, to: &Storage, object: &CopiedObject) -> Result<(ObjectUpload, u64), CopyFault> {
        let key = &object.key;
        let mut source = match self.main.open_read(key) {
            Ok(source) => self.pace.over(source),
            Err(StorageError::NotFound(_)) => return Err(doubtful(key, "it is not in the storage")),
            Err(error) => return Err(CopyFault::Main(error)),
        };
        let mut upload = to.begin_final(key, &object.meta).map_err(CopyFault::Copy)?;
        let (mut digest, mut buffer, mut bytes) = (Context::new(&SHA256), vec![0; BUFFER], 0);
        loop {
            let count = match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) if self.pace.is_cut() => return Err(CopyFault::Cut),
                Err(error) => return Err(CopyFault::Main(StorageError::from_read(error))),
            };
            digest.update(&buffer[..count]);
            let written = upload.write_all(&buffer[..count]);
            written.map_err(|error| CopyFault::Copy(StorageError::from_write(error)))?;
            bytes += count as u64;
        }
        let found = hex(digest.finish().as_ref());
        match &object.sha256 {
            Some(sha256) if *sha256 != found => Err(doubtful(
                key,
                format!("its SHA-256 is {found}, and {sha256} is recorded"),
            )),
            _ => Ok((upload, bytes)),
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
