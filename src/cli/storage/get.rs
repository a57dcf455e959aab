//! `grind storage get`: an object of a book, or one file of its archive, into a file, which appears only if it has the digest that is recorded.

mod member;

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::archive::BookManifest;
use crate::catalog::RecordedPlace;
use crate::cli::args::ConfigArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::output_file::{OutputFile, not_written};
use crate::cli::output_place::confirm_outside;
use crate::cli::storage::look::{BookPart, StorageLook, objects};
use crate::cli::storage::refused;
use crate::cli::{load, output};
use crate::grin::Barcode;
use crate::storage::{ObjectKey, StorageError, TransferFault, copy_digested};

/// `grind storage get`.
#[derive(Debug, Clone, Args)]
pub struct GetArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The book
    #[arg(value_name = "BARCODE", value_parser = Barcode::parse)]
    pub barcode: Barcode,
    /// One file of its archive, by its name with or without folders
    #[arg(value_name = "MEMBER", conflicts_with = "part")]
    pub member: Option<String>,
    /// Which of its objects
    #[arg(long, value_enum, default_value = "archive")]
    pub part: BookPart,
    /// Out of the second copy instead of the storage
    #[arg(long)]
    pub copy: bool,
    /// Into this file, which appears whole and verified or not at all [default: its own name, here]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// What is fetched, and the digest that it must have.
struct WantedObject {
    key: ObjectKey,
    /// `None`: of a manifest nothing is recorded, and it is read instead.
    sha256: Option<String>,
}

/// Fetches and verifies.
pub fn run(args: &GetArgs) -> CommandResult {
    let settings = load::of_catalog(&args.config)?;
    confirm_outside(&settings, args.output.as_deref().unwrap_or(Path::new(".")))?;
    let look = StorageLook::open(&settings, args.copy)?;
    if let Some(name) = &args.member {
        return member::get(&look, &args.barcode, name, args.output.as_deref());
    }
    let wanted = wanted(&look, args)?;
    let own = wanted.key.as_str().rsplit('/').next().unwrap_or_default();
    let path = args.output.clone().unwrap_or_else(|| PathBuf::from(own));
    let bytes = fetch(&look, &wanted, &path)?;
    output::print(&format!(
        "{}: {bytes} bytes of {}, verified\n",
        path.display(),
        wanted.key
    ))?;
    Ok(ExitStatus::Done)
}

/// Where the archive of a book is, by the catalog or the layout.
struct ArchivePlace {
    key: ObjectKey,
    /// What the catalog has of it.
    recorded: Option<RecordedPlace>,
}

impl ArchivePlace {
    fn of(look: &StorageLook, barcode: &Barcode) -> Result<Self, CliError> {
        let recorded = look.recorded(barcode)?;
        let place = recorded.as_ref().and_then(|place| ObjectKey::parse(&place.path).ok());
        Ok(Self {
            key: place.unwrap_or_else(|| look.layout.raw(barcode)),
            recorded,
        })
    }

    /// The manifest of the book, which names all digests.
    fn manifest(&self, look: &StorageLook, barcode: &Barcode) -> Result<BookManifest, CliError> {
        let key = look.layout.manifest(barcode);
        let object = match look.storage.open_read(&key) {
            Err(StorageError::NotFound(_)) if self.recorded.is_some() => return Err(without_digest(barcode)),
            opened => opened.map_err(|error| absent(&error))?,
        };
        let refused = |why: String| {
            CliError::new(ExitStatus::Failed, format!("{key} is no manifest of {barcode}: {why}"))
                .advise("Without it nothing is verified; `grind verify` says what else is damaged.")
        };
        let text = BookManifest::bytes_of(object).map_err(|error| refused(error.to_string()))?;
        let manifest = BookManifest::from_json(&text).map_err(|fault| refused(fault.to_string()))?;
        if manifest.barcode == *barcode {
            Ok(manifest)
        } else {
            Err(refused(format!("it is that of {}", manifest.barcode)))
        }
    }
}

/// The catalog knows the archive, and the manifest names all digests.
fn wanted(look: &StorageLook, args: &GetArgs) -> Result<WantedObject, CliError> {
    let archive = ArchivePlace::of(look, &args.barcode)?;
    let digest = archive.recorded.as_ref().and_then(|place| place.sha256.clone());
    if args.part == BookPart::Archive && digest.is_some() {
        return Ok(WantedObject {
            key: archive.key,
            sha256: digest,
        });
    }
    let manifest = archive.manifest(look, &args.barcode)?;
    let (key, sha256) = match args.part {
        BookPart::Manifest => (look.layout.manifest(&args.barcode), None),
        BookPart::Archive => (archive.key, Some(manifest.sha256)),
        part => {
            let objects = objects(&look.layout, &args.barcode, archive.recorded.as_ref());
            let of_part = |key: &str| {
                objects
                    .iter()
                    .find(|object| object.part == part && object.key.as_str() == key)
            };
            let companions = manifest.companions.into_iter();
            let mut named =
                companions.filter_map(|companion| Some((of_part(&companion.key)?.key.clone(), Some(companion.sha256))));
            named.next().ok_or_else(|| {
                CliError::new(
                    ExitStatus::Failed,
                    format!("{} has no such object, by its manifest", args.barcode),
                )
            })?
        }
    };
    Ok(WantedObject { key, sha256 })
}

/// An archive that was adopted unread has neither manifest nor digest.
fn without_digest(barcode: &Barcode) -> CliError {
    CliError::new(
        ExitStatus::Failed,
        format!("nothing says which digest the objects of {barcode} should have: it has no manifest"),
    )
    .advise("`grind verify BARCODE` reads its archive and says what is recorded of it.")
}

fn absent(error: &StorageError) -> CliError {
    match error {
        StorageError::NotFound(key) => CliError::new(ExitStatus::Failed, format!("{key} is not in the storage"))
            .advise("`grind explain BARCODE` says whether the book is stored."),
        error => refused(error),
    }
}

/// Under another name first.
fn fetch(look: &StorageLook, wanted: &WantedObject, path: &Path) -> Result<u64, CliError> {
    let failed = |error: io::Error| not_written(path, &error);
    let mut target = OutputFile::begin(path).map_err(failed)?;
    let object = look.storage.open_read(&wanted.key).map_err(|error| absent(&error))?;
    let copied = match copy_digested(object, &mut target) {
        Ok(copied) => copied,
        Err(TransferFault::Source(error)) => return Err(refused(&StorageError::from_read(error))),
        Err(TransferFault::Target(error)) => return Err(failed(error)),
    };
    let found = copied.sha256;
    if let Some(expected) = wanted.sha256.as_ref().filter(|expected| **expected != found) {
        return Err(CliError::new(
            ExitStatus::Failed,
            format!("{} is damaged, and was not written", wanted.key),
        )
        .cause(format!("its SHA-256 is {found}, and {expected} is recorded"))
        .advise("`grind verify BARCODE` records it."));
    }
    target.finish().map_err(failed)?;
    Ok(copied.bytes)
}
