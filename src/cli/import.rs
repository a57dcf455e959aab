//! Room `cli`: `grind import`: takes over a `grin-transfer` run without fetching a book again.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::args::ConfigArgs;
use super::error::{CliError, Outcome};
use super::exit::Exit;
use super::output::write_to;
use super::reading;
use crate::catalog::{Clock, Depth, Import, ImportError, Ledger, LocalFiles, Policy, StoredFiles, path_of};

/// `grind import`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "\
A book counts as stored if its archive is really there and whole, whatever the other database says of it. With --storage
naming the folder that storage.url names too, nothing is moved or copied.")]
pub struct ImportArgs {
    /// Where the config is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The other program's database, its books.db
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    /// The folder with its `raw/<barcode>/<barcode>.tar.gz`; without it no book counts as stored
    #[arg(long, value_name = "DIR")]
    pub storage: Option<PathBuf>,
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

/// Imports into the catalog at `url`, the archives being where `--storage` says.
pub fn run<W: Write>(args: &ImportArgs, url: &str, out: &mut W) -> Outcome {
    let depth = if args.quick { Depth::Quick } else { Depth::Full };
    let mut local = args.storage.as_ref().map(|base| LocalFiles::new(base, depth));
    let files = local.as_mut().map(|files| files as &mut (dyn StoredFiles + 'static));
    run_with(args, url, files, out)
}

/// As [`run`], with files of any storage.
pub fn run_with<W: Write>(
    args: &ImportArgs,
    url: &str,
    files: Option<&mut (dyn StoredFiles + 'static)>,
    out: &mut W,
) -> Outcome {
    let mut progress = |books| tracing::info!(books, "imported so far");
    let files = files.map(|files| files as &mut dyn StoredFiles);
    let mut ledger = if args.dry_run { None } else { Some(open(url)?) };
    let import = Import {
        from: &args.from,
        files,
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
