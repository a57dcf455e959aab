//! Which objects are where: everything in one place, except folders of keys that have places of their own.

use crate::storage::backend::StorageBackend;
use crate::storage::error::StorageError;
use crate::storage::key::ObjectKey;
use crate::storage::marker::MARKER_NAME;
use crate::storage::{EntryListing, ListedEntry, ListedObject, NoObject};

/// The places of a storage.
#[derive(Debug)]
pub(super) struct StoragePlaces {
    pub main: StorageBackend,
    /// The place of archives, which take the room.
    pub archives: StorageBackend,
    pub own: Vec<OwnPlace>,
}

/// A folder of keys whose objects lie in another place.
#[derive(Clone, Debug)]
pub(super) struct OwnPlace {
    pub folder: ObjectKey,
    pub backend: StorageBackend,
    /// The folder there; `None`: its root.
    pub at: Option<ObjectKey>,
    /// Folders there that are not of it.
    pub without: Vec<ObjectKey>,
}

/// Where an object is, and its name there.
pub(super) struct ObjectPlace<'a> {
    pub backend: &'a StorageBackend,
    pub key: ObjectKey,
}

impl StoragePlaces {
    /// The place of an object.
    pub fn of<'a>(&'a self, key: &ObjectKey) -> ObjectPlace<'a> {
        let own = self.own.iter().find_map(|own| own.of(key));
        own.unwrap_or_else(|| ObjectPlace {
            backend: &self.main,
            key: key.clone(),
        })
    }

    /// Every place, once.
    pub fn all(&self) -> impl Iterator<Item = &StorageBackend> {
        let own = self.own.iter().filter(|own| own.at.is_none()).map(|own| &own.backend);
        std::iter::once(&self.main).chain(own)
    }

    /// For messages.
    pub fn names(&self) -> String {
        self.all().map(StorageBackend::place).collect::<Vec<_>>().join(" and ")
    }

    /// Every entry, or those under a folder, by the names that they have in the whole storage.
    pub fn list(&self, folder: Option<&ObjectKey>) -> EntryListing {
        let own = self.own.iter().filter_map(|own| own.list(folder));
        let own: Vec<EntryListing> = own.collect();
        if folder.is_some_and(|folder| self.own.iter().any(|own| own.holds(folder))) {
            return Box::new(own.into_iter().flatten());
        }
        // What lies under the name of a place of its own, from before it had one, is none of the storage's.
        let folders: Vec<ObjectKey> = self.own.iter().map(|own| own.folder.clone()).collect();
        let is_shadowed = move |name: &str| folders.iter().any(|folder| folder.rest(name).is_some());
        let main = self.main.list(folder);
        let main = main.filter(move |found| !found.as_ref().is_ok_and(|found| is_shadowed(found.name())));
        Box::new(main.chain(own.into_iter().flatten()))
    }
}

impl OwnPlace {
    fn of(&self, key: &ObjectKey) -> Option<ObjectPlace<'_>> {
        let below = key.below(&self.folder)?;
        let key = self.at.as_ref().map_or_else(|| below.clone(), |at| below.inside(at));
        Some(ObjectPlace {
            backend: &self.backend,
            key,
        })
    }

    /// Whether all that is below a folder is here.
    fn holds(&self, folder: &ObjectKey) -> bool {
        *folder == self.folder || folder.below(&self.folder).is_some()
    }

    /// What of a folder is here; `None`: nothing can be.
    fn list(&self, folder: Option<&ObjectKey>) -> Option<EntryListing> {
        let inside = match folder {
            Some(folder) if *folder != self.folder && self.folder.below(folder).is_none() => Some(self.of(folder)?.key),
            _ => self.at.clone(),
        };
        let listed = self.backend.list(inside.as_ref());
        let own = self.clone();
        let named = move |found: Result<ListedEntry, StorageError>| match found {
            Ok(found) => own.named(found).map(Ok),
            Err(error) => Some(Err(error)),
        };
        Some(Box::new(listed.filter_map(named)))
    }

    /// An entry of this place by its name in the whole storage; the marker is none of its objects.
    fn named(&self, found: ListedEntry) -> Option<ListedEntry> {
        let is_other = |folder: &ObjectKey| folder.rest(found.name()).is_some();
        if found.name() == MARKER_NAME || self.without.iter().any(is_other) {
            return None;
        }
        Some(match found {
            ListedEntry::Object(ListedObject { key, bytes }) => {
                let key = self.at.as_ref().map_or_else(|| Some(key.clone()), |at| key.below(at))?;
                let key = key.inside(&self.folder);
                ListedEntry::Object(ListedObject { key, bytes })
            }
            ListedEntry::NoObject(NoObject { name, why }) => {
                let name = self.at.as_ref().map_or(Some(name.as_str()), |at| at.rest(&name))?;
                let name = format!("{}/{name}", self.folder);
                ListedEntry::NoObject(NoObject { name, why })
            }
        })
    }
}

