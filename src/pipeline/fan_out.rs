//! Runs claimed books, as many as the workers hold, until there is nothing left or the drain.

mod claims;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::actor::{ActorName, AskContext};
use crate::catalog::{CatalogError, ClaimedBook};
use crate::grin::Barcode;
use crate::pipeline::book_run::{BookRunContext, BookRunResult, RunJudgement, run_book};
use crate::pipeline::book_services::BookServices;
use crate::pipeline::fan_out::claims::ClaimedBooks;
use crate::pipeline::intake::{BookIntake, IntakeConfig, IntakeDecision};
use crate::pipeline::policy::{BookFault, FailureMemory, longest_wait_once};
use crate::pipeline::progress::RunProgress;
use crate::pipeline::supervisor::{RetryPolicy, RunReport, RunScope, SupervisorState};
use crate::vocabulary::{BookOutcome, WaitCause, WaitReason};

/// Longest sleep without looking again, for changes that nobody tells of (another process's books).
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Shortest sleep before something that is due: the catalog's clock and this one need not agree to the microsecond.
const SHORTEST: Duration = Duration::from_millis(10);
/// How long books may still take after a drain has cut everything; then they are left to their claims' end.
const AFTER_CUT: Duration = Duration::from_secs(15);

/// Runs books until nothing is left (`once`) or the drain.
pub(super) async fn sync(state: &Rc<SupervisorState>, scope: &RunScope) {
    if !scope.sync {
        return;
    }
    let control = RunControl {
        progress: Arc::clone(&state.progress),
        policy: Rc::clone(&state.policy),
        wake: state.wake.subscribe(),
        stop: state.intake.clone(),
        cut: state.cut.clone(),
        sources: Rc::clone(&state.sources),
        report: Rc::clone(&state.report),
    };
    FanOut::new(Rc::clone(&state.pools), control, scope).run().await;
}

/// What the fan-out shares with the supervisor.
pub(super) struct RunControl {
    pub progress: Arc<RunProgress>,
    pub policy: Rc<RefCell<RetryPolicy>>,
    /// Something changed: look again whether there is work.
    pub wake: watch::Receiver<()>,
    /// Cancelled: nothing new is begun.
    pub stop: CancellationToken,
    /// Cancelled: what runs is cut.
    pub cut: CancellationToken,
    /// Tasks that may still bring new books.
    pub sources: Rc<Cell<usize>>,
    pub report: Rc<RefCell<RunReport>>,
}

pub(super) struct FanOut<'a, S> {
    services: Rc<S>,
    control: RunControl,
    scope: &'a RunScope,
    judgement: Rc<RefCell<RunJudgement>>,
    running: FuturesUnordered<LocalBoxFuture<'static, BookRunResult>>,
    claims: ClaimedBooks,
    /// What was last said of a wait.
    said: Option<WaitReason>,
    /// Books that a run that ends by itself leaves to the next one.
    left: Vec<(Barcode, BookFault)>,
    began: Timestamp,
    /// A run that ends by itself waits no longer for other daemons.
    leases_until: Instant,
    /// Since when there was nothing left to claim.
    idle_since: Option<Instant>,
}

/// What the loop does after a look for work.
enum NextLook {
    /// Nothing can be begun before this moment.
    Wait(Instant),
    /// Nothing is left.
    Done,
}

impl<'a, S: BookServices> FanOut<'a, S> {
    pub fn new(services: Rc<S>, control: RunControl, scope: &'a RunScope) -> Self {
        let policy = control.policy.borrow().clone();
        let judgement = RunJudgement {
            intake: BookIntake::new(intake_config(&policy, scope.once)),
            memory: FailureMemory::default(),
        };
        let share = services.share();
        let leases_until = Instant::now() + share.election().max(share.patience());
        Self {
            services,
            control,
            scope,
            judgement: Rc::new(RefCell::new(judgement)),
            running: FuturesUnordered::new(),
            claims: ClaimedBooks::new(policy.lease),
            said: None,
            left: Vec::new(),
            began: Timestamp::now(),
            leases_until,
            idle_since: None,
        }
    }

    fn policy(&self) -> RetryPolicy {
        self.control.policy.borrow().clone()
    }

    /// Runs books until nothing is left or the drain, then ends or releases every claim.
    pub async fn run(&mut self) {
        let mut shares = self.services.share().changes();
        loop {
            self.control.wake.mark_unchanged();
            shares.mark_unchanged();
            let intake = intake_config(&self.policy(), self.scope.once);
            self.judgement.borrow_mut().intake.configure(intake);
            let NextLook::Wait(until) = self.fill().await else {
                break;
            };
            self.show();
            let until = until.min(self.claims.renew_at());
            tokio::select! {
                biased;
                () = self.control.stop.cancelled() => break,
                Some(ended) = self.running.next(), if !self.running.is_empty() => self.note(ended),
                _ = self.control.wake.changed() => {}
                Ok(()) = shares.changed() => {}
                () = sleep_until(until) => {}
            }
            self.renew().await;
        }
        self.release_everything().await;
        self.report_left();
        self.control.progress.wait_for(None);
    }

