//! Files under a temporary name, locked as long as their writer lives, and the sweep of those that nobody holds.

use std::fs::{File, TryLockError};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;

use crate::storage::SweepResult;
use crate::storage::error::StorageError;
use crate::storage::local::{LocalStorage, TEMPORARY, folder};

/// The umask takes from it.
const MODE: Mode = Mode::RUSR.union(Mode::WUSR).union(Mode::RGRP).union(Mode::ROTH);
/// How a file is opened that is to be locked: NFS locks only for itself what is open for writing.
const TO_LOCK: OFlags = OFlags::RDWR
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);
/// A name is random, so one attempt is enough but for a sweep at the very same moment.
const ATTEMPTS: usize = 8;

/// A file that vanishes when dropped, unless its name was taken from it.
#[derive(Debug)]
pub(super) struct TemporaryFile {
    pub file: File,
    pub folder: OwnedFd,
    /// `None` once it has its final name.
    pub name: Option<String>,
}

impl TemporaryFile {
    /// A new, empty, locked file.
    pub fn create(local: &LocalStorage) -> Result<Self, StorageError> {
        for _ in 0..ATTEMPTS {
            let folder = folder::open_or_make(local.top().as_fd(), TEMPORARY)
                .map_err(|why| local.failed("making the folder", TEMPORARY, why))?;
            let name = format!("{}-{:016x}", std::process::id(), rand::random::<u64>());
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = rustix::fs::openat(&folder, name.as_str(), flags, MODE)
                .map_err(|why| local.failed("making a file in", TEMPORARY, why))?;
            let temporary = Self {
                file: file.into(),
                folder,
                name: Some(name),
            };
            if temporary.is_ours() {
                return Ok(temporary);
            }
        }
        let busy = std::io::Error::other("a sweep takes new files away at once");
        Err(local.failed("making a file in", TEMPORARY, busy))
    }

    /// Locks the file; `false` if a sweep came between making and locking.
    fn is_ours(&self) -> bool {
        match self.file.try_lock() {
            Ok(()) => rustix::fs::fstat(&self.file).is_ok_and(|stat| stat.st_nlink > 0),
            Err(TryLockError::WouldBlock) => false,
            // A file system without locks; the sweep, which cannot lock either, then takes nothing.
            Err(TryLockError::Error(_)) => true,
        }
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if let Some(name) = &self.name
            && let Err(why) = rustix::fs::unlinkat(&self.folder, name.as_str(), AtFlags::empty())
            && why != Errno::NOENT
        {
            tracing::warn!(name, error = %why, "temporary file left behind until the next sweep");
        }
    }
}

/// Removes every temporary file that no living process holds.
pub(super) fn sweep(local: &LocalStorage) -> SweepResult {
    let mut swept = SweepResult::default();
    let folder = match folder::open(local.top().as_fd(), TEMPORARY) {
        Ok(folder) => folder,
        Err(Errno::NOENT) => return swept,
        Err(why) => {
            swept.failures.push(local.failed("opening", TEMPORARY, why).to_string());
            return swept;
        }
    };
    let entries = Dir::read_from(&folder).into_iter().flatten();
    for name in entries.filter_map(|entry| Some(entry.ok()?.file_name().to_str().ok()?.to_owned())) {
        if name == "." || name == ".." {
            continue;
        }
        match sweep_one(&folder, &name) {
            Ok(true) => swept.removed += 1,
            Ok(false) => {}
            Err(why) => swept.failures.push(
                local
                    .failed("sweeping", &format!("{TEMPORARY}/{name}"), why)
                    .to_string(),
            ),
        }
    }
    swept
}

/// `false` while somebody writes it.
fn sweep_one(folder: &OwnedFd, name: &str) -> rustix::io::Result<bool> {
    let file = match rustix::fs::openat(folder, name, TO_LOCK, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(false),
        Err(why) => return Err(why),
    };
    match file.try_lock() {
        Ok(()) => rustix::fs::unlinkat(folder, name, AtFlags::empty()).map(|()| true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(_)) => Err(Errno::NOLCK),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_swept_is_opened_as_nfs_wants_it_for_a_lock() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let opened = rustix::fs::open(file.path(), TO_LOCK, Mode::empty()).unwrap();
        // What NFS makes of flock; other file systems ask nothing of it.
        rustix::fs::fcntl_lock(&opened, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    }
}
