//! Runs one claimed book along its plan and settles it.

mod settle;

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::actor::AskContext;
use crate::catalog::{ClaimToken, ClaimedBook, StoredBook};
use crate::grin::{FileName, Validator};
use crate::pipeline::PublishedVolume;
use crate::pipeline::book_services::BookServices;
use crate::pipeline::intake::BookIntake;
use crate::pipeline::plan;
use crate::pipeline::plan::{AttemptLimits, BookFacts, PlanStep, WorkerOutcome};
use crate::pipeline::policy;
use crate::pipeline::policy::{BookFault, FailureMemory, PutOffRules};
use crate::pipeline::supervisor::RetryPolicy;
use crate::pipeline::workers::{CheckBook, CheckResult, DownloadBook, DownloadResult};
use crate::vocabulary::BookOutcome;

/// How a book's run ended, for the fan-out.
#[derive(Debug)]
pub(super) struct BookRunResult {
    pub outcome: BookOutcome,
    pub claim: ClaimToken,
    /// What kept the book from being done in a run that ends by itself, and that leaves it to the next one.
    pub left: Option<BookFault>,
    /// Bytes of the archive that was published.
    pub bytes: u64,
    pub fault: Option<BookFault>,
}

/// What is known of the whole run: which dependencies are in trouble, and which books failed through no fault of their own.
#[derive(Debug)]
pub(super) struct RunJudgement {
    pub intake: BookIntake,
    pub memory: FailureMemory,
}

/// What the runs of all books share.
#[derive(Clone)]
pub(super) struct BookRunContext {
    pub policy: RetryPolicy,
    pub judgement: Rc<RefCell<RunJudgement>>,
    /// The run ends by itself, so every wait in it has a bound.
    pub once: bool,
    /// Cancelled: nothing new is begun.
    pub stop: CancellationToken,
}

/// One answer on the plan's way, reduced to what the plan and the catalog need.
struct StepResult {
    outcome: WorkerOutcome,
    stored: Option<Box<StoredBook>>,
    fault: Option<BookFault>,
}

/// Runs `book` to its settlement. Whatever happens, a panic included, the claim is settled or left to run out.
pub(super) async fn run_book<S: BookServices>(
    services: Rc<S>,
    context: BookRunContext,
    book: ClaimedBook,
    cx: AskContext,
) -> BookRunResult {
    let mut run = BookRun {
        services,
        context,
        book,
        cx,
        stored: None,
        fault: None,
        found: None,
    };
    let followed = AssertUnwindSafe(run.follow_plan()).catch_unwind().await;
    let outcome = followed.unwrap_or_else(|_panic| run.panicked());
    let end = run.judge(outcome);
    let settled = AssertUnwindSafe(run.settle(outcome, end.delay)).catch_unwind().await;
    let outcome = settled.unwrap_or(BookOutcome::Released);
    run.context.judgement.borrow_mut().intake.ended(&run.book.claim.barcode);
    BookRunResult {
        outcome,
        claim: run.book.claim,
        left: run.fault.clone().filter(|_| end.left),
        bytes: run.stored.map_or(0, |stored| stored.archive_bytes),
        fault: run.fault,
    }
}

/// When the book is due again, if it is, and whether this run leaves it to the next one.
struct RunEnd {
    delay: Duration,
    left: bool,
}

struct BookRun<S> {
    services: Rc<S>,
    context: BookRunContext,
    book: ClaimedBook,
    cx: AskContext,
    stored: Option<Box<StoredBook>>,
    fault: Option<BookFault>,
    /// What an interrupted run left in the store.
    found: Option<PublishedVolume>,
}

impl<S: BookServices> BookRun<S> {
    async fn follow_plan(&mut self) -> BookOutcome {
        let found = self.look_for_published().await;
        let facts = BookFacts {
            stored: self.book.stored.is_some(),
            listed: self.book.listed_converted,
            interrupted: matches!(&found, Ok(Some(_))),
            force: self.context.policy.force,
            attempts: self.book.attempts,
        };
        let mut step = match found {
            Ok(found) => {
                self.found = found;
                plan::first(facts)
            }
            // What cannot be looked at is not written over.
            Err(fault) => self.next_step(facts, StepResult::fault(fault)),
        };
        loop {
            let result = match step {
                PlanStep::Settle(outcome) => return outcome,
                _ if self.context.stop.is_cancelled() => StepResult::plain(WorkerOutcome::NotBegun),
                PlanStep::Check => self.check().await,
                PlanStep::Download => self.download().await,
            };
            step = self.next_step(facts, result);
        }
    }

    fn next_step(&mut self, facts: BookFacts, result: StepResult) -> PlanStep {
        self.stored = result.stored.or(self.stored.take());
        self.fault = result.fault;
        plan::next(facts, result.outcome, self.limits())
    }

    fn limits(&self) -> AttemptLimits {
        AttemptLimits {
            attempts: self.context.policy.attempts,
            once: self.context.once,
        }
    }

    /// One attempt of this book, whatever it was that panicked.
    fn panicked(&mut self) -> BookOutcome {
        let fault = BookFault::panicked("the book's run");
        let failed = self.book.attempts + 1 >= self.context.policy.attempts;
        self.fault = Some(fault);
        if failed {
            BookOutcome::Failed
        } else {
            BookOutcome::Retry
        }
    }

    /// A run that was killed while it published, or before it recorded that, left objects in the store: look before fetching.
    async fn look_for_published(&self) -> Result<Option<PublishedVolume>, BookFault> {
        if self.context.policy.force || (self.book.stored.is_some() && self.book.publishing.is_none()) {
            return Ok(None);
        }
        self.services.reconcile(&self.book).await
    }

