//! Folders below the root, opened one by one without following symbolic links.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::storage::local::steps;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// The umask takes from it.
const MODE: Mode = Mode::RWXU
    .union(Mode::RGRP)
    .union(Mode::XGRP)
    .union(Mode::ROTH)
    .union(Mode::XOTH);

/// Makes the root and what is missing above it, each entered durably in its parent.
pub(super) fn make_root(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|ancestor| !ancestor.is_dir()).collect();
    for folder in missing.into_iter().rev() {
        match std::fs::create_dir(folder) {
            Err(why) if why.kind() != io::ErrorKind::AlreadyExists => return Err(why),
            _ => {}
        }
        if let Some(parent) = folder.parent() {
            sync(open_root(parent)?.as_fd())?;
        }
    }
    Ok(())
}

/// Opens the root itself, which may be reached through symbolic links.
pub(super) fn open_root(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, FOLDER, Mode::empty())?)
}

/// Opens a folder below `top`; `""` is `top` itself.
pub(super) fn open(top: BorrowedFd<'_>, path: &str) -> rustix::io::Result<OwnedFd> {
    walk(top, path, |folder, part| {
        rustix::fs::openat(folder, part, FOLDER | OFlags::NOFOLLOW, Mode::empty())
    })
}

/// Opens a folder below `top` and makes what is missing, each entered durably in its parent.
pub(super) fn open_or_make(top: BorrowedFd<'_>, path: &str) -> rustix::io::Result<OwnedFd> {
    walk(top, path, |folder, part| {
        let enter = || rustix::fs::openat(folder, part, FOLDER | OFlags::NOFOLLOW, Mode::empty());
        match enter() {
            Err(Errno::NOENT) => {
                match rustix::fs::mkdirat(folder, part, MODE) {
                    Ok(()) | Err(Errno::EXIST) => sync(folder)?,
                    Err(why) => return Err(why),
                }
                enter()
            }
            other => other,
        }
    })
}

fn walk(
    top: BorrowedFd<'_>,
    path: &str,
    enter: impl Fn(BorrowedFd<'_>, &str) -> rustix::io::Result<OwnedFd>,
) -> rustix::io::Result<OwnedFd> {
    let start = rustix::fs::openat(top, ".", FOLDER, Mode::empty())?;
    path.split('/')
        .filter(|part| !part.is_empty())
        .try_fold(start, |folder, part| enter(folder.as_fd(), part))
}

/// Makes the entries of a folder durable.
pub(super) fn sync(folder: BorrowedFd<'_>) -> rustix::io::Result<()> {
    steps::note("folder synced");
    rustix::fs::fsync(folder)
}

/// Removes a book's own folder once it is empty; folders at the top stay.
pub(super) fn prune(top: BorrowedFd<'_>, path: &str) {
    if let Some((parent, name)) = path.rsplit_once('/')
        && let Ok(parent) = open(top, parent)
    {
        // Not empty, or filled again meanwhile: then it stays.
        let _ = rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR);
    }
}
