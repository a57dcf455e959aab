//! What a pass is asked to do, and the volume that comes out.

use serde::Serialize;

use crate::archive::acceptance::VolumeAcceptance;
use crate::archive::digest::hex;
use crate::archive::findings::ArchiveFinding;
use crate::archive::inflate::RestartPoint;
use crate::archive::limits::ArchiveLimits;
use crate::archive::member_index::ArchiveMember;
use crate::archive::mets::RecordKind;
use crate::archive::openpgp::SecretKey;
use crate::grin::SecretBytes;
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
    /// Write the page texts as gzip.
    pub compress_text: bool,
    /// End with [`ArchiveError::Refused`](crate::archive::ArchiveError::Refused) where the archive is no volume. Switched
    /// off only where an archive is looked into and nothing is kept of it.
    pub require_volume: bool,
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
            compress_text: true,
            require_volume: true,
            limits: ArchiveLimits::default(),
        }
    }
}

impl PassOptions {
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

impl ProvenVolume {
    /// SHA-256 of the decrypted archive as 64 hexadecimal digits.
    pub fn sha256_hex(&self) -> String {
        hex(&self.sha256)
    }
}

fn as_hex<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex(bytes))
}
