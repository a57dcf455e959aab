//! What can be wrong with an archive, told apart.

use std::io;

use crate::archive::acceptance::{VolumeAcceptance, VolumeRefusal};
use crate::archive::findings::ArchiveFinding;
use crate::grin::AnswerRefusal;
use crate::vocabulary::FailureReason;

/// Why a pass over an archive ended without a volume. Nothing may be published after any of them.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The two repeated octets at the head do not agree: another passphrase, or (rarely) damage in the first bytes.
    #[error("the passphrase does not open this archive, or its first bytes are damaged")]
    WrongPassphrase,
    /// The archive is encrypted, and there is neither a passphrase nor a secret key.
    #[error("the archive is encrypted and no passphrase was given")]
    NoPassphrase,
    /// The bytes are not what was written: the message's integrity check, the gzip check or the tar structure failed.
    #[error("the archive is damaged: {what}")]
    Damaged {
        /// Which check failed.
        what: DamageKind,
        /// What was seen of the bytes.
        seen: Box<SeenArchive>,
    },
    /// The bytes end before the message does.
    #[error("the archive is cut short after {} bytes", .seen.encrypted_bytes)]
    Truncated {
        /// What was seen of the bytes.
        seen: Box<SeenArchive>,
    },
    /// Something else than an archive, such as an HTML page sent with status 200.
    #[error("this is no archive; it looks like {looks_like}")]
    NotAnArchive {
        /// `html`, `json`, `xml`, `text`, `gzip`, `tar`, `zip`, `xz`, `bzip2`, `zstd`, `openpgp`, `empty` or `unknown`.
        looks_like: &'static str,
    },
    /// It was decrypted whole and is no `tar.gz`: so it was encrypted, and what it is may be a form of archive that is not read here.
    #[error("it was decrypted whole, and what it holds is {looks_like}, not a tar.gz")]
    OtherContent {
        /// In words: what its first bytes look like.
        looks_like: &'static str,
        /// What was seen of the bytes.
        seen: Box<SeenArchive>,
    },
    /// GRIN refused with status 200: the page says nothing about the archive.
    #[error("GRIN answered with {} in place of the archive", page_of(*.refusal))]
    RefusedByGrin {
        /// `Unavailable` or `SignIn`.
        refusal: AnswerRefusal,
    },
    /// The archive is sound as such and not the volume that was requested.
    #[error("the archive is refused: {refusal}{}", first_of(.failed))]
    Refused {
        /// Why.
        refusal: VolumeRefusal,
        /// Names of the files that differ from their checksums or are missing; the first hundred of each.
        failed: Vec<String>,
        /// What was counted all the same.
        acceptance: Box<VolumeAcceptance>,
        /// What was seen of the bytes.
        seen: Box<SeenArchive>,
    },
    /// Beyond what an honest archive holds; refused without unpacking anything.
    #[error("the archive is refused: {detail} ({limit})")]
    Hostile {
        /// Which limit.
        limit: ArchiveLimit,
        /// What was met.
        detail: String,
        /// What was seen of the bytes.
        seen: Box<SeenArchive>,
    },
    /// It is encrypted to public keys, and no secret key that is given opens it.
    #[error("{what}; archive.secret_key_file names the secret key")]
    NoSecretKey {
        /// To which.
        what: String,
    },
    /// An OpenPGP message of a kind that cannot be read here.
    #[error("this kind of encrypted archive is not supported: {what}")]
    Unsupported {
        /// What it would need.
        what: String,
    },
    /// Its encryption has no integrity check, and the settings want one.
    #[error(
        "its encryption has no integrity check; archive.accept_unauthenticated = true takes such archives where checksums prove every page"
    )]
    NoIntegrityCheck,
    /// Its tar has a form that honest archives may have and that is not read here: nothing is known against it.
    #[error(
        "its tar has a form that is not read here: {what}; unpack it with GNU tar, and look whether it is the book"
    )]
    UnreadTar {
        /// Which form.
        what: String,
        /// What was seen of the bytes.
        seen: Box<SeenArchive>,
    },
    /// The reader that was given failed; the very error is inside, so that its owner can look into it.
    #[error("the archive could not be read: {0}")]
    Input(#[source] io::Error),
    /// The writer for the decrypted archive failed.
    #[error("the decrypted archive could not be written: {0}")]
    Sink(#[source] io::Error),
    /// The writer for the page texts, or the temporary file they wait in, failed.
    #[error("the page texts could not be written: {0}")]
    Text(#[source] io::Error),
}

/// Characters that are kept of what is said for people: what an archive holds may stand in it.
const SAID: usize = 400;

/// A text cut to a length that people read.
pub(super) fn shortened(text: impl Into<String>) -> String {
    let mut text = text.into();
    if let Some((cut, _)) = text.char_indices().nth(SAID) {
        text.truncate(cut);
        text.push('\u{2026}');
    }
    text
}

fn first_of(failed: &[String]) -> String {
    failed
        .first()
        .map_or_else(String::new, |first| format!(" ({}, first {first})", failed.len()))
}

fn page_of(refusal: AnswerRefusal) -> &'static str {
    match refusal {
        AnswerRefusal::SignIn => "a sign-in page",
        _ => "\"Your request is unavailable\"",
    }
}

/// Which check found damage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DamageKind {
    /// The message's integrity check (MDC or AEAD tag) failed.
    #[error("its OpenPGP integrity check failed")]
    Integrity,
    /// The packets do not follow each other as they must.
    #[error("its OpenPGP structure is broken: {0}")]
    Packets(String),
    /// Integrity was good, so it was encrypted in this state: gzip cannot be inflated.
    #[error("its gzip stream is broken: {0}")]
    Gzip(String),
    /// Integrity was good, so it was encrypted in this state: the tar inside is broken.
    #[error("its tar is broken: {0}")]
    Tar(String),
}

