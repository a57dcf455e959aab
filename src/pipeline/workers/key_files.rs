//! The keys that open archives, out of files that may be corrected while the daemon runs.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::{info, warn};

use crate::archive::PassOptions;
use crate::settings::UnusableSetting;

type ReadOptions = dyn Fn() -> Result<PassOptions, UnusableSetting> + Send + Sync;

/// How archives are opened and checked; read again once a file that it was read from is another one.
#[derive(Clone)]
pub struct ArchiveKeyFiles {
    files: Arc<[PathBuf]>,
    read: Arc<ReadOptions>,
    known: Arc<Mutex<KnownKeys>>,
}

struct KnownKeys {
    options: PassOptions,
    stamps: SecretStamps,
}

/// Changes with what is in the file, who may read it, and which file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileStamp {
    device: u64,
    inode: u64,
    size: u64,
    changed: i64,
    changed_nanoseconds: i64,
}

impl FileStamp {
    fn of(path: &Path) -> Option<Self> {
        let file = std::fs::metadata(path).ok()?;
        Some(Self {
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            changed: file.ctime(),
            changed_nanoseconds: file.ctime_nsec(),
        })
    }
}

/// How files with secrets look, one after the other; `None`: that one is not there, or its folder lets nobody in.
#[derive(Debug, PartialEq, Eq)]
pub struct SecretStamps(Vec<Option<FileStamp>>);

impl SecretStamps {
    /// How these look now.
    pub fn of(files: &[PathBuf]) -> Self {
        Self(files.iter().map(|file| FileStamp::of(file)).collect())
    }
}

impl ArchiveKeyFiles {
    /// Keys that `read` takes out of these files.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn of_files(
        files: Vec<PathBuf>,
        read: impl Fn() -> Result<PassOptions, UnusableSetting> + Send + Sync + 'static,
    ) -> Result<Self, UnusableSetting> {
        // Before the files are read, so that a change meanwhile is seen later.
        let stamps = SecretStamps::of(&files);
        let options = read()?;
        Ok(Self {
            files: files.into(),
            read: Arc::new(read),
            known: Arc::new(Mutex::new(KnownKeys { options, stamps })),
        })
    }

    /// How the next archive is opened. Where changed files cannot be read, with the keys that are known.
    pub fn current(&self) -> PassOptions {
        let stamps = SecretStamps::of(&self.files);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if stamps != known.stamps {
            known.stamps = stamps;
            match (self.read)() {
                Ok(options) => {
                    info!("the files with the keys of archives changed and were read again");
                    known.options = options;
                }
                Err(error) => {
                    warn!(%error, "a file with a key of archives changed and cannot be used; the known key stays in force")
                }
            }
        }
        known.options.clone()
    }
}

#[cfg(test)]
impl From<PassOptions> for ArchiveKeyFiles {
    fn from(options: PassOptions) -> Self {
        Self::of_files(Vec::new(), move || Ok(options.clone())).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grin::SecretBytes;

    #[test]
    fn a_corrected_file_is_in_force_with_the_next_archive_and_an_unusable_one_never() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("passphrase");
        std::fs::write(&file, "wrong").unwrap();
        let path = file.clone();
        let read = move || match std::fs::read_to_string(&path) {
            Ok(text) => Ok(PassOptions {
                passphrase: Some(SecretBytes::new(text)),
                ..PassOptions::default()
            }),
            Err(error) => Err(UnusableSetting(error.to_string())),
        };
        let keys = ArchiveKeyFiles::of_files(vec![file.clone()], read).unwrap();
        let worker = keys.clone();
        let in_force = || worker.current().passphrase.unwrap().expose().to_owned();
        assert_eq!(in_force(), b"wrong");
        std::fs::write(&file, "right one").unwrap();
        assert_eq!(in_force(), b"right one");
        std::fs::remove_file(&file).unwrap();
        assert_eq!(in_force(), b"right one");
        // Put in its place, with as many bytes.
        std::fs::write(folder.path().join("new"), "third one").unwrap();
        std::fs::rename(folder.path().join("new"), &file).unwrap();
        assert_eq!(in_force(), b"third one");
    }
}
