//! What came of a claimed book; state, columns, history and totals in one transaction.

use jiff::Timestamp;

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlRow;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::claim::{ClaimToken, release, release_unnamed};
use crate::catalog::lifecycle::counters::CounterKind;
use crate::catalog::lifecycle::history::{ChangeCause, ChangeNote};
use crate::catalog::lifecycle::hooks;
use crate::catalog::lifecycle::next_state::{BookChange, BookStanding, BookTransition};
use crate::catalog::lifecycle::take_back::{TAKEN_BACK_FOR, take_back};
use crate::catalog::observations::dates::READABLE;
use crate::catalog::observations::marc;
use crate::catalog::second_copy;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction, StateChange};
use crate::clock::stamp;
use crate::vocabulary::{BookState, FailureReason, MarcFields};

/// What came of a claimed book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimSettlement {
    /// Its archive is verified and published.
    Stored(Box<StoredBook>),
    /// GRIN has the archive that is stored.
    UpToDate,
    /// GRIN has no archive ready (404): it is to be asked for, which counts as no failure.
    NotConverted,
    /// Try again at this time.
    Retry {
        /// Why.
        reason: FailureReason,
        /// What happened, for people.
        detail: String,
        /// When.
        at: Timestamp,
        /// Whether it counts as a failed attempt of this book.
        counts: bool,
    },
    /// Given up, and tried again at growing intervals unless its bytes are proven bad. A book of which an earlier archive is stored
    /// stays stored.
    Failed {
        /// Why.
        reason: FailureReason,
        /// What happened, for people.
        detail: String,
    },
    /// Released untried (shutdown); at once there for others.
    Released,
    /// GRIN has no archive under a name that was only guessed, which says nothing of the book: the lists tell its name.
    Unnamed,
}

/// An archive that is published.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredBook {
    /// ETag of the encrypted archive.
    pub encrypted_etag: Option<String>,
    /// Size of the encrypted archive in bytes.
    pub encrypted_bytes: Option<u64>,
    /// SHA-256 of the decrypted archive, in hexadecimal digits.
    pub sha256: String,
    /// Size of the decrypted archive in bytes.
    pub archive_bytes: u64,
    /// Pages (images).
    pub page_count: Option<u64>,
    /// Pages with text.
    pub text_pages: Option<u64>,
    /// Whether every page was compared with a listed digest and agreed; `None` if the archive was not looked into.
    pub verified: Option<bool>,
    /// The worst of the findings of the archive's pass.
    pub worst_finding: Option<StoredFinding>,
    /// Where it is published, within the storage.
    pub storage_path: String,
    /// The catalogue record; `None` if none was found or looked for, which leaves an earlier one as it is.
    pub marc: Option<MarcFields>,
}

/// A finding as the catalog keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFinding {
    /// Its code, such as `pages_unverified`.
    pub code: String,
    /// `info`, `warning` or `error`.
    pub level: String,
}

/// Settles a claim.
#[derive(Debug, Clone)]
pub struct SettleClaim {
    /// The claim.
    pub claim: ClaimToken,
    /// What came of it.
    pub settlement: ClaimSettlement,
}

/// Records that the body of a claimed book is being fetched.
#[derive(Debug, Clone)]
pub struct RecordDownloading(pub ClaimToken);

/// A claimed book as it is in the catalog.
pub(super) struct ClaimedRow {
    pub(super) id: i64,
    standing: BookStanding,
    listed_converted: bool,
}

impl ClaimedRow {
    /// The book, if its claim is still this one, or can be taken back.
    pub(super) fn read(tx: &mut CatalogTransaction<'_>, claim: &ClaimToken) -> Result<Self, CatalogError> {
        let found = tx.conn.first(
            "SELECT id, state, ifnull(resume_state, 'known') AS resume, sync_timestamp IS NOT NULL AS stored, \
             listed_converted, failures, ifnull(claimed_by = :owner AND claim_fence = :fence, FALSE) AS is_claimed \
             FROM books WHERE barcode = :barcode /*pg FOR UPDATE*/",
            &arguments! { owner: claim.owner, fence: claim.fence, barcode: claim.barcode },
            |row| Ok(row.get::<bool>("is_claimed")?.then_some(Self::of(row)?)),
        )?;
        match found {
            None => Err(CatalogError::Unknown(claim.barcode.to_string())),
            Some(None) if take_back(tx, claim, TAKEN_BACK_FOR)? => Self::read(tx, claim),
            Some(None) => Err(CatalogError::Stale {
                barcode: claim.barcode.to_string(),
                owner: claim.owner.clone(),
            }),
            Some(Some(book)) => Ok(book),
        }
    }

    fn of(row: &SqlRow<'_>) -> Result<Self, CatalogError> {
        Ok(Self {
            id: row.get("id")?,
            standing: BookStanding {
                resume: row.get("resume")?,
                stored: row.get("stored")?,
                failures: row.get("failures")?,
                ..BookStanding::of(row.get("state")?)
            },
            listed_converted: row.get("listed_converted")?,
        })
    }
}

