//! The claims of the fan-out: claimed ahead, being worked on, renewed, released.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, warn};

use crate::actor::AskContext;
use crate::catalog::{
    BookSelection, CatalogError, ClaimBooks, ClaimSettlement, ClaimToken, ClaimedBook, RenewClaims, SettleClaim,
};
use crate::grin::Barcode;
use crate::log::CountedNoun;
use crate::pipeline::book_run::BookRunResult;
use crate::pipeline::book_services::BookServices;
use crate::pipeline::fan_out::FanOut;
use crate::pipeline::policy::BOOKS_AFTER_CUT;
use crate::pipeline::supervisor::WorkOptions;
use crate::vocabulary::{BookOutcome, BookState, WaitCause, WaitReason};

/// Claimed ahead of the workers, so that none waits for the catalog.
const AHEAD: usize = 32;
/// How long the catalog is asked to release what was only claimed; what is left expires or is freed at the next start.
const RELEASING: Duration = Duration::from_secs(10);
/// Claims that could not be renewed are tried again after this.
const RENEW_AGAIN: Duration = Duration::from_secs(15);

/// Books that are claimed and not settled.
pub(super) struct ClaimedBooks {
    ahead: VecDeque<ClaimedBook>,
    /// What is worked on, to renew its claims, and to cut what was lost.
    working: HashMap<Barcode, ClaimedWork>,
    taken: u64,
    renew_at: Instant,
}

/// A claimed book that is worked on.
pub(super) struct ClaimedWork {
    pub claim: ClaimToken,
    /// Cancelled when the claim is lost.
    pub cx: AskContext,
    /// The catalog is told what came of the book.
    pub settling: Rc<Cell<bool>>,
}

/// What it means that the catalog has no such claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LostClaim {
    /// Somebody else may have the book by now: nothing that came of it would be recorded, so nothing more is done for it.
    Expired,
    /// Its end is recorded, or is refused with the reason, before the book's run is heard of.
    Settled,
}

/// `settling`: whether the catalog is told what came of the book; `None`: nothing is done for it yet.
fn lost_claim(settling: Option<bool>) -> LostClaim {
    match settling {
        Some(true) => LostClaim::Settled,
        Some(false) | None => LostClaim::Expired,
    }
}

impl ClaimedBooks {
    pub fn new(lease: Duration) -> Self {
        Self {
            ahead: VecDeque::new(),
            working: HashMap::new(),
            taken: 0,
            renew_at: Instant::now() + lease / 3,
        }
    }

    pub fn renew_at(&self) -> Instant {
        self.renew_at
    }

    /// Renews as soon as it can.
    pub fn renew_now(&mut self) {
        self.renew_at = Instant::now();
    }

    /// Books that count towards the limit of the run.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    pub fn is_empty(&self) -> bool {
        self.ahead.is_empty()
    }

    /// Moves the first book ahead that is none of `openers` to the front; true if there is none.
    pub fn next_is_none_of(&mut self, openers: &[Barcode]) -> bool {
        let found = self
            .ahead
            .iter()
            .position(|book| !openers.contains(&book.claim.barcode));
        if let Some(book) = found.and_then(|position| self.ahead.remove(position)) {
            self.ahead.push_front(book);
        }
        found.is_none()
    }

    /// Where the books stood that are not begun.
    pub fn ahead(&self) -> impl Iterator<Item = BookState> {
        self.ahead.iter().map(|book| book.state)
    }

    pub fn pop(&mut self) -> Option<ClaimedBook> {
        self.ahead.pop_front()
    }

    pub fn began(&mut self, work: ClaimedWork) {
        self.working.insert(work.claim.barcode.clone(), work);
    }

    pub fn ended(&mut self, ended: &BookRunResult) {
        self.working.remove(&ended.claim.barcode);
        if matches!(ended.outcome, BookOutcome::Retry | BookOutcome::Released) {
            // It is still to be done: it does not count towards the limit.
            self.taken = self.taken.saturating_sub(1);
        }
    }

    /// Renews all claims when it is time; cuts the work on books whose claim is lost.
    pub async fn renew(&mut self, services: &impl BookServices, options: &WorkOptions) -> Result<(), CatalogError> {
        self.renew_at = Instant::now() + RENEW_AGAIN.min(options.lease / 3);
        let working = self.working.values().map(|work| work.claim.clone());
        let claims = working
            .chain(self.ahead.iter().map(|book| book.claim.clone()))
            .collect();
        let renew = RenewClaims {
            owner: options.owner.clone(),
            claims,
            lease: options.lease,
        };
        let lost = services.renew(renew).await?;
        self.renew_at = Instant::now() + options.lease / 3;
        for claim in lost {
            self.lost(&claim);
        }
        Ok(())
    }

    fn lost(&mut self, claim: &ClaimToken) {
        let work = self.working.get(&claim.barcode).filter(|work| work.claim == *claim);
        if lost_claim(work.map(|work| work.settling.get())) == LostClaim::Settled {
            return;
        }
        warn!(barcode = %claim.barcode, "claim expired; work on the book cancelled");
        if let Some(work) = work {
            work.cx.cancel();
        }
        let before = self.ahead.len();
        self.ahead.retain(|book| book.claim != *claim);
        if self.ahead.len() < before {
            self.taken = self.taken.saturating_sub(1);
        }
    }

    /// Releases a book that was only claimed.
    pub async fn release(&mut self, services: &impl BookServices, book: &ClaimedBook) {
        self.taken = self.taken.saturating_sub(1);
        let settle = SettleClaim {
            claim: book.claim.clone(),
            settlement: ClaimSettlement::Released,
        };
        if let Err(error) = services.settle(settle).await {
            let seconds = services.membership().longest_wait().as_secs();
            warn!(barcode = %book.claim.barcode, %error, "could not be released; its claim ends with this membership, within {seconds} s");
        }
    }

    /// Releases all that was only claimed, within a time.
    pub async fn release_all(&mut self, services: &impl BookServices) {
        let releasing = async {
            while let Some(book) = self.ahead.pop_front() {
                self.release(services, &book).await;
            }
        };
        if timeout(RELEASING, releasing).await.is_err() {
            let (books, seconds) = (self.ahead.len(), services.membership().longest_wait().as_secs());
            warn!(
                books,
                "the catalog does not answer; claims that could not be released end with this membership, within {seconds} s"
            );
            self.ahead.clear();
        }
    }
}

