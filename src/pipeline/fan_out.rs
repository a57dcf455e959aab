//! Runs claimed books, as many as the workers hold, until there is nothing left or the drain.

mod claims;
mod idle;
mod left;
mod mended;
mod said;

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

use crate::actor::{ActorName, AskContext};
use crate::catalog::{CatalogError, ClaimedBook};
use crate::pipeline::book_run::{BookRunContext, BookRunResult, RunJudgement, run_book};
use crate::pipeline::book_services::BookServices;
use crate::pipeline::fan_out::claims::{ClaimedBooks, ClaimedWork};
use crate::pipeline::fan_out::idle::with_next_attempt;
use crate::pipeline::fan_out::left::LeftBooks;
use crate::pipeline::fan_out::mended::MendedLook;
use crate::pipeline::fan_out::said::SaidWaits;
use crate::pipeline::intake::{BookIntake, IntakeConfig, IntakeDecision};
use crate::pipeline::policy::{BookFault, FailureMemory};
use crate::pipeline::progress::RunProgress;
use crate::pipeline::supervisor::{RunReport, RunScope, SupervisorState, WorkOptions};
use crate::vocabulary::{BookOutcome, WaitCause, WaitReason};

/// Longest sleep without looking again, for changes that nobody tells of.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Shortest sleep before something that is due: the catalog's clock and this one need not agree to the microsecond.
const SHORTEST: Duration = Duration::from_millis(10);

/// Runs books until nothing is left (`once`) or the drain.
pub(super) async fn sync<S: BookServices>(state: &Rc<SupervisorState<S>>, scope: &RunScope) {
    if !scope.sync {
        if scope.once {
            state.options.borrow().warn_of_pause();
        }
        return;
    }
    let control = RunControl {
        progress: Arc::clone(&state.progress),
        options: Rc::clone(&state.options),
        wake: state.wake.subscribe(),
        changed: state.wake.clone(),
        mended: Rc::clone(&state.mended),
        stop: state.intake.clone(),
        cut: state.cut.clone(),
        sources: Rc::clone(&state.sources),
        report: Rc::clone(&state.report),
    };
    FanOut::new(Rc::clone(&state.services), control, scope).run().await;
}