    /// Begins what may be begun.
    async fn fill(&mut self) -> NextLook {
        if let Some(look) = self.held_back() {
            return look;
        }
        loop {
            let decision = self.judgement.borrow().intake.decide(Instant::now());
            match decision {
                IntakeDecision::GiveUp => return self.give_up(),
                IntakeDecision::Closed(until) => return NextLook::Wait(until.unwrap_or_else(look_again)),
                IntakeDecision::Probe if !self.disk_is_free().await => {}
                // The look at the disk may have closed the breaker.
                IntakeDecision::Probe if self.judgement.borrow().intake.decide(Instant::now()) != decision => {}
                IntakeDecision::Probe | IntakeDecision::Open => match self.begin_next(decision).await {
                    Ok(Begun::Book) => {}
                    Ok(Begun::Nothing(look)) => return look,
                    Err(error) => self.catalog_failed(&error),
                },
            }
        }
    }

    /// Twice what DOWNLOAD and CHECK can do at once: the next book stands ready when one is done.
    fn places(&self) -> usize {
        self.services.workers() * 2
    }

    /// Paused, or without a share of the rate; a run that ends by itself waits for neither for ever.
    fn held_back(&mut self) -> Option<NextLook> {
        let idle = self.running.is_empty() && self.scope.once;
        if self.policy().paused {
            if idle {
                info!("work.paused is set: nothing is begun");
                return Some(NextLook::Done);
            }
            return Some(NextLook::Wait(look_again()));
        }
        if self.services.share().may_work() {
            return None;
        }
        if idle && Instant::now() >= self.leases_until {
            self.not_begun("no share of GRIN's request rate is this daemon's");
            return Some(NextLook::Done);
        }
        let bound = self.leases_until.max(Instant::now() + SHORTEST);
        Some(NextLook::Wait(if idle {
            look_again().min(bound)
        } else {
            look_again()
        }))
    }

    /// While the disk is full, it is looked at instead of a book being fetched for nothing.
    async fn disk_is_free(&mut self) -> bool {
        if !self.judgement.borrow().intake.is_open(WaitCause::Disk) {
            return true;
        }
        let looked = self.services.check_storage().await;
        let intake = &mut self.judgement.borrow_mut().intake;
        match looked {
            Ok(()) => {
                intake.answered(WaitCause::Disk);
                true
            }
            Err(error) => {
                let fault = BookFault {
                    cause: Some(WaitCause::Disk),
                    ..BookFault::from(&error)
                };
                intake.call_failed(&fault, Instant::now(), &mut rand::rng());
                false
            }
        }
    }

    /// Begins one book; while any breaker is open, one that had no part in opening it, if there is one.
    async fn begin_next(&mut self, decision: IntakeDecision) -> Result<Begun, CatalogError> {
        let probing = decision == IntakeDecision::Probe;
        if !probing && self.running.len() >= self.places() {
            return Ok(Begun::Nothing(NextLook::Wait(look_again())));
        }
        let openers = if probing {
            self.judgement.borrow().intake.openers()
        } else {
            Vec::new()
        };
        if self.claims.next_is_none_of(&openers) {
            self.claim(probing, openers).await?;
        }
        let Some(book) = self.claims.pop() else {
            return self.nothing_to_claim().await.map(Begun::Nothing);
        };
        if self.services.share().holds(book.claim.barcode.as_str()) {
            self.begin(book);
        } else {
            // Its block went to another daemon meanwhile (this one was paused past its lease).
            self.claims.release(&*self.services, &book).await;
        }
        Ok(Begun::Book)
    }

    fn begin(&mut self, book: ClaimedBook) {
        self.control.progress.taken();
        self.judgement.borrow_mut().intake.begun(&book.claim.barcode);
        let context = BookRunContext {
            policy: RetryPolicy {
                force: self.scope.force,
                ..self.policy()
            },
            judgement: Rc::clone(&self.judgement),
            once: self.scope.once,
            stop: self.control.stop.clone(),
        };
        let cx = AskContext::of(ActorName::Supervisor, self.control.cut.child_token());
        self.claims.began(&book, cx.clone());
        let services = Rc::clone(&self.services);
        self.running.push(Box::pin(run_book(services, context, book, cx)));
    }

