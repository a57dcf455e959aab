//! Walks one claimed book along its plan and settles it.

use std::rc::Rc;
use std::time::Duration;

use tracing::{info, warn};

use crate::actor::{AskContext, AskError};
use crate::archive::ArchiveError;
use crate::catalog::{
    BegunPublication, CatalogError, ClaimSettlement, ClaimToken, ClaimedBook, RecordDoubtfulPublication,
    RecordDownloading, SettleClaim, StoredBook,
};
use crate::grin::{FileName, Validator};
use crate::pipeline::plan;
use crate::pipeline::plan::{BookFacts, ErrorKind, PlanStep, WorkerOutcome};
use crate::pipeline::policy;
use crate::pipeline::progress::RunProgress;
use crate::pipeline::recover;
use crate::pipeline::supervisor::{RetryPolicy, WorkerPools};
use crate::pipeline::workers::{CheckBook, CheckError, CheckResult, DownloadBook, DownloadError, DownloadResult};
use crate::pipeline::{HomeError, PublishedVolume, ReconcileBook};
use crate::session::{BodyError, ErrorClass, SessionError};
use crate::storage::{StorageError, StorageErrorClass as StorageClass};
use crate::vocabulary::{BookOutcome, FailureReason, WaitCause, WaitReason};

/// How often a settlement is tried while the catalog is busy or its disk full.
const SETTLE_ATTEMPTS: u32 = 5;

/// How a pursuit ended, for the supervisor's failure policy.
#[derive(Debug)]
pub(super) struct BookRunResult {
    pub verdict: BookOutcome,
    pub held: ClaimToken,
    /// The reason of a failure that may have been the way here and not the book.
    pub passing: Option<FailureReason>,
    /// Why the intake should wait before it goes on; books are not to blame.
    pub trouble: Option<WaitReason>,
}

/// One worker's answer, reduced to what the plan and the catalog need.
struct Said {
    outcome: WorkerOutcome,
    home: Option<Box<StoredBook>>,
    fault: Option<Fault>,
}

/// An error in the forms that the plan, the catalog and the user need.
struct Fault {
    reason: FailureReason,
    detail: String,
    wait: Option<Duration>,
    needs_person: bool,
    /// May have been the way here: counts towards an outage.
    passing: bool,
    /// Would meet any book: the intake waits.
    troubles_all: bool,
}

/// Walks `book` to its settlement. Whatever happens, the book is settled: nothing is left in the supervisor's hands.
pub(super) async fn pursue(
    crew: Rc<WorkerPools>,
    terms: RetryPolicy,
    board: &RunProgress,
    book: ClaimedBook,
    cx: AskContext,
) -> BookRunResult {
    let mut walk = Walk {
        crew,
        terms,
        book,
        cx,
        home: None,
        fault: None,
        kept: None,
    };
    let verdict = walk.to_the_end().await;
    let bytes = walk.home.as_ref().map_or(0, |home| home.archive_bytes);
    let verdict = walk.settle(verdict).await;
    if let (Some(fault), BookOutcome::Failed) = (&walk.fault, &verdict) {
        board.failure(fault.reason);
    }
    board.settled(verdict, bytes);
    let passing = walk
        .fault
        .as_ref()
        .filter(|fault| fault.passing)
        .map(|fault| fault.reason);
    let trouble = walk
        .fault
        .take()
        .filter(|fault| verdict == BookOutcome::Released && fault.troubles_all)
        .map(|fault| WaitReason {
            needs_person: fault.needs_person,
            ..WaitReason::new(fault.cause(), fault.detail, jiff::Timestamp::now())
        });
    BookRunResult {
        verdict,
        held: walk.book.held,
        passing,
        trouble,
    }
}

struct Walk {
    crew: Rc<WorkerPools>,
    terms: RetryPolicy,
    book: ClaimedBook,
    cx: AskContext,
    home: Option<Box<StoredBook>>,
    fault: Option<Fault>,
    kept: Option<PublishedVolume>,
}

