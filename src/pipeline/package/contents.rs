//! What goes into the package of a book: archive, manifest, and what the manifest names beside them.

use std::collections::BTreeMap;

use crate::archive::BookManifest;
use crate::catalog::RecordedBook;
use crate::grin::Barcode;
use crate::pipeline::package::error::PackageError;
use crate::storage::{ObjectKey, sha256_hex};

/// The objects of a book, each with the digest that it must have. In a package they have their names within the storage, by which the
/// manifest names them, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PackageContents {
    pub barcode: Barcode,
    /// SHA-256 by name.
    pub objects: BTreeMap<ObjectKey, String>,
    /// The manifest's name.
    pub manifest_key: ObjectKey,
    /// The manifest as it was read: nothing but itself says which digest it must have.
    pub manifest: Vec<u8>,
}

impl PackageContents {
    /// Out of the manifest, held against what the catalog has recorded.
    pub fn of(recorded: &RecordedBook, manifest_key: ObjectKey, manifest: Vec<u8>) -> Result<Self, PackageError> {
        let refused = |why: String| PackageError::damaged(&manifest_key, why);
        let read = BookManifest::from_json(&manifest).map_err(|fault| refused(fault.to_string()))?;
        let Some(barcode) = recorded.barcode.clone().filter(|barcode| *barcode == read.barcode) else {
            return Err(refused(format!("it is the manifest of {}", read.barcode)));
        };
        if let Some(sha256) = recorded.stored.sha256.as_ref().filter(|sha256| **sha256 != read.sha256) {
            let named = &read.sha256;
            return Err(refused(format!(
                "it names an archive with the SHA-256 {named}, and {sha256} is recorded"
            )));
        }
        let of_manifest = [(manifest_key.to_string(), sha256_hex(&manifest))];
        let archive = [(recorded.path.clone(), read.sha256)];
        let companions = read
            .companions
            .into_iter()
            .map(|companion| (companion.key, companion.sha256));
        let mut objects = BTreeMap::new();
        for (key, sha256) in archive.into_iter().chain(of_manifest).chain(companions) {
            let parsed = ObjectKey::parse(&key).map_err(|error| refused(error.to_string()))?;
            if objects.insert(parsed, sha256).is_some() {
                return Err(refused(format!("it names {key} twice")));
            }
        }
        Ok(Self {
            barcode,
            objects,
            manifest_key,
            manifest,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::catalog::StoredArchive;
    use serde_json::{Value, json};

    /// A book as the catalog has it, its archive's digest made of this character.
    pub fn recorded(code: &str, digit: &str) -> RecordedBook {
        let barcode = Barcode::parse(code).unwrap();
        RecordedBook {
            id: 1,
            path: format!("raw/{key}/{key}.tar.gz", key = barcode.for_key()),
            barcode: Some(barcode),
            stored: StoredArchive {
                etag: None,
                sha256: Some(digit.repeat(64)),
                bytes: Some(10),
            },
            begun: None,
            stored_at: "2026-11-21T10:00:00.000Z".to_owned(),
            has_manifest: true,
        }
    }

    fn manifest(code: &str, digit: &str) -> Value {
        json!({
            "manifest": 1, "barcode": code, "encrypted_bytes": 20, "sha256": digit.repeat(64), "archive_bytes": 10, "pages": 1,
            "text_pages": 1, "verified": true, "record": "found", "acquired_at": "2026-11-21T10:00:00Z", "stored_by": "grind",
            "companions": [{ "key": "full/X_ocr.jsonl.gz", "bytes": 3, "sha256": "c".repeat(64) }],
        })
    }

    /// The contents of such a book.
    pub fn contents(code: &str, digit: &str) -> PackageContents {
        let text = manifest(code, digit).to_string();
        PackageContents::of(&recorded(code, digit), key("meta/X.json"), text.into_bytes()).unwrap()
    }

    pub fn key(text: &str) -> ObjectKey {
        ObjectKey::parse(text).unwrap()
    }

    #[test]
    fn a_package_has_what_the_manifest_names_and_the_manifest() {
        let contents = contents("$B123456", "a");
        let names: Vec<_> = contents.objects.keys().map(ObjectKey::as_str).collect();
        assert_eq!(
            names,
            ["full/X_ocr.jsonl.gz", "meta/X.json", "raw/=24B123456/=24B123456.tar.gz"]
        );
        assert_eq!(contents.objects[&key(names[0])], "c".repeat(64));
        assert_eq!(contents.objects[&key(names[1])], sha256_hex(&contents.manifest));
        assert_eq!(contents.objects[&key(names[2])], "a".repeat(64));
    }

    #[test]
    fn a_manifest_that_is_not_this_books_is_damage() {
        let with = |name: &str, value: Value| {
            let mut manifest = manifest("AAA1", "a");
            manifest[name] = value;
            manifest.to_string()
        };
        let twice = json!({ "key": "raw/AAA1/AAA1.tar.gz", "bytes": 1, "sha256": "c" });
        let outside = json!({ "key": "../x", "bytes": 1, "sha256": "c" });
        for (text, words) in [
            ("{".to_owned(), "no manifest"),
            (with("barcode", json!("BBB2")), "manifest of BBB2"),
            (with("sha256", json!("b".repeat(64))), "is recorded"),
            (with("companions", json!([twice])), "twice"),
            (with("companions", json!([outside])), "no name for an object"),
        ] {
            let refused = PackageContents::of(&recorded("AAA1", "a"), key("meta/AAA1.json"), text.into_bytes());
            let error = refused.unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
            assert_eq!(error.of_book(), Some("damaged"), "{error}");
        }
    }

    #[test]
    fn of_an_archive_without_a_recorded_digest_the_manifest_says_it() {
        let mut unread = recorded("AAA1", "a");
        unread.stored.sha256 = None;
        let text = manifest("AAA1", "b").to_string().into_bytes();
        let contents = PackageContents::of(&unread, key("meta/AAA1.json"), text).unwrap();
        assert_eq!(contents.objects[&key("raw/AAA1/AAA1.tar.gz")], "b".repeat(64));
    }
}
