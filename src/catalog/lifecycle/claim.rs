//! Giving books to workers, each to one at a time, for a limited time.
//!
//! Claims are judged by the database's clock: of a file, the time since the machine started, which all its processes share and no step
//! of the wall clock changes; of a server, the server's. A claim is never ended by the program that holds it while it renews it.

use std::collections::HashMap;
use std::time::Duration;

use crate::catalog::CatalogError;
use crate::catalog::engine::value::{arguments, json_list};
use crate::catalog::engine::{SqlConnection, SqlRow};
use crate::catalog::lifecycle::history::{ChangeCause, ChangeNote};
use crate::catalog::lifecycle::next_state::{BookChange, BookStanding};
use crate::catalog::observations::lists;
use crate::catalog::planning::select::{BookSelection, RowLock, SelectionTimes};
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction, StateChange};
use crate::clock::{later, stamp};
use crate::grin::{Barcode, FileName, ListKind};
use crate::vocabulary::BookState;

/// Asks for books to work on. What comes is claimed for `owner` until the lease runs out, or it is settled.
#[derive(Debug, Clone)]
pub struct ClaimBooks {
    /// Which books.
    pub selection: BookSelection,
    /// How many at most; only books count that remain to be done.
    pub limit: usize,
    /// Who takes them: with the membership of this owner the claims end.
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
    /// Where in the storage that is recorded to be.
    pub path: Option<String>,
    /// An archive that an earlier run began to publish and did not record: the store tells how far it came.
    pub publishing: Option<BegunPublication>,
    /// Attempts that failed since the last success.
    pub attempts: u32,
    /// A list says that the archive is ready: with nothing stored, CHECK has nothing to find out.
    pub listed_converted: bool,
    /// It may be fetched, no list has told the name of its archive, and no pass over the converted books has ended since the book is known.
    pub name_to_come: bool,
    /// Title, for people.
    pub title: Option<String>,
}

impl ClaimedBook {
    /// What is stored is to be fetched once more: it is being published itself, and under no validator.
    pub(crate) fn is_fetched_beside(&self) -> bool {
        let stored = self.stored.as_ref().and_then(|stored| stored.sha256.as_ref());
        let begun = self.publishing.as_ref().filter(|begun| begun.etag.is_none());
        begun.is_some_and(|begun| Some(&begun.sha256) == stored)
    }
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

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<Vec<ClaimedBook>, CatalogError> {
        release_expired(tx, ExpiredClaims::OfOthers(&self.owner))?;
        let now = tx.stamp.clone();
        let times = SelectionTimes {
            now: &now,
            opened_at: tx.opened_at,
        };
        let ids = self.selection.ready(tx.conn, times, self.limit, RowLock::Locked)?;
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
    let fence = tx.conn.one(tx.conn.next_fence(), &[], |row| row.at(0))?;
    let books = ClaimHolder { owner, fence }.read(tx.conn, ids)?;
    take(tx, &books, lease)?;
    Ok(books.into_iter().map(|(_, book)| book).collect())
}

/// Who claims books, and under which number.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClaimHolder<'a> {
    pub owner: &'a str,
    pub fence: i64,
}

