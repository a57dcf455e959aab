//! Putting what is stored of a book in its place again: the book stays what it is meanwhile, whatever cuts the work.

use std::time::Duration;

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::claim::{ClaimToken, claim_ids};
use crate::catalog::lifecycle::history::{ChangeCause, ChangeNote};
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction, StateChange};
use crate::vocabulary::BookState;

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

/// Has the archive of a stored book fetched once more, because what only GRIN can send is not sound beside it; `false`, and nothing is
/// changed, if what is stored of it was replaced since, or somebody works on it. What is stored stays recorded, and in its place, until
/// another archive is verified: it is as if a publication of the same archive had been begun, without a validator that could say that
/// there is nothing to fetch.
#[derive(Debug, Clone)]
pub struct FetchBeside {
    /// The book's number in the catalog.
    pub book: i64,
    /// When that was stored beside which it is not sound.
    pub stored_at: String,
    /// The archive's SHA-256, as it was read.
    pub sha256: String,
}

impl CatalogOperation for FetchBeside {
    type Output = bool;
    const KIND: &'static str = "fetch_beside";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<bool, CatalogError> {
        let sql = format!("SELECT barcode {AS_LOOKED_AT}");
        let given = arguments! { id: self.book, stored_at: self.stored_at };
        let Some(barcode) = tx.conn.first(&sql, &given, |row| row.at::<String>(0))? else {
            return Ok(false);
        };
        tx.conn.execute(
            "UPDATE books SET publishing_sha256 = :sha256, publishing_etag = NULL, next_attempt_at = NULL, updated_at = :now \
             WHERE id = :id",
            &arguments! { id: self.book, sha256: self.sha256, now: tx.stamp },
        )?;
        let (from, to) = (BookState::Stored, BookState::Stored);
        tx.record_transition(&barcode, StateChange { from, to }, ChangeNote::of(ChangeCause::Unsound))?;
        Ok(true)
    }
}
