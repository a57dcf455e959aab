//! `grind export premis`: the evidence of checks, for other archives.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::catalog::{CatalogReader, ExportError, PremisCounts, PremisSelection};
use crate::cli::args::ConfigArgs;
use crate::cli::barcode_args::BarcodeArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::export::refused;
use crate::cli::output_file::OutputFile;
use crate::cli::output_place::confirm_outside;
use crate::cli::packages::chosen;
use crate::cli::{load, reading};
use crate::grin::Barcode;

/// `grind export premis`.
#[derive(Debug, Clone, Args)]
pub struct PremisArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Only these books [default: all that were checked]
    #[arg(value_name = "BARCODE", help_heading = "Which books")]
    pub named: Vec<String>,
    /// The same, and from a file.
    #[command(flatten)]
    pub barcodes: BarcodeArgs,
    /// Into this file, which appears whole or not at all [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Writes the evidence; a named book of which there is none is a no.
pub fn run(args: &PremisArgs) -> CommandResult {
    let settings = load::of_catalog(&args.config)?;
    args.output
        .as_ref()
        .map_or(Ok(()), |path| confirm_outside(&settings, path))?;
    let selection = PremisSelection {
        library: load::library_directory(&settings)?,
        barcodes: chosen(&args.named, &args.barcodes)?,
    };
    let reader = reading::open(&settings.catalog.url)?;
    let path = args.output.as_deref();
    let counts = match path {
        Some(path) => to_file(&reader, &selection, path),
        None => reader.export_premis(&selection, io::stdout().lock()),
    };
    judge(&counts.map_err(|error| refused(&error, path))?)
}

/// Without evidence nothing appears.
fn to_file(reader: &CatalogReader, selection: &PremisSelection, path: &Path) -> Result<PremisCounts, ExportError> {
    let mut file = OutputFile::begin(path)?;
    let counts = reader.export_premis(selection, &mut file)?;
    if counts.objects > 0 {
        file.let_others_read()?;
        file.finish()?;
    }
    Ok(counts)
}

fn judge(counts: &PremisCounts) -> CommandResult {
    let no = |message: String| {
        CliError::new(ExitStatus::Failed, message)
            .advise("`grind verify BARCODE…` reads stored books again and records what came of it.")
    };
    if counts.objects == 0 {
        return Err(no(
            "no check of these books is recorded, and nothing was written".to_owned()
        ));
    }
    if counts.without.is_empty() {
        return Ok(ExitStatus::Done);
    }
    let names: Vec<_> = counts.without.iter().map(Barcode::as_str).collect();
    Err(no(format!("no check is recorded of {}", names.join(", "))).cause("the evidence of the others was written"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_that_is_not_there_is_a_no() {
        let counts = |objects, without: &[&str]| PremisCounts {
            objects,
            events: objects,
            without: without.iter().map(|code| Barcode::parse(code).unwrap()).collect(),
        };
        assert_eq!(judge(&counts(2, &[])).unwrap(), ExitStatus::Done);
        for (counts, words) in [
            (counts(0, &["AAA1"]), "nothing was written"),
            (counts(1, &["AAA1"]), "AAA1"),
        ] {
            let error = judge(&counts).unwrap_err();
            assert_eq!(error.exit(), ExitStatus::Failed);
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
