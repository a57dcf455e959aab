//! `grind storage get`: an object of a book into a file, which appears only if it has the digest that is recorded of it.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use ring::digest::{Context, SHA256};

use crate::archive::{BookManifest, hex};
use crate::cli::args::ConfigArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::storage::look::{BookPart, StorageLook, objects};
use crate::cli::storage::refused;
use crate::cli::{load, output};
use crate::grin::Barcode;
use crate::storage::{ObjectKey, StorageError};

/// `grind storage get`.
#[derive(Debug, Clone, Args)]
pub struct GetArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The book
    #[arg(value_name = "BARCODE", value_parser = Barcode::parse)]
    pub barcode: Barcode,
    /// Which of its objects
    #[arg(long, value_enum, default_value = "archive")]
    pub part: BookPart,
    /// Into this file, which appears whole and verified or not at all [default: the object's own name, here]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// No manifest is longer.
const LONGEST_MANIFEST: u64 = 4 << 20;

/// What is fetched, and the digest that it must have.
struct WantedObject {
    key: ObjectKey,
    /// `None`: of a manifest nothing is recorded, and it is read instead.
    sha256: Option<String>,
}

/// Fetches and verifies.
pub fn run(args: &GetArgs) -> CommandResult {
    let settings = load::of_catalog(&args.config)?;
    let look = StorageLook::open(&settings)?;
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

/// The catalog knows the archive, and the manifest names all digests.
fn wanted(look: &StorageLook, args: &GetArgs) -> Result<WantedObject, CliError> {
    let recorded = look.recorded(&args.barcode)?;
    let place = recorded.as_ref().and_then(|place| ObjectKey::parse(&place.path).ok());
    let archive = place.unwrap_or_else(|| look.layout.raw(&args.barcode));
    let digest = recorded.as_ref().and_then(|place| place.sha256.clone());
    if args.part == BookPart::Archive && digest.is_some() {
        return Ok(WantedObject {
            key: archive,
            sha256: digest,
        });
    }
    let manifest_key = look.layout.manifest(&args.barcode);
    let object = match look.storage.open_read(&manifest_key) {
        Err(StorageError::NotFound(_)) if recorded.is_some() => return Err(without_digest(&args.barcode)),
        opened => opened.map_err(|error| absent(&error))?,
    };
    let manifest: BookManifest = serde_json::from_reader(io::BufReader::new(object.take(LONGEST_MANIFEST)))
        .ok()
        .filter(|manifest: &BookManifest| manifest.barcode == args.barcode)
        .ok_or_else(|| {
            CliError::new(
                ExitStatus::Failed,
                format!("{manifest_key} is no manifest of {}", args.barcode),
            )
            .advise("Without it nothing is verified; `grind verify` says what else is damaged.")
        })?;
    let (key, sha256) = match args.part {
        BookPart::Manifest => (manifest_key, None),
        BookPart::Archive => (archive, Some(manifest.sha256)),
        BookPart::Text | BookPart::Record => {
            let objects = objects(&look.layout, &args.barcode, recorded.as_ref());
            let of_part = |key: &str| {
                objects
                    .iter()
                    .find(|object| object.part == args.part && object.key.as_str() == key)
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

/// Beside the file first, then under its name.
fn fetch(look: &StorageLook, wanted: &WantedObject, path: &Path) -> Result<u64, CliError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let written = |error: &io::Error| {
        CliError::new(ExitStatus::CannotCreate, format!("cannot write {}", path.display())).because(error)
    };
    let mut file = tempfile::Builder::new()
        .prefix(".grind-get-")
        .tempfile_in(folder.unwrap_or(Path::new(".")))
        .map_err(|error| written(&error))?;
    let mut object = look.storage.open_read(&wanted.key).map_err(|error| absent(&error))?;
    let (mut digest, mut buffer, mut bytes) = (Context::new(&SHA256), vec![0; 256 << 10], 0);
    loop {
        let count = object
            .read(&mut buffer)
            .map_err(|error| refused(&StorageError::from_read(error)))?;
        if count == 0 {
            break;
        }
        digest.update(&buffer[..count]);
        file.write_all(&buffer[..count]).map_err(|error| written(&error))?;
        bytes += count as u64;
    }
    let found = hex(digest.finish().as_ref());
    if let Some(expected) = wanted.sha256.as_ref().filter(|expected| **expected != found) {
        return Err(CliError::new(
            ExitStatus::Failed,
            format!("{} is damaged, and was not written", wanted.key),
        )
        .cause(format!("its SHA-256 is {found}, and {expected} is recorded"))
        .advise("`grind verify BARCODE` records it."));
    }
    file.as_file().sync_all().map_err(|error| written(&error))?;
    file.persist(path).map_err(|error| written(&error.error))?;
    Ok(bytes)
}