impl Walk {
    async fn to_the_end(&mut self) -> BookOutcome {
        let found = self.look_for_what_is_kept().await;
        let claim = BookFacts {
            stored: self.book.stored.is_some(),
            listed: self.book.listed_converted,
            interrupted: matches!(&found, Ok(Some(_))),
            force: self.terms.force,
            attempts: self.book.attempts,
        };
        match found {
            Ok(kept) => self.kept = kept,
            // What cannot be looked at is not written over.
            Err(error) => {
                let outcome = self.take(Said::error(home_fault(&error)));
                return match plan::next(&claim, outcome, self.terms.attempts) {
                    PlanStep::Settle(verdict) => verdict,
                    PlanStep::Check | PlanStep::Download => BookOutcome::Released,
                };
            }
        }
        let mut step = plan::first(&claim);
        loop {
            let said = match step {
                PlanStep::Check => self.check().await,
                PlanStep::Download => self.download().await,
                PlanStep::Settle(verdict) => return verdict,
            };
            let outcome = self.take(said);
            step = plan::next(&claim, outcome, self.terms.attempts);
        }
    }

    /// A run that was killed while it published, or before it recorded that, left objects in the store: look before fetching.
    async fn look_for_what_is_kept(&self) -> Result<Option<PublishedVolume>, HomeError> {
        if self.terms.force || (self.book.stored.is_some() && self.book.publishing.is_none()) {
            return Ok(None);
        }
        recover::reconcile(ReconcileBook {
            barcode: self.book.held.barcode.clone(),
            recorded: self.book.stored.clone(),
            begun: self.book.publishing.clone(),
            storage: self.crew.storage.clone(),
            layout: self.crew.layout.clone(),
            options: self.crew.options.clone(),
        })
        .await
    }

    fn take(&mut self, said: Said) -> WorkerOutcome {
        self.home = said.home.or(self.home.take());
        self.fault = said.fault;
        said.outcome
    }

    fn file_name(&self) -> FileName {
        self.book
            .file_name
            .clone()
            .unwrap_or_else(|| FileName::of(&self.book.held.barcode))
    }

    async fn check(&mut self) -> Said {
        let stored = match (&self.book.stored, &self.kept) {
            (_, Some(kept)) => kept.validator(),
            (Some(stored), None) => stored.etag.as_deref().and_then(|etag| Validator::parse(etag).ok()),
            (None, None) => None,
        };
        let ask = CheckBook {
            file_name: self.file_name(),
            stored,
        };
        match self.crew.checkers.ask(ask, &self.cx).await {
            Ok(Ok(CheckResult::Download)) => Said::plain(WorkerOutcome::Wanted),
            Ok(Ok(CheckResult::UpToDate)) => self.same(),
            // GRIN has dropped it since, and it lies whole in the store: it is home.
            Ok(Ok(CheckResult::NotConverted)) if self.kept.is_some() => self.same(),
            Ok(Ok(CheckResult::NotConverted)) => Said::plain(WorkerOutcome::NotThere),
            Ok(Err(error)) => Said::error(check_fault(&error)),
            Err(error) => Said::error(ask_fault(&error)),
        }
    }

    /// CHECK says that GRIN has what the store has; a volume of an interrupted run is recorded as home now.
    fn same(&mut self) -> Said {
        match self.kept.take() {
            Some(kept) => Said {
                outcome: WorkerOutcome::Published,
                home: Some(Box::new(kept.into_book())),
                fault: None,
            },
            None => Said::plain(WorkerOutcome::Same),
        }
    }

