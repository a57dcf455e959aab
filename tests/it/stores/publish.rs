//! Whole or not at all, in each kind of storage.

use std::io::{Read, Write};

use grind::storage::{ObjectMeta, ObjectUpload, OwnUrl, Storage, StorageConfig, StorageError};

use super::{StoreKind, TestStore, stores};
use crate::storage_s3::server::{bytes, key, meta};

pub const MIB: usize = 1 << 20;
pub const RAW: &str = "raw/X1/X1.tar.gz";
const PART: usize = 8 * MIB;

pub fn read(storage: &Storage, name: &str) -> Vec<u8> {
    let mut all = Vec::new();
    storage.open_read(&key(name)).unwrap().read_to_end(&mut all).unwrap();
    all
}

/// Begins an archive in the way that is used where its name is final, or where it may change.
fn try_begun(storage: &Storage, is_final: bool, count: usize) -> Result<ObjectUpload, String> {
    let upload = match is_final {
        true => storage.begin_final(&key(RAW), &meta(None)),
        false => storage.begin(&key(RAW), &meta(None)),
    };
    let mut upload = upload.map_err(|error| error.to_string())?;
    upload.write_all(&bytes(count)).map_err(|error| error.to_string())?;
    Ok(upload)
}

fn begun(storage: &Storage, is_final: bool, count: usize) -> ObjectUpload {
    try_begun(storage, is_final, count).unwrap()
}

pub fn published(storage: &Storage, is_final: bool, count: usize, sha256: &str) -> Result<(), String> {
    let mut upload = try_begun(storage, is_final, count)?;
    let set = upload.set_meta(&meta(Some(sha256)));
    set.and_then(|()| upload.publish())
        .map(drop)
        .map_err(|error| error.to_string())
}

/// Nothing but these objects, no upload under way and no note on one.
pub fn only(store: &TestStore, objects: &[&str]) {
    assert_eq!(store.everything(), objects, "{:?}", store.kind);
    assert_eq!((store.open_uploads(), store.open_notes()), (0, 0), "{:?}", store.kind);
}

const SIZES: [usize; 6] = [0, 1024, PART, PART + 1, 2 * PART, 20 * MIB + 3];

#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn objects_of_each_size_come_back_with_their_metadata() {
    for store in stores(|_| true) {
        let storage = store.storage();
        for (number, size) in SIZES.into_iter().enumerate() {
            for is_final in [false, true] {
                let digest = format!("{number}{is_final}");
                published(&storage, is_final, size, &digest).unwrap();
                let stat = storage.stat(&key(RAW)).unwrap().unwrap();
                assert_eq!(stat.bytes, size as u64);
                if !matches!(store.kind, StoreKind::Disk) {
                    assert_eq!(stat.meta, meta(Some(&digest)), "{:?}", store.kind);
                }
                assert!(read(&storage, RAW) == bytes(size), "{:?}, {size} bytes", store.kind);
                if store.kind != StoreKind::Memory {
                    only(&store, &[RAW]);
                }
            }
        }
    }
}

#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn an_older_object_stays_until_a_new_one_is_whole_and_after_one_that_is_given_up() {
    for store in stores(|kind| kind != StoreKind::Memory) {
        let storage = store.storage();
        published(&storage, true, 9 * MIB, "1").unwrap();
        for is_final in [false, true] {
            let upload = begun(&storage, is_final, 20 * MIB);
            assert_eq!(storage.stat(&key(RAW)).unwrap().unwrap().bytes, 9 << 20);
            assert_eq!(storage.list(None).unwrap().count(), 1);
            upload.abort();
            assert!(read(&storage, RAW) == bytes(9 * MIB), "{:?}", store.kind);
            only(&store, &[RAW]);
        }
    }
}

