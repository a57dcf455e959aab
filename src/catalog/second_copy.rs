//! Which stored books have a second copy, and which are to be copied: each from the transaction that records it as stored, so that no
//! restart forgets one.

mod standing;

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
use crate::catalog::engine::{SqlConnection, SqlRow};
use crate::catalog::lifecycle::restore::RecordedBook;
use crate::catalog::notes::{self, MarkedPlace};
use crate::catalog::second_copy::standing::{CopyState, CopyTotals, change, shift};
use crate::catalog::sharing::noted::NotedSetting;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::clock::{later, stamp};
use crate::log::CountedNoun;

/// Longest text of an error that is kept.
const LONGEST_ERROR: usize = 500;
/// The condition of all that is copied.
const STORED: &str = "books.sync_timestamp IS NOT NULL AND books.storage_path IS NOT NULL";

/// A book was stored: what is copied of it is not what is stored any more.
pub(in crate::catalog) fn is_due(tx: &mut CatalogTransaction<'_>, book: i64) -> Result<(), CatalogError> {
    if !NotedSetting::SecondCopy.is_noted(tx.conn)? {
        return Ok(());
    }
    let now = tx.stamp.clone();
    let given = arguments! { id: book, now: now };
    let new = "INSERT INTO second_copies (book, due_at) VALUES (:id, :now) ON CONFLICT DO NOTHING";
    if tx.conn.execute(new, &given)? > 0 {
        shift(tx, None, Some(CopyState::Waiting), 1);
        return Ok(());
    }
    let again = "UPDATE second_copies SET due_at = :now, attempts = 0, error = NULL WHERE book = :id";
    change(tx, book, again, &given).map(drop)
}

/// A book is not stored any more, and nothing of it is to be copied until it is; what was copied stays.
pub(in crate::catalog) fn is_gone(tx: &mut CatalogTransaction<'_>, book: i64) -> Result<(), CatalogError> {
    for sql in [
        "DELETE FROM second_copies WHERE book = :id AND copied_at IS NULL",
        "UPDATE second_copies SET due_at = NULL, attempts = 0, error = NULL WHERE book = :id",
    ] {
        change(tx, book, sql, &arguments! { id: book })?;
    }
    Ok(())
}

/// Makes stored books due that are not copied as they are stored, such as those from before there was a second copy: those with
/// numbers after this one, so many at most. Comes back with the number to go on after; `None`: these were the last.
#[derive(Debug, Clone, Copy)]
pub struct NoteUncopied {
    /// Only books after this number.
    pub after: i64,
    /// Numbers that are looked at.
    pub numbers: i64,
}

impl CatalogOperation for NoteUncopied {
    type Output = Option<i64>;
    const KIND: &'static str = "note_uncopied";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Option<i64>, CatalogError> {
        let last: Option<i64> = tx.conn.one("SELECT max(id) FROM books", &[], |row| row.at(0))?;
        let until = self.after + self.numbers;
        let stale = format!(
            "UPDATE second_copies SET due_at = :now, attempts = 0, error = NULL \
             WHERE book > :after AND book <= :until AND due_at IS NULL AND EXISTS (SELECT 1 FROM books \
             WHERE books.id = second_copies.book AND {STORED} AND sync_timestamp IS DISTINCT FROM copied_of)"
        );
        let new = format!(
            "INSERT INTO second_copies (book, due_at) SELECT id, :now FROM books \
             WHERE id > :after AND id <= :until AND {STORED} ON CONFLICT DO NOTHING"
        );
        for (sql, before) in [(stale, Some(CopyState::Copied)), (new, None)] {
            let given = arguments! { now: tx.stamp, after: self.after, until: until };
            let books = tx.conn.execute(&sql, &given)?;
            shift(tx, before, Some(CopyState::Waiting), books);
        }
        Ok((last > Some(until)).then_some(until))
    }
}

/// Asks for the books that are due, those first that are due for the longest time. One of which a newer archive is just being published is left
/// out.
#[derive(Debug, Clone, Copy)]
pub struct ListDueCopies {
    /// How many at most.
    pub limit: usize,
}

/// A stored book that is to be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueCopy {
    /// What is stored of it.
    pub recorded: RecordedBook,
    /// Attempts in a row that failed.
    pub attempts: u32,
    /// Where the archive lies that was copied last.
    pub copied_path: Option<String>,
}

