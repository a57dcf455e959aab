//! What the store itself says about a book, and what a new archive has to come up to therefore.

use std::io;

use sha2::{Digest, Sha256};
use tracing::warn;

use crate::archive;
use crate::archive::{ArchiveError, BookManifest, PassOptions, VolumeRefusal, hex};
use crate::grin::Barcode;
use crate::pipeline::publish::stage::PublishRecipe;
use crate::pipeline::publish::{ReplaceDecision, VolumeStanding, may_replace};
use crate::storage::{ObjectKey, Storage, StorageError, StorageLayout};

/// What is known of the archive in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ArchiveWitness {
    /// There is none.
    Missing,
    /// It has the size that the manifest names, and was not read.
    Believed(VolumeStanding),
    /// It was read, and is a volume.
    Whole(VolumeStanding),
    /// It was read, and is no volume: damaged, or refused by a rule that may be younger than it.
    Refused {
        /// What was counted of it, where that may be this book's.
        counted: Option<VolumeStanding>,
        /// Of its bytes, in hexadecimal digits.
        sha256: String,
    },
}

/// What is stored of a book.
#[derive(Debug, Clone)]
pub(super) struct StoredWitness {
    /// The archive whose place the new one takes.
    pub(super) raw: ArchiveWitness,
    /// The one in the place that the catalog names, where that is another; it stays there.
    pub(super) recorded: ArchiveWitness,
    /// This book's manifest, if there is one that can be read.
    pub(super) manifest: Option<BookManifest>,
}

impl ArchiveWitness {
    fn is_volume(&self) -> bool {
        matches!(self, Self::Believed(_) | Self::Whole(_))
    }

    fn sha256(&self) -> Option<&str> {
        match self {
            Self::Missing => None,
            Self::Believed(standing) | Self::Whole(standing) => Some(&standing.sha256),
            Self::Refused { sha256, .. } => Some(sha256),
        }
    }

    /// What a new archive has to come up to. Bytes that are refused prove nothing, whatever was written about them.
    fn standing(&self, new: &VolumeStanding) -> Option<VolumeStanding> {
        match self {
            Self::Missing => None,
            Self::Believed(standing) | Self::Whole(standing) => Some(standing.clone()),
            Self::Refused { counted, .. } => Some(as_well_proven(counted.clone()?, new)),
        }
    }
}

fn as_well_proven(standing: VolumeStanding, new: &VolumeStanding) -> VolumeStanding {
    VolumeStanding {
        verified: new.verified,
        ..standing
    }
}

impl StoredWitness {
    /// For an archive that is itself what is stored: only what a manifest says about it.
    pub(super) fn of_manifest(recipe: &PublishRecipe) -> Result<Self, StorageError> {
        let manifest = read_manifest(&recipe.storage, &recipe.layout, &recipe.barcode)?;
        Ok(Self {
            raw: ArchiveWitness::Missing,
            recorded: ArchiveWitness::Missing,
            manifest: manifest.filter(|manifest| manifest.barcode == recipe.barcode),
        })
    }

    /// Whether the store has neither an archive nor a manifest of the book; nothing is read for that.
    pub(super) fn is_nothing(recipe: &PublishRecipe) -> Result<bool, StorageError> {
        let (storage, layout, barcode) = (&recipe.storage, &recipe.layout, &recipe.barcode);
        Ok(recipe.recorded.is_none()
            && storage.stat(&layout.raw(barcode))?.is_none()
            && storage.stat(&layout.manifest(barcode))?.is_none())
    }

    /// The manifest, where it is that of an archive that is there.
    pub(super) fn manifest_of_archive(&self) -> Option<&BookManifest> {
        let manifest = self.manifest.as_ref()?;
        (self.raw.is_volume() && self.raw.sha256() == Some(&manifest.sha256)).then_some(manifest)
    }

    /// Were these bytes stored as verified ones?
    pub(super) fn was_verified(&self, sha256: &str) -> bool {
        let by_manifest = self
            .manifest
            .as_ref()
            .is_some_and(|it| it.verified && it.sha256 == sha256);
        let read = [&self.raw, &self.recorded];
        let mut read = read.into_iter().filter_map(|archive| match archive {
            ArchiveWitness::Whole(standing) => Some(standing),
            _ => None,
        });
        by_manifest || read.any(|standing| standing.verified && standing.sha256 == sha256)
    }