impl CatalogOperation for RecordDownloading {
    type Output = ();
    const KIND: &'static str = "downloading";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<(), CatalogError> {
        let book = ClaimedRow::read(tx, &self.0)?;
        if book.standing.state == BookState::Downloading {
            return Ok(());
        }
        let next = tx.next_state(&book.standing, BookChange::Downloading);
        tx.conn.execute(
            "UPDATE books SET state = :state, state_at = :now, updated_at = :now WHERE id = :id",
            &arguments! { state: next.state, now: tx.stamp, id: book.id },
        )?;
        let change = StateChange {
            from: book.standing.state,
            to: next.state,
        };
        tx.record_transition(self.0.barcode.as_str(), change, ChangeNote::of(next.cause))
    }
}

impl CatalogOperation for SettleClaim {
    /// The state in which the book is now.
    type Output = BookState;
    const KIND: &'static str = "settle";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<BookState, CatalogError> {
        let book = ClaimedRow::read(tx, &self.claim)?;
        let settling = Settling {
            barcode: self.claim.barcode.as_str(),
            book,
        };
        match &self.settlement {
            ClaimSettlement::Stored(stored) => settling.store(tx, stored),
            ClaimSettlement::UpToDate => settling.up_to_date(tx),
            ClaimSettlement::NotConverted => settling.not_converted(tx),
            ClaimSettlement::Retry {
                reason,
                detail,
                at,
                counts,
            } => settling.retry(
                tx,
                Trouble {
                    reason: *reason,
                    detail,
                },
                *at,
                *counts,
            ),
            ClaimSettlement::Failed { reason, detail } => settling.fail(
                tx,
                Trouble {
                    reason: *reason,
                    detail,
                },
            ),
            ClaimSettlement::Released => release(tx, settling.book.id, ChangeCause::Released),
            ClaimSettlement::Unnamed => release_unnamed(tx, settling.book.id),
        }
    }
}

/// What every settlement writes: the claim is over.
pub(super) const OVER: &str = "UPDATE books SET state = :state, state_at = :now, updated_at = :now, resume_state = NULL, \
                    claimed_by = NULL, claim_fence = NULL, lease_until = NULL, lease_from = NULL, lease_to = NULL, \
                    next_attempt_at = CASE WHEN :keep THEN next_attempt_at ELSE :due END, ";
/// Store and catalog agree about this book.
const AGREED: &str = "publishing_sha256 = NULL, publishing_etag = NULL, ";

/// Why a book was not stored: a word and a sentence.
#[derive(Debug, Clone, Copy)]
struct Trouble<'a> {
    reason: FailureReason,
    detail: &'a str,
}

struct Settling<'a> {
    barcode: &'a str,
    book: ClaimedRow,
}

