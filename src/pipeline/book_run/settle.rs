//! Tells the catalog what came of a book, for as long as that takes.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::actor::AskError;
use crate::catalog::{BegunPublication, CatalogError, ClaimSettlement, RecordDoubtfulPublication, SettleClaim};
use crate::pipeline::book_run::BookRun;
use crate::pipeline::book_services::BookServices;
use crate::pipeline::policy::{BookFault, PutOff, SETTLEMENT_AFTER_CUT};
use crate::vocabulary::{BookOutcome, WaitCause};

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How long a run that ends by itself tries.
const ONCE: Duration = Duration::from_secs(5 * 60);
/// How often a fault of this program is tried again.
const FAULTS: u32 = 5;

impl<S: BookServices> BookRun<S> {
    /// Tells the catalog; comes back with what the book really became (nothing comes of it when the claim was lost).
    ///
    /// What was published must be recorded, so a catalog that is locked, full or not writable is asked until it answers.
    pub(super) async fn settle(&mut self, outcome: BookOutcome, end: PutOff) -> BookOutcome {
        let settle = SettleClaim {
            claim: self.book.claim.clone(),
            settlement: self.settlement(outcome, end),
        };
        self.context.settling.set(true);
        let began = Instant::now();
        for attempt in 1.. {
            let error = match self.services.settle(settle.clone()).await {
                Ok(()) => {
                    self.context.judgement.borrow_mut().intake.answered(WaitCause::Catalog);
                    return outcome;
                }
                Err(error) => error,
            };
            self.not_recorded(&error);
            let patience = self.patience(&error, attempt);
            if patience.is_none_or(|patience| began.elapsed() >= patience) {
                return self.give_up(&error).await;
            }
            if attempt == 1 {
                warn!(barcode = %self.book.claim.barcode, %error, "not recorded yet; tried again until the catalog answers");
            }
            let backoff = &self.context.options.retry.backoff;
            let pause = backoff.pause(attempt, &mut rand::rng()).min(LONGEST_PAUSE);
            sleep(pause).await;
        }
        outcome
    }

    fn not_recorded(&self, error: &CatalogError) {
        let judgement = &mut *self.context.judgement.borrow_mut();
        let (fault, now) = (BookFault::from(error), Instant::now());
        judgement.intake.call_failed(&fault, now, &mut rand::rng());
    }

    /// How long it is tried in all; `None`: no longer.
    fn patience(&self, error: &CatalogError, attempt: u32) -> Option<Duration> {
        match error {
            CatalogError::Stale { .. } | CatalogError::Unknown(_) => None,
            CatalogError::Asked(AskError::Closed | AskError::Draining) => None,
            // Nothing can be recorded: the claim of the catalog that is gone ends with it.
            error if error.is_gone() && (self.context.once || self.context.stop.is_cancelled()) => None,
            CatalogError::Fault(_) | CatalogError::Encoding(_) if attempt >= FAULTS => None,
            _ if self.cx.is_cancelled() => Some(SETTLEMENT_AFTER_CUT),
            _ => Some(self.patience_with_catalog()),
        }
    }

    /// How long a catalog that is away is waited for with what was fetched.
    pub(super) fn patience_with_catalog(&self) -> Duration {
        if self.context.once { ONCE } else { Duration::MAX }
    }

    async fn give_up(&mut self, error: &CatalogError) -> BookOutcome {
        let barcode = &self.book.claim.barcode;
        warn!(%barcode, %error, "what came of the book is not recorded; it is claimed again when its claim has expired");
        let fault = BookFault::from(error);
        // A lost claim is no trouble of the catalog's.
        if fault.cause == Some(WaitCause::Catalog) {
            let intake = &mut self.context.judgement.borrow_mut().intake;
            intake.gave_up_recording(&fault, Instant::now());
        }
        self.record_doubt(error).await;
        self.remains_unrecorded(fault)
    }

    /// Nothing came of the book, as far as the catalog knows.
    pub(super) fn remains_unrecorded(&mut self, fault: BookFault) -> BookOutcome {
        (self.fault, self.unrecorded) = (Some(fault), true);
        BookOutcome::Released
    }

    /// Objects were published, and the claim was lost before that could be recorded: the next run compares store and catalog.
    async fn record_doubt(&self, error: &CatalogError) {
        let (CatalogError::Stale { .. }, Some(stored)) = (error, &self.stored) else {
            return;
        };
        let doubt = RecordDoubtfulPublication {
            barcode: self.book.claim.barcode.clone(),
            archive: BegunPublication {
                sha256: stored.sha256.clone(),
                etag: stored.encrypted_etag.clone(),
            },
        };
        if let Err(error) = self.services.record_doubt(doubt).await {
            let barcode = &self.book.claim.barcode;
            warn!(%barcode, %error, "store and catalog may disagree about this book; `grind sync --force --barcodes` with its barcode fetches it again");
        }
    }

    fn settlement(&self, outcome: BookOutcome, end: PutOff) -> ClaimSettlement {
        match (outcome, &self.fault) {
            (BookOutcome::Stored, _) => match &self.stored {
                Some(stored) => ClaimSettlement::Stored(stored.clone()),
                None => ClaimSettlement::Released,
            },
            (BookOutcome::UpToDate, _) => ClaimSettlement::UpToDate,
            (BookOutcome::NotConverted, _) => ClaimSettlement::NotConverted,
            (BookOutcome::Failed, Some(fault)) => ClaimSettlement::Failed {
                reason: fault.reason,
                detail: fault.detail.clone(),
            },
            (BookOutcome::Released, None) if self.unnamed => ClaimSettlement::Unnamed,
            // A drain cuts what runs: the book is due at once.
            (BookOutcome::Released, Some(_)) if self.cx.is_cancelled() => ClaimSettlement::Released,
            // Nothing was asked for it, and so nothing is known of it.
            (BookOutcome::Released, Some(fault)) if fault.was_not_sent() => ClaimSettlement::Released,
            (BookOutcome::Retry | BookOutcome::Released, Some(fault)) => ClaimSettlement::Retry {
                reason: fault.reason,
                detail: fault.detail.clone(),
                at: end.due_at(self.services.membership().now()),
                counts: end.counts,
            },
            (BookOutcome::Failed | BookOutcome::Retry | BookOutcome::Released, None) => ClaimSettlement::Released,
        }
    }
}