#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn an_upload_may_take_another_name_unless_it_was_begun_under_its_final_one() {
    for store in stores(|kind| kind != StoreKind::Memory) {
        let storage = store.storage();
        published(&storage, true, 9 * MIB, "1").unwrap();
        let aside = "quarantine/X1/X1.tar.gz";
        let mut upload = begun(&storage, false, 20 * MIB);
        upload.set_key(&key(aside)).unwrap();
        upload.publish().unwrap();
        assert!(read(&storage, aside) == bytes(20 * MIB));
        assert!(read(&storage, RAW) == bytes(9 * MIB));
        let mut upload = begun(&storage, true, 9 * MIB);
        assert!(matches!(upload.set_key(&key(aside)), Err(StorageError::Broken)));
        drop(upload);
        only(&store, &[aside, RAW]);
    }
}

#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn archives_may_be_in_a_store_and_the_rest_in_a_folder() {
    for store in stores(|kind| matches!(kind, StoreKind::Moto | StoreKind::Seaweed | StoreKind::Azurite)) {
        let folder = tempfile::tempdir().unwrap();
        let config = store.config();
        let storage = Storage::open(&StorageConfig {
            own_urls: vec![OwnUrl {
                folder: key("raw"),
                url: config.url.clone(),
                holds_archives: true,
            }],
            url: format!("file://{}", folder.path().display()),
            ..config
        })
        .unwrap();
        published(&storage, true, 20 * MIB, "1").unwrap();
        storage
            .put(&key("meta/X1.json"), b"{}", &ObjectMeta::default())
            .unwrap();
        only(&store, &["X1/X1.tar.gz"]);
        assert!(folder.path().join("meta/X1.json").is_file());
        assert!(read(&storage, RAW) == bytes(20 * MIB));
        storage.rename(&key("meta/X1.json"), &key("quarantine/X1/x")).unwrap();
        only(&store, &["X1/X1.tar.gz", "quarantine/X1/x"]);
    }
}

#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn objects_are_listed_renamed_and_removed() {
    for store in stores(|_| true) {
        let storage = store.storage();
        for name in ["raw/X1/a", "raw/X2/b", "rawer/c", "meta/d"] {
            storage
                .put(&key(name), name.as_bytes(), &ObjectMeta::default())
                .unwrap();
        }
        let names = |folder: Option<&str>| {
            let folder = folder.map(key);
            let listed = storage.list(folder.as_ref()).unwrap();
            let mut names: Vec<_> = listed.map(|entry| entry.unwrap().key.to_string()).collect();
            names.sort();
            names
        };
        assert_eq!(names(Some("raw")), ["raw/X1/a", "raw/X2/b"], "{:?}", store.kind);
        storage.rename(&key("raw/X1/a"), &key("raw/X2/b")).unwrap();
        assert_eq!(read(&storage, "raw/X2/b"), b"raw/X1/a");
        assert!(storage.remove(&key("meta/d")).unwrap());
        assert!(!storage.remove(&key("meta/d")).unwrap());
        assert_eq!(names(None), ["raw/X2/b", "rawer/c"], "{:?}", store.kind);
        let gone = storage.rename(&key("meta/d"), &key("meta/e")).unwrap_err();
        assert!(matches!(gone, StorageError::NotFound(_)), "{:?}: {gone}", store.kind);
        storage.check().unwrap();
        assert_eq!(names(None), ["raw/X2/b", "rawer/c"], "{:?}", store.kind);
    }
}

#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn a_reader_never_mixes_two_versions_of_an_object() {
    for store in stores(|kind| kind != StoreKind::Disk) {
        let storage = store.storage();
        let put = |byte: u8| storage.put(&key("meta/x"), &vec![byte; 20 * MIB], &ObjectMeta::default());
        put(1).unwrap();
        let mut reader = storage.open_read(&key("meta/x")).unwrap();
        reader.read_exact(&mut [0; 10]).unwrap();
        put(2).unwrap();
        let failed = reader.read_to_end(&mut Vec::new()).unwrap_err();
        assert!(StorageError::of(&failed).is_some(), "{:?}: {failed}", store.kind);
    }
}
