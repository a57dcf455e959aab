//! Publication of a volume: may it replace what is stored, and in which order its objects appear.

mod companions;
mod error;
mod quarantine;
mod record;
mod stage;
mod window;
mod witness;

use serde::Serialize;

use crate::archive::{
    ArchiveFinding, BookManifest, FindingCode, PageNumbers, ProvenVolume, RecordKind, RecordParts, VolumeAcceptance,
};

pub use crate::pipeline::publish::error::PublishError;
pub(crate) use crate::pipeline::publish::quarantine::{
    CopyOrigin, DamagePlace, evidence_key, keep_evidence, place_of_damage, same_bytes,
};
pub(crate) use crate::pipeline::publish::record::record_of;
pub use crate::pipeline::publish::stage::{
    ArchiveTaken, PublishRecipe, StagedVolume, VolumePublished, examine, stage, stage_taken_over,
};
pub use crate::pipeline::publish::window::PublicationWindow;
pub use crate::pipeline::publish::witness::StoredCondition;
pub(in crate::pipeline) use crate::pipeline::publish::witness::{manifest_bytes, read_manifest};

/// What the replacement rule compares of two archives of one book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeStanding {
    /// Pages; an archive without any is no volume.
    pub pages: u64,
    /// Pages whose text has at least one character to read. The manifest of an earlier version says only how many have a text file, which
    /// is never fewer: what is stored then stays until the archive itself is read.
    pub text_pages: u64,
    /// Those of them whose text is more than trivial; `None`: not known of what an earlier version stored.
    pub worded_texts: Option<u64>,
    /// Characters of all texts; `None` as well.
    pub text_characters: Option<u64>,
    /// Pages that have an image; `None`: not known of what an earlier version stored.
    pub images: Option<u64>,
    /// The pages of which there is anything; `None`: not known of what an earlier version stored.
    pub page_numbers: Option<PageNumbers>,
    /// Those of them that have an image; `None` as well.
    pub image_numbers: Option<PageNumbers>,
    /// Images of which nothing tells the page; `None` as well.
    pub further_images: Option<u64>,
    /// Bytes of the images that are pages'; `None`: the archive itself was not read.
    pub image_bytes: Option<u64>,
    /// Bytes of the hOCR; `None` as well.
    pub hocr_bytes: Option<u64>,
    /// Pages that have hOCR with bytes in it; `None` as well.
    pub hocr_pages: Option<u64>,
    /// Those pages; `None` as well.
    pub hocr_numbers: Option<PageNumbers>,
    /// Pages that have a file of ALTO; `None` as well.
    pub alto_numbers: Option<PageNumbers>,
    /// Its METS holds a MARC record.
    pub has_record: bool,
    /// How much the record says; `None`: there is none, or it is not known of what an earlier version stored.
    pub record_parts: Option<RecordParts>,
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
    /// The new archive lacks pages that the stored one has, though it may have as many.
    #[error("the new archive lacks pages that the stored one has")]
    PagesLost,
    /// The new archive lacks images of pages that have one in the stored archive.
    #[error("the new archive lacks images of pages that have one in the stored archive")]
    FewerImages,
    /// The new archive has fewer images in all, those counted of which nothing tells the page.
    #[error("the new archive has fewer images than the stored one, those included of which nothing tells the page")]
    FurtherImagesLost,
    /// The images or the hOCR of the new archive have far fewer bytes: stand-ins, or shells without a word.
    #[error(
        "the images of the new archive together, or its hOCR, have less than a twentieth of the bytes that those of the stored one have"
    )]
    FarSmaller,
    /// The METS of the stored archive holds a MARC record, that of the new one does not, or is none.
    #[error("the stored archive has a MARC record and the new one has none")]
    RecordLost,
    /// The MARC record of the new archive lacks its leader, its control number or its title, or most fields.
    #[error(
        "the MARC record of the new archive lacks the leader, the control number or the title that the stored one has, or has less than half as \
         many fields"
    )]
    RecordReduced,
    /// The new archive lacks hOCR of pages that have it in the stored archive, though it may have as much.
    #[error("the new archive lacks hOCR of pages that have it in the stored archive")]
    FewerHocr,
    /// The new archive lacks ALTO of pages that have it in the stored archive.
    #[error("the new archive lacks ALTO of pages that have it in the stored archive")]
    FewerAlto,
    /// The stored archive is verified, the new one is not.
    #[error("the stored archive is verified and the new one is not")]
    WeakerProof,
    /// Of the METS of both only the new one names another book as well.
    #[error("the METS of the new archive names another book as well, and that of the stored one does not")]
    AnotherBook,
    /// The new archive has a text, or one of more than a few letters, for less than half as many pages, or less than half of the text.
    #[error(
        "the new archive has text for less than half as many pages as the stored one, or less than half as much of it"
    )]
    LessText,
}