    async fn download(&mut self) -> Said {
        let noted = self
            .crew
            .catalog
            .ask(RecordDownloading(self.book.held.clone()), &self.cx)
            .await;
        if let Err(error) = noted {
            let fault = catalog_fault(&error);
            return Said::error((ErrorKind::Elsewhere, fault));
        }
        let ask = DownloadBook {
            barcode: self.book.held.barcode.clone(),
            file_name: self.file_name(),
            claim: self.book.held.clone(),
        };
        match self.crew.downloaders.ask(ask, &self.cx).await {
            Ok(Ok(DownloadResult::Home(home))) => Said {
                outcome: WorkerOutcome::Published,
                home: Some(home),
                fault: None,
            },
            Ok(Ok(DownloadResult::NotConverted)) => Said::plain(WorkerOutcome::NotThere),
            // Judged once: the same archive would be refused again.
            Ok(Ok(DownloadResult::KeptAside { detail })) => Said {
                outcome: WorkerOutcome::DamagedAtSource,
                home: None,
                fault: Some(Fault {
                    passing: false,
                    ..Fault::new(FailureReason::WorseThanStored, detail)
                }),
            },
            Ok(Ok(DownloadResult::DamagedAtSource { reason, detail })) => Said {
                outcome: WorkerOutcome::DamagedAtSource,
                home: None,
                fault: Some(Fault::new(
                    FailureReason::DamagedAtSource,
                    format!("{reason}: {detail}"),
                )),
            },
            Ok(Err(error)) => Said::error(download_fault(&error)),
            Err(error) => Said::error(ask_fault(&error)),
        }
    }

    /// Tells the catalog; answers with what the book really became (a lost lease makes nothing of it).
    async fn settle(&mut self, verdict: BookOutcome) -> BookOutcome {
        let settlement = self.settlement(&verdict);
        self.log(&verdict);
        for attempt in 1.. {
            let settle = SettleClaim {
                held: self.book.held.clone(),
                settlement: settlement.clone(),
            };
            // Settling is not cancelled by a drain: what was published must be recorded.
            match self
                .crew
                .catalog
                .ask(settle, &crate::pipeline::supervisor::unhurried())
                .await
            {
                Ok(_state) => break,
                Err(error) if error.may_pass() && attempt < SETTLE_ATTEMPTS => {
                    warn!(barcode = %self.book.held.barcode, %error, attempt, "not recorded yet; trying again");
                    tokio::time::sleep(policy::wait(&self.terms.backoff, attempt, &mut rand::rng())).await;
                }
                Err(error) => {
                    warn!(barcode = %self.book.held.barcode, %error, "a book could not be settled; its lease runs out and it is claimed again");
                    self.record_doubt(&error).await;
                    self.fault = Some(catalog_fault(&error));
                    return BookOutcome::Released;
                }
            }
        }
        verdict
    }

    /// Objects were published, and the claim was lost before that could be recorded: the next run compares store and catalog.
    async fn record_doubt(&self, error: &CatalogError) {
        let (CatalogError::Stale { .. }, Some(home)) = (error, &self.home) else {
            return;
        };
        let doubt = RecordDoubtfulPublication {
            barcode: self.book.held.barcode.clone(),
            archive: BegunPublication {
                sha256: home.sha256.clone(),
                etag: home.encrypted_etag.clone(),
            },
        };
        let cx = crate::pipeline::supervisor::unhurried();
        if let Err(error) = self.crew.catalog.ask(doubt, &cx).await {
            warn!(barcode = %self.book.held.barcode, %error, "store and catalog may disagree about this book; `grind verify` tells");
        }
    }