    /// Nothing can be claimed now: done, or when to look again.
    async fn nothing_to_claim(&mut self) -> Result<NextLook, CatalogError> {
        let now = Instant::now();
        let look_again = look_again();
        let share = self.services.share().clone();
        let idle = self.running.is_empty() && self.scope.once && self.control.sources.get() == 0;
        if share.is_strict() && !share.is_settled() {
            // Some of what is this daemon's to do is still another's: told when that changes.
            self.idle_since = None;
            if idle && now >= self.leases_until {
                self.not_begun("blocks of books that are this daemon's due are still held by others");
                return Ok(NextLook::Done);
            }
            return Ok(NextLook::Wait(look_again));
        }
        let idle_since = *self.idle_since.get_or_insert(now);
        let due = self
            .services
            .next_due(self.scope.selection(self.began, Timestamp::now()))
            .await?;
        let wait = |due: Timestamp| Duration::try_from(due.duration_since(Timestamp::now())).unwrap_or_default();
        let due = due.map(|due| now + wait(due).max(SHORTEST));
        if !idle {
            return Ok(NextLook::Wait(due.unwrap_or(look_again).min(look_again)));
        }
        let patience = idle_since + share.patience();
        // What is due much later is the next run's; what another daemon holds may be free when that one has died.
        match due.filter(|due| *due <= now + longest_wait_once(&self.policy().backoff)) {
            _ if self.scope.limit.is_some_and(|limit| self.claims.taken() >= limit) => Ok(NextLook::Done),
            Some(due) => Ok(NextLook::Wait(due.min(look_again))),
            None if now < patience => Ok(NextLook::Wait(patience)),
            None => {
                // What came due between the last claim and the question for the next moment is neither: look once more.
                self.claim(false, Vec::new()).await?;
                Ok(if self.claims.is_empty() {
                    NextLook::Done
                } else {
                    NextLook::Wait(now)
                })
            }
        }
    }

    fn note(&mut self, ended: BookRunResult) {
        self.claims.ended(&ended);
        self.control.progress.settled(ended.outcome, ended.bytes);
        if let (BookOutcome::Failed, Some(fault)) = (ended.outcome, &ended.fault) {
            self.control.progress.failure(fault.reason);
        }
        if let Some(fault) = ended.left {
            self.left.push((ended.claim.barcode, fault));
        }
    }

    fn catalog_failed(&mut self, error: &CatalogError) {
        let fault = BookFault::from(error);
        let intake = &mut self.judgement.borrow_mut().intake;
        intake.call_failed(&fault, Instant::now(), &mut rand::rng());
    }

    async fn renew(&mut self) {
        if Instant::now() < self.claims.renew_at() {
            return;
        }
        match self.claims.renew(&*self.services, &self.policy()).await {
            Ok(()) => self.judgement.borrow_mut().intake.answered(WaitCause::Catalog),
            Err(error) => self.catalog_failed(&error),
        }
    }

    /// A run that ends by itself has waited long enough.
    fn give_up(&mut self) -> NextLook {
        self.control.report.borrow_mut().stopped_by = self.waiting();
        self.control.stop.cancel();
        NextLook::Done
    }

    fn waiting(&self) -> Option<WaitReason> {
        let judgement = self.judgement.borrow();
        judgement.intake.waiting(Instant::now(), Timestamp::now())
    }

    /// Says when a wait begins and when it is over, once each.
    fn show(&mut self) {
        let waiting = self.waiting();
        match (&self.said, &waiting) {
            (Some(before), Some(now)) if before.cause == now.cause => {}
            (_, Some(now)) => {
                warn!(cause = now.cause.as_str(), reason = now.why, until = ?now.until, "no new book is begun: {now}");
            }
            (Some(before), None) => info!(cause = before.cause.as_str(), reason = before.why, "intake resumed"),
            (None, None) => {}
        }
        self.said.clone_from(&waiting);
        self.control.progress.wait_for(waiting);
    }

    fn not_begun(&self, why: &str) {
        let share = self.services.share().snapshot();
        let trouble = share.and_then(|share| share.trouble);
        let trouble = trouble.map(|trouble| format!(" ({trouble})")).unwrap_or_default();
        self.control
            .report
            .borrow_mut()
            .add_incomplete(format!("sync: not begun: {why}{trouble}"));
    }

    fn report_left(&self) {
        if let Some((_, fault)) = self.left.last() {
            let (reason, detail) = (fault.reason, &fault.detail);
            let count = self.left.len();
            let what = format!(
                "sync: {count} books could not be fetched and are left to the next run, the last one because of {reason}: {detail}"
            );
            self.control.report.borrow_mut().add_incomplete(what);
        }
    }

    /// Books that run go to their end (the drain's grace cuts them); books only claimed are released at once.
    async fn release_everything(&mut self) {
        self.claims.release_all(&*self.services).await;
        let cut = self.control.cut.clone();
        let mut abandon = std::pin::pin!(async {
            cut.cancelled().await;
            tokio::time::sleep(AFTER_CUT).await;
        });
        while !self.running.is_empty() {
            let renew_at = self.claims.renew_at();
            tokio::select! {
                Some(ended) = self.running.next() => {
                    debug!(outcome = %ended.outcome, barcode = %ended.claim.barcode, "settled while draining");
                    self.note(ended);
                }
                () = sleep_until(renew_at) => self.renew().await,
                () = &mut abandon => {
                    warn!(books = self.running.len(), "books that do not end are left; they are claimed again at the next start");
                    return;
                }
            }
        }
    }
}

enum Begun {
    Book,
    Nothing(NextLook),
}

fn look_again() -> Instant {
    Instant::now() + LOOK_AGAIN
}

fn intake_config(policy: &RetryPolicy, once: bool) -> IntakeConfig {
    IntakeConfig {
        backoff: policy.backoff,
        series: policy.max_sequential_failures as usize,
        once,
    }
}

#[cfg(test)]
mod tests;
