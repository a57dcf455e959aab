//! A book as an object of an OCFL 1.1 storage root.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::archive::hex;
use crate::pipeline::package::contents::PackageContents;
use crate::pipeline::package::copy::ObjectCopier;
use crate::pipeline::package::error::PackageError;
use crate::pipeline::package::folder::{PackageFolder, bytes_of, names_in, write_new};
use crate::pipeline::package::inventory::{InventoryStep, ObjectInventory};
use crate::pipeline::package::{PackageOutcome, PackedBook};
use crate::storage::sha256_hex;

/// Folders by digest, so that none gets too many, and the last one named for the object, so that a person finds a book.
const LAYOUT: &str = "0003-hash-and-id-n-tuple-storage-layout";
const LAYOUT_FILE: &str = "ocfl_layout.json";
const EXTENSIONS: &str = "extensions";
/// Declares the root.
const ROOT: &str = "0=ocfl_1.1";
const ROOT_TEXT: &[u8] = b"ocfl_1.1\n";
/// Declares an object.
const OBJECT: &str = "0=ocfl_object_1.1";
const INVENTORY: &str = "inventory.json";
const SIDECAR: &str = "inventory.json.sha256";
/// Digits of a folder's name, and how many folders are above an object's.
const TUPLE: usize = 3;
/// The longest name that the layout does not shorten.
const LONGEST_NAME: usize = 100;

fn layout_config() -> Value {
    json!({ "extensionName": LAYOUT, "digestAlgorithm": "sha256", "tupleSize": TUPLE, "numberOfTuples": TUPLE })
}

/// All that decides whether a folder takes objects.
#[derive(Debug, Clone)]
struct RootFacts {
    names: Vec<String>,
    /// What its `ocfl_layout.json` names.
    layout: Option<String>,
    /// The parameters of that layout.
    config: Option<Value>,
}

#[derive(Debug, PartialEq, Eq)]
enum RootVerdict {
    /// It is to be declared.
    New,
    /// It is one of this layout.
    Ours,
    Refused(String),
}

fn judge_root(facts: &RootFacts) -> RootVerdict {
    let declared = facts.names.iter().find(|name| name.starts_with("0=ocfl_"));
    match declared.map(String::as_str) {
        Some(ROOT) if facts.layout.as_deref() != Some(LAYOUT) || facts.config != Some(layout_config()) => {
            RootVerdict::Refused(format!("its layout is not {LAYOUT} with {}", layout_config()))
        }
        Some(ROOT) => RootVerdict::Ours,
        Some(other) => RootVerdict::Refused(format!("it declares {other}, and only {ROOT} is written to")),
        // The declaration comes last: a root that was interrupted before has no more than this.
        None if facts
            .names
            .iter()
            .all(|name| [LAYOUT_FILE, EXTENSIONS].contains(&name.as_str())) =>
        {
            RootVerdict::New
        }
        None => RootVerdict::Refused("it is not empty, and no storage root of OCFL".to_owned()),
    }
}

/// Makes the folder a storage root, unless it is one.
pub(super) fn prepare_root(folder: &PackageFolder) -> Result<(), PackageError> {
    let at = |name: &str| folder.path().join(name);
    let json = |path: PathBuf| {
        fs::read(path)
            .ok()
            .and_then(|text| serde_json::from_slice::<Value>(&text).ok())
    };
    let config = at(EXTENSIONS).join(LAYOUT).join("config.json");
    let verdict = judge_root(&RootFacts {
        names: folder.names()?,
        layout: json(at(LAYOUT_FILE)).and_then(|layout| Some(layout["extension"].as_str()?.to_owned())),
        config: json(config.clone()),
    });
    match verdict {
        // One that was being written when its export was killed, by a version that did so in two steps.
        RootVerdict::Ours if fs::read(at(ROOT)).is_ok_and(|text| text.is_empty()) => {
            folder.replace(&at(ROOT), ROOT_TEXT)
        }
        RootVerdict::Ours => Ok(()),
        RootVerdict::Refused(why) => Err(PackageError::Folder {
            path: folder.path().to_owned(),
            why,
        }),
        RootVerdict::New => {
            let description = "folders by the digest of the identifier, and one by the identifier itself";
            let layout = json!({ "extension": LAYOUT, "description": description });
            folder.replace(&config, format!("{:#}\n", layout_config()).as_bytes())?;
            folder.replace(&at(LAYOUT_FILE), format!("{layout:#}\n").as_bytes())?;
            folder.replace(&at(ROOT), ROOT_TEXT)
        }
    }
}

