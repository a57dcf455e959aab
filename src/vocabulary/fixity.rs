//! What came of reading a stored object again, and how closely it was looked at.

use crate::vocabulary::words::words;

words! {
    /// What came of checking a stored object, or all objects of a book: that of the worst of them, which is the last of these.
    FixityOutcome {
        /// It is what was stored.
        Ok = "ok",
        /// Nothing is known of it: the storage could not be read, or nothing says what it should be.
        CouldNotCheck = "could_not_check",
        /// It is not in the storage, which was proven to be the right one.
        Missing = "missing",
        /// It is something else than what was stored.
        Damaged = "damaged",
    }
}

impl FixityOutcome {
    /// Something is known to be wrong.
    pub const fn is_unsound(self) -> bool {
        matches!(self, Self::Missing | Self::Damaged)
    }
}

/// How closely a stored book is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FixityLevel {
    /// The SHA-256 of each of its objects.
    Digest,
    /// The same, and the MD5 of each page in the same pass.
    Deep,
}

impl FixityLevel {
    /// Its word in the catalog and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::Deep => "deep",
        }
    }
}
