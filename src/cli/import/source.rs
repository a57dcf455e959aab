//! Where the files of a run that is taken over lie: a folder, which is only read, or an object store.

use std::fs::{self, File, ReadDir};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::storage::{ObjectKey, Storage, StorageError};

/// Files by their keys.
pub enum FileSource {
    /// Below a folder.
    Folder(PathBuf),
    /// In a store.
    Store(Storage),
}

/// A file that is there.
pub struct FileStat {
    pub bytes: u64,
    /// Kept beside the object, where the store can.
    pub encrypted_etag: Option<String>,
}

/// Folders are looked into as deep as either layout goes.
const DEEPEST: usize = 4;

/// The keys of a source, in no particular order and in bounded memory.
pub type SourceKeys<'a> = Box<dyn Iterator<Item = io::Result<String>> + 'a>;

impl FileSource {
    /// All of them.
    pub fn keys(&self) -> io::Result<SourceKeys<'_>> {
        match self {
            Self::Folder(root) => Ok(Box::new(Walk::below(root)?)),
            Self::Store(storage) => {
                let listing = storage.list(None).map_err(io::Error::other)?;
                Ok(Box::new(listing.map(|entry| match entry {
                    Ok(entry) => Ok(entry.key.as_str().to_owned()),
                    Err(error) => Err(io::Error::other(error)),
                })))
            }
        }
    }

    /// The file, from its beginning.
    pub fn open(&self, key: &str) -> io::Result<Box<dyn Read + Send>> {
        match self {
            Self::Folder(root) => Ok(Box::new(File::open(root.join(key))?)),
            Self::Store(storage) => storage.open_read(&parsed(key)?).map_err(io::Error::other),
        }
    }

    /// Size of the file; `None` if there is none.
    pub fn stat(&self, key: &str) -> io::Result<Option<FileStat>> {
        match self {
            Self::Folder(root) => match fs::metadata(root.join(key)) {
                Ok(there) => Ok(there.is_file().then_some(FileStat {
                    bytes: there.len(),
                    encrypted_etag: None,
                })),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
            Self::Store(storage) => {
                let there = storage.stat(&parsed(key)?).map_err(io::Error::other)?;
                Ok(there.map(|there| FileStat {
                    bytes: there.bytes,
                    encrypted_etag: there.meta.encrypted_etag,
                }))
            }
        }
    }
}

fn parsed(key: &str) -> io::Result<ObjectKey> {
    ObjectKey::parse(key).map_err(|error| io::Error::other(StorageError::from(error)))
}

/// All files below a folder.
struct Walk {
    root: PathBuf,
    /// The open folders, innermost last.
    open: Vec<ReadDir>,
}

impl Walk {
    fn below(root: &Path) -> io::Result<Self> {
        Ok(Self {
            root: root.to_owned(),
            open: vec![fs::read_dir(root)?],
        })
    }

    fn step(&mut self, path: &Path) -> io::Result<Option<String>> {
        if fs::metadata(path)?.is_dir() {
            if self.open.len() < DEEPEST {
                self.open.push(fs::read_dir(path)?);
            }
            return Ok(None);
        }
        let key = path.strip_prefix(&self.root).map_err(io::Error::other)?;
        Ok(Some(key.to_string_lossy().into_owned()))
    }
}

impl Iterator for Walk {
    type Item = io::Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(entry) = self.open.last_mut()?.next() else {
                self.open.pop();
                continue;
            };
            match entry.and_then(|entry| self.step(&entry.path())) {
                Ok(Some(key)) => return Some(Ok(key)),
                Ok(None) => {}
                // A link to nothing is no file.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    tracing::warn!(%error, below = %self.root.display(), "a folder that may not be read is skipped");
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
