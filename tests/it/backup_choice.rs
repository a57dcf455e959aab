//! Which backup `grind restore` takes, which ones stay, and an export that the storage changed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::storage_s3::server::{KEYS, Server};
use crate::support::{Finished, Home, files, finish, states};
use grind::lab::simulator::SimulatorConfig;
use grind::storage::{ObjectKey, ObjectMeta};
use rusqlite::Connection;

fn library() -> SimulatorConfig {
    SimulatorConfig {
        books: 2,
        pages: 2,
        image_bytes: 500,
        ..SimulatorConfig::default()
    }
}

fn catalog(home: &Home) -> PathBuf {
    home.folder.path().join("catalog.db")
}

/// Lets a copy of the catalog have been made so long ago that it is due.
fn make_due(home: &Home, key: &str) {
    let catalog = Connection::open(catalog(home)).unwrap();
    let earlier = "UPDATE settings SET value = '2020' || substr(value, 5) WHERE key = ?1";
    assert_eq!(catalog.execute(earlier, [key]).unwrap(), 1);
}

/// Runs the program against a bucket.
fn run(home: &Home) -> Finished {
    finish(home.command(&["run", "--once"]).envs(KEYS).spawn().unwrap())
}

/// The steps of the schema, each version's in its order.
fn steps() -> Vec<String> {
    let mut found = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/catalog/writer/schema"));
    found.sort();
    found.iter().map(|step| fs::read_to_string(step).unwrap()).collect()
}

/// A backup as the program of this version made it, with one book.
fn backup_of_version(path: &Path, version: usize) {
    let conn = Connection::open(path).unwrap();
    for step in &steps()[..version] {
        conn.execute_batch(step).unwrap();
    }
    conn.execute_batch(&format!(
        "INSERT INTO books (barcode, state, state_at, created_at, updated_at) VALUES ('OLD0001', 'known', \
         '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z'); \
         PRAGMA application_id = 0x4752494e; PRAGMA user_version = {version}"
    ))
    .unwrap();
}

#[test]
fn a_backup_of_each_earlier_version_is_restored_and_one_of_a_later_version_is_named() {
    let newest = steps().len();
    for version in 1..=newest {
        let home = Home::new(library(), "");
        let backup = home.folder.path().join(format!("version-{version}.db"));
        backup_of_version(&backup, version);
        let restored = home.done(&["restore", backup.to_str().unwrap()]);
        assert!(restored.out.contains("1 book restored"), "{version}: {}", restored.out);
        assert_eq!(states(&home)["OLD0001"].0, "known", "{version}");
    }
    let home = Home::new(library(), "");
    let later = home.root().join("meta/catalog-2026-11-29.db.gz");
    fs::create_dir_all(later.parent().unwrap()).unwrap();
    backup_of_version(&later, newest);
    Connection::open(&later)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    for arguments in [vec!["restore"], vec!["restore", "meta/catalog-2026-11-29.db.gz"]] {
        let refused = home.grind(&arguments);
        assert_eq!(refused.status.code(), Some(1), "{}", refused.err);
        let named = "meta/catalog-2026-11-29.db.gz has schema version 99";
        assert!(refused.err.contains(named), "{}", refused.err);
        assert!(!refused.err.contains(".catalog-copy-"), "{}", refused.err);
    }
    assert!(!catalog(&home).exists());
}

#[test]
fn a_backup_that_is_dated_in_the_future_is_taken_only_where_no_other_is_whole() {
    let home = Home::new(library(), "");
    home.done(&["run", "--once"]);
    let meta = home.root().join("meta");
    let is_backup = |path: &PathBuf| path.to_string_lossy().ends_with(".db.gz");
    let made = files(&meta).into_iter().find(is_backup).unwrap();
    let ahead = meta.join("catalog-2099-12-31.db.gz");
    fs::copy(&made, &ahead).unwrap();
    let made_name = made.file_name().unwrap().to_str().unwrap().to_owned();
    for (is_whole, expected) in [
        (
            true,
            [
                format!("restored from meta/{made_name}"),
                "as dated in the future: 1 backup, meta/catalog-2099-12-31".to_owned(),
            ],
        ),
        (
            false,
            [
                "restored from meta/catalog-2099-12-31.db.gz".to_owned(),
                "because no other backup is whole".to_owned(),
            ],
        ),
    ] {
        for file in files(home.folder.path()) {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("catalog.db") {
                fs::remove_file(file).unwrap();
            }
        }
        if !is_whole {
            fs::write(&made, "no catalog").unwrap();
        }
        let restored = home.done(&["restore"]);
        for told in expected {
            assert!(restored.out.contains(&told), "{told}: {}", restored.out);
        }
    }
}

#[test]
fn old_backups_in_a_bucket_go_and_those_of_the_future_stay() {
    let server = Server::start();
    let home = Home::new(library(), &server.settings());
    run(&home).succeeded();
    let storage = server.storage();
    let days = (1..=15).map(|day| format!("2020-01-{day:02}"));
    for day in days.chain(["2099-12-31".to_owned()]) {
        let key = ObjectKey::parse(&format!("meta/catalog-{day}.db.gz")).unwrap();
        storage.put(&key, b"whole", &ObjectMeta::default()).unwrap();
    }
    make_due(&home, "last_backup");
    let again = run(&home).succeeded();
    assert!(
        again.err.contains("backups of the catalog are dated in the future"),
        "{}",
        again.err
    );
    let meta = ObjectKey::parse("meta").unwrap();
    let kept: Vec<_> = storage
        .list(Some(&meta))
        .unwrap()
        .map(|object| object.unwrap().key.to_string())
        .filter(|name| name.ends_with(".db.gz"))
        .collect();
    let of = |year: &str| kept.iter().filter(|name| name.contains(year)).count();
    // The one of today among fourteen.
    assert_eq!(
        (kept.len(), of("catalog-2020-01"), of("catalog-2099")),
        (15, 13, 1),
        "{kept:?}"
    );
    assert!(!kept.iter().any(|name| name.ends_with("2020-01-02.db.gz")), "{kept:?}");
}

#[test]
fn an_export_that_the_storage_changed_does_not_count_and_replaces_none() {
    let server = Server::start();
    let home = Home::new(library(), &server.settings());
    let first = run(&home).succeeded();
    assert!(first.err.contains("exported, read back and compared"), "{}", first.err);
    let export = server.root.path().join("books/library/meta/books_export.csv.gz");
    let (before, noted) = (fs::read(&export).unwrap(), last_export(&home));
    let came = export.with_file_name("books-unproven.csv.gz");
    server.fault(move |request| {
        if request.starts_with("GET ") && request.contains("books-unproven") {
            fs::write(&came, "another object").unwrap();
        }
        None
    });
    let damaged = run(&home);
    assert_eq!(damaged.status.code(), Some(1), "{}", damaged.err);
    let told = "books-unproven.csv.gz is not in the storage as it was written";
    assert!(damaged.err.contains(told), "{}", damaged.err);
    assert_eq!((fs::read(&export).unwrap(), last_export(&home)), (before, noted));

    server.fault(|_| None);
    server.copy_status(501);
    let sent_twice = run(&home).succeeded();
    assert!(sent_twice.err.contains("it is sent once more"), "{}", sent_twice.err);
    assert!(!export.with_file_name("books-unproven.csv.gz").exists());
}

/// When the catalog was last exported, as is noted.
fn last_export(home: &Home) -> String {
    let sql = "SELECT value FROM settings WHERE key = 'last_export'";
    let catalog = Connection::open(catalog(home)).unwrap();
    catalog.query_row(sql, [], |row| row.get(0)).unwrap()
}
