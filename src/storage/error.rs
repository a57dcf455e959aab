//! What can go wrong, and what follows from it.

use std::io;

use rustix::io::Errno;

use crate::storage::key::{BadKey, ObjectKey};
use crate::vocabulary::FailureReason;

/// What the caller can do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StorageErrorClass {
    /// Trying again later may help.
    Transient,
    /// Trying again never helps.
    Permanent,
    /// Helps only after a person did something; work pauses.
    NeedsPerson,
}

/// Why something could not be stored, read or removed.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Less room than the reserve, no room at all, or a quota used up.
    #[error("no room in {place}: {detail}")]
    Full {
        /// The folder or bucket.
        place: String,
        /// What was found.
        detail: String,
    },
    /// The user of this process has no right to it.
    #[error("not permitted: {place}: {detail}")]
    Denied {
        /// The file, folder or object.
        place: String,
        /// The cause, in short.
        detail: String,
    },
    /// The object store refuses what is signed with this machine's time.
    #[error("this machine's clock and the one of {place} are too far apart; set this machine's clock: {detail}")]
    ClockDiffers {
        /// The bucket.
        place: String,
        /// The cause, in short.
        detail: String,
    },
    /// The file system is mounted read-only.
    #[error("{place} is on a read-only file system")]
    ReadOnly {
        /// The file or folder.
        place: String,
    },
    /// A symbolic link, or something that is no folder, stands where a folder of ours should be.
    #[error("{place} is a symbolic link or not of the right kind; storage does not follow it")]
    Unsafe {
        /// The file or folder.
        place: String,
    },
    /// A symbolic link or a folder stands where this one object should be; others are not concerned.
    #[error("{place} is a symbolic link, or no file; storage does not follow it. Look at it and move it away")]
    NotAFile {
        /// The file.
        place: String,
    },
    /// There is no such object.
    #[error("{0} is not in storage")]
    NotFound(ObjectKey),
    /// Another storage is expected here: this one's marker is missing, or another's.
    #[error(
        "{place} is not the storage that the catalog knows: {detail}. Mount the right one; if this one is to take its place, say so with `grind storage adopt` (--copy for the second copy)"
    )]
    NotOurs {
        /// The folder or bucket.
        place: String,
        /// What was found.
        detail: String,
    },
    /// Its objects have the names of another layout.
    #[error(
        "{place} is laid out as {found}, and storage.layout and storage.run say {configured}; two layouts are never mixed. Set them back; a \
         library under the other layout is one of its own, with another catalog and another storage"
    )]
    OtherLayout {
        /// The folder or bucket, or the catalog.
        place: String,
        /// The layout in use.
        found: String,
        /// The configured one.
        configured: String,
    },
    /// The bucket does not exist.
    #[error("there is no bucket {0}")]
    NoBucket(String),
    /// `storage.url` cannot be used.
    #[error("storage.url {url}: {why}")]
    Url {
        /// The address, without secrets.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Metadata that object stores cannot keep.
    #[error("metadata {name} cannot be stored: it must be visible ASCII and at most 1024 bytes")]
    Meta {
        /// Which one.
        name: &'static str,
    },
    /// Not a name for an object.
    #[error(transparent)]
    Key(#[from] BadKey),
    /// The object store did not answer, or answered with a fault of its own.
    #[error("{what}: the object store failed: {detail}")]
    Store {
        /// What was being done.
        what: String,
        /// The cause, in short.
        detail: String,
    },
    /// What arrived is not what was sent.
    #[error("{place} has {got} bytes after {sent} were sent")]
    Mismatch {
        /// The object.
        place: String,
        /// What the store has.
        got: u64,
        /// What we sent.
        sent: u64,
    },
    /// Another failure of the operating system.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The upload failed before and cannot go on.
    #[error("the upload failed before")]
    Broken,
    /// The storage's own thread has ended.
    #[error("storage is closed")]
    Closed,
}

/// The most characters of a server's words in a message.
const WORDS: usize = 300;

/// A server's words in one line, cut where they are long: some answer with a page.
fn in_short(cause: &impl ToString) -> String {
    let text = cause.to_string();
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(WORDS).collect()
}

impl StorageError {
    /// What the caller can do about it.
    pub fn class(&self) -> StorageErrorClass {
        match self {
            Self::Full { .. }
            | Self::Denied { .. }
            | Self::ClockDiffers { .. }
            | Self::ReadOnly { .. }
            | Self::Unsafe { .. }
            | Self::NotOurs { .. }
            | Self::OtherLayout { .. }
            | Self::NoBucket(_)
            | Self::Url { .. } => StorageErrorClass::NeedsPerson,
            Self::NotAFile { .. } | Self::NotFound(_) | Self::Meta { .. } | Self::Key(_) => {
                StorageErrorClass::Permanent
            }
            Self::Store { .. } | Self::Mismatch { .. } | Self::Io { .. } | Self::Broken | Self::Closed => {
                StorageErrorClass::Transient
            }
        }
    }

    /// The word for metrics and the catalog.
    pub fn reason(&self) -> FailureReason {
        match self {
            Self::Full { .. } => FailureReason::StorageFull,
            Self::Denied { .. } | Self::ClockDiffers { .. } => FailureReason::StorageDenied,
            Self::ReadOnly { .. } => FailureReason::StorageReadOnly,
            Self::Unsafe { .. } | Self::NotAFile { .. } => FailureReason::StorageUnsafe,
            Self::NotFound(_) => FailureReason::StorageNotFound,
            Self::NotOurs { .. } | Self::OtherLayout { .. } => FailureReason::StorageNotOurs,
            Self::NoBucket(_) => FailureReason::StorageNoBucket,
            Self::Url { .. } => FailureReason::StorageUrl,
            Self::Meta { .. } => FailureReason::StorageMeta,
            Self::Key(_) => FailureReason::StorageKey,
            Self::Store { .. } => FailureReason::StorageUnreachable,
            Self::Mismatch { .. } => FailureReason::StorageMismatch,
            Self::Io { .. } => FailureReason::StorageIo,
            Self::Broken => FailureReason::StorageBroken,
            Self::Closed => FailureReason::StorageClosed,
        }
    }

    /// The storage error inside an `io::Error` that [`crate::storage::ObjectUpload`] or a reader of ours gave.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// Sorts a failure of the operating system.
    pub(super) fn from_io(what: impl FnOnce() -> String, place: &str, source: io::Error) -> Self {
        let place = place.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full {
                place,
                detail: source.to_string(),
            },
            // The signal that comes with it is caught where the program begins.
            io::ErrorKind::FileTooLarge => Self::Full {
                place,
                detail: format!(
                    "{source}: beyond the file size limit of this process (ulimit -f, LimitFSIZE=) or of the file system"
                ),
            },
            io::ErrorKind::PermissionDenied => Self::denied(place, &source),
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { place },
            io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => Self::Unsafe { place },
            _ if Errno::from_io_error(&source) == Some(Errno::LOOP) => Self::Unsafe { place },
            _ => Self::Io {
                what: format!("{} {place}", what()),
                source,
            },
        }
    }

    /// Not permitted, for this cause.
    pub(super) fn denied(place: String, cause: &impl ToString) -> Self {
        let detail = in_short(cause);
        Self::Denied { place, detail }
    }

    /// The clocks are too far apart, in the store's words.
    pub(super) fn clock_differs(place: String, cause: &impl ToString) -> Self {
        let detail = in_short(cause);
        Self::ClockDiffers { place, detail }
    }

    /// The object store failed, for this cause.
    pub(crate) fn store(what: String, cause: &impl ToString) -> Self {
        let detail = in_short(cause);
        Self::Store { what, detail }
    }

    /// Takes back the error that reading an object gave.
    pub(crate) fn from_read(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(source) => Self::Io {
                what: "reading".to_owned(),
                source,
            },
        }
    }

    /// Takes back the error that writing to an upload gave.
    pub(crate) fn from_write(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(source) => Self::Io {
                what: "writing".to_owned(),
                source,
            },
        }
    }
}

