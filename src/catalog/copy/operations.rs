//! What a copy asks of either catalog, a transaction each.

use crate::catalog::CatalogError;
use crate::catalog::copy::tables::CopiedTable;
use crate::catalog::engine::rows::{KeptRows, KeptValue};
use crate::catalog::engine::value::{SqlArgument, arguments};
use crate::catalog::sharing::members::{BEGUN_FROM, check_complete};
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};

/// Notes that a copy of the catalog at `from` begins or goes on; comes back with the number of books if the catalog has some that are
/// none of such a copy.
pub(super) struct BeginCopy {
    pub from: String,
}

impl CatalogOperation for BeginCopy {
    type Output = Option<u64>;
    const KIND: &'static str = "begin_copy";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Option<u64>, CatalogError> {
        let sql = "SELECT value FROM settings WHERE key = :key";
        let begun: Option<String> = tx.conn.first(sql, &arguments! { key: BEGUN_FROM }, |row| row.at(0))?;
        if begun.as_ref() == Some(&self.from) {
            return Ok(None);
        }
        let count = |table: &str| -> Result<u64, CatalogError> {
            let sql = format!("SELECT count(*) FROM {table}");
            tx.conn.one(&sql, &[], |row| row.at(0))
        };
        let books = count("books")?;
        if books > 0 || count("book_status_history")? > 0 {
            return Ok(Some(books));
        }
        let sql = "INSERT INTO settings (key, value) VALUES (:key, :from) \
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        tx.conn.execute(sql, &arguments! { key: BEGUN_FROM, from: self.from })?;
        Ok(None)
    }
}

/// Refuses a catalog that is an unfinished copy of another.
pub(super) struct CheckComplete;

impl CatalogOperation for CheckComplete {
    type Output = ();
    const KIND: &'static str = "check_complete";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<(), CatalogError> {
        check_complete(tx.conn)
    }
}

/// The rows of a table.
pub(super) struct CountRows(pub &'static CopiedTable);

impl CatalogOperation for CountRows {
    type Output = u64;
    const KIND: &'static str = "count_rows";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<u64, CatalogError> {
        tx.conn.one(&self.0.count(), &[], |row| row.at(0))
    }
}

/// The last key of a table; none of an empty one, or of a small one.
pub(super) struct LastKey(pub &'static CopiedTable);

impl CatalogOperation for LastKey {
    type Output = Vec<i64>;
    const KIND: &'static str = "last_key";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Vec<i64>, CatalogError> {
        let Self(table) = self;
        if table.is_small() {
            return Ok(Vec::new());
        }
        let read = |row: &crate::catalog::engine::SqlRow<'_>| table.key.iter().map(|name| row.get(name)).collect();
        Ok(tx.conn.first(&table.last(), &[], read)?.unwrap_or_default())
    }
}

/// Rows of a table after a key; all of a small one.
pub(super) struct ReadRows {
    pub table: &'static CopiedTable,
    pub after: Vec<i64>,
    pub limit: usize,
}

impl CatalogOperation for ReadRows {
    type Output = KeptRows;
    const KIND: &'static str = "read_rows";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<KeptRows, CatalogError> {
        let names: Vec<_> = self.table.key.iter().map(|name| format!("after_{name}")).collect();
        let keys = names.iter().zip(&self.after);
        let mut given: Vec<_> = keys.map(|(name, key)| SqlArgument::new(name, key)).collect();
        given.push(SqlArgument::new("limit", &self.limit));
        let mut kept = tx.conn.kept_rows(&self.table.read(&self.after), &given)?;
        end_claims(&mut kept);
        Ok(kept)
    }
}

/// A claim is by the clock of its database, and nobody is left who renews it: it is over in the other one.
fn end_claims(kept: &mut KeptRows) {
    let places = ["claimed_by", "lease_from", "lease_to"].map(|name| kept.place(name));
    let [Some(holder), Some(from), Some(to)] = places else {
        return;
    };
    for row in &mut kept.rows {
        if row[holder] != KeptValue::Null {
            row[from] = KeptValue::Integer(0);
            row[to] = KeptValue::Integer(0);
        }
    }
}

/// Adds rows to a table, which is emptied before if it is filled anew.
pub(super) struct AppendRows {
    pub table: &'static CopiedTable,
    pub rows: KeptRows,
    pub anew: bool,
}

impl CatalogOperation for AppendRows {
    type Output = ();
    const KIND: &'static str = "append_rows";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<(), CatalogError> {
        let name = self.table.name;
        if self.anew {
            let clear = self.table.clear(tx.conn.written_table(name));
            tx.conn.execute(&clear, &[])?;
        }
        tx.conn.append_rows(name, &self.rows)
    }
}

/// The number of the last claim.
pub(super) struct LastFence;

impl CatalogOperation for LastFence {
    type Output = i64;
    const KIND: &'static str = "last_fence";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<i64, CatalogError> {
        let last = tx.conn.first(tx.conn.last_fence(), &[], |row| row.at(0))?;
        Ok(last.unwrap_or(0))
    }
}

/// The copy is complete: numbers go on where those of the other catalog ended.
pub(super) struct FinishCopy {
    pub fence: i64,
}

impl CatalogOperation for FinishCopy {
    type Output = ();
    const KIND: &'static str = "finish_copy";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<(), CatalogError> {
        for sql in tx.conn.after_copy() {
            tx.conn.execute(sql, &arguments! { fence: self.fence })?;
        }
        let sql = "DELETE FROM settings WHERE key = :key";
        tx.conn.execute(sql, &arguments! { key: BEGUN_FROM })?;
        Ok(())
    }
}
