//! Names of objects. The only way to make one is checked, so none can leave the storage.

use std::fmt;
use std::sync::Arc;

use crate::grin::Barcode;
use crate::settings::{wrong_key, wrong_prefix};

/// The folder of archives that are kept and not published.
pub(super) const QUARANTINE: &str = "quarantine";

/// The name of an object, or of a folder of objects: one or more parts joined by `/`.
///
/// Parts have ASCII letters, digits, `.`, `-`, `_` and `=` (which encodes characters of barcodes, see
/// [`Barcode::for_key`]), and no dot in front; a key is never empty and never absolute.
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
        let rest = self.0.strip_prefix(&*folder.0)?.strip_prefix('/')?;
        Some(Self(rest.into()))
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

/// The key of each kind of object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageLayout {
    raw: ObjectKey,
    full: ObjectKey,
    meta: ObjectKey,
}

impl StorageLayout {
    /// Takes the three prefixes of the config.
    pub fn new(raw_prefix: &str, full_prefix: &str, meta_prefix: &str) -> Result<Self, BadKey> {
        let prefix = |text: &str| match wrong_prefix(text) {
            Some(why) => Err(BadKey::of(text, why)),
            None => ObjectKey::parse(text),
        };
        Ok(Self {
            raw: prefix(raw_prefix)?,
            full: prefix(full_prefix)?,
            meta: prefix(meta_prefix)?,
        })
    }

    /// `raw/<BARCODE>/<BARCODE>.tar.gz`
    pub fn raw(&self, barcode: &Barcode) -> ObjectKey {
        ObjectKey(format!("{}/{barcode}/{barcode}.tar.gz", self.raw, barcode = barcode.for_key()).into())
    }

    /// `full/<BARCODE>_ocr.jsonl.gz`, or `.jsonl` when not compressed.
    pub fn text(&self, barcode: &Barcode, compressed: bool) -> ObjectKey {
        let end = if compressed { ".gz" } else { "" };
        ObjectKey(format!("{}/{}_ocr.jsonl{end}", self.full, barcode.for_key()).into())
    }

    /// `full/<BARCODE>_pages.jsonl.gz`
    pub fn text_by_page(&self, barcode: &Barcode) -> ObjectKey {
        ObjectKey(format!("{}/{}_pages.jsonl.gz", self.full, barcode.for_key()).into())
    }

    /// `meta/<BARCODE>.json`
    pub fn manifest(&self, barcode: &Barcode) -> ObjectKey {
        ObjectKey(format!("{}/{}.json", self.meta, barcode.for_key()).into())
    }

    /// `meta/<BARCODE>_members.json.gz`
    pub fn members(&self, barcode: &Barcode) -> ObjectKey {
        ObjectKey(format!("{}/{}_members.json.gz", self.meta, barcode.for_key()).into())
    }

    /// `quarantine/<BARCODE>`
    pub fn quarantine_folder(&self, barcode: &Barcode) -> Result<ObjectKey, BadKey> {
        ObjectKey::parse(&format!("{QUARANTINE}/{}", barcode.for_key()))
    }

    /// `meta/<BARCODE>.marc.xml`
    pub fn record(&self, barcode: &Barcode) -> ObjectKey {
        ObjectKey(format!("{}/{}.marc.xml", self.meta, barcode.for_key()).into())
    }

    /// `quarantine/<BARCODE>/<name>`
    pub fn quarantine(&self, barcode: &Barcode, name: &str) -> Result<ObjectKey, BadKey> {
        ObjectKey::parse(&format!("{QUARANTINE}/{}/{name}", barcode.for_key()))
    }

    /// `meta/<name>`
    pub fn meta(&self, name: &str) -> Result<ObjectKey, BadKey> {
        ObjectKey::parse(&format!("{}/{name}", self.meta))
    }

    /// The folder of archives.
    pub fn raw_folder(&self) -> &ObjectKey {
        &self.raw
    }

    /// The folder of pages' text.
    pub fn text_folder(&self) -> &ObjectKey {
        &self.full
    }

    /// The folder of manifests, exports and backups.
    pub fn meta_folder(&self) -> &ObjectKey {
        &self.meta
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
        for good in ["a", "raw/X1/X1.tar.gz", "meta/catalog-2026-01-31.db.gz"] {
            assert_eq!(ObjectKey::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn the_layout_is_the_contracts() {
        let layout = StorageLayout::new("raw", "full", "meta").unwrap();
        let barcode = Barcode::parse("TL-0001_a").unwrap();
        assert_eq!(layout.raw(&barcode).as_str(), "raw/TL-0001_a/TL-0001_a.tar.gz");
        assert_eq!(layout.text(&barcode, true).as_str(), "full/TL-0001_a_ocr.jsonl.gz");
        assert_eq!(layout.text(&barcode, false).as_str(), "full/TL-0001_a_ocr.jsonl");
        assert_eq!(layout.text_by_page(&barcode).as_str(), "full/TL-0001_a_pages.jsonl.gz");
        assert_eq!(layout.manifest(&barcode).as_str(), "meta/TL-0001_a.json");
        assert_eq!(layout.record(&barcode).as_str(), "meta/TL-0001_a.marc.xml");
        assert_eq!(layout.members(&barcode).as_str(), "meta/TL-0001_a_members.json.gz");
        assert_eq!(
            layout.quarantine(&barcode, "findings.json").unwrap().as_str(),
            "quarantine/TL-0001_a/findings.json"
        );
        assert!(layout.quarantine(&barcode, "../x").is_err());
        assert!(StorageLayout::new("raw", "", "meta").is_err());
    }
}
