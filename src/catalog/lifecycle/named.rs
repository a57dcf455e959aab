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
use crate::vocabulary::{BookState, UnrequestedBook};

/// What is wanted of a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookWish {
    /// It is tried again, as [`ResetFailed`] does; a forgotten one is what it was before.
    Retry,
    /// It goes before others, and is due if it waits for its next attempt.
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
    /// Of those that are to go before others, the ones that GRIN has not ready: whether it is asked to convert them depends on the queues that
    /// are served. `None`: GRIN takes no request for it.
    pub unrequested: Vec<(Barcode, Option<UnrequestedBook>)>,
    /// Barcodes that the catalog does not know. With any of them nothing was changed.
    pub unknown: Vec<Barcode>,
}

/// What it takes for a book to go before others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstStep {
    /// There is nothing to fetch, or it is on its way.
    Nothing,
    /// It goes before others when its turn comes.
    Mark,
    /// It waits for its next attempt, or for somebody: it is due now, as after `grind retry`.
    Retry,
}

/// `is_later`: its due time is still to come.
fn first_step(state: BookState, is_later: bool) -> FirstStep {
    use BookState as S;
    match state {
        S::Stored | S::Unavailable | S::Forgotten | S::Downloading => FirstStep::Nothing,
        S::Failed | S::ConversionFailed => FirstStep::Retry,
        S::Available | S::Known if is_later => FirstStep::Retry,
        S::Available | S::Known | S::Requested | S::InProcess | S::Checking => FirstStep::Mark,
    }
}

/// A book that is named.
struct NamedRow {
    id: i64,
    state: BookState,
    /// Where it stood before it was claimed.
    resume: Option<BookState>,
    priority: i64,
    /// Its due time is still to come.
    is_later: bool,
    unrequested: Option<UnrequestedBook>,
}

impl NamedRow {
    fn read(row: &SqlRow<'_>) -> Result<Self, CatalogError> {
        Ok(Self {
            id: row.get("id")?,
            state: row.get("state")?,
            resume: row.get("resume_state")?,
            priority: row.get("priority")?,
            is_later: row.get("is_later")?,
            unrequested: match row.get::<String>("unrequested")?.as_str() {
                "lost" => Some(UnrequestedBook::Lost),
                "previous" => Some(UnrequestedBook::Previous),
                "unconverted" => Some(UnrequestedBook::Unconverted),
                _ => None,
            },
        })
    }
}

const FIND: &str = "SELECT id, state, resume_state, priority, ifnull(next_attempt_at > :now, FALSE) AS is_later, \
     CASE WHEN pushed_out > 0 THEN 'lost' WHEN grin_state = 'PREVIOUSLY_DOWNLOADED' THEN 'previous' \
     WHEN grin_state IN ('NEW', 'AVAILABLE') OR can_be_requested = 1 THEN 'unconverted' ELSE '' END AS unrequested \
     FROM books WHERE barcode = :barcode /*pg FOR UPDATE*/";

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
            let given = arguments! { now: tx.stamp, barcode: barcode };
            match tx.conn.first(FIND, &given, NamedRow::read)? {
                Some(book) => found.push((barcode, book)),
                None => done.unknown.push(barcode.clone()),
            }
        }
        if !done.unknown.is_empty() {
            return Ok(done);
        }
        for (barcode, book) in found {
            let changed = match self.wish {
                BookWish::Retry => try_again(tx, barcode)?,
                BookWish::First => match first_step(book.state, book.is_later) {
                    FirstStep::Nothing => false,
                    FirstStep::Mark => put_first(tx, barcode, &book)?,
                    FirstStep::Retry => {
                        let is_due = try_again(tx, barcode)?;
                        put_first(tx, barcode, &book)? || is_due
                    }
                },
                BookWish::Forget => forget(tx, barcode, &book)?,
            };
            if self.wish == BookWish::First && book.state == BookState::Known {
                done.unrequested.push((barcode.clone(), book.unrequested));
            }
            if changed {
                done.changed += 1;
            } else {
                done.unchanged.push((barcode.clone(), book.state));
            }
        }
        Ok(done)
    }
}

fn try_again(tx: &mut CatalogTransaction<'_>, barcode: &Barcode) -> Result<bool, CatalogError> {
    let only = Some(vec![barcode.clone()]);
    Ok((ResetFailed { only, reason: None }).run(tx)? > 0)
}

fn put_first(tx: &mut CatalogTransaction<'_>, barcode: &Barcode, book: &NamedRow) -> Result<bool, CatalogError> {
    if book.priority >= FIRST {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_takes_to_go_before_others_depends_on_where_the_book_stands() {
        use BookState as S;
        use FirstStep::{Mark, Nothing, Retry};
        for (state, now, later) in [
            (S::Known, Mark, Retry),
            (S::Requested, Mark, Mark),
            (S::InProcess, Mark, Mark),
            (S::Available, Mark, Retry),
            (S::Checking, Mark, Mark),
            (S::Downloading, Nothing, Nothing),
            (S::Stored, Nothing, Nothing),
            (S::Unavailable, Nothing, Nothing),
            (S::ConversionFailed, Retry, Retry),
            (S::Failed, Retry, Retry),
            (S::Forgotten, Nothing, Nothing),
        ] {
            assert_eq!(
                [first_step(state, false), first_step(state, true)],
                [now, later],
                "{state}"
            );
        }
    }
}
