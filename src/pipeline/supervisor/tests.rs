//! Whole runs over a stub of a library.

mod month;

use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::catalog::FixityStanding;
use crate::catalog::{
    AskFixity, CatalogError, DueCopy, DueHook, EnrichBatch, HookQueue, KeptCopy, NotedSetting, PlanConversions,
    RecordConversions, RecordEnrichment, SecondCopyStanding, SharedTask, TaskAnswer, ToEnrich,
};
use crate::grin::{Barcode, GrinAddresses, ListKind};
use crate::pipeline::book_services::BookServices;
use crate::pipeline::fan_out::tests::library::{Fate, LibraryStub, StubTask};
use crate::pipeline::fixity::{RereadBook, RereadNext};
use crate::pipeline::hooks::HookStep;
use crate::pipeline::membership::LibraryMembership;
use crate::pipeline::second_copy::{CopyNext, CopyTurn};
use crate::pipeline::task_services::TaskFault;
use crate::pipeline::workers::{
    CollectList, CollectResult, ConvertAnswer, ConvertBatch, EnrichAnswer, EnrichBarcodes, MonthlyArrivals,
};
use crate::vocabulary::WaitCause;

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn what_cannot_be_released_is_not_said_to_be() {
    let wait = |cause| Some(WaitReason::new(cause, "a reason", Timestamp::UNIX_EPOCH));
    for (waiting, is_released) in [
        (None, true),
        (wait(WaitCause::Grin), true),
        (wait(WaitCause::Catalog), false),
    ] {
        let said = grace_is_over(waiting.as_ref(), Duration::from_secs(40));
        assert_eq!(
            said.contains("are released if the catalog answers"),
            is_released,
            "{said}"
        );
        assert_eq!(said.contains("within 40 s"), !is_released, "{said}");
    }
}

/// A library of which everything is known already.
impl TaskServices for LibraryStub {
    async fn collect(&self, ask: CollectList, _cx: &AskContext) -> Result<CollectResult, TaskFault> {
        tokio::time::sleep(Duration::from_secs(2)).await;
        if self.is_out(WaitCause::Grin) {
            return Err(TaskFault::lost("connection reset"));
        }
        self.catalog()?;
        match ask.list {
            ListKind::AllBooks => self.note(StubTask::AllBooks),
            ListKind::Failed => self.note(StubTask::ShortList),
            _ => {}
        }
        Ok(CollectResult::default())
    }

    async fn arrivals(&self, _ask: MonthlyArrivals, _cx: &AskContext) -> Result<u64, TaskFault> {
        Ok(0)
    }

    async fn enrich(&self, _ask: EnrichBarcodes, _cx: &AskContext) -> Result<EnrichAnswer, TaskFault> {
        unreachable!("no book is named to be asked for")
    }

    async fn convert(&self, _ask: ConvertBatch, _cx: &AskContext) -> Result<ConvertAnswer, TaskFault> {
        unreachable!("no book is named to be converted")
    }

    fn converters(&self) -> usize {
        1
    }

    async fn unknown(&self, _barcodes: Vec<Barcode>, _cx: &AskContext) -> Result<Vec<Barcode>, CatalogError> {
        Ok(Vec::new())
    }

    async fn to_enrich(&self, _ask: ToEnrich, _cx: &AskContext) -> Result<EnrichBatch, CatalogError> {
        self.catalog()?;
        self.note(StubTask::Facts);
        Ok(EnrichBatch::default())
    }

    async fn plan_conversions(&self, _ask: PlanConversions, _cx: &AskContext) -> Result<Vec<Barcode>, CatalogError> {
        self.catalog()?;
        self.note(StubTask::Conversions);
        Ok(Vec::new())
    }

    async fn record_enrichment(&self, _record: RecordEnrichment, _cx: &AskContext) -> Result<(), CatalogError> {
        Ok(())
    }

    async fn record_conversions(&self, _record: RecordConversions, _cx: &AskContext) -> Result<(), CatalogError> {
        Ok(())
    }

    fn addresses(&self) -> &GrinAddresses {
        unreachable!("no batch is cut")
    }

    async fn acquire(&self, task: SharedTask, _cx: &AskContext) -> Result<TaskAnswer, CatalogError> {
        self.catalog()?;
        BookServices::membership(self).took(task);
        Ok(TaskAnswer::Held { fence: 1 })
    }

    async fn release(&self, _task: SharedTask, _cx: &AskContext) -> Result<(), CatalogError> {
        Ok(())
    }