    fn settlement(&mut self, verdict: &BookOutcome) -> ClaimSettlement {
        let (reason, detail, wait) = match &self.fault {
            Some(fault) => (fault.reason, fault.detail.clone(), fault.wait),
            None => (FailureReason::Worker, String::new(), None),
        };
        match verdict {
            BookOutcome::Stored => match &self.home {
                Some(home) => ClaimSettlement::Stored(home.clone()),
                None => ClaimSettlement::HandedBack,
            },
            BookOutcome::UpToDate => ClaimSettlement::UpToDate,
            BookOutcome::NotConverted => ClaimSettlement::NotConverted,
            BookOutcome::Retry => {
                let delay = policy::retry_delay(&self.terms.backoff, self.book.attempts + 1, wait, &mut rand::rng());
                ClaimSettlement::Retry {
                    reason,
                    detail,
                    at: jiff::Timestamp::now() + delay,
                    counts: true,
                }
            }
            // Others first: a book that a person must see to does not stand in the way of the rest.
            BookOutcome::Released if self.fault.is_some() && !self.cx.is_cancelled() => {
                let delay = policy::retry_delay(&self.terms.backoff, 1, wait, &mut rand::rng());
                ClaimSettlement::Retry {
                    reason,
                    detail,
                    at: jiff::Timestamp::now() + delay,
                    counts: false,
                }
            }
            BookOutcome::Released => ClaimSettlement::HandedBack,
            BookOutcome::Failed => ClaimSettlement::Failed { reason, detail },
        }
    }

    fn log(&self, verdict: &BookOutcome) {
        let barcode = &self.book.held.barcode;
        match (&self.fault, verdict) {
            (Some(fault), BookOutcome::Failed) => {
                warn!(%barcode, reason = fault.reason.as_str(), detail = fault.detail, "book failed");
            }
            (Some(fault), _) => {
                info!(%barcode, reason = fault.reason.as_str(), detail = fault.detail, ?verdict, "book put back")
            }
            (None, _) => tracing::debug!(%barcode, ?verdict, "book settled"),
        }
    }
}

impl Said {
    fn plain(outcome: WorkerOutcome) -> Self {
        Self {
            outcome,
            home: None,
            fault: None,
        }
    }

    fn error((kind, fault): (ErrorKind, Fault)) -> Self {
        Self {
            outcome: WorkerOutcome::Error(kind),
            home: None,
            fault: Some(fault),
        }
    }
}

impl Fault {
    fn new(reason: FailureReason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            wait: None,
            needs_person: false,
            passing: true,
            troubles_all: true,
        }
    }

    /// What the intake waits for.
    fn cause(&self) -> WaitCause {
        match self.reason {
            FailureReason::SignedOut => WaitCause::SignIn,
            FailureReason::NoToken => WaitCause::Token,
            FailureReason::WrongPassphrase | FailureReason::NoPassphrase => WaitCause::Passphrase,
            FailureReason::StorageFull => WaitCause::Disk,
            FailureReason::Catalog => WaitCause::Catalog,
            reason if reason.as_str().starts_with("storage") => WaitCause::Storage,
            _ => WaitCause::Grin,
        }
    }
}

fn check_fault(error: &CheckError) -> (ErrorKind, Fault) {
    match error {
        CheckError::Session(error) => session_fault(error),
        CheckError::NoValidator(_) => (
            ErrorKind::Passing,
            Fault::new(FailureReason::NoValidator, error.to_string()),
        ),
    }
}

fn download_fault(error: &DownloadError) -> (ErrorKind, Fault) {
    match error {
        DownloadError::Session(error) => session_fault(error),
        DownloadError::Panicked(_) => (
            ErrorKind::Passing,
            Fault::new(FailureReason::Panicked, error.to_string()),
        ),
        DownloadError::Catalog(error) => (ErrorKind::Elsewhere, catalog_fault(error)),
        DownloadError::Home(error) => home_fault(error),
    }
}