/// Where the layout puts an object, within the root.
fn object_path(id: &str) -> PathBuf {
    let digest = sha256_hex(id.as_bytes());
    let mut name = String::new();
    for byte in id.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            _ => name.extend(["%", &hex(&[byte])]),
        }
    }
    if name.len() > LONGEST_NAME {
        name.truncate(LONGEST_NAME);
        name = format!("{name}-{digest}");
    }
    let above = (0..TUPLE).map(|at| &digest[at * TUPLE..(at + 1) * TUPLE]);
    above.chain([name.as_str()]).collect()
}

/// Makes the object of a book, or gives it another version if the book has changed.
pub(super) fn pack(
    folder: &PackageFolder,
    contents: &PackageContents,
    id: &str,
    copier: &mut ObjectCopier<'_>,
) -> Result<PackedBook, PackageError> {
    let path = folder.path().join(object_path(id));
    let there = inventory_at(folder, &path, id)?;
    let is_new = there.is_none();
    let inventory = there.unwrap_or_else(|| ObjectInventory::empty(id));
    let head = inventory.head.clone();
    let packed = |outcome, version, bytes| PackedBook {
        outcome,
        path: path.clone(),
        version: Some(version),
        bytes,
    };
    let InventoryStep::Next { inventory, copies } = inventory.next(contents, Timestamp::now().to_string()) else {
        return Ok(packed(PackageOutcome::Unchanged, head, 0));
    };
    let (staged, mut bytes) = (folder.stage()?, 0);
    for (key, to) in &copies {
        bytes += copier.copy(contents, key, &staged.path.join(to))?;
    }
    let texts = InventoryTexts::of(&inventory);
    let version = staged.path.join(&inventory.head);
    fs::create_dir_all(&version).map_err(PackageError::at(&version))?;
    texts.write(&version, write_new)?;
    if is_new {
        write_new(&staged.path.join(OBJECT), b"ocfl_object_1.1\n")?;
        texts.write(&staged.path, write_new)?;
        let from = staged.path.clone();
        folder.publish(staged, &from, &path)?;
        return Ok(packed(PackageOutcome::Made, inventory.head, bytes));
    }
    // Whole before the object names it: from here on an interrupted export is completed by the next one.
    folder.publish(staged, &version, &path.join(&inventory.head))?;
    texts.write(&path, |path, bytes| folder.replace(path, bytes))?;
    Ok(packed(PackageOutcome::VersionAdded, inventory.head, bytes))
}

/// An inventory and its digest as they stand in a folder.
#[derive(PartialEq, Eq)]
struct InventoryTexts {
    inventory: Vec<u8>,
    sidecar: Vec<u8>,
}

impl InventoryTexts {
    fn of(inventory: &ObjectInventory) -> Self {
        let inventory = inventory.to_json();
        let sidecar = format!("{} {INVENTORY}\n", sha256_hex(&inventory)).into_bytes();
        Self { inventory, sidecar }
    }

    /// What is there of both.
    fn at(folder: &Path) -> Self {
        let read = |name| fs::read(folder.join(name)).unwrap_or_default();
        Self {
            inventory: read(INVENTORY),
            sidecar: read(SIDECAR),
        }
    }

    fn write(
        &self,
        folder: &Path,
        write: impl Fn(&Path, &[u8]) -> Result<(), PackageError>,
    ) -> Result<(), PackageError> {
        write(&folder.join(INVENTORY), &self.inventory)?;
        write(&folder.join(SIDECAR), &self.sidecar)
    }

    /// The inventory, if its digest is the one beside it.
    fn read(&self) -> Option<ObjectInventory> {
        let text = std::str::from_utf8(&self.sidecar).ok()?;
        let named = text.split_ascii_whitespace().next()?;
        let is_whole = named == sha256_hex(&self.inventory);
        is_whole.then(|| serde_json::from_slice(&self.inventory).ok()).flatten()
    }
}

/// The number of the newest version among these names.
fn newest(names: &[String]) -> Option<u32> {
    names
        .iter()
        .filter_map(|name| name.strip_prefix('v')?.parse().ok())
        .max()
}

