//! The inventory of an OCFL object, and what another version adds to it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::pipeline::package::MAKER;
use crate::pipeline::package::contents::PackageContents;
use crate::storage::ObjectKey;

/// What an inventory of OCFL 1.1 calls itself.
const KIND: &str = "https://ocfl.io/1.1/spec/#inventory";
/// Of catalog and manifest, so that an unchanged book is known without reading it.
pub(super) const ALGORITHM: &str = "sha256";

/// An inventory as this program writes it; one that has more in it is another program's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ObjectInventory {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub digest_algorithm: String,
    /// The newest version.
    pub head: String,
    /// Where content lies, by digest.
    pub manifest: BTreeMap<String, BTreeSet<String>>,
    pub versions: BTreeMap<String, ObjectVersion>,
}

/// A version of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectVersion {
    pub created: String,
    pub message: String,
    pub user: VersionUser,
    /// Names of files, by digest.
    pub state: BTreeMap<String, BTreeSet<String>>,
}

/// Who made a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VersionUser {
    pub name: String,
}

/// What a book's contents mean for its object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum InventoryStep {
    /// Its newest version has the same files.
    Unchanged,
    /// It gets this inventory, and these objects as new content.
    Next {
        inventory: ObjectInventory,
        /// Where each goes, within the object.
        copies: BTreeMap<ObjectKey, String>,
    },
}

impl ObjectInventory {
    /// Without anything in it.
    pub fn empty(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            kind: KIND.to_owned(),
            digest_algorithm: ALGORITHM.to_owned(),
            head: "v0".to_owned(),
            manifest: BTreeMap::new(),
            versions: BTreeMap::new(),
        }
    }

    /// Whether this program can go on with it as the object of this identifier at this version.
    pub fn is_ours(&self, id: &str, head: &str) -> bool {
        self.id == id
            && self.kind == KIND
            && self.digest_algorithm == ALGORITHM
            && self.head == head
            && self.versions.contains_key(head)
    }

    /// The contents as the next version. What an earlier version has is not stored once more, and of equal files only one is.
    pub fn next(mut self, contents: &PackageContents, created: String) -> InventoryStep {
        let mut state: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (key, sha256) in &contents.objects {
            state.entry(sha256.clone()).or_default().insert(key.to_string());
        }
        if self
            .versions
            .get(&self.head)
            .is_some_and(|newest| newest.state == state)
        {
            return InventoryStep::Unchanged;
        }
        self.head = format!("v{}", self.versions.len() + 1);
        let mut copies = BTreeMap::new();
        for (key, sha256) in &contents.objects {
            if !self.manifest.contains_key(sha256) {
                let path = format!("{}/content/{key}", self.head);
                self.manifest.insert(sha256.clone(), [path.clone()].into());
                copies.insert(key.clone(), path);
            }
        }
        let version = ObjectVersion {
            created,
            message: format!("{} as it is stored", contents.barcode),
            user: VersionUser { name: MAKER.to_owned() },
            state,
        };
        self.versions.insert(self.head.clone(), version);
        InventoryStep::Next {
            inventory: self,
            copies,
        }
    }

    /// The file's text.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::package::contents::tests::{contents, key};

    fn step(inventory: ObjectInventory, contents: &PackageContents) -> InventoryStep {
        inventory.next(contents, "2026-11-29T12:00:00Z".to_owned())
    }

    fn first(contents: &PackageContents) -> ObjectInventory {
        match step(ObjectInventory::empty("grin:T/AAA1"), contents) {
            InventoryStep::Next { inventory, copies } => {
                assert_eq!(copies.len(), contents.objects.len());
                inventory
            }
            InventoryStep::Unchanged => panic!("nothing is there"),
        }
    }

    #[test]
    fn the_first_version_has_everything() {
        let inventory = first(&contents("AAA1", "a"));
        assert_eq!(inventory.head, "v1");
        let content = &inventory.manifest[&"a".repeat(64)];
        assert_eq!(*content, ["v1/content/raw/AAA1/AAA1.tar.gz".to_owned()].into());
        assert!(inventory.is_ours("grin:T/AAA1", "v1"));
        let read: ObjectInventory = serde_json::from_slice(&inventory.to_json()).unwrap();
        assert_eq!(read, inventory);
    }

    #[test]
    fn an_unchanged_book_gets_no_version() {
        let contents = contents("AAA1", "a");
        assert_eq!(step(first(&contents), &contents), InventoryStep::Unchanged);
    }

    #[test]
    fn another_archive_is_a_version_that_stores_only_what_is_new() {
        let before = first(&contents("AAA1", "a"));
        let InventoryStep::Next { inventory, copies } = step(before.clone(), &contents("AAA1", "b")) else {
            panic!("unchanged");
        };
        assert_eq!(inventory.head, "v2");
        assert_eq!(inventory.versions["v1"], before.versions["v1"]);
        assert_eq!(copies[&key("raw/AAA1/AAA1.tar.gz")], "v2/content/raw/AAA1/AAA1.tar.gz");
        assert!(
            !copies.contains_key(&key("full/X_ocr.jsonl.gz")),
            "its text is the same"
        );
        assert_eq!(copies.len(), 2);
        // Back to what it was: all content is there.
        let InventoryStep::Next { inventory, copies } = step(inventory, &contents("AAA1", "a")) else {
            panic!("unchanged");
        };
        assert_eq!((inventory.head.as_str(), copies.len()), ("v3", 0));
    }

    #[test]
    fn of_equal_files_one_is_stored() {
        let mut contents = contents("AAA1", "a");
        contents.objects.insert(key("full/Y"), "a".repeat(64));
        let InventoryStep::Next { inventory, copies } = step(ObjectInventory::empty("x"), &contents) else {
            panic!("unchanged");
        };
        assert_eq!(
            (copies.len(), inventory.versions["v1"].state[&"a".repeat(64)].len()),
            (3, 2)
        );
    }

    #[test]
    fn an_inventory_of_another_program_is_not_gone_on_with() {
        let ours = first(&contents("AAA1", "a"));
        let mut other = serde_json::to_value(&ours).unwrap();
        other["fixity"] = serde_json::json!({});
        assert!(serde_json::from_value::<ObjectInventory>(other).is_err());
        for (what, change) in [
            ("id", (|inventory| inventory.id.push('x')) as fn(&mut ObjectInventory)),
            ("kind", |inventory| inventory.kind.push('x')),
            ("algorithm", |inventory| {
                inventory.digest_algorithm = "sha512".to_owned()
            }),
            ("head", |inventory| inventory.head = "v2".to_owned()),
            ("versions", |inventory| inventory.versions.clear()),
        ] {
            let mut changed = ours.clone();
            change(&mut changed);
            assert!(!changed.is_ours("grin:T/AAA1", "v1"), "{what}");
        }
    }
}
