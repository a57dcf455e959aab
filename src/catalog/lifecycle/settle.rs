//! What came of a claimed book; state, columns, history and totals in one transaction.

use jiff::Timestamp;
use rusqlite::OptionalExtension as _;

use crate::catalog::CatalogError;
use crate::catalog::lifecycle::claim::{ClaimToken, release};
use crate::catalog::lifecycle::history::{ChangeCause, ChangeNote};
use crate::catalog::lifecycle::tallies::TallyKind;
use crate::catalog::observations::dates::READABLE;
use crate::catalog::observations::marc;
use crate::catalog::observations::marc::MarcColumns;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::clock::stamp;
use crate::vocabulary::{BookState, FailureReason};

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
    /// Given up. A book of which an earlier archive is stored stays stored.
    Failed {
        /// Why.
        reason: FailureReason,
        /// What happened, for people.
        detail: String,
    },
    /// Given back untried (shutdown); at once there for others.
    HandedBack,
}

/// An archive that is home.
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
    /// Where it is published, within the storage.
    pub storage_path: String,
    /// The catalogue record; `None` if none was found or looked for, which leaves an earlier one as it is.
    pub marc: Option<MarcColumns>,
}

/// Settles a claim.
#[derive(Debug, Clone)]
pub struct SettleClaim {
    /// The claim.
    pub held: ClaimToken,
    /// What came of it.
    pub settlement: ClaimSettlement,
}

/// Notes that the body of a claimed book is being fetched.
#[derive(Debug, Clone)]
pub struct RecordDownloading(pub ClaimToken);

/// A claimed book as it is in the catalog.
struct Book {
    id: i64,
    state: BookState,
    resume: BookState,
    stored: bool,
    listed_converted: bool,
}

impl Book {
    /// Where it stands if it was not brought home; given up before and now worth another look, it is no longer given up.
    fn untried(&self) -> BookState {
        match self.resume {
            BookState::Failed => BookState::Available,
            other => other,
        }
    }

    /// The book, if its claim is still this one.
    fn held(tx: &CatalogTransaction<'_>, held: &ClaimToken) -> Result<Self, CatalogError> {
        let found = tx
            .conn
            .prepare_cached(
                "SELECT id, state, ifnull(resume_state, 'known'), sync_timestamp IS NOT NULL, listed_converted, \
                 claimed_by = ?2 AND claim_fence = ?3 FROM books WHERE barcode = ?1",
            )?
            .query_row((held.barcode.as_str(), &held.owner, held.fence), |row| {
                let book = Self {
                    id: row.get(0)?,
                    state: row.get(1)?,
                    resume: row.get(2)?,
                    stored: row.get(3)?,
                    listed_converted: row.get(4)?,
                };
                Ok((book, row.get::<_, Option<bool>>(5)?.unwrap_or(false)))
            });
        match found.optional()? {
            None => Err(CatalogError::Unknown(held.barcode.to_string())),
            Some((_, false)) => Err(CatalogError::Stale {
                barcode: held.barcode.to_string(),
                owner: held.owner.clone(),
            }),
            Some((book, true)) => Ok(book),
        }
    }
}

impl CatalogOperation for RecordDownloading {
    type Output = ();
    const KIND: &'static str = "downloading";

    fn run(self, tx: &mut CatalogTransaction<'_>) -> Result<(), CatalogError> {
        let book = Book::held(tx, &self.0)?;
        if book.state == BookState::Downloading {
            return Ok(());
        }
        tx.conn
            .prepare_cached("UPDATE books SET state = 'downloading', state_at = ?2, updated_at = ?2 WHERE id = ?1")?
            .execute((book.id, &tx.stamp))?;
        let way = (book.state, BookState::Downloading);
        tx.moved_with(self.0.barcode.as_str(), way, ChangeNote::of(ChangeCause::Downloading))
    }
}

impl CatalogOperation for SettleClaim {
    /// The state in which the book is now.
    type Output = BookState;
    const KIND: &'static str = "settle";

    fn run(self, tx: &mut CatalogTransaction<'_>) -> Result<BookState, CatalogError> {
        let book = Book::held(tx, &self.held)?;
        let barcode = self.held.barcode.as_str();
        match &self.settlement {
            ClaimSettlement::Stored(stored) => store(tx, &book, barcode, stored),
            ClaimSettlement::UpToDate => up_to_date(tx, &book, barcode),
            ClaimSettlement::NotConverted => not_converted(tx, &book, barcode),
            ClaimSettlement::Retry {
                reason,
                detail,
                at,
                counts,
            } => retry(tx, &book, barcode, (reason.as_str(), detail, *at, *counts)),
            ClaimSettlement::Failed { reason, detail } => fail(tx, &book, barcode, (reason.as_str(), detail)),
            ClaimSettlement::HandedBack => {
                release(tx, book.id, ChangeCause::HandedBack)?;
                Ok(book.resume)
            }
        }
    }
}

/// What every settlement writes: the claim is over.
const OVER: &str = "UPDATE books SET state = ?3, state_at = ?2, updated_at = ?2, resume_state = NULL, \
                    claimed_by = NULL, claim_fence = NULL, lease_until = NULL, ";

