//! Books of which the operator's hook is to be told that they were stored: each is due from the transaction that records it as stored until the one
//! that records that the hook took it, so that no restart loses one.

use std::time::Duration;

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
use crate::catalog::notes;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::clock::{later, stamp};
use crate::grin::Barcode;

/// The key that says since when there is a hook; without it no book is due.
const SINCE: &str = "hook_since";
/// Longest text of an error that is kept.
const LONGEST_ERROR: usize = 500;
/// They are counted each time that one is taken: with all of a library waiting, that would keep every other writer waiting, too.
const MOST_COUNTED: usize = 10_000;

/// Notes whether there is a hook: while there is one, it is to be told of each book that is stored, whichever member stores it.
#[derive(Debug, Clone, Copy)]
pub struct NoteHook {
    /// This program's settings name one.
    pub is_configured: bool,
}

/// What becomes of the note that there is a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HookNote {
    Keep,
    Begin,
    End,
}

/// A hook is told of the books that are stored while it is configured; so a removed one is told of no more books, if it is added again. What
/// it was to be told of before stays due: it was promised. Another member may have the hook that this one lacks.
fn hook_note(is_configured: bool, is_noted: bool, is_alone: bool) -> HookNote {
    match (is_configured, is_noted) {
        (true, false) => HookNote::Begin,
        (false, true) if is_alone => HookNote::End,
        (true, true) | (false, _) => HookNote::Keep,
    }
}

impl CatalogOperation for NoteHook {
    type Output = ();
    const KIND: &'static str = "note_hook";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<(), CatalogError> {
        let is_noted = notes::read(tx.conn, SINCE)?.is_some();
        let members: u64 = tx.conn.one("SELECT count(*) FROM members", &[], |row| row.at(0))?;
        match hook_note(self.is_configured, is_noted, members <= 1) {
            HookNote::Keep => Ok(()),
            HookNote::Begin => notes::write(tx.conn, SINCE, &tx.stamp),
            HookNote::End => notes::remove(tx.conn, SINCE),
        }
    }
}

/// Takes the book that is due for the longest time. For so long nobody else takes it; then it is due again, so that one whose teller
/// was killed is told all the same.
#[derive(Debug, Clone, Copy)]
pub struct ClaimHook {
    /// For how long.
    pub lease: Duration,
}

/// A book of which the hook is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueHook {
    /// The book.
    pub barcode: Barcode,
    /// How often it was taken, this time included.
    pub attempts: u32,
    /// Until when it is taken, which tells this taking from others.
    until: String,
}

/// What there is to tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HookQueue {
    /// The one that was taken; `None`: none is due now.
    pub due: Option<DueHook>,
    /// How many the hook was not told of yet; no more than 10,000 are counted.
    pub waiting: u64,
}

impl CatalogOperation for ClaimHook {
    type Output = HookQueue;
    const KIND: &'static str = "claim_hook";

    /// Whoever asks has a hook, which is noted here where that failed at the start.
    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<HookQueue, CatalogError> {
        NoteHook { is_configured: true }.run(tx)?;
        let sql = "SELECT count(*) FROM (SELECT 1 FROM books WHERE hook_due_at IS NOT NULL LIMIT :most) AS waiting";
        let waiting = tx.conn.one(sql, &arguments! { most: MOST_COUNTED }, |row| row.at(0))?;
        let sql = "SELECT id, barcode, hook_attempts FROM books WHERE hook_due_at <= :now \
                   ORDER BY hook_due_at, id LIMIT 1 /*pg FOR UPDATE SKIP LOCKED*/";
        let found = tx.conn.first(sql, &arguments! { now: tx.stamp }, |row| {
            Ok((
                row.get::<i64>("id")?,
                row.get::<String>("barcode")?,
                row.get::<u32>("hook_attempts")?,
            ))
        })?;
        let Some((id, code, before)) = found else {
            return Ok(HookQueue { due: None, waiting });
        };
        let (until, attempts) = (stamp(later(tx.now, self.lease)), before + 1);
        tx.conn.execute(
            "UPDATE books SET hook_due_at = :until, hook_attempts = :attempts WHERE id = :id",
            &arguments! { id: id, until: until, attempts: attempts },
        )?;
        let barcode = Barcode::parse(&code).map_err(|_| CatalogError::Unknown(code))?;
        let due = Some(DueHook {
            barcode,
            attempts,
            until,
        });
        Ok(HookQueue { due, waiting })
    }
}

/// What came of telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookSettlement {
    /// The hook took it.
    Told,
    /// What was stored is not there any more; there is nothing to tell.
    Dropped,
    /// The hook is to be told again.
    Retry {
        /// After so long, by the catalog's clock.
        wait: Duration,
        /// Why.
        error: String,
    },
}

/// Records what came of telling; nothing is recorded of a book that was stored again meanwhile, or taken by another.
#[derive(Debug, Clone)]
pub struct SettleHook {
    /// The book as it was taken.
    pub due: DueHook,
    /// What came of it.
    pub settlement: HookSettlement,
}

impl CatalogOperation for SettleHook {
    type Output = ();
    const KIND: &'static str = "settle_hook";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<(), CatalogError> {
        let (due, error, told) = match &self.settlement {
            HookSettlement::Told => (None, None, true),
            HookSettlement::Dropped => (None, None, false),
            HookSettlement::Retry { wait, error } => {
                let error: String = error.chars().take(LONGEST_ERROR).collect();
                (Some(stamp(later(tx.now, *wait))), Some(error), false)
            }
        };
        tx.conn
            .execute(
                "UPDATE books SET hook_due_at = :due, hook_error = :error, \
                 hook_told_at = CASE WHEN :told THEN :now ELSE hook_told_at END \
                 WHERE barcode = :barcode AND hook_due_at = :until",
                &arguments! {
                    barcode: self.due.barcode, until: self.due.until, due: due, error: error, told: told, now: tx.stamp,
                },
            )
            .map(drop)
    }
}

/// A book was stored: the hook is to be told of it, if there is one, and of nothing that it was not told of before.
pub(super) fn is_due(tx: &CatalogTransaction<'_>, book: i64) -> Result<(), CatalogError> {
    tx.conn
        .execute(
            "UPDATE books SET hook_due_at = :now, hook_attempts = 0, hook_error = NULL, hook_told_at = NULL \
             WHERE id = :id AND EXISTS (SELECT 1 FROM settings WHERE key = :since)",
            &arguments! { id: book, now: tx.stamp, since: SINCE },
        )
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_noted_as_long_as_a_program_has_one() {
        use HookNote::{Begin, End, Keep};
        for (is_configured, is_noted, is_alone, expected) in [
            (true, false, true, Begin),
            (true, false, false, Begin),
            (true, true, true, Keep),
            (true, true, false, Keep),
            (false, false, true, Keep),
            (false, true, true, End),
            // Another member may have it.
            (false, true, false, Keep),
        ] {
            let note = hook_note(is_configured, is_noted, is_alone);
            assert_eq!(note, expected, "{is_configured} {is_noted} {is_alone}");
        }
    }
}
