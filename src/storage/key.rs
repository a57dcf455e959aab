//! Names of objects. The only way to make one is checked, so none can leave the storage.

mod layout;

use std::fmt;
use std::sync::Arc;

pub use crate::storage::key::layout::{BookObjectKind, StorageLayout};
pub(super) use crate::storage::key::layout::{PER_BOOK, QUARANTINE, is_of_file_system};

use crate::settings::wrong_key;

/// The name of an object, or of a folder of objects: one or more parts joined by `/`.
///
/// Parts have ASCII letters, digits, `.`, `-`, `_`, `=` (which encodes characters of barcodes, see [`crate::grin::Barcode::for_key`]), and `$` and
/// `+` (which barcodes have, where the layout writes them as they are), and no dot in front; a key is never empty and never absolute.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(Arc<str>);

/// Why a text is no name of an object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key:?} is no name for an object: {why}")]
pub struct BadKey {
    /// The text, shortened.
    pub key: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl BadKey {
    fn of(text: &str, why: &'static str) -> Self {
        let key = text.chars().take(80).collect();
        Self { key, why }
    }
}

impl ObjectKey {
    /// Checks a text and takes it as a key.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        match wrong_key(text) {
            Some(why) => Err(BadKey::of(text, why)),
            None => Ok(Self(text.into())),
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its parts, outermost first.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The name that it has below a folder; `None` where it is not below it.
    pub(super) fn below(&self, folder: &Self) -> Option<Self> {
        Some(Self(folder.rest(&self.0)?.into()))
    }

    /// The same of any name, below this folder.
    pub(super) fn rest<'n>(&self, name: &'n str) -> Option<&'n str> {
        name.strip_prefix(&*self.0)?.strip_prefix('/')
    }

    /// The name that it has where its root is this folder.
    pub(super) fn inside(&self, folder: &Self) -> Self {
        Self(format!("{folder}/{self}").into())
    }

    /// Folder (empty at the top) and last part.
    pub(super) fn split(&self) -> (&str, &str) {
        self.0.rsplit_once('/').unwrap_or(("", &self.0))
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_the_storage_are_refused() {
        let long = "a".repeat(201);
        for bad in [
            "",
            "/etc/passwd",
            "a//b",
            "a/",
            "..",
            "a/../b",
            ".grind-tmp/x",
            "a/.b",
            "a b",
            "a\0b",
            "ä",
            "a\\b",
            "%2e%2e",
            &long,
        ] {
            assert!(ObjectKey::parse(bad).is_err(), "{bad:?} was taken");
        }
        for good in [
            "a",
            "raw/X1/X1.tar.gz",
            "meta/catalog-2026-01-31.db.gz",
            "raw/run/$B1+.tar.gz",
        ] {
            assert_eq!(ObjectKey::parse(good).unwrap().as_str(), good);
        }
    }
}