fn store(
    tx: &mut CatalogTransaction<'_>,
    book: &Book,
    barcode: &str,
    stored: &StoredBook,
) -> Result<BookState, CatalogError> {
    let state = BookState::Stored;
    tx.conn
        .prepare_cached(&format!(
            "{OVER} next_attempt_at = NULL, attempts = 0, failure_reason = NULL, failure_detail = NULL, absent_at = NULL, \
             requested_for = NULL, conversion_asks = 0, conversion_failures = 0, judged_converted_date = {READABLE}, \
             encrypted_etag = ?4, encrypted_bytes = ?5, sha256 = ?6, archive_bytes = ?7, page_count = ?8, text_pages = ?9, \
             storage_path = ?10, is_decrypted = 1, sync_timestamp = ?2, last_etag_check = ?2 WHERE id = ?1"
        ))?
        .execute((
            book.id,
            &tx.stamp,
            state,
            &stored.encrypted_etag,
            stored.encrypted_bytes,
            &stored.sha256,
            stored.archive_bytes,
            stored.page_count,
            stored.text_pages,
            &stored.storage_path,
        ))?;
    if let Some(record) = &stored.marc {
        marc::write(tx.conn, book.id, record, &tx.stamp)?;
    }
    let day = tx.day().to_owned();
    tx.totals.add(TallyKind::StoredOn, &day, 1);
    tx.totals.add(
        TallyKind::BytesOn,
        &day,
        i64::try_from(stored.archive_bytes).unwrap_or(i64::MAX),
    );
    let note = ChangeNote {
        etag: stored.encrypted_etag.as_deref(),
        sha256: Some(&stored.sha256),
        ..ChangeNote::of(ChangeCause::Stored)
    };
    tx.moved_with(barcode, (book.state, state), note)?;
    Ok(state)
}

fn up_to_date(tx: &mut CatalogTransaction<'_>, book: &Book, barcode: &str) -> Result<BookState, CatalogError> {
    let state = if book.stored { BookState::Stored } else { book.untried() };
    tx.conn
        .prepare_cached(&format!(
            "{OVER} next_attempt_at = NULL, attempts = 0, failure_reason = NULL, failure_detail = NULL, \
             requested_for = NULL, judged_converted_date = {READABLE}, last_etag_check = ?2 WHERE id = ?1"
        ))?
        .execute((book.id, &tx.stamp, state))?;
    let day = tx.day().to_owned();
    tx.totals.add(TallyKind::UnchangedOn, &day, 1);
    tx.moved_with(barcode, (book.state, state), ChangeNote::of(ChangeCause::UpToDate))?;
    Ok(state)
}

/// The archive is not there (any more). What is stored stays so; anything else waits for its conversion.
fn not_converted(tx: &mut CatalogTransaction<'_>, book: &Book, barcode: &str) -> Result<BookState, CatalogError> {
    let state = if book.stored {
        BookState::Stored
    } else {
        BookState::Known
    };
    let was_there = book.listed_converted || book.resume == BookState::Available;
    tx.conn
        .prepare_cached(&format!(
            "{OVER} next_attempt_at = NULL, listed_converted = 0, absent_at = ?2, pushed_out = pushed_out + ?4, \
             last_etag_check = CASE WHEN ?5 THEN ?2 ELSE last_etag_check END WHERE id = ?1"
        ))?
        .execute((book.id, &tx.stamp, state, was_there && !book.stored, book.stored))?;
    tx.moved_with(barcode, (book.state, state), ChangeNote::of(ChangeCause::NotConverted))?;
    Ok(state)
}

fn retry(
    tx: &mut CatalogTransaction<'_>,
    book: &Book,
    barcode: &str,
    (reason, detail, at, counts): (&str, &str, Timestamp, bool),
) -> Result<BookState, CatalogError> {
    let state = book.untried();
    let next = stamp(at);
    tx.conn
        .prepare_cached(&format!(
            "{OVER} next_attempt_at = ?4, attempts = attempts + ?5, failure_reason = ?6, failure_detail = ?7 WHERE id = ?1"
        ))?
        .execute((book.id, &tx.stamp, state, &next, counts, reason, cut(detail)))?;
    let note = ChangeNote {
        reason: Some(reason),
        detail: Some(cut(detail)),
        next: Some(&next),
        ..ChangeNote::of(ChangeCause::Retry)
    };
    tx.moved_with(barcode, (book.state, state), note)?;
    Ok(state)
}

fn fail(
    tx: &mut CatalogTransaction<'_>,
    book: &Book,
    barcode: &str,
    (reason, detail): (&str, &str),
) -> Result<BookState, CatalogError> {
    let state = if book.stored {
        BookState::Stored
    } else {
        BookState::Failed
    };
    tx.conn
        .prepare_cached(&format!(
            "{OVER} next_attempt_at = NULL, attempts = attempts + 1, failure_reason = ?4, failure_detail = ?5, \
             judged_converted_date = {READABLE}, \
             last_etag_check = CASE WHEN sync_timestamp IS NULL THEN last_etag_check ELSE ?2 END WHERE id = ?1"
        ))?
        .execute((book.id, &tx.stamp, state, reason, cut(detail)))?;
    let day = tx.day().to_owned();
    tx.totals.add(TallyKind::FailedOn, &day, 1);
    if state == BookState::Failed {
        tx.totals.add(TallyKind::Failure, reason, 1);
    }
    let note = ChangeNote {
        reason: Some(reason),
        detail: Some(cut(detail)),
        ..ChangeNote::of(ChangeCause::Failed)
    };
    tx.moved_with(barcode, (book.state, state), note)?;
    Ok(state)
}

/// Words that may come from outside are kept to a size that a person reads.
fn cut(words: &str) -> &str {
    const MOST: usize = 2_000;
    &words[..words.floor_char_boundary(MOST)]
}
