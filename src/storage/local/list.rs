//! Walks the folders, one open at each depth, so that a million books need no memory.

use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType};
use rustix::io::Errno;

use crate::storage::error::StorageError;
use crate::storage::key::{ObjectKey, is_of_file_system};
use crate::storage::local::{LocalStorage, folder};
use crate::storage::{ListedEntry, ListedObject, NoObject};

/// Deeper than any layout of ours; bounds the open folders.
const DEEPEST: usize = 16;

/// Everything below a folder: objects, and what cannot be one of ours (dots in front, links, odd names), into which it does not look. What
/// file systems put into their root, uploads under way among it, is skipped.
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

    /// The next entry of the innermost folder; `None`: a folder to enter, or nothing to tell.
    fn step(&mut self) -> Option<ListedEntry> {
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
        if matches!(entry.file_name().to_bytes(), b"." | b"..") {
            return None;
        }
        let stat = rustix::fs::statat(dir.fd().ok()?, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let name = entry.file_name().to_string_lossy();
        let full = match path.as_str() {
            "" if kind.is_dir() && is_of_file_system(&name) => return None,
            "" => name.into_owned(),
            path => format!("{path}/{name}"),
        };
        match (ObjectKey::parse(&full), kind) {
            (Ok(key), FileType::RegularFile) => Some(ListedEntry::Object(ListedObject {
                key,
                bytes: u64::try_from(stat.st_size).unwrap_or_default(),
            })),
            (Ok(_), FileType::Directory) if self.open.len() < DEEPEST => {
                self.enter(&full);
                None
            }
            (Ok(_), FileType::Directory) => Some(no_object(full, kind, "it is deeper than any folder of objects")),
            (Ok(_), _) => Some(no_object(full, kind, "it is a link, or no file")),
            (Err(bad), _) => Some(no_object(full, kind, bad.why)),
        }
    }
}

fn no_object(mut name: String, kind: FileType, why: &'static str) -> ListedEntry {
    if kind.is_dir() {
        name.push('/');
    }
    ListedEntry::NoObject(NoObject { name, why })
}

impl Iterator for FolderWalk {
    type Item = Result<ListedEntry, StorageError>;

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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::storage::{Storage, StorageConfig};

    #[test]
    fn what_no_object_can_be_is_told_and_not_what_file_systems_put_into_their_root() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&StorageConfig::of_url(format!("file://{}", folder.path().display()))).unwrap();
        let path = |name: &str| folder.path().join(name);
        for within in ["raw/X1", "raw/od d", "raw/.a/b", "lost+found", ".snapshot"] {
            fs::create_dir_all(path(within)).unwrap();
            fs::write(path(within).join("x"), b"x").unwrap();
        }
        let deep = vec!["d"; DEEPEST].join("/");
        fs::create_dir_all(path(&deep)).unwrap();
        fs::write(path(".notes"), b"x").unwrap();
        std::os::unix::fs::symlink("X1", path("raw/link")).unwrap();
        let (mut objects, mut others) = (Vec::new(), Vec::new());
        for entry in storage.list_entries() {
            match entry.unwrap() {
                ListedEntry::Object(object) => objects.push(object.key.to_string()),
                ListedEntry::NoObject(other) => others.push(other.name),
            }
        }
        others.sort();
        let too_deep = format!("{deep}/");
        assert_eq!(objects, ["raw/X1/x"]);
        assert_eq!(others, [".notes", &too_deep, "raw/.a/", "raw/link", "raw/od d/"]);
    }
}
