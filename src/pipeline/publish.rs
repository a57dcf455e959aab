//! Publication of a volume: may it replace what is stored, and in which order its objects appear.

mod companions;
mod quarantine;
mod record;
mod stage;
mod window;
mod witness;

use serde::Serialize;

use crate::archive::{ArchiveFinding, BookManifest, FindingCode, ProvenVolume};

pub(crate) use crate::pipeline::publish::quarantine::{evidence_key, keep_evidence, same_bytes};
pub(crate) use crate::pipeline::publish::record::record_of;
pub use crate::pipeline::publish::stage::{
    ArchiveTaken, PublishError, PublishRecipe, StagedVolume, VolumePublished, examine, stage, stage_taken_over,
};
pub use crate::pipeline::publish::window::PublicationWindow;
pub(in crate::pipeline) use crate::pipeline::publish::witness::read_manifest;

/// What the replacement rule compares of two archives of one book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeStanding {
    /// Pages; an archive without any is no volume.
    pub pages: u64,
    /// Pages whose text has at least one character to read. The manifest of an earlier version says only how many have a text file, which
    /// is never fewer: what is stored then stays until the archive itself is read.
    pub text_pages: u64,
    /// Pages that have an image; `None`: not known of what an earlier version stored.
    pub images: Option<u64>,
    /// Every page agrees with a listed digest.
    pub verified: bool,
    /// Its METS has this book's file name and another book's OBJID.
    pub names_another: bool,
    /// SHA-256 of the archive, in hexadecimal digits.
    pub sha256: String,
}

/// What becomes of a new archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplaceDecision {
    /// It is published; nothing better is stored.
    Publish,
    /// The same bytes are stored: they are published again with what is now known of them.
    SameBytes,
    /// What is stored stays, the new archive is kept in quarantine, and the operator is told.
    KeepStored(KeepReason),
}

/// Why what is stored stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum KeepReason {
    /// The new archive has no page.
    #[error("the new archive has no page")]
    NoPages,
    /// The new archive has fewer pages.
    #[error("the new archive has fewer pages than the stored one")]
    FewerPages,
    /// The new archive has images of fewer pages.
    #[error("the new archive has images of fewer pages than the stored one")]
    FewerImages,
    /// The stored archive is verified, the new one is not.
    #[error("the stored archive is verified and the new one is not")]
    WeakerProof,
    /// Of the METS of both only the new one names another book as well.
    #[error("the METS of the new archive names another book as well, and that of the stored one does not")]
    AnotherBook,
    /// The new archive has a text for less than half as many pages.
    #[error("the new archive has text for less than half as many pages as the stored one")]
    LessText,
}

/// May this archive replace what is stored? Only a volume may, and never with fewer pages, images of fewer pages or weaker verification, nor with far less
/// text than one that is as well proven: a text may be improved, but is not lost on GRIN's side for a good reason. Nor may one that may be another
/// book's, by its METS, unless that of the stored one is as unclear.
pub fn may_replace(stored: Option<&VolumeStanding>, new: &VolumeStanding) -> ReplaceDecision {
    use ReplaceDecision as D;
    match stored {
        _ if new.pages == 0 => D::KeepStored(KeepReason::NoPages),
        None => D::Publish,
        Some(stored) if stored.sha256 == new.sha256 => D::SameBytes,
        Some(stored) if new.pages < stored.pages => D::KeepStored(KeepReason::FewerPages),
        Some(stored) if has_fewer_images(stored, new) => D::KeepStored(KeepReason::FewerImages),
        Some(stored) if stored.verified && !new.verified => D::KeepStored(KeepReason::WeakerProof),
        Some(stored) if new.names_another && !stored.names_another => D::KeepStored(KeepReason::AnotherBook),
        Some(stored) if stored.verified == new.verified && new.text_pages < stored.text_pages.div_ceil(2) => {
            D::KeepStored(KeepReason::LessText)
        }
        Some(_) => D::Publish,
    }
}

/// Pages are counted by the highest number, so that a text has a line for each; what is really there shows in the images. Where those of the
/// stored archive were not counted, the new one must have as many as that has pages, or one for each page of its own.
fn has_fewer_images(stored: &VolumeStanding, new: &VolumeStanding) -> bool {
    let images = new.images.unwrap_or(new.pages);
    match stored.images {
        Some(before) => images < before,
        None => images < stored.pages && images < new.pages,
    }
}

impl From<&ProvenVolume> for VolumeStanding {
    fn from(volume: &ProvenVolume) -> Self {
        Self {
            pages: volume.acceptance.pages,
            text_pages: volume.acceptance.nonblank_texts,
            images: Some(volume.acceptance.images),
            verified: volume.acceptance.verified,
            names_another: names_another(&volume.findings),
            sha256: volume.sha256_hex(),
        }
    }
}

impl From<&BookManifest> for VolumeStanding {
    fn from(manifest: &BookManifest) -> Self {
        Self {
            pages: manifest.pages,
            text_pages: manifest.nonblank_texts.unwrap_or(manifest.text_pages),
            images: manifest.images,
            verified: manifest.verified,
            names_another: names_another(&manifest.findings),
            sha256: manifest.sha256.clone(),
        }
    }
}

fn names_another(findings: &[ArchiveFinding]) -> bool {
    findings.iter().any(|finding| finding.code == FindingCode::ObjidDiffers)
}

#[cfg(test)]
mod tests;
