//! A copy of the catalog as a SQLite file, made while the writer works, and what proves one whole.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::catalog::copy::{CatalogCopyError, TABLES, copy_rows};
use crate::catalog::queries::reader::CatalogReader;
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

/// Looks whether a backup is whole; comes back with the rows of each table.
///
/// # Errors
/// It is no catalog, or a damaged one.
pub(crate) fn check_backup(path: &Path) -> Result<BTreeMap<&'static str, u64>, CatalogError> {
    let damaged = |cause: String| CatalogError::Damaged {
        path: path.into(),
        cause,
    };
    let wrong = |error: rusqlite::Error| damaged(error.to_string());
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(wrong)?;
    let verdict: String = conn
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(wrong)?;
    if verdict != "ok" {
        return Err(damaged(verdict));
    }
    let count = |table: &'static str| {
        let rows = conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0));
        rows.map(|rows| (table, rows.unsigned_abs())).map_err(wrong)
    };
    TABLES.iter().map(|table| count(table.name)).collect()
}
