//! Compares store and catalog for a book whose publication may have been interrupted, and makes them agree again.
//!
//! The archive is published first and the manifest last, and the catalog is told before and after: whatever instruction a kill hits,
//! the digests of archive, manifest, record and begun publication tell how far it came.

use std::io;

use tracing::{info, warn};

use crate::archive::{BookManifest, PassOptions};
use crate::catalog::{BegunPublication, StoredArchive, StoredBook};
use crate::grin::{Barcode, FileName, Validator};
use crate::pipeline::publish::{
    ArchiveTaken, PublicationWindow, PublishError, PublishRecipe, VolumePublished, read_manifest, record_of,
    stage_taken_over,
};
use crate::storage::{ObjectKey, Storage, StorageError, StorageLayout, TransferFault, copy_digested};

/// A volume in the store that the catalog does not know: archive, manifest and companions agree.
#[derive(Debug)]
pub struct PublishedVolume {
    book: StoredBook,
}

impl PublishedVolume {
    /// GRIN's validator of the archive it was made from.
    pub fn validator(&self) -> Option<Validator> {
        let etag = self.book.encrypted_etag.as_deref()?;
        Validator::parse(etag).ok()
    }

    #[cfg(test)]
    pub fn of_test(book: StoredBook) -> Self {
        Self { book }
    }

    /// The record that the interrupted run did not write.
    pub fn into_book(self) -> StoredBook {
        self.book
    }
}

/// The SHA-256 digests of one book's archive, as store and catalog have them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct BookDigests<'a> {
    /// Of the archive in the store.
    archive: Option<&'a str>,
    /// Named by the manifest in the store.
    manifest: Option<&'a str>,
    /// Recorded in the catalog as stored.
    recorded: Option<&'a str>,
    /// Recorded in the catalog as being published.
    begun: Option<&'a str>,
}

/// What follows from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StoreFinding {
    /// Nothing was published that the catalog does not know.
    Agreed,
    /// A whole volume is published, manifest and all: it is only to be recorded.
    Unrecorded,
    /// The archive is published, and what belongs beside it may be of another version: it is made anew from the archive.
    Incomplete,
    /// The archive is neither recorded nor begun. It stays where it is until a volume may replace it.
    Unknown,
}

fn compare(digests: BookDigests<'_>) -> StoreFinding {
    let BookDigests {
        archive,
        manifest,
        recorded,
        begun,
    } = digests;
    let Some(archive) = archive else {
        return StoreFinding::Agreed;
    };
    let is = |other: Option<&str>| other == Some(archive);
    if is(recorded) {
        // Without a manifest it was adopted as it was.
        return if manifest.is_none() || is(manifest) {
            StoreFinding::Agreed
        } else {
            StoreFinding::Incomplete
        };
    }
    if is(manifest) {
        StoreFinding::Unrecorded
    } else if is(begun) {
        StoreFinding::Incomplete
    } else {
        StoreFinding::Unknown
    }
}

/// A book whose store and catalog are to be compared.
#[derive(Clone)]
pub struct ReconcileBook {
    /// The book.
    pub barcode: Barcode,
    /// What the catalog has recorded as stored.
    pub recorded: Option<StoredArchive>,
    /// What the catalog has recorded as being published.
    pub begun: Option<BegunPublication>,
    /// Where the catalog says that its archive is: one that was adopted is not where the layout would put it.
    pub place: Option<ObjectKey>,
    /// Where books are stored.
    pub storage: Storage,
    /// Under which names.
    pub layout: StorageLayout,
    /// What is extracted from an archive whose companions are made anew.
    pub options: PassOptions,
    /// How long they may be published.
    pub window: PublicationWindow,
    /// The archive is read also where no manifest or begun publication tells of an interrupted one.
    pub looks_closer: bool,
}

/// An archive in the store.
struct PlacedArchive {
    key: ObjectKey,
    /// Its SHA-256 in hexadecimal digits.
    sha256: String,
}

