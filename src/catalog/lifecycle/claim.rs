//! Giving books to workers, each to one at a time, for a limited time.
//!
//! Claims are judged by the time since the machine started, which all its processes share and no step of the wall clock changes. A
//! claim is never ended by the program that holds it while it renews it.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, named_params};

use crate::catalog::CatalogError;
use crate::catalog::lifecycle::history::{ChangeCause, ChangeNote};
use crate::catalog::lifecycle::next_state::{BookChange, BookStanding};
use crate::catalog::planning::select::{BookSelection, SelectionTimes};
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction, StateChange};
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

/// A claimed book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedBook {
    /// To settle, renew or release it.
    pub claim: ClaimToken,
    /// The archive's name as GRIN lists it; `None`: build it from the barcode.
    pub file_name: Option<FileName>,
    /// Where the book stood, and will stand again if it is released.
    pub state: BookState,
    /// What is stored of it.
    pub stored: Option<StoredArchive>,
    /// An archive that an earlier run began to publish and did not record: the store tells how far it came.
    pub publishing: Option<BegunPublication>,
    /// Attempts that failed since the last success.
    pub attempts: u32,
    /// A list says that the archive is ready: with nothing stored, CHECK has nothing to find out.
    pub listed_converted: bool,
    /// Title, for people.
    pub title: Option<String>,
}

/// An archive whose publication was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BegunPublication {
    /// SHA-256 of the archive, in hexadecimal digits.
    pub sha256: String,
    /// ETag of the encrypted archive it came from.
    pub etag: Option<String>,
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
        release_expired(tx, ExpiredClaims::OfOthers(&self.owner))?;
        let now = tx.stamp.clone();
        let times = SelectionTimes {
            now: &now,
            opened_at: tx.opened_at,
        };
        let ids = self.selection.ready(tx.conn, times, self.limit)?;
        claim_ids(tx, &ids, &self.owner, self.lease)
    }
}

/// Claims these books in one transaction, under one fence.
pub(crate) fn claim_ids(
    tx: &mut CatalogTransaction<'_>,
    ids: &[i64],
    owner: &str,
    lease: Duration,
) -> Result<Vec<ClaimedBook>, CatalogError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let fence = next_fence(tx.conn)?;
    let mut claimed = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(book) = read(tx.conn, *id, owner, fence)? {
            take(tx, *id, &book, lease)?;
            claimed.push(book);
        }
    }
    Ok(claimed)
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

/// The book as it is claimed; `None` if its barcode is none of ours (somebody else wrote into the catalog).
fn read(conn: &Connection, id: i64, owner: &str, fence: i64) -> Result<Option<ClaimedBook>, CatalogError> {
    let mut select = conn.prepare_cached(
        "SELECT barcode, file_name, state, sync_timestamp, encrypted_etag, sha256, archive_bytes, attempts, \
         listed_converted, title, publishing_sha256, publishing_etag FROM books WHERE id = ?1",
    )?;
    let claimed = select.query_row([id], |row| {
        let Ok(barcode) = Barcode::parse(&row.get::<_, String>("barcode")?) else {
            return Ok(None);
        };
        let is_stored = row.get::<_, Option<String>>("sync_timestamp")?.is_some();
        let stored = is_stored.then_some(StoredArchive {
            etag: row.get("encrypted_etag")?,
            sha256: row.get("sha256")?,
            bytes: row.get("archive_bytes")?,
        });
        let (sha256, etag) = (
            row.get::<_, Option<String>>("publishing_sha256")?,
            row.get("publishing_etag")?,
        );
        Ok(Some(ClaimedBook {
            claim: ClaimToken {
                barcode,
                owner: owner.into(),
                fence,
            },
            file_name: row
                .get::<_, Option<String>>("file_name")?
                .and_then(|name| FileName::parse(&name).ok()),
            state: row.get("state")?,
            stored,
            publishing: sha256.map(|sha256| BegunPublication { sha256, etag }),
            attempts: row.get("attempts")?,
            listed_converted: row.get("listed_converted")?,
            title: row.get("title")?,
        }))
    });
    Ok(claimed.optional()?.flatten())
}

