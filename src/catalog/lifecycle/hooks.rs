//! Books of which the operator's hook is to be told that they were stored: each is due from the transaction that records it as stored until the one
//! that records that the hook took it, so that no restart loses one.

use std::time::Duration;

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
use crate::catalog::sharing::noted::NotedSetting;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::clock::{later, read_stamp, stamp};
use crate::grin::Barcode;

/// Longest text of an error that is kept.
const LONGEST_ERROR: usize = 500;
/// They are counted each time that one is taken: with all of a library waiting, that would keep every other writer waiting, too.
const MOST_COUNTED: usize = 10_000;

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

#[cfg(test)]
impl DueHook {
    pub fn of_tests(barcode: Barcode) -> Self {
        let (attempts, until) = (1, String::new());
        Self {
            barcode,
            attempts,
            until,
        }
    }
}

/// What there is to tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HookQueue {
    /// The one that was taken; `None`: none is due now.
    pub due: Option<DueHook>,
    /// How many the hook was not told of yet; no more than 10,000 are counted.
    pub waiting: u64,
    /// Where none is due now: after so long the next one is. `None`: none waits.
    pub next: Option<Duration>,
}

impl CatalogOperation for ClaimHook {
    type Output = HookQueue;
    const KIND: &'static str = "claim_hook";

    /// Whoever asks has a hook, which is noted here where that failed at the start, or another member took the note away meanwhile.
    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<HookQueue, CatalogError> {
        let sql = "SELECT (SELECT count(*) FROM (SELECT 1 FROM books WHERE hook_due_at IS NOT NULL LIMIT :most) AS due) \
                   AS waiting, EXISTS (SELECT 1 FROM settings WHERE key = :since) AS is_noted";
        let since = NotedSetting::Hook.key();
        let given = arguments! { most: MOST_COUNTED, since: since };
        let (waiting, is_noted) = tx.conn.one(sql, &given, |row| {
            Ok((row.get::<u64>("waiting")?, row.get::<bool>("is_noted")?))
        })?;
        if !is_noted {
            NotedSetting::Hook.note(tx)?;
        }
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
            let (due, next) = (None, next_due(tx)?);
            return Ok(HookQueue { due, waiting, next });
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
        let next = None;
        Ok(HookQueue { due, waiting, next })
    }
}

/// How long it takes until the next book is due; not at all where another takes it just now.
fn next_due(tx: &CatalogTransaction<'_>) -> Result<Option<Duration>, CatalogError> {
    let sql = "SELECT min(hook_due_at) FROM books WHERE hook_due_at IS NOT NULL";
    let at: Option<String> = tx.conn.one(sql, &[], |row| row.at(0))?;
    let at = at.as_deref().and_then(read_stamp);
    Ok(at.map(|at| Duration::try_from(at.duration_since(tx.now)).unwrap_or_default()))
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
            &arguments! { id: book, now: tx.stamp, since: NotedSetting::Hook.key() },
        )
        .map(drop)
}