/// What became of it.
#[derive(Debug, Default)]
pub(super) struct ReconciledBook {
    /// The volume that is to be recorded.
    pub volume: Option<PublishedVolume>,
    /// The archive in the store has the digest that the catalog has recorded.
    pub is_as_recorded: bool,
}

/// Looks at the store on a blocking thread; comes back with the volume that is to be recorded, if there is one.
///
/// # Errors
/// The store cannot be read or written: then nothing is known about the book.
pub async fn reconcile(book: ReconcileBook) -> Result<Option<PublishedVolume>, PublishError> {
    let look = actix_rt::task::spawn_blocking(move || book.reconcile());
    match look.await {
        Ok(found) => found.map(|found| found.volume),
        // A panic in here costs the look, and the book is fetched as if nothing were there.
        Err(_panic) => Ok(None),
    }
}

impl ReconcileBook {
    /// The same as [`reconcile`], on this thread.
    pub(super) fn reconcile(self) -> Result<ReconciledBook, PublishError> {
        let (storage, layout, barcode) = (&self.storage, &self.layout, &self.barcode);
        let manifest = read_manifest(storage, layout, barcode)?;
        let recorded = self.recorded.as_ref().and_then(|stored| stored.sha256.as_deref());
        let begun = self.begun.as_ref().map(|begun| begun.sha256.as_str());
        if manifest.is_none() && begun.is_none() && !(self.looks_closer && recorded.is_some()) {
            return Ok(ReconciledBook::default());
        }
        let named = manifest.as_ref().map(|manifest| manifest.sha256.as_str());
        let archive = self.archive(&[begun, named, recorded])?;
        let digest = archive.as_ref().map(|archive| archive.sha256.as_str());
        let finding = compare(BookDigests {
            archive: digest,
            manifest: named,
            recorded,
            begun,
        });
        let is_as_recorded = recorded.is_some() && digest == recorded;
        let volume = match archive {
            Some(archive) => self.volume(finding, manifest, &archive)?,
            None => None,
        };
        Ok(ReconciledBook { volume, is_as_recorded })
    }

    /// The volume that is to be recorded, made whole where that is needed.
    fn volume(
        &self,
        finding: StoreFinding,
        manifest: Option<BookManifest>,
        archive: &PlacedArchive,
    ) -> Result<Option<PublishedVolume>, PublishError> {
        let barcode = &self.barcode;
        match (finding, manifest) {
            (StoreFinding::Agreed, _) => Ok(None),
            (StoreFinding::Unrecorded, Some(manifest)) if self.has_all(&manifest)? => {
                info!(%barcode, "found in the store, whole: an earlier run published it and did not record it");
                let book = record_of(manifest, &archive.key);
                Ok(Some(PublishedVolume { book }))
            }
            (StoreFinding::Unrecorded | StoreFinding::Incomplete, _) => self.complete(archive),
            (StoreFinding::Unknown, None) if self.begun.is_none() => Ok(None),
            (StoreFinding::Unknown, _) => {
                warn!(
                    %barcode,
                    "the archive in the store is not the one that its manifest names; the book is fetched again"
                );
                Ok(None)
            }
        }
    }

    /// The archive in the place that the layout gives it, or in the one that the catalog names: the first that is one of the known ones,
    /// else the first that is there.
    fn archive(&self, known: &[Option<&str>]) -> Result<Option<PlacedArchive>, StorageError> {
        let raw = self.layout.raw(&self.barcode);
        let elsewhere = self.place.clone().filter(|place| *place != raw);
        let mut first = None;
        for key in std::iter::once(raw).chain(elsewhere) {
            let Some(sha256) = self.digest(&key)? else { continue };
            let archive = PlacedArchive { key, sha256 };
            if known.contains(&Some(archive.sha256.as_str())) {
                return Ok(Some(archive));
            }
            first = first.or(Some(archive));
        }
        Ok(first)
    }

