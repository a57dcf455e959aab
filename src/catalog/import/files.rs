//! Room `catalog`: the stored files of a `grin-transfer` run, and whether they are what they are called.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::PathBuf;

use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use crate::catalog::MarcColumns;
use crate::grin::Barcode;

/// Where a run's decrypted archives are. Implemented here for its local layout; other storages bring their own, which
/// may copy each archive into ours on the way.
pub trait StoredFiles {
    /// The barcodes under which something is stored.
    fn names(&mut self) -> io::Result<Box<dyn Iterator<Item = io::Result<String>> + '_>>;

    /// Looks at the stored archive of a book; `None` if there is none.
    fn adopt(&mut self, barcode: &Barcode) -> Result<Option<AdoptedArchive>, Unfit>;
}

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
    /// The catalogue record, if it was looked into.
    pub marc: Option<MarcColumns>,
}

/// Why a stored file is no archive that could be taken over.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It has no bytes.
    #[error("the stored file is empty")]
    Empty,
    /// It does not begin as gzip does.
    #[error("the stored file is no gzip file: it begins with {0:02x?}")]
    NotGzip(Vec<u8>),
    /// Its end is missing, or its checksum is wrong.
    #[error("the stored file is cut off or damaged: {0}")]
    Damaged(String),
    /// It cannot be read.
    #[error("the stored file cannot be read: {0}")]
    Unreadable(io::Error),
}

/// How closely stored files are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Size and first bytes; the digest is left for a later `verify`. A cut-off file is not noticed.
    Quick,
    /// Read to the end: digest, and gzip's own checksum, which shows a cut-off or damaged file.
    Full,
}

/// The local layout: `<base>/raw/<barcode>/<barcode>.tar.gz`.
#[derive(Debug)]
pub struct LocalFiles {
    base: PathBuf,
    raw: String,
    depth: Depth,
}

impl LocalFiles {
    /// The run's files under this folder.
    pub fn new(base: impl Into<PathBuf>, depth: Depth) -> Self {
        Self {
            base: base.into(),
            raw: "raw".into(),
            depth,
        }
    }

    /// With the archives in another folder than `raw` (`storage.raw_prefix`).
    #[must_use]
    pub fn under(self, raw: &str) -> Self {
        Self {
            raw: raw.into(),
            ..self
        }
    }
}

impl StoredFiles for LocalFiles {
    fn names(&mut self) -> io::Result<Box<dyn Iterator<Item = io::Result<String>> + '_>> {
        let folder = self.base.join(&self.raw);
        if !folder.is_dir() {
            return Ok(Box::new(std::iter::empty()));
        }
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let names = fs::read_dir(folder)?.map(move |entry| entry.map(name));
        Ok(Box::new(names))
    }

    fn adopt(&mut self, barcode: &Barcode) -> Result<Option<AdoptedArchive>, Unfit> {
        let storage_path = format!("{}/{barcode}/{barcode}.tar.gz", self.raw);
        let path = self.base.join(&storage_path);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(Unfit::Unreadable)?,
        };
        let bytes = file.metadata().map_err(Unfit::Unreadable)?.len();
        let sha256 = look_at(|| File::open(&path), self.depth)?;
        Ok(Some(AdoptedArchive {
            storage_path,
            bytes,
            sha256,
            ..AdoptedArchive::default()
        }))
    }
}

/// First bytes of a gzip file that holds a deflate stream (RFC 1952, section 2.3.1).
const GZIP: [u8; 3] = [0x1f, 0x8b, 0x08];

/// Looks at a stored file, opened anew for each look; comes back with its digest in hexadecimal digits if it was read whole.
pub fn look_at<R: Read>(open: impl Fn() -> io::Result<R>, depth: Depth) -> Result<Option<String>, Unfit> {
    check_beginning(open().map_err(Unfit::Unreadable)?)?;
    match depth {
        Depth::Quick => Ok(None),
        Depth::Full => open().map_err(Unfit::Unreadable).and_then(check_whole).map(Some),
    }
}

