//! The temporary folder of a copy, beside the catalog where that is a file, else in the system's folder for such. It is locked as long as its maker lives, so that one that a
//! kill left behind is told from one in use.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tracing::{info, warn};

use crate::catalog::CatalogAddress;

const PREFIX: &str = ".catalog-copy-";
/// A name is random, so one attempt is enough but for a sweep at the very same moment.
const ATTEMPTS: usize = 8;

/// A folder that is gone when the copy is made, or its thread ends otherwise.
#[derive(Debug)]
pub(crate) struct CopyScratch {
    folder: TempDir,
    /// Until then the sweep spares it.
    _lock: File,
}

impl CopyScratch {
    /// A new, empty, locked folder.
    pub fn for_catalog(catalog: &CatalogAddress) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(place_of(catalog))?;
            // A sweep may come between making and locking.
            if let Ok(lock) = File::open(&folder)
                && !matches!(lock.try_lock(), Err(TryLockError::WouldBlock))
                && folder.path().exists()
            {
                return Ok(Self { folder, _lock: lock });
            }
        }
        Err(io::Error::other("a sweep takes new folders away at once"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn place_of(catalog: &CatalogAddress) -> PathBuf {
    let beside = catalog.file().and_then(Path::parent);
    let beside = beside.map(|folder| {
        if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        }
    });
    beside
        .filter(|folder| folder.is_dir())
        .map_or_else(std::env::temp_dir, Path::to_owned)
}

/// Removes the folders whose makers were killed.
pub(crate) fn sweep(catalog: &CatalogAddress) {
    let entries = fs::read_dir(place_of(catalog)).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let folder = entry.path();
        match sweep_one(&folder) {
            Ok(true) => {
                info!(folder = %folder.display(), "a copy of the catalog that an earlier run left half-made was removed")
            }
            Ok(false) => {}
            Err(error) => {
                warn!(folder = %folder.display(), %error, "a half-made copy of the catalog could not be removed")
            }
        }
    }
}

/// `false` while somebody uses it, and where it is another user's: the system's folder is everybody's.
fn sweep_one(folder: &Path) -> io::Result<bool> {
    let found = fs::symlink_metadata(folder)?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        return Ok(false);
    }
    let lock = File::open(folder)?;
    match lock.try_lock() {
        Ok(()) => fs::remove_dir_all(folder).map(|()| true),
        Err(TryLockError::WouldBlock) => Ok(false),
        // Where nothing can be locked, nobody knows what is in use.
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kill_left_is_removed_and_what_is_in_use_stays() {
        let home = tempfile::tempdir().unwrap();
        let catalog = CatalogAddress::Sqlite(home.path().join("catalog.db"));
        let used = CopyScratch::for_catalog(&catalog).unwrap();
        let left = home.path().join(format!("{PREFIX}left"));
        fs::create_dir(&left).unwrap();
        fs::write(left.join("catalog.db"), "half").unwrap();
        let other = home.path().join("library");
        fs::create_dir(&other).unwrap();
        sweep(&catalog);
        assert!(!left.exists());
        assert!(used.path().exists() && other.exists());
        let path = used.path().to_owned();
        drop(used);
        assert!(!path.exists());
    }

    #[test]
    fn so_it_is_in_the_systems_folder_where_the_catalog_is_on_a_server() {
        let catalog = CatalogAddress::parse("postgresql://grind@127.0.0.1/grind").unwrap();
        let used = CopyScratch::for_catalog(&catalog).unwrap();
        let [left, anothers] = ["left", "anothers"].map(|name| {
            let folder = tempfile::Builder::new().prefix(PREFIX).suffix(name).tempdir().unwrap();
            fs::write(folder.path().join("catalog.db"), "half").unwrap();
            folder
        });
        // Only root can give a folder away.
        let is_anothers = std::os::unix::fs::chown(anothers.path(), Some(1), None).is_ok();
        sweep(&catalog);
        assert!(!left.path().exists());
        assert!(used.path().exists());
        assert_eq!(anothers.path().exists(), is_anothers);
    }
}
