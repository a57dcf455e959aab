//! Handing out books to workers, each to one at a time, for a limited time.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _};

use crate::catalog::CatalogError;
use crate::catalog::lifecycle::history::{ChangeCause, ChangeNote};
use crate::catalog::planning::select::{BookSelection, SelectionTimes};
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::clock::{later, stamp};
use crate::grin::{Barcode, FileName};
use crate::vocabulary::BookState;

/// Asks for books to work on. What comes is claimed for `owner` until the lease runs out, or it is settled.
#[derive(Debug, Clone)]
pub struct ClaimBooks {
    /// Which books.
    pub selection: BookSelection,
    /// How many at most; only books count that remain to be done.
    pub limit: usize,
    /// Who takes them; the same name after a restart, so that [`crate::catalog::RecoverClaims`] finds them.
    pub owner: String,
    /// For how long, unless renewed.
    pub lease: Duration,
}

/// A claim: the book, its holder, and the number that tells this claim from any other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClaimToken {
    /// The book.
    pub barcode: Barcode,
    /// Who holds it.
    pub owner: String,
    /// Grows with every claim, so that a holder whose lease ran out is known even if it took the book again.
    pub fence: i64,
}

/// A book handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedBook {
    /// To settle, renew or hand back.
    pub held: ClaimToken,
    /// The archive's name as GRIN lists it; `None`: build it from the barcode.
    pub file_name: Option<FileName>,
    /// Where the book stood, and will stand again if it is handed back.
    pub state: BookState,
    /// What is stored of it.
    pub stored: Option<StoredArchive>,
    /// Attempts that failed since the last success.
    pub attempts: u32,
    /// A list says that the archive is ready: with nothing stored, CHECK has nothing to find out.
    pub listed_converted: bool,
    /// Title, for people.
    pub title: Option<String>,
}

/// What is stored of a book; a new ETag is compared with this one, never with one that was merely seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredArchive {
    /// ETag of the encrypted archive from which it came.
    pub etag: Option<String>,
    /// SHA-256 of the stored archive, in hexadecimal digits.
    pub sha256: Option<String>,
    /// Its size in bytes.
    pub bytes: Option<u64>,
}

impl CatalogOperation for ClaimBooks {
    type Output = Vec<ClaimedBook>;
    const KIND: &'static str = "claim";

    fn run(self, tx: &mut CatalogTransaction<'_>) -> Result<Vec<ClaimedBook>, CatalogError> {
        release_expired(tx)?;
        let now = tx.stamp.clone();
        let times = SelectionTimes {
            now: &now,
            opened_at: tx.opened_at,
        };
        let ids = self.selection.ready(tx.conn, times, self.limit)?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let fence = next_fence(tx.conn)?;
        let until = stamp(later(tx.now, self.lease));
        let mut out = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(claimed) = read(tx.conn, id, (&self.owner, fence))? {
                take(tx, id, &claimed, &until)?;
                out.push(claimed);
            }
        }
        Ok(out)
    }
}

/// A number that no claim had before; written in the claim's own transaction.
fn next_fence(conn: &Connection) -> Result<i64, CatalogError> {
    let fence = conn
        .prepare_cached(
            "INSERT INTO settings (key, value) VALUES ('last_fence', '1') \
             ON CONFLICT DO UPDATE SET value = CAST(value AS INTEGER) + 1 RETURNING CAST(value AS INTEGER)",
        )?
        .query_row([], |row| row.get(0))?;
    Ok(fence)
}

/// The book as it is handed out; `None` if its barcode is none of ours (somebody else wrote into the catalog).
fn read(conn: &Connection, id: i64, (owner, fence): (&str, i64)) -> Result<Option<ClaimedBook>, CatalogError> {
    let mut select = conn.prepare_cached(
        "SELECT barcode, file_name, state, sync_timestamp IS NOT NULL, encrypted_etag, sha256, archive_bytes, attempts, \
         listed_converted, title FROM books WHERE id = ?1",
    )?;
    let claimed = select.query_row([id], |row| {
        let Ok(barcode) = Barcode::parse(&row.get::<_, String>(0)?) else {
            return Ok(None);
        };
        let stored = row.get::<_, bool>(3)?.then_some(StoredArchive {
            etag: row.get(4)?,
            sha256: row.get(5)?,
            bytes: row.get(6)?,
        });
        Ok(Some(ClaimedBook {
            held: ClaimToken {
                barcode,
                owner: owner.into(),
                fence,
            },
            file_name: row
                .get::<_, Option<String>>(1)?
                .and_then(|name| FileName::parse(&name).ok()),
            state: row.get(2)?,
            stored,
            attempts: row.get(7)?,
            listed_converted: row.get(8)?,
            title: row.get(9)?,
        }))
    });
    Ok(claimed.optional()?.flatten())
}

fn take(tx: &mut CatalogTransaction<'_>, id: i64, claimed: &ClaimedBook, until: &str) -> Result<(), CatalogError> {
    if claimed.state == BookState::Failed {
        tx.failure_forgotten(id)?;
    }
    tx.conn
        .prepare_cached(
            "UPDATE books SET resume_state = state, state = 'checking', state_at = ?2, updated_at = ?2, \
             next_attempt_at = NULL, claimed_by = ?3, claim_fence = ?4, lease_until = ?5 WHERE id = ?1",
        )?
        .execute((id, &tx.stamp, &claimed.held.owner, claimed.held.fence, until))?;
    let note = ChangeNote {
        by: Some(&claimed.held.owner),
        ..ChangeNote::of(ChangeCause::Claimed)
    };
    tx.moved_with(
        claimed.held.barcode.as_str(),
        (claimed.state, BookState::Checking),
        note,
    )
}

/// Gives back what was claimed and whose lease ran out.
pub(crate) fn release_expired(tx: &mut CatalogTransaction<'_>) -> Result<u64, CatalogError> {
    let expired: Vec<i64> = {
        let mut select = tx
            .conn
            .prepare_cached("SELECT id FROM books WHERE claimed_by IS NOT NULL AND lease_until <= ?1")?;
        let rows = select.query_map([&tx.stamp], |row| row.get(0))?;
        rows.collect::<Result<_, _>>()?
    };
    for id in &expired {
        release(tx, *id, ChangeCause::LeaseExpired)?;
    }
    Ok(expired.len() as u64)
}

/// Gives a claimed book back, untried.
pub(crate) fn release(tx: &mut CatalogTransaction<'_>, id: i64, cause: ChangeCause) -> Result<(), CatalogError> {
    let (barcode, state, resume, owner): (String, BookState, Option<BookState>, Option<String>) = tx
        .conn
        .prepare_cached("SELECT barcode, state, resume_state, claimed_by FROM books WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    let resume = resume.unwrap_or(BookState::Known);
    tx.conn
        .prepare_cached(
            "UPDATE books SET state = ?3, state_at = ?2, updated_at = ?2, resume_state = NULL, \
             claimed_by = NULL, claim_fence = NULL, lease_until = NULL WHERE id = ?1",
        )?
        .execute((id, &tx.stamp, resume))?;
    if resume == BookState::Failed {
        tx.failure_remembered(id)?;
    }
    let note = ChangeNote {
        by: owner.as_deref(),
        ..ChangeNote::of(cause)
    };
    tx.moved_with(&barcode, (state, resume), note)
}
