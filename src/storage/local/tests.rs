//! Tests of the local disk: order of durable steps, leftovers, links, lack of room.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use crate::storage::local::{LocalStorage, LocalUpload, TEMPORARY, list, steps};
use crate::storage::{
    MARKER_NAME, ObjectKey, ObjectMeta, SpaceReserve, Storage, StorageConfig, StorageError, StorageErrorClass,
};
use crate::vocabulary::FailureReason;

struct Disk {
    folder: TempDir,
    storage: Storage,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&StorageConfig::of_url(format!("file://{}", folder.path().display()))).unwrap();
        Self { folder, storage }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn temporary(&self) -> usize {
        std::fs::read_dir(self.path(TEMPORARY)).unwrap().count()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self
            .storage
            .list(None)
            .unwrap()
            .map(|entry| entry.unwrap().key.to_string())
            .collect();
        names.sort();
        names
    }
}

pub(super) fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

pub(super) fn none() -> ObjectMeta {
    ObjectMeta::default()
}

#[test]
fn an_object_appears_whole_and_only_when_published() {
    let disk = Disk::new();
    let name = key("raw/X1/X1.tar.gz");
    let mut upload = disk.storage.begin(&name, &none()).unwrap();
    upload.write_all(b"first").unwrap();
    assert!(!disk.path("raw/X1/X1.tar.gz").exists());
    assert_eq!(disk.storage.stat(&name).unwrap(), None);
    assert_eq!(disk.names(), Vec::<String>::new());
    upload.write_all(b" half").unwrap();
    assert_eq!(upload.publish().unwrap().bytes, 10);
    let mut text = String::new();
    disk.storage
        .open_read(&name)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "first half");
    assert_eq!(disk.storage.stat(&name).unwrap().unwrap().bytes, 10);
    assert_eq!((disk.names(), disk.temporary()), (vec![name.to_string()], 0));
}

#[test]
fn an_older_object_stays_until_the_new_one_is_whole() {
    let disk = Disk::new();
    let name = key("meta/X1.json");
    disk.storage.put(&name, b"old", &none()).unwrap();
    let mut upload = disk.storage.begin(&name, &none()).unwrap();
    upload.write_all(b"new and longer").unwrap();
    assert_eq!(std::fs::read(disk.path("meta/X1.json")).unwrap(), b"old");
    drop(upload);
    assert_eq!(std::fs::read(disk.path("meta/X1.json")).unwrap(), b"old");
    disk.storage.put(&name, b"new and longer", &none()).unwrap();
    assert_eq!(std::fs::read(disk.path("meta/X1.json")).unwrap(), b"new and longer");
}

#[test]
fn every_step_is_made_durable_before_the_next() {
    let disk = Disk::new();
    steps::take();
    disk.storage.put(&key("raw/X1/X1.tar.gz"), b"x", &none()).unwrap();
    // Two new folders, each entered in its parent; the file's bytes before its name; the name before success.
    let made = [
        "file synced",
        "folder synced",
        "folder synced",
        "renamed",
        "folder synced",
    ];
    assert_eq!(steps::take(), made);
    disk.storage.put(&key("raw/X1/X1.tar.gz"), b"y", &none()).unwrap();
    assert_eq!(steps::take(), ["file synced", "renamed", "folder synced"]);
    disk.storage.remove(&key("raw/X1/X1.tar.gz")).unwrap();
    assert_eq!(steps::take(), ["folder synced"]);
}

#[test]
fn dropped_and_aborted_uploads_leave_nothing() {
    let disk = Disk::new();
    for drop_it in [true, false] {
        let mut upload = disk.storage.begin(&key("raw/X1/X1.tar.gz"), &none()).unwrap();
        upload.write_all(b"some").unwrap();
        assert_eq!(disk.temporary(), 1);
        if drop_it {
            drop(upload);
        } else {
            upload.abort();
        }
        assert_eq!((disk.temporary(), disk.names().len()), (0, 0));
    }
}

#[test]
fn a_sweep_takes_what_a_kill_left_and_spares_what_is_being_written() {
    let disk = Disk::new();
    // A killed process leaves its file without its lock.
    std::fs::write(disk.path(TEMPORARY).join("4711-dead"), b"half a book").unwrap();
    let mut upload = disk.storage.begin(&key("raw/X1/X1.tar.gz"), &none()).unwrap();
    upload.write_all(b"alive").unwrap();
    let swept = disk.storage.sweep();
    assert_eq!((swept.removed, swept.failures.len()), (1, 0));
    assert_eq!(disk.temporary(), 1);
    upload.publish().unwrap();
    assert_eq!(disk.storage.sweep().removed, 0);
    assert_eq!(disk.names(), ["raw/X1/X1.tar.gz"]);
}

