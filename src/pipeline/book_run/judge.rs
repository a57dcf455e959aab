//! What a run's outcome says about others, and when the book is due again.

use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::pipeline::book_run::BookRun;
use crate::pipeline::book_services::BookServices;
use crate::pipeline::policy::{FailedAttempt, PutOff, PutOffRules, may_meet_all};
use crate::vocabulary::BookOutcome;

impl<S: BookServices> BookRun<S> {
    /// Tells the intake what the outcome says about others, and decides when the book is due again.
    pub(super) fn judge(&mut self, outcome: BookOutcome) -> PutOff {
        let (now, rng) = (Instant::now(), &mut rand::rng());
        let barcode = &self.book.claim.barcode;
        let judgement = &mut *self.context.judgement.borrow_mut();
        let Some(fault) = &self.fault else {
            judgement.memory.forget(barcode);
            // GRIN answered, although that says nothing of the book.
            let heard = if self.unnamed {
                BookOutcome::NotConverted
            } else {
                outcome
            };
            for book in judgement.intake.succeeded(barcode, heard, now) {
                // What it met was not its own.
                judgement.memory.forget(&book);
            }
            return PutOff::default();
        };
        if fault.was_not_sent() {
            judgement.intake.failed(barcode, fault, now, rng);
            return PutOff::default();
        }
        if outcome == BookOutcome::Stored {
            // It is done by what an earlier run had stored: nobody else waits for what it met on the way.
            judgement.memory.forget(barcode);
            return PutOff::default();
        }
        let rules = PutOffRules {
            backoff: &self.context.options.retry.backoff,
            once: self.context.once,
            last_good: judgement.intake.last_good(fault),
        };
        let attempt = FailedAttempt {
            barcode,
            outcome,
            number: self.book.attempts + 1,
            limit: self.context.options.retry.attempts,
            asked_wait: fault.asked_wait,
            outlook: fault.outlook,
            may_meet_all: may_meet_all(fault.reason),
            has_own_trouble: fault.is_own_trouble(),
        };
        let due = judgement.memory.due_again(&attempt, now, &rules, rng);
        judgement.intake.failed(barcode, fault, now, rng);
        due
    }

    fn is_to_be_told(&self) -> bool {
        let memory = &mut self.context.judgement.borrow_mut().memory;
        memory.is_to_be_told(&self.book.claim.barcode)
    }

    pub(super) fn log(&self, outcome: BookOutcome) {
        let barcode = &self.book.claim.barcode;
        match (&self.fault, outcome) {
            (Some(fault), BookOutcome::Failed) => {
                warn!(%barcode, error_kind = fault.reason.as_str(), detail = fault.detail, "book failed");
            }
            (Some(fault), BookOutcome::Stored) => {
                let (error_kind, detail) = (fault.reason.as_str(), &fault.detail);
                warn!(%barcode, error_kind, detail, "the newer archive was not taken; what was published before is recorded as stored");
            }
            (Some(fault), BookOutcome::Released) if fault.is_this_books_to_mend() && self.is_to_be_told() => {
                let error_kind = fault.reason.as_str();
                warn!(%barcode, error_kind, detail = fault.detail, "book cannot be stored; it is tried again later");
            }
            (Some(fault), BookOutcome::Released) => {
                // Not the book's fault: what all wait for is said once, where the intake closes.
                let (error_kind, blame) = (fault.reason.as_str(), fault.blame.as_str());
                debug!(%barcode, error_kind, blame, detail = fault.detail, "book not begun or broken off");
            }
            (Some(fault), _) => {
                let (error_kind, blame) = (fault.reason.as_str(), fault.blame.as_str());
                info!(%barcode, error_kind, blame, detail = fault.detail, %outcome, "book not done");
            }
            (None, BookOutcome::Stored) => {
                let bytes = self.stored.as_ref().map(|stored| stored.archive_bytes);
                info!(%barcode, bytes, "book stored");
            }
            (None, BookOutcome::NotConverted) => {
                info!(%barcode, "GRIN has no archive of the book; it has to be converted")
            }
            // Nothing of the book has changed.
            (None, _) => debug!(%barcode, %outcome, "book looked at"),
        }
    }
}
