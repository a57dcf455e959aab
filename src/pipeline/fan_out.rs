//! Fans claimed books out to the workers, as many as they can hold, until there is nothing left or the drain.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};
use tracing::{error, info, warn};

use crate::actor::AskContext;
use crate::catalog::{
    BookSelection, CatalogError, ClaimBooks, ClaimSettlement, ClaimToken, ClaimedBook, NextBookDue, RenewClaims,
    SettleClaim,
};
use crate::dapr::InHand;
use crate::grin::Barcode;
use crate::grin::BlockSet;
use crate::pipeline::book_run::{BookRunResult, pursue};
use crate::pipeline::policy;
use crate::pipeline::policy::OutageDetector;
use crate::pipeline::supervisor::{RetryPolicy, RunScope, SupervisorState};
use crate::vocabulary::{BookOutcome, WaitCause, WaitReason};

/// Claimed ahead of the workers, so that none waits for the catalog.
const AHEAD: usize = 32;
/// Longest sleep without looking again, for changes nobody tells of (another process's books, a refilled disk).
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Downloads until nothing is left (`once`) or the drain.
pub(super) async fn sync(office: &Rc<SupervisorState>, errand: &RunScope) {
    if !errand.sync {
        return;
    }
    let mut fanout = Fanout::new(office, errand);
    let outcome = fanout.run().await;
    fanout.put_everything_back().await;
    match outcome {
        Err(error) if !office.intake.is_cancelled() => {
            error!(%error, "the catalog does not answer; the run ends, and is started again by systemd");
            let needs_person = !error.may_pass();
            let waiting = WaitReason {
                needs_person,
                ..WaitReason::new(WaitCause::Catalog, error.to_string(), Timestamp::now())
            };
            office.report.borrow_mut().stopped_by = Some(waiting);
            // The other duties end with it.
            office.intake.cancel();
        }
        _ => {}
    }
    office.board.wait_for(None);
}

struct Fanout<'a> {
    office: &'a Rc<SupervisorState>,
    errand: &'a RunScope,
    in_hand: FuturesUnordered<LocalBoxFuture<'static, BookRunResult>>,
    /// What is in hand, to renew its leases, and to cut what was lost.
    held: HashMap<Barcode, (ClaimToken, AskContext)>,
    /// Keeps the blocks of what is in hand or claimed ahead from being given back.
    uses: HashMap<Barcode, InHand>,
    ahead: VecDeque<ClaimedBook>,
    taken: u64,
    outage: OutageDetector,
    /// No new book before this moment: an outage, a full store, a person who must act.
    blocked: Option<(Instant, WaitReason)>,
    /// Troubles in a row, for the length of the next block.
    troubles: u32,
    renew_at: Instant,
    /// Since when there was nothing left to claim.
    idle_since: Option<Instant>,
    began: Timestamp,
}

/// What the loop does after a look at the catalog.
enum Look {
    /// Nothing to take in hand before this moment.
    Wait(Instant),
    /// Nothing left.
    Done,
}

impl<'a> Fanout<'a> {
    fn new(office: &'a Rc<SupervisorState>, errand: &'a RunScope) -> Self {
        let renew_at = Instant::now() + office.terms.borrow().lease / 3;
        Self {
            office,
            errand,
            in_hand: FuturesUnordered::new(),
            held: HashMap::new(),
            uses: HashMap::new(),
            ahead: VecDeque::new(),
            taken: 0,
            outage: OutageDetector::default(),
            blocked: None,
            troubles: 0,
            renew_at,
            idle_since: None,
            began: Timestamp::now(),
        }
    }

    fn selection(&self) -> BookSelection {
        self.errand.selection(self.began, Timestamp::now())
    }

    fn terms(&self) -> RetryPolicy {
        self.office.terms.borrow().clone()
    }

    async fn run(&mut self) -> Result<(), CatalogError> {
        let mut changes = self.office.wake.subscribe();
        let mut shares = self.office.crew.cooperation.changes();
        loop {
            changes.mark_unchanged();
            shares.mark_unchanged();
            let until = match self.fill().await? {
                Look::Wait(until) => until,
                Look::Done => return Ok(()),
            };
            let until = until.min(self.renew_at);
            tokio::select! {
                biased;
                () = self.office.intake.cancelled() => return Ok(()),
                Some(ended) = self.in_hand.next(), if !self.in_hand.is_empty() => self.note(ended),
                _ = changes.changed() => {}
                Ok(()) = shares.changed() => {}
                () = sleep_until(until) => {}
            }
            self.renew().await?;
        }
    }

    /// Takes in hand what the workers can hold.
    async fn fill(&mut self) -> Result<Look, CatalogError> {
        if self.errand.once && self.terms().paused && self.in_hand.is_empty() {
            info!("work.paused is set: nothing is begun");
            return Ok(Look::Done);
        }
        if let Some(until) = self.held_back() {
            return Ok(Look::Wait(until));
        }
        let places = self.places();
        if self.in_hand.len() < places && self.ahead.is_empty() {
            self.claim().await?;
        }
        while self.in_hand.len() < places {
            let Some(book) = self.ahead.pop_front() else {
                return self.nothing_to_claim().await;
            };
            if self.office.crew.cooperation.holds(book.held.barcode.as_str()) {
                self.take(book);
            } else {
                // Its block went to another daemon meanwhile (this one was paused past its lease).
                self.hand_back(&book).await;
            }
        }
        Ok(Look::Wait(Instant::now() + LOOK_AGAIN))
    }