impl CatalogOperation for ListDueCopies {
    type Output = Vec<DueCopy>;
    const KIND: &'static str = "list_due_copies";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Vec<DueCopy>, CatalogError> {
        let columns = RecordedBook::COLUMNS;
        let sql = format!(
            "SELECT {columns}, due.attempts AS copy_attempts, due.copied_path FROM \
             (SELECT book, due_at, attempts, copied_path FROM second_copies WHERE due_at <= :now) AS due \
             JOIN books ON books.id = due.book WHERE {STORED} AND books.publishing_sha256 IS NULL \
             ORDER BY due.due_at, due.book LIMIT :limit"
        );
        tx.conn
            .all(&sql, &arguments! { now: tx.stamp, limit: self.limit }, |row| {
                Ok(DueCopy {
                    recorded: RecordedBook::read(row)?,
                    attempts: row.get("copy_attempts")?,
                    copied_path: row.get("copied_path")?,
                })
            })
    }
}

/// What came of copying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopySettlement {
    /// All objects of the book are in the second place, verified.
    Copied {
        /// The SHA-256 of its archive.
        sha256: String,
    },
    /// It is to be copied again.
    Retry {
        /// After so long, by the catalog's clock.
        wait: Duration,
        /// Why it was not copied.
        error: String,
    },
}

/// Records what came of copying; nothing is recorded of a book that was stored again meanwhile.
#[derive(Debug, Clone)]
pub struct SettleCopy {
    /// The book's number in the catalog.
    pub book: i64,
    /// When that was stored which was copied.
    pub stored_at: String,
    /// What came of it.
    pub settlement: CopySettlement,
}

impl CatalogOperation for SettleCopy {
    type Output = bool;
    const KIND: &'static str = "settle_copy";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<bool, CatalogError> {
        const SAME: &str = "book = :book AND EXISTS \
            (SELECT 1 FROM books WHERE books.id = :book AND books.sync_timestamp = :stored_at)";
        let (book, stored_at) = (self.book, &self.stored_at);
        match &self.settlement {
            CopySettlement::Copied { sha256 } => {
                let sql = format!(
                    "UPDATE second_copies SET due_at = NULL, attempts = 0, error = NULL, copied_at = :now, \
                     copied_of = :stored_at, copied_sha256 = :sha256, \
                     copied_path = (SELECT storage_path FROM books WHERE books.id = :book) WHERE {SAME}"
                );
                let now = tx.stamp.clone();
                let given = arguments! { book: book, stored_at: stored_at, now: now, sha256: sha256 };
                change(tx, book, &sql, &given)
            }
            CopySettlement::Retry { wait, error } => {
                let error: String = error.chars().take(LONGEST_ERROR).collect();
                let at = stamp(later(tx.now, *wait));
                let sql = format!(
                    "UPDATE second_copies SET due_at = :at, attempts = attempts + 1, error = :error WHERE {SAME}"
                );
                let given = arguments! { book: book, stored_at: stored_at, at: at, error: error };
                change(tx, book, &sql, &given)
            }
        }
    }
}

/// Another place is the second one from now on: all stored books are to be copied there.
#[derive(Debug, Clone, Copy)]
pub struct ForgetCopies {
    /// It has no marker yet.
    pub with_mark: bool,
}

impl CatalogOperation for ForgetCopies {
    type Output = ();
    const KIND: &'static str = "forget_copies";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<(), CatalogError> {
        if self.with_mark {
            notes::forget_mark(tx.conn, MarkedPlace::SecondCopy)?;
        }
        // Those that wait first: the others wait then, too.
        for state in [CopyState::Waiting, CopyState::Failed, CopyState::Copied] {
            let sql = format!(
                "UPDATE second_copies SET due_at = :now, attempts = 0, error = NULL, copied_at = NULL, \
                 copied_of = NULL, copied_sha256 = NULL, copied_path = NULL WHERE {}",
                state.rows()
            );
            let books = tx.conn.execute(&sql, &arguments! { now: tx.stamp })?;
            shift(tx, Some(state), Some(CopyState::Waiting), books);
        }
        Ok(())
    }
}

/// Asks how far the copying is.
#[derive(Debug, Clone, Copy)]
pub struct AskSecondCopies;

/// How far it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct SecondCopyStanding {
    /// Stored books that are copied as they are stored.
    pub copied: u64,
    /// Books that are still to be copied.
    pub waiting: u64,
    /// Those of them that could not be copied because of the book itself, and are tried again later.
    pub failed: u64,
}

