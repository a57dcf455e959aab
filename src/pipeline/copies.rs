//! Copies of the catalog in the storage: the export for other programs, and backups, each read back and compared before it counts.
//!
//! Blocking; each copy has a thread of its own and a temporary folder, beside the catalog where that is a file.

mod schedule;
mod scratch;
mod table;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::archive::hex;
use crate::catalog::{
    CatalogAddress, CatalogCopyError, CatalogError, CatalogReader, ExportError, KeptCopy, check_backup,
};
use crate::clock::SystemClock;
use crate::storage::{ObjectKey, ObjectMeta, Storage, StorageError, StorageLayout};

pub(crate) use schedule::DatedBackups;
pub(super) use schedule::{began_at, due, jitter, made_at};
pub(crate) use scratch::CopyScratch;

/// Why a copy was not made, or cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeptCopyError {
    /// The catalog could not be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Its rows could not be copied.
    #[error(transparent)]
    Rows(#[from] CatalogCopyError),
    /// The storage did not take it, or did not give it back.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The temporary file could not be written or read.
    #[error("the temporary copy: {0}")]
    Scratch(#[source] io::Error),
    /// What the storage gave back is not what it was given.
    #[error("{0} is not in the storage as it was written; it was removed")]
    Differs(ObjectKey),
    /// The storage has backups, and this catalog made none: its file was lost, or it is another library's.
    #[error(
        "the storage has backups of another catalog, {0} the newest: to go on with that one, stop the daemon, remove this catalog and run \
         `grind restore`; to begin anew, move those backups to another place"
    )]
    OfAnother(ObjectKey),
    /// There is no backup.
    #[error("there is no backup in the storage")]
    NoBackup,
}

impl From<ExportError> for KeptCopyError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Catalog(error) => Self::Catalog(error),
            ExportError::Write(error) => Self::of_stream(error),
        }
    }
}

impl KeptCopyError {
    /// An error of a stream is the storage's, or that of the temporary file.
    fn of_stream(error: io::Error) -> Self {
        match StorageError::of(&error) {
            Some(_) => Self::Storage(StorageError::from_read(error)),
            None => Self::Scratch(error),
        }
    }
}

/// Makes copies of the catalog.
#[derive(Clone)]
pub(crate) struct CopyMaker {
    /// The catalog.
    pub catalog: CatalogAddress,
    /// Where they go.
    pub storage: Storage,
    /// Under which names.
    pub layout: StorageLayout,
}

impl CopyMaker {
    /// Removes what earlier processes left half-made beside the catalog.
    pub fn sweep(&self) {
        scratch::sweep(&self.catalog);
    }

    /// Makes a copy, called after the moment `now` where its name has one; cut, it leaves nothing under a copy's name.
    pub fn make(&self, copy: KeptCopy, now: Timestamp, cut: &CancellationToken) -> Result<(), KeptCopyError> {
        let now = in_utc(now);
        match copy {
            KeptCopy::Export => self.export(now, cut),
            KeptCopy::Backup => self.back_up(now.date(), cut),
        }
    }

    fn back_up(&self, day: Date, cut: &CancellationToken) -> Result<(), KeptCopyError> {
        let scratch = self.scratch()?;
        let path = scratch.path().join("catalog.db");
        let reader = CatalogReader::open_at(&self.catalog, SystemClock::system())?;
        reader.copy_to(&path, &|| !cut.is_cancelled())?;
        let (unproven, key) = (self.layout.unproven_backup(), self.layout.backup(day));
        let books = self.put_in_place(&unproven, &key, |key| self.put_proven(&path, key, cut))?;
        info!(books, %key, "a backup of the catalog was made, read back and found whole");
        // The backup is good all the same, and would be made again and again otherwise.
        if let Err(error) = self.rotate(&key, day) {
            warn!(%error, "old backups of the catalog could not be removed");
        }
        Ok(())
    }

    /// Under a name of its own until it is proven: nothing that was read back is replaced by what was not. Only a storage that cannot
    /// rename gets it once more, over the one before, before that one is read back.
    fn put_in_place<T>(
        &self,
        unproven: &ObjectKey,
        key: &ObjectKey,
        put: impl Fn(&ObjectKey) -> Result<T, KeptCopyError>,
    ) -> Result<T, KeptCopyError> {
        let mut proven = put(unproven)?;
        if let Err(error) = self.storage.rename(unproven, key) {
            info!(%error, %key, "the storage cannot give the copy of the catalog its name, so it is sent once more");
            proven = put(key)?;
            self.storage.remove(unproven)?;
        }
        Ok(proven)
    }

    /// Puts a copy of the catalog into the storage, reads it back and compares; what differs is removed. The file is then what was read
    /// back. Comes back with the number of books in it.
    fn put_proven(&self, path: &Path, key: &ObjectKey, cut: &CancellationToken) -> Result<u64, KeptCopyError> {
        let rows = check_backup(path)?;
        let sha256 = self.publish(path, key, cut)?;
        std::fs::remove_file(path).map_err(KeptCopyError::Scratch)?;
        let is_same = self.fetch(key, path, cut).and_then(|found| {
            // Only what the storage gave back is looked at: that is what a restore would get.
            Ok(found == sha256 && check_backup(path)? == rows)
        });
        if is_same.as_ref().map_or_else(shows_damage, |same| !same) && !cut.is_cancelled() {
            self.storage.remove(key)?;
            return Err(KeptCopyError::Differs(key.clone()));
        }
        is_same?;
        Ok(rows.get("books").copied().unwrap_or_default())
    }