    /// The digest of the stored archive, if it was not read as a whole volume: its bytes are kept when another takes its place.
    pub(super) fn unproven(&self) -> Option<&str> {
        match &self.raw {
            ArchiveWitness::Missing | ArchiveWitness::Whole(_) => None,
            ArchiveWitness::Believed(_) | ArchiveWitness::Refused { .. } => self.raw.sha256(),
        }
    }

    /// What is known best of what is stored, for people.
    pub(super) fn best_known(&self, new: &VolumeStanding) -> Option<VolumeStanding> {
        self.standings(new).into_iter().next()
    }

    /// In which condition the stored archive is.
    pub(super) fn condition(&self) -> StoredCondition {
        match (&self.raw, &self.recorded) {
            (ArchiveWitness::Refused { .. }, _) | (ArchiveWitness::Missing, ArchiveWitness::Refused { .. }) => {
                StoredCondition::Refused
            }
            (ArchiveWitness::Missing, ArchiveWitness::Missing) => StoredCondition::Missing,
            _ => StoredCondition::Whole,
        }
    }

    fn has_bytes_of(&self, new: &VolumeStanding) -> bool {
        self.raw.sha256() == Some(&new.sha256)
    }

    /// All that a new archive has to come up to: each archive that is there, and the manifest where no archive tells what was stored. With
    /// the same bytes nothing is lost in their own place.
    fn standings(&self, new: &VolumeStanding) -> Vec<VolumeStanding> {
        let recorded = self.recorded.standing(new);
        if self.has_bytes_of(new) {
            return recorded.into_iter().collect();
        }
        let is_told = match self.raw {
            ArchiveWitness::Missing => self.recorded.is_volume(),
            _ => self.raw.is_volume(),
        };
        let manifest = self.manifest.as_ref().filter(|_| !is_told);
        let by_manifest = manifest.map(|manifest| as_well_proven(VolumeStanding::from(manifest), new));
        [by_manifest, self.raw.standing(new), recorded]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// In which condition a stored archive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredCondition {
    /// It is a volume.
    Whole,
    /// It is damaged, or refused by the rules of today.
    Refused,
    /// It is not there.
    Missing,
}

impl StoredCondition {
    /// What people are told of it, behind another sentence.
    pub fn remark(self) -> &'static str {
        match self {
            Self::Whole => "",
            Self::Refused => " (which is refused when it is read again)",
            Self::Missing => " (which is missing; its manifest is there)",
        }
    }
}

/// What becomes of a new archive, by all that the store says. A manifest may date from a version that counted less, and an archive may have been
/// damaged or changed since: a stored one is read again before another takes its place, and before it keeps another from its place.
pub(super) fn decide(
    recipe: &PublishRecipe,
    new: &VolumeStanding,
) -> Result<(ReplaceDecision, StoredWitness), StorageError> {
    let stored = look(recipe)?;
    let decision = judge(&stored, new);
    if decision == ReplaceDecision::SameBytes {
        return Ok((decision, stored));
    }
    let stored = read_believed(recipe, stored)?;
    Ok((judge(&stored, new), stored))
}

/// The new archive has to come up to each witness.
fn judge(stored: &StoredWitness, new: &VolumeStanding) -> ReplaceDecision {
    use ReplaceDecision as D;
    let standings = stored.standings(new);
    let of_each = standings.iter().map(|standing| may_replace(Some(standing), new));
    let decisions: Vec<_> = std::iter::once(may_replace(None, new)).chain(of_each).collect();
    let kept = decisions.iter().find(|decision| matches!(decision, D::KeepStored(_)));
    match kept {
        Some(kept) => *kept,
        None if stored.has_bytes_of(new) || decisions.contains(&D::SameBytes) => D::SameBytes,
        None => D::Publish,
    }
}

/// Asks the store what it has. A manifest is believed whose archive has the size it names; an archive without one is read.
fn look(recipe: &PublishRecipe) -> Result<StoredWitness, StorageError> {
    let raw = recipe.layout.raw(&recipe.barcode);
    let stored = StoredWitness::of_manifest(recipe)?;
    let manifest = stored.manifest.as_ref();
    let recorded = recipe.recorded.as_ref().filter(|key| **key != raw);
    Ok(StoredWitness {
        raw: look_at(recipe, &raw, manifest)?,
        recorded: recorded.map_or(Ok(ArchiveWitness::Missing), |key| look_at(recipe, key, manifest))?,
        ..stored
    })
}

