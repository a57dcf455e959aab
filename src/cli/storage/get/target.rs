//! A file that appears whole, or not at all.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;

/// The file under way, beside its place.
pub(super) struct TargetFile {
    path: PathBuf,
    file: NamedTempFile,
}

impl TargetFile {
    pub(super) fn begin(path: &Path) -> Result<Self, CliError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let file = tempfile::Builder::new()
            .prefix(".grind-get-")
            .tempfile_in(folder.unwrap_or(Path::new(".")))
            .map_err(|error| cannot_write(path, &error))?;
        let path = path.to_owned();
        Ok(Self { path, file })
    }

    pub(super) fn failed(&self, error: &io::Error) -> CliError {
        cannot_write(&self.path, error)
    }

    /// It appears, in the place of a file that is there.
    pub(super) fn finish(self) -> Result<(), CliError> {
        let Self { path, file } = self;
        file.as_file().sync_all().map_err(|error| cannot_write(&path, &error))?;
        let kept = file.persist(&path).map(drop);
        kept.map_err(|error| cannot_write(&path, &error.error))
    }
}

impl Write for TargetFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> CliError {
    CliError::new(ExitStatus::CannotCreate, format!("cannot write {}", path.display())).because(error)
}
