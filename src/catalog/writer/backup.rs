//! A copy of the catalog as a SQLite file, made while the writer works, and what proves one whole.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::catalog::copy::{CatalogCopyError, TABLES, copy_rows};
use crate::catalog::queries::reader::CatalogReader;
use crate::catalog::writer::schema;
use crate::catalog::{CatalogAddress, CatalogError, CatalogLedger, CatalogPolicy};

/// Pages copied in one go; between, the writer gets its turn.
const PAGES: i32 = 1_000;
const TURN: Duration = Duration::from_millis(5);

impl CatalogReader {
    /// Copies the catalog into a new file, whatever the engine: all of one moment, without members and what they hold.
    ///
    /// # Errors
    /// Also when it may not go on.
    pub(crate) fn copy_to(&self, path: &Path, may_go_on: &dyn Fn() -> bool) -> Result<(), CatalogCopyError> {
        if self.conn().as_sqlite().is_some() {
            self.copy_pages(path, may_go_on)?;
        } else {
            let address = CatalogAddress::Sqlite(path.into());
            let mut target = CatalogLedger::open_unnoted(&address, self.clock().clone(), CatalogPolicy::default())?;
            copy_rows(self, &mut target, may_go_on)?;
            target.close()?;
        }
        as_one_file(path).map_err(|error| error.at(self.address()))?;
        Ok(())
    }

    fn copy_pages(&self, path: &Path, may_go_on: &dyn Fn() -> bool) -> Result<(), CatalogError> {
        let mut copy = Connection::open(path)?;
        let conn = self.conn().as_sqlite();
        let conn = conn.ok_or_else(|| CatalogError::Fault("only a SQLite file has pages".into()))?;
        // One view for the whole copy: else each commit of the writer would make it begin anew.
        let view = conn.unchecked_transaction()?;
        view.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        let backup = Backup::new(conn, &mut copy)?;
        while backup.step(PAGES)? != StepResult::Done {
            if !may_go_on() {
                return Err(CatalogError::Fault("the copy was cut".into()));
            }
            std::thread::sleep(TURN);
        }
        drop(backup);
        view.finish()?;
        Ok(())
    }
}

/// The copy is one file, without a log beside it, and nobody's.
fn as_one_file(path: &Path) -> Result<(), CatalogError> {
    let copy = Connection::open(path)?;
    copy.pragma_update(None, "journal_mode", "delete")?;
    copy.execute_batch(
        "DELETE FROM members; DELETE FROM task_leases;
         UPDATE books SET lease_from = 0, lease_to = 0 WHERE claimed_by IS NOT NULL;",
    )?;
    Ok(())
}

/// Looks whether a backup is whole; comes back with the rows of each table. One of an earlier version lacks tables that were added since, so
/// the file is brought up to date before they are counted.
///
/// # Errors
/// It is no catalog, a damaged one, or that of a later version.
pub(crate) fn check_backup(path: &Path) -> Result<BTreeMap<&'static str, u64>, CatalogError> {
    if version_of_whole(path)? < schema::VERSION {
        bring_up_to_date(path)?;
    }
    let conn = open_unchanged(path)?;
    let count = |table: &'static str| {
        let rows = conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0));
        let rows = rows.map_err(|error| damaged(path, error))?;
        Ok((table, rows.unsigned_abs()))
    };
    TABLES.iter().map(|table| count(table.name)).collect()
}

/// The version of the schema in a file whose every page was read.
fn version_of_whole(path: &Path) -> Result<i64, CatalogError> {
    let conn = open_unchanged(path)?;
    let verdict: String = conn
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|error| damaged(path, error))?;
    if verdict != "ok" {
        return Err(damaged(path, verdict));
    }
    match schema::version_of(&conn, path) {
        Ok(0) => Err(damaged(path, "it is an empty database")),
        Err(CatalogError::Foreign { .. }) => Err(damaged(path, "it is a database of another program")),
        found => found,
    }
}

/// What cannot be brought up to date lacks something that its version has. A full disk says nothing of the backup.
fn bring_up_to_date(path: &Path) -> Result<(), CatalogError> {
    let mut conn = Connection::open(path).map_err(|error| damaged(path, error))?;
    schema::prepare(&mut conn, path).map_err(|error| match error {
        CatalogError::Fault(cause) => damaged(path, cause),
        error => error.in_file(path),
    })
}

fn open_unchanged(path: &Path) -> Result<Connection, CatalogError> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|error| damaged(path, error))
}

fn damaged(path: &Path, cause: impl ToString) -> CatalogError {
    CatalogError::Damaged {
        path: path.into(),
        cause: cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::writer::schema::tests::catalog_of_version;

    #[test]
    fn a_backup_of_each_version_is_whole_and_a_later_one_is_known_as_such() {
        let folder = tempfile::tempdir().unwrap();
        for version in 1..=schema::VERSION {
            let path = folder.path().join(format!("{version}.db"));
            drop(catalog_of_version(&path, version));
            let before = std::fs::read(&path).unwrap();
            let rows = check_backup(&path).unwrap_or_else(|error| panic!("version {version}: {error}"));
            assert_eq!((rows.len(), rows["books"]), (TABLES.len(), 1), "version {version}");
            let is_unchanged = before == std::fs::read(&path).unwrap();
            assert_eq!(is_unchanged, version == schema::VERSION, "version {version}");
            assert_eq!(check_backup(&path).unwrap(), rows, "version {version}");
        }
        let path = folder.path().join("later.db");
        let later = catalog_of_version(&path, schema::VERSION);
        later.pragma_update(None, "user_version", 99).unwrap();
        drop(later);
        let error = check_backup(&path).unwrap_err();
        assert!(matches!(error, CatalogError::Newer { found: 99, .. }), "{error}");
    }

    #[test]
    fn what_is_no_catalog_or_lacks_a_part_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backup.db");
        for (sql, expected) in [
            ("", "empty"),
            ("CREATE TABLE books (barcode TEXT)", "another program"),
            (
                "PRAGMA application_id = 0x4752494e; PRAGMA user_version = 5",
                "no such table",
            ),
            (
                "PRAGMA application_id = 0x4752494e; PRAGMA user_version = 10",
                "no such table",
            ),
        ] {
            std::fs::write(&path, "").unwrap();
            Connection::open(&path).unwrap().execute_batch(sql).unwrap();
            let error = check_backup(&path).unwrap_err();
            let CatalogError::Damaged { cause, .. } = &error else {
                panic!("{sql}: {error}")
            };
            assert!(cause.contains(expected), "{sql}: {cause}");
        }
    }
}