    fn file_name(&self) -> FileName {
        self.book
            .file_name
            .clone()
            .unwrap_or_else(|| FileName::of(&self.book.claim.barcode))
    }

    /// GRIN's validator of what is stored, if it is known.
    fn stored_validator(&self) -> Option<Validator> {
        match (&self.found, &self.book.stored) {
            (Some(found), _) => found.validator(),
            (None, Some(stored)) => stored.etag.as_deref().and_then(|etag| Validator::parse(etag).ok()),
            (None, None) => None,
        }
    }

    async fn check(&mut self) -> StepResult {
        let ask = CheckBook {
            file_name: self.file_name(),
            stored: self.stored_validator(),
            stop: self.context.stop.clone(),
        };
        match self.services.check(ask, &self.cx).await {
            Ok(CheckResult::Download) => StepResult::plain(WorkerOutcome::Wanted),
            Ok(CheckResult::UpToDate) => self.same(),
            // GRIN has dropped it since, and it is whole in the store.
            Ok(CheckResult::NotConverted) if self.found.is_some() => self.same(),
            Ok(CheckResult::NotConverted) => StepResult::plain(WorkerOutcome::NotThere),
            Ok(CheckResult::NotBegun) => StepResult::plain(WorkerOutcome::NotBegun),
            Err(fault) => StepResult::fault(fault),
        }
    }

    /// GRIN has what the store has; the volume of an interrupted run is recorded as stored now.
    fn same(&mut self) -> StepResult {
        match self.found.take() {
            Some(found) => StepResult {
                outcome: WorkerOutcome::Published,
                stored: Some(Box::new(found.into_book())),
                fault: None,
            },
            None => StepResult::plain(WorkerOutcome::Same),
        }
    }

    async fn download(&mut self) -> StepResult {
        let claim = self.book.claim.clone();
        if let Err(error) = self.services.record_downloading(claim.clone(), &self.cx).await {
            return StepResult::fault(BookFault::from(&error));
        }
        let unless = if self.context.policy.force {
            None
        } else {
            self.stored_validator()
        };
        let ask = DownloadBook {
            barcode: claim.barcode.clone(),
            file_name: self.file_name(),
            claim,
            unless,
            stop: self.context.stop.clone(),
        };
        match self.services.download(ask, &self.cx).await {
            Ok(DownloadResult::Stored(stored)) => StepResult {
                outcome: WorkerOutcome::Published,
                stored: Some(stored),
                fault: None,
            },
            Ok(DownloadResult::UpToDate) => self.same(),
            Ok(DownloadResult::NotConverted) => StepResult::plain(WorkerOutcome::NotThere),
            Ok(DownloadResult::NotBegun) => StepResult::plain(WorkerOutcome::NotBegun),
            // Judged once: the same archive would be refused again.
            Ok(DownloadResult::KeptAside { detail }) => StepResult::fault(BookFault::worse_than_stored(&detail)),
            Ok(DownloadResult::DamagedAtSource { reason, detail }) => {
                StepResult::fault(BookFault::damaged_at_source(reason, &detail))
            }
            Err(fault) => StepResult::fault(fault),
        }
    }

    /// Tells the intake what the outcome says about others, and decides when the book is due again.
    fn judge(&mut self, outcome: BookOutcome) -> RunEnd {
        self.log(outcome);
        let (now, rng) = (Instant::now(), &mut rand::rng());
        let barcode = &self.book.claim.barcode;
        let judgement = &mut *self.context.judgement.borrow_mut();
        let Some(fault) = &self.fault else {
            judgement.memory.forget(barcode);
            judgement.intake.succeeded(outcome, now);
            return RunEnd {
                delay: Duration::ZERO,
                left: false,
            };
        };
        let rules = PutOffRules {
            backoff: &self.context.policy.backoff,
            once: self.context.once,
            last_good: judgement.intake.last_good(fault.blame),
        };
        let attempt = self.book.attempts + 1;
        let (delay, left) = match outcome {
            BookOutcome::Released => {
                let put_off = judgement.memory.put_off(barcode, now, &rules, rng);
                (put_off.delay, put_off.left)
            }
            BookOutcome::Retry if self.context.once => (policy::wait(rules.backoff, attempt, rng), false),
            BookOutcome::Retry => (policy::attempt_delay(self.context.policy.attempts, attempt), false),
            _ => (Duration::ZERO, false),
        };
        judgement.intake.failed(barcode, fault, now, rng);
        let delay = delay.max(fault.asked_wait.unwrap_or_default());
        let later = self.context.once && delay > policy::longest_wait_once(&self.context.policy.backoff);
        RunEnd {
            delay,
            left: left || later,
        }
    }

    fn log(&self, outcome: BookOutcome) {
        let barcode = &self.book.claim.barcode;
        match (&self.fault, outcome) {
            (Some(fault), BookOutcome::Failed) => {
                warn!(%barcode, reason = fault.reason.as_str(), detail = fault.detail, "book failed");
            }
            (Some(fault), _) => {
                let (reason, blame) = (fault.reason.as_str(), fault.blame.as_str());
                info!(%barcode, reason, blame, detail = fault.detail, %outcome, "book not done");
            }
            (None, _) => debug!(%barcode, %outcome, "book done"),
        }
    }
}

impl StepResult {
    fn plain(outcome: WorkerOutcome) -> Self {
        Self {
            outcome,
            stored: None,
            fault: None,
        }
    }

    fn fault(fault: BookFault) -> Self {
        Self {
            outcome: WorkerOutcome::Fault(fault.blame, fault.outlook),
            stored: None,
            fault: Some(fault),
        }
    }
}
