//! One book after another is copied by the daemon, and what came of it is recorded.

use std::sync::Arc;

use crate::actor::AskContext;
use crate::catalog::{
    AskRecorded, CheckCursor, CheckSelection, CopySettlement, DueCopy, ListToCheck, MarkedPlace, SettleCopy,
};
use crate::pipeline::fixity::{ReadPace, RereadBook};
use crate::pipeline::mount;
use crate::pipeline::second_copy::place::SecondPlace;
use crate::pipeline::second_copy::plan::{CopyBlame, blame, wait_after};
use crate::pipeline::second_copy::transfer::{CopiedBook, CopyFault, SecondCopier};
use crate::pipeline::supervisor::WorkerPools;
use crate::pipeline::task_services::TaskFault;

/// Asks for one book to be copied.
pub(crate) struct CopyNext {
    /// The book.
    pub due: DueCopy,
    /// How fast.
    pub pace: Arc<ReadPace>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CopyStep {
    /// All of it is in the second place.
    Copied {
        /// Bytes that were sent.
        bytes: u64,
    },
    /// It is tried again later, and why.
    Failed(String),
    /// It was stored again meanwhile, or the work was cut: nothing is said of it.
    Left,
}

/// The same, and what reading a doubtful book again came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CopyTurn {
    pub step: CopyStep,
    pub reread: Option<RereadBook>,
}

impl From<CopyStep> for CopyTurn {
    fn from(step: CopyStep) -> Self {
        Self { step, reread: None }
    }
}

impl WorkerPools {
    /// Both places are those that the catalog knows.
    pub(in crate::pipeline) async fn confirm_second_copy(&self, cx: &AskContext) -> Result<(), TaskFault> {
        let Some(place) = self.second_copy.clone() else {
            return Ok(());
        };
        let confirmed = mount::confirm(&self.catalog, &self.storage, cx).await;
        confirmed.map_err(|fault| TaskFault::of(&fault.detail))?;
        let opened = actix_rt::task::spawn_blocking(move || place.open()).await;
        let copy = opened
            .map_err(|_| TaskFault::lost("it panicked"))?
            .map_err(|error| TaskFault::of(&format!("the second place: {error}")))?;
        let confirmed = mount::confirm_place(&self.catalog, &copy, MarkedPlace::SecondCopy, cx).await;
        confirmed.map_err(|fault| TaskFault::of(&format!("the second place: {}", fault.detail)))
    }

    /// Copies a book and records what came of it; an error is that of a place, and says nothing of the book.
    pub(in crate::pipeline) async fn copy_one(&self, next: CopyNext, cx: &AskContext) -> Result<CopyTurn, TaskFault> {
        let Some(copy) = self.second_copy.as_ref().and_then(SecondPlace::opened) else {
            return Ok(CopyStep::Left.into());
        };
        let copier = SecondCopier {
            main: self.storage.clone(),
            copy,
            layout: self.layout.clone(),
            pace: Arc::clone(&next.pace),
        };
        let due = next.due.clone();
        let sent = actix_rt::task::spawn_blocking(move || {
            let copied = copier.copy(&due);
            let answer = match &copied {
                // A place that does not answer would hold the end of the program back.
                Ok(_) | Err(CopyFault::Cut) => Ok(()),
                Err(_) => copier.places_answer(),
            };
            (copied, answer)
        });
        let sent = tokio::select! {
            sent = sent => sent,
            () = cx.cancelled() => return Ok(CopyStep::Left.into()),
        };
        let (copied, answer) = sent.map_err(|_| TaskFault::lost("it panicked"))?;
        let fault = match copied {
            Ok(copied) => return self.copied(&next.due, copied, cx).await,
            Err(fault) => fault,
        };
        match blame(&fault, answer.is_ok()) {
            CopyBlame::Nobody => Ok(CopyStep::Left.into()),
            CopyBlame::Place => Err(TaskFault::of(&fault)),
            CopyBlame::Book => self.failed(&next.due, &fault, CopyBlame::Book, cx).await,
            // What is missing in a storage that is away is not missing.
            CopyBlame::Doubt => match answer {
                Err(error) => Err(TaskFault::of(&error)),
                Ok(()) => self.doubted(next, &fault, cx).await,
            },
        }
    }

    async fn copied(&self, due: &DueCopy, book: CopiedBook, cx: &AskContext) -> Result<CopyTurn, TaskFault> {
        let CopiedBook { sha256, bytes } = book;
        let is_recorded = self.settle_copy(due, CopySettlement::Copied { sha256 }, cx).await?;
        Ok(match is_recorded {
            true => CopyStep::Copied { bytes }.into(),
            false => CopyStep::Left.into(),
        })
    }

    async fn failed(
        &self,
        due: &DueCopy,
        fault: &CopyFault,
        blame: CopyBlame,
        cx: &AskContext,
    ) -> Result<CopyTurn, TaskFault> {
        let error = fault.to_string();
        let wait = wait_after(due.attempts.saturating_add(1), blame);
        let why = match &due.recorded.barcode {
            Some(barcode) => format!("{barcode}: {error}"),
            None => error.clone(),
        };
        let is_recorded = self.settle_copy(due, CopySettlement::Retry { wait, error }, cx).await?;
        Ok(match is_recorded {
            true => CopyStep::Failed(why).into(),
            false => CopyStep::Left.into(),
        })
    }

    /// Whether a book is damaged, the reading of stored books says, which also sees to it.
    async fn doubted(&self, next: CopyNext, fault: &CopyFault, cx: &AskContext) -> Result<CopyTurn, TaskFault> {
        let recorded = &next.due.recorded;
        let Some(barcode) = recorded.barcode.clone() else {
            return self.failed(&next.due, fault, CopyBlame::Doubt, cx).await;
        };
        let now = self.catalog.ask(AskRecorded(barcode.clone()), cx).await?;
        if now.is_none_or(|now| now.stored_at != recorded.stored_at || now.begun.is_some()) {
            return Ok(CopyStep::Left.into());
        }
        let list = ListToCheck {
            selection: CheckSelection {
                barcodes: Some(vec![barcode]),
                ..CheckSelection::default()
            },
            after: CheckCursor::default(),
            limit: 1,
        };
        let reread = match self.catalog.ask(list, cx).await?.pop() {
            Some(book) => self.reread_book(book, Arc::clone(&next.pace), cx).await?,
            None => None,
        };
        let is_unsound = reread.as_ref().is_some_and(|book| book.outcome.is_unsound());
        let blame = if is_unsound { CopyBlame::Doubt } else { CopyBlame::Book };
        // Settled also where it is fetched again: then nothing is recorded, and it is due once it is stored.
        let turn = self.failed(&next.due, fault, blame, cx).await?;
        Ok(CopyTurn { reread, ..turn })
    }

    async fn settle_copy(&self, due: &DueCopy, settlement: CopySettlement, cx: &AskContext) -> Result<bool, TaskFault> {
        let settle = SettleCopy {
            book: due.recorded.id,
            stored_at: due.recorded.stored_at.clone(),
            settlement,
        };
        self.catalog.ask(settle, cx).await.map_err(TaskFault::from)
    }
}
