//! What can go wrong with the catalog, and what to do about it.

use std::path::PathBuf;

use rustix::process::{Resource, getrlimit};

use crate::actor::AskError;
use crate::catalog::CatalogAddress;
use crate::log::DisplaySize;

/// Why the catalog could not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CatalogError {
    /// The address of the catalog is no `sqlite:` address of a file.
    #[error("{url:?} is no catalog address: write sqlite:///absolute/path/catalog.db or postgres://host/database")]
    Address {
        /// What was given, without a password.
        url: String,
    },
    /// The address of a server cannot be used.
    #[error("{url:?} cannot be used: {cause}")]
    ServerAddress {
        /// What was given, without a password.
        url: String,
        /// Why.
        cause: String,
    },
    /// There is no catalog yet where the address says.
    #[error("there is no catalog at {}", path.display())]
    Missing {
        /// The file or the database.
        path: PathBuf,
    },
    /// The file or its folder cannot be opened or created.
    #[error("cannot open the catalog {}: {cause}; check that the folder exists and that this user may write to it", path.display())]
    Open {
        /// The catalog's file.
        path: PathBuf,
        /// SQLite's or the system's words.
        cause: String,
    },
    /// The file does not begin as a SQLite database does.
    #[error(
        "{} is no SQLite database, so it is not a catalog of grind; let catalog.url name the right file, or one that does not exist yet",
        path.display()
    )]
    NotDatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is a SQLite database that is damaged.
    #[error(
        "the catalog {} is damaged: {cause}; move it away with its -wal and -shm files, and put your own last copy in its place or collect anew: stored books are found in the storage",
        path.display()
    )]
    Damaged {
        /// The catalog's file.
        path: PathBuf,
        /// SQLite's words.
        cause: String,
    },
    /// The file is a SQLite database, but not a catalog of ours.
    #[error("{} is a database of another program; for a grin-transfer database use `grind import --from`", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Written by an earlier version of the program, and opened by somebody who may not change it.
    #[error(
        "the catalog {} has schema version {found}, this program reads version {known}; start the daemon once, which brings it up to date",
        path.display()
    )]
    Older {
        /// The catalog's file.
        path: PathBuf,
        /// Version in the file.
        found: i64,
        /// The version of this program.
        known: i64,
    },
    /// Written by a later version of the program.
    #[error(
        "the catalog {} has schema version {found}, this program knows up to {known}; use the newer program that wrote it, or a backup made before",
        path.display()
    )]
    Newer {
        /// The catalog's file.
        path: PathBuf,
        /// Version in the file.
        found: i64,
        /// Highest version this program knows.
        known: i64,
    },
    /// The file was deleted, moved or replaced while it was open.
    #[error(
        "the catalog {} was deleted, moved or replaced while grind had it open: nothing more is written; put the file back with its -wal and -shm files, or stop grind",
        path.display()
    )]
    Gone {
        /// The catalog's file.
        path: PathBuf,
    },
    /// On a server, another database or catalog is where the one was that was opened.
    #[error(
        "the catalog {catalog} was replaced while grind had it open, {by} is there now: nothing is written into that; put the right one back, or stop grind"
    )]
    Replaced {
        /// Where it was.
        catalog: String,
        /// What is there now.
        by: &'static str,
    },
    /// The catalog is another library's.
    #[error(
        "the catalog is that of the library {kept}, and library.directory is {configured}: books of two libraries are not kept in one catalog; let library.directory be {kept}, or give {configured} a catalog and a storage of its own"
    )]
    OtherLibrary {
        /// Whose it is.
        kept: String,
        /// What is configured.
        configured: String,
    },
    /// The database's encoding lacks characters that titles have.
    #[error(
        "the catalog's database cannot hold every character: {0}; make one that can with `createdb -E UTF8 -T template0`, and copy what is recorded already into it with `grind catalog copy`"
    )]
    Encoding(String),
    /// The catalog is being copied into another.
    #[error(
        "the catalog is being copied by {instance} since {since}, and nobody may change it meanwhile; start again when that has ended"
    )]
    BeingCopied {
        /// The copying program.
        instance: String,
        /// When it began.
        since: String,
    },
    /// The catalog is a copy of another that is not complete.
    #[error(
        "the catalog is an unfinished copy of {from}: finish `grind catalog copy`, or let catalog.url name another"
    )]
    HalfCopied {
        /// The other catalog.
        from: String,
    },
    /// Another program held the catalog's lock for longer than the busy time-out.
    #[error("the catalog is locked by another program; nothing was written, it can be asked again")]
    Busy,
    /// No room on the catalog's file system.
    #[error(
        "no room left for the catalog{}: {cause}; free space on its disk, nothing recorded before is lost",
        named(path)
    )]
    DiskFull {
        /// The catalog's file or the database; empty where it is not known.
        path: PathBuf,
        /// SQLite's or the server's words.
        cause: String,
    },
    /// The catalog's file, its file system or its server is read-only at present.
    #[error(
        "the catalog is read-only: {0}; of a file, mount its file system writable again and check the file's owner; of a server, let it be written again; nothing recorded before is lost"
    )]
    ReadOnly(String),
    /// The server does not permit the catalog's user what it must do.
    #[error(
        "the catalog's server does not permit this: {0}; let the user of catalog.url own the database (`createdb --owner`), or grant it all on the schema and its tables"
    )]
    NotPermitted(String),
    /// The disk under the catalog refused to read or write.
    #[error("the disk under the catalog failed: {0}")]
    Disk(String),
    /// The server of the catalog answers, and does not let its user or this machine into the database, or has no such database.
    #[error(
        "the catalog's server does not admit this program: {0}; look at the user, the database and the password file of catalog.url; nothing of this was written"
    )]
    NotAdmitted(String),
    /// The server of the catalog cannot be reached, or ended the connection.
    #[error("the catalog's server cannot be reached: {0}; nothing of this was written, it can be asked again")]
    Unreachable(String),
    /// The connection to the server broke while it was asked to commit, and what became of that cannot be found out.
    #[error("the catalog's server did not say whether it recorded this: {0}; it can be asked again")]
    Unanswered(String),
    /// The claim is no longer held: its lease ran out and another took it, or it was settled before.
    #[error("the claim on {barcode} is no longer held by {owner}")]
    Stale {
        /// The book.
        barcode: String,
        /// Who thought to hold it.
        owner: String,
    },
    /// The catalog has no such book.
    #[error("the catalog has no book {0}")]
    Unknown(String),
    /// A pass over a list was named that is not running.
    #[error("there is no running pass {0}")]
    NoPass(i64),
    /// What is to be recorded is part of a task that another member has taken over.
    #[error("the task {0:?} is another member's by now")]
    TaskLost(&'static str),
    /// A fault of this program: SQLite refused a statement, or an operation panicked. Nothing of it was written.
    #[error("fault in the catalog: {0}")]
    Fault(String),
    /// The writer could not be asked: it is closing, or the asker went away.
    #[error("the catalog was not asked: {0}")]
    Asked(AskError),
}

