//! Whether the catalog's file is still the one that was opened: SQLite goes on writing into a file that was deleted or replaced, and
//! everything recorded from then on would be lost at the end.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::catalog::CatalogError;

/// The file at a path, as it was when it was opened.
#[derive(Debug)]
pub(crate) struct CatalogFile {
    path: PathBuf,
    opened: Option<FileNumbers>,
}

/// What makes a file the same one under any name.
#[derive(Debug, PartialEq, Eq)]
struct FileNumbers {
    device: u64,
    inode: u64,
}

impl CatalogFile {
    /// The file that is at this path now.
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            opened: numbers(path).ok(),
        }
    }

    /// Whether it is still there.
    ///
    /// # Errors
    /// [`CatalogError::Gone`]: nothing is there, or another file. A path that cannot be looked at proves neither.
    pub fn check(&self) -> Result<(), CatalogError> {
        let is_gone = match numbers(&self.path) {
            Ok(now) => self.opened.as_ref().is_some_and(|opened| *opened != now),
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        if is_gone {
            return Err(CatalogError::Gone {
                path: self.path.clone(),
            });
        }
        Ok(())
    }
}

fn numbers(path: &Path) -> std::io::Result<FileNumbers> {
    let file = fs::metadata(path)?;
    Ok(FileNumbers {
        device: file.dev(),
        inode: file.ino(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_deleted_moved_or_replaced_is_gone_and_may_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("catalog.db"), folder.path().join("aside"));
        fs::write(&path, "a").unwrap();
        let file = CatalogFile::at(&path);
        assert!(file.check().is_ok());
        fs::rename(&path, &aside).unwrap();
        assert!(matches!(file.check(), Err(CatalogError::Gone { .. })));
        fs::write(&path, "another").unwrap();
        assert!(matches!(file.check(), Err(CatalogError::Gone { .. })));
        fs::rename(&aside, &path).unwrap();
        assert!(file.check().is_ok());
    }
}