/// The inventory of the object in this place; `None`: nothing is there. The newest version is there whole, so that what the object says of
/// itself is written once more where an export was interrupted before.
fn inventory_at(folder: &PackageFolder, path: &Path, id: &str) -> Result<Option<ObjectInventory>, PackageError> {
    let names = names_in(path)?;
    if names.is_empty() {
        return Ok(None);
    }
    let refused = |why: &str| PackageError::occupied(path, why);
    let Some(number) = newest(&names).filter(|_| names.iter().any(|name| name == OBJECT)) else {
        return Err(refused("it is no object of OCFL 1.1"));
    };
    let head = format!("v{number}");
    let newest = InventoryTexts::at(&path.join(&head));
    let inventory = newest.read().filter(|inventory| inventory.is_ours(id, &head));
    let Some(inventory) = inventory else {
        return Err(refused(
            "the inventory of its newest version is damaged, or written by another program; a validator of OCFL says more",
        ));
    };
    bytes_of(path, inventory.manifest.values().flatten().map(String::as_str))?;
    if InventoryTexts::at(path) != newest {
        newest.write(path, |path, bytes| folder.replace(path, bytes))?;
    }
    Ok(Some(inventory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_lie_where_the_layout_says() {
        let long = format!("grin:{}/$B123456", "L".repeat(90));
        for (id, path) in [
            // Both are examples of the layout's own description.
            ("object-01", "3c0/ff4/240/object-01".to_owned()),
            ("..hor/rib:le-$id", "487/326/d8c/%2e%2ehor%2frib%3ale-%24id".to_owned()),
            (
                "grin:T/$B123456",
                format!("{}/grin%3aT%2f%24B123456", above("grin:T/$B123456")),
            ),
            (
                "grin:T/+Z170669505",
                format!("{}/grin%3aT%2f%2bZ170669505", above("grin:T/+Z170669505")),
            ),
            (
                &long,
                format!(
                    "{}/grin%3a{}%2f-{}",
                    above(&long),
                    "L".repeat(90),
                    sha256_hex(long.as_bytes())
                ),
            ),
        ] {
            assert_eq!(object_path(id), Path::new(&path), "{id}");
        }
    }

    fn above(id: &str) -> String {
        let digest = sha256_hex(id.as_bytes());
        format!("{}/{}/{}", &digest[..3], &digest[3..6], &digest[6..9])
    }

    #[test]
    fn only_an_empty_folder_becomes_a_root_and_only_one_like_ours_is_gone_on_with() {
        use RootVerdict as V;
        let facts = |names: &[&str], layout: Option<&str>, config: Option<Value>| RootFacts {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            layout: layout.map(str::to_owned),
            config,
        };
        let whole = [ROOT, LAYOUT_FILE, EXTENSIONS, "3c0"];
        let mut other = layout_config();
        other["tupleSize"] = 2.into();
        for (facts, expected) in [
            (facts(&[], None, None), Some(V::New)),
            (facts(&[EXTENSIONS, LAYOUT_FILE], Some(LAYOUT), None), Some(V::New)),
            (facts(&whole, Some(LAYOUT), Some(layout_config())), Some(V::Ours)),
            (facts(&whole, Some(LAYOUT), Some(other)), None),
            (facts(&whole, Some(LAYOUT), None), None),
            (facts(&whole, Some("0002-flat-direct-storage-layout"), None), None),
            (facts(&[ROOT], None, None), None),
            (facts(&["0=ocfl_1.0"], Some(LAYOUT), Some(layout_config())), None),
            (facts(&["books"], None, None), None),
        ] {
            let verdict = judge_root(&facts);
            match expected {
                Some(expected) => assert_eq!(verdict, expected, "{facts:?}"),
                None => assert!(matches!(verdict, V::Refused(_)), "{facts:?}"),
            }
        }
    }

    #[test]
    fn a_declaration_that_was_not_written_to_its_end_is_written_again() {
        let home = tempfile::tempdir().unwrap();
        let folder = PackageFolder::open(home.path()).unwrap();
        for _ in 0..2 {
            prepare_root(&folder).unwrap();
            assert_eq!(fs::read(home.path().join(ROOT)).unwrap(), ROOT_TEXT);
            fs::write(home.path().join(ROOT), "").unwrap();
        }
        prepare_root(&folder).unwrap();
        let mut names = folder.names().unwrap();
        names.sort();
        assert_eq!(names, [ROOT, EXTENSIONS, LAYOUT_FILE]);
    }

    #[test]
    fn the_newest_version_is_the_highest_number() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (given, expected) in [
            (names(&["v1", "v10", "v2", "logs"]), Some(10)),
            (names(&["v", "vx", INVENTORY]), None),
            (names(&[]), None),
        ] {
            assert_eq!(newest(&given), expected, "{given:?}");
        }
    }
}
