//! A stub of workers, catalog and storage: books with a fate, and outages.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::*;
use crate::archive::ArchiveError;
use crate::catalog::{
    BookSelection, ClaimBooks, ClaimSettlement, ClaimToken, KeptCopy, PutOffBook, RecordDoubtfulPublication,
    RenewClaims, SettleClaim, StoredBook,
};
use crate::clock::SystemClock;
use crate::grin::Barcode;
use crate::pipeline::PublishedVolume;
use crate::pipeline::membership::LibraryMembership;
use crate::pipeline::workers::{CheckBook, CheckResult, DownloadBook, DownloadResult, SecretStamps};
use crate::vocabulary::{Blame, BookState};

/// What becomes of each download of a book.
#[derive(Debug, Clone)]
pub enum Fate {
    Good,
    Fails(BookFault),
    Panics,
    /// One fault after the other, and good then.
    FailsAtFirst(Vec<BookFault>),
    Hangs,
    /// GRIN answers 404 for so long, and good then.
    Missing(Duration),
    /// Good, and so long on its way.
    Slow(Duration),
}

#[derive(Debug, Clone)]
pub struct StubBook {
    pub fate: Fate,
    pub due: Instant,
    pub attempts: u32,
    pub served: usize,
    pub asked: Vec<Instant>,
    /// Moments at which it was due, each with the moment at which it was asked for.
    pub waits: Vec<Range<Instant>>,
    pub first_counted: Option<Instant>,
    pub claimed: Option<i64>,
    pub cancelled: bool,
    pub end: Option<BookOutcome>,
    pub ended: Option<Instant>,
}

pub struct LibraryStub {
    pub books: RefCell<BTreeMap<String, StubBook>>,
    pub outages: RefCell<Vec<(WaitCause, Range<Instant>)>>,
    pub began: Instant,
    /// Requests that GRIN's pause did not let through.
    pub refused: Cell<u32>,
    /// The catalog takes no end of a claim, and does not say so.
    pub keeps_claims: Cell<bool>,
    pub secrets: Vec<PathBuf>,
    fence: RefCell<i64>,
    membership: LibraryMembership,
    /// What else a whole run did, by tokio's clock.
    tasks: RefCell<Vec<(StubTask, Instant)>>,
    /// The copies that were made, by the catalog's clock.
    pub copies: RefCell<Vec<(KeptCopy, Timestamp)>>,
}

/// What a whole run does besides books, where it came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StubTask {
    AllBooks,
    ShortList,
    Facts,
    Conversions,
    Copy(KeptCopy),
}

impl LibraryStub {
    pub fn new() -> Self {
        Self {
            books: RefCell::default(),
            outages: RefCell::default(),
            began: Instant::now(),
            refused: Cell::default(),
            keeps_claims: Cell::default(),
            secrets: Vec::new(),
            fence: RefCell::default(),
            membership: LibraryMembership::of_tests(),
            tasks: RefCell::default(),
            copies: RefCell::default(),
        }
    }

    /// The program of this clock begins, and is its only member.
    pub fn join(&mut self, clock: &SystemClock) {
        let month = Duration::from_secs(40 * 24 * 3_600);
        self.membership = LibraryMembership::of_tests_for(clock.clone(), month);
    }

    /// As the catalog does when a program has ended without a word.
    pub fn free_claims(&self) {
        self.books
            .borrow_mut()
            .values_mut()
            .for_each(|book| book.claimed = None);
    }

    pub fn note(&self, task: StubTask) {
        self.tasks.borrow_mut().push((task, Instant::now()));
    }

    /// When this was done.
    pub fn done(&self, task: StubTask) -> Vec<Instant> {
        let tasks = self.tasks.borrow();
        tasks
            .iter()
            .filter(|(done, _)| *done == task)
            .map(|(_, at)| *at)
            .collect()
    }

    pub fn add(&self, code: &str, fate: Fate, after: Duration) {
        let book = StubBook {
            fate,
            due: self.began + after,
            attempts: 0,
            served: 0,
            asked: Vec::new(),
            waits: Vec::new(),
            first_counted: None,
            claimed: None,
            cancelled: false,
            end: None,
            ended: None,
        };
        self.books.borrow_mut().insert(code.to_owned(), book);
    }