    /// Packs a file into the storage; comes back with the digest of what is in it.
    fn publish(&self, path: &Path, key: &ObjectKey, cut: &CancellationToken) -> Result<String, KeptCopyError> {
        let mut plain = DigestStream::of(File::open(path).map_err(KeptCopyError::Scratch)?);
        let upload = self.storage.begin(key, &ObjectMeta::default())?;
        let mut packed = GzEncoder::new(CutStream { inner: upload, cut }, Compression::fast());
        io::copy(&mut plain, &mut packed).map_err(KeptCopyError::of_stream)?;
        packed.finish().map_err(KeptCopyError::of_stream)?.inner.publish()?;
        Ok(plain.sha256())
    }

    /// Unpacks an object into a file; comes back with the digest of what is in it.
    pub fn fetch(&self, key: &ObjectKey, path: &Path, cut: &CancellationToken) -> Result<String, KeptCopyError> {
        let object = self.storage.open_read(key)?;
        unpack(CutStream { inner: object, cut }, path)
    }

    /// The newest backup in the storage.
    pub fn newest_backup(&self, now: Timestamp) -> Result<ObjectKey, KeptCopyError> {
        let backups = self.backups(now)?;
        backups.to_try().next().cloned().ok_or(KeptCopyError::NoBackup)
    }

    /// The backups in the storage, as they are judged at this moment.
    pub fn backups(&self, now: Timestamp) -> Result<DatedBackups, KeptCopyError> {
        self.backups_on(in_utc(now).date())
    }

    fn backups_on(&self, today: Date) -> Result<DatedBackups, KeptCopyError> {
        let listed = self.storage.list(Some(self.layout.meta_folder()))?;
        let keys: Result<Vec<_>, _> = listed.map(|object| object.map(|object| object.key)).collect();
        Ok(DatedBackups::among(keys?, &self.layout, today))
    }

    /// Removes old backups, of which the one just made today is none.
    fn rotate(&self, made: &ObjectKey, today: Date) -> Result<(), KeptCopyError> {
        let backups = self.backups_on(today)?;
        for key in backups.outdated(made) {
            self.storage.remove(key)?;
            info!(%key, "an old backup of the catalog was removed");
        }
        if let Some(newest) = backups.ahead.first() {
            let count = backups.ahead.len();
            warn!(count, %newest, "backups of the catalog are dated in the future; they stay, and are not taken for the newest");
        }
        Ok(())
    }

    /// A folder beside the catalog, for as long as a copy is made or looked at.
    pub fn scratch(&self) -> Result<CopyScratch, KeptCopyError> {
        CopyScratch::for_catalog(&self.catalog).map_err(KeptCopyError::Scratch)
    }
}

fn in_utc(at: Timestamp) -> DateTime {
    at.to_zoned(TimeZone::UTC).datetime()
}

/// What was read is no catalog, or is not what gzip wrote; a full disk beside the catalog says nothing of it.
fn shows_damage(error: &KeptCopyError) -> bool {
    use io::ErrorKind as K;
    match error {
        KeptCopyError::Catalog(_) => true,
        KeptCopyError::Scratch(error) => matches!(error.kind(), K::InvalidData | K::InvalidInput | K::UnexpectedEof),
        _ => false,
    }
}

/// Unpacks what is packed with gzip into a file, and takes anything else as it is; comes back with the digest of what is in the file.
pub(crate) fn unpack(packed: impl Read, path: &Path) -> Result<String, KeptCopyError> {
    let mut packed = BufReader::new(packed);
    let is_packed = io::BufRead::fill_buf(&mut packed)
        .map_err(KeptCopyError::of_stream)?
        .starts_with(&[0x1f, 0x8b]);
    let plain: Box<dyn Read + '_> = match is_packed {
        true => Box::new(GzDecoder::new(packed)),
        false => Box::new(packed),
    };
    let mut plain = DigestStream::of(plain);
    let mut file = File::create(path).map_err(KeptCopyError::Scratch)?;
    io::copy(&mut plain, &mut file).map_err(KeptCopyError::of_stream)?;
    Ok(plain.sha256())
}

/// Bytes that are digested while they are read.
struct DigestStream<R> {
    inner: R,
    digest: Sha256,
}

impl<R> DigestStream<R> {
    fn of(inner: R) -> Self {
        let digest = Sha256::new();
        Self { inner, digest }
    }

    fn sha256(self) -> String {
        hex(&self.digest.finalize())
    }
}

impl<R: Read> Read for DigestStream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.digest.update(&buffer[..count]);
        Ok(count)
    }
}

/// A stream that fails when the work is cut: a thread that copies can be ended by nothing else.
struct CutStream<'a, S> {
    inner: S,
    cut: &'a CancellationToken,
}

impl<S> CutStream<'_, S> {
    fn check(&self) -> io::Result<()> {
        match self.cut.is_cancelled() {
            true => Err(io::Error::other("the work was cut")),
            false => Ok(()),
        }
    }
}

impl<S: Read> Read for CutStream<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        self.inner.read(buffer)
    }
}

impl<S: Write> Write for CutStream<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check()?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