    /// Twice what DOWNLOAD and CHECK can do at once: the next book stands ready when one is done.
    fn places(&self) -> usize {
        if self.blocked.is_some() {
            return 1; // one book to try whether the trouble is over
        }
        (self.office.crew.downloaders.size() + self.office.crew.checkers.size()) * 2
    }

    /// Paused, or in trouble that has not had its time yet.
    fn held_back(&mut self) -> Option<Instant> {
        if self.terms().paused || !self.office.crew.cooperation.may_work() {
            return Some(Instant::now() + LOOK_AGAIN);
        }
        match &self.blocked {
            Some((until, _)) if *until > Instant::now() => Some(*until),
            _ => None,
        }
    }

    async fn claim(&mut self) -> Result<(), CatalogError> {
        let left = self
            .errand
            .limit
            .map_or(u64::MAX, |limit| limit.saturating_sub(self.taken));
        let limit = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(if self.blocked.is_some() { 1 } else { AHEAD });
        if limit == 0 {
            return Ok(());
        }
        let cooperation = self.office.crew.cooperation.clone();
        let mut books = self.claim_of(limit, Some(cooperation.blocks())).await?;
        if books.is_empty() && !cooperation.is_strict() && !cooperation.is_alone() {
            // The catalog is shared: its claims keep members apart, so nobody need stand idle.
            books = self.claim_of(limit, None).await?;
        }
        for book in &books {
            let barcode = &book.held.barcode;
            self.uses.insert(barcode.clone(), cooperation.begin(barcode.as_str()));
        }
        if !books.is_empty() {
            self.idle_since = None;
        }
        self.taken += books.len() as u64;
        self.ahead = books.into();
        Ok(())
    }

    async fn claim_of(&self, limit: usize, blocks: Option<BlockSet>) -> Result<Vec<ClaimedBook>, CatalogError> {
        let terms = self.terms();
        let claim = ClaimBooks {
            selection: BookSelection {
                blocks,
                ..self.selection()
            },
            limit,
            owner: terms.owner,
            lease: terms.lease,
        };
        self.office
            .crew
            .catalog
            .ask(claim, &crate::pipeline::supervisor::unhurried())
            .await
    }

    fn take(&mut self, book: ClaimedBook) {
        self.office.board.taken();
        let board = std::sync::Arc::clone(&self.office.board);
        let (crew, terms, cx) = (Rc::clone(&self.office.crew), self.terms(), self.office.cx());
        // The one book that tries whether an outage is over shall not fail for it, however long it lasts.
        let probing = self.blocked.is_some() && !self.errand.once;
        let terms = RetryPolicy {
            force: self.errand.force,
            attempts: if probing { u32::MAX } else { terms.attempts },
            ..terms
        };
        self.held
            .insert(book.held.barcode.clone(), (book.held.clone(), cx.clone()));
        self.in_hand
            .push(Box::pin(async move { pursue(crew, terms, &board, book, cx).await }));
    }

    /// Nothing can be claimed now: done, or when to look again.
    async fn nothing_to_claim(&mut self) -> Result<Look, CatalogError> {
        let look_again = Instant::now() + LOOK_AGAIN;
        let cooperation = &self.office.crew.cooperation;
        if cooperation.is_strict() && !cooperation.is_settled() {
            // Some of what is this daemon's to do is still another's: told when that changes.
            self.idle_since = None;
            return Ok(Look::Wait(look_again));
        }
        let idle_since = *self.idle_since.get_or_insert_with(Instant::now);
        if !self.in_hand.is_empty() || !self.errand.once || self.office.sources.get() > 0 {
            return Ok(Look::Wait(self.next_due().await?.unwrap_or(look_again).min(look_again)));
        }
        if self.errand.limit.is_some_and(|limit| self.taken >= limit) {
            return Ok(Look::Done);
        }
        match self.next_due().await? {
            Some(due) => Ok(Look::Wait(due.min(look_again))),
            // Another one may have died with books in its hands.
            None if idle_since.elapsed() < cooperation.patience() => {
                Ok(Look::Wait(idle_since + cooperation.patience()))
            }
            None => {
                // What came due between the last claim and the question for the next moment is neither: look once more.
                self.claim().await?;
                Ok(if self.ahead.is_empty() {
                    Look::Done
                } else {
                    Look::Wait(Instant::now())
                })
            }
        }
    }

    async fn next_due(&self) -> Result<Option<Instant>, CatalogError> {
        let due = self
            .office
            .crew
            .catalog
            .ask(NextBookDue(self.selection()), &crate::pipeline::supervisor::unhurried())
            .await?;
        Ok(due.map(|due| {
            Instant::now()
                + due
                    .duration_since(Timestamp::now())
                    .try_into()
                    .unwrap_or(Duration::ZERO)
        }))
    }

