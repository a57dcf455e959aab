//! What the tasks beside downloading ask of others: workers and catalog behind one interface, so that they can be tested without
//! them.

use std::fmt::Display;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::actor::{AskContext, AskError};
use crate::catalog::{
    AskFixity, AskLastCopy, AskSecondCopies, AskUnknown, CatalogError, ClaimBackups, DueCopy, DueHook, EndPause,
    EnrichBatch, FixityStanding, HookQueue, KeptCopy, ListDueCopies, NoteCopy, NoteSetting, NoteUncopied, NotedSetting,
    PlanConversions, RecordConversions, RecordEnrichment, SecondCopyStanding, SharedTask, TaskAnswer, ToEnrich,
};
use crate::grin::{Barcode, GrinAddresses};
use crate::pipeline::KeptCopyError;
use crate::pipeline::fixity::{RereadBook, RereadNext};
use crate::pipeline::hooks::HookStep;
use crate::pipeline::membership::LibraryMembership;
use crate::pipeline::mount;
use crate::pipeline::second_copy::{CopyNext, CopyTurn};
use crate::pipeline::supervisor::WorkerPools;
use crate::pipeline::workers::{
    CollectError, CollectList, CollectResult, ConvertAnswer, ConvertBatch, ConvertError, EnrichAnswer, EnrichBarcodes,
    EnrichError, MonthlyArrivals,
};

/// Books that are looked at in one transaction, which others wait for.
const NUMBERS_AT_ONCE: i64 = 5_000;

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TaskFault {
    /// In a sentence.
    pub why: String,
    /// One of the books asked for, or their number, may be the reason: fewer of them may be answered.
    pub parts_may_be_answered: bool,
    /// GRIN answered, and named none of the books asked for.
    pub unnamed: bool,
    /// Only a person can mend it, so whatever is asked next meets it too.
    pub needs_person: bool,
}

impl TaskFault {
    pub fn of(error: &impl Display) -> Self {
        Self {
            why: error.to_string(),
            parts_may_be_answered: false,
            unnamed: false,
            needs_person: false,
        }
    }

    /// It is another's to do now.
    pub fn lost(why: &str) -> Self {
        Self::of(&why)
    }
}

impl From<AskError> for TaskFault {
    fn from(error: AskError) -> Self {
        Self::of(&error)
    }
}

impl From<CatalogError> for TaskFault {
    fn from(error: CatalogError) -> Self {
        Self::of(&error)
    }
}

impl From<CollectError> for TaskFault {
    fn from(error: CollectError) -> Self {
        Self {
            needs_person: error.needs_person(),
            ..Self::of(&error)
        }
    }
}

impl From<EnrichError> for TaskFault {
    fn from(error: EnrichError) -> Self {
        Self {
            parts_may_be_answered: error.parts_may_be_answered(),
            unnamed: matches!(error, EnrichError::Unnamed(_)),
            ..Self::of(&error)
        }
    }
}

impl From<ConvertError> for TaskFault {
    fn from(error: ConvertError) -> Self {
        Self {
            parts_may_be_answered: error.parts_may_be_answered(),
            unnamed: matches!(error, ConvertError::Unnamed(_)),
            needs_person: error.needs_person(),
            ..Self::of(&error)
        }
    }
}

