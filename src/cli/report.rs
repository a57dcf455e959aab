//! `grind report`: how far the library is, and which stored books are not verified, damaged or missing.

use std::io::{BufWriter, Write};

use clap::Args;

use crate::catalog::{CatalogReader, ExportError};
use crate::cli::args::ConfigArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::output::write_to;
use crate::cli::reading;
use crate::pipeline::wanted_books;
use crate::settings::Settings;

/// `grind report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// List the stored books that are not known to be verified, instead of the report
    #[arg(long)]
    pub unverified: bool,
    /// List the stored books that their last check found damaged or missing, instead of the report
    #[arg(long, conflicts_with = "unverified")]
    pub unsound: bool,
    /// As JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// Writes the report on the catalog that these settings name.
pub fn run<W: Write>(args: &ReportArgs, settings: &Settings, out: &mut W) -> CommandResult {
    let reader = reading::open(&settings.catalog.url)?;
    if args.unverified {
        return unverified(args, &reader, out);
    }
    if args.unsound {
        return unsound(args, &reader, out);
    }
    let report = reader
        .report(&wanted_books(settings))
        .map_err(|error| reading::refused(&error))?;
    write_to(out, |out| {
        if args.json {
            serde_json::to_writer_pretty(&mut *out, &report)?;
            return writeln!(out);
        }
        write!(out, "{report}")
    })?;
    Ok(ExitStatus::Done)
}

/// One line a book: barcode, what is known of its proof, pages, worst finding, when it was stored. With `--json` one object a line.
fn unverified<W: Write>(args: &ReportArgs, reader: &CatalogReader, out: &mut W) -> CommandResult {
    let mut out = BufWriter::new(out);
    let written = reader.unverified(|book| {
        if args.json {
            serde_json::to_writer(&mut out, &book)?;
            return writeln!(out);
        }
        let proof = match book.verified {
            Some(_) => "unverified",
            None => "not_recorded",
        };
        let pages = book
            .page_count
            .map_or_else(|| "-".to_owned(), |pages| pages.to_string());
        let finding = book.worst_finding.as_deref().unwrap_or("-");
        writeln!(out, "{}\t{proof}\t{pages}\t{finding}\t{}", book.barcode, book.stored_at)
    });
    ended(written, out)
}

/// One line a book: barcode, `damaged` or `missing`, when it was found. With `--json` one object a line.
fn unsound<W: Write>(args: &ReportArgs, reader: &CatalogReader, out: &mut W) -> CommandResult {
    let mut out = BufWriter::new(out);
    let written = reader.unsound(|book| {
        if args.json {
            serde_json::to_writer(&mut out, &book)?;
            return writeln!(out);
        }
        let at = book.checked_at.as_deref().unwrap_or("-");
        writeln!(out, "{}\t{}\t{at}", book.barcode, book.check_outcome)
    });
    ended(written, out)
}

fn ended(written: Result<(), ExportError>, mut out: impl Write) -> CommandResult {
    match written {
        Err(ExportError::Catalog(error)) => return Err(reading::refused(&error)),
        Err(ExportError::Write(error)) => return Err(CliError::output(&error)),
        Ok(()) => out.flush().map_err(|error| CliError::output(&error))?,
    }
    Ok(ExitStatus::Done)
}
