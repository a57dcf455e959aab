//! Room `archive`: one pass over an archive: decrypt, digest, scan, check, extract.

mod digest;
mod error;
mod findings;
mod inflate;
mod inspect;
mod limits;
mod manifest;
mod members;
mod mets;
mod names;
mod openpgp;
mod pages;
mod pass;
mod scan;
mod source;
mod tee;
mod verify;
mod volume;

pub use digest::{ChecksumList, hex};
pub use error::{ArchiveError, Damage, Limit, Seen};
pub use findings::{Code, Finding, Level};
pub(crate) use inflate::{Inflate, Wrap};
pub use inspect::{Inspection, inspect, ocr_lines, parse_mets};
pub use limits::Limits;
pub use manifest::{Manifest, Provenance};
pub(crate) use members::Members;
pub use mets::{Marc, RecordKind};
pub use openpgp::{BadSecretKey, SecretKey};
pub use pass::{process, process_plain};
pub use volume::{Options, Volume};