impl fmt::Display for SecondCopyStanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} copied, {} waiting",
            CountedNoun(self.copied, "book"),
            self.waiting
        )?;
        if self.failed > 0 {
            write!(f, ", {} of them failed", self.failed)?;
        }
        Ok(())
    }
}

impl CatalogOperation for AskSecondCopies {
    type Output = SecondCopyStanding;
    const KIND: &'static str = "ask_second_copies";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<SecondCopyStanding, CatalogError> {
        let totals = CopyTotals::read(tx.conn)?;
        let failed = totals.of(CopyState::Failed);
        Ok(SecondCopyStanding {
            copied: totals.of(CopyState::Copied),
            waiting: totals.of(CopyState::Waiting) + failed,
            failed,
        })
    }
}

/// Books of which something was copied.
pub(in crate::catalog) fn count_copied(conn: &SqlConnection) -> Result<u64, CatalogError> {
    Ok(CopyTotals::read(conn)?.of(CopyState::Copied))
}

/// Where some of the archives lie that were copied.
pub(in crate::catalog) fn samples(conn: &SqlConnection, limit: usize) -> Result<Vec<String>, CatalogError> {
    let sql = "SELECT copied_path FROM second_copies WHERE copied_path IS NOT NULL LIMIT :limit";
    conn.all(sql, &arguments! { limit: limit }, |row| row.at(0))
}

/// Where the second copy of one book stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BookCopy {
    /// When it is copied next; `None`: what is stored is copied.
    pub due_at: Option<String>,
    /// Attempts in a row that failed.
    pub attempts: u32,
    /// What the last of them came to.
    pub error: Option<String>,
    /// When something was copied last.
    pub copied_at: Option<String>,
    /// The SHA-256 of the archive that was.
    pub copied_sha256: Option<String>,
}

impl BookCopy {
    fn read(row: &SqlRow<'_>) -> Result<Self, CatalogError> {
        Ok(Self {
            due_at: row.get("due_at")?,
            attempts: row.get("attempts")?,
            error: row.get("error")?,
            copied_at: row.get("copied_at")?,
            copied_sha256: row.get("copied_sha256")?,
        })
    }

    /// `None`: nothing is recorded, as where there is no second copy.
    pub(in crate::catalog) fn of(conn: &SqlConnection, book: i64) -> Result<Option<Self>, CatalogError> {
        let sql = "SELECT due_at, attempts, error, copied_at, copied_sha256 FROM second_copies WHERE book = :book";
        conn.first(sql, &arguments! { book: book }, Self::read)
    }

    /// In a sentence.
    pub(in crate::catalog) fn told(&self) -> String {
        let before = |at: &String| format!(" What was copied at {at} is older.");
        match (&self.due_at, &self.copied_at, &self.error) {
            (None, Some(at), _) => {
                let sha256 = self.copied_sha256.as_deref().unwrap_or("not recorded");
                format!("Copied to the second place at {at}, SHA-256 {sha256}.")
            }
            (None, None, _) => "Not copied to the second place.".to_owned(),
            (Some(due), copied, Some(error)) => format!(
                "Not copied to the second place in {} ({error}); tried again at {due}.{}",
                CountedNoun(self.attempts.into(), "attempt"),
                copied.as_ref().map_or_else(String::new, before)
            ),
            (Some(_), copied, None) => format!(
                "Waits to be copied to the second place.{}",
                copied.as_ref().map_or_else(String::new, before)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_of_a_copy_is_told() {
        let some = |text: &str| Some(text.to_owned());
        let copy = |due: Option<&str>, error: Option<&str>, at: Option<&str>| BookCopy {
            due_at: due.map(str::to_owned),
            attempts: 2,
            error: error.map(str::to_owned),
            copied_at: at.map(str::to_owned),
            copied_sha256: at.and(some("ab")),
        };
        for (copy, told) in [
            (copy(None, None, None), "Not copied to the second place."),
            (
                copy(None, None, Some("T1")),
                "Copied to the second place at T1, SHA-256 ab.",
            ),
            (copy(Some("T2"), None, None), "Waits to be copied to the second place."),
            (
                copy(Some("T2"), None, Some("T1")),
                "Waits to be copied to the second place. What was copied at T1 is older.",
            ),
            (
                copy(Some("T2"), Some("damaged"), None),
                "Not copied to the second place in 2 attempts (damaged); tried again at T2.",
            ),
        ] {
            assert_eq!(copy.told(), told);
        }
    }
}