    pub fn outage(&self, cause: WaitCause, after: Duration, length: Duration) {
        let from = self.began + after;
        self.outages.borrow_mut().push((cause, from..from + length));
    }

    pub fn is_out(&self, cause: WaitCause) -> bool {
        let now = Instant::now();
        let outages = self.outages.borrow();
        outages
            .iter()
            .any(|(other, range)| *other == cause && range.contains(&now))
    }

    /// The session's gate: whoever would have to wait for long is refused at once.
    async fn gate(&self, until: Instant) -> Result<(), BookFault> {
        let wait = until - Instant::now();
        if wait <= Duration::from_secs(600) {
            sleep(wait).await;
            return Ok(());
        }
        self.refused.update(|refused| refused + 1);
        Err((&SessionError::Throttled {
            status: Some(503),
            retry_after: Some(wait),
            longest: Some(Duration::from_secs(600)),
        })
            .into())
    }

    /// When GRIN takes requests again, if it takes none now.
    fn gate_opens_at(&self) -> Option<Instant> {
        let now = Instant::now();
        let outages = self.outages.borrow();
        let closed = outages
            .iter()
            .filter(|(cause, range)| *cause == WaitCause::Gate && range.contains(&now));
        closed.map(|(_, range)| range.end).max()
    }

    pub fn catalog(&self) -> Result<(), CatalogError> {
        match self.is_out(WaitCause::Catalog) {
            true => Err(CatalogError::Busy),
            false => Ok(()),
        }
    }

    pub fn count(&self, outcome: BookOutcome) -> usize {
        let books = self.books.borrow();
        books.values().filter(|book| book.end == Some(outcome)).count()
    }

    pub fn stored(&self) -> usize {
        self.count(BookOutcome::Stored)
    }

    pub fn is_stored(&self, code: &str) -> bool {
        self.books.borrow()[code].end == Some(BookOutcome::Stored)
    }

    pub fn failed(&self) -> usize {
        self.count(BookOutcome::Failed)
    }

    pub fn asked(&self, code: &str) -> usize {
        self.books.borrow()[code].asked.len()
    }

    pub fn claimed(&self) -> Vec<String> {
        let books = self.books.borrow();
        let claimed = books.iter().filter(|(_, book)| book.claimed.is_some());
        claimed.map(|(code, _)| code.clone()).collect()
    }

    pub fn lose_claims(&self) {
        self.books
            .borrow_mut()
            .values_mut()
            .for_each(|book| book.claimed = Some(-1));
    }

    pub fn was_cancelled(&self, code: &str) -> bool {
        self.books.borrow()[code].cancelled
    }

    pub fn longest_wait_of_a_good_book(&self) -> Duration {
        let books = self.books.borrow();
        let good = books.values().filter(|book| matches!(book.fate, Fate::Good));
        let waits = good.flat_map(|book| book.waits.iter().map(|wait| wait.end - wait.start));
        waits.max().unwrap_or_default()
    }

    /// How long after this moment the last book was stored.
    pub fn last_stored_after(&self, moment: Duration) -> Duration {
        let books = self.books.borrow();
        let last = books.values().filter_map(|book| book.ended).max().unwrap();
        last.saturating_duration_since(self.began + moment)
    }

    /// When the last good book was stored, from the beginning.
    pub fn last_good_stored(&self) -> Duration {
        let books = self.books.borrow();
        let good = books.values().filter(|book| matches!(book.fate, Fate::Good));
        good.filter_map(|book| book.ended).max().unwrap() - self.began
    }

    fn asked_now(&self, code: &str) -> Fate {
        let mut books = self.books.borrow_mut();
        let book = books.get_mut(code).unwrap();
        let now = Instant::now();
        assert!(book.due <= now, "{code} is asked for before its time");
        book.waits.push(book.due..now);
        book.asked.push(now);
        book.fate.clone()
    }

    /// Answers about this book that an outage did not take the place of, before this one.
    fn served(&self, code: &str) -> usize {
        let mut books = self.books.borrow_mut();
        let book = books.get_mut(code).unwrap();
        book.served += 1;
        book.served - 1
    }