impl ClaimHolder<'_> {
    /// The books as they are claimed, in the order of their numbers here, without those whose barcode is none of ours (somebody else
    /// wrote into the catalog).
    pub fn read(self, conn: &SqlConnection, ids: &[i64]) -> Result<Vec<(i64, ClaimedBook)>, CatalogError> {
        let sql = "SELECT id, barcode, file_name, state, sync_timestamp, encrypted_etag, sha256, archive_bytes, storage_path, attempts, \
                   listed_converted, title, publishing_sha256, publishing_etag, \
                   file_name IS NULL AND state = 'available' AND sync_timestamp IS NULL AND created_at > :names_told \
                   AS name_to_come FROM books WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(:ids))";
        let texts: Vec<_> = ids.iter().map(i64::to_string).collect();
        let ids_given = json_list(texts.iter().map(String::as_str));
        let names_told = names_told(conn)?;
        let found = conn.all(sql, &arguments! { names_told: names_told, ids: ids_given }, |row| {
            Ok((row.get("id")?, self.claimed(row)?))
        })?;
        let mut found: HashMap<i64, _> = found.into_iter().collect();
        let in_order = ids.iter().filter_map(|id| Some((*id, found.remove(id)??)));
        Ok(in_order.collect())
    }

    fn claimed(self, row: &SqlRow<'_>) -> Result<Option<ClaimedBook>, CatalogError> {
        let Ok(barcode) = Barcode::parse(&row.get::<String>("barcode")?) else {
            return Ok(None);
        };
        let is_stored = row.get::<Option<String>>("sync_timestamp")?.is_some();
        let stored = is_stored.then_some(StoredArchive {
            etag: row.get("encrypted_etag")?,
            sha256: row.get("sha256")?,
            bytes: row.get("archive_bytes")?,
        });
        let begun: Option<String> = row.get("publishing_sha256")?;
        let begun_etag = row.get("publishing_etag")?;
        Ok(Some(ClaimedBook {
            claim: ClaimToken {
                barcode,
                owner: self.owner.into(),
                fence: self.fence,
            },
            file_name: row
                .get::<Option<String>>("file_name")?
                .and_then(|name| FileName::parse(&name).ok()),
            state: row.get("state")?,
            stored,
            path: row.get("storage_path")?,
            publishing: begun.map(|sha256| BegunPublication {
                sha256,
                etag: begun_etag,
            }),
            attempts: row.get("attempts")?,
            listed_converted: row.get("listed_converted")?,
            name_to_come: row.get("name_to_come")?,
            title: row.get("title")?,
        }))
    }
}

/// When the last pass over the books that tells their archives' names ended; empty, and so earlier than all, before one did.
fn names_told(conn: &SqlConnection) -> Result<String, CatalogError> {
    let sql = "SELECT ended_at FROM list_passes WHERE list = :list AND ended_at IS NOT NULL ORDER BY id DESC LIMIT 1";
    let ended = conn.first(sql, &arguments! { list: lists::name(ListKind::Converted) }, |row| {
        row.at(0)
    })?;
    Ok(ended.unwrap_or_default())
}

pub(super) fn take(
    tx: &mut CatalogTransaction<'_>,
    books: &[(i64, ClaimedBook)],
    lease: Duration,
) -> Result<(), CatalogError> {
    let mut states = Vec::with_capacity(books.len());
    for (id, book) in books {
        if book.state == BookState::Failed {
            tx.uncount_failure(*id)?;
        }
        let next = tx.next_state(&BookStanding::of(book.state), BookChange::Claimed);
        let note = ChangeNote {
            by: Some(&book.claim.owner),
            ..ChangeNote::of(next.cause)
        };
        let change = StateChange {
            from: book.state,
            to: next.state,
        };
        tx.record_transition(book.claim.barcode.as_str(), change, note)?;
        states.push(next.state);
    }
    let span = LeaseSpan::from_now(tx, lease);
    let each = books.iter().zip(&states).map(|((id, book), state)| {
        let given = arguments! {
            state: *state, now: tx.stamp, owner: book.claim.owner, fence: book.claim.fence, until: span.until,
            from: span.from, to: span.to, id: *id,
        };
        given.to_vec()
    });
    tx.conn.execute_each(
        "UPDATE books SET resume_state = state, state = :state, state_at = :now, updated_at = :now, \
         claimed_by = :owner, claim_fence = :fence, lease_until = :until, lease_from = :from, lease_to = :to \
         WHERE id = :id",
        each,
    )
}

/// How long a claim holds: by the wall clock for people, in milliseconds of the database's clock for the program.
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
            from: tx.clock.lease_from,
            to: tx.clock.lease_now.saturating_add(millis),
        }
    }
}