/// Which limit an archive went beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArchiveLimit {
    /// Number of tar entries.
    Entries,
    /// Length of a member's name.
    NameLength,
    /// Size of one member.
    MemberSize,
    /// Sum of the sizes of all members.
    TotalSize,
    /// Unpacked bytes for each packed byte.
    ExpansionRatio,
    /// Number of gzip members behind each other.
    GzipMembers,
    /// A name that is absolute or climbs with `..`.
    UnsafeName,
    /// A symbolic or hard link.
    Link,
    /// A device, or another special file with bytes of its own.
    SpecialFile,
    /// Extended header blocks (GNU long names, pax) beyond their size.
    HeaderSize,
    /// Length of the checksum lists.
    ChecksumList,
    /// Length of one page's text.
    PageText,
}

impl ArchiveLimit {
    /// The limit's name in logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Entries => "entries",
            Self::NameLength => "name_length",
            Self::MemberSize => "member_size",
            Self::TotalSize => "total_size",
            Self::ExpansionRatio => "expansion_ratio",
            Self::GzipMembers => "gzip_members",
            Self::UnsafeName => "unsafe_name",
            Self::Link => "link",
            Self::SpecialFile => "special_file",
            Self::HeaderSize => "header_size",
            Self::ChecksumList => "checksum_list",
            Self::PageText => "page_text",
        }
    }
}

impl std::fmt::Display for ArchiveLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What was seen of an archive by the time it failed: enough to tell whether a second fetch gave the same bytes, and to
/// keep the decrypted bytes (which the sink already has) in quarantine under their digest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenArchive {
    /// Bytes read from the input.
    pub encrypted_bytes: u64,
    /// XXH3-128 over all bytes read from the input: equal for two fetches of the same bytes.
    pub fingerprint: [u8; 16],
    /// SHA-256 of the decrypted archive, if all of it was there and its integrity check was good.
    pub sha256: Option<[u8; 32]>,
    /// Size of the decrypted archive as far as it came.
    pub bytes: u64,
    /// What was noticed.
    pub findings: Vec<ArchiveFinding>,
}