#[test]
fn empty_objects_and_small_ones_are_stored() {
    let disk = Disk::new();
    for size in [0, 1, 1024] {
        let name = key(&format!("full/{size}.jsonl"));
        assert_eq!(
            disk.storage.put(&name, &vec![7; size], &none()).unwrap().bytes,
            size as u64
        );
        assert_eq!(disk.storage.stat(&name).unwrap().unwrap().bytes, size as u64);
    }
}

#[test]
fn links_inside_the_storage_are_not_followed() {
    let disk = Disk::new();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), b"secret").unwrap();
    symlink(outside.path(), disk.path("raw")).unwrap();
    std::fs::create_dir(disk.path("meta")).unwrap();
    symlink(outside.path().join("secret"), disk.path("meta/link")).unwrap();

    let refused = |result: Result<(), StorageError>| match result {
        Err(why) => assert_eq!(
            (why.reason(), why.class()),
            (FailureReason::StorageUnsafe, StorageErrorClass::NeedsPerson),
            "{why}"
        ),
        Ok(()) => panic!("a link was followed"),
    };
    refused(disk.storage.put(&key("raw/x"), b"escaped", &none()).map(drop));
    refused(disk.storage.open_read(&key("raw/secret")).map(drop));
    refused(disk.storage.stat(&key("raw/secret")).map(drop));
    refused(disk.storage.remove(&key("raw/secret")).map(drop));
    let link = disk.storage.open_read(&key("meta/link")).map(drop).unwrap_err();
    assert!(matches!(link, StorageError::NotAFile { .. }), "{link}");
    assert_eq!(disk.names(), Vec::<String>::new());
    // Publishing over a link replaces the link, not what it points to.
    disk.storage.put(&key("meta/link"), b"ours", &none()).unwrap();
    assert_eq!(std::fs::read(outside.path().join("secret")).unwrap(), b"secret");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
    assert_eq!(disk.temporary(), 0);
}

#[test]
fn pipes_and_folders_under_an_objects_name_are_refused() {
    let disk = Disk::new();
    std::fs::create_dir_all(disk.path("raw/folder")).unwrap();
    rustix::fs::mknodat(
        File::open(disk.path("raw")).unwrap(),
        "pipe",
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    for name in ["raw/folder", "raw/pipe"] {
        assert_eq!(
            disk.storage.open_read(&key(name)).err().unwrap().reason(),
            FailureReason::StorageUnsafe,
            "{name}"
        );
        assert_eq!(
            disk.storage.stat(&key(name)).unwrap_err().reason(),
            FailureReason::StorageUnsafe,
            "{name}"
        );
    }
    assert!(disk.storage.put(&key("raw/folder"), b"x", &none()).is_err());
    assert_eq!(disk.temporary(), 0);
}

/// One book's place stops no other book, a folder of all books does.
#[test]
fn what_stands_in_one_objects_place_stops_no_other_object() {
    let disk = Disk::new();
    std::fs::create_dir_all(disk.path("raw/A/A.tar.gz")).unwrap();
    std::fs::create_dir_all(disk.path("raw/B")).unwrap();
    symlink("nowhere", disk.path("raw/B/B.tar.gz")).unwrap();
    std::fs::write(disk.path("raw/C"), b"x").unwrap();
    symlink("nowhere", disk.path("raw/D")).unwrap();
    std::fs::write(disk.path("F"), b"x").unwrap();
    for book in ["raw/A/A", "raw/B/B", "raw/C/C", "raw/D/D", "F/F"] {
        let key = key(&format!("{book}.tar.gz"));
        let found = [
            disk.storage.stat(&key).map(drop),
            disk.storage.open_read(&key).map(drop),
        ];
        for error in found.map(Result::unwrap_err) {
            assert!(matches!(error, StorageError::NotAFile { .. }), "{error}");
            assert_eq!(error.class(), StorageErrorClass::Permanent);
        }
    }
    disk.storage.put(&key("raw/E/E.tar.gz"), b"x", &none()).unwrap();
    std::fs::write(disk.path("full"), b"x").unwrap();
    for key in [key("full/E_ocr.jsonl.gz"), key("full/E/E.txt")] {
        let error = disk.storage.stat(&key).unwrap_err();
        assert_eq!(error.class(), StorageErrorClass::NeedsPerson, "{error}");
    }
    std::fs::create_dir(disk.path(MARKER_NAME)).unwrap();
    assert_eq!(
        disk.storage.read_marker().unwrap_err().class(),
        StorageErrorClass::NeedsPerson
    );
}

#[test]
fn listing_and_removing_stay_under_the_folder() {
    let disk = Disk::new();
    for name in ["raw/X1/X1.tar.gz", "raw/X2/X2.tar.gz", "rawer/X3", "meta/X1.json"] {
        disk.storage.put(&key(name), b"12", &none()).unwrap();
    }
    std::fs::write(disk.path("raw/.hidden"), b"x").unwrap();
    let raw = key("raw");
    let mut listed: Vec<_> = disk.storage.list(Some(&raw)).unwrap().map(Result::unwrap).collect();
    listed.sort();
    assert_eq!(
        listed
            .iter()
            .map(|entry| (entry.key.as_str(), entry.bytes))
            .collect::<Vec<_>>(),
        [("raw/X1/X1.tar.gz", 2), ("raw/X2/X2.tar.gz", 2)]
    );
    assert_eq!(disk.storage.list(Some(&key("nothing/here"))).unwrap().count(), 0);
    assert!(disk.storage.remove(&key("raw/X1/X1.tar.gz")).unwrap());
    assert!(!disk.storage.remove(&key("raw/X1/X1.tar.gz")).unwrap());
    assert!(!disk.path("raw/X1").exists(), "a book's empty folder goes with it");
    assert!(disk.storage.remove(&key("raw/X2/X2.tar.gz")).unwrap());
    assert_eq!(disk.names(), ["meta/X1.json", "rawer/X3"]);
}

#[test]
fn nothing_is_begun_below_the_reserve() {
    let folder = tempfile::tempdir().unwrap();
    let local = Arc::new(LocalStorage::open(folder.path(), SpaceReserve::Bytes(u64::MAX)).unwrap());
    let refused = LocalUpload::begin(&local, &key("raw/x"), None).unwrap_err();
    assert!(matches!(refused, StorageError::Full { .. }), "{refused}");
    assert_eq!(
        (refused.class(), refused.reason()),
        (StorageErrorClass::NeedsPerson, FailureReason::StorageFull)
    );
    assert!(refused.to_string().contains("disk_reserve"), "{refused}");
    let looked = local.check();
    assert!(matches!(looked, Err(StorageError::Full { .. })), "{looked:?}");
    assert_eq!(list(&local, None).count(), 0);
}

/// A small file system of its own, where mounting is allowed.
pub(super) struct Tmpfs(pub TempDir);

impl Tmpfs {
    pub fn mount(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "grind-test"])
            .arg(folder.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(folder)),
            _ => {
                println!("skipped: mounting a tmpfs is not allowed here");
                None
            }
        }
    }

    fn remount(&self, options: &str) {
        let status = std::process::Command::new("mount")
            .args(["-o", options])
            .arg(self.0.path())
            .status();
        assert!(status.unwrap().success());
    }

    fn storage(&self) -> Storage {
        open(self.0.path()).unwrap()
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg("-l")
            .arg(self.0.path())
            .status();
    }
}

