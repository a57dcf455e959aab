//! The export of the schedule: the catalog as CSV, for other programs.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::civil::DateTime;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{CopyMaker, CutStream, KeptCopyError};
use crate::archive::hex;
use crate::catalog::{CatalogReader, ExportFilter};
use crate::clock::SystemClock;
use crate::storage::{ObjectKey, ObjectMeta, ObjectUpload, StorageError, TransferFault, copy_digested};

impl CopyMaker {
    /// Where the layout has the table a second time, by its time, that one comes first.
    pub(super) fn export(&self, now: DateTime, cut: &CancellationToken) -> Result<(), KeptCopyError> {
        let (unproven, key, dated) = (
            self.layout.unproven_table(),
            self.layout.table(),
            self.layout.dated_table(now),
        );
        let books = self.put_in_place(&unproven, &key, |key| {
            let keys: Vec<_> = dated.iter().chain([key]).collect();
            self.put_table(&keys, cut)
        })?;
        info!(books, %key, "the catalog was exported, read back and compared");
        Ok(())
    }

    /// Puts the table into the storage under each of these names, reads it back and compares; what differs is removed. Comes back with the
    /// number of books in it.
    fn put_table(&self, keys: &[&ObjectKey], cut: &CancellationToken) -> Result<u64, KeptCopyError> {
        let reader = CatalogReader::open_at(&self.catalog, SystemClock::system())?;
        let uploads = keys.iter().map(|key| self.storage.begin(key, &ObjectMeta::default()));
        let uploads = TableUploads {
            uploads: uploads.collect::<Result<_, _>>()?,
            digest: Sha256::new(),
        };
        let mut packed = GzEncoder::new(CutStream { inner: uploads, cut }, Compression::default());
        let books = reader.export_csv(&ExportFilter::default(), &mut packed)?;
        let packed = packed.finish().map_err(KeptCopyError::of_stream)?;
        let sha256 = packed.inner.publish()?;
        keys.iter().try_for_each(|key| self.prove(key, &sha256, cut))?;
        Ok(books)
    }

    /// Reads an object back; one that is not what was written is removed.
    fn prove(&self, key: &ObjectKey, sha256: &str, cut: &CancellationToken) -> Result<(), KeptCopyError> {
        let object = self.storage.open_read(key)?;
        let read = copy_digested(CutStream { inner: object, cut }, &mut io::sink());
        let read = read
            .map_err(|(TransferFault::Source(error) | TransferFault::Target(error))| KeptCopyError::of_stream(error))?;
        if read.sha256 == sha256 {
            return Ok(());
        }
        self.storage.remove(key)?;
        Err(KeptCopyError::Differs(key.clone()))
    }
}

/// The table on its way to each of its names.
struct TableUploads {
    uploads: Vec<ObjectUpload>,
    digest: Sha256,
}

impl TableUploads {
    /// Comes back with the digest of what was written.
    fn publish(self) -> Result<String, StorageError> {
        self.uploads
            .into_iter()
            .try_for_each(|upload| upload.publish().map(drop))?;
        Ok(hex(&self.digest.finalize()))
    }
}

impl Write for TableUploads {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.uploads.iter_mut().try_for_each(|upload| upload.write_all(bytes))?;
        self.digest.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.uploads.iter_mut().try_for_each(Write::flush)
    }
}
