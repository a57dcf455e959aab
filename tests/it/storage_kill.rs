//! A process killed while it stores leaves nothing under a final name, and the next start finds what it left.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use grind::storage::{ObjectKey, ObjectMeta, Storage, StorageConfig};

const FOLDER: &str = "GRIND_TEST_KILL_FOLDER";

fn open(folder: &Path) -> Storage {
    Storage::open(&StorageConfig::of_url(format!("file://{}", folder.display()))).unwrap()
}

/// Does nothing unless started as the child of the test below.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let storage = open(Path::new(&folder));
    let none = ObjectMeta::default();
    storage
        .put(&ObjectKey::parse("raw/A1/A1.tar.gz").unwrap(), b"whole", &none)
        .unwrap();
    let mut upload = storage
        .begin(&ObjectKey::parse("raw/B2/B2.tar.gz").unwrap(), &none)
        .unwrap();
    upload.write_all(&vec![7; 1 << 20]).unwrap();
    println!("\nready");
    std::io::stdin().lock().lines().count();
}

#[test]
fn a_killed_writer_leaves_only_what_a_sweep_removes() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "storage_kill::child", "--nocapture"])
        .env(FOLDER, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(said.into_iter().any(|line| line == "ready"), "the child failed");

    let storage = open(folder.path());
    assert_eq!(storage.sweep().removed, 0, "a living writer was swept");
    child.kill().unwrap();
    child.wait().unwrap();

    let names = || {
        storage
            .list(None)
            .unwrap()
            .map(|entry| entry.unwrap().key.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(), ["raw/A1/A1.tar.gz"]);
    assert_eq!(storage.sweep().removed, 1);
    assert_eq!(storage.sweep().removed, 0);
    assert_eq!(names(), ["raw/A1/A1.tar.gz"]);
}