    fn settled(&self, code: &str, settlement: ClaimSettlement) {
        let mut books = self.books.borrow_mut();
        let book = books.get_mut(code).unwrap();
        let now = Instant::now();
        book.claimed = None;
        match settlement {
            ClaimSettlement::Stored(_) => (book.end, book.ended) = (Some(BookOutcome::Stored), Some(now)),
            ClaimSettlement::Failed { .. } => {
                assert!(!matches!(book.fate, Fate::Good), "{code} is good");
                (book.end, book.ended) = (Some(BookOutcome::Failed), Some(now));
                book.due = now + Duration::from_secs(3 * 24 * 3_600);
                book.attempts += 1;
            }
            ClaimSettlement::Retry { at, counts, .. } => {
                let delay = at.duration_since(Timestamp::now()).try_into().unwrap_or_default();
                book.due = now + delay;
                book.attempts += u32::from(counts);
                if counts {
                    book.first_counted.get_or_insert(now);
                }
            }
            ClaimSettlement::NotConverted => (book.end, book.ended) = (Some(BookOutcome::NotConverted), Some(now)),
            ClaimSettlement::Released => book.due = now,
            other => panic!("{code}: {other:?}"),
        }
    }
}

impl BookServices for LibraryStub {
    async fn check(&self, _ask: CheckBook, _cx: &AskContext) -> Result<CheckResult, BookFault> {
        Ok(CheckResult::Download)
    }

    async fn download(&self, ask: DownloadBook, cx: &AskContext) -> Result<DownloadResult, BookFault> {
        let code = ask.barcode.as_str();
        let fate = self.asked_now(code);
        if let Some(until) = self.gate_opens_at() {
            self.gate(until).await?;
        }
        let body = match fate {
            Fate::Slow(body) => body,
            _ => Duration::from_millis(200),
        };
        sleep(body).await;
        if self.is_out(WaitCause::Grin) {
            return Err((&SessionError::Reset).into());
        }
        if self.is_out(WaitCause::Token) {
            let why = "the token address is down".to_owned();
            return Err((&SessionError::TokenUnavailable { why }).into());
        }
        if self.is_out(WaitCause::Failures) {
            return Err((&ArchiveError::NotAnArchive { looks_like: "html" }).into());
        }
        let fate = match fate {
            Fate::FailsAtFirst(faults) => match faults.get(self.served(code)) {
                Some(fault) => Fate::Fails(fault.clone()),
                None => Fate::Good,
            },
            fate => fate,
        };
        match fate {
            Fate::Good if self.is_out(WaitCause::Storage) => Err((&StorageError::Broken).into()),
            Fate::Good if self.is_out(WaitCause::Disk) => {
                let (place, detail) = ("/library".to_owned(), "nothing is free".to_owned());
                Err((&StorageError::Full { place, detail }).into())
            }
            Fate::Missing(length) if self.began.elapsed() < length => Ok(DownloadResult::NotConverted),
            Fate::Good | Fate::Missing(_) | Fate::Slow(_) => Ok(DownloadResult::Stored(Box::<StoredBook>::default())),
            Fate::Fails(fault) => Err(fault),
            Fate::FailsAtFirst(_) | Fate::Panics => panic!("a panic, for the test"),
            Fate::Hangs => {
                cx.cancelled().await;
                self.books.borrow_mut().get_mut(code).unwrap().cancelled = true;
                std::future::pending().await
            }
        }
    }

    async fn reconcile(&self, _book: &ClaimedBook) -> Result<Option<PublishedVolume>, BookFault> {
        Ok(None)
    }

    async fn record_downloading(&self, _claim: ClaimToken, _cx: &AskContext) -> Result<(), CatalogError> {
        self.catalog()
    }

    async fn settle(&self, settle: SettleClaim) -> Result<(), CatalogError> {
        self.catalog()?;
        if self.keeps_claims.get() {
            std::future::pending::<()>().await;
        }
        let code = settle.claim.barcode.as_str();
        if self.books.borrow()[code].claimed != Some(settle.claim.fence) {
            return Err(CatalogError::Stale {
                barcode: code.into(),
                owner: settle.claim.owner,
            });
        }
        self.settled(code, settle.settlement);
        Ok(())
    }

