//! The folder of the packages: one export at a time, each package written beside its place and renamed into it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

use crate::pipeline::package::error::PackageError;

/// Folders of packages that are being written begin so.
const STAGED: &str = ".grind-package-";

/// The folder, locked against other exports while this lives.
pub(super) struct PackageFolder {
    path: PathBuf,
    _locked: File,
}

/// A package that is being written; removed unless it is published.
pub(super) struct StagedPackage {
    around: TempDir,
    /// Its folder, with the rights that it will have.
    pub path: PathBuf,
}

impl PackageFolder {
    /// Makes it if need be, and removes what an export left that was killed.
    pub fn open(path: &Path) -> Result<Self, PackageError> {
        fs::create_dir_all(path).map_err(PackageError::at(path))?;
        let locked = File::open(path).map_err(PackageError::at(path))?;
        // Some file servers lock no folders; there two exports at once are the operator's concern.
        if let Err(rustix::io::Errno::WOULDBLOCK) = flock(&locked, FlockOperation::NonBlockingLockExclusive) {
            return Err(PackageError::Folder {
                path: path.to_owned(),
                why: "another export writes into it; wait for its end".to_owned(),
            });
        }
        let folder = Self {
            path: path.to_owned(),
            _locked: locked,
        };
        for name in folder.names()?.iter().filter(|name| name.starts_with(STAGED)) {
            let left = path.join(name);
            fs::remove_dir_all(&left).map_err(PackageError::at(&left))?;
        }
        Ok(folder)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names in it.
    pub fn names(&self) -> Result<Vec<String>, PackageError> {
        names_in(&self.path)
    }

    /// Begins a package.
    pub fn stage(&self) -> Result<StagedPackage, PackageError> {
        let staged = tempfile::Builder::new().prefix(STAGED).tempdir_in(&self.path);
        let around = staged.map_err(PackageError::at(&self.path))?;
        let path = around.path().join("package");
        fs::create_dir(&path).map_err(PackageError::at(&path))?;
        Ok(StagedPackage { around, path })
    }

    /// Gives a staged folder, or one within it, its place: durable, whole, in one step. What stands there must be nothing or empty.
    pub fn publish(&self, staged: StagedPackage, from: &Path, to: &Path) -> Result<(), PackageError> {
        sync_tree(from)?;
        let parent = to.parent().unwrap_or(&self.path);
        let placed = fs::create_dir_all(parent).and_then(|()| fs::rename(from, to));
        if let Err(source) = placed {
            self.prune(parent);
            return Err(PackageError::at(to)(source));
        }
        drop(staged.around);
        parent
            .ancestors()
            .take_while(|above| above.starts_with(&self.path))
            .try_for_each(sync_folder)
    }

    /// Writes a small file within it in one step, in place of the one that is there. An export that is killed leaves nothing beside it.
    pub fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), PackageError> {
        let staged = self.stage()?;
        let written = staged.path.join("file");
        write_new(&written, bytes)?;
        let parent = path.parent().unwrap_or(&self.path);
        let placed = fs::create_dir_all(parent).and_then(|()| fs::rename(&written, path));
        placed.map_err(PackageError::at(path))?;
        sync_folder(parent)
    }

    /// Removes folders that were made for a package that did not come.
    fn prune(&self, folder: &Path) {
        for above in folder.ancestors().take_while(|above| *above != self.path) {
            if fs::remove_dir(above).is_err() {
                break;
            }
        }
    }
}

/// The names in a folder; none in one that is not there.
pub(super) fn names_in(folder: &Path) -> Result<Vec<String>, PackageError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(PackageError::at(folder))?,
    };
    let name = |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name().to_string_lossy().into_owned());
    entries
        .map(name)
        .collect::<io::Result<_>>()
        .map_err(PackageError::at(folder))
}

/// A file that was not there, and the folders above it.
pub(super) fn new_file(path: &Path) -> Result<File, PackageError> {
    let above = path.parent().map_or(Ok(()), fs::create_dir_all);
    above
        .and_then(|()| File::create_new(path))
        .map_err(PackageError::at(path))
}

/// Writes a small file that was not there.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), PackageError> {
    let mut file = new_file(path)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(PackageError::at(path))
}

fn sync_tree(folder: &Path) -> Result<(), PackageError> {
    for name in names_in(folder)? {
        let below = folder.join(name);
        if below.is_dir() {
            sync_tree(&below)?;
        }
    }
    sync_folder(folder)
}

fn sync_folder(folder: &Path) -> Result<(), PackageError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(PackageError::at(folder))
}

/// How many bytes these files of a package have together.
///
/// # Errors
/// [`PackageError::Occupied`] where one of them is not there: the package is not whole.
pub(super) fn bytes_of<'n>(package: &Path, names: impl Iterator<Item = &'n str>) -> Result<u64, PackageError> {
    let mut bytes = 0;
    for name in names {
        match fs::symlink_metadata(package.join(name)) {
            Ok(found) if found.is_file() => bytes += found.len(),
            _ => {
                let why = format!("{name} is not there as a file; move what is left away, and it is made anew");
                return Err(PackageError::occupied(package, why));
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_appears_whole_and_what_was_not_published_is_gone() {
        let home = tempfile::tempdir().unwrap();
        let into = home.path().join("a/b");
        let folder = PackageFolder::open(&into).unwrap();
        let staged = folder.stage().unwrap();
        write_new(&staged.path.join("x/y"), b"1").unwrap();
        let from = staged.path.clone();
        folder.publish(staged, &from, &into.join("1/2/book")).unwrap();
        assert_eq!(fs::read(into.join("1/2/book/x/y")).unwrap(), b"1");
        drop(folder.stage().unwrap());
        assert_eq!(folder.names().unwrap(), ["1"]);
    }

    #[test]
    fn nothing_is_replaced_and_no_empty_folder_is_left() {
        let home = tempfile::tempdir().unwrap();
        let folder = PackageFolder::open(home.path()).unwrap();
        write_new(&home.path().join("book/old"), b"1").unwrap();
        write_new(&home.path().join("file"), b"1").unwrap();
        for place in ["book", "file/1/2"] {
            let staged = folder.stage().unwrap();
            write_new(&staged.path.join("new"), b"2").unwrap();
            let from = staged.path.clone();
            assert!(
                folder.publish(staged, &from, &home.path().join(place)).is_err(),
                "{place}"
            );
        }
        let mut names = folder.names().unwrap();
        names.sort();
        assert_eq!(names, ["book", "file"]);
        assert_eq!(names_in(&home.path().join("book")).unwrap(), ["old"]);
    }

    #[test]
    fn a_small_file_takes_the_place_of_another_in_one_step() {
        let home = tempfile::tempdir().unwrap();
        let folder = PackageFolder::open(home.path()).unwrap();
        let path = home.path().join("a/file");
        for text in ["1", "2"] {
            folder.replace(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(folder.names().unwrap(), ["a"]);
        assert_eq!(names_in(&home.path().join("a")).unwrap(), ["file"]);
    }

    #[test]
    fn one_export_at_a_time_and_the_next_one_sweeps_after_a_killed_one() {
        let home = tempfile::tempdir().unwrap();
        let first = PackageFolder::open(home.path()).unwrap();
        let refused = PackageFolder::open(home.path()).err().unwrap();
        assert!(refused.to_string().contains("another export"), "{refused}");
        std::mem::forget(first.stage().unwrap());
        assert_eq!(first.names().unwrap().len(), 1);
        drop(first);
        assert!(PackageFolder::open(home.path()).unwrap().names().unwrap().is_empty());
    }
}
