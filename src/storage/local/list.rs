//! Walks the folders, one open at each depth, so that a million books need no memory.

use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType};
use rustix::io::Errno;

use crate::storage::ListedObject;
use crate::storage::error::StorageError;
use crate::storage::key::ObjectKey;
use crate::storage::local::{LocalStorage, folder};

/// Deeper than any layout of ours; bounds the open folders.
const DEEPEST: usize = 16;

/// Every object below a folder. What cannot be an object of ours (dots in front, links, odd names) is skipped.
pub(in crate::storage) fn list(local: &Arc<LocalStorage>, under: Option<&ObjectKey>) -> FolderWalk {
    let mut walk = FolderWalk {
        local: Arc::clone(local),
        open: Vec::new(),
        failed: None,
    };
    walk.enter(under.map_or("", ObjectKey::as_str));
    walk
}

/// A walk under way.
pub(in crate::storage) struct FolderWalk {
    local: Arc<LocalStorage>,
    /// Folders entered and not yet done, with their path.
    open: Vec<(String, Dir)>,
    failed: Option<StorageError>,
}

impl FolderWalk {
    fn enter(&mut self, path: &str) {
        if self.open.len() >= DEEPEST {
            return;
        }
        match folder::open(self.local.top().as_fd(), path).and_then(Dir::new) {
            Ok(dir) => self.open.push((path.to_owned(), dir)),
            // Never made, or removed since its parent was read.
            Err(Errno::NOENT) => {}
            Err(why) => self.failed = Some(self.local.failed("listing", path, why)),
        }
    }

    /// The next entry of the innermost folder: an object, or a folder to enter.
    fn step(&mut self) -> Option<ListedObject> {
        let (path, dir) = self.open.last_mut()?;
        let entry = match dir.next() {
            None => {
                self.open.pop();
                return None;
            }
            Some(Ok(entry)) => entry,
            Some(Err(why)) => {
                self.failed = Some(self.local.failed("listing", path, why));
                return None;
            }
        };
        let name = entry.file_name().to_str().ok()?;
        let full = if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}/{name}")
        };
        let key = ObjectKey::parse(&full).ok()?;
        let stat = rustix::fs::statat(dir.fd().ok()?, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Some(ListedObject {
                key,
                bytes: u64::try_from(stat.st_size).unwrap_or_default(),
            }),
            FileType::Directory => {
                self.enter(&full);
                None
            }
            _ => None,
        }
    }
}

impl Iterator for FolderWalk {
    type Item = Result<ListedObject, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(failed) = self.failed.take() {
                self.open.clear();
                return Some(Err(failed));
            }
            if self.open.is_empty() {
                return None;
            }
            if let Some(entry) = self.step() {
                return Some(Ok(entry));
            }
        }
    }
}
