//! Stored books as packages for other archives: BagIt bags and OCFL objects, made in a folder of this machine out of the storage.
//!
//! Blocking. Each object is compared with its recorded SHA-256 while it is copied. A package is written beside its place and renamed, so that it is there whole or not at all.

mod bagit;
mod contents;
mod copy;
mod error;
mod folder;
mod inventory;
mod ocfl;

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use crate::catalog::{AskRecorded, AskStorageMark, CatalogReader, CheckLibrary, MarkedPlace, RecordedBook};
use crate::grin::{Barcode, LibraryDirectory};
use crate::pipeline::mount::check_layout;
use crate::pipeline::package::bagit::BagFacts;
use crate::pipeline::package::copy::ObjectCopier;
pub(crate) use crate::pipeline::package::error::PackageError;
use crate::pipeline::package::folder::PackageFolder;
use crate::storage::{Storage, StorageLayout};

/// What a package looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PackageForm {
    /// BagIt 1.0 (RFC 8493): a folder a book.
    Bagit,
    /// OCFL 1.1: a storage root with an object a book.
    Ocfl,
}

/// What became of a book's package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PackageOutcome {
    /// It is new.
    Made,
    /// An OCFL object of an earlier state of the book got another version.
    VersionAdded,
    /// It was there already, with the same digests.
    Unchanged,
}

/// A package that is there, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackedBook {
    /// How it came to be there.
    pub outcome: PackageOutcome,
    /// Its folder.
    pub path: PathBuf,
    /// Its version; BagIt has none.
    pub version: Option<String>,
    /// Bytes copied.
    pub bytes: u64,
}

/// Where packages come from and go to.
pub(crate) struct PackageOrder {
    /// The catalog.
    pub reader: CatalogReader,
    /// Where the books are stored.
    pub storage: Storage,
    /// Under which names.
    pub layout: StorageLayout,
    /// Whose books they are; part of each package's identifier.
    pub library: LibraryDirectory,
    /// What they become.
    pub form: PackageForm,
    /// The folder of the packages; it is made if need be.
    pub into: PathBuf,
    /// Ends the copying.
    pub cut: CancellationToken,
}

/// Makes packages, one book after another.
pub(crate) struct BookPacker {
    order: PackageOrder,
    folder: PackageFolder,
}

impl BookPacker {
    /// Looks at both sides: the catalog is this library's, the storage is the one that the catalog knows, and the folder takes packages of this form.
    pub(crate) fn open(order: PackageOrder) -> Result<Self, PackageError> {
        order.reader.ask(&CheckLibrary(order.library.clone()))?;
        let kept = order.reader.ask(&AskStorageMark(MarkedPlace::Main))?;
        check_layout(order.storage.layout(), &kept)?;
        if let Some(id) = kept.id {
            order.storage.expect_marker(&id);
            order.storage.prove_marker()?;
        }
        let folder = PackageFolder::open(&order.into)?;
        if order.form == PackageForm::Ocfl {
            ocfl::prepare_root(&folder)?;
        }
        Ok(Self { order, folder })
    }

    /// Makes the package of a book; `progress` is told of bytes copied. A book that is stored anew meanwhile is looked at once more.
    pub(crate) fn pack(&self, barcode: &Barcode, progress: &mut dyn FnMut(u64)) -> Result<PackedBook, PackageError> {
        // Of books that have not changed nothing is copied, and there may be a million of them.
        if self.order.cut.is_cancelled() {
            return Err(PackageError::Cut);
        }
        let recorded = self.recorded(barcode)?;
        match self.pack_recorded(&recorded, progress) {
            Err(bad) if bad.is_of_objects() => {
                let now = self.recorded(barcode)?;
                if now != recorded && now.begun.is_none() {
                    return self.pack_recorded(&now, progress);
                }
                Err(if now.begun.is_some() {
                    PackageError::BeingReplaced
                } else {
                    bad
                })
            }
            packed => packed,
        }
    }

    fn recorded(&self, barcode: &Barcode) -> Result<RecordedBook, PackageError> {
        let asked = self.order.reader.ask(&AskRecorded(barcode.clone()))?;
        asked.ok_or(PackageError::NotStored)
    }

    fn pack_recorded(
        &self,
        recorded: &RecordedBook,
        progress: &mut dyn FnMut(u64),
    ) -> Result<PackedBook, PackageError> {
        let PackageOrder {
            storage, cut, library, ..
        } = &self.order;
        let mut copier = ObjectCopier { storage, cut, progress };
        let contents = copier.contents(recorded, &self.order.layout)?;
        let id = library.identifier_of(&contents.barcode);
        match self.order.form {
            PackageForm::Bagit => bagit::pack(&self.folder, &contents, &BagFacts::now(library, id), &mut copier),
            PackageForm::Ocfl => ocfl::pack(&self.folder, &contents, &id, &mut copier),
        }
    }
}

/// Program and version, as packages name their maker.
const MAKER: &str = concat!("grind ", env!("CARGO_PKG_VERSION"));