impl<S: BookServices> FanOut<'_, S> {
    /// Books that run go to their end (the drain's grace cuts them); books only claimed are released at once.
    pub(super) async fn release_everything(&mut self) {
        let cut = self.control.cut.clone();
        // From the cut on, also while a catalog that does not answer keeps the release waiting.
        let abandon = async move {
            cut.cancelled().await;
            tokio::time::sleep(BOOKS_AFTER_CUT).await;
        };
        tokio::select! {
            () = self.end_books() => {}
            () = abandon => {}
        }
        let books = self.running.len();
        if books > 0 {
            warn!(
                books,
                "books that do not end are left; they are claimed again at the next start"
            );
        }
        if books + self.unrecorded > 0 {
            self.report_unrecorded(books + self.unrecorded);
        }
    }

    /// A drain that leaves books of which the catalog was not told is none that went well.
    fn report_unrecorded(&self, books: usize) {
        let books = CountedNoun(books as u64, "book");
        let why = format!("what came of {books} is not recorded; they are claimed again at the next start");
        let catalog = || WaitReason::new(WaitCause::Catalog, why, Timestamp::now());
        self.control.report.borrow_mut().stopped_by.get_or_insert_with(catalog);
    }

    async fn end_books(&mut self) {
        self.claims.release_all(&*self.services).await;
        while !self.running.is_empty() {
            let renew_at = self.claims.renew_at();
            tokio::select! {
                Some(ended) = self.running.next() => {
                    let is_settled = !ended.is_unrecorded;
                    debug!(outcome = %ended.outcome, is_settled, barcode = %ended.claim.barcode, "ended while draining");
                    self.unrecorded += usize::from(ended.is_unrecorded);
                    self.note(ended);
                }
                () = sleep_until(renew_at) => self.renew().await,
            }
        }
    }

    /// Claims books to work on: of a probe one that is none of `openers`.
    pub(super) async fn claim(&mut self, probing: bool, openers: Vec<Barcode>) -> Result<(), CatalogError> {
        let left = self
            .scope
            .limit
            .map_or(u64::MAX, |limit| limit.saturating_sub(self.claims.taken));
        let limit = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(if probing { 1 } else { AHEAD });
        if limit == 0 {
            return Ok(());
        }
        let is_probe = !openers.is_empty();
        let mut books = self.claim_of(limit, openers).await?;
        if books.is_empty() && is_probe && self.claims.ahead.is_empty() {
            // No other book can be had: one that failed before is the probe when its own wait is over.
            books = self.claim_of(limit, Vec::new()).await?;
        }
        self.judgement.borrow_mut().intake.answered(WaitCause::Catalog);
        if !books.is_empty() {
            self.idle_since = None;
        }
        self.claims.taken += books.len() as u64;
        for book in books.into_iter().rev() {
            self.claims.ahead.push_front(book);
        }
        Ok(())
    }

    async fn claim_of(&self, limit: usize, except: Vec<Barcode>) -> Result<Vec<ClaimedBook>, CatalogError> {
        let options = self.options();
        let claim = ClaimBooks {
            selection: self.selection(except),
            limit,
            owner: options.owner,
            lease: options.lease,
        };
        self.services.claim(claim).await
    }

    /// The books meant, without these and without those that this run leaves to the next one.
    pub(super) fn selection(&self, except: Vec<Barcode>) -> BookSelection {
        let left = self.judgement.borrow().memory.left().clone();
        BookSelection {
            except: left.into_iter().chain(except).collect(),
            ..self.scope.selection(self.began, self.catalog_time())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(fence: i64) -> ClaimToken {
        ClaimToken {
            barcode: Barcode::parse("TL0001").unwrap(),
            owner: "test".to_owned(),
            fence,
        }
    }

    #[test]
    fn a_claim_that_ended_with_what_came_of_its_book_has_not_expired() {
        for (settling, expected) in [
            (None, LostClaim::Expired),
            (Some(false), LostClaim::Expired),
            (Some(true), LostClaim::Settled),
        ] {
            assert_eq!(lost_claim(settling), expected, "{settling:?}");
            let mut claims = ClaimedBooks::new(Duration::from_mins(10));
            let cx = AskContext::root("test").child();
            if let Some(settling) = settling {
                claims.began(ClaimedWork {
                    claim: token(1),
                    cx: cx.clone(),
                    settling: Rc::new(Cell::new(settling)),
                });
            }
            claims.lost(&token(1));
            assert_eq!(cx.is_cancelled(), settling == Some(false), "{settling:?}");
        }
    }
}