fn home_fault(error: &HomeError) -> (ErrorKind, Fault) {
    match error {
        HomeError::Body(BodyError::Cancelled) => (
            ErrorKind::Elsewhere,
            Fault::new(FailureReason::Cancelled, error.to_string()),
        ),
        HomeError::Body(BodyError::Session(error)) => session_fault(error),
        HomeError::Body(body) => (ErrorKind::Passing, Fault::new(body.reason(), error.to_string())),
        HomeError::Archive(error) => archive_fault(error),
        HomeError::Storage(error) => storage_fault(error),
        HomeError::ClaimEnded(_) => (
            ErrorKind::Elsewhere,
            Fault {
                troubles_all: false,
                ..Fault::new(FailureReason::ClaimLost, error.to_string())
            },
        ),
        HomeError::Sink(error) | HomeError::Source(error) => match StorageError::of(error) {
            Some(error) => storage_fault(error),
            None => (
                ErrorKind::Elsewhere,
                Fault {
                    needs_person: true,
                    ..Fault::new(FailureReason::StorageIo, error.to_string())
                },
            ),
        },
    }
}

/// A wrong passphrase or hostile content will be the same next time; anything else may have been the way here.
fn archive_fault(error: &ArchiveError) -> (ErrorKind, Fault) {
    let fault = Fault::new(error.reason(), error.to_string());
    match error {
        // One book may have another passphrase; a series of them means that ours is wrong, so it counts towards an outage.
        ArchiveError::WrongPassphrase => (ErrorKind::Lasting, fault),
        ArchiveError::Hostile { .. } | ArchiveError::Unsupported { .. } => (
            ErrorKind::Lasting,
            Fault {
                passing: false,
                ..fault
            },
        ),
        // Without a passphrase no book can be opened: a person's business.
        ArchiveError::NoPassphrase => (
            ErrorKind::Elsewhere,
            Fault {
                needs_person: true,
                ..fault
            },
        ),
        _ => (ErrorKind::Passing, fault),
    }
}

/// A store that is full or will not take anything is no fault of the book.
fn storage_fault(error: &StorageError) -> (ErrorKind, Fault) {
    let fault = Fault {
        needs_person: error.class() != StorageClass::Transient,
        ..Fault::new(error.reason(), error.to_string())
    };
    (ErrorKind::Elsewhere, fault)
}

fn session_fault(error: &SessionError) -> (ErrorKind, Fault) {
    let mut fault = Fault::new(error.reason(), error.to_string());
    // 403 may be about one book, or about all: the book goes to the back, and only a sign-in that is gone stops the intake.
    fault.troubles_all = !matches!(error, SessionError::Closed | SessionError::Cancelled);
    let class = error.class();
    match &class {
        ErrorClass::Transient { wait } => fault.wait = *wait,
        ErrorClass::NeedsPerson => fault.needs_person = true,
        ErrorClass::Permanent => {}
    }
    // Nobody is asked while the gate is shut, and no book is to blame for it.
    let throttled = matches!(error, SessionError::Throttled { .. });
    fault.troubles_all &= !throttled;
    let shutdown = matches!(
        error,
        SessionError::Closed | SessionError::Cancelled | SessionError::Mailbox(_)
    );
    // A redirect to where nobody should go is a server's slip as a rule: worth another try, within the book's attempts.
    let slip = matches!(error, SessionError::Redirect(_)) && class == ErrorClass::Permanent;
    let kind = if slip {
        ErrorKind::Passing
    } else if shutdown || throttled {
        ErrorKind::Elsewhere
    } else {
        ErrorKind::from(&class)
    };
    (kind, fault)
}

/// A lost lease is somebody else's book by now; anything else is the catalog's trouble, not the book's.
fn catalog_fault(error: &CatalogError) -> Fault {
    let lost = matches!(error, CatalogError::Stale { .. });
    Fault {
        needs_person: !error.may_pass() && !lost,
        troubles_all: !lost,
        ..Fault::new(
            if lost {
                FailureReason::ClaimLost
            } else {
                FailureReason::Catalog
            },
            error.to_string(),
        )
    }
}

fn ask_fault(error: &AskError) -> (ErrorKind, Fault) {
    let kind = match error {
        AskError::Panicked | AskError::TimedOut => ErrorKind::Passing,
        _ => ErrorKind::Elsewhere,
    };
    (kind, Fault::new(FailureReason::Worker, error.to_string()))
}

#[cfg(test)]
mod tests;