/// Workers and catalog, as the tasks see them.
pub(super) trait TaskServices: 'static {
    /// Reads a list.
    async fn collect(&self, ask: CollectList, cx: &AskContext) -> Result<CollectResult, TaskFault>;
    /// Reads the report of volumes checked in; comes back with the number of books not known before.
    async fn arrivals(&self, ask: MonthlyArrivals, cx: &AskContext) -> Result<u64, TaskFault>;
    /// Asks for facts.
    async fn enrich(&self, ask: EnrichBarcodes, cx: &AskContext) -> Result<EnrichAnswer, TaskFault>;
    /// Asks for conversions.
    async fn convert(&self, ask: ConvertBatch, cx: &AskContext) -> Result<ConvertAnswer, TaskFault>;
    /// Batches for conversion at a time.
    fn converters(&self) -> usize;
    /// Which of these books the catalog does not have.
    async fn unknown(&self, barcodes: Vec<Barcode>, cx: &AskContext) -> Result<Vec<Barcode>, CatalogError>;
    /// Which books are to be asked for facts.
    async fn to_enrich(&self, ask: ToEnrich, cx: &AskContext) -> Result<EnrichBatch, CatalogError>;
    /// Which conversions are to be requested.
    async fn plan_conversions(&self, ask: PlanConversions, cx: &AskContext) -> Result<Vec<Barcode>, CatalogError>;
    /// Records what came of searches.
    async fn record_enrichment(&self, record: RecordEnrichment, cx: &AskContext) -> Result<(), CatalogError>;
    /// Records what came of requests for conversion.
    async fn record_conversions(&self, record: RecordConversions, cx: &AskContext) -> Result<(), CatalogError>;
    /// Where GRIN's resources lie.
    fn addresses(&self) -> &GrinAddresses;
    /// Takes a task that one member at a time does.
    async fn acquire(&self, task: SharedTask, cx: &AskContext) -> Result<TaskAnswer, CatalogError>;
    /// Gives such a task back.
    async fn release(&self, task: SharedTask, cx: &AskContext) -> Result<(), CatalogError>;
    /// When a copy of the catalog was last made.
    async fn last_copy(&self, copy: KeptCopy, cx: &AskContext) -> Result<Option<Timestamp>, CatalogError>;
    /// Makes a copy of the catalog in the storage.
    async fn make_copy(&self, copy: KeptCopy, cx: &AskContext) -> Result<(), TaskFault>;
    /// How far the reading of stored books is.
    async fn fixity_standing(&self, ask: AskFixity, cx: &AskContext) -> Result<FixityStanding, CatalogError>;
    /// Reads the next stored book again; `None`: none is due.
    async fn reread(&self, next: RereadNext, cx: &AskContext) -> Result<Option<RereadBook>, TaskFault>;
    /// Notes whether this program has a setting that all members are to know of.
    async fn note_setting(&self, setting: NotedSetting, cx: &AskContext) -> Result<(), CatalogError>;
    /// Makes stored books due that are not copied, some of those after this number; the number to go on after.
    async fn note_uncopied(&self, after: i64, cx: &AskContext) -> Result<Option<i64>, CatalogError>;
    /// Which books are due to be copied.
    async fn due_copies(&self, limit: usize, cx: &AskContext) -> Result<Vec<DueCopy>, TaskFault>;
    /// How far the copying is.
    async fn second_copies(&self, cx: &AskContext) -> Result<SecondCopyStanding, CatalogError>;
    /// Looks whether both places are those that the catalog knows.
    async fn confirm_second_copy(&self, cx: &AskContext) -> Result<(), TaskFault>;
    /// Copies a book.
    async fn copy_book(&self, next: CopyNext, cx: &AskContext) -> Result<CopyTurn, TaskFault>;
    /// Is there a hook that is told of stored books?
    fn has_hook(&self) -> bool;
    /// Takes the next book of which it is to be told.
    async fn next_hook(&self, cx: &AskContext) -> Result<HookQueue, TaskFault>;
    /// Tells it of a book that was taken; not beyond `stop`.
    async fn tell_hook(&self, due: DueHook, stop: &CancellationToken, cx: &AskContext) -> Result<HookStep, TaskFault>;
    /// Records that the pause of this daemon ended by itself.
    async fn pause_is_over(&self) -> Result<(), CatalogError>;
    /// This program among those that share the catalog.
    fn membership(&self) -> &LibraryMembership;
}

/// An answer of a worker: its own error or the mailbox's, as a fault.
fn answered<T, E: Into<TaskFault>>(answer: Result<Result<T, E>, AskError>) -> Result<T, TaskFault> {
    answer?.map_err(Into::into)
}

impl WorkerPools {
    /// Refuses to add to the backups of another catalog.
    async fn claim_backups(&self, cx: &AskContext) -> Result<(), TaskFault> {
        if self.catalog.ask(ClaimBackups { others: true }, cx).await? {
            return Ok(());
        }
        let (maker, now) = (self.copies.clone(), self.membership.now());
        let newest = actix_rt::task::spawn_blocking(move || maker.newest_backup(now)).await;
        match newest.map_err(|_| TaskFault::lost("it panicked"))? {
            Ok(newest) => Err(TaskFault::of(&KeptCopyError::OfAnother(newest))),
            Err(KeptCopyError::NoBackup) => {
                let claimed = self.catalog.ask(ClaimBackups { others: false }, cx).await;
                claimed.map(drop).map_err(TaskFault::from)
            }
            Err(error) => Err(TaskFault::of(&error)),
        }
    }
}

impl TaskServices for WorkerPools {
    async fn collect(&self, ask: CollectList, cx: &AskContext) -> Result<CollectResult, TaskFault> {
        answered(self.collectors.ask(ask, cx).await)
    }

    async fn arrivals(&self, ask: MonthlyArrivals, cx: &AskContext) -> Result<u64, TaskFault> {
        answered(self.collectors.ask(ask, cx).await)
    }

    async fn enrich(&self, ask: EnrichBarcodes, cx: &AskContext) -> Result<EnrichAnswer, TaskFault> {
        answered(self.enrichers.ask(ask, cx).await)
    }

    async fn convert(&self, ask: ConvertBatch, cx: &AskContext) -> Result<ConvertAnswer, TaskFault> {
        answered(self.converters.ask(ask, cx).await)
    }

    fn converters(&self) -> usize {
        self.converters.size()
    }

    async fn unknown(&self, barcodes: Vec<Barcode>, cx: &AskContext) -> Result<Vec<Barcode>, CatalogError> {
        self.catalog.ask(AskUnknown(barcodes), cx).await
    }