pub(super) fn open(folder: &Path) -> Result<Storage, StorageError> {
    Storage::open(&StorageConfig::of_url(format!("file://{}", folder.display())))
}

#[test]
fn a_full_disk_is_told_from_other_faults_and_leaves_nothing() {
    let Some(disk) = Tmpfs::mount("size=1m") else { return };
    let storage = disk.storage();
    let mut upload = storage.begin(&key("raw/X1"), &none()).unwrap();
    let failed = (0..64)
        .find_map(|_| upload.write_all(&vec![1; 64 << 10]).err())
        .expect("4 MiB do not fit");
    let inside = StorageError::of(&failed).expect("a typed error");
    assert_eq!(
        (inside.reason(), inside.class()),
        (FailureReason::StorageFull, StorageErrorClass::NeedsPerson)
    );
    assert_eq!(
        StorageError::of(&upload.write_all(b"more").unwrap_err())
            .unwrap()
            .reason(),
        FailureReason::StorageBroken
    );
    assert!(matches!(upload.publish(), Err(StorageError::Broken)));
    assert_eq!(storage.list(None).unwrap().count(), 0);
    assert_eq!(storage.sweep().removed, 0, "the upload removed its own file");
    storage
        .put(&key("raw/X1"), &vec![1; 512 << 10], &none())
        .expect("room is free again");
}

#[test]
fn a_read_only_disk_is_named_as_such() {
    let Some(disk) = Tmpfs::mount("size=1m") else { return };
    let storage = disk.storage();
    storage.put(&key("meta/x"), b"x", &none()).unwrap();
    disk.remount("remount,ro");
    let refused = storage.put(&key("meta/y"), b"y", &none()).unwrap_err();
    assert_eq!(
        (refused.reason(), refused.class()),
        (FailureReason::StorageReadOnly, StorageErrorClass::NeedsPerson)
    );
    assert_eq!(
        storage.remove(&key("meta/x")).unwrap_err().reason(),
        FailureReason::StorageReadOnly
    );
    assert_eq!(
        open(disk.0.path()).unwrap_err().reason(),
        FailureReason::StorageReadOnly
    );
}

#[test]
fn a_folder_that_cannot_be_made_says_why() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), b"x").unwrap();
    let refused = open(&folder.path().join("file/library")).unwrap_err();
    assert_eq!(
        (refused.reason(), refused.class()),
        (FailureReason::StorageUnsafe, StorageErrorClass::NeedsPerson),
        "{refused}"
    );
    open(&folder.path().join("a/b/c")).unwrap();
    assert!(folder.path().join("a/b/c").join(TEMPORARY).is_dir());
}
