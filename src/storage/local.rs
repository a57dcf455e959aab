//! Books on the local disk.

mod folder;
mod list;
mod reservation;
mod space;
mod steps;
mod temporary;
#[cfg(test)]
mod tests;
mod upload;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Take};
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

pub(super) use crate::storage::local::list::list;
pub(super) use crate::storage::local::reservation::SpaceReservation;
pub(super) use crate::storage::local::upload::LocalUpload;

use crate::storage::error::StorageError;
use crate::storage::key::ObjectKey;
use crate::storage::local::reservation::PromisedRoom;
pub use crate::storage::local::space::StorageSpace;
use crate::storage::local::space::{DiskSpace, SpaceDemand};
use crate::storage::meta::ObjectMeta;
use crate::storage::open::SpaceReserve;
use crate::storage::{ObjectStat, StorageFigures, SweepResult};

/// Folder of uploads under way, on the same file system as the objects. No key can begin with a dot.
pub(crate) const TEMPORARY: &str = ".grind-tmp";

/// A folder of the local disk. All work below it goes by open folders, never through symbolic links.
#[derive(Debug)]
pub(super) struct LocalStorage {
    root: PathBuf,
    /// The folder that the root was when it was looked for last.
    top: Mutex<Arc<OwnedFd>>,
    reserve: SpaceReserve,
    promised: PromisedRoom,
    /// Free bytes as they were measured last.
    free: AtomicU64,
}

impl LocalStorage {
    /// Makes the folder if need be, and tries whether it can be written to.
    pub fn open(path: &Path, reserve: SpaceReserve) -> Result<Self, StorageError> {
        folder::make_root(path).map_err(failed_at(path, "making the folder"))?;
        let local = Self::open_existing(path, reserve)?;
        temporary::TemporaryFile::create(&local)?;
        Ok(local)
    }

    /// The folder as it is; nothing is made or written.
    pub fn open_existing(path: &Path, reserve: SpaceReserve) -> Result<Self, StorageError> {
        let root = path.canonicalize().map_err(failed_at(path, "finding the folder"))?;
        let top = folder::open_root(&root).map_err(failed_at(path, "opening the folder"))?;
        let top = Mutex::new(Arc::new(top));
        let local = Self {
            root,
            top,
            reserve,
            promised: PromisedRoom::default(),
            free: AtomicU64::default(),
        };
        local.disk()?;
        Ok(local)
    }

    /// What is free as it was measured last, and what of it is promised.
    pub fn figures(&self) -> StorageFigures {
        StorageFigures {
            free_bytes: Some(self.free.load(Relaxed)),
            reserved_bytes: *self.promised.bytes(),
            ..StorageFigures::default()
        }
    }

    fn disk(&self) -> Result<DiskSpace, StorageError> {
        let space = space::of(self.top().as_fd()).map_err(|why| self.failed("measuring", "", why))?;
        self.free.store(space.free, Relaxed);
        Ok(space)
    }