/// SQL that is true of a claim whose lease ran out, or that dates from before the machine's last start. Claims of schema version 2
/// have the wall clock alone.
pub(crate) const EXPIRED: &str = "CASE WHEN lease_from IS NULL THEN lease_until <= :now \
                                  ELSE lease_from > :lease_now OR lease_to <= :lease_now END";

/// Whose claims are released when their lease ran out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ExpiredClaims<'a> {
    /// Anybody's but this owner's, and but those of members: each of them renews what it works on, if it could not do so in time as
    /// soon as the catalog answers again, and its claims end with its membership.
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
    let sql = format!(
        "SELECT id FROM books WHERE claimed_by IS NOT NULL AND (claimed_by = :owner) = :own AND {EXPIRED} \
         AND (:own OR NOT EXISTS (SELECT 1 FROM members WHERE members.owner = claimed_by)) /*pg FOR UPDATE SKIP LOCKED*/"
    );
    let given = arguments! { owner: owner, own: own, now: tx.stamp, lease_now: tx.clock.lease_now };
    let expired: Vec<i64> = tx.conn.all(&sql, &given, |row| row.at(0))?;
    for id in &expired {
        release(tx, *id, ChangeCause::LeaseExpired)?;
    }
    Ok(expired.len() as u64)
}

/// Releases a claimed book, untried.
pub(crate) fn release(tx: &mut CatalogTransaction<'_>, id: i64, cause: ChangeCause) -> Result<BookState, CatalogError> {
    end_claim(tx, id, BookChange::Released(cause))
}

/// Releases a book whose archive was asked for by a name that was guessed in vain: at once there for others if a list has told the name
/// meanwhile, else when a list calls it ready again.
pub(crate) fn release_unnamed(tx: &mut CatalogTransaction<'_>, id: i64) -> Result<BookState, CatalogError> {
    let sql = "SELECT file_name IS NOT NULL FROM books WHERE id = :id";
    let change = if tx.conn.one(sql, &arguments! { id: id }, |row| row.at(0))? {
        BookChange::Released(ChangeCause::Released)
    } else {
        BookChange::NotListed
    };
    end_claim(tx, id, change)
}

fn end_claim(tx: &mut CatalogTransaction<'_>, id: i64, change: BookChange) -> Result<BookState, CatalogError> {
    let sql = "SELECT barcode, state, resume_state, claimed_by, claim_fence FROM books WHERE id = :id";
    let book = tx.conn.one(sql, &arguments! { id: id }, ReleasedBook::read)?;
    let standing = book.standing;
    let next = tx.next_state(&standing, change);
    tx.conn.execute(
        "UPDATE books SET state = :state, state_at = :now, updated_at = :now, resume_state = NULL, claimed_by = NULL, \
         claim_fence = NULL, lease_until = NULL, lease_from = NULL, lease_to = NULL WHERE id = :id",
        &arguments! { state: next.state, now: tx.stamp, id: id },
    )?;
    if next.state == BookState::Failed {
        tx.count_failure(id)?;
    }
    let note = ChangeNote {
        by: book.owner.as_deref(),
        fence: book.fence.filter(|_| next.cause.is_loss()),
        ..ChangeNote::of(next.cause)
    };
    let change = StateChange {
        from: standing.state,
        to: next.state,
    };
    tx.record_transition(&book.barcode, change, note)?;
    Ok(next.state)
}

/// A book whose claim ends.
struct ReleasedBook {
    barcode: String,
    owner: Option<String>,
    fence: Option<i64>,
    standing: BookStanding,
}

impl ReleasedBook {
    fn read(row: &SqlRow<'_>) -> Result<Self, CatalogError> {
        let resume: Option<BookState> = row.get("resume_state")?;
        Ok(Self {
            barcode: row.get("barcode")?,
            owner: row.get("claimed_by")?,
            fence: row.get("claim_fence")?,
            standing: BookStanding {
                resume: resume.unwrap_or(BookState::Known),
                ..BookStanding::of(row.get("state")?)
            },
        })
    }
}
