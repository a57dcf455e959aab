//! The file that `--output` names: it appears whole, or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;

/// The file under way, under another name.
#[derive(Debug)]
pub struct OutputFile {
    file: NamedTempFile,
    target: OutputTarget,
}

/// What becomes of it.
#[derive(Debug)]
enum OutputTarget {
    /// It takes this name, in the place of a file that is there.
    Name(PathBuf),
    /// It is copied into a device or pipe, which no file may take the place of.
    Device(File),
}

impl OutputFile {
    /// A link stays, and the file that it names is replaced.
    ///
    /// # Errors
    /// Nothing can be written there.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let path = match fs::metadata(path) {
            Ok(found) if !found.is_file() => {
                return Ok(Self {
                    target: OutputTarget::Device(OpenOptions::new().write(true).open(path)?),
                    file: NamedTempFile::new()?,
                });
            }
            Ok(_) => path.canonicalize()?,
            Err(_) => path.to_owned(),
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let file = tempfile::Builder::new()
            .prefix(".grind-output-")
            .tempfile_in(folder.unwrap_or(Path::new(".")))?;
        Ok(Self {
            file,
            target: OutputTarget::Name(path),
        })
    }

    /// Temporary files are for their owner alone; what is made to be handed on is not.
    ///
    /// # Errors
    /// The file system keeps no rights.
    #[cfg(unix)]
    pub fn let_others_read(&self) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        self.file.as_file().set_permissions(fs::Permissions::from_mode(0o644))
    }

    #[cfg(not(unix))]
    pub fn let_others_read(&self) -> io::Result<()> {
        Ok(())
    }

    /// It appears.
    ///
    /// # Errors
    /// It does not.
    pub fn finish(mut self) -> io::Result<()> {
        match self.target {
            OutputTarget::Name(path) => {
                self.file.as_file().sync_all()?;
                self.file.persist(&path).map(drop).map_err(|error| error.error)
            }
            OutputTarget::Device(mut device) => {
                self.file.rewind()?;
                io::copy(&mut self.file, &mut device).map(drop)
            }
        }
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// An error as a person meets it.
pub fn not_written(path: &Path, error: &io::Error) -> CliError {
    CliError::new(ExitStatus::CannotCreate, format!("cannot write {}", path.display())).because(error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileTypeExt as _, symlink};

    use super::*;

    fn written(path: &Path) -> io::Result<()> {
        let mut output = OutputFile::begin(path)?;
        output.write_all(b"new")?;
        output.finish()
    }

    #[test]
    fn a_device_or_pipe_is_written_to_and_stays_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
        let reads = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).unwrap()
        });
        written(&pipe).unwrap();
        assert_eq!(reads.join().unwrap(), b"new");
        assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
        let device = folder.path().join("device");
        symlink("/dev/null", &device).unwrap();
        written(&device).unwrap();
        assert!(fs::symlink_metadata(&device).unwrap().is_symlink());
        assert!(written(folder.path()).is_err(), "a folder");
    }

    #[test]
    fn a_link_stays_and_its_file_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let [link, file] = ["link", "file"].map(|name| folder.path().join(name));
        fs::write(&file, "old").unwrap();
        symlink(&file, &link).unwrap();
        let mut cut = OutputFile::begin(&link).unwrap();
        cut.write_all(b"half").unwrap();
        drop(cut);
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        written(&link).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
