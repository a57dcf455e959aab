//! Room `cli`: `grind import`: takes over a `grin-transfer` run without fetching a book again.

mod stored;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::args::ConfigArgs;
use super::error::{CliError, Outcome};
use super::exit::Exit;
use super::output::write_to;
use super::{load, reading};
use crate::catalog::{Clock, Depth, Import, ImportError, Ledger, LocalFiles, Policy, StoredFiles, path_of};
use crate::daemon::{layout, storage_config};
use crate::settings::Settings;
use crate::storage::{Storage, StorageConfig};
use stored::StorageFiles;

/// `grind import`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "\
A book counts as stored if its archive is really there and whole, whatever the other database says of it. Nothing is moved or
copied: let storage.url name the place where the other program kept its files.")]
pub struct ImportArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The other program's database, its books.db
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    /// The folder or the storage (s3://bucket/prefix) with its `raw/<barcode>/<barcode>.tar.gz` [default: storage.url of the config]
    #[arg(long, value_name = "DIR or URL")]
    pub storage: Option<String>,
    /// Look only at size and beginning of each archive; its digest is left to `grind verify`
    #[arg(long)]
    pub quick: bool,
    /// Look at everything, write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The report as JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// Imports into the configured catalog; the archives are looked for where `--storage` says, else in the configured storage.
pub fn run(args: &ImportArgs) -> Outcome {
    let (settings, _) = load::settings(&args.config)?;
    let mut files = files(args, &settings)?;
    run_with(args, &settings.catalog.url, &mut *files, &mut std::io::stdout().lock())
}

fn files(args: &ImportArgs, settings: &Settings) -> Result<Box<dyn StoredFiles>, CliError> {
    let depth = if args.quick { Depth::Quick } else { Depth::Full };
    let place = args.storage.as_deref().unwrap_or(&settings.storage.url);
    let folder = place
        .strip_prefix("file://")
        .or((!place.contains(':')).then_some(place));
    if let Some(folder) = folder {
        // The other program's own folder is `raw`; the configured storage has what the config says.
        let raw = if args.storage.is_some() {
            "raw"
        } else {
            settings.storage.raw_prefix.as_str()
        };
        return Ok(Box::new(LocalFiles::new(folder, depth).under(raw)));
    }
    let unusable = |error: &dyn std::error::Error| {
        CliError::new(Exit::Config, format!("the stored files at {place} cannot be looked at"))
            .because(error)
            .advise("--storage takes a folder or the address of a storage, such as s3://bucket/prefix.")
    };
    let config = storage_config(settings).map_err(|error| unusable(&error))?;
    let config = StorageConfig {
        url: place.to_owned(),
        ..config
    };
    let storage = Storage::open(&config).map_err(|error| unusable(&error))?;
    let layout = layout(settings).map_err(|error| unusable(&error))?;
    Ok(Box::new(StorageFiles::new(storage, layout, depth)))
}

fn run_with<W: Write>(args: &ImportArgs, url: &str, files: &mut dyn StoredFiles, out: &mut W) -> Outcome {
    let mut progress = |books| tracing::info!(books, "imported so far");
    let mut ledger = if args.dry_run { None } else { Some(open(url)?) };
    let import = Import {
        from: &args.from,
        files: Some(files),
        dry_run: args.dry_run,
        progress: &mut progress,
    };
    let report = import.run(ledger.as_mut()).map_err(|error| refused(&error))?;
    if let Some(ledger) = ledger {
        ledger.close().map_err(|error| reading::refused(&error))?;
    }
    write_to(out, |out| {
        if args.json {
            serde_json::to_writer_pretty(&mut *out, &report)?;
            return writeln!(out);
        }
        write!(out, "{report}")
    })?;
    Ok(Exit::Done)
}

fn open(url: &str) -> Result<Ledger, CliError> {
    path_of(url)
        .and_then(|path| Ledger::open(&path, Clock::system(), Policy::default()))
        .map_err(|error| reading::refused(&error))
}

fn refused(error: &ImportError) -> CliError {
    match error {
        ImportError::Catalog(error) => reading::refused(error),
        ImportError::Source { .. } | ImportError::Foreign { .. } => {
            CliError::new(Exit::Usage, "the other database cannot be taken over")
                .because(error)
                .advise("--from wants the books.db of a grin-transfer run.")
        }
        ImportError::Files(_) => CliError::new(Exit::Internal, "the stored files cannot be looked at").because(error),
    }
}
