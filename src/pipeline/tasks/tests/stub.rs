//! A stub of workers and catalog for the tasks: what each question is answered with, and what was asked.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::actor::AskContext;
use crate::catalog::{
    AskFixity, CatalogError, DueCopy, DueHook, EnrichBatch, FixityStanding, HookQueue, KeptCopy, MemberRow,
    NotedSetting, PlanConversions, RecordConversions, RecordEnrichment, SecondCopyStanding, SharedTask, TaskAnswer,
    ToEnrich,
};
use crate::grin::{Barcode, GrinAddresses, LibraryDirectory, ListKind, ProcessOutcome};
use crate::pipeline::fixity::{RereadBook, RereadNext};
use crate::pipeline::hooks::HookStep;
use crate::pipeline::membership::LibraryMembership;
use crate::pipeline::second_copy::{CopyNext, CopyStep, CopyTurn};
use crate::pipeline::task_services::{TaskFault, TaskServices};
use crate::pipeline::workers::{
    CollectList, CollectResult, ConvertAnswer, ConvertBatch, ConvertResult, EnrichAnswer, EnrichBarcodes,
    MonthlyArrivals,
};

pub use crate::pipeline::tasks::tests::values::{books, fault, incomplete, other};

/// How long every answer takes.
pub const ANSWER: Duration = Duration::from_millis(100);

/// What was asked of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskedTask {
    List(ListKind),
    Arrivals,
    Enrich(Vec<Barcode>),
    Convert(Vec<Barcode>),
    /// The book behind this one.
    Reread(i64),
    /// This book, to the second place.
    Copy(i64),
    Hook(Barcode),
}

pub struct TaskStub {
    pub began: Instant,
    pub asked: RefCell<Vec<(Duration, AskedTask)>>,
    /// Answers for a list, one after the other; `None` of them: complete.
    pub lists: RefCell<BTreeMap<ListKind, VecDeque<CollectResult>>>,
    /// What lists are answered with before that, whichever they are.
    pub list_faults: RefCell<VecDeque<TaskFault>>,
    /// A list that never comes.
    pub hangs: Cell<Option<ListKind>>,
    /// Books that spoil every batch they are in.
    pub spoilers: RefCell<BTreeSet<Barcode>>,
    /// What every batch is answered with.
    pub batch_fault: RefCell<Option<TaskFault>>,
    /// Conversions until GRIN's queue is full.
    pub queue: Cell<usize>,
    /// What the catalog names, part by part.
    pub to_enrich: RefCell<VecDeque<Vec<Barcode>>>,
    pub to_convert: RefCell<Vec<Barcode>>,
    /// Books that are due to be read again.
    pub to_reread: RefCell<VecDeque<RereadBook>>,
    /// Books that are due to be copied to the second place, and how many are on their way.
    pub to_copy: RefCell<Vec<DueCopy>>,
    pub due_asked: Cell<usize>,
    /// Books of which the hook is to be told, and when.
    pub to_tell: RefCell<Vec<(Instant, Barcode)>>,
    pub copied_now: Cell<usize>,
    pub most_copied: Cell<usize>,
    /// Books that the catalog does not have.
    pub unknown: RefCell<BTreeSet<Barcode>>,
    pub catalog_busy: Cell<bool>,
    pub put_off: RefCell<Vec<Barcode>>,
    addresses: GrinAddresses,
    pub membership: LibraryMembership,
    /// Who has a task.
    pub held_by: RefCell<BTreeMap<SharedTask, MemberRow>>,
    pub released: RefCell<Vec<SharedTask>>,
    /// The catalog does not know this member at present.
    pub no_member: Cell<bool>,
    /// The copies that were made, by the catalog's clock.
    pub copies: RefCell<Vec<(KeptCopy, Timestamp)>>,
    pub copy_takes: Cell<Duration>,
}

