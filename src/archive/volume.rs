//! What a pass is asked to do, and the volume that comes out.

use std::io::Write;

use serde::Serialize;

use crate::archive::acceptance::VolumeAcceptance;
use crate::archive::digest::hex;
use crate::archive::error::ArchiveError;
use crate::archive::findings::ArchiveFinding;
use crate::archive::inflate::RestartPoint;
use crate::archive::limits::ArchiveLimits;
use crate::archive::member_index::ArchiveMember;
use crate::archive::mets::RecordKind;
use crate::archive::openpgp::SecretKey;
use crate::archive::pages::VolumePages;
use crate::grin::{LibraryDirectory, SecretBytes};
use crate::vocabulary::MarcFields;

/// What a pass does.
#[derive(Debug, Clone)]
pub struct PassOptions {
    /// Opens the archive; or unlocks the secret key.
    pub passphrase: Option<SecretBytes>,
    /// For archives encrypted to a public key.
    pub secret_key: Option<SecretKey>,
    /// Read also messages without an integrity check, such as old gpg wrote; accepted only if every page is equal to its
    /// listed digest.
    pub accept_unauthenticated: bool,
    /// Compare the MD5 of each file with the checksum list or the METS.
    pub verify_checksums: bool,
    /// Write the page texts.
    pub extract_text: bool,
    /// Read the MARC record.
    pub extract_marc: bool,
    /// Write the page texts also with page numbers and names of images; only with [`PassOptions::extract_text`].
    pub text_by_page: bool,
    /// Keep the archive as it was sent beside the decrypted one.
    pub keep_encrypted: bool,
    /// Write the page texts as gzip.
    pub compress_text: bool,
    /// End with [`ArchiveError::Refused`](crate::archive::ArchiveError::Refused) where the archive is no volume. Switched
    /// off only where an archive is looked into and nothing is kept of it.
    pub require_volume: bool,
    /// Whose books they are: its name may stand before a barcode.
    pub library: Option<LibraryDirectory>,
    /// Bounds against hostile input.
    pub limits: ArchiveLimits,
}

impl Default for PassOptions {
    fn default() -> Self {
        Self {
            passphrase: None,
            secret_key: None,
            accept_unauthenticated: false,
            verify_checksums: true,
            extract_text: true,
            extract_marc: true,
            text_by_page: false,
            keep_encrypted: false,
            compress_text: true,
            require_volume: true,
            library: None,
            limits: ArchiveLimits::default(),
        }
    }
}

impl PassOptions {
    /// Are the texts written with page numbers, too?
    pub fn writes_by_page(&self) -> bool {
        self.extract_text && self.text_by_page
    }

    /// Everything switched on, opened with `passphrase`.
    pub fn with_passphrase(passphrase: impl Into<SecretBytes>) -> Self {
        Self {
            passphrase: Some(passphrase.into()),
            ..Self::default()
        }
    }
}

/// A volume whose archive was proven to its last byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProvenVolume {
    /// SHA-256 of the decrypted archive.
    #[serde(serialize_with = "as_hex")]
    pub sha256: [u8; 32],
    /// Bytes of the decrypted archive.
    pub bytes: u64,
    /// Bytes as they came in.
    pub encrypted_bytes: u64,
    /// XXH3-128 of the bytes as they came in.
    #[serde(serialize_with = "as_hex")]
    pub fingerprint: [u8; 16],
    /// MARC fields, if there is a record.
    pub marc: Option<MarcFields>,
    /// The record as a MARCXML document.
    #[serde(skip)]
    pub marc_xml: Option<String>,
    /// What came of the search for the record.
    pub record: RecordKind,
    /// Whether it is a volume, how well it is proven, and its counts.
    pub acceptance: VolumeAcceptance,
    /// What was noticed.
    pub findings: Vec<ArchiveFinding>,
    /// Where its files lie in the tar.
    #[serde(skip)]
    pub members: Vec<ArchiveMember>,
    /// From where the archive can be inflated.
    #[serde(skip)]
    pub restarts: Vec<RestartPoint>,
}

/// A proven volume whose texts can be written.
pub struct ReadVolume {
    /// The volume.
    pub volume: ProvenVolume,
    pub(super) pages: VolumePages,
}

impl ReadVolume {
    /// Writes the page texts, one JSON string a line.
    pub fn write_lines(&mut self, out: impl Write, compress: bool) -> Result<(), ArchiveError> {
        self.pages.write_lines(out, compress).map_err(ArchiveError::Text)
    }

    /// Writes them as gzip with the number and the image of each page, one JSON object a line.
    pub fn write_by_page(&mut self, out: impl Write) -> Result<(), ArchiveError> {
        self.pages.write_by_page(out).map_err(ArchiveError::Text)
    }
}

impl ProvenVolume {
    /// SHA-256 of the decrypted archive as 64 hexadecimal digits.
    pub fn sha256_hex(&self) -> String {
        hex(&self.sha256)
    }
}

fn as_hex<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex(bytes))
}