impl CatalogError {
    /// Whether the same call may succeed later without a restart: the lock is released, space is freed, the file system is writable,
    /// the disk or the server answers again, or the file is put back. Nothing of the call was written, so it can be repeated; of
    /// [`CatalogError::Unanswered`] that is not known, and whoever repeats it must bear that it was done before.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Busy
                | Self::DiskFull { .. }
                | Self::ReadOnly(_)
                | Self::NotPermitted(_)
                | Self::Disk(_)
                | Self::Gone { .. }
                | Self::Replaced { .. }
                | Self::BeingCopied { .. }
                | Self::NotAdmitted(_)
                | Self::Unreachable(_)
                | Self::Unanswered(_)
                | Self::Asked(_)
        )
    }

    /// Whether the catalog takes nothing at all, whatever is asked of it. Of a lock of another program only the time tells.
    pub(crate) fn is_of_catalog(&self) -> bool {
        matches!(
            self,
            Self::DiskFull { .. }
                | Self::ReadOnly(_)
                | Self::NotPermitted(_)
                | Self::NotAdmitted(_)
                | Self::Disk(_)
                | Self::Unreachable(_)
        ) || self.is_gone()
    }

    /// Whether the catalog that was opened is not where it was: nothing can be recorded before a person puts it back.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, Self::Gone { .. } | Self::Replaced { .. })
    }

    /// Whether only a person can end this: somebody makes room or gives the right to write, or the file is put back. What does not pass
    /// is a person's as well.
    pub fn needs_person(&self) -> bool {
        let by_hand = matches!(
            self,
            Self::DiskFull { .. } | Self::ReadOnly(_) | Self::NotPermitted(_) | Self::NotAdmitted(_)
        );
        by_hand || self.is_gone() || !self.may_pass()
    }
}

/// A place in the middle of a sentence.
fn named(path: &std::path::Path) -> String {
    match path.as_os_str().is_empty() {
        true => String::new(),
        false => format!(" {}", path.display()),
    }
}

/// SQLite tells a file that may not grow from a broken disk in nothing.
fn of_disk(words: String, most_bytes: Option<u64>) -> String {
    match most_bytes {
        None => words,
        Some(most) => format!(
            "{words}; no file of this program may be larger than {} (LimitFSIZE=, ulimit -f), perhaps that is why",
            DisplaySize(most)
        ),
    }
}

impl From<rusqlite::Error> for CatalogError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let words = error.to_string();
        match error.sqlite_error_code() {
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => Self::Busy,
            Some(Code::DiskFull) => Self::DiskFull {
                path: PathBuf::new(),
                cause: words,
            },
            Some(Code::ReadOnly) => Self::ReadOnly(words),
            Some(Code::SystemIoFailure) => Self::Disk(of_disk(words, getrlimit(Resource::Fsize).current)),
            Some(Code::CannotOpen) => Self::Disk(words),
            Some(Code::NotADatabase) => Self::NotDatabase { path: PathBuf::new() },
            Some(Code::DatabaseCorrupt) => Self::Damaged {
                path: PathBuf::new(),
                cause: words,
            },
            _ => Self::Fault(words),
        }
    }
}

impl CatalogError {
    /// Names the catalog in errors that were raised where it was not known.
    pub(crate) fn at(self, address: &CatalogAddress) -> Self {
        self.in_file(std::path::Path::new(&address.shown()))
    }

    /// The same of a file.
    pub(crate) fn in_file(self, path: &std::path::Path) -> Self {
        match self {
            Self::Damaged { cause, .. } => Self::Damaged {
                path: path.into(),
                cause,
            },
            Self::DiskFull { cause, .. } => Self::DiskFull {
                path: path.into(),
                cause,
            },
            Self::NotDatabase { .. } => Self::NotDatabase { path: path.into() },
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_fails_is_told_with_the_limit_on_the_size_of_files() {
        for (most, expected) in [
            (None, "disk I/O error"),
            (
                Some(64 << 20),
                "disk I/O error; no file of this program may be larger than 64.0 MiB (LimitFSIZE=, ulimit -f), perhaps that is why",
            ),
        ] {
            assert_eq!(of_disk("disk I/O error".to_owned(), most), expected);
        }
    }
}
