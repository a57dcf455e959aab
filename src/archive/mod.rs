//! One pass over an archive: decrypt, digest, scan, check, extract.

mod acceptance;
mod book_names;
mod digest;
mod encoding;
mod error;
mod findings;
mod folder_owners;
mod image_head;
mod inflate;
mod inspect;
mod key_trial;
mod limits;
mod manifest;
mod member_index;
mod member_read;
mod members;
mod mets;
mod names;
mod object_names;
mod openpgp;
mod page_names;
mod page_number;
mod page_numbers;
mod pages;
mod pass;
mod scan;
mod source;
mod tee;
mod verify;
mod volume;

pub(crate) use crate::archive::acceptance::{VolumeAcceptance, VolumeRefusal};
pub use crate::archive::digest::{ChecksumList, hex};
pub(crate) use crate::archive::error::SeenArchive;
pub use crate::archive::error::{ArchiveError, ArchiveLimit, DamageKind};
pub(crate) use crate::archive::findings::{ArchiveFinding, FindingCode};
#[cfg(feature = "lab")]
pub(crate) use crate::archive::inflate::{CompressionWrap, InflateReader};
pub(crate) use crate::archive::inspect::ArchiveInspection;
pub use crate::archive::inspect::{inspect, parse_mets};
pub(crate) use crate::archive::key_trial::try_keys;
pub use crate::archive::limits::ArchiveLimits;
pub use crate::archive::manifest::BookManifest;
pub(crate) use crate::archive::manifest::{ManifestCompanion, ManifestProvenance};
pub(crate) use crate::archive::member_index::{MemberIndex, MemberMatch};
pub(crate) use crate::archive::member_read::{MemberReadError, read_member};
#[cfg(feature = "lab")]
pub(crate) use crate::archive::members::TarMembers;
pub use crate::archive::mets::RecordKind;
pub(crate) use crate::archive::mets::RecordParts;
pub(crate) use crate::archive::openpgp::BadSecretKey;
pub use crate::archive::openpgp::SecretKey;
pub(crate) use crate::archive::page_numbers::PageNumbers;
pub use crate::archive::pass::{process, process_plain};
pub(crate) use crate::archive::pass::{read_encrypted, read_plain};
pub(crate) use crate::archive::volume::ReadVolume;
pub use crate::archive::volume::{PassOptions, ProvenVolume};