/// What the fan-out shares with the supervisor.
pub(super) struct RunControl {
    pub progress: Arc<RunProgress>,
    pub options: Rc<RefCell<WorkOptions>>,
    /// Something changed: look again whether there is work.
    pub wake: watch::Receiver<()>,
    /// Tells others of it.
    pub changed: watch::Sender<()>,
    /// How often somebody said that what is waited for may have been mended.
    pub mended: Rc<Cell<u64>>,
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
    said: SaidWaits,
    mended: MendedLook,
    /// What is left to the next run.
    left: LeftBooks,
    began: Timestamp,
    /// How often the membership had lapsed when its claims were looked at last.
    lapses: u64,
    /// Since when there was nothing left to claim.
    idle_since: Option<Instant>,
    /// When the first book is due that was put off, as of the last look with nothing to claim.
    next_due: Option<Timestamp>,
    /// The storage was found to be the one that the catalog knows.
    is_confirmed: bool,
    /// Books that ended in a drain, of which the catalog could not be told.
    unrecorded: usize,
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
        let options = control.options.borrow().clone();
        let judgement = RunJudgement {
            intake: BookIntake::new(intake_config(&options, scope.once)),
            memory: FailureMemory::default(),
        };
        let lapses = services.membership().lapses();
        let began = services.membership().now();
        Self {
            services,
            control,
            scope,
            judgement: Rc::new(RefCell::new(judgement)),
            running: FuturesUnordered::new(),
            claims: ClaimedBooks::new(options.lease),
            said: SaidWaits::default(),
            mended: MendedLook::default(),
            left: LeftBooks::default(),
            began,
            lapses,
            idle_since: None,
            next_due: None,
            is_confirmed: false,
            unrecorded: 0,
        }
    }

    /// What is chosen in the catalog is chosen by its clock.
    fn catalog_time(&self) -> Timestamp {
        self.services.membership().now()
    }

    fn options(&self) -> WorkOptions {
        self.control.options.borrow().clone()
    }

    /// Runs books until nothing is left or the drain, then ends or releases every claim.
    pub async fn run(&mut self) {
        let mut members = self.services.membership().changes();
        let ended_by_itself = loop {
            self.control.wake.mark_unchanged();
            members.mark_unchanged();
            let intake = intake_config(&self.options(), self.scope.once);
            self.judgement.borrow_mut().intake.configure(intake);
            let look_at = self.look_for_mended();
            let NextLook::Wait(until) = self.fill().await else {
                break true;
            };
            self.show();
            let until = until.min(look_at.unwrap_or(until)).min(self.claims.renew_at());
            tokio::select! {
                biased;
                () = self.control.stop.cancelled() => break false,
                Some(ended) = self.running.next(), if !self.running.is_empty() => self.note(ended),
                _ = self.control.wake.changed() => {}
                Ok(()) = members.changed() => self.look_at_claims(),
                () = sleep_until(until) => {}
            }
            self.renew().await;
        };
        self.release_everything().await;
        self.report_left(ended_by_itself).await;
        self.report_gate().await;
        self.control.progress.wait_for(None);
        self.control.progress.tell_ahead(self.claims.ahead());
    }

    /// Begins what may be begun.
    async fn fill(&mut self) -> NextLook {
        if let Some(look) = self.held_back() {
            return look;
        }
        loop {
            if self.control.stop.is_cancelled() {
                return NextLook::Wait(Instant::now());
            }
            let decision = self.judgement.borrow().intake.decide(Instant::now());
            match decision {
                IntakeDecision::GiveUp => return self.give_up(),
                IntakeDecision::Closed(until) => return NextLook::Wait(until.unwrap_or_else(look_again)),
                IntakeDecision::Probe if !self.storage_is_ready().await => {}
                IntakeDecision::Open if !self.is_confirmed && !self.look_at_mount().await => {}
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

    /// While the storage takes nothing, it is looked at instead of a book being fetched for nothing.
    async fn storage_is_ready(&mut self) -> bool {
        let waits_for = |cause: &WaitCause| self.judgement.borrow().intake.is_open(*cause);
        if !self.is_confirmed || waits_for(&WaitCause::Mount) {
            return self.look_at_mount().await;
        }
        let Some(cause) = [WaitCause::Disk, WaitCause::Storage].into_iter().find(waits_for) else {
            return true;
        };
        let looked = tokio::select! {
            looked = self.services.check_storage() => looked,
            () = self.control.stop.cancelled() => return false,
        };
        let intake = &mut self.judgement.borrow_mut().intake;
        match looked {
            Ok(()) if cause == WaitCause::Disk => intake.disk_has_room(),
            // Whether it takes a whole archive, only a book can tell.
            Ok(()) => {}
            Err(error) => {
                let fault = BookFault {
                    cause: Some(cause),
                    ..BookFault::from(&error)
                };
                intake.call_failed(&fault, Instant::now(), &mut rand::rng());
                return false;
            }
        }
        true
    }

    /// Whether the storage is the one that the catalog knows; nothing is fetched for another one.
    async fn look_at_mount(&mut self) -> bool {
        let looked = tokio::select! {
            looked = self.services.confirm_storage() => looked,
            () = self.control.stop.cancelled() => return false,
        };
        let intake = &mut self.judgement.borrow_mut().intake;
        self.is_confirmed = looked.is_ok();
        match looked {
            Ok(()) => intake.answered(WaitCause::Mount),
            Err(mut fault) => {
                // A fault that nothing waits for would leave the intake open, and be looked for again at once, without end.
                fault.cause = fault.cause.or(Some(WaitCause::Storage));
                intake.call_failed(&fault, Instant::now(), &mut rand::rng());
            }
        }
        self.is_confirmed
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
        self.begin(book);
        Ok(Begun::Book)
    }

    fn begin(&mut self, book: ClaimedBook) {
        self.next_due = None;
        self.control.progress.taken();
        self.judgement
            .borrow_mut()
            .intake
            .begun(&book.claim.barcode, Instant::now());
        let context = BookRunContext {
            options: WorkOptions {
                force: self.scope.force,
                ..self.options()
            },
            judgement: Rc::clone(&self.judgement),
            once: self.scope.once,
            stop: self.control.stop.clone(),
            settling: Rc::default(),
        };
        let cx = AskContext::of(ActorName::Supervisor, self.control.cut.child_token());
        let work = ClaimedWork {
            claim: book.claim.clone(),
            cx: cx.clone(),
            settling: Rc::clone(&context.settling),
        };
        self.claims.began(work);
        let services = Rc::clone(&self.services);
        self.running.push(Box::pin(run_book(services, context, book, cx)));
    }

    fn note(&mut self, ended: BookRunResult) {
        self.claims.ended(&ended);
        self.control.progress.settled(ended.outcome, ended.bytes);
        if let (BookOutcome::Failed, Some(fault)) = (ended.outcome, &ended.fault) {
            self.control.progress.failure(fault.reason);
        }
        self.left.note(&ended.claim.barcode, ended.left);
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
        match self.claims.renew(&*self.services, &self.options()).await {
            // Who is no member for the moment did not ask.
            Ok(()) if !self.services.membership().unbroken().lasts() => {}
            Ok(()) => self.judgement.borrow_mut().intake.answered(WaitCause::Catalog),
            Err(error) => self.catalog_failed(&error),
        }
    }

    /// A member that stood still too long has lost its claims, to nobody or to another: what is left of them is asked for now.
    fn look_at_claims(&mut self) {
        let lapses = self.services.membership().lapses();
        if std::mem::replace(&mut self.lapses, lapses) != lapses {
            self.claims.renew_now();
        }
    }

    /// A run that ends by itself has waited long enough.
    fn give_up(&mut self) -> NextLook {
        let waiting = self.waiting();
        if waiting.as_ref().is_some_and(|wait| wait.cause == WaitCause::Catalog) {
            // What is still fetched could not be recorded.
            self.control.cut.cancel();
        }
        self.control.report.borrow_mut().stopped_by = waiting;
        self.control.stop.cancel();
        NextLook::Done
    }

    fn waiting(&self) -> Option<WaitReason> {
        let wait = self
            .judgement
            .borrow()
            .intake
            .waiting(Instant::now(), Timestamp::now())?;
        let next_due = self.next_due.filter(|_| self.running.is_empty());
        Some(with_next_attempt(wait, next_due))
    }

    fn show(&mut self) {
        let waiting = self.waiting();
        self.said.tell(waiting.as_ref());
        self.control.progress.wait_for(waiting);
        self.control.progress.tell_ahead(self.claims.ahead());
    }
}

enum Begun {
    Book,
    Nothing(NextLook),
}

fn look_again() -> Instant {
    Instant::now() + LOOK_AGAIN
}

fn intake_config(options: &WorkOptions, once: bool) -> IntakeConfig {
    IntakeConfig {
        backoff: options.retry.backoff,
        series: options.retry.max_sequential_failures as usize,
        once,
    }
}

#[cfg(test)]
pub(super) mod tests;
