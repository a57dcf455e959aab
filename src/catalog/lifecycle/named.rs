//! What an operator wants of books that are named: all of them, or none where the catalog does not know one of them.

use std::collections::HashSet;

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlRow;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::history::{ChangeCause, ChangeNote, ChangeTopic};
use crate::catalog::lifecycle::next_state::{BookChange, BookStanding};
use crate::catalog::lifecycle::wish::ResetFailed;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction, StateChange};
use crate::grin::Barcode;
use crate::vocabulary::BookState;

/// What is wanted of a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookWish {
    /// It is tried again, as [`ResetFailed`] does; a forgotten one is what it was before.
    Retry,
    /// It goes before others.
    First,
    /// It is neither asked for nor counted as missing. What is stored of it stays where it is.
    Forget,
}

/// Does what an operator wants of these books.
#[derive(Debug, Clone)]
pub struct ChangeBooks {
    /// The books.
    pub barcodes: Vec<Barcode>,
    /// What is wanted of them.
    pub wish: BookWish,
}

/// What came of [`ChangeBooks`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedBooks {
    /// Books that were changed.
    pub changed: u64,
    /// Books with nothing to change, each with its state.
    pub unchanged: Vec<(Barcode, BookState)>,
    /// Barcodes that the catalog does not know. With any of them nothing was changed.
    pub unknown: Vec<Barcode>,
}

/// A book that is named.
struct NamedRow {
    id: i64,
    state: BookState,
    /// Where it stood before it was claimed.
    resume: Option<BookState>,
    priority: i64,
}

impl NamedRow {
    fn read(row: &SqlRow<'_>) -> Result<Self, CatalogError> {
        Ok(Self {
            id: row.get("id")?,
            state: row.get("state")?,
            resume: row.get("resume_state")?,
            priority: row.get("priority")?,
        })
    }
}

/// Of a book that goes before others; usual is 0.
const FIRST: i64 = 1;

impl CatalogOperation for ChangeBooks {
    type Output = ChangedBooks;
    const KIND: &'static str = "change_books";

    fn rows(&self) -> usize {
        self.barcodes.len()
    }

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<ChangedBooks, CatalogError> {
        let (mut found, mut named) = (Vec::new(), HashSet::new());
        let mut done = ChangedBooks::default();
        // What is named twice is changed, and counted in the totals, once.
        for barcode in self.barcodes.iter().filter(|barcode| named.insert(*barcode)) {
            let sql = "SELECT id, state, resume_state, priority FROM books WHERE barcode = :barcode /*pg FOR UPDATE*/";
            match tx.conn.first(sql, &arguments! { barcode: barcode }, NamedRow::read)? {
                Some(book) => found.push((barcode, book)),
                None => done.unknown.push(barcode.clone()),
            }
        }
        if !done.unknown.is_empty() {
            return Ok(done);
        }
        for (barcode, book) in found {
            let changed = match self.wish {
                BookWish::Retry => {
                    let only = Some(vec![barcode.clone()]);
                    (ResetFailed { only, reason: None }).run(tx)? > 0
                }
                BookWish::First => put_first(tx, barcode, &book)?,
                BookWish::Forget => forget(tx, barcode, &book)?,
            };
            if changed {
                done.changed += 1;
            } else {
                done.unchanged.push((barcode.clone(), book.state));
            }
        }
        Ok(done)
    }
}

fn put_first(tx: &mut CatalogTransaction<'_>, barcode: &Barcode, book: &NamedRow) -> Result<bool, CatalogError> {
    if book.priority >= FIRST || book.state == BookState::Forgotten {
        return Ok(false);
    }
    let sql = "UPDATE books SET priority = :priority, updated_at = :now WHERE id = :id";
    tx.conn
        .execute(sql, &arguments! { priority: FIRST, now: tx.stamp, id: book.id })?;
    let note = ChangeNote::of(ChangeCause::Prioritised).text();
    tx.append_history(barcode.as_str(), ChangeTopic::Priority, &FIRST.to_string(), &note)?;
    Ok(true)
}

/// A claim that it has ends: whoever works on it finds it lost.
fn forget(tx: &mut CatalogTransaction<'_>, barcode: &Barcode, book: &NamedRow) -> Result<bool, CatalogError> {
    if book.state == BookState::Forgotten {
        return Ok(false);
    }
    if book.state == BookState::Failed {
        tx.uncount_failure(book.id)?;
    }
    let next = tx.next_state(&BookStanding::of(book.state), BookChange::Forgotten);
    tx.conn.execute(
        "UPDATE books SET state = :state, resume_state = :resume, state_at = :now, updated_at = :now, claimed_by = NULL, \
         claim_fence = NULL, lease_until = NULL, lease_from = NULL, lease_to = NULL WHERE id = :id",
        &arguments! {
            state: next.state, resume: book.resume.unwrap_or(book.state), now: tx.stamp, id: book.id,
        },
    )?;
    let change = StateChange {
        from: book.state,
        to: next.state,
    };
    tx.record_transition(barcode.as_str(), change, ChangeNote::of(next.cause))?;
    Ok(true)
}
