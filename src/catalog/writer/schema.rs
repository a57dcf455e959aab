//! The schema's versions; embedded in the program, so that an installed one can make a catalog.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::catalog::CatalogError;

/// Marks a file as a catalog of ours: `GRIN` in ASCII.
const APPLICATION_ID: i64 = 0x4752_494e;

/// The step to each version, in order; a step that was released is never changed again.
const STEPS: &[&str] = &[
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
    include_str!("schema/0004.sql"),
    include_str!("schema/0005.sql"),
    include_str!("schema/0006.sql"),
    include_str!("schema/0007.sql"),
    include_str!("schema/0008.sql"),
    include_str!("schema/0009.sql"),
    include_str!("schema/0010.sql"),
];

/// The schema version that this program writes.
pub const VERSION: i64 = STEPS.len() as i64;

/// Makes the schema in an empty file, or brings an older one up to date, in one transaction.
pub(crate) fn prepare(conn: &mut Connection, path: &Path) -> Result<(), CatalogError> {
    if version_of(conn, path)? == VERSION {
        return Ok(());
    }
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Asked again under the lock: another program may have done it meanwhile.
    let found = version_of(&transaction, path)?;
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}

/// Refuses a file that a reader cannot understand.
pub(crate) fn check_readable(conn: &Connection, path: &Path) -> Result<(), CatalogError> {
    readable(version_of(conn, path)?, path)
}

/// Refuses a version that a reader cannot understand; 0 is that of an empty database.
pub(crate) fn readable(found: i64, path: &Path) -> Result<(), CatalogError> {
    let path = || path.into();
    match found {
        0 => Err(CatalogError::Missing { path: path() }),
        VERSION => Ok(()),
        _ => Err(CatalogError::Older {
            path: path(),
            found,
            known: VERSION,
        }),
    }
}

/// The version in the file, 0 for an empty one; refuses other programs' files and later versions.
pub(super) fn version_of(conn: &Connection, path: &Path) -> Result<i64, CatalogError> {
    let found: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i64 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let objects: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && objects > 0 {
        return Err(CatalogError::Foreign { path: path.into() });
    }
    if found > VERSION {
        return Err(CatalogError::Newer {
            path: path.into(),
            found,
            known: VERSION,
        });
    }
    Ok(found)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::catalog::CatalogAddress;
    use crate::catalog::writer::connection::{open_reader, open_writer};

    /// A catalog as the first so many steps make it, with one book.
    pub(in crate::catalog::writer) fn catalog_of_version(path: &Path, version: i64) -> Connection {
        let conn = Connection::open(path).unwrap();
        for step in STEPS.iter().take(usize::try_from(version).unwrap()) {
            conn.execute_batch(step).unwrap();
        }
        conn.execute_batch(
            "INSERT INTO books (barcode, state, state_at, created_at, updated_at) VALUES ('TL0001', 'known', \
             '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z')",
        )
        .unwrap();
        conn.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        conn.pragma_update(None, "user_version", version).unwrap();
        conn
    }

    #[test]
    fn an_empty_file_becomes_a_catalog_and_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.db");
        for _ in 0..2 {
            let conn = open_writer(&CatalogAddress::Sqlite(path.clone()), None).unwrap();
            assert_eq!(version_of(conn.as_sqlite().unwrap(), &path).unwrap(), VERSION);
        }
        open_reader(&CatalogAddress::Sqlite(path.clone())).unwrap();
    }

    #[test]
    fn second_copies_of_version_9_are_counted() {
        let conn = Connection::open_in_memory().unwrap();
        for step in &STEPS[..9] {
            conn.execute_batch(step).unwrap();
        }
        conn.execute_batch(
            "INSERT INTO second_copies (book, due_at, error) \
             VALUES (1, NULL, NULL), (2, NULL, NULL), (3, 'then', NULL), (4, 'then', 'torn')",
        )
        .unwrap();
        conn.execute_batch(STEPS[9]).unwrap();
        let sql = "SELECT group_concat(value || ' ' || n) FROM (SELECT * FROM tallies WHERE kind = 'second_copy' ORDER BY value)";
        let totals: String = conn.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(totals, "copied 2,failed 1,waiting 1");
    }

    #[test]
    fn a_later_version_is_refused_with_both_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.db");
        open_writer(&CatalogAddress::Sqlite(path.clone()), None)
            .unwrap()
            .as_sqlite()
            .unwrap()
            .pragma_update(None, "user_version", 99)
            .unwrap();
        for error in [
            open_writer(&CatalogAddress::Sqlite(path.clone()), None).err().unwrap(),
            open_reader(&CatalogAddress::Sqlite(path.clone())).err().unwrap(),
        ] {
            assert!(matches!(error, CatalogError::Newer { found: 99, .. }), "{error}");
            assert!(error.to_string().contains("version 99"), "{error}");
        }
    }

    #[test]
    fn who_only_reads_is_told_of_an_empty_file_and_of_an_earlier_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.db");
        let address = CatalogAddress::Sqlite(path.clone());
        assert!(matches!(open_reader(&address), Err(CatalogError::Missing { .. })));
        std::fs::write(&path, "").unwrap();
        assert!(matches!(open_reader(&address), Err(CatalogError::Missing { .. })));
        drop(catalog_of_version(&path, 1));
        let error = open_reader(&address).err().unwrap();
        assert!(matches!(error, CatalogError::Older { found: 1, .. }), "{error}");
    }

    #[test]
    fn another_programs_database_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("books.db");
        Connection::open(&path)
            .unwrap()
            .execute_batch("CREATE TABLE books (barcode TEXT)")
            .unwrap();
        let before = std::fs::read(&path).unwrap();
        assert!(matches!(
            open_writer(&CatalogAddress::Sqlite(path.clone()), None),
            Err(CatalogError::Foreign { .. })
        ));
        drop(before);
    }

    #[test]
    fn a_damaged_file_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.db");
        std::fs::write(&path, [b'x'; 8_192]).unwrap();
        for error in [
            open_writer(&CatalogAddress::Sqlite(path.clone()), None).err().unwrap(),
            open_reader(&CatalogAddress::Sqlite(path.clone())).err().unwrap(),
        ] {
            assert!(matches!(error, CatalogError::NotDatabase { .. }), "{error}");
            let words = error.to_string();
            assert!(words.contains("catalog.db") && words.contains("catalog.url"), "{words}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = open_writer(&CatalogAddress::Sqlite("/nonexistent-folder/catalog.db".into()), None)
            .err()
            .unwrap();
        assert!(matches!(error, CatalogError::Open { .. }), "{error}");
        assert!(error.to_string().contains("/nonexistent-folder/catalog.db"));
    }

    #[test]
    fn the_history_cannot_be_rewritten() {
        let folder = tempfile::tempdir().unwrap();
        let opened = open_writer(&CatalogAddress::Sqlite(folder.path().join("catalog.db")), None).unwrap();
        let conn = opened.as_sqlite().unwrap();
        conn.execute_batch(
            "INSERT INTO book_status_history (barcode, status_type, status_value, timestamp) VALUES ('a', 'b', 'c', 'd')",
        )
        .unwrap();
        for change in [
            "UPDATE book_status_history SET barcode = 'x'",
            "DELETE FROM book_status_history",
        ] {
            let error = conn.execute(change, []).unwrap_err();
            assert!(error.to_string().contains("append-only"), "{error}");
        }
    }
}
