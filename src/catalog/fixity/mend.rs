//! The catalog is mended by what a listing of the storage shows.

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::restore::RecordFound;
use crate::catalog::lifecycle::settle::StoredBook;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::grin::Barcode;

/// Records what the storage says of a book; `false`, and nothing is recorded, if a worker has it, it is being stored anew, or what is
/// recorded of it changed since it was looked at.
#[derive(Debug, Clone)]
pub struct MendRecord {
    /// The book.
    pub barcode: Barcode,
    /// When that was stored which was looked at; `None`: nothing was recorded.
    pub stored_at: Option<String>,
    /// What is stored of it; `None`: nothing is any more, and it is to be fetched again.
    pub found: Option<StoredBook>,
}

impl CatalogOperation for MendRecord {
    type Output = bool;
    const KIND: &'static str = "mend_record";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<bool, CatalogError> {
        let sql = "SELECT claimed_by IS NOT NULL OR publishing_sha256 IS NOT NULL OR sync_timestamp IS DISTINCT FROM :stored_at \
                   FROM books WHERE barcode = :barcode /*pg FOR UPDATE*/";
        let given = arguments! { barcode: self.barcode, stored_at: self.stored_at };
        let is_changed: Option<bool> = tx.conn.first(sql, &given, |row| row.at(0))?;
        if is_changed.unwrap_or(self.stored_at.is_some()) {
            return Ok(false);
        }
        let (barcode, found) = (self.barcode.clone(), self.found.clone());
        RecordFound { barcode, found }.run(tx)?;
        Ok(true)
    }
}