    async fn to_enrich(&self, ask: ToEnrich, cx: &AskContext) -> Result<EnrichBatch, CatalogError> {
        self.catalog.ask(ask, cx).await
    }

    async fn plan_conversions(&self, ask: PlanConversions, cx: &AskContext) -> Result<Vec<Barcode>, CatalogError> {
        self.catalog.ask(ask, cx).await.map(|plan| plan.barcodes)
    }

    async fn record_enrichment(&self, record: RecordEnrichment, cx: &AskContext) -> Result<(), CatalogError> {
        self.catalog.ask(record, cx).await.map(drop)
    }

    async fn record_conversions(&self, record: RecordConversions, cx: &AskContext) -> Result<(), CatalogError> {
        self.catalog.ask(record, cx).await.map(drop)
    }

    fn addresses(&self) -> &GrinAddresses {
        &self.addresses
    }

    async fn acquire(&self, task: SharedTask, cx: &AskContext) -> Result<TaskAnswer, CatalogError> {
        self.membership.acquire(&self.catalog, task, cx).await
    }

    async fn release(&self, task: SharedTask, cx: &AskContext) -> Result<(), CatalogError> {
        self.membership.release(&self.catalog, task, cx).await
    }

    async fn last_copy(&self, copy: KeptCopy, cx: &AskContext) -> Result<Option<Timestamp>, CatalogError> {
        self.catalog.ask(AskLastCopy(copy), cx).await
    }

    async fn make_copy(&self, copy: KeptCopy, cx: &AskContext) -> Result<(), TaskFault> {
        let confirmed = mount::confirm(&self.catalog, &self.storage, cx).await;
        confirmed.map_err(|fault| TaskFault::of(&fault.detail))?;
        if copy == KeptCopy::Backup {
            self.claim_backups(cx).await?;
        }
        let (maker, cut) = (self.copies.clone(), CancellationToken::new());
        let ends_with_this = cut.clone().drop_guard();
        let now = self.membership.now();
        let made = actix_rt::task::spawn_blocking(move || maker.make(copy, now, &cut));
        let made = tokio::select! {
            made = made => made,
            () = cx.cancelled() => return Err(TaskFault::lost("the work was cut")),
        };
        drop(ends_with_this);
        made.map_err(|_| TaskFault::lost("it panicked"))?
            .map_err(|error| TaskFault::of(&error))?;
        let at = self.membership.now();
        self.catalog
            .ask(NoteCopy { copy, at }, cx)
            .await
            .map_err(TaskFault::from)
    }

    async fn fixity_standing(&self, ask: AskFixity, cx: &AskContext) -> Result<FixityStanding, CatalogError> {
        self.catalog.ask(ask, cx).await
    }

    async fn reread(&self, next: RereadNext, cx: &AskContext) -> Result<Option<RereadBook>, TaskFault> {
        self.reread_next(next, cx).await
    }

    async fn note_setting(&self, setting: NotedSetting, cx: &AskContext) -> Result<(), CatalogError> {
        let is_configured = match setting {
            NotedSetting::Hook => self.hook.is_some(),
            NotedSetting::SecondCopy => self.second_copy.is_some(),
        };
        let note = NoteSetting { setting, is_configured };
        self.catalog.ask(note, cx).await
    }

    async fn note_uncopied(&self, after: i64, cx: &AskContext) -> Result<Option<i64>, CatalogError> {
        let numbers = NUMBERS_AT_ONCE;
        self.catalog.ask(NoteUncopied { after, numbers }, cx).await
    }

    async fn due_copies(&self, limit: usize, cx: &AskContext) -> Result<Vec<DueCopy>, TaskFault> {
        Ok(self.catalog.ask(ListDueCopies { limit }, cx).await?)
    }

    async fn second_copies(&self, cx: &AskContext) -> Result<SecondCopyStanding, CatalogError> {
        self.catalog.ask(AskSecondCopies, cx).await
    }

    async fn confirm_second_copy(&self, cx: &AskContext) -> Result<(), TaskFault> {
        WorkerPools::confirm_second_copy(self, cx).await
    }

    async fn copy_book(&self, next: CopyNext, cx: &AskContext) -> Result<CopyTurn, TaskFault> {
        self.copy_one(next, cx).await
    }

    fn has_hook(&self) -> bool {
        self.hook.is_some()
    }

    async fn next_hook(&self, cx: &AskContext) -> Result<HookQueue, TaskFault> {
        WorkerPools::next_hook(self, cx).await
    }

    async fn tell_hook(&self, due: DueHook, stop: &CancellationToken, cx: &AskContext) -> Result<HookStep, TaskFault> {
        self.tell_of(due, stop, cx).await
    }

    async fn pause_is_over(&self) -> Result<(), CatalogError> {
        let (instance, by_itself) = (self.membership.instance().to_owned(), true);
        let end = EndPause { instance, by_itself };
        self.catalog.ask(end, &AskContext::root("supervisor")).await.map(drop)
    }

    fn membership(&self) -> &LibraryMembership {
        &self.membership
    }
}
