//! `grind import`: takes over a `grin-transfer` run without fetching a book again.

mod place;
mod source;
mod stored;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use crate::catalog::{ImportError, ImportPlan, ImportReport, ImportTarget};
use crate::cli::args::ConfigArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::import::source::FileSource;
use crate::cli::import::stored::{RunFiles, StoredCheck, StoredPass};
use crate::cli::output::write_to;
use crate::cli::storage::not_usable;
use crate::cli::{execution, load, reading};
use crate::daemon::as_member;
use crate::pipeline::{ArchiveTaken, LibraryMembership, confirm_by_hand, decrypted_options, storage_config};
use crate::settings::Settings;
use crate::storage::{Storage, StorageConfig, StorageLayout};

/// `grind import`.
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The other program's database, its books.db
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    /// The folder or the storage (s3://bucket/prefix) with its `raw/<barcode>/<barcode>.tar.gz` or `<run>/<barcode>.tar.gz` [default:
    /// storage.url of the config]
    #[arg(long, value_name = "DIR or URL")]
    pub storage: Option<String>,
    /// Copy the archives from there into storage.url
    #[arg(long, requires = "storage")]
    pub copy: bool,
    /// Look only at size and beginning of each archive: no digest, no text, and a cut-off file is not noticed
    #[arg(long, conflicts_with = "copy")]
    pub quick: bool,
    /// Look at everything, write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The report as JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// Imports into the configured catalog; the archives are looked for where `--storage` says, else in the configured storage.
pub fn run(args: &ImportArgs) -> CommandResult {
    let settings = load::of_storage(&args.config)?;
    let mut files = files(args, &settings)?;
    let report = if args.dry_run {
        let catalog = reading::existing(&settings.catalog.url)?;
        let plan = ImportPlan {
            from: &args.from,
            files: Some(&mut files),
            owner: String::new(),
            into: ImportTarget::Compared(catalog.as_ref()),
            may_go_on: &|| true,
            progress: &mut tell,
        };
        plan.run().map_err(|error| refused(&error))?
    } else {
        let work = |membership| into_catalog(args, &settings, &mut files, &membership);
        as_member(&settings, STEP, work).map_err(execution::cannot_start)??
    };
    said(args, &report)
}

/// As a step by hand, a member of the catalog.
const STEP: &str = "import";

fn into_catalog(
    args: &ImportArgs,
    settings: &Settings,
    files: &mut RunFiles,
    membership: &LibraryMembership,
) -> Result<ImportReport, CliError> {
    let unbroken = membership.unbroken();
    files.publish_under(unbroken.clone());
    let mut ledger = reading::open_ledger(&settings.catalog.url)?;
    if let Some(storage) = files.storage() {
        confirm_by_hand(&mut ledger, storage).map_err(|error| not_usable(&error))?;
    }
    let plan = ImportPlan {
        from: &args.from,
        files: Some(files),
        owner: membership.owner().to_owned(),
        into: ImportTarget::Catalog(&mut ledger),
        may_go_on: &|| unbroken.lasts(),
        progress: &mut tell,
    };
    let report = plan.run().map_err(|error| refused(&error))?;
    ledger.close().map_err(|error| reading::refused(&error))?;
    Ok(report)
}

fn tell(books: u64) {
    tracing::info!(books, "books of the other database read so far");
}

fn said(args: &ImportArgs, report: &ImportReport) -> CommandResult {
    write_to(&mut std::io::stdout().lock(), |out| {
        if args.json {
            serde_json::to_writer_pretty(&mut *out, report)?;
            return writeln!(out);
        }
        write!(out, "{report}")
    })?;
    Ok(ExitStatus::Done)
}

fn files(args: &ImportArgs, settings: &Settings) -> Result<RunFiles, CliError> {
    let ours = &settings.storage.url;
    let place = args.storage.as_deref().unwrap_or(ours);
    let elsewhere = !same_place(place, ours);
    if elsewhere && !args.copy && !args.dry_run {
        return Err(CliError::new(
            ExitStatus::Config,
            format!("the stored files at {place} are not where storage.url ({ours}) says: books would count as stored where they are not"),
        )
        .advise("Let storage.url name that place, or copy the archives with --copy."));
    }
    let unusable = |error: &dyn std::error::Error| {
        CliError::new(
            ExitStatus::Config,
            format!("the stored files at {place} cannot be looked at"),
        )
        .because(error)
        .advise("--storage takes a folder or the address of a storage, such as s3://bucket/prefix.")
    };
    let source = source(place, settings).map_err(|error| unusable(&*error))?;
    let look = look(args, settings, elsewhere).map_err(|error| unusable(&*error))?;
    RunFiles::open(source, look).map_err(|error| unusable(&error))
}

type Fault = Box<dyn std::error::Error>;

fn source(place: &str, settings: &Settings) -> Result<FileSource, Fault> {
    if let Some(folder) = folder_of(place) {
        return Ok(FileSource::Folder(folder));
    }
    let config = StorageConfig {
        url: place.to_owned(),
        own_urls: Vec::new(),
        ..storage_config(settings)?
    };
    Ok(FileSource::Store(Storage::open(&config)?))
}

fn look(args: &ImportArgs, settings: &Settings, elsewhere: bool) -> Result<StoredCheck, Fault> {
    if args.quick {
        return Ok(StoredCheck::Quick);
    }
    let taken = match (args.dry_run, elsewhere) {
        (true, _) => ArchiveTaken::Nothing,
        (false, true) => ArchiveTaken::Copied,
        (false, false) => ArchiveTaken::InPlace,
    };
    // A dry run writes nothing, so it needs no storage of ours either.
    let config = match taken {
        ArchiveTaken::Nothing => StorageConfig::of_url("memory:"),
        _ => storage_config(settings)?,
    };
    Ok(StoredCheck::Whole(Box::new(StoredPass {
        storage: Storage::open(&config)?,
        layout: StorageLayout::from_settings(settings)?,
        options: decrypted_options(settings),
        taken,
    })))
}

/// The folder, if it is one of this machine.
fn folder_of(place: &str) -> Option<PathBuf> {
    let folder = place
        .strip_prefix("file://")
        .or((!place.contains(':')).then_some(place))?;
    Some(PathBuf::from(folder))
}

fn same_place(one: &str, other: &str) -> bool {
    match (folder_of(one), folder_of(other)) {
        (Some(one), Some(other)) => {
            let real = |path: PathBuf| path.canonicalize().unwrap_or(path);
            real(one) == real(other)
        }
        (None, None) => one.trim_end_matches('/') == other.trim_end_matches('/'),
        _ => false,
    }
}

fn refused(error: &ImportError) -> CliError {
    match error {
        ImportError::Catalog(error) => reading::refused(error),
        ImportError::Source { .. } | ImportError::Foreign { .. } => {
            CliError::new(ExitStatus::Usage, "the other database cannot be taken over")
                .because(error)
                .advise("--from wants the books.db of a grin-transfer run.")
        }
        ImportError::Interrupted => CliError::new(ExitStatus::Unavailable, "the import was interrupted")
            .because(error)
            .advise("Begin it again: what is there already is kept."),
        ImportError::Files(_) => {
            CliError::new(ExitStatus::Internal, "the stored files cannot be looked at").because(error)
        }
    }
}