impl TaskStub {
    pub fn new() -> Self {
        let base = url::Url::parse("https://books.example/libraries/").unwrap();
        Self {
            began: Instant::now(),
            asked: RefCell::default(),
            lists: RefCell::default(),
            list_faults: RefCell::default(),
            hangs: Cell::default(),
            spoilers: RefCell::default(),
            batch_fault: RefCell::default(),
            queue: Cell::new(usize::MAX),
            to_enrich: RefCell::default(),
            to_convert: RefCell::default(),
            to_reread: RefCell::default(),
            to_copy: RefCell::default(),
            due_asked: Cell::default(),
            to_tell: RefCell::default(),
            copied_now: Cell::default(),
            most_copied: Cell::default(),
            unknown: RefCell::default(),
            catalog_busy: Cell::default(),
            put_off: RefCell::default(),
            addresses: GrinAddresses::new(&base, &LibraryDirectory::parse("TESTLIB").unwrap()).unwrap(),
            membership: LibraryMembership::of_tests(),
            held_by: RefCell::default(),
            released: RefCell::default(),
            no_member: Cell::default(),
            copies: RefCell::default(),
            copy_takes: Cell::default(),
        }
    }

    fn note(&self, asked: AskedTask) {
        self.asked.borrow_mut().push((self.began.elapsed(), asked));
    }

    /// The questions of these, each with the second it was asked in.
    pub fn asked_at(&self, of: impl Fn(&AskedTask) -> bool) -> Vec<u64> {
        let asked = self.asked.borrow();
        let asked = asked.iter().filter(|(_, asked)| of(asked));
        asked.map(|(at, _)| at.as_secs()).collect()
    }

    pub fn lists_asked(&self) -> Vec<ListKind> {
        let list = |(_, asked): &(_, AskedTask)| match asked {
            AskedTask::List(list) => Some(*list),
            _ => None,
        };
        self.asked.borrow().iter().filter_map(list).collect()
    }

    /// Sizes of the batches asked for.
    pub fn batches(&self) -> Vec<usize> {
        let size = |(_, asked): &(_, AskedTask)| match asked {
            AskedTask::Enrich(books) | AskedTask::Convert(books) => Some(books.len()),
            _ => None,
        };
        self.asked.borrow().iter().filter_map(size).collect()
    }

    pub fn answer_list(&self, list: ListKind, answer: CollectResult) {
        self.lists.borrow_mut().entry(list).or_default().push_back(answer);
    }

    fn batch(&self, books: &[Barcode]) -> Result<(), TaskFault> {
        if let Some(fault) = &*self.batch_fault.borrow() {
            return Err(fault.clone());
        }
        let spoilers = self.spoilers.borrow();
        match books.iter().any(|book| spoilers.contains(book)) {
            true => Err(fault("server error 500", true)),
            false => Ok(()),
        }
    }

    fn catalog(&self) -> Result<(), CatalogError> {
        match self.catalog_busy.get() {
            true => Err(CatalogError::Busy),
            false => Ok(()),
        }
    }
}

impl TaskServices for TaskStub {
    async fn collect(&self, ask: CollectList, cx: &AskContext) -> Result<CollectResult, TaskFault> {
        self.note(AskedTask::List(ask.list));
        if self.hangs.get() == Some(ask.list) {
            cx.cancelled().await;
            return Err(fault("cancelled", false));
        }
        sleep(ANSWER).await;
        if let Some(fault) = self.list_faults.borrow_mut().pop_front() {
            return Err(fault);
        }
        let answer = self.lists.borrow_mut().get_mut(&ask.list).and_then(VecDeque::pop_front);
        Ok(answer.unwrap_or_default())
    }

    async fn arrivals(&self, _ask: MonthlyArrivals, _cx: &AskContext) -> Result<u64, TaskFault> {
        self.note(AskedTask::Arrivals);
        Ok(0)
    }

