//! A file written under a temporary name and published by renaming it.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::fs::AtFlags;
use rustix::io::Errno;

use crate::storage::error::StorageError;
use crate::storage::key::ObjectKey;
use crate::storage::local::temporary::TemporaryFile;
use crate::storage::local::{LocalStorage, SpaceReservation, folder, steps};

/// An object on disk that is being written.
#[derive(Debug)]
pub(in crate::storage) struct LocalUpload {
    local: Arc<LocalStorage>,
    key: ObjectKey,
    temporary: TemporaryFile,
    /// Room that was reserved for it.
    room: Option<Arc<SpaceReservation>>,
    written: u64,
    failed: bool,
}

impl LocalUpload {
    /// For what has room reserved the disk is not measured again: what was begun with enough room comes to its end.
    pub fn begin(
        local: &Arc<LocalStorage>,
        key: &ObjectKey,
        room: Option<Arc<SpaceReservation>>,
    ) -> Result<Self, StorageError> {
        if room.is_none() {
            local.check_room()?;
        }
        let temporary = TemporaryFile::create(local)?;
        Ok(Self {
            local: Arc::clone(local),
            key: key.clone(),
            temporary,
            room,
            written: 0,
            failed: false,
        })
    }

    pub fn set_key(&mut self, key: &ObjectKey) {
        self.key = key.clone();
    }

    /// File, then name, then folder: each durable before the next, so that no crash can show a name without its bytes.
    pub fn publish(mut self) -> Result<u64, StorageError> {
        self.publish_by(Self::name)?;
        Ok(self.written)
    }

    /// The same, unless a file of that name is there, which then stays.
    pub fn publish_first(mut self) -> Result<(), StorageError> {
        self.publish_by(Self::name_first)
    }

    fn publish_by(&mut self, name: impl FnOnce(&mut Self) -> rustix::io::Result<()>) -> Result<(), StorageError> {
        if self.failed {
            return Err(StorageError::Broken);
        }
        steps::note("file synced");
        self.temporary
            .file
            .sync_all()
            .map_err(|why| self.local.failed("writing", self.key.as_str(), why))?;
        name(self).map_err(|why| self.local.failed_at("publishing", &self.key, why))
    }

    /// A second name never replaces a file, as another name would; the temporary one goes afterwards. Over NFS, too.
    fn name_first(&mut self) -> rustix::io::Result<()> {
        let (folder_path, name) = self.key.split();
        let Some(temporary) = self.temporary.name.as_deref() else {
            return Err(Errno::NOENT);
        };
        let target = folder::open_or_make(self.local.top().as_fd(), folder_path)?;
        steps::note("linked");
        match rustix::fs::linkat(&self.temporary.folder, temporary, &target, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::EXIST) => folder::sync(target.as_fd()),
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK | Errno::INVAL) => {
                tracing::debug!(key = %self.key, "this file system gives no file two names: it is looked first whether the name is free");
                match rustix::fs::statat(&target, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Err(Errno::NOENT) => self.name(),
                    other => other.map(drop),
                }
            }
            Err(why) => Err(why),
        }
    }

    fn name(&mut self) -> rustix::io::Result<()> {
        let (folder_path, name) = self.key.split();
        let Some(temporary) = self.temporary.name.clone() else {
            return Err(Errno::NOENT);
        };
        let enter = || folder::open_or_make(self.local.top().as_fd(), folder_path);
        let rename = |target: &_| {
            steps::note("renamed");
            rustix::fs::renameat(&self.temporary.folder, temporary.as_str(), target, name)
        };
        let mut target = enter()?;
        match rename(&target) {
            // A file server has done it, its answer was lost, and it was asked once more.
            Err(_) if self.is_named(&target, name) => {}
            // Another book's removal may have pruned the folder a moment ago.
            Err(Errno::NOENT) => {
                target = enter()?;
                rename(&target)?;
            }
            other => other?,
        }
        self.temporary.name = None;
        folder::sync(target.as_fd())
    }

    /// Whether the file that was written has this name.
    fn is_named(&self, folder: &impl AsFd, name: &str) -> bool {
        let named = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
        let (Ok(named), Ok(written)) = (named, rustix::fs::fstat(&self.temporary.file)) else {
            return false;
        };
        (named.st_dev, named.st_ino) == (written.st_dev, written.st_ino)
    }
}

impl Write for LocalUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed {
            return Err(StorageError::Broken.into());
        }
        match self.temporary.file.write(bytes) {
            Ok(count) => {
                self.written += count as u64;
                if let Some(room) = &self.room {
                    room.filled(count as u64);
                }
                Ok(count)
            }
            Err(why) if why.kind() == io::ErrorKind::Interrupted => Err(why),
            Err(why) => {
                self.failed = true;
                Err(self.local.failed("writing", self.key.as_str(), why).into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::storage::local::TEMPORARY;
    use crate::storage::open::SpaceReserve;

    /// As NFS does when the answer to a renaming is lost, and it asks the server once more.
    #[test]
    fn a_file_that_has_its_name_already_is_published() {
        let folder = tempfile::tempdir().unwrap();
        let local = Arc::new(LocalStorage::open(folder.path(), SpaceReserve::Bytes(0)).unwrap());
        let (key, named) = (
            ObjectKey::parse("meta/X1.json").unwrap(),
            folder.path().join("meta/X1.json"),
        );
        let temporary = || {
            fs::read_dir(folder.path().join(TEMPORARY))
                .unwrap()
                .next()
                .unwrap()
                .unwrap()
                .path()
        };
        fs::create_dir(folder.path().join("meta")).unwrap();
        let mut upload = LocalUpload::begin(&local, &key, None).unwrap();
        upload.write_all(b"text").unwrap();
        fs::rename(temporary(), &named).unwrap();
        assert_eq!(upload.publish().unwrap(), 4);
        // What another has under that name is no answer.
        let upload = LocalUpload::begin(&local, &key, None).unwrap();
        fs::remove_file(temporary()).unwrap();
        upload.publish().unwrap_err();
        assert_eq!(fs::read(&named).unwrap(), b"text");
    }
}