impl KeepReason {
    /// What people are told besides. Where digests are not compared no new archive is verified.
    fn remark(self, verify_checksums: bool) -> &'static str {
        match self {
            Self::WeakerProof if !verify_checksums => {
                "; archive.verify_checksums is off, so nothing that comes now is verified: set it to true and fetch the book again"
            }
            _ => "",
        }
    }
}

/// May this archive replace what is stored? Only a volume may, and never without a page, a page's image, a page's hOCR or ALTO or the MARC record
/// that is stored, or with weaker verification, nor with far less text: a text may be improved, but is not lost on GRIN's side for a
/// good reason, and a character for each page is no text; the record may be improved as well, but keeps what it is known by. Nor may one that may be another book's, by its METS, unless that of the stored one is as unclear.
pub fn may_replace(stored: Option<&VolumeStanding>, new: &VolumeStanding) -> ReplaceDecision {
    use ReplaceDecision as D;
    match stored {
        _ if new.pages == 0 => D::KeepStored(KeepReason::NoPages),
        None => D::Publish,
        Some(stored) if stored.sha256 == new.sha256 => D::SameBytes,
        Some(stored) if new.pages < stored.pages => D::KeepStored(KeepReason::FewerPages),
        Some(stored) if lacks_some(stored.page_numbers.as_ref(), new.page_numbers.as_ref()) => {
            D::KeepStored(KeepReason::PagesLost)
        }
        Some(stored) if has_fewer_images(stored, new) => D::KeepStored(KeepReason::FewerImages),
        Some(stored) if has_lost_further_images(stored, new) => D::KeepStored(KeepReason::FurtherImagesLost),
        Some(stored) if is_far_smaller(stored, new) => D::KeepStored(KeepReason::FarSmaller),
        Some(stored) if stored.verified && !new.verified => D::KeepStored(KeepReason::WeakerProof),
        Some(stored) if new.names_another && !stored.names_another => D::KeepStored(KeepReason::AnotherBook),
        Some(stored) if stored.has_record && !new.has_record => D::KeepStored(KeepReason::RecordLost),
        Some(stored) if is_reduced(stored.record_parts, new.record_parts) => D::KeepStored(KeepReason::RecordReduced),
        Some(stored) if has_fewer_hocr(stored, new) => D::KeepStored(KeepReason::FewerHocr),
        Some(stored) if lacks_some(stored.alto_numbers.as_ref(), new.alto_numbers.as_ref()) => {
            D::KeepStored(KeepReason::FewerAlto)
        }
        Some(stored) if has_far_less_text(stored, new) => D::KeepStored(KeepReason::LessText),
        Some(_) => D::Publish,
    }
}

/// Pages are counted by the highest number, so that a text has a line for each; what is really there shows in the images. Where those of the
/// stored archive were not counted, the new one must have as many as that has pages, or one for each page of its own.
fn has_fewer_images(stored: &VolumeStanding, new: &VolumeStanding) -> bool {
    let images = new.images.unwrap_or(new.pages);
    match stored.images {
        Some(before) => images < before || lacks_some(stored.image_numbers.as_ref(), new.image_numbers.as_ref()),
        None => images < stored.pages && images < new.pages,
    }
}

/// Such an image may be a page's, and may have its page's number in the new archive.
fn has_lost_further_images(stored: &VolumeStanding, new: &VolumeStanding) -> bool {
    let all = |standing: &VolumeStanding| Some(standing.images? + standing.further_images?);
    all(stored).zip(all(new)).is_some_and(|(stored, new)| new < stored)
}

/// Images made anew in another form may have a tenth of the bytes, as those of a text in black and white; stand-ins for them have far fewer.
fn is_far_smaller(stored: &VolumeStanding, new: &VolumeStanding) -> bool {
    const FAR: u64 = 20;
    let pairs = [
        stored.image_bytes.zip(new.image_bytes),
        stored.hocr_bytes.zip(new.hocr_bytes),
    ];
    // None at all is another reason.
    let is_far_less = |(stored, new): (u64, u64)| new > 0 && new.saturating_mul(FAR) < stored;
    pairs.into_iter().flatten().any(is_far_less)
}