/// Reads the archives that were only believed, each once, which takes as long as reading them does.
fn read_believed(recipe: &PublishRecipe, stored: StoredWitness) -> Result<StoredWitness, StorageError> {
    let read = |seen, key: Option<&ObjectKey>| match (seen, key) {
        (ArchiveWitness::Believed(_), Some(key)) => look_at(recipe, key, None),
        (seen, _) => Ok(seen),
    };
    let raw = recipe.layout.raw(&recipe.barcode);
    Ok(StoredWitness {
        raw: read(stored.raw, Some(&raw))?,
        recorded: read(stored.recorded, recipe.recorded.as_ref())?,
        manifest: stored.manifest,
    })
}

fn look_at(
    recipe: &PublishRecipe,
    key: &ObjectKey,
    manifest: Option<&BookManifest>,
) -> Result<ArchiveWitness, StorageError> {
    let Some(archive) = recipe.storage.stat(key)? else {
        return Ok(ArchiveWitness::Missing);
    };
    match manifest {
        Some(manifest)
            if manifest.archive_bytes == archive.bytes
                && archive.meta.sha256.is_none_or(|sha256| sha256 == manifest.sha256) =>
        {
            Ok(ArchiveWitness::Believed(VolumeStanding::from(manifest)))
        }
        _ => read_archive(recipe, key),
    }
}

/// The manifest; `None` if there is none, or what lies there is none.
pub(in crate::pipeline) fn read_manifest(
    storage: &Storage,
    layout: &StorageLayout,
    barcode: &Barcode,
) -> Result<Option<BookManifest>, StorageError> {
    let Some(text) = manifest_bytes(storage, &layout.manifest(barcode))? else {
        return Ok(None);
    };
    match BookManifest::from_json(&text) {
        Ok(manifest) => Ok(Some(manifest)),
        Err(error) => {
            warn!(%barcode, %error, "the manifest cannot be read; the archive itself is looked at");
            Ok(None)
        }
    }
}

/// The bytes that lie under the name of a manifest; `None` if there are none.
pub(in crate::pipeline) fn manifest_bytes(storage: &Storage, key: &ObjectKey) -> Result<Option<Vec<u8>>, StorageError> {
    let source = match storage.open_read(key) {
        Err(StorageError::NotFound(_)) => return Ok(None),
        source => source?,
    };
    BookManifest::bytes_of(source)
        .map(Some)
        .map_err(StorageError::from_read)
}

/// Reads a stored archive as a download is read.
fn read_archive(recipe: &PublishRecipe, key: &ObjectKey) -> Result<ArchiveWitness, StorageError> {
    let options = PassOptions {
        extract_text: false,
        extract_marc: false,
        library: recipe.options.library.clone(),
        ..PassOptions::default()
    };
    let (barcode, mut digest) = (&recipe.barcode, Sha256::new());
    let archive = recipe.storage.open_read(key)?;
    let passed = archive::process_plain(archive, &mut digest, io::sink(), Some(barcode), &options);
    let counted = match passed {
        Ok(volume) => return Ok(ArchiveWitness::Whole(VolumeStanding::from(&volume))),
        Err(ArchiveError::Input(error) | ArchiveError::Sink(error) | ArchiveError::Text(error)) => {
            return Err(StorageError::from_read(error));
        }
        Err(error) => {
            warn!(%barcode, %key, %error, "what is stored is refused; only an archive that has all of its pages replaces it, and its bytes are kept then");
            match error {
                ArchiveError::Refused {
                    refusal, acceptance, ..
                } if may_be_the_book(refusal) => Some(VolumeStanding::from(&*acceptance)),
                _ => None,
            }
        }
    };
    let sha256 = hex(&digest.finalize());
    Ok(ArchiveWitness::Refused { counted, sha256 })
}

/// Do the counts of a refused archive say what this book has? Not where nothing is in it, or another book, nor where files of it are
/// damaged: then its manifest says it, or nothing does.
fn may_be_the_book(refusal: VolumeRefusal) -> bool {
    match refusal {
        VolumeRefusal::NoPages | VolumeRefusal::AnotherBook | VolumeRefusal::ChecksumMismatch => false,
        VolumeRefusal::TarUnterminated
        | VolumeRefusal::UnnamedBook
        | VolumeRefusal::PagesMissing
        | VolumeRefusal::Unauthenticated => true,
    }
}

#[cfg(test)]
mod tests;