    fn digest(&self, key: &ObjectKey) -> Result<Option<String>, StorageError> {
        let archive = match self.storage.open_read(key) {
            Ok(archive) => archive,
            Err(StorageError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        match copy_digested(archive, &mut io::sink()) {
            Ok(read) => Ok(Some(read.sha256)),
            Err(TransferFault::Source(error) | TransferFault::Target(error)) => Err(StorageError::from_read(error)),
        }
    }

    /// Whether all that a manifest names beside the archive is there. One whose objects were lost since vouches for nothing.
    fn has_all(&self, manifest: &BookManifest) -> Result<bool, StorageError> {
        for companion in &manifest.companions {
            let Ok(key) = ObjectKey::parse(&companion.key) else {
                return Ok(false);
            };
            if self
                .storage
                .stat(&key)?
                .is_none_or(|found| found.bytes != companion.bytes)
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes text, catalogue record and manifest anew from the archive in the store; `None` if that is no volume after all.
    fn complete(&self, archive: &PlacedArchive) -> Result<Option<PublishedVolume>, PublishError> {
        let barcode = &self.barcode;
        let begun = self.begun.as_ref().filter(|begun| archive.sha256 == begun.sha256);
        let etag = match begun {
            Some(begun) => begun.etag.as_deref(),
            None => self.recorded.as_ref().and_then(|stored| stored.etag.as_deref()),
        };
        let recipe = PublishRecipe {
            barcode: barcode.clone(),
            file_name: FileName::of(barcode),
            validator: etag.and_then(|etag| Validator::parse(etag).ok()),
            storage: self.storage.clone(),
            layout: self.layout.clone(),
            recorded: None,
            options: self.options.clone(),
        };
        let source = self.storage.open_read(&archive.key)?;
        let published =
            stage_taken_over(source, &recipe, ArchiveTaken::InPlace).and_then(|staged| staged.publish(&self.window));
        match published {
            Ok(VolumePublished::Stored(book)) => {
                info!(%barcode, "an interrupted publication is complete now");
                let storage_path = archive.key.to_string();
                let book = StoredBook { storage_path, ..*book };
                Ok(Some(PublishedVolume { book }))
            }
            Ok(VolumePublished::KeptAside { .. }) => Ok(None),
            Err(PublishError::Archive(error)) => {
                warn!(%barcode, %error, "the archive of an interrupted publication is no volume; the book is fetched again");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use StoreFinding as F;

    #[test]
    fn each_instruction_a_kill_can_hit() {
        let (old, new, other) = (Some("old"), Some("new"), Some("other"));
        // Archive, manifest, recorded, begun.
        let cases = [
            ("first fetch: nothing published", (None, None, None, new), F::Agreed),
            ("first fetch: the archive", (new, None, None, new), F::Incomplete),
            ("first fetch: all, not recorded", (new, new, None, new), F::Unrecorded),
            ("catalog lost", (new, new, None, None), F::Unrecorded),
            ("re-fetch: nothing published", (old, old, old, new), F::Agreed),
            ("re-fetch: the archive", (new, old, old, new), F::Incomplete),
            ("re-fetch: all, not recorded", (new, new, old, new), F::Unrecorded),
            ("recorded", (new, new, new, None), F::Agreed),
            ("adopted without a manifest", (old, None, old, new), F::Agreed),
            ("another's manifest over ours", (old, other, old, new), F::Incomplete),
            ("somebody's archive", (other, old, old, new), F::Unknown),
            ("somebody's archive, catalog lost", (other, old, None, None), F::Unknown),
        ];
        for (what, (archive, manifest, recorded, begun), expected) in cases {
            let digests = BookDigests {
                archive,
                manifest,
                recorded,
                begun,
            };
            assert_eq!(compare(digests), expected, "{what}");
        }
    }
}