impl From<StorageError> for io::Error {
    fn from(error: StorageError) -> Self {
        let kind = match &error {
            StorageError::Full { .. } => io::ErrorKind::StorageFull,
            StorageError::Denied { .. } | StorageError::ClockDiffers { .. } => io::ErrorKind::PermissionDenied,
            StorageError::ReadOnly { .. } => io::ErrorKind::ReadOnlyFilesystem,
            StorageError::NotFound(_) => io::ErrorKind::NotFound,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_the_system_are_sorted() {
        let cases = [
            (Errno::NOSPC, StorageErrorClass::NeedsPerson, FailureReason::StorageFull),
            (Errno::DQUOT, StorageErrorClass::NeedsPerson, FailureReason::StorageFull),
            (Errno::FBIG, StorageErrorClass::NeedsPerson, FailureReason::StorageFull),
            (
                Errno::ACCESS,
                StorageErrorClass::NeedsPerson,
                FailureReason::StorageDenied,
            ),
            (
                Errno::PERM,
                StorageErrorClass::NeedsPerson,
                FailureReason::StorageDenied,
            ),
            (
                Errno::ROFS,
                StorageErrorClass::NeedsPerson,
                FailureReason::StorageReadOnly,
            ),
            (
                Errno::LOOP,
                StorageErrorClass::NeedsPerson,
                FailureReason::StorageUnsafe,
            ),
            (
                Errno::NOTDIR,
                StorageErrorClass::NeedsPerson,
                FailureReason::StorageUnsafe,
            ),
            (Errno::IO, StorageErrorClass::Transient, FailureReason::StorageIo),
            (Errno::MFILE, StorageErrorClass::Transient, FailureReason::StorageIo),
        ];
        for (errno, class, reason) in cases {
            let error = StorageError::from_io(|| "writing".into(), "/x", errno.into());
            assert_eq!((error.class(), error.reason()), (class, reason), "{errno}");
            let through = io::Error::from(error);
            assert_eq!(StorageError::of(&through).map(StorageError::reason), Some(reason));
            assert_eq!(StorageError::from_write(through).reason(), reason);
        }
    }
}
