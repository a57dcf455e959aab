//! An object of the storage into a file, compared with its digest on the way.

use std::io::{self, Read, Write};
use std::path::Path;

use tokio_util::sync::CancellationToken;

use crate::archive::BookManifest;
use crate::catalog::RecordedBook;
use crate::pipeline::package::contents::PackageContents;
use crate::pipeline::package::error::PackageError;
use crate::pipeline::package::folder::new_file;
use crate::storage::{ObjectKey, Storage, StorageError, StorageLayout, TransferFault, copy_digested};

/// Reads objects of one book.
pub(super) struct ObjectCopier<'a> {
    pub storage: &'a Storage,
    pub cut: &'a CancellationToken,
    /// Told of bytes as they are copied.
    pub progress: &'a mut dyn FnMut(u64),
}

impl ObjectCopier<'_> {
    /// What belongs to the book, by its manifest.
    pub fn contents(&self, recorded: &RecordedBook, layout: &StorageLayout) -> Result<PackageContents, PackageError> {
        // The catalog has books of other programs, too.
        let barcode = recorded.barcode.as_ref().ok_or(PackageError::NotStored)?;
        let key = layout.manifest(barcode);
        let object = self.storage.open_read(&key).map_err(|error| self.absent(&key, error))?;
        let text = BookManifest::bytes_of(object).map_err(StorageError::from_read)?;
        PackageContents::of(recorded, key, text)
    }

    /// Into a new file, which is durable afterwards; how many bytes it has. A file whose object is not what was stored is for the caller to
    /// remove, with all beside it.
    pub fn copy(&mut self, contents: &PackageContents, key: &ObjectKey, to: &Path) -> Result<u64, PackageError> {
        let mut file = new_file(to)?;
        let bytes = if *key == contents.manifest_key {
            file.write_all(&contents.manifest).map_err(PackageError::at(to))?;
            contents.manifest.len() as u64
        } else {
            let expected = contents.objects.get(key).map(String::as_str);
            self.stream(key, expected.unwrap_or_default(), &mut file, to)?
        };
        file.sync_all().map_err(PackageError::at(to))?;
        Ok(bytes)
    }

    fn stream(
        &mut self,
        key: &ObjectKey,
        expected: &str,
        file: &mut impl Write,
        to: &Path,
    ) -> Result<u64, PackageError> {
        let object = self.storage.open_read(key).map_err(|error| self.absent(key, error))?;
        let watched = WatchedRead {
            object,
            cut: self.cut,
            progress: self.progress,
        };
        let copied = match copy_digested(watched, file) {
            Ok(copied) => copied,
            Err(TransferFault::Source(_)) if self.cut.is_cancelled() => return Err(PackageError::Cut),
            Err(TransferFault::Source(error)) => return Err(StorageError::from_read(error).into()),
            Err(TransferFault::Target(error)) => return Err(PackageError::at(to)(error)),
        };
        if copied.sha256 != expected {
            let detail = format!("its SHA-256 is {}, and {expected} is recorded", copied.sha256);
            return Err(PackageError::damaged(key, detail));
        }
        Ok(copied.bytes)
    }

    /// What is not there is missing only from a storage that is the right one.
    fn absent(&self, key: &ObjectKey, error: StorageError) -> PackageError {
        match (error, self.storage.prove_marker()) {
            (_, Err(away)) => away.into(),
            (StorageError::NotFound(key), Ok(())) => PackageError::Missing(key),
            (error @ StorageError::NotAFile { .. }, Ok(())) => PackageError::damaged(key, error.to_string()),
            (error, Ok(())) => error.into(),
        }
    }
}

/// An object as it is read: told of, and broken off when the export is cut.
struct WatchedRead<'a, R> {
    object: R,
    cut: &'a CancellationToken,
    progress: &'a mut dyn FnMut(u64),
}

impl<R: Read> Read for WatchedRead<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cut.is_cancelled() {
            return Err(io::Error::other("the export was cut"));
        }
        let count = self.object.read(buffer)?;
        (self.progress)(count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::package::contents::tests::{contents, key};
    use crate::storage::StorageConfig;

    #[test]
    fn what_stands_in_an_objects_place_is_this_books_fault() {
        let home = tempfile::tempdir().unwrap();
        let library = home.path().join("library");
        let storage = Storage::open(&StorageConfig::of_url(format!("file://{}", library.display()))).unwrap();
        let archive = key("raw/AAA1/AAA1.tar.gz");
        std::fs::create_dir_all(library.join(archive.as_str())).unwrap();
        let (cut, mut progress) = (CancellationToken::new(), |_: u64| {});
        let mut copier = ObjectCopier {
            storage: &storage,
            cut: &cut,
            progress: &mut progress,
        };
        let copied = copier.copy(&contents("AAA1", "a"), &archive, &home.path().join("copy"));
        let error = copied.unwrap_err();
        assert_eq!(error.of_book(), Some("damaged"), "{error}");
    }
}
