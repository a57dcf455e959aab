//! One step of a book's plan: what is asked, and what the answer means for the plan.

use tokio::time::Instant;

use crate::grin::{FileName, Validator};
use crate::pipeline::PublishedVolume;
use crate::pipeline::book_run::{BookRun, StepResult};
use crate::pipeline::book_services::BookServices;
use crate::pipeline::plan::WorkerOutcome;
use crate::pipeline::policy::BookFault;
use crate::pipeline::workers::{CheckBook, CheckResult, DownloadBook, DownloadResult};
use crate::storage::ObjectKey;

impl<S: BookServices> BookRun<S> {
    /// A run that was killed while it published, or before it recorded that, left objects in the store: look before fetching.
    pub(super) async fn look_for_published(&self) -> Result<Option<PublishedVolume>, BookFault> {
        if self.context.options.force || (self.book.stored.is_some() && self.book.publishing.is_none()) {
            return Ok(None);
        }
        let look = self.services.reconcile(&self.book);
        self.cx.span().during("reconcile", look).await
    }

    fn file_name(&self) -> FileName {
        self.book
            .file_name
            .clone()
            .unwrap_or_else(|| FileName::of(&self.book.claim.barcode))
    }

    /// GRIN's validator of what is stored, if it is known. Not where the stored archive is to be fetched whatever GRIN says of it
    /// (`FetchBeside`).
    fn stored_validator(&self) -> Option<Validator> {
        if self.book.is_fetched_beside() {
            return None;
        }
        match (&self.found, &self.book.stored) {
            (Some(found), _) => found.validator(),
            (None, Some(stored)) => stored.etag.as_deref().and_then(|etag| Validator::parse(etag).ok()),
            (None, None) => None,
        }
    }

    pub(super) async fn check(&mut self) -> StepResult {
        if !self.is_head_asked() {
            return StepResult::plain(WorkerOutcome::Wanted);
        }
        let ask = CheckBook {
            file_name: self.file_name(),
            stored: self.stored_validator(),
            stop: self.context.stop.clone(),
        };
        let checked = self.services.check(ask, &self.cx).await;
        self.note_head(&checked);
        match checked {
            Ok(CheckResult::Download) => StepResult::plain(WorkerOutcome::Wanted),
            Ok(CheckResult::UpToDate) => StepResult::plain(WorkerOutcome::Same),
            Ok(CheckResult::NotConverted) => StepResult::plain(WorkerOutcome::NotThere),
            Ok(CheckResult::NotBegun) => StepResult::plain(WorkerOutcome::NotBegun),
            Err(fault) => StepResult::fault(fault),
        }
    }

    fn is_head_asked(&self) -> bool {
        let memory = &self.context.judgement.borrow().memory;
        memory.is_head_asked(&self.book.claim.barcode)
    }

    /// What was not sent, and what stopped at a sign-in or at us, says nothing of HEAD.
    fn note_head(&self, checked: &Result<CheckResult, BookFault>) {
        let memory = &mut self.context.judgement.borrow_mut().memory;
        match checked {
            Ok(found) if *found != CheckResult::NotBegun => memory.head_answered(),
            Err(fault) if fault.is_on_the_way() => memory.head_failed(&self.book.claim.barcode, Instant::now()),
            _ => {}
        }
    }

    pub(super) async fn download(&mut self) -> StepResult {
        let claim = self.book.claim.clone();
        if let Err(error) = self.services.record_downloading(claim.clone(), &self.cx).await {
            return StepResult::fault(BookFault::from(&error));
        }
        let unless = if self.context.options.force {
            None
        } else {
            self.stored_validator()
        };
        let ask = DownloadBook {
            barcode: claim.barcode.clone(),
            file_name: self.file_name(),
            recorded: self.book.path.as_deref().and_then(|path| ObjectKey::parse(path).ok()),
            claim,
            unless,
            patience: self.patience_with_catalog(),
            stop: self.context.stop.clone(),
        };
        let downloaded = self.services.download(ask, &self.cx).await;
        if !matches!(downloaded, Ok(DownloadResult::NotBegun) | Err(_)) {
            self.context.judgement.borrow_mut().memory.get_answered();
        }
        match downloaded {
            Ok(DownloadResult::Stored(stored)) => StepResult {
                outcome: WorkerOutcome::Published,
                stored: Some(stored),
                fault: None,
            },
            Ok(DownloadResult::UpToDate) => StepResult::plain(WorkerOutcome::Same),
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
}
