//! Archives of a run, as they are found, judged and taken.

use super::*;
use crate::storage::{ObjectMeta, StorageConfig};

/// A bucket as that program fills it: one thing that begins as an archive does, and one that does not.
fn bucket() -> Storage {
    let storage = Storage::open(&StorageConfig::of_url("memory:")).unwrap();
    let meta = ObjectMeta {
        encrypted_etag: Some("\"a\"".into()),
        ..ObjectMeta::default()
    };
    for (key, bytes) in [
        ("first_run/TL0001.tar.gz", &[0x1f, 0x8b, 0x08, 0][..]),
        ("second_run/TL0002.tar.gz", b"<html>"),
        ("first_run/TL0003_ocr.jsonl", b"\"\""),
    ] {
        storage.put(&ObjectKey::parse(key).unwrap(), bytes, &meta).unwrap();
    }
    storage
}

#[test]
fn a_bucket_is_looked_into_with_what_stands_beside_its_objects() {
    let mut files = RunFiles::open(FileSource::Store(bucket()), StoredCheck::Quick).unwrap();
    let mut names: Vec<_> = files.names().unwrap().map(Result::unwrap).collect();
    names.sort();
    assert_eq!(names, ["TL0001", "TL0002"]);
    let [one, two, three] = ["TL0001", "TL0002", "TL0003"].map(|name| Barcode::parse(name).unwrap());
    let adopted = files
        .adopt(&one, Some("\"b\""), None, &mut |_| Ok(()))
        .unwrap()
        .unwrap();
    assert_eq!(
        (adopted.storage_path.as_str(), adopted.bytes),
        ("first_run/TL0001.tar.gz", 4)
    );
    assert_eq!(adopted.encrypted_etag.as_deref(), Some("\"a\""));
    assert!(matches!(
        files.adopt(&two, None, None, &mut |_| Ok(())),
        Err(ArchiveUnfit::NotGzip(_))
    ));
    assert_eq!(files.adopt(&three, None, None, &mut |_| Ok(())).unwrap(), None);
}

#[test]
fn what_only_begins_as_an_archive_is_not_taken_and_leaves_nothing() {
    let ours = Storage::open(&StorageConfig::of_url("memory:")).unwrap();
    let pass = StoredPass {
        storage: ours.clone(),
        layout: StorageLayout::new("raw", "full", "meta").unwrap(),
        options: PassOptions::default(),
        taken: ArchiveTaken::Copied,
    };
    let mut files = RunFiles::open(FileSource::Store(bucket()), StoredCheck::Whole(Box::new(pass))).unwrap();
    for name in ["TL0001", "TL0002"] {
        let adopted = files.adopt(&Barcode::parse(name).unwrap(), None, None, &mut |_| Ok(()));
        assert!(matches!(adopted, Err(ArchiveUnfit::Damaged(_))), "{adopted:?}");
    }
    assert_eq!(ours.list(None).unwrap().count(), 0);
}

#[test]
fn a_file_beside_a_books_archive_is_none_and_a_run_may_be_called_like_a_barcodes_beginning() {
    let folder = tempfile::tempdir().unwrap();
    for key in [
        "raw/TL0001/TL0001.tar.gz",
        "raw/TL0001/TL0001_old.tar.gz",
        "HN/HN1ABC.tar.gz",
    ] {
        let path = folder.path().join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, [0x1f, 0x8b, 0x08, 0]).unwrap();
    }
    let mut files = RunFiles::open(FileSource::Folder(folder.path().to_owned()), StoredCheck::Quick).unwrap();
    let mut names: Vec<_> = files.names().unwrap().map(Result::unwrap).collect();
    names.sort();
    assert_eq!(names, ["HN1ABC", "TL0001"]);
    let run = files
        .adopt(&Barcode::parse("HN1ABC").unwrap(), None, None, &mut |_| Ok(()))
        .unwrap();
    assert_eq!(run.unwrap().storage_path, "HN/HN1ABC.tar.gz");
}

#[test]
fn of_several_archives_that_are_not_looked_into_the_largest_is_taken_wherever_it_lies() {
    for (small, large) in [("raw", "run2"), ("run2", "raw")] {
        let folder = tempfile::tempdir().unwrap();
        for (run, bytes) in [(small, 4), (large, 40)] {
            std::fs::create_dir(folder.path().join(run)).unwrap();
            let mut archive = vec![0; bytes];
            archive[..3].copy_from_slice(&[0x1f, 0x8b, 0x08]);
            std::fs::write(folder.path().join(run).join("TL0001.tar.gz"), archive).unwrap();
        }
        let mut files = RunFiles::open(FileSource::Folder(folder.path().to_owned()), StoredCheck::Quick).unwrap();
        let taken = files
            .adopt(&Barcode::parse("TL0001").unwrap(), None, None, &mut |_| Ok(()))
            .unwrap();
        assert_eq!(taken.unwrap().bytes, 40, "{small} before {large}");
    }
}
