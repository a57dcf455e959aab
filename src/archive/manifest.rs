//! The manifest of a stored volume, `meta/<BARCODE>.json`.

use std::io::{self, Read};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::archive::acceptance::VolumeAcceptance;
use crate::archive::findings::ArchiveFinding;
use crate::archive::manifest_seal::{self, SealFault};
use crate::archive::mets::{RecordKind, RecordParts};
use crate::archive::page_numbers::PageNumbers;
use crate::archive::volume::ProvenVolume;
use crate::grin::Barcode;
use crate::vocabulary::MarcFields;

/// Longest manifest; ours are a few KiB.
const LONGEST: u64 = 4 << 20;

/// What is known of a stored volume, enough to adopt it again without the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookManifest {
    /// Form of this document; 1 so far.
    pub manifest: u32,
    /// The volume.
    pub barcode: Barcode,
    /// Name of the archive as GRIN listed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// GRIN's validator of the encrypted archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted_etag: Option<String>,
    /// Size of the encrypted archive.
    pub encrypted_bytes: u64,
    /// SHA-256 of the stored archive, 64 hexadecimal digits.
    pub sha256: String,
    /// Size of the stored archive.
    pub archive_bytes: u64,
    /// Pages of the volume.
    pub pages: u64,
    /// Pages that have a text file.
    pub text_pages: u64,
    /// Those of them whose text has at least one character to read; manifests of earlier versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonblank_texts: Option<u64>,
    /// Those of them whose text has at least eight letters or digits; manifests of earlier versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worded_texts: Option<u64>,
    /// Characters of all texts; manifests of earlier versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_characters: Option<u64>,
    /// In which order the text has the pages; manifests of earlier versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading_order: Option<ReadingOrder>,
    /// Pages that have an image; manifests of earlier versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<u64>,
    /// The pages of which there is anything, as in `1-4,6`; manifests of earlier versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_numbers: Option<PageNumbers>,
    /// Those of them that have an image; manifests of earlier versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_numbers: Option<PageNumbers>,
    /// Images of which nothing tells the page; manifests of earlier versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub further_images: Option<u64>,
    /// Pages that have hOCR with bytes in it; manifests of earlier versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hocr_pages: Option<u64>,
    /// Those pages; manifests of earlier versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hocr_numbers: Option<PageNumbers>,
    /// Pages that have a file of ALTO, or another one in XML, with bytes in it; manifests of earlier versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alto_numbers: Option<PageNumbers>,
    /// True if every page file agreed with its listed digest.
    pub verified: bool,
    /// What came of the search for a MARC record.
    pub record: RecordKind,
    /// How much the record says; manifests of earlier versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_parts: Option<RecordParts>,
    /// MARC fields by catalog column names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marc: Option<MarcFields>,
    /// What was noticed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<ArchiveFinding>,
    /// The objects beside the archive: page texts, catalogue record, index of its files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub companions: Vec<ManifestCompanion>,
    /// When the archive was fetched.
    pub acquired_at: Timestamp,
    /// Program and version that stored it.
    pub stored_by: String,
}

/// In which order the lines of a text are the pages: by their numbers, each from the first to the last, also one of which there is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadingOrder {
    /// Number of the page of the first line.
    pub first_page: u64,
    /// Number of the page of the last line.
    pub last_page: u64,
}

/// An object beside the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestCompanion {
    /// Its name within the storage.
    pub key: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256, 64 hexadecimal digits.
    pub sha256: String,
}

/// What the manifest needs besides the volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestProvenance {
    /// The volume.
    pub barcode: Barcode,
    /// Name of the archive as GRIN listed it.
    pub file_name: Option<String>,
    /// GRIN's validator of the encrypted archive.
    pub encrypted_etag: Option<String>,
    /// When the archive was fetched.
    pub acquired_at: Timestamp,
}

impl ReadingOrder {
    /// `None`: there is no page.
    fn of(acceptance: &VolumeAcceptance) -> Option<Self> {
        let first_page = acceptance.first_page;
        (acceptance.pages > 0).then(|| Self {
            first_page,
            last_page: first_page + acceptance.pages - 1,
        })
    }
}

