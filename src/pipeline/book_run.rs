//! Runs one claimed book along its plan and settles it.

mod judge;
mod settle;
mod steps;

use std::cell::{Cell, RefCell};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use futures::FutureExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::actor::AskContext;
use crate::catalog::{ClaimToken, ClaimedBook, PutOffBook, StoredBook};
use crate::pipeline::PublishedVolume;
use crate::pipeline::book_services::BookServices;
use crate::pipeline::intake::BookIntake;
use crate::pipeline::plan;
use crate::pipeline::plan::{BookFacts, PlanStep, WorkerOutcome};
use crate::pipeline::policy::{BookFault, FailureMemory, FaultOutlook, PutOff, may_meet_all};
use crate::pipeline::supervisor::WorkOptions;
use crate::session::SessionError;
use crate::traces::WorkSpan;
use crate::vocabulary::{BookOutcome, FailureReason};

/// How a book's run ended, for the fan-out.
#[derive(Debug)]
pub(super) struct BookRunResult {
    pub outcome: BookOutcome,
    pub claim: ClaimToken,
    /// The book, where a run that ends by itself leaves it to the next one.
    pub left: Option<PutOffBook>,
    /// Bytes of the archive that was published.
    pub bytes: u64,
    pub fault: Option<BookFault>,
    /// The catalog was not told what came of it.
    pub is_unrecorded: bool,
}

/// What is known of the whole run: which dependencies are in trouble, and which books failed through no fault of their own.
#[derive(Debug)]
pub(super) struct RunJudgement {
    pub intake: BookIntake,
    pub memory: FailureMemory,
}

/// What the runs of all books share, and what the fan-out sees of this one.
#[derive(Clone)]
pub(super) struct BookRunContext {
    pub options: WorkOptions,
    pub judgement: Rc<RefCell<RunJudgement>>,
    /// The run ends by itself, so every wait in it has a bound.
    pub once: bool,
    /// Cancelled: nothing new is begun.
    pub stop: CancellationToken,
    /// The catalog is told what came of the book; then its claim ends with that.
    pub settling: Rc<Cell<bool>>,
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
    let span = WorkSpan::of_book(book.claim.barcode.as_str());
    let mut run = BookRun {
        services,
        context,
        book,
        cx: cx.traced(span.clone()),
        stored: None,
        fault: None,
        found: None,
        unnamed: false,
        unrecorded: false,
    };
    let followed = AssertUnwindSafe(run.follow_plan()).catch_unwind().await;
    let outcome = followed.unwrap_or_else(|_panic| run.panicked());
    let end = run.judge(outcome);
    let outcome = if end.left {
        plan::left(outcome, run.found.is_some())
    } else {
        outcome
    };
    run.log(outcome);
    let settle = AssertUnwindSafe(run.settle(outcome, end)).catch_unwind();
    let settled = span.during("record", settle).await;
    let outcome = settled.unwrap_or_else(|_panic| run.remains_unrecorded(BookFault::panicked("the settlement")));
    run.context.judgement.borrow_mut().intake.ended(&run.book.claim.barcode);
    run.end_span(outcome);
    BookRunResult {
        outcome,
        left: run.left(outcome, end),
        claim: run.book.claim,
        bytes: run.stored.map_or(0, |stored| stored.archive_bytes),
        fault: run.fault,
        is_unrecorded: run.unrecorded,
    }
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
    /// GRIN does not know the name that was guessed for its archive.
    unnamed: bool,
    /// The catalog was not told what came of it.
    unrecorded: bool,
}

