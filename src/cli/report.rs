//! `grind report`: how far the library is on its way home.

use std::io::Write;

use clap::Args;

use crate::cli::args::ConfigArgs;
use crate::cli::error::CommandResult;
use crate::cli::exit::ExitStatus;
use crate::cli::output::write_to;
use crate::cli::reading;

/// `grind report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// As JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// Writes the report on the catalog at `url`.
pub fn run<W: Write>(args: &ReportArgs, url: &str, out: &mut W) -> CommandResult {
    let report = reading::open(url)?.report().map_err(|error| reading::refused(&error))?;
    write_to(out, |out| {
        if args.json {
            serde_json::to_writer_pretty(&mut *out, &report)?;
            return writeln!(out);
        }
        write!(out, "{report}")
    })?;
    Ok(ExitStatus::Done)
}
