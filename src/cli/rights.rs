//! `grind rights`: rights in volumes, from what HathiTrust publishes.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use crate::catalog::{CatalogError, CatalogReader, RightsImport, RightsImportError, RightsReport};
use crate::cli::args::ConfigArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::output::{print_json, write_to};
use crate::cli::{execution, load, reading};
use crate::daemon::as_member;
use crate::log;
use crate::pipeline::LibraryMembership;
use crate::settings::Settings;

/// `grind rights …`.
#[derive(Debug, Clone, Args)]
pub struct RightsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: RightsCommand,
}

/// What can be done about rights.
#[derive(Debug, Clone, Subcommand)]
pub enum RightsCommand {
    /// Record what a hathifile says of the books in the catalog
    Import(RightsImportArgs),
}

/// `grind rights import`.
#[derive(Debug, Clone, Args)]
pub struct RightsImportArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The hathifile, as HathiTrust publishes it: tab-separated, plain or packed with gzip
    #[arg(value_name = "HATHIFILE")]
    pub file: PathBuf,
    /// Only volumes of this namespace of HathiTrust's, such as hvd; may be given several times [default: of any]
    #[arg(long = "namespace", value_name = "NAME", value_delimiter = ',')]
    pub namespaces: Vec<String>,
    /// The report as JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// As a step by hand, a member of the catalog.
const STEP: &str = "rights";

/// Does it.
pub fn run(args: &RightsArgs) -> CommandResult {
    match &args.command {
        RightsCommand::Import(args) => import(args),
    }
}

fn import(args: &RightsImportArgs) -> CommandResult {
    let settings = load::of_catalog(&args.config)?;
    let bytes = size_of(&args.file)?;
    // No catalog is made where there is none: nothing could be matched.
    if let Err(error @ CatalogError::Missing { .. }) = CatalogReader::open(&settings.catalog.url) {
        return Err(reading::refused(&error));
    }
    let work = |membership| into_catalog(args, &settings, bytes, &membership);
    let report = as_member(&settings, STEP, work).map_err(execution::cannot_start)??;
    if args.json {
        print_json(&report)?;
    } else {
        write_to(&mut io::stdout().lock(), |out| write!(out, "{report}"))?;
    }
    Ok(ExitStatus::Done)
}

fn size_of(path: &Path) -> Result<u64, CliError> {
    let found = File::open(path).and_then(|file| file.metadata());
    let found = found.map_err(|error| not_opened(path).because(&error))?;
    if found.is_file() {
        Ok(found.len())
    } else {
        Err(not_opened(path).cause("it is no file; it is read twice, so that a pipe cannot be taken"))
    }
}

fn not_opened(path: &Path) -> CliError {
    CliError::new(ExitStatus::Usage, format!("cannot read {}", path.display()))
        .advise("Nothing was changed. Name a hathifile, such as hathi_full_20261101.txt.gz.")
}

fn into_catalog(
    args: &RightsImportArgs,
    settings: &Settings,
    bytes: u64,
    membership: &LibraryMembership,
) -> Result<RightsReport, CliError> {
    let unbroken = membership.unbroken();
    let reader = reading::open(&settings.catalog.url)?;
    let mut ledger = reading::open_ledger(&settings.catalog.url)?;
    // Drawn on a terminal only. The file is read twice.
    let bar = match log::is_quiet() {
        true => ProgressBar::hidden(),
        false => ProgressBar::new(2 * bytes).with_style(style()),
    };
    let import = RightsImport {
        file: &|| Ok(Box::new(bar.wrap_read(File::open(&args.file)?)) as Box<dyn Read>),
        namespaces: &args.namespaces,
        books: &reader,
        into: &mut ledger,
        may_go_on: &|| unbroken.lasts(),
    };
    let imported = import.run();
    bar.finish_and_clear();
    let report = imported.map_err(|error| refused(&error, &args.file))?;
    ledger.close().map_err(|error| reading::refused(&error))?;
    Ok(report)
}

fn style() -> ProgressStyle {
    let template = "{bar:40} {percent:>3} %  {binary_bytes_per_sec}  {eta} left";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn refused(error: &RightsImportError, path: &Path) -> CliError {
    use RightsImportError as E;
    let (exit, advice) = match error {
        E::Catalog(error) => return reading::refused(error),
        E::Read { .. } => (
            ExitStatus::Failed,
            "Nothing is recorded of a file that is cut off or damaged, unless that happened while it was read. Fetch it anew.",
        ),
        E::NotHathifile { .. } => (
            ExitStatus::Failed,
            "Nothing was changed. A hathifile has one volume a line, its columns between tabs, the identifier first.",
        ),
        E::Changed => (
            ExitStatus::Failed,
            "Import the file once it is complete. What is recorded of it already is right, and is not recorded twice.",
        ),
        E::Interrupted => (
            ExitStatus::Unavailable,
            "Run it again: what is recorded already is not recorded twice.",
        ),
    };
    let what = format!("the rights in {} were not imported", path.display());
    CliError::new(exit, what).because(error).advise(advice)
}
