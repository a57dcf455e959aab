//! Putting what is stored of a book in its place again: the book stays what it is meanwhile, whatever cuts the work.

use std::time::Duration;

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::claim::{ClaimToken, claim_ids};
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};

/// A stored book as it was looked at; where it was replaced since, or somebody works on it, nothing is done.
const AS_LOOKED_AT: &str = "FROM books WHERE id = :id AND sync_timestamp = :stored_at AND state = 'stored' \
                            AND publishing_sha256 IS NULL AND claimed_by IS NULL /*pg FOR UPDATE*/";

/// Claims a stored book whose objects are put in their places again; `None`, and nothing is changed, if what is stored of it was replaced
/// since, or somebody works on it. The claim ends as any other, and the book is stored then as before: one that was not seen through is
/// looked at again without waiting for its time.
#[derive(Debug, Clone)]
pub struct BeginRestore {
    /// The book's number in the catalog.
    pub book: i64,
    /// When that was stored which is not sound.
    pub stored_at: String,
    /// Who puts them there.
    pub owner: String,
    /// How long the claim holds.
    pub lease: Duration,
}

impl CatalogOperation for BeginRestore {
    type Output = Option<ClaimToken>;
    const KIND: &'static str = "begin_restore";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Option<ClaimToken>, CatalogError> {
        let sql = format!("SELECT id {AS_LOOKED_AT}");
        let given = arguments! { id: self.book, stored_at: self.stored_at };
        let Some(id) = tx.conn.first(&sql, &given, |row| row.at::<i64>(0))? else {
            return Ok(None);
        };
        let again = "UPDATE books SET checked_at = NULL WHERE id = :id AND check_outcome IN ('damaged', 'missing')";
        tx.conn.execute(again, &arguments! { id: id })?;
        let claimed = claim_ids(tx, &[id], &self.owner, self.lease)?.pop();
        Ok(claimed.map(|claimed| claimed.claim))
    }
}
