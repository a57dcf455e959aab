//! The objects beside an archive: page texts, catalogue record, index of its files, and the archive as it was sent; named by the manifest.

use std::io::{self, Write};

use sha2::{Digest, Sha256};

use crate::archive::{BookManifest, ManifestCompanion, hex};
use crate::pipeline::publish::ReplaceDecision;
use crate::pipeline::publish::stage::PublishRecipe;
use crate::storage::{BookObjectKind, ObjectKey, ObjectMeta, ObjectUpload, Storage, StorageError};
use crate::vocabulary::MarcFields;

/// An upload whose digest is taken while it is written, for the manifest.
pub(super) struct CompanionUpload {
    upload: ObjectUpload,
    key: ObjectKey,
    digest: Sha256,
}

impl CompanionUpload {
    pub(super) fn begin(storage: &Storage, key: ObjectKey) -> Result<Self, StorageError> {
        Ok(Self {
            upload: storage.begin_final(&key, &ObjectMeta::default())?,
            key,
            digest: Sha256::new(),
        })
    }

    pub(super) fn publish(self, wanted: &dyn Fn() -> bool) -> Result<ManifestCompanion, StorageError> {
        let published = self.upload.publish_if(wanted)?;
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

/// What lies beside the archive that was stored before.
pub(super) struct StoredBeside {
    manifest: Option<BookManifest>,
    /// The archive has the bytes that it had: text and record of it are still its own.
    is_same: bool,
}

impl StoredBeside {
    /// Whose it is says the manifest; without one it is taken for that of the archive.
    pub(super) fn of(manifest: Option<BookManifest>, decision: ReplaceDecision, sha256: &str) -> Self {
        let is_same = match &manifest {
            Some(manifest) => manifest.sha256 == sha256,
            None => decision == ReplaceDecision::SameBytes,
        };
        Self { manifest, is_same }
    }

    /// The catalogue record's fields, where it is the same archive's.
    pub(super) fn marc(&self) -> Option<MarcFields> {
        self.manifest.as_ref().filter(|_| self.is_same)?.marc.clone()
    }

    /// Companions that stay because they are not made anew; `new` ones are.
    pub(super) fn kept(
        &self,
        recipe: &PublishRecipe,
        new: &[ManifestCompanion],
    ) -> Result<Vec<ManifestCompanion>, StorageError> {
        let mut kept = Vec::new();
        let named = self.manifest.iter().flat_map(|manifest| &manifest.companions);
        let is_new = |named: &ManifestCompanion| new.iter().any(|new| new.key == named.key);
        for companion in named.filter(|named| self.is_same && !is_new(named)) {
            let Ok(key) = ObjectKey::parse(&companion.key) else {
                continue;
            };
            if is_not_extracted(recipe, &key)
                && recipe.storage.stat(&key)?.is_some_and(|it| it.bytes == companion.bytes)
            {
                kept.push(companion.clone());
            }
        }
        Ok(kept)
    }

    /// Removes what an earlier version of the book left beside its archive and the new version does not replace: what the old manifest
    /// names, and whatever lies under the names that companions have, for there may be no manifest, or one that names nothing yet.
    pub(super) fn remove_stale(&self, recipe: &PublishRecipe, new: &[ManifestCompanion]) -> Result<(), StorageError> {
        if self.is_same && self.manifest.is_none() {
            return Ok(());
        }
        let PublishRecipe {
            storage,
            layout,
            barcode,
            ..
        } = recipe;
        let mut stale: Vec<_> = layout.companions(barcode).map(|(_, key)| key).collect();
        let named = self.manifest.iter().flat_map(|manifest| &manifest.companions);
        // A manifest is a file that others may have written: only names below the book's own folders are taken from it.
        stale.extend(
            named
                .filter_map(|companion| ObjectKey::parse(&companion.key).ok())
                .filter(|key| layout.is_companion(barcode, key)),
        );
        stale.retain(|key| new.iter().all(|companion| companion.key != key.as_str()));
        stale.retain(|key| !(self.is_same && is_not_extracted(recipe, key)));
        stale.sort_unstable();
        stale.dedup();
        for key in stale {
            if storage.remove(&key)? {
                tracing::info!(%barcode, %key, "object of the replaced version removed");
            }
        }
        Ok(())
    }
}

/// Is this a companion that the settings say nothing is made for, or one that only GRIN can send?
fn is_not_extracted(recipe: &PublishRecipe, key: &ObjectKey) -> bool {
    let (layout, options) = (&recipe.layout, &recipe.options);
    match layout.owner(key).filter(|(_, barcode)| *barcode == recipe.barcode) {
        Some((BookObjectKind::Text, _)) => !options.extract_text,
        Some((BookObjectKind::TextByPage, _)) => !options.writes_by_page(),
        Some((BookObjectKind::Record, _)) => !options.extract_marc,
        // Kept with the archive that it is of; what it is replaced by was staged with the new one.
        Some((BookObjectKind::Encrypted, _)) => true,
        _ => false,
    }
}
