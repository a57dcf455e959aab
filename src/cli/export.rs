//! `grind export`: the catalog as a file for other programs.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use crate::catalog::{CatalogReader, ExportError, ExportFilter};
use crate::cli::args::ConfigArgs;
use crate::cli::barcode_args::BarcodeArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::moment::moment_before;
use crate::cli::output_file::{OutputFile, not_written};
use crate::cli::reading;
use crate::grin::barcode_file::BarcodesError;
use crate::vocabulary::BookState;

/// `grind export`.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The form
    #[arg(value_enum)]
    pub form: ExportForm,
    /// Into this file, which appears whole or not at all [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Which books.
    #[command(flatten)]
    pub books: ExportedBooks,
}

/// Which books are exported; what is named together must hold together.
#[derive(Debug, Clone, Default, Args)]
pub struct ExportedBooks {
    /// Only books in these states, with commas between
    #[arg(
        long = "state",
        value_name = "A,B",
        value_delimiter = ',',
        help_heading = "Which books"
    )]
    pub states: Vec<BookState>,
    /// Only books of which something was recorded since, for so long (24h), since a day (2026-01-31, from 00:00 UTC), or since a moment (2026-01-31T18:00:00Z)
    #[arg(long, value_name = "D", help_heading = "Which books", value_parser = moment_before)]
    pub since: Option<Timestamp>,
    /// Barcodes named one by one.
    #[command(flatten)]
    pub barcodes: BarcodeArgs,
}

impl ExportedBooks {
    fn filter(&self) -> Result<ExportFilter, BarcodesError> {
        Ok(ExportFilter {
            states: self.states.clone(),
            since: self.since,
            barcodes: self.barcodes.load()?,
        })
    }
}

/// What an export looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportForm {
    /// The columns that the users of today's tool know, in their order
    Csv,
    /// Everything known, one JSON object a line; lists stay lists
    Jsonl,
    /// The columns of the published dataset of institutional books that come from its sources, and rights; packed
    Parquet,
}

/// Writes the catalog at `url` into the file named, else to `out`.
pub fn run<W: Write + Send>(args: &ExportArgs, url: &str, out: &mut W) -> CommandResult {
    if args.form == ExportForm::Parquet && args.output.is_none() && io::stdout().is_terminal() {
        return Err(
            CliError::new(ExitStatus::Usage, "a Parquet file cannot be shown on a terminal")
                .advise("Name a file with --output, or let another program read the standard output."),
        );
    }
    let export = CatalogExport {
        filter: args.books.filter()?,
        form: args.form,
        reader: reading::open(url)?,
    };
    let unknown = match &args.output {
        Some(path) => export.to_file(path)?,
        None => export
            .write(BufWriter::new(out))
            .map_err(|error| refused(&error, None))?,
    };
    Ok(if unknown == 0 {
        ExitStatus::Done
    } else {
        ExitStatus::Failed
    })
}

struct CatalogExport {
    reader: CatalogReader,
    form: ExportForm,
    filter: ExportFilter,
}

impl CatalogExport {
    /// Writes what is known; how many of the barcodes named are not.
    fn write(&self, out: impl Write + Send) -> Result<u64, ExportError> {
        let written = match self.form {
            ExportForm::Csv => self.reader.export_csv(&self.filter, out),
            ExportForm::Jsonl => self.reader.export_jsonl(&self.filter, out),
            ExportForm::Parquet => self.reader.export_parquet(&self.filter, out),
        }?;
        if let ExportFilter {
            states,
            since: None,
            barcodes: Some(named),
        } = &self.filter
            && states.is_empty()
            && written < named.len() as u64
        {
            let unknown = named.len() as u64 - written;
            tracing::warn!("{unknown} of the barcodes named are not in the catalog");
            return Ok(unknown);
        }
        Ok(0)
    }

    fn to_file(&self, path: &Path) -> Result<u64, CliError> {
        let write = || -> Result<u64, ExportError> {
            let mut file = OutputFile::begin(path)?;
            let unknown = self.write(BufWriter::new(&mut file))?;
            file.let_others_read()?;
            file.finish()?;
            Ok(unknown)
        };
        write().map_err(|error| refused(&error, Some(path)))
    }
}

pub(super) fn refused(error: &ExportError, path: Option<&Path>) -> CliError {
    match (error, path) {
        (ExportError::Catalog(error), _) => reading::refused(error),
        (ExportError::Write(error), None) => CliError::output(error),
        (ExportError::Write(error), Some(path)) => not_written(path, error),
    }
}
