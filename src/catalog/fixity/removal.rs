//! Removing what is stored of a book: the catalog knows it before the first object goes, and nobody else works on the book meanwhile.

use std::time::Duration;

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlRow;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::claim::{ClaimToken, claim_ids};
use crate::catalog::lifecycle::history::{ChangeCause, ChangeNote, ChangeTopic};
use crate::catalog::lifecycle::next_state::{BookChange, BookStanding};
use crate::catalog::lifecycle::restore::forget_stored;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction, StateChange};
use crate::grin::Barcode;
use crate::vocabulary::BookState;

/// Records that these objects of a book are being removed, and claims the book until they are: it is to be fetched again then, unless
/// somebody wants it left out. The claim ends as any other.
#[derive(Debug, Clone)]
pub struct BeginRemoval {
    /// The book.
    pub barcode: Barcode,
    /// Its objects, for its history.
    pub objects: String,
    /// Who removes them.
    pub owner: String,
    /// How long the claim holds.
    pub lease: Duration,
}

/// Whether they may be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemovalAnswer {
    /// Nobody relies on them any more; a book that the catalog knows is claimed.
    Begun(Option<ClaimToken>),
    /// A worker has claimed the book.
    InWork,
}

/// All objects of such a book are gone. Until then the catalog keeps the place of an archive that was adopted: only it tells where the rest
/// of an interrupted removal lies.
#[derive(Debug, Clone)]
pub struct EndRemoval(pub Barcode);

impl CatalogOperation for EndRemoval {
    type Output = ();
    const KIND: &'static str = "end_removal";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<(), CatalogError> {
        let sql = "UPDATE books SET storage_path = NULL \
                   WHERE barcode = :barcode AND sync_timestamp IS NULL AND publishing_sha256 IS NULL";
        tx.conn.execute(sql, &arguments! { barcode: self.0 }).map(drop)
    }
}

/// A book as it is before.
struct RemovedRow {
    id: i64,
    state: BookState,
    is_claimed: bool,
    is_stored: bool,
    sha256: Option<String>,
    place: Option<String>,
}

impl RemovedRow {
    fn read(row: &SqlRow<'_>) -> Result<Self, CatalogError> {
        Ok(Self {
            id: row.get("id")?,
            state: row.get("state")?,
            is_claimed: row.get("is_claimed")?,
            is_stored: row.get("is_stored")?,
            sha256: row.get("sha256")?,
            place: row.get("storage_path")?,
        })
    }
}

impl CatalogOperation for BeginRemoval {
    type Output = RemovalAnswer;
    const KIND: &'static str = "begin_removal";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<RemovalAnswer, CatalogError> {
        let sql = "SELECT id, state, claimed_by IS NOT NULL AS is_claimed, sync_timestamp IS NOT NULL AS is_stored, sha256, \
                   storage_path FROM books WHERE barcode = :barcode /*pg FOR UPDATE*/";
        let book = tx
            .conn
            .first(sql, &arguments! { barcode: self.barcode }, RemovedRow::read)?;
        let Some(book) = book else {
            let note = ChangeNote {
                detail: Some(&self.objects),
                by: Some(&self.owner),
                ..ChangeNote::of(ChangeCause::Removed)
            };
            tx.append_history(self.barcode.as_str(), ChangeTopic::Operator, "removed", &note.text())?;
            return Ok(RemovalAnswer::Begun(None));
        };
        if book.is_claimed {
            return Ok(RemovalAnswer::InWork);
        }
        self.forget(tx, &book)?;
        let claimed = claim_ids(tx, &[book.id], &self.owner, self.lease)?.pop();
        Ok(RemovalAnswer::Begun(claimed.map(|claimed| claimed.claim)))
    }
}

impl BeginRemoval {
    /// What was stored is gone from the record; a book of which only objects were there stays what it is.
    fn forget(&self, tx: &mut CatalogTransaction<'_>, book: &RemovedRow) -> Result<(), CatalogError> {
        let from = book.state;
        let next = tx.next_state(&BookStanding::of(from), BookChange::Removed);
        let change = StateChange {
            from,
            to: if book.is_stored { next.state } else { from },
        };
        let note = ChangeNote {
            detail: Some(&self.objects),
            by: Some(&self.owner),
            sha256: book.sha256.as_deref(),
            ..ChangeNote::of(next.cause)
        };
        if book.is_stored {
            if from == BookState::Failed {
                tx.uncount_failure(book.id)?;
            }
            forget_stored(tx, book.id, next)?;
        }
        // An archive that waits for its companions, or for being recorded, is removed, too.
        let sql =
            "UPDATE books SET publishing_sha256 = NULL, publishing_etag = NULL, storage_path = :place WHERE id = :id";
        tx.conn.execute(sql, &arguments! { id: book.id, place: book.place })?;
        tx.record_transition(self.barcode.as_str(), change, note)
    }
}
