//! The objects beside an archive: page texts and catalogue record, named by the manifest.

use std::io::{self, Write};

use sha2::{Digest, Sha256};

use crate::archive::{BookManifest, ManifestCompanion, hex};
use crate::grin::Barcode;
use crate::storage::{ObjectKey, ObjectMeta, ObjectUpload, Storage, StorageError, StorageLayout};

/// An upload whose digest is taken while it is written, for the manifest.
pub(super) struct CompanionUpload {
    upload: ObjectUpload,
    key: ObjectKey,
    digest: Sha256,
}

impl CompanionUpload {
    pub(super) fn begin(storage: &Storage, key: ObjectKey) -> Result<Self, StorageError> {
        Ok(Self {
            upload: storage.begin(&key, &ObjectMeta::default())?,
            key,
            digest: Sha256::new(),
        })
    }

    pub(super) fn publish(self) -> Result<ManifestCompanion, StorageError> {
        let published = self.upload.publish()?;
        Ok(ManifestCompanion {
            key: self.key.to_string(),
            bytes: published.bytes,
            sha256: hex(&self.digest.finalize()),
        })
    }
}

impl Write for CompanionUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.upload.write(bytes)?;
        self.digest.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.upload.flush()
    }
}

/// Removes what an earlier version of the book left beside its archive and the new version does not replace: what the old manifest
/// names, and, for manifests that name nothing yet, whatever lies under the names that companions have.
pub(super) fn remove_stale(
    storage: &Storage,
    layout: &StorageLayout,
    barcode: &Barcode,
    old: Option<&BookManifest>,
    new: &[ManifestCompanion],
) -> Result<(), StorageError> {
    let mut stale = vec![
        layout.text(barcode, true),
        layout.text(barcode, false),
        layout.record(barcode),
    ];
    let named = old.into_iter().flat_map(|manifest| &manifest.companions);
    // A manifest is a file that others may have written: only names below the book's own folders are taken from it.
    stale.extend(
        named
            .filter_map(|companion| ObjectKey::parse(&companion.key).ok())
            .filter(|key| is_companion(layout, barcode, key)),
    );
    stale.retain(|key| new.iter().all(|companion| companion.key != key.as_str()));
    stale.sort_unstable();
    stale.dedup();
    for key in stale {
        if storage.remove(&key)? {
            tracing::info!(%barcode, %key, "object of the replaced version removed");
        }
    }
    Ok(())
}

fn is_companion(layout: &StorageLayout, barcode: &Barcode, key: &ObjectKey) -> bool {
    let name = key.as_str().rsplit('/').next().unwrap_or_default();
    let folder = &key.as_str()[..key.as_str().len() - name.len()];
    let ours = [layout.text_folder(), layout.meta_folder()];
    let in_folder = ours.iter().any(|ours| folder == format!("{ours}/"));
    let text = format!("{}_ocr.", barcode.for_key());
    let record = format!("{}.marc", barcode.for_key());
    in_folder && (name.starts_with(&text) || name.starts_with(&record))
}