    async fn last_copy(&self, copy: KeptCopy, _cx: &AskContext) -> Result<Option<Timestamp>, CatalogError> {
        self.catalog()?;
        let copies = self.copies.borrow();
        Ok(copies.iter().rfind(|(made, _)| *made == copy).map(|(_, at)| *at))
    }

    async fn make_copy(&self, copy: KeptCopy, _cx: &AskContext) -> Result<(), TaskFault> {
        self.catalog()?;
        self.check_storage().await.map_err(|error| TaskFault::of(&error))?;
        self.copies
            .borrow_mut()
            .push((copy, BookServices::membership(self).now()));
        self.note(StubTask::Copy(copy));
        Ok(())
    }

    async fn fixity_standing(&self, _ask: AskFixity, _cx: &AskContext) -> Result<FixityStanding, CatalogError> {
        Ok(FixityStanding::default())
    }

    async fn reread(&self, _next: RereadNext, _cx: &AskContext) -> Result<Option<RereadBook>, TaskFault> {
        Ok(None)
    }

    async fn note_setting(&self, _setting: NotedSetting, _cx: &AskContext) -> Result<(), CatalogError> {
        Ok(())
    }

    async fn note_uncopied(&self, _after: i64, _cx: &AskContext) -> Result<Option<i64>, CatalogError> {
        unreachable!("there is no second copy")
    }

    async fn due_copies(&self, _limit: usize, _cx: &AskContext) -> Result<Vec<DueCopy>, TaskFault> {
        unreachable!("there is no second copy")
    }

    async fn second_copies(&self, _cx: &AskContext) -> Result<SecondCopyStanding, CatalogError> {
        unreachable!("there is no second copy")
    }

    async fn confirm_second_copy(&self, _cx: &AskContext) -> Result<(), TaskFault> {
        unreachable!("there is no second copy")
    }

    async fn copy_book(&self, _next: CopyNext, _cx: &AskContext) -> Result<CopyTurn, TaskFault> {
        unreachable!("there is no second copy")
    }

    fn has_hook(&self) -> bool {
        false
    }

    async fn next_hook(&self, _cx: &AskContext) -> Result<HookQueue, TaskFault> {
        unreachable!("there is no hook")
    }

    async fn tell_hook(&self, _: DueHook, _: &CancellationToken, _: &AskContext) -> Result<HookStep, TaskFault> {
        unreachable!("there is no hook")
    }

    async fn pause_is_over(&self) -> Result<(), CatalogError> {
        Ok(())
    }

    fn membership(&self) -> &LibraryMembership {
        BookServices::membership(self)
    }
}

fn everything(once: bool) -> RunScope {
    RunScope {
        collect: true,
        enrich: true,
        convert: true,
        sync: true,
        once,
        ..RunScope::default()
    }
}

async fn once(library: LibraryStub) -> (Rc<LibraryStub>, RunReport) {
    let state = Rc::new(SupervisorState::new(library, Arc::default(), WorkOptions::of_tests()));
    let report = run(Rc::clone(&state), everything(true)).await;
    (Rc::clone(&state.services), report)
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_by_itself_does_not_wait_a_day_because_grin_says_so() {
    let library = LibraryStub::new();
    library.add("SLOW01", Fate::Slow(HOUR / 2), Duration::ZERO);
    for number in 0..100 {
        library.add(&format!("GOOD{number:02}"), Fate::Good, Duration::from_secs(number / 3));
    }
    library.outage(WaitCause::Gate, Duration::from_secs(10), HOUR * 24);
    let began = Instant::now();
    let (library, report) = once(library).await;
    let stopped = report.stopped_by.expect("the run was stopped");
    assert_eq!(stopped.cause, WaitCause::Gate, "{stopped}");
    assert!(began.elapsed() < HOUR, "{:?}", began.elapsed());
    assert!(library.is_stored("SLOW01"), "what is on its way arrives");
    assert!(
        library.refused.get() <= 8,
        "no more than were under way: {}",
        library.refused.get()
    );
    assert_eq!(library.claimed(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_shorter_wait_that_grin_asks_for_is_waited_for() {
    let library = LibraryStub::new();
    for number in 0..20 {
        library.add(&format!("GOOD{number:02}"), Fate::Good, Duration::ZERO);
    }
    library.outage(WaitCause::Gate, Duration::ZERO, HOUR / 10);
    let (library, report) = once(library).await;
    assert_eq!((library.stored(), report.stopped_by), (20, None));
}