    async fn enrich(&self, ask: EnrichBarcodes, _cx: &AskContext) -> Result<EnrichAnswer, TaskFault> {
        self.note(AskedTask::Enrich(ask.barcodes.clone()));
        sleep(ANSWER).await;
        self.batch(&ask.barcodes)?;
        if ask.adds {
            // GRIN knows all but those of which it says so.
            self.unknown
                .borrow_mut()
                .retain(|barcode| barcode.as_str().starts_with("NONE") || !ask.barcodes.contains(barcode));
        }
        Ok(EnrichAnswer {
            answered: ask.barcodes.len() as u64,
            unnamed: Vec::new(),
        })
    }

    async fn convert(&self, ask: ConvertBatch, _cx: &AskContext) -> Result<ConvertAnswer, TaskFault> {
        self.note(AskedTask::Convert(ask.barcodes.clone()));
        sleep(ANSWER).await;
        self.batch(&ask.barcodes)?;
        let requested = ask.barcodes.len().min(self.queue.get());
        self.queue.update(|left| left - requested);
        let result = ConvertResult {
            requested,
            queue_full: requested < ask.barcodes.len(),
            ..ConvertResult::default()
        };
        Ok(ConvertAnswer {
            result,
            unnamed: Vec::new(),
        })
    }

    fn converters(&self) -> usize {
        1
    }

    async fn unknown(&self, mut barcodes: Vec<Barcode>, _cx: &AskContext) -> Result<Vec<Barcode>, CatalogError> {
        self.catalog()?;
        barcodes.retain(|barcode| self.unknown.borrow().contains(barcode));
        Ok(barcodes)
    }

    async fn to_enrich(&self, _ask: ToEnrich, _cx: &AskContext) -> Result<EnrichBatch, CatalogError> {
        self.catalog()?;
        Ok(EnrichBatch {
            barcodes: self.to_enrich.borrow_mut().pop_front().unwrap_or_default(),
            next: None,
        })
    }

    async fn plan_conversions(&self, _ask: PlanConversions, _cx: &AskContext) -> Result<Vec<Barcode>, CatalogError> {
        self.catalog()?;
        Ok(self.to_convert.borrow().clone())
    }

    async fn record_enrichment(&self, record: RecordEnrichment, _cx: &AskContext) -> Result<(), CatalogError> {
        self.catalog()?;
        assert_eq!(record.answered, []);
        self.put_off.borrow_mut().extend(record.asked);
        Ok(())
    }

    async fn record_conversions(
        &self,
        RecordConversions(rows): RecordConversions,
        _cx: &AskContext,
    ) -> Result<(), CatalogError> {
        self.catalog()?;
        for (barcode, outcome, _) in rows {
            assert_eq!(outcome, ProcessOutcome::NoAnswer, "{barcode}");
            self.put_off.borrow_mut().push(barcode);
        }
        Ok(())
    }

    fn addresses(&self) -> &GrinAddresses {
        &self.addresses
    }

    async fn acquire(&self, task: SharedTask, _cx: &AskContext) -> Result<TaskAnswer, CatalogError> {
        self.catalog()?;
        if self.no_member.get() {
            return Ok(TaskAnswer::NoMember);
        }
        if let Some(holder) = self.held_by.borrow().get(&task) {
            return Ok(TaskAnswer::HeldBy(holder.clone()));
        }
        self.membership.took(task);
        Ok(TaskAnswer::Held { fence: 1 })
    }

    async fn release(&self, task: SharedTask, _cx: &AskContext) -> Result<(), CatalogError> {
        self.released.borrow_mut().push(task);
        Ok(())
    }

    async fn last_copy(&self, copy: KeptCopy, _cx: &AskContext) -> Result<Option<Timestamp>, CatalogError> {
        let copies = self.copies.borrow();
        Ok(copies.iter().rfind(|(made, _)| *made == copy).map(|(_, at)| *at))
    }

    async fn make_copy(&self, copy: KeptCopy, _cx: &AskContext) -> Result<(), TaskFault> {
        sleep(self.copy_takes.get()).await;
        self.copies.borrow_mut().push((copy, self.membership.now()));
        Ok(())
    }