fn take(tx: &mut CatalogTransaction<'_>, id: i64, book: &ClaimedBook, lease: Duration) -> Result<(), CatalogError> {
    if book.state == BookState::Failed {
        tx.uncount_failure(id)?;
    }
    let next = tx.next_state(&BookStanding::of(book.state), BookChange::Claimed);
    let span = LeaseSpan::from_now(tx, lease);
    tx.conn
        .prepare_cached(
            "UPDATE books SET resume_state = state, state = :state, state_at = :now, updated_at = :now, \
             claimed_by = :owner, claim_fence = :fence, lease_until = :until, lease_from = :from, lease_to = :to \
             WHERE id = :id",
        )?
        .execute(named_params! {
            ":id": id,
            ":state": next.state,
            ":now": tx.stamp,
            ":owner": book.claim.owner,
            ":fence": book.claim.fence,
            ":until": span.until,
            ":from": span.from,
            ":to": span.to,
        })?;
    let note = ChangeNote {
        by: Some(&book.claim.owner),
        ..ChangeNote::of(next.cause)
    };
    let change = StateChange {
        from: book.state,
        to: next.state,
    };
    tx.record_transition(book.claim.barcode.as_str(), change, note)
}

/// How long a claim holds: by the wall clock for people, in milliseconds since the machine started for the program.
pub(crate) struct LeaseSpan {
    pub until: String,
    pub from: i64,
    pub to: i64,
}

impl LeaseSpan {
    pub(crate) fn from_now(tx: &CatalogTransaction<'_>, lease: Duration) -> Self {
        let millis = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        Self {
            until: stamp(later(tx.now, lease)),
            from: tx.since_boot,
            to: tx.since_boot.saturating_add(millis),
        }
    }
}

/// SQL that is true of a claim whose lease ran out, or that dates from before the machine's last start. Claims of schema version 2
/// have the wall clock alone.
pub(crate) const EXPIRED: &str = "CASE WHEN lease_from IS NULL THEN lease_until <= :now \
                                  ELSE lease_from > :since_boot OR lease_to <= :since_boot END";

/// Whose claims are released when their lease ran out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ExpiredClaims<'a> {
    /// Anybody's but this owner's, who is alive and renews what it works on.
    OfOthers(&'a str),
    /// This owner's, just after it renewed what it works on: the rest are claims it has lost sight of.
    OfOwner(&'a str),
}

/// Releases claims whose lease ran out; comes back with their number.
pub(crate) fn release_expired(tx: &mut CatalogTransaction<'_>, whose: ExpiredClaims<'_>) -> Result<u64, CatalogError> {
    let (owner, own) = match whose {
        ExpiredClaims::OfOthers(owner) => (owner, false),
        ExpiredClaims::OfOwner(owner) => (owner, true),
    };
    let expired: Vec<i64> = {
        let mut select = tx.conn.prepare_cached(&format!(
            "SELECT id FROM books WHERE claimed_by IS NOT NULL AND (claimed_by = :owner) = :own AND {EXPIRED}"
        ))?;
        let given = named_params! {":owner": owner, ":own": own, ":now": tx.stamp, ":since_boot": tx.since_boot};
        let rows = select.query_map(given, |row| row.get(0))?;
        rows.collect::<Result<_, _>>()?
    };
    for id in &expired {
        release(tx, *id, ChangeCause::LeaseExpired)?;
    }
    Ok(expired.len() as u64)
}

/// Releases a claimed book, untried.
pub(crate) fn release(tx: &mut CatalogTransaction<'_>, id: i64, cause: ChangeCause) -> Result<BookState, CatalogError> {
    let mut select = tx
        .conn
        .prepare_cached("SELECT barcode, state, resume_state, claimed_by FROM books WHERE id = ?1")?;
    let (barcode, owner, standing) = select.query_row([id], |row| {
        let standing = BookStanding {
            resume: row
                .get::<_, Option<BookState>>("resume_state")?
                .unwrap_or(BookState::Known),
            ..BookStanding::of(row.get("state")?)
        };
        let owner: Option<String> = row.get("claimed_by")?;
        Ok((row.get::<_, String>("barcode")?, owner, standing))
    })?;
    let next = tx.next_state(&standing, BookChange::Released(cause));
    tx.conn
        .prepare_cached(
            "UPDATE books SET state = :state, state_at = :now, updated_at = :now, resume_state = NULL, claimed_by = NULL, \
             claim_fence = NULL, lease_until = NULL, lease_from = NULL, lease_to = NULL WHERE id = :id",
        )?
        .execute(named_params! {":id": id, ":state": next.state, ":now": tx.stamp})?;
    if next.state == BookState::Failed {
        tx.count_failure(id)?;
    }
    let note = ChangeNote {
        by: owner.as_deref(),
        ..ChangeNote::of(next.cause)
    };
    let change = StateChange {
        from: standing.state,
        to: next.state,
    };
    tx.record_transition(&barcode, change, note)?;
    Ok(next.state)
}
