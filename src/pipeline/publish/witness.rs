//! What the store itself says about a book: its manifest where it agrees with the archive, else the archive.

use std::io;

use tracing::warn;

use crate::archive;
use crate::archive::{ArchiveError, BookManifest, PassOptions, VolumeRefusal};
use crate::grin::Barcode;
use crate::pipeline::publish::VolumeStanding;
use crate::storage::{Storage, StorageError, StorageLayout};

/// Largest manifest read; ours are a few KiB.
pub(in crate::pipeline) const MANIFEST_LIMIT: u64 = 4 << 20;

/// What is stored of a book.
#[derive(Debug, Clone)]
pub struct StoredWitness {
    /// What the replacement rule compares.
    pub standing: VolumeStanding,
    /// Its manifest, if there is one that can be read.
    pub manifest: Option<BookManifest>,
    /// The archive itself was read, not just its manifest.
    pub proven: bool,
}

/// Asks the store what it has of a book. `None`: no archive, or one of which nothing can be lost. With `prove` the archive itself is read, which
/// takes as long as reading it does; else a manifest is believed whose archive has the size it names.
///
/// # Errors
/// The store cannot be read: then nothing may be replaced.
pub fn stored_witness(
    storage: &Storage,
    layout: &StorageLayout,
    barcode: &Barcode,
    prove: bool,
) -> Result<Option<StoredWitness>, StorageError> {
    let Some(archive) = storage.stat(&layout.raw(barcode))? else {
        return Ok(None);
    };
    let manifest = read_manifest(storage, layout, barcode)?;
    if let Some(manifest) = &manifest
        && !prove
        && manifest.archive_bytes == archive.bytes
        && archive
            .meta
            .sha256
            .as_ref()
            .is_none_or(|sha256| *sha256 == manifest.sha256)
    {
        return Ok(Some(StoredWitness {
            standing: VolumeStanding::from(manifest),
            manifest: Some(manifest.clone()),
            proven: false,
        }));
    }
    let standing = read_archive(storage, layout, barcode)?;
    Ok(standing.map(|standing| StoredWitness {
        standing,
        manifest,
        proven: true,
    }))
}

/// The manifest; `None` if there is none, or what lies there is none.
pub(in crate::pipeline) fn read_manifest(
    storage: &Storage,
    layout: &StorageLayout,
    barcode: &Barcode,
) -> Result<Option<BookManifest>, StorageError> {
    let key = layout.manifest(barcode);
    match storage.stat(&key)? {
        Some(there) if there.bytes <= MANIFEST_LIMIT => {}
        _ => return Ok(None),
    }
    let manifest = serde_json::from_reader(io::BufReader::new(storage.open_read(&key)?));
    match manifest {
        Ok(manifest) => Ok(Some(manifest)),
        Err(error) if error.is_io() => Err(StorageError::from_read(error.into())),
        Err(error) => {
            warn!(%barcode, %error, "the manifest cannot be read; the archive itself is looked at");
            Ok(None)
        }
    }
}

/// Reads the stored archive as a download is read; `None` if nothing can be lost with it.
fn read_archive(
    storage: &Storage,
    layout: &StorageLayout,
    barcode: &Barcode,
) -> Result<Option<VolumeStanding>, StorageError> {
    let options = PassOptions {
        extract_text: false,
        extract_marc: false,
        ..PassOptions::default()
    };
    let archive = storage.open_read(&layout.raw(barcode))?;
    match archive::process_plain(archive, io::sink(), io::sink(), Some(barcode), &options) {
        Ok(volume) => Ok(Some(VolumeStanding::from(&volume))),
        Err(ArchiveError::Input(error) | ArchiveError::Sink(error) | ArchiveError::Text(error)) => {
            Err(StorageError::from_read(error))
        }
        Err(ArchiveError::Refused {
            refusal, acceptance, ..
        }) if may_be_the_book(refusal) => {
            warn!(%barcode, %refusal, "what is stored is refused; only an archive that has all of its pages replaces it");
            Ok(Some(VolumeStanding::from(&*acceptance)))
        }
        Err(error) => {
            warn!(%barcode, %error, "what is stored is no volume; it may be replaced");
            Ok(None)
        }
    }
}

/// May pages of this book be lost with a stored archive that is refused, perhaps by a rule that is younger than it? Not where nothing is in
/// it, or another book, nor where files of it are damaged.
fn may_be_the_book(refusal: VolumeRefusal) -> bool {
    match refusal {
        VolumeRefusal::NoPages | VolumeRefusal::AnotherBook | VolumeRefusal::ChecksumMismatch => false,
        VolumeRefusal::TarUnterminated
        | VolumeRefusal::UnnamedBook
        | VolumeRefusal::PagesMissing
        | VolumeRefusal::Unauthenticated => true,
    }
}
