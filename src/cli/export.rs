//! `grind export`: the catalog as a file for other programs.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::catalog::{CatalogReader, ExportError};
use crate::cli::args::ConfigArgs;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::reading;

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
}

/// What an export looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportForm {
    /// The columns that the users of today's tool know, in their order
    Csv,
    /// Everything known, one JSON object a line; lists stay lists
    Jsonl,
}

/// Writes the catalog at `url` into the file named, else to `out`.
pub fn run<W: Write>(args: &ExportArgs, url: &str, out: &mut W) -> CommandResult {
    let reader = reading::open(url)?;
    match &args.output {
        Some(path) => to_file(&reader, args.form, path)?,
        None => {
            export(&reader, args.form, BufWriter::new(out)).map_err(|error| refused(&error, None))?;
        }
    }
    Ok(ExitStatus::Done)
}

fn export(reader: &CatalogReader, form: ExportForm, out: impl Write) -> Result<u64, ExportError> {
    match form {
        ExportForm::Csv => reader.export_csv(out),
        ExportForm::Jsonl => reader.export_jsonl(out),
    }
}

/// Beside the file first, then under its name.
fn to_file(reader: &CatalogReader, form: ExportForm, path: &Path) -> Result<(), CliError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let write = || -> Result<(), ExportError> {
        let mut file = tempfile::Builder::new()
            .prefix(".grind-export-")
            .tempfile_in(folder.unwrap_or(Path::new(".")))?;
        export(reader, form, BufWriter::new(file.as_file_mut()))?;
        let_others_read(file.as_file())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|error| refused(&error, Some(path)))
}

/// Temporary files are for their owner alone; an export is made to be handed on.
#[cfg(unix)]
fn let_others_read(file: &std::fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn let_others_read(_: &std::fs::File) -> io::Result<()> {
    Ok(())
}

fn refused(error: &ExportError, path: Option<&Path>) -> CliError {
    match (error, path) {
        (ExportError::Catalog(error), _) => reading::refused(error),
        (ExportError::Write(error), None) => CliError::output(error),
        (ExportError::Write(error), Some(path)) => {
            CliError::new(ExitStatus::CannotCreate, format!("cannot write {}", path.display())).because(error)
        }
    }
}