impl BookManifest {
    /// The manifest of a volume that was just proven.
    pub fn of(volume: &ProvenVolume, from: ManifestProvenance) -> Self {
        Self {
            manifest: 1,
            barcode: from.barcode,
            file_name: from.file_name,
            encrypted_etag: from.encrypted_etag,
            encrypted_bytes: volume.encrypted_bytes,
            sha256: volume.sha256_hex(),
            archive_bytes: volume.bytes,
            pages: volume.acceptance.pages,
            text_pages: volume.acceptance.text_pages,
            nonblank_texts: Some(volume.acceptance.nonblank_texts),
            worded_texts: Some(volume.acceptance.worded_texts),
            text_characters: Some(volume.acceptance.text_characters),
            reading_order: ReadingOrder::of(&volume.acceptance),
            images: Some(volume.acceptance.images),
            page_numbers: Some(volume.acceptance.page_numbers.clone()),
            image_numbers: Some(volume.acceptance.image_numbers.clone()),
            further_images: Some(volume.acceptance.further_images),
            hocr_pages: Some(volume.acceptance.hocr_pages),
            hocr_numbers: Some(volume.acceptance.hocr_numbers.clone()),
            alto_numbers: Some(volume.acceptance.alto_numbers.clone()),
            verified: volume.acceptance.verified,
            record: volume.record,
            record_parts: volume.acceptance.record_parts,
            marc: volume.marc.clone(),
            findings: volume.findings.clone(),
            companions: Vec::new(),
            acquired_at: from.acquired_at,
            stored_by: concat!("grind ", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// The document as it is stored, with its own digest (`manifest_sha256`) on its last line but one.
    pub fn to_json(&self) -> Vec<u8> {
        let json = serde_json::to_string_pretty(self).unwrap_or_default();
        manifest_seal::sealed(&json).into_bytes()
    }

    /// All bytes of a stored manifest, in bounded memory. Of one that is too long there are more than [`BookManifest::check_length`] lets pass.
    pub(crate) fn bytes_of(source: impl Read) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        source.take(LONGEST + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Whether these can be all bytes of a manifest.
    ///
    /// # Errors
    /// [`ManifestFault::TooLong`].
    pub(crate) fn check_length(bytes: &[u8]) -> Result<(), ManifestFault> {
        match bytes.len() as u64 > LONGEST {
            true => Err(ManifestFault::TooLong),
            false => Ok(()),
        }
    }

    /// What was stored as a manifest. One that has no digest of itself, as those of earlier versions, is taken as it is.
    ///
    /// # Errors
    /// It is no manifest, or its bytes are not those that were stored.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ManifestFault> {
        Self::check_length(bytes)?;
        let manifest = serde_json::from_slice(bytes)?;
        manifest_seal::check(bytes)?;
        Ok(manifest)
    }
}

/// Why bytes are not taken for a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestFault {
    /// They are another thing.
    #[error("it is no manifest: {0}")]
    NoManifest(#[from] serde_json::Error),
    /// There are too many.
    #[error("it is longer than {LONGEST} bytes, which no manifest is")]
    TooLong,
    /// They are no longer what was stored.
    #[error(transparent)]
    Changed(#[from] SealFault),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_is_too_long_little_is_read_and_nothing_taken() {
        let longest = usize::try_from(LONGEST).unwrap();
        for (bytes, read, is_too_long) in [
            (0, 0, false),
            (longest, longest, false),
            (longest + 1, longest + 1, true),
            (longest * 2, longest + 1, true),
        ] {
            let found = BookManifest::bytes_of(io::repeat(b' ').take(bytes as u64)).unwrap();
            assert_eq!(found.len(), read, "{bytes}");
            assert_eq!(BookManifest::check_length(&found).is_err(), is_too_long, "{bytes}");
            let fault = BookManifest::from_json(&found).unwrap_err();
            assert_eq!(matches!(fault, ManifestFault::TooLong), is_too_long, "{bytes}: {fault}");
        }
    }

    #[test]
    fn a_manifest_reads_back_as_it_was_written() {
        let volume = ProvenVolume {
            sha256: [7; 32],
            bytes: 10,
            encrypted_bytes: 20,
            fingerprint: [1; 16],
            acceptance: VolumeAcceptance {
                verified: true,
                pages: 3,
                text_pages: 2,
                first_page: 2,
                page_numbers: [2, 3, 4].into_iter().collect(),
                ..VolumeAcceptance::default()
            },
            marc: Some(MarcFields {
                marc_isbn: vec!["1".to_owned(), "2, 3".to_owned()],
                ..MarcFields::default()
            }),
            marc_xml: None,
            record: RecordKind::Found,
            findings: Vec::new(),
            members: Vec::new(),
            restarts: Vec::new(),
        };
        let from = ManifestProvenance {
            barcode: Barcode::parse("TL0000000001").unwrap(),
            file_name: None,
            encrypted_etag: Some("\"abc\"".to_owned()),
            acquired_at: "2026-11-21T10:00:00Z".parse().unwrap(),
        };
        let manifest = BookManifest::of(&volume, from);
        let read = BookManifest::from_json(&manifest.to_json()).unwrap();
        assert_eq!(read, manifest);
        assert_eq!(read.sha256, "07".repeat(32));
        let order = ReadingOrder {
            first_page: 2,
            last_page: 4,
        };
        assert_eq!(read.reading_order, Some(order));
    }
}
