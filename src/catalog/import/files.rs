//! The stored files of a `grin-transfer` run, and whether they are what they are called.

use std::io::{self, Read};

use crate::catalog::{BegunPublication, StoredFinding};
use crate::grin::Barcode;
use crate::vocabulary::MarcFields;

/// Where a run's decrypted archives are. Whoever knows the storage brings it; it may copy each archive into ours on the way.
pub trait StoredFiles {
    /// The barcodes under which something is stored.
    fn names(&mut self) -> io::Result<Box<dyn Iterator<Item = io::Result<String>> + '_>>;

    /// Looks at the stored archive of a book, of which the catalog has one recorded at `recorded`; `None` if there is none. Before the first object of it is published, `begin` is
    /// called once; where it refuses, nothing is published.
    fn adopt(
        &mut self,
        barcode: &Barcode,
        etag: Option<&str>,
        recorded: Option<&str>,
        begin: &mut BeginAdoption<'_>,
    ) -> Result<Option<AdoptedArchive>, ArchiveUnfit>;
}

/// Asks for leave to publish this archive of the book.
pub type BeginAdoption<'a> = dyn FnMut(&BegunPublication) -> Result<(), ArchiveUnfit> + 'a;

/// An archive that is really there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdoptedArchive {
    /// Where it is, within the storage.
    pub storage_path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal digits; `None`: not read yet.
    pub sha256: Option<String>,
    /// ETag that stands beside the object itself.
    pub encrypted_etag: Option<String>,
    /// Pages, if it was looked into.
    pub page_count: Option<u64>,
    /// Pages with text, if it was looked into.
    pub text_pages: Option<u64>,
    /// Whether every page agreed with a listed digest, if it was looked into.
    pub verified: Option<bool>,
    /// The worst finding, if it was looked into.
    pub worst_finding: Option<StoredFinding>,
    /// The catalogue record, if it was looked into.
    pub marc: Option<MarcFields>,
    /// It lay in our storage before, and stays in place of the run's.
    pub stays: bool,
}

/// Why a stored file is no archive that could be taken over.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveUnfit {
    /// It has no bytes.
    #[error("the stored file is empty")]
    Empty,
    /// It does not begin as gzip does.
    #[error("the stored file is no gzip file: it begins with {0:02x?}")]
    NotGzip(Vec<u8>),
    /// Its end is missing, a checksum is wrong, or it is no volume.
    #[error("the stored file is not whole: {0}")]
    Damaged(String),
    /// What is stored of the book already is better.
    #[error("what is stored already stays: {0}")]
    Worse(String),
    /// A worker has the book, or an archive of it came to be stored meanwhile.
    #[error("the book is being worked on, or was stored meanwhile; it is left as it is")]
    NotFree,
    /// It cannot be read.
    #[error("the stored file cannot be read: {0}")]
    Unreadable(io::Error),
    /// Our own storage did not take what came of it: nothing more can be taken over.
    #[error("our own storage did not take it: {0}")]
    Ours(io::Error),
}

/// First bytes of a gzip file that holds a deflate stream (RFC 1952, section 2.3.1).
const GZIP: [u8; 3] = [0x1f, 0x8b, 0x08];

/// Whether a stored file begins as an archive does; of the rest it says nothing.
pub fn check_beginning(file: impl Read) -> Result<(), ArchiveUnfit> {
    let mut beginning = Vec::new();
    file.take(3)
        .read_to_end(&mut beginning)
        .map_err(ArchiveUnfit::Unreadable)?;
    match beginning.as_slice() {
        [] => Err(ArchiveUnfit::Empty),
        start if start == GZIP => Ok(()),
        _ => Err(ArchiveUnfit::NotGzip(beginning)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_file_tells_what_is_no_archive() {
        assert!(check_beginning(&[0x1f, 0x8b, 0x08, 0][..]).is_ok());
        assert!(matches!(check_beginning(&b""[..]), Err(ArchiveUnfit::Empty)));
        assert!(matches!(check_beginning(&b"<html>"[..]), Err(ArchiveUnfit::NotGzip(start)) if start == b"<ht"));
    }
}
