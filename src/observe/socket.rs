//! The Unix socket's file: taken over when stale, refused when in use, removed at the end.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::observe::server::ObserverError;

/// Owner and group may ask; others may not.
const MODE: u32 = 0o660;

/// A socket file of ours; removed when dropped, unless somebody has put another in its place.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// A socket that is listened at, and its file.
#[derive(Debug)]
pub struct BoundSocket {
    /// Takes connections.
    pub listener: UnixListener,
    /// Gone with this.
    pub file: SocketFile,
}

/// Listens at this path. A file that a killed daemon left behind is replaced.
pub fn listen(path: PathBuf) -> Result<BoundSocket, ObserverError> {
    clear_stale(&path)?;
    let failed = |source| ObserverError::Socket {
        path: path.clone(),
        source,
    };
    let listener = UnixListener::bind(&path).map_err(failed)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(MODE)).map_err(failed)?;
    let file = fs::symlink_metadata(&path).map_err(failed)?;
    let file = SocketFile {
        path,
        device: file.dev(),
        inode: file.ino(),
    };
    Ok(BoundSocket { listener, file })
}

/// Removes the file that a killed daemon left behind.
fn clear_stale(path: &Path) -> Result<(), ObserverError> {
    let failed = |source| ObserverError::Socket {
        path: path.to_owned(),
        source,
    };
    let file = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found.map_err(failed)?,
    };
    if !file.file_type().is_socket() {
        return Err(failed(io::Error::new(
            ErrorKind::AlreadyExists,
            "there is a file that is no socket",
        )));
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(ObserverError::Running { path: path.to_owned() }),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(failed),
        Err(error) => Err(failed(error)),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours =
            fs::symlink_metadata(&self.path).is_ok_and(|file| file.dev() == self.device && file.ino() == self.inode);
        if ours {
            // A file that stays is stale, and the next start replaces it.
            drop(fs::remove_file(&self.path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_left_by_a_killed_daemon_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.symlink_metadata().is_ok(), "the file stays behind");
        let BoundSocket { file, .. } = listen(path.clone()).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, MODE);
        drop(file);
        assert!(path.symlink_metadata().is_err(), "removed at the end");
    }

    #[test]
    fn a_second_daemon_is_refused_and_leaves_the_first_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let _bound = listen(path.clone()).unwrap();
        assert!(matches!(listen(path.clone()), Err(ObserverError::Running { .. })));
        assert!(UnixStream::connect(&path).is_ok());
    }

    #[test]
    fn a_file_that_is_no_socket_is_never_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        fs::write(&path, "a thesis").unwrap();
        assert!(matches!(listen(path.clone()), Err(ObserverError::Socket { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "a thesis");
    }

    #[test]
    fn a_socket_put_in_our_place_is_not_ours_to_remove() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let BoundSocket { file, .. } = listen(path.clone()).unwrap();
        fs::rename(&path, folder.path().join("away")).unwrap();
        let _other = UnixListener::bind(&path).unwrap();
        drop(file);
        assert!(path.symlink_metadata().is_ok());
    }
}