/// What a new text has, be it improved, is at least half of what it had. What an earlier version did not count is not compared.
fn has_far_less_text(stored: &VolumeStanding, new: &VolumeStanding) -> bool {
    let pairs = [
        (Some(stored.text_pages), Some(new.text_pages)),
        (stored.worded_texts, new.worded_texts),
        // White space is no text.
        (
            stored.text_characters.filter(|_| stored.text_pages > 0),
            new.text_characters,
        ),
    ];
    pairs
        .into_iter()
        .any(|(stored, new)| stored.zip(new).is_some_and(is_less_than_half))
}

fn is_less_than_half((stored, new): (u64, u64)) -> bool {
    new < stored.div_ceil(2)
}

/// Has a record lost what it is known by, or most of its fields? Not where one of both is not known, or is not there.
fn is_reduced(stored: Option<RecordParts>, new: Option<RecordParts>) -> bool {
    stored.zip(new).is_some_and(|(stored, new)| {
        (stored.has_leader && !new.has_leader)
            || (stored.has_control_number && !new.has_control_number)
            || (stored.has_title && !new.has_title)
            || is_less_than_half((stored.fields, new.fields))
    })
}

fn has_fewer_hocr(stored: &VolumeStanding, new: &VolumeStanding) -> bool {
    let is_fewer = new.hocr_pages < stored.hocr_pages && new.hocr_pages.is_some();
    is_fewer || lacks_some(stored.hocr_numbers.as_ref(), new.hocr_numbers.as_ref())
}

/// Is one of these pages not among those of the new archive? Not where either is unknown.
fn lacks_some(stored: Option<&PageNumbers>, new: Option<&PageNumbers>) -> bool {
    stored.zip(new).is_some_and(|(stored, new)| !new.hold_all(stored))
}

impl From<&VolumeAcceptance> for VolumeStanding {
    /// What was counted of an archive, be it refused; nothing of its bytes and its METS.
    fn from(acceptance: &VolumeAcceptance) -> Self {
        Self {
            pages: acceptance.pages,
            text_pages: acceptance.nonblank_texts,
            worded_texts: Some(acceptance.worded_texts),
            text_characters: Some(acceptance.text_characters),
            images: Some(acceptance.images),
            page_numbers: Some(acceptance.page_numbers.clone()),
            image_numbers: Some(acceptance.image_numbers.clone()),
            further_images: Some(acceptance.further_images),
            image_bytes: Some(acceptance.image_bytes),
            hocr_bytes: Some(acceptance.hocr_bytes),
            hocr_pages: Some(acceptance.hocr_pages),
            hocr_numbers: Some(acceptance.hocr_numbers.clone()),
            alto_numbers: Some(acceptance.alto_numbers.clone()),
            has_record: false,
            record_parts: None,
            verified: acceptance.verified,
            names_another: false,
            sha256: String::new(),
        }
    }
}

impl From<&ProvenVolume> for VolumeStanding {
    fn from(volume: &ProvenVolume) -> Self {
        Self {
            has_record: volume.record == RecordKind::Found,
            record_parts: volume.acceptance.record_parts,
            names_another: names_another(&volume.findings),
            sha256: volume.sha256_hex(),
            ..Self::from(&volume.acceptance)
        }
    }
}

impl From<&BookManifest> for VolumeStanding {
    fn from(manifest: &BookManifest) -> Self {
        Self {
            pages: manifest.pages,
            text_pages: manifest.nonblank_texts.unwrap_or(manifest.text_pages),
            worded_texts: manifest.worded_texts,
            text_characters: manifest.text_characters,
            images: manifest.images,
            page_numbers: manifest.page_numbers.clone(),
            image_numbers: manifest.image_numbers.clone(),
            further_images: manifest.further_images,
            image_bytes: None,
            hocr_bytes: None,
            hocr_pages: manifest.hocr_pages,
            hocr_numbers: manifest.hocr_numbers.clone(),
            alto_numbers: manifest.alto_numbers.clone(),
            has_record: manifest.record == RecordKind::Found,
            record_parts: manifest.record_parts,
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