impl Settling<'_> {
    fn next(&self, tx: &CatalogTransaction<'_>, change: BookChange) -> BookTransition {
        tx.next_state(&self.book.standing, change)
    }

    fn record(
        &self,
        tx: &mut CatalogTransaction<'_>,
        next: BookTransition,
        note: ChangeNote<'_>,
    ) -> Result<BookState, CatalogError> {
        let change = StateChange {
            from: self.book.standing.state,
            to: next.state,
        };
        tx.record_transition(self.barcode, change, note)?;
        Ok(next.state)
    }

    fn store(&self, tx: &mut CatalogTransaction<'_>, stored: &StoredBook) -> Result<BookState, CatalogError> {
        let next = self.next(tx, BookChange::Stored);
        write_stored(tx, self.book.id, next, stored)?;
        hooks::is_due(tx, self.book.id)?;
        let day = tx.day().to_owned();
        tx.totals.add(CounterKind::StoredOn, &day, 1);
        tx.totals.add(
            CounterKind::BytesOn,
            &day,
            i64::try_from(stored.archive_bytes).unwrap_or(i64::MAX),
        );
        let note = ChangeNote {
            etag: stored.encrypted_etag.as_deref(),
            sha256: Some(&stored.sha256),
            ..ChangeNote::of(next.cause)
        };
        self.record(tx, next, note)
    }

    fn up_to_date(&self, tx: &mut CatalogTransaction<'_>) -> Result<BookState, CatalogError> {
        let next = self.next(tx, BookChange::UpToDate);
        let (keep, due) = next.due.column();
        tx.conn.execute(
            &format!(
                "{OVER}{AGREED}attempts = 0, failures = 0, failure_reason = NULL, failure_detail = NULL, \
                 requested_for = NULL, judged_converted_date = {READABLE}, last_etag_check = :now WHERE id = :id"
            ),
            &arguments! {
                id: self.book.id, now: tx.stamp, state: next.state, keep: keep, due: due,
            },
        )?;
        let day = tx.day().to_owned();
        tx.totals.add(CounterKind::UnchangedOn, &day, 1);
        self.record(tx, next, ChangeNote::of(next.cause))
    }

    /// The archive is not there (any more). What is stored stays so; anything else waits for its conversion.
    fn not_converted(&self, tx: &mut CatalogTransaction<'_>) -> Result<BookState, CatalogError> {
        let next = self.next(tx, BookChange::NotConverted);
        let (keep, due) = next.due.column();
        let stored = self.book.standing.stored;
        let was_there = self.book.listed_converted || self.book.standing.resume == BookState::Available;
        tx.conn.execute(
            &format!(
                "{OVER}{AGREED}failure_reason = NULL, failure_detail = NULL, listed_converted = 0, absent_at = :now, pushed_out = pushed_out + :pushed_out, \
                 last_etag_check = CASE WHEN :stored THEN :now ELSE last_etag_check END WHERE id = :id"
            ),
            &arguments! {
                id: self.book.id, now: tx.stamp, state: next.state, keep: keep, due: due,
                pushed_out: was_there && !stored, stored: stored,
            },
        )?;
        self.record(tx, next, ChangeNote::of(next.cause))
    }

    fn retry(
        &self,
        tx: &mut CatalogTransaction<'_>,
        trouble: Trouble<'_>,
        at: Timestamp,
        counts: bool,
    ) -> Result<BookState, CatalogError> {
        let next = self.next(tx, BookChange::Retry(at));
        let (keep, due) = next.due.column();
        let detail = cut(trouble.detail);
        tx.conn.execute(
            &format!(
                "{OVER}attempts = attempts + :counts, failure_reason = :reason, failure_detail = :detail WHERE id = :id"
            ),
            &arguments! {
                id: self.book.id, now: tx.stamp, state: next.state, keep: keep, due: due,
                counts: counts, reason: trouble.reason.as_str(), detail: detail,
            },
        )?;
        let at = stamp(at);
        let note = ChangeNote {
            reason: Some(trouble.reason.as_str()),
            detail: Some(detail),
            next: Some(&at),
            ..ChangeNote::of(next.cause)
        };
        self.record(tx, next, note)
    }

    fn fail(&self, tx: &mut CatalogTransaction<'_>, trouble: Trouble<'_>) -> Result<BookState, CatalogError> {
        let next = self.next(tx, BookChange::Failed(trouble.reason));
        let (keep, due) = next.due.column();
        let detail = cut(trouble.detail);
        tx.conn.execute(
            &format!(
                "{OVER}{AGREED}attempts = attempts + 1, failures = failures + 1, failure_reason = :reason, \
                 failure_detail = :detail, judged_converted_date = {READABLE}, \
                 last_etag_check = CASE WHEN sync_timestamp IS NULL THEN last_etag_check ELSE :now END WHERE id = :id"
            ),
            &arguments! {
                id: self.book.id, now: tx.stamp, state: next.state, keep: keep, due: due,
                reason: trouble.reason.as_str(), detail: detail,
            },
        )?;
        let day = tx.day().to_owned();
        tx.totals.add(CounterKind::FailedOn, &day, 1);
        if next.state == BookState::Failed {
            tx.totals.add(CounterKind::Failure, trouble.reason.as_str(), 1);
        }
        let note = ChangeNote {
            reason: Some(trouble.reason.as_str()),
            detail: Some(detail),
            next: due.as_deref(),
            ..ChangeNote::of(next.cause)
        };
        self.record(tx, next, note)
    }
}

/// Writes what is stored of a book over what was, in one statement: a claim that it had is over.
pub(crate) fn write_stored(
    tx: &mut CatalogTransaction<'_>,
    id: i64,
    next: BookTransition,
    stored: &StoredBook,
) -> Result<(), CatalogError> {
    let (keep, due) = next.due.column();
    let finding = stored.worst_finding.as_ref();
    marc::replace(tx.conn, id, stored, &tx.stamp)?;
    tx.conn.execute(
        &format!(
            "{OVER}{AGREED}attempts = 0, failures = 0, failure_reason = NULL, failure_detail = NULL, absent_at = NULL, \
             requested_for = NULL, conversion_asks = 0, conversion_failures = 0, judged_converted_date = {READABLE}, \
             encrypted_etag = :etag, encrypted_bytes = :encrypted_bytes, sha256 = :sha256, archive_bytes = :bytes, \
             page_count = :pages, text_pages = :text_pages, verified = :verified, worst_finding = :finding, \
             worst_finding_level = :level, storage_path = :path, is_decrypted = 1, sync_timestamp = :now, \
             last_etag_check = :now, checked_at = NULL, check_outcome = NULL WHERE id = :id"
        ),
        &arguments! {
            id: id, now: tx.stamp, state: next.state, keep: keep, due: due,
            etag: stored.encrypted_etag,
            encrypted_bytes: stored.encrypted_bytes,
            sha256: stored.sha256,
            bytes: stored.archive_bytes,
            pages: stored.page_count,
            text_pages: stored.text_pages,
            verified: stored.verified,
            finding: finding.map(|finding| &finding.code),
            level: finding.map(|finding| &finding.level),
            path: stored.storage_path,
        },
    )?;
    second_copy::is_due(tx, id)
}

/// Words that may come from outside are kept to a size that a person reads.
fn cut(words: &str) -> &str {
    const MOST: usize = 2_000;
    &words[..words.floor_char_boundary(MOST)]
}
