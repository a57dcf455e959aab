//! What a person wishes of books: to be known, to go first, to be tried again.

use rusqlite::OptionalExtension as _;

use crate::catalog::CatalogError;
use crate::catalog::lifecycle::history::{ChangeCause, ChangeNote};
use crate::catalog::lifecycle::tallies::TallyKind;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::grin::Barcode;
use crate::vocabulary::BookState;

/// Makes sure that these books are in the catalog; comes back with how many were not.
#[derive(Debug, Clone)]
pub struct EnsureKnown(pub Vec<Barcode>);

impl CatalogOperation for EnsureKnown {
    type Output = u64;
    const KIND: &'static str = "ensure_known";

    fn run(self, tx: &mut CatalogTransaction<'_>) -> Result<u64, CatalogError> {
        let mut insert = tx.conn.prepare_cached(
            "INSERT INTO books (barcode, state, state_at, created_at, updated_at) VALUES (?1, 'known', ?2, ?2, ?2) \
             ON CONFLICT (barcode) DO NOTHING",
        )?;
        let note = ChangeNote::of(ChangeCause::Named).text();
        let mut new = 0;
        for barcode in &self.0 {
            if insert.execute((barcode.as_str(), &tx.stamp))? == 1 {
                tx.totals.add(TallyKind::GrinState, "", 1);
                tx.moved(barcode.as_str(), None, BookState::Known, &note)?;
                new += 1;
            }
        }
        Ok(new)
    }
}

/// Sets the priority of books; higher goes first, 0 is usual. Comes back with how many there were.
#[derive(Debug, Clone)]
pub struct SetPriority {
    /// The books.
    pub barcodes: Vec<Barcode>,
    /// Their priority.
    pub priority: i32,
}

impl CatalogOperation for SetPriority {
    type Output = u64;
    const KIND: &'static str = "set_priority";

    fn run(self, tx: &mut CatalogTransaction<'_>) -> Result<u64, CatalogError> {
        let mut update = tx
            .conn
            .prepare_cached("UPDATE books SET priority = ?2 WHERE barcode = ?1")?;
        let mut done = 0;
        for barcode in &self.barcodes {
            done += update.execute((barcode.as_str(), self.priority))? as u64;
        }
        Ok(done)
    }
}

/// Has given-up books tried again as if they were new; comes back with how many there were.
#[derive(Debug, Clone, Default)]
pub struct ResetFailed {
    /// Just these; `None`: all that were given up.
    pub only: Option<Vec<Barcode>>,
    /// Just those given up for this reason.
    pub reason: Option<String>,
}

/// How many are read at a time, so that memory stays small.
const STEP: usize = 5_000;

impl CatalogOperation for ResetFailed {
    type Output = u64;
    const KIND: &'static str = "reset_failed";

    fn run(self, tx: &mut CatalogTransaction<'_>) -> Result<u64, CatalogError> {
        let mut done = 0;
        if let Some(only) = &self.only {
            for barcode in only {
                let id = tx
                    .conn
                    .prepare_cached(
                        "SELECT id FROM books WHERE barcode = ?1 AND state IN ('failed', 'conversion_failed')",
                    )?
                    .query_row([barcode.as_str()], |row| row.get(0))
                    .optional()?;
                if let Some(id) = id {
                    done += u64::from(self.reset(tx, id)?);
                }
            }
            return Ok(done);
        }
        for state in ["failed", "conversion_failed"] {
            done += self.reset_all(tx, state)?;
        }
        Ok(done)
    }
}

impl ResetFailed {
    fn reset_all(&self, tx: &mut CatalogTransaction<'_>, state: &str) -> Result<u64, CatalogError> {
        let sql = format!("SELECT id FROM books WHERE state = '{state}' AND id > ?1 ORDER BY id LIMIT ?2");
        let (mut last, mut done) = (0, 0);
        loop {
            let ids: Vec<i64> = {
                let mut select = tx.conn.prepare_cached(&sql)?;
                let rows = select.query_map((last, STEP), |row| row.get(0))?;
                rows.collect::<Result<_, _>>()?
            };
            let Some(id) = ids.last() else {
                return Ok(done);
            };
            last = *id;
            for id in ids {
                done += u64::from(self.reset(tx, id)?);
            }
        }
    }

    /// A given-up archive is looked for again (404 sends it on to conversion); a failed conversion is asked for again.
    fn reset(&self, tx: &mut CatalogTransaction<'_>, id: i64) -> Result<bool, CatalogError> {
        let (barcode, state, reason): (String, BookState, Option<String>) = tx
            .conn
            .prepare_cached("SELECT barcode, state, failure_reason FROM books WHERE id = ?1")?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        if self.reason.is_some() && self.reason != reason {
            return Ok(false);
        }
        let conversion = state == BookState::ConversionFailed;
        let to = if conversion {
            BookState::Known
        } else {
            BookState::Available
        };
        if !conversion {
            tx.failure_forgotten(id)?;
        }
        tx.conn
            .prepare_cached(
                "UPDATE books SET state = ?2, state_at = ?3, updated_at = ?3, attempts = 0, next_attempt_at = NULL, \
                 failure_reason = NULL, failure_detail = NULL, conversion_failures = 0, conversion_asks = 0, \
                 pushed_out = pushed_out + ?4 WHERE id = ?1",
            )?
            .execute((id, to, &tx.stamp, conversion))?;
        tx.moved_with(&barcode, (state, to), ChangeNote::of(ChangeCause::Reset))?;
        Ok(true)
    }
}
