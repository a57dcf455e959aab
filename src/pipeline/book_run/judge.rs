//! What a run's outcome says about others, and when the book is due again.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::pipeline::book_run::BookRun;
use crate::pipeline::book_services::BookServices;
use crate::pipeline::policy;
use crate::pipeline::policy::PutOffRules;
use crate::vocabulary::BookOutcome;

/// When the book is due again, if it is, and whether this run leaves it to the next one.
pub(super) struct RunEnd {
    pub delay: Duration,
    pub left: bool,
}

impl<S: BookServices> BookRun<S> {
    /// Tells the intake what the outcome says about others, and decides when the book is due again.
    pub(super) fn judge(&mut self, outcome: BookOutcome) -> RunEnd {
        self.log(outcome);
        let (now, rng) = (Instant::now(), &mut rand::rng());
        let barcode = &self.book.claim.barcode;
        let judgement = &mut *self.context.judgement.borrow_mut();
        let Some(fault) = &self.fault else {
            judgement.memory.forget(barcode);
            judgement.intake.succeeded(barcode, outcome, now);
            return RunEnd {
                delay: Duration::ZERO,
                left: false,
            };
        };
        let rules = PutOffRules {
            backoff: &self.context.options.retry.backoff,
            once: self.context.once,
            last_good: judgement.intake.last_good(fault.blame),
        };
        let attempt = self.book.attempts + 1;
        let (delay, left) = match outcome {
            BookOutcome::Released => {
                let put_off = judgement.memory.put_off(barcode, now, &rules, rng);
                (put_off.delay, put_off.left)
            }
            BookOutcome::Retry if self.context.once => (rules.backoff.pause(attempt, rng), false),
            BookOutcome::Retry => (
                policy::attempt_delay(self.context.options.retry.attempts, attempt),
                false,
            ),
            _ => (Duration::ZERO, false),
        };
        judgement.intake.failed(barcode, fault, now, rng);
        let delay = delay.max(fault.asked_wait.unwrap_or_default());
        let later = self.context.once && delay > policy::longest_wait_once(&self.context.options.retry.backoff);
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
            (Some(fault), BookOutcome::Stored) => {
                let (reason, detail) = (fault.reason.as_str(), &fault.detail);
                warn!(%barcode, reason, detail, "the newer archive was not taken; what was published before is recorded as stored");
            }
            (Some(fault), _) => {
                let (reason, blame) = (fault.reason.as_str(), fault.blame.as_str());
                info!(%barcode, reason, blame, detail = fault.detail, %outcome, "book not done");
            }
            (None, _) => debug!(%barcode, %outcome, "book done"),
        }
    }
}