    /// The failure policy: what an ended book says about the way home.
    fn note(&mut self, ended: BookRunResult) {
        let terms = self.terms();
        self.held.remove(&ended.held.barcode);
        self.uses.remove(&ended.held.barcode);
        if matches!(ended.verdict, BookOutcome::Retry | BookOutcome::Released) {
            // It is still to be done: it does not count towards the limit.
            self.taken = self.taken.saturating_sub(1);
        }
        match ended {
            BookRunResult {
                trouble: Some(trouble), ..
            } => self.block(trouble, None),
            BookRunResult {
                verdict: BookOutcome::Stored,
                ..
            } => self.way_is_open(),
            // GRIN answers, so others may be tried; of the way home it says nothing, and the series of failures stands.
            BookRunResult {
                verdict: BookOutcome::UpToDate,
                ..
            } => self.go_on(),
            BookRunResult {
                verdict: BookOutcome::Retry | BookOutcome::Failed,
                passing: Some(last),
                ..
            } => {
                let pause = self
                    .outage
                    .failure(terms.max_sequential_failures, &terms.backoff, &mut rand::rng());
                if let Some(pause) = pause {
                    let waiting = policy::waiting(terms.max_sequential_failures, last);
                    self.block(waiting, Some(pause));
                }
            }
            BookRunResult { .. } => {}
        }
    }

    fn way_is_open(&mut self) {
        self.outage.over();
        self.troubles = 0;
        self.go_on();
    }

    fn go_on(&mut self) {
        if let Some((_, was)) = self.blocked.take() {
            info!(reason = was.why, "it goes on");
            self.office.board.wait_for(None);
        }
    }

    fn block(&mut self, mut waiting: WaitReason, pause: Option<Duration>) {
        self.troubles += 1;
        let backoff = self.terms().backoff;
        let pause = pause.unwrap_or_else(|| policy::wait(&backoff, self.troubles, &mut rand::rng()));
        waiting.until = Timestamp::now().checked_add(pause).ok();
        let known = self.blocked.as_ref().is_some_and(|(_, was)| was.why == waiting.why);
        if !known {
            warn!(reason = waiting.why, ?pause, "no new book is taken in hand for now");
        }
        if self.errand.once && waiting.needs_person && self.troubles > 2 {
            self.office.report.borrow_mut().stopped_by = Some(waiting.clone());
            self.office.intake.cancel();
        }
        self.office.board.wait_for(Some(waiting.clone()));
        self.blocked = Some((Instant::now() + pause, waiting));
    }

    async fn renew(&mut self) -> Result<(), CatalogError> {
        if Instant::now() < self.renew_at {
            return Ok(());
        }
        let terms = self.terms();
        self.renew_at = Instant::now() + terms.lease / 3;
        let held = self
            .held
            .values()
            .map(|(held, _)| held.clone())
            .chain(self.ahead.iter().map(|book| book.held.clone()))
            .collect();
        let lost = self
            .office
            .crew
            .catalog
            .ask(
                RenewClaims {
                    owner: terms.owner,
                    held,
                    lease: terms.lease,
                },
                &crate::pipeline::supervisor::unhurried(),
            )
            .await?;
        for held in lost {
            self.let_go(&held);
        }
        Ok(())
    }

    /// Somebody else may have the book by now: nothing that came of it would be recorded, so nothing more is done for it.
    fn let_go(&mut self, lost: &ClaimToken) {
        warn!(barcode = %lost.barcode, "its lease was lost: it is let go");
        if let Some((_, cx)) = self.held.get(&lost.barcode) {
            cx.cancel();
        }
        let before = self.ahead.len();
        self.ahead.retain(|book| book.held != *lost);
        if self.ahead.len() < before {
            self.uses.remove(&lost.barcode);
            self.taken = self.taken.saturating_sub(1);
        }
    }

    async fn hand_back(&mut self, book: &ClaimedBook) {
        self.uses.remove(&book.held.barcode);
        self.taken = self.taken.saturating_sub(1);
        let settle = SettleClaim {
            held: book.held.clone(),
            settlement: ClaimSettlement::HandedBack,
        };
        if let Err(error) = self
            .office
            .crew
            .catalog
            .ask(settle, &crate::pipeline::supervisor::unhurried())
            .await
        {
            warn!(barcode = %book.held.barcode, %error, "could not be handed back; its lease will run out");
        }
    }

    /// Books in hand go to their end (the drain's grace cuts them); books only claimed go back at once.
    async fn put_everything_back(&mut self) {
        while let Some(book) = self.ahead.pop_front() {
            self.hand_back(&book).await;
        }
        while !self.in_hand.is_empty() {
            let renew_at = self.renew_at;
            tokio::select! {
                Some(ended) = self.in_hand.next() => {
                    self.held.remove(&ended.held.barcode);
                    tracing::debug!(?ended.verdict, "settled while draining");
                }
                () = sleep_until(renew_at) => {
                    if let Err(error) = self.renew().await {
                        warn!(%error, "leases could not be renewed while draining");
                    }
                }
            }
        }
    }
}
