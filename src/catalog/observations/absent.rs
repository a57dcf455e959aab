//! Books that a complete pass over a list did not name.

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlRow;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::history::ChangeNote;
use crate::catalog::lifecycle::next_state::{BookChange, BookStanding};
use crate::catalog::writer::ledger::{CatalogTransaction, StateChange};
use crate::vocabulary::BookState;

/// A book to be marked.
pub(super) struct MarkedBook {
    pub id: i64,
    pub barcode: String,
    pub state: BookState,
}

impl MarkedBook {
    pub(super) fn read(row: &SqlRow<'_>) -> Result<Self, CatalogError> {
        Ok(Self {
            id: row.get("id")?,
            barcode: row.get("barcode")?,
            state: row.get("state")?,
        })
    }
}

/// Nothing is ready or on its way at GRIN: the book waits to be asked for.
pub(super) fn not_listed(tx: &mut CatalogTransaction<'_>, book: &MarkedBook) -> Result<(), CatalogError> {
    let next = tx.next_state(&BookStanding::of(book.state), BookChange::NotListed);
    let (keep, due) = next.due.column();
    tx.conn.execute(
        "UPDATE books SET state = :state, state_at = :now, updated_at = :now, listed_converted = 0, \
         left_process_at = NULL, next_attempt_at = CASE WHEN :keep THEN next_attempt_at ELSE :due END, \
         pushed_out = pushed_out + 1 WHERE id = :id",
        &arguments! { state: next.state, now: tx.stamp, keep: keep, due: due, id: book.id },
    )?;
    let change = StateChange {
        from: book.state,
        to: next.state,
    };
    tx.record_transition(&book.barcode, change, ChangeNote::of(next.cause))
}
