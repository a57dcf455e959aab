//! `grind explain BARCODE`: one volume's story out of the catalog, with `--all` everything that is recorded of it.

use std::io::Write;

use clap::Args;

use crate::catalog::WholeStory;
use crate::cli::args::ConfigArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::output::write_to;
use crate::cli::reading;
use crate::grin::Barcode;

/// `grind explain`.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The volume
    #[arg(value_name = "BARCODE", value_parser = Barcode::parse)]
    pub barcode: Barcode,
    /// After the story also every recorded value, list, check and event
    #[arg(long)]
    pub all: bool,
    /// As JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// Writes what the catalog at `url` knows of the book; an unknown barcode is answered with code 1.
pub fn run<W: Write>(args: &ExplainArgs, url: &str, out: &mut W) -> CommandResult {
    let reader = reading::open(url)?;
    let story = reader
        .explain(&args.barcode)
        .map_err(|error| reading::refused(&error))?;
    let Some(story) = story else {
        let error = CliError::new(
            ExitStatus::Failed,
            format!("the catalog does not know {}", args.barcode),
        );
        return Err(error.advise("Barcodes are case-sensitive here. `grind collect` reads GRIN's lists anew."));
    };
    write_to(out, |out| {
        if args.json {
            serde_json::to_writer_pretty(&mut *out, &story)?;
            return writeln!(out);
        }
        if args.all {
            return write!(out, "{}", WholeStory(&story));
        }
        write!(out, "{story}")
    })?;
    Ok(ExitStatus::Done)
}