    async fn record_doubt(&self, _doubt: RecordDoubtfulPublication) -> Result<(), CatalogError> {
        self.catalog()
    }

    async fn claim(&self, claim: ClaimBooks) -> Result<Vec<ClaimedBook>, CatalogError> {
        self.catalog()?;
        let now = Instant::now();
        let mut fence = self.fence.borrow_mut();
        let mut books = self.books.borrow_mut();
        let except = &claim.selection.except;
        let ready = books.iter_mut().filter(|(code, book)| {
            !except.contains(code.as_str()) && book.end.is_none() && book.claimed.is_none() && book.due <= now
        });
        let mut claimed = Vec::new();
        for (code, book) in ready.take(claim.limit) {
            *fence += 1;
            book.claimed = Some(*fence);
            claimed.push(ClaimedBook {
                claim: ClaimToken {
                    barcode: Barcode::parse(code).unwrap(),
                    owner: claim.owner.clone(),
                    fence: *fence,
                },
                file_name: None,
                state: BookState::Available,
                path: None,
                stored: None,
                publishing: None,
                attempts: book.attempts,
                listed_converted: true,
                name_to_come: false,
                title: None,
            });
        }
        Ok(claimed)
    }

    async fn renew(&self, renew: RenewClaims) -> Result<Vec<ClaimToken>, CatalogError> {
        self.catalog()?;
        let books = self.books.borrow();
        let is_lost = |claim: &ClaimToken| books[claim.barcode.as_str()].claimed != Some(claim.fence);
        Ok(renew.claims.into_iter().filter(is_lost).collect())
    }

    async fn put_off(&self, selection: BookSelection, limit: usize) -> Result<Vec<PutOffBook>, CatalogError> {
        self.catalog()?;
        let now = Instant::now();
        let books = self.books.borrow();
        let is_put_off = |book: &StubBook| matches!(book.end, None | Some(BookOutcome::Failed)) && book.due > now;
        let mut waiting: Vec<_> = books.iter().filter(|(_, book)| is_put_off(book)).collect();
        waiting.retain(|(code, _)| !selection.except.contains(code.as_str()));
        waiting.sort_by_key(|(_, book)| book.due);
        let put_off = waiting.into_iter().take(limit).map(|(code, book)| PutOffBook {
            barcode: Barcode::parse(code).unwrap(),
            reason: Some(FailureReason::Forbidden),
            detail: String::new(),
            until: Timestamp::now() + (book.due - now),
        });
        Ok(put_off.collect())
    }

    async fn count(&self, _state: BookState) -> Result<u64, CatalogError> {
        self.catalog()?;
        let books = self.books.borrow();
        Ok(books.values().filter(|book| book.end.is_none()).count() as u64)
    }

    async fn check_storage(&self) -> Result<(), StorageError> {
        if self.is_out(WaitCause::Storage) {
            return Err(StorageError::Broken);
        }
        match self.is_out(WaitCause::Disk) {
            true => Err(StorageError::Full {
                place: "/library".into(),
                detail: "nothing is free".into(),
            }),
            false => Ok(()),
        }
    }

    async fn confirm_storage(&self) -> Result<(), BookFault> {
        let place = "/library".to_owned();
        match self.is_out(WaitCause::Mount) {
            true => Err((&StorageError::NotOurs {
                place,
                detail: "it has no marker".into(),
            })
                .into()),
            false => Ok(()),
        }
    }

    fn secrets(&self) -> SecretStamps {
        SecretStamps::of(&self.secrets)
    }

    fn workers(&self) -> usize {
        4
    }

    fn membership(&self) -> &LibraryMembership {
        &self.membership
    }
}

/// Whose fault a stub's fate is.
pub fn blame(fate: &Fate) -> Option<Blame> {
    match fate {
        Fate::Fails(fault) => Some(fault.blame),
        Fate::Panics => Some(Blame::Book),
        Fate::Good | Fate::FailsAtFirst(_) | Fate::Hangs | Fate::Missing(_) | Fate::Slow(_) => None,
    }
}
