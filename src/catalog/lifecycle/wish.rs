//! What a person wishes of books: to be known, to be tried again.

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlRow;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::counters::CounterKind;
use crate::catalog::lifecycle::history::{ChangeCause, ChangeNote};
use crate::catalog::lifecycle::next_state::{BookChange, BookStanding};
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction, StateChange};
use crate::grin::Barcode;
use crate::vocabulary::BookState;

/// Makes sure that these books are in the catalog; comes back with how many were not.
#[derive(Debug, Clone)]
pub struct EnsureKnown(pub Vec<Barcode>);

impl CatalogOperation for EnsureKnown {
    type Output = u64;
    const KIND: &'static str = "ensure_known";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<u64, CatalogError> {
        let mut insert = tx.conn.prepare(
            "INSERT INTO books (barcode, state, state_at, created_at, updated_at) \
             VALUES (:barcode, 'known', :now, :now, :now) \
             ON CONFLICT (barcode) DO NOTHING",
        )?;
        let note = ChangeNote::of(ChangeCause::Named).text();
        let mut new = 0;
        for barcode in &self.0 {
            if insert.execute(&arguments! { barcode: barcode, now: tx.stamp })? == 1 {
                tx.totals.add(CounterKind::GrinState, "", 1);
                tx.record_new_book(barcode.as_str(), BookState::Known, &note)?;
                new += 1;
            }
        }
        Ok(new)
    }
}

/// Which of these books are not in the catalog, in the order given.
#[derive(Debug, Clone)]
pub struct AskUnknown(pub Vec<Barcode>);

impl CatalogOperation for AskUnknown {
    type Output = Vec<Barcode>;
    const KIND: &'static str = "ask_unknown";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Vec<Barcode>, CatalogError> {
        let mut find = tx.conn.prepare("SELECT id FROM books WHERE barcode = :barcode")?;
        let mut unknown = Vec::new();
        for barcode in &self.0 {
            let found: Option<i64> = find.first(&arguments! { barcode: barcode }, |row| row.at(0))?;
            if found.is_none() {
                unknown.push(barcode.clone());
            }
        }
        Ok(unknown)
    }
}

/// Has given-up books tried again as if they were new, for `grind retry`; comes back with how many there were. A book that is named
/// and waits for its next attempt is tried at once, too; one that is forgotten and named is what it was before.
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

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<u64, CatalogError> {
        let mut done = 0;
        if let Some(only) = &self.only {
            for barcode in only {
                let id = tx.conn.first(
                    "SELECT id FROM books WHERE barcode = :barcode AND claimed_by IS NULL \
                     AND (state IN ('failed', 'conversion_failed', 'forgotten') OR failure_reason IS NOT NULL) /*pg FOR UPDATE*/",
                    &arguments! { barcode: barcode },
                    |row| row.at(0),
                )?;
                if let Some(id) = id {
                    done += u64::from(self.reset(tx, id)?);
                }
            }
            return Ok(done);
        }
        for state in [BookState::Failed, BookState::ConversionFailed] {
            done += self.reset_all(tx, state)?;
        }
        Ok(done)
    }
}

impl ResetFailed {
    fn reset_all(&self, tx: &mut CatalogTransaction<'_>, state: BookState) -> Result<u64, CatalogError> {
        let sql = format!(
            "SELECT id FROM books WHERE state = '{state}' AND id > :after ORDER BY id LIMIT :limit /*pg FOR UPDATE*/"
        );
        let (mut last, mut done) = (0_i64, 0);
        loop {
            let ids: Vec<i64> = tx
                .conn
                .all(&sql, &arguments! { after: last, limit: STEP }, |row| row.at(0))?;
            let Some(id) = ids.last() else {
                return Ok(done);
            };
            last = *id;
            for id in ids {
                done += u64::from(self.reset(tx, id)?);
            }
        }
    }

    fn reset(&self, tx: &mut CatalogTransaction<'_>, id: i64) -> Result<bool, CatalogError> {
        let sql = "SELECT barcode, state, ifnull(resume_state, state) AS resume, sync_timestamp IS NOT NULL AS stored, \
                   failure_reason FROM books WHERE id = :id";
        let book = tx.conn.one(sql, &arguments! { id: id }, ResetBook::read)?;
        if self.reason.is_some() && self.reason != book.reason {
            return Ok(false);
        }
        let state = book.state;
        let standing = BookStanding {
            resume: book.resume,
            stored: book.stored,
            ..BookStanding::of(state)
        };
        let next = tx.next_state(&standing, BookChange::Reset);
        if state == BookState::Failed {
            tx.uncount_failure(id)?;
        }
        let (keep, due) = next.due.column();
        // A stored book whose newer archive was refused is compared with GRIN's again.
        tx.conn.execute(
            "UPDATE books SET state = :state, resume_state = NULL, state_at = :now, updated_at = :now, attempts = 0, failures = 0, \
             next_attempt_at = CASE WHEN :keep THEN next_attempt_at ELSE :due END, \
             failure_reason = NULL, failure_detail = NULL, conversion_failures = 0, conversion_asks = 0, \
             pushed_out = pushed_out + :pushed_out, \
             judged_converted_date = CASE WHEN :stored THEN NULL ELSE judged_converted_date END, \
             last_etag_check = CASE WHEN :stored THEN NULL ELSE last_etag_check END WHERE id = :id",
            &arguments! {
                state: next.state, now: tx.stamp, keep: keep, due: due,
                pushed_out: state == BookState::ConversionFailed, stored: state == BookState::Stored, id: id,
            },
        )?;
        let change = StateChange {
            from: state,
            to: next.state,
        };
        tx.record_transition(&book.barcode, change, ChangeNote::of(next.cause))?;
        Ok(true)
    }
}

/// A book that may be tried again.
struct ResetBook {
    barcode: String,
    state: BookState,
    /// Where it stood before it was forgotten.
    resume: BookState,
    stored: bool,
    reason: Option<String>,
}

impl ResetBook {
    fn read(row: &SqlRow<'_>) -> Result<Self, CatalogError> {
        Ok(Self {
            barcode: row.get("barcode")?,
            state: row.get("state")?,
            resume: row.get("resume")?,
            stored: row.get("stored")?,
            reason: row.get("failure_reason")?,
        })
    }
}