impl ListedEntry {
    fn name(&self) -> &str {
        match self {
            Self::Object(object) => object.key.as_str(),
            Self::NoObject(other) => &other.name,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::path::Path;

    use super::*;
    use crate::storage::{ObjectMeta, OwnUrl, Storage, StorageConfig};

    fn key(text: &str) -> ObjectKey {
        ObjectKey::parse(text).unwrap()
    }

    /// Archives and manifests in folders of their own.
    fn opened(root: &Path) -> Storage {
        let url = |name: &str| format!("file://{}", root.join(name).display());
        let own = |folder, name, holds_archives| OwnUrl {
            folder: key(folder),
            url: url(name),
            holds_archives,
        };
        Storage::open(&StorageConfig {
            own_urls: vec![own("a/raw", "archives", true), own("meta", "manifests", false)],
            ..StorageConfig::of_url(url("main"))
        })
        .unwrap()
    }

    fn put(storage: &Storage, name: &str) {
        storage
            .put(&key(name), name.as_bytes(), &ObjectMeta::default())
            .unwrap();
    }

    fn names(storage: &Storage, folder: Option<&str>) -> Vec<String> {
        let folder = folder.map(key);
        let mut names: Vec<_> = storage
            .list(folder.as_ref())
            .unwrap()
            .map(|found| found.unwrap().key.to_string())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn each_object_is_in_the_place_of_its_folder() {
        let root = tempfile::tempdir().unwrap();
        let storage = opened(root.path());
        for (name, file) in [
            ("a/raw/X1/X1.tar.gz", "archives/X1/X1.tar.gz"),
            ("quarantine/X1/x", "archives/quarantine/X1/x"),
            ("meta/X1.json", "manifests/X1.json"),
            ("full/X1", "main/full/X1"),
            ("a/rawer/X1", "main/a/rawer/X1"),
        ] {
            put(&storage, name);
            assert_eq!(std::fs::read(root.path().join(file)).unwrap(), name.as_bytes());
            let mut read = String::new();
            storage
                .open_read(&key(name))
                .unwrap()
                .read_to_string(&mut read)
                .unwrap();
            assert_eq!(read, name);
            assert_eq!(storage.stat(&key(name)).unwrap().unwrap().bytes, name.len() as u64);
        }
        storage.write_marker("id").unwrap();
        // From before archives had a place of their own.
        std::fs::create_dir_all(root.path().join("main/a/raw/old")).unwrap();
        std::fs::write(root.path().join("main/a/raw/old/old.tar.gz"), "").unwrap();
        let raw = "a/raw/X1/X1.tar.gz";
        for (folder, found) in [
            (Some("a/raw"), vec![raw]),
            (Some("a/raw/X1"), vec![raw]),
            (Some("a/raw/X2"), vec![]),
            (Some("a"), vec![raw, "a/rawer/X1"]),
            (Some("meta"), vec!["meta/X1.json"]),
            (Some("quarantine"), vec!["quarantine/X1/x"]),
            (Some("quarantine/X1"), vec!["quarantine/X1/x"]),
            (Some("full"), vec!["full/X1"]),
        ] {
            assert_eq!(names(&storage, folder), found, "{folder:?}");
        }
        for odd in [
            "main/od d",
            "main/meta/od d",
            "archives/X1/od d",
            "archives/quarantine/X1/od d",
        ] {
            std::fs::create_dir_all(root.path().join(odd).parent().unwrap()).unwrap();
            std::fs::write(root.path().join(odd), "").unwrap();
        }
        let mut told: Vec<_> = storage
            .list_entries()
            .filter_map(|entry| match entry.unwrap() {
                ListedEntry::NoObject(other) => Some(other.name),
                ListedEntry::Object(_) => None,
            })
            .collect();
        told.sort();
        assert_eq!(told, ["a/raw/X1/od d", "od d", "quarantine/X1/od d"]);
        assert!(storage.remove(&key(raw)).unwrap());
        assert!(!root.path().join("archives/X1/X1.tar.gz").exists());
    }

    #[test]
    fn an_object_may_take_a_name_in_another_place() {
        let root = tempfile::tempdir().unwrap();
        let storage = opened(root.path());
        for (from, to, file) in [
            (
                "meta/X1.json",
                "quarantine/X1/X1.json",
                "archives/quarantine/X1/X1.json",
            ),
            ("a/raw/X1", "quarantine/X1/X1", "archives/quarantine/X1/X1"),
        ] {
            put(&storage, from);
            storage.rename(&key(from), &key(to)).unwrap();
            assert_eq!(std::fs::read(root.path().join(file)).unwrap(), from.as_bytes());
            assert_eq!(storage.stat(&key(from)).unwrap(), None);
        }
        let mut upload = storage.begin(&key("a/raw/X2"), &ObjectMeta::default()).unwrap();
        upload.set_key(&key("quarantine/X2/X2")).unwrap();
        upload.publish().unwrap();
        assert_eq!(names(&storage, Some("quarantine/X2")), ["quarantine/X2/X2"]);
        let mut upload = storage.begin(&key("a/raw/X3"), &ObjectMeta::default()).unwrap();
        assert!(matches!(upload.set_key(&key("meta/X3")), Err(StorageError::Broken)));
    }

    #[test]
    fn nothing_is_stored_while_any_place_is_not_the_right_one() {
        let root = tempfile::tempdir().unwrap();
        let storage = opened(root.path());
        assert_eq!(storage.read_marker().unwrap(), None);
        storage.write_marker("id").unwrap();
        assert_eq!(storage.read_marker().unwrap().as_deref(), Some("id"));
        for place in ["main", "archives", "manifests"] {
            let marker = root.path().join(place).join(MARKER_NAME);
            let text = std::fs::read(&marker).unwrap();
            std::fs::remove_file(&marker).unwrap();
            assert_eq!(storage.read_marker().unwrap().as_deref(), Some(""), "{place}");
            let refused = storage.prove_marker().unwrap_err();
            let StorageError::NotOurs { place: named, .. } = &refused else {
                panic!("{refused}");
            };
            assert!(named.ends_with(place), "{refused}");
            std::fs::write(&marker, text).unwrap();
            storage.prove_marker().unwrap();
        }
    }
}