    fn top(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.top.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks for the root anew: an open folder stays what it was, whatever is mounted over it. What is written already goes on there.
    pub fn reopen(&self) -> Result<(), StorageError> {
        let top = folder::open_root(&self.root).map_err(|why| self.failed("opening the folder", "", why))?;
        *self.top.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(top);
        Ok(())
    }

    pub fn root(&self) -> String {
        self.root.display().to_string()
    }

    /// Looks whether a book would be taken now: more is free than the reserve and what books on their way take, and the folder may be
    /// written to.
    pub fn check(&self) -> Result<(), StorageError> {
        self.check_room()?;
        temporary::TemporaryFile::create(self).map(drop)
    }

    /// Free bytes; refuses when less is free than the reserve and what books on their way take.
    pub fn check_room(&self) -> Result<u64, StorageError> {
        let promised = *self.promised.bytes();
        self.measure(promised, 0)
    }

    /// Room on its disk.
    pub fn space(&self) -> Result<StorageSpace, StorageError> {
        Ok(self.disk()?.shown(self.reserve))
    }

    /// Free bytes; refuses when less than the reserve would be free after what is promised and wanted is written.
    fn measure(&self, promised: u64, wanted: u64) -> Result<u64, StorageError> {
        let space = self.disk()?;
        let demand = SpaceDemand {
            reserve: self.reserve,
            promised,
            wanted,
        };
        match space.lacks(demand) {
            Some(detail) => Err(StorageError::Full {
                place: self.root.display().to_string(),
                detail,
            }),
            None => Ok(space.free),
        }
    }

    pub fn open_read(&self, key: &ObjectKey) -> Result<File, StorageError> {
        let (folder, name) = key.split();
        let found = folder::open(self.top().as_fd(), folder).and_then(|folder| {
            // Not to wait for a writer, should a pipe stand there.
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            rustix::fs::openat(&folder, name, flags, Mode::empty())
        });
        match found {
            Ok(file) => self.plain_file(key, file.into()),
            Err(rustix::io::Errno::NOENT) => Err(StorageError::NotFound(key.clone())),
            Err(why) => Err(self.failed_at("opening", key, why)),
        }
    }

    pub fn open_read_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Take<File>, StorageError> {
        let mut file = self.open_read(key)?;
        file.seek(SeekFrom::Start(range.start))
            .map_err(|why| self.failed("reading", key.as_str(), why))?;
        Ok(file.take(range.end.saturating_sub(range.start)))
    }

    fn plain_file(&self, key: &ObjectKey, file: File) -> Result<File, StorageError> {
        let metadata = file
            .metadata()
            .map_err(|why| self.failed("looking at", key.as_str(), why))?;
        if metadata.is_file() {
            Ok(file)
        } else {
            Err(self.not_a_file(key))
        }
    }

    pub fn stat(&self, key: &ObjectKey) -> Result<Option<ObjectStat>, StorageError> {
        let (folder, name) = key.split();
        let found = folder::open(self.top().as_fd(), folder)
            .and_then(|folder| rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW));
        match found {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
                let bytes = u64::try_from(stat.st_size).unwrap_or_default();
                Ok(Some(ObjectStat {
                    bytes,
                    meta: ObjectMeta::default(),
                }))
            }
            Ok(_) => Err(self.not_a_file(key)),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(why) => Err(self.failed_at("looking at", key, why)),
        }
    }

    pub fn remove(&self, key: &ObjectKey) -> Result<bool, StorageError> {
        if self.stat(key)?.is_none() {
            return Ok(false);
        }
        let (folder, name) = key.split();
        let removed = folder::open(self.top().as_fd(), folder).and_then(|opened| {
            rustix::fs::unlinkat(&opened, name, AtFlags::empty())?;
            folder::sync(opened.as_fd())
        });
        match removed {
            Ok(()) => {
                folder::prune(self.top().as_fd(), folder);
                Ok(true)
            }
            Err(rustix::io::Errno::NOENT) => Ok(false),
            Err(why) => Err(self.failed_at("removing", key, why)),
        }
    }

    pub fn rename(&self, from: &ObjectKey, to: &ObjectKey) -> Result<(), StorageError> {
        if self.stat(from)?.is_none() {
            return Err(StorageError::NotFound(from.clone()));
        }
        let ((from_folder, from_name), (to_folder, to_name)) = (from.split(), to.split());
        let renamed = folder::open(self.top().as_fd(), from_folder).and_then(|source| {
            let target = folder::open_or_make(self.top().as_fd(), to_folder)?;
            rustix::fs::renameat(&source, from_name, &target, to_name)?;
            folder::sync(target.as_fd())?;
            folder::sync(source.as_fd())
        });
        renamed.map_err(|why| self.failed_at("renaming", from, why))
    }

    pub fn sweep(&self) -> SweepResult {
        temporary::sweep(self)
    }

    /// Where something lies, for messages.
    fn place(&self, path: &str) -> String {
        self.root.join(path).display().to_string()
    }

    fn not_a_file(&self, key: &ObjectKey) -> StorageError {
        StorageError::NotAFile {
            place: self.place(key.as_str()),
        }
    }

    /// What stands in one object's place, or in that of a folder of its own name, stops no other object.
    fn failed_at(&self, what: &str, key: &ObjectKey, why: rustix::io::Errno) -> StorageError {
        let (folder, name) = key.split();
        // In a place of its own the folder of a book stands in the root.
        let (shared, own) = folder.rsplit_once('/').unwrap_or(("", folder));
        let is_own = name.strip_prefix(own).is_some_and(|rest| rest.starts_with('.'));
        let shared = if is_own { shared } else { folder };
        match self.failed(what, key.as_str(), why) {
            StorageError::Unsafe { .. } if folder::open(self.top().as_fd(), shared).is_ok() => self.not_a_file(key),
            error => error,
        }
    }

    fn failed(&self, what: &str, path: &str, source: impl Into<io::Error>) -> StorageError {
        StorageError::from_io(|| what.to_owned(), &self.place(path), source.into())
    }
}

fn failed_at(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> StorageError {
    let place = path.display().to_string();
    move |source| StorageError::from_io(|| what.to_owned(), &place, source)
}