fn check_beginning(file: impl Read) -> Result<(), Unfit> {
    let mut beginning = Vec::new();
    file.take(3).read_to_end(&mut beginning).map_err(Unfit::Unreadable)?;
    match beginning.as_slice() {
        [] => Err(Unfit::Empty),
        start if start == GZIP => Ok(()),
        _ => Err(Unfit::NotGzip(beginning)),
    }
}

/// Reads a gzip file to its end, every byte of it; comes back with the digest of the file.
fn check_whole(file: impl Read) -> Result<String, Unfit> {
    let mut digested = Digested {
        inner: BufReader::with_capacity(256 << 10, file),
        digest: Sha256::new(),
    };
    let mut content = MultiGzDecoder::new(&mut digested);
    io::copy(&mut content, &mut io::sink()).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            Unfit::Damaged(error.to_string())
        }
        _ => Unfit::Unreadable(error),
    })?;
    drop(content);
    io::copy(&mut digested, &mut io::sink()).map_err(Unfit::Unreadable)?;
    let digest = digested.digest.finalize();
    Ok(digest.iter().fold(String::with_capacity(64), |mut out, byte| {
        use std::fmt::Write as _;
        let _ = write!(out, "{byte:02x}");
        out
    }))
}

/// Digests what passes.
struct Digested<R> {
    inner: R,
    digest: Sha256,
}

impl<R: Read> Read for Digested<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.digest.update(&buffer[..n]);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut out = GzEncoder::new(Vec::new(), Compression::fast());
        out.write_all(content).unwrap();
        out.finish().unwrap()
    }

    fn look(content: &[u8], depth: Depth) -> Result<Option<AdoptedArchive>, Unfit> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("raw/TL0001")).unwrap();
        fs::write(folder.path().join("raw/TL0001/TL0001.tar.gz"), content).unwrap();
        LocalFiles::new(folder.path(), depth).adopt(&Barcode::parse("TL0001").unwrap())
    }

    #[test]
    fn a_whole_archive_is_taken_with_its_digest() {
        let whole = gzip(&vec![7; 100_000]);
        let found = look(&whole, Depth::Full).unwrap().unwrap();
        assert_eq!(found.bytes, whole.len() as u64);
        let expected = Sha256::digest(&whole);
        let hex: String = expected.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found.sha256, Some(hex));
        assert_eq!(look(&whole, Depth::Quick).unwrap().unwrap().sha256, None);
    }

    #[test]
    fn what_is_not_whole_is_not_taken() {
        let whole = gzip(&(0..100_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>());
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        assert!(matches!(
            look(&whole[..whole.len() - 1], Depth::Full),
            Err(Unfit::Damaged(_))
        ));
        assert!(matches!(look(&flipped, Depth::Full), Err(Unfit::Damaged(_))));
        assert!(matches!(look(b"", Depth::Quick), Err(Unfit::Empty)));
        assert!(matches!(look(b"<html>", Depth::Quick), Err(Unfit::NotGzip(_))));
    }

    #[test]
    fn archives_may_lie_in_another_folder_than_raw() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("archives/TL0001")).unwrap();
        fs::write(folder.path().join("archives/TL0001/TL0001.tar.gz"), gzip(b"x")).unwrap();
        let mut files = LocalFiles::new(folder.path(), Depth::Quick).under("archives");
        let found = files.adopt(&Barcode::parse("TL0001").unwrap()).unwrap().unwrap();
        assert_eq!(found.storage_path, "archives/TL0001/TL0001.tar.gz");
        assert_eq!(files.names().unwrap().count(), 1);
    }

    #[test]
    fn nothing_stored_is_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = LocalFiles::new(folder.path(), Depth::Full);
        assert_eq!(files.adopt(&Barcode::parse("TL0001").unwrap()).unwrap(), None);
        assert_eq!(files.names().unwrap().count(), 0);
    }
}