    async fn fixity_standing(&self, ask: AskFixity, _cx: &AskContext) -> Result<FixityStanding, CatalogError> {
        self.catalog()?;
        let due = self.to_reread.borrow().len() as u64;
        Ok(FixityStanding {
            oldest: (due > 0).then(|| crate::clock::earlier(ask.before, ANSWER)),
            due,
            ..FixityStanding::default()
        })
    }

    async fn reread(&self, next: RereadNext, _cx: &AskContext) -> Result<Option<RereadBook>, TaskFault> {
        self.note(AskedTask::Reread(next.after.id));
        sleep(ANSWER).await;
        if let Some(fault) = &*self.batch_fault.borrow() {
            return Err(fault.clone());
        }
        Ok(self.to_reread.borrow_mut().pop_front())
    }

    async fn note_setting(&self, _setting: NotedSetting, _cx: &AskContext) -> Result<(), CatalogError> {
        Ok(())
    }

    async fn note_uncopied(&self, _after: i64, _cx: &AskContext) -> Result<Option<i64>, CatalogError> {
        Ok(None)
    }

    async fn due_copies(&self, limit: usize, _cx: &AskContext) -> Result<Vec<DueCopy>, TaskFault> {
        self.due_asked.update(|asked| asked + 1);
        self.catalog()?;
        Ok(self.to_copy.borrow().iter().take(limit).cloned().collect())
    }

    async fn second_copies(&self, _cx: &AskContext) -> Result<SecondCopyStanding, CatalogError> {
        self.catalog()?;
        let waiting = self.to_copy.borrow().len() as u64;
        Ok(SecondCopyStanding {
            waiting,
            ..SecondCopyStanding::default()
        })
    }

    async fn confirm_second_copy(&self, _cx: &AskContext) -> Result<(), TaskFault> {
        Ok(())
    }

    async fn copy_book(&self, next: CopyNext, _cx: &AskContext) -> Result<CopyTurn, TaskFault> {
        let id = next.due.recorded.id;
        self.note(AskedTask::Copy(id));
        self.copied_now.update(|now| now + 1);
        self.most_copied.set(self.most_copied.get().max(self.copied_now.get()));
        sleep(ANSWER).await;
        self.copied_now.update(|now| now - 1);
        if let Some(fault) = &*self.batch_fault.borrow() {
            return Err(fault.clone());
        }
        self.to_copy.borrow_mut().retain(|due| due.recorded.id != id);
        Ok(CopyStep::Copied { bytes: 10 }.into())
    }

    fn has_hook(&self) -> bool {
        true
    }

    async fn next_hook(&self, _cx: &AskContext) -> Result<HookQueue, TaskFault> {
        self.due_asked.update(|asked| asked + 1);
        let (mut hooks, now) = (self.to_tell.borrow_mut(), Instant::now());
        let is_due = hooks.first().is_some_and(|(at, _)| *at <= now);
        let due = is_due.then(|| hooks.remove(0).1);
        Ok(HookQueue {
            waiting: (hooks.len() + self.copied_now.get()) as u64 + u64::from(due.is_some()),
            next: hooks.first().map(|(at, _)| *at - now),
            due: due.map(DueHook::of_tests),
        })
    }

    async fn tell_hook(&self, due: DueHook, _: &CancellationToken, _: &AskContext) -> Result<HookStep, TaskFault> {
        self.note(AskedTask::Hook(due.barcode));
        self.copied_now.update(|now| now + 1);
        sleep(ANSWER).await;
        self.copied_now.update(|now| now - 1);
        let fault = self.batch_fault.borrow().clone();
        Ok(fault.map_or(HookStep::Told, |fault| HookStep::Failed(fault.why)))
    }

    async fn pause_is_over(&self) -> Result<(), CatalogError> {
        Ok(())
    }

    fn membership(&self) -> &LibraryMembership {
        &self.membership
    }
}
