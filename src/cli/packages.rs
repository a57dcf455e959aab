//! `grind export` as a whole: the catalog as a file, and what is made of chosen books for other archives.

mod pass;
mod premis;

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};

use crate::catalog::CatalogReader;
use crate::cli::args::ConfigArgs;
use crate::cli::barcode_args::BarcodeArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::export::ExportArgs;
use crate::cli::output_place::confirm_outside;
use crate::cli::packages::pass::PackagePass;
use crate::cli::packages::premis::PremisArgs;
use crate::cli::storage::{layout, refused};
use crate::cli::{load, reading};
use crate::daemon::{DaemonSignals, RunStage};
use crate::grin::Barcode;
use crate::pipeline::{BookPacker, PackageError, PackageForm, PackageOrder, storage_config};
use crate::settings::Settings;
use crate::storage::Storage;

/// `grind export`: a form of the catalog, or a subcommand.
#[derive(Debug, Clone)]
pub enum ExportCommand {
    /// The catalog.
    OfCatalog(ExportArgs),
    /// Of books.
    OfBooks(BookExport),
}

impl Args for ExportCommand {
    fn augment_args(command: Command) -> Command {
        BookExport::augment_subcommands(ExportArgs::augment_args(command))
            .args_conflicts_with_subcommands(true)
            .subcommand_negates_reqs(true)
            // With a form there is none.
            .subcommand_required(false)
            .arg_required_else_help(false)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ExportCommand {
    fn from_arg_matches(given: &ArgMatches) -> Result<Self, clap::Error> {
        match given.subcommand_name() {
            Some(_) => BookExport::from_arg_matches(given).map(Self::OfBooks),
            None => ExportArgs::from_arg_matches(given).map(Self::OfCatalog),
        }
    }

    fn update_from_arg_matches(&mut self, given: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(given)?;
        Ok(())
    }
}

/// What is made of books or of what is known of them.
#[derive(Debug, Clone, Subcommand)]
pub enum BookExport {
    /// Chosen books as bags: BagIt 1.0, a folder a book
    Bagit(PackageArgs),
    /// Chosen books as objects of an OCFL 1.1 storage root; a book that has changed gets another version
    Ocfl(PackageArgs),
    /// What came of the checks of stored books, as PREMIS 3 events
    Premis(PremisArgs),
}

/// `grind export bagit` and `grind export ocfl`.
#[derive(Debug, Clone, Args)]
pub struct PackageArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// These books
    #[arg(value_name = "BARCODE", help_heading = "Which books")]
    pub named: Vec<String>,
    /// The same, and from a file.
    #[command(flatten)]
    pub barcodes: BarcodeArgs,
    /// Into this folder of this machine, which is made if need be; each package appears in it whole or not at all
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// One JSON object a book, and a summary as the last line
    #[arg(long)]
    pub json: bool,
}

/// What ending may take after a signal: one read of the storage.
const GRACE: Duration = Duration::from_secs(60);

/// Exports what was asked for; the catalog by `catalog`.
pub fn run(command: &ExportCommand, catalog: impl FnOnce(&ExportArgs) -> CommandResult) -> CommandResult {
    match command {
        ExportCommand::OfCatalog(args) => catalog(args),
        ExportCommand::OfBooks(BookExport::Bagit(args)) => pack(args, PackageForm::Bagit),
        ExportCommand::OfBooks(BookExport::Ocfl(args)) => pack(args, PackageForm::Ocfl),
        ExportCommand::OfBooks(BookExport::Premis(args)) => premis::run(args),
    }
}

/// The books named in either way; `None`: none was.
fn chosen(named: &[String], barcodes: &BarcodeArgs) -> Result<Option<Vec<Barcode>>, CliError> {
    let barcodes = BarcodeArgs {
        barcodes: [named, barcodes.barcodes.as_slice()].concat(),
        barcodes_file: barcodes.barcodes_file.clone(),
    };
    Ok(barcodes.load()?)
}

fn pack(args: &PackageArgs, form: PackageForm) -> CommandResult {
    let settings = load::of_catalog(&args.config)?;
    confirm_outside(&settings, &args.output)?;
    let books = chosen(&args.named, &args.barcodes)?.ok_or_else(|| {
        CliError::new(ExitStatus::Usage, "no book was chosen")
            .advise("Name barcodes, or a file of them with --barcodes-file.")
    })?;
    let signals = DaemonSignals::listen()
        .map_err(|error| CliError::new(ExitStatus::Internal, "cannot install signal handlers").because(&error))?;
    signals.enter(RunStage::Working { grace: GRACE });
    let packer = packer(args, form, &settings, &signals)?;
    PackagePass::begin(&packer, args.json).run(&books)
}

fn packer(
    args: &PackageArgs,
    form: PackageForm,
    settings: &Settings,
    signals: &DaemonSignals,
) -> Result<BookPacker, CliError> {
    let config = storage_config(settings).map_err(|error| reading::refused(&error))?;
    let order = PackageOrder {
        reader: CatalogReader::open(&settings.catalog.url).map_err(|error| reading::refused(&error))?,
        storage: Storage::open_to_read(&config).map_err(|error| refused(&error))?,
        layout: layout(settings)?,
        library: load::library_directory(settings)?,
        form,
        into: args.output.clone(),
        cut: signals.stop_token(),
    };
    BookPacker::open(order).map_err(stopped)
}

/// Why no package can be made at all, with the code that the shell shall see.
fn stopped(error: PackageError) -> CliError {
    match error {
        PackageError::Catalog(error) => reading::refused(&error),
        PackageError::Storage(error) => refused(&error),
        error => CliError::new(ExitStatus::CannotCreate, "the packages cannot be written").because(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    use crate::cli::{CliCommand, CommandLine};

    #[test]
    fn a_form_is_the_catalogs_and_a_subcommand_is_of_books() {
        for (line, is_of_catalog) in [
            ("grind export csv", true),
            ("grind export jsonl -o bagit", true),
            ("grind export bagit A1B -o d", false),
            ("grind export premis", false),
        ] {
            let parsed = CommandLine::try_parse_from(line.split(' ')).unwrap();
            let CliCommand::Export(command) = parsed.command else {
                panic!("{line}");
            };
            assert_eq!(matches!(*command, ExportCommand::OfCatalog(_)), is_of_catalog, "{line}");
        }
    }
}
