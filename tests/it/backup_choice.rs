//! Which backup `grind restore` takes.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Home, files, states};
use grind::lab::simulator::SimulatorConfig;
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
