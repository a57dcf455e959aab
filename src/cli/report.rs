//! Room `cli`: `grind report`: how far the library is on its way home.

use std::io::Write;

use clap::Args;

use super::args::ConfigArgs;
use super::error::Outcome;
use super::exit::Exit;
use super::output::write_to;
use super::reading;

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
pub fn run<W: Write>(args: &ReportArgs, url: &str, out: &mut W) -> Outcome {
    let report = reading::open(url)?.report().map_err(|error| reading::refused(&error))?;
    write_to(out, |out| {
        if args.json {
            serde_json::to_writer_pretty(&mut *out, &report)?;
            return writeln!(out);
        }
        write!(out, "{report}")
    })?;
    Ok(Exit::Done)
}