impl<S: BookServices> BookRun<S> {
    async fn follow_plan(&mut self) -> BookOutcome {
        let found = self.look_for_published().await;
        let facts = self.facts(matches!(&found, Ok(Some(_))));
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
                PlanStep::SettleFound => return self.settle_found(),
                PlanStep::SettleUnnamed => {
                    self.unnamed = true;
                    return BookOutcome::Released;
                }
                _ if self.context.stop.is_cancelled() => StepResult::plain(WorkerOutcome::NotBegun),
                PlanStep::Check => self.check().await,
                PlanStep::Download => self.download().await,
            };
            step = self.next_step(facts, result);
        }
    }

    fn next_step(&mut self, facts: BookFacts, result: StepResult) -> PlanStep {
        let result = self.among_others(self.missing_in_spite_of_list(facts, result));
        self.stored = result.stored.or(self.stored.take());
        self.fault = result.fault;
        let facts = BookFacts {
            first_refusal: self.is_first_refusal(),
            ..facts
        };
        plan::next(facts, result.outcome, self.context.options.retry.attempts)
    }

    fn is_first_refusal(&self) -> bool {
        let memory = &self.context.judgement.borrow().memory;
        let is_first = |fault: &BookFault| {
            memory.is_first_refusal(&self.book.claim.barcode, fault.outlook, may_meet_all(fault.reason))
        };
        self.fault.as_ref().is_some_and(is_first)
    }

    /// GRIN does not have an archive that its own list calls converted: a fault where it meets several books, as far as is known then.
    /// Of one book it is believed the second time.
    fn missing_in_spite_of_list(&self, facts: BookFacts, result: StepResult) -> StepResult {
        if result.outcome != WorkerOutcome::NotThere || !facts.listed || facts.name_to_come {
            return result;
        }
        let missing = StepResult::fault(BookFault::from(&SessionError::NotFound));
        let barcode = &self.book.claim.barcode;
        let judgement = self.context.judgement.borrow();
        let is_first = judgement.memory.is_first_refusal(barcode, FaultOutlook::Open, true);
        match is_first || judgement.intake.is_refused_by_all(FailureReason::NotFound) {
            true => missing,
            false => result,
        }
    }

    /// The same result, with the fault as others fared so far.
    fn among_others(&self, result: StepResult) -> StepResult {
        let StepResult { stored, fault, .. } = result;
        let Some(fault) = fault else {
            return StepResult {
                stored,
                fault,
                ..result
            };
        };
        let RunJudgement { intake, memory } = &mut *self.context.judgement.borrow_mut();
        let (ClaimedBook { claim, attempts, .. }, now) = (&self.book, Instant::now());
        let fault = if fault.is_on_the_way() {
            let served_between = memory.failed_on_the_way(&claim.barcode, now, intake.last_served());
            fault.on_the_way(served_between)
        } else {
            intake.judged(&claim.barcode, *attempts, fault, now)
        };
        StepResult {
            stored,
            ..StepResult::fault(fault)
        }
    }

    /// What was found in the store is what the book is.
    fn settle_found(&mut self) -> BookOutcome {
        self.stored = self.found.take().map(|found| Box::new(found.into_book()));
        BookOutcome::Stored
    }

    fn facts(&self, interrupted: bool) -> BookFacts {
        BookFacts {
            stored: self.book.stored.is_some(),
            listed: self.book.listed_converted,
            interrupted,
            force: self.context.options.force,
            name_to_come: self.book.name_to_come,
            attempts: self.book.attempts,
            first_refusal: false,
        }
    }

    /// A failed book is told with the time that the catalog gives it; one of which the catalog was told nothing is not done, unless a
    /// drain was to cut it.
    fn left(&self, outcome: BookOutcome, end: PutOff) -> Option<PutOffBook> {
        let unrecorded = self.unrecorded && self.context.once && !self.cx.is_cancelled();
        let is_left = unrecorded || (end.left && outcome != BookOutcome::Failed);
        let fault = self.fault.as_ref().filter(|_| is_left)?;
        Some(PutOffBook {
            barcode: self.book.claim.barcode.clone(),
            reason: Some(fault.reason),
            detail: fault.detail.clone(),
            until: end.due_at(self.services.membership().now()),
        })
    }

    fn end_span(&self, outcome: BookOutcome) {
        let span = self.cx.span();
        span.word("outcome", outcome.as_str());
        if let Some(stored) = &self.stored {
            span.number("bytes", stored.archive_bytes);
        }
        if let Some(fault) = &self.fault {
            span.word("reason", fault.reason.as_str());
            span.fail();
        }
        span.end();
    }

    /// One attempt of this book, whatever it was that panicked.
    fn panicked(&mut self) -> BookOutcome {
        let result = StepResult::fault(BookFault::panicked("the book's run"));
        match self.next_step(self.facts(false), result) {
            PlanStep::Settle(outcome) => outcome,
            PlanStep::Check | PlanStep::Download | PlanStep::SettleFound | PlanStep::SettleUnnamed => {
                BookOutcome::Retry
            }
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
        let outcome = match fault.reason {
            FailureReason::Panicked => WorkerOutcome::Panicked,
            _ => WorkerOutcome::Fault(fault.blame, fault.outlook),
        };
        Self {
            outcome,
            stored: None,
            fault: Some(fault),
        }
    }
}

#[cfg(test)]
mod tests;