impl ArchiveError {
    /// The reason as catalog, logs and metrics name it.
    pub fn reason(&self) -> FailureReason {
        match self {
            Self::WrongPassphrase => FailureReason::WrongPassphrase,
            Self::NoPassphrase => FailureReason::NoPassphrase,
            Self::NoSecretKey { .. } => FailureReason::NoSecretKey,
            Self::Damaged { .. } => FailureReason::Damaged,
            Self::Truncated { .. } => FailureReason::Truncated,
            Self::NotAnArchive { .. } => FailureReason::NotAnArchive,
            Self::RefusedByGrin {
                refusal: AnswerRefusal::SignIn,
            } => FailureReason::SignedOut,
            Self::RefusedByGrin { .. } => FailureReason::Unavailable,
            Self::Refused { refusal, .. } => refusal.reason(),
            Self::NoIntegrityCheck => FailureReason::Unauthenticated,
            Self::Hostile { .. } => FailureReason::Hostile,
            Self::Unsupported { .. } | Self::UnreadTar { .. } | Self::OtherContent { .. } => FailureReason::Unsupported,
            Self::Input(_) => FailureReason::Input,
            Self::Sink(_) => FailureReason::Sink,
            Self::Text(_) => FailureReason::Text,
        }
    }

    /// What was seen of the bytes; `None` where the pass stopped at the head or outside the archive.
    pub fn seen(&self) -> Option<&SeenArchive> {
        match self {
            Self::Damaged { seen, .. }
            | Self::Truncated { seen }
            | Self::Refused { seen, .. }
            | Self::UnreadTar { seen, .. }
            | Self::OtherContent { seen, .. }
            | Self::Hostile { seen, .. } => Some(seen),
            _ => None,
        }
    }

    /// What was noticed before the pass failed.
    pub fn findings(&self) -> &[ArchiveFinding] {
        self.seen().map_or(&[], |seen| &seen.findings)
    }
}

/// A fault on its way through the layers, inside an [`io::Error`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LayerFault {
    #[error("cut short")]
    Truncated,
    #[error("{0}")]
    Damaged(#[from] DamageKind),
    #[error("{1} ({0})")]
    Hostile(ArchiveLimit, String),
    #[error("wrong passphrase")]
    WrongPassphrase,
    #[error("no passphrase")]
    NoPassphrase,
    #[error("{0}")]
    NoSecretKey(String),
    #[error("not an archive: {0}")]
    NotAnArchive(&'static str),
    /// As before, of what was decrypted whole.
    #[error("not a tar.gz: {0}")]
    OtherContent(&'static str),
    #[error("not supported: {0}")]
    Unsupported(String),
    #[error("no integrity check")]
    NoIntegrityCheck,
    #[error("a tar that is not read: {0}")]
    UnreadTar(String),
    /// The input failed; the error itself stays with the source.
    #[error("input failed")]
    Input,
    /// The sink failed; the error itself stays with the tee.
    #[error("sink failed")]
    Sink,
    /// The spool of the page texts failed; the error itself stays with the scan.
    #[error("text spool failed")]
    Text,
}

impl LayerFault {
    /// The fault inside an error; an error from elsewhere is `otherwise`.
    pub(super) fn of(error: &io::Error, otherwise: fn(String) -> DamageKind) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()) {
            Some(fault) => fault.clone(),
            None if error.kind() == io::ErrorKind::UnexpectedEof => Self::Truncated,
            None => Self::Damaged(otherwise(shortened(error.to_string()))),
        }
    }

    pub(super) fn packets(what: impl Into<String>) -> Self {
        Self::Damaged(DamageKind::Packets(shortened(what)))
    }
}

impl From<LayerFault> for io::Error {
    fn from(fault: LayerFault) -> Self {
        Self::other(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_cut_between_characters() {
        let cases = [
            (String::new(), 0),
            ("a".repeat(SAID), SAID),
            ("a".repeat(SAID + 1), SAID + 1),
            ("\u{fc}".repeat(14_469), SAID + 1),
        ];
        for (text, expected) in cases {
            let error = io::Error::other(text.clone());
            let LayerFault::Damaged(DamageKind::Packets(said)) = LayerFault::of(&error, DamageKind::Packets) else {
                panic!("another fault");
            };
            assert_eq!(said.chars().count(), expected);
            assert_eq!(said.ends_with('\u{2026}'), text.chars().count() > SAID);
        }
    }
}
