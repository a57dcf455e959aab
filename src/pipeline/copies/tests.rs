//! Copies into a real folder, and which of them stay.

use std::path::Path;

use super::*;
use crate::catalog::{CatalogLedger, CatalogPolicy};
use crate::storage::StorageConfig;

fn maker(folder: &Path, layout: StorageLayout) -> CopyMaker {
    let catalog = CatalogAddress::Sqlite(folder.join("catalog.db"));
    let ledger = CatalogLedger::open_at(&catalog, SystemClock::system(), CatalogPolicy::default()).unwrap();
    ledger.close().unwrap();
    let url = format!("file://{}", folder.join("library").display());
    CopyMaker {
        catalog,
        storage: Storage::open(&StorageConfig::of_url(url)).unwrap(),
        layout,
    }
}

fn per_book() -> StorageLayout {
    StorageLayout::new("raw", "full", "meta").unwrap()
}

fn make(maker: &CopyMaker, copy: KeptCopy, at: &str) {
    maker
        .make(copy, at.parse().unwrap(), &CancellationToken::new())
        .unwrap();
}

/// What lies beside the manifests.
fn names(maker: &CopyMaker) -> Vec<String> {
    let listed = maker.storage.list(Some(maker.layout.meta_folder())).unwrap();
    let mut names: Vec<_> = listed.map(|object| object.unwrap().key.to_string()).collect();
    names.sort();
    names
}

fn backup(day: &str) -> String {
    format!("meta/catalog-{day}.db.gz")
}

#[test]
fn fourteen_backups_stay_with_those_of_the_future_and_the_one_just_made() {
    let folder = tempfile::tempdir().unwrap();
    let maker = maker(folder.path(), per_book());
    let ahead: Vec<_> = (1..=15).map(|day| backup(&format!("2099-12-{day:02}"))).collect();
    for name in &ahead {
        let key = ObjectKey::parse(name).unwrap();
        maker.storage.put(&key, b"whole", &ObjectMeta::default()).unwrap();
    }
    for day in 1..=16 {
        make(&maker, KeptCopy::Backup, &format!("2026-11-{day:02}T23:59:59Z"));
    }
    let mut expected: Vec<_> = (3..=16).map(|day| backup(&format!("2026-11-{day:02}"))).collect();
    expected.extend(ahead);
    assert_eq!(names(&maker), expected);
    let newest = |at: &str| maker.newest_backup(at.parse().unwrap()).unwrap().to_string();
    assert_eq!(newest("2026-11-16T00:00:00Z"), backup("2026-11-16"));
    assert_eq!(newest("2099-12-15T00:00:00Z"), backup("2099-12-15"));

    // A clock that is behind: the one just made has the oldest name.
    make(&maker, KeptCopy::Backup, "2026-11-01T12:00:00Z");
    assert!(names(&maker).contains(&backup("2026-11-01")));
    make(&maker, KeptCopy::Backup, "2026-11-16T13:00:00Z");
    assert_eq!(
        names(&maker),
        expected,
        "and goes with the next one under the right clock"
    );
}

#[test]
fn a_table_is_under_each_of_its_names_once_it_is_proven() {
    let folder = tempfile::tempdir().unwrap();
    let maker = maker(folder.path(), per_book().of_run("harvard").unwrap());
    for at in ["2026-11-29T06:07:08Z", "2026-11-30T06:07:08Z"] {
        make(&maker, KeptCopy::Export, at);
    }
    let dated = ["20261129", "20261130"].map(|day| format!("meta/harvard/timestamped/books_{day}_060708.csv.gz"));
    let expected = [vec!["meta/harvard/books_latest.csv.gz".to_owned()], dated.to_vec()].concat();
    assert_eq!(names(&maker), expected);
    let bytes = |name: &String| {
        let mut object = maker.storage.open_read(&ObjectKey::parse(name).unwrap()).unwrap();
        let mut bytes = Vec::new();
        object.read_to_end(&mut bytes).unwrap();
        bytes
    };
    assert_eq!(bytes(&expected[0]), bytes(&expected[2]));
}
