//! The actor: takes a scope, walks it to its end, drains when asked.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::actor::{ActorName, AskContext, Message, ServeMessages, Worker, WorkerPool};
use crate::archive::PassOptions;
use crate::catalog::{BookSelection, Catalog, EnsureKnown, ToEnrich};
use crate::dapr::WorkShare;
use crate::grin::BlockSet;
use crate::grin::{Barcode, GrinAddresses, ListKind};
use crate::pipeline::progress::RunProgress;
use crate::pipeline::workers::{Checker, Collector, Converter, Downloader, Enricher};
use crate::pipeline::{fan_out, tasks};
use crate::session::RetryBackoff;
use crate::storage::{Storage, StorageLayout};
use crate::vocabulary::{Queue, WaitReason};

/// Facts that are older are asked for again, after those that are missing or changed.
const RENEW_FACTS_AFTER: Duration = Duration::from_hours(30 * 24);

/// What is stored is held against GRIN's archive this often, where the queue `changed` is served: an archive may be another
/// although no date says so.
const COMPARE_AFTER: Duration = Duration::from_hours(30 * 24);

/// How long work may take to end after a drain has cut it.
const AFTER_CUT: Duration = Duration::from_secs(30);

/// How long after it was compared last a stored book is looked at again, where these queues are served.
pub fn compare_after(queues: &[Queue]) -> Option<Duration> {
    let changed = |queue: &Queue| matches!(queue, Queue::Changed | Queue::All);
    queues.iter().any(changed).then_some(COMPARE_AFTER)
}

/// Everybody the supervisor asks.
#[derive(Clone)]
pub struct WorkerPools {
    /// Reads lists.
    pub collectors: WorkerPool<Collector>,
    /// Asks for facts.
    pub enrichers: WorkerPool<Enricher>,
    /// Asks for archives.
    pub converters: WorkerPool<Converter>,
    /// Compares validators.
    pub checkers: WorkerPool<Checker>,
    /// Brings volumes home.
    pub downloaders: WorkerPool<Downloader>,
    /// Remembers.
    pub catalog: Catalog,
    /// Keeps.
    pub storage: Storage,
    /// Under which names.
    pub layout: StorageLayout,
    /// What is extracted from an archive that is stored already.
    pub options: PassOptions,
    /// Where GRIN's resources lie; batches are cut to its address length.
    pub addresses: GrinAddresses,
    /// What of the library is this daemon's to do.
    pub cooperation: WorkShare,
}

/// What may change while running.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    /// Who holds the leases: this process.
    pub owner: String,
    /// How long a claim lives without renewal.
    pub lease: Duration,
    /// Attempts before a book fails for good.
    pub attempts: u32,
    /// Waits between attempts.
    pub backoff: RetryBackoff,
    /// Failures in a row that make the intake pause.
    pub max_sequential_failures: u32,
    /// Books in GRIN's conversion queue at most.
    pub conversion_queue_limit: u64,
    /// Barcodes in one request for conversion.
    pub conversion_batch: usize,
    /// Ask for volumes checked in between full passes.
    pub monthly_report: bool,
    /// No new books are taken in hand.
    pub paused: bool,
    /// Download whatever CHECK would say.
    pub force: bool,
    /// How often each task comes round.
    pub every: TaskIntervals,
}

/// How often each task comes round; `None`: only at the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct TaskIntervals {
    /// The whole list of books.
    pub collect: Option<Duration>,
    /// The lists of converted, in-process and failed books.
    pub refresh: Option<Duration>,
    /// Facts of books.
    pub enrich: Option<Duration>,
    /// Requests for conversion.
    pub convert: Option<Duration>,
}

/// What to do: all of it (the daemon) or one step by hand.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a step the user may choose by itself"
)]
pub struct RunScope {
    /// Read GRIN's lists.
    pub collect: bool,
    /// Ask for facts.
    pub enrich: bool,
    /// Ask for archives.
    pub convert: bool,
    /// Check and download.
    pub sync: bool,
    /// Stop by itself when nothing more can be done now.
    pub once: bool,
    /// Download whatever CHECK would say; enrich again; read lists from their first page.
    pub force: bool,
    /// Look again at what is stored and was last compared longer ago than this, also where no list says that it changed:
    /// books that a person named (at once), and those of the queue `changed`.
    pub recheck: Option<Duration>,
    /// Of conversions, ask only for those that were ready once and left GRIN's pool before they were fetched.
    pub lost_only: bool,
    /// At most so many books in each step.
    pub limit: Option<u64>,
    /// Only these.
    pub only: Option<Arc<[Barcode]>>,
    /// Which books are served.
    pub queues: Vec<Queue>,
    /// Books of which queues are asked for facts; empty: all.
    pub enrich_queues: Vec<Queue>,
    /// Which lists are read; empty: all of them.
    pub lists: Vec<ListKind>,
}

impl RunScope {
    /// The books meant, as the catalog is asked for them. What is looked at again at once is so once in each scope.
    pub fn selection(&self, began: Timestamp, now: Timestamp) -> BookSelection {
        let before = |age: Duration| {
            let from = if age.is_zero() { began } else { now };
            from.checked_sub(age).ok()
        };
        BookSelection {
            queues: self.queues.clone(),
            only: self.only.as_ref().map(|only| only.to_vec()),
            force: self.force,
            recheck_before: self.recheck.and_then(before),
            lost_only: self.lost_only,
            ..BookSelection::default()
        }
    }

    /// What enrichment takes from the catalog, `limit` books at most; `now` is when the scope began.
    pub fn to_enrich(&self, limit: usize, now: Timestamp) -> ToEnrich {
        ToEnrich {
            limit,
            older_than: if self.force {
                Some(now)
            } else {
                now.checked_sub(RENEW_FACTS_AFTER).ok()
            },
            queues: self.enrich_queues.clone(),
            after: None,
            blocks: None,
        }
    }
}

/// Do this scope; the answer comes when it is done or drained.
#[derive(Debug)]
pub struct BeginRun(pub RunScope);

impl Message for BeginRun {
    type Reply = RunReport;
    const KIND: &'static str = "begin";
}

/// Take nothing more in hand; after the grace, cut what still runs and hand it back.
#[derive(Debug)]
pub struct DrainRun {
    /// How long books in hand may still take.
    pub grace: Duration,
}

impl Message for DrainRun {
    type Reply = ();
    const KIND: &'static str = "drain";
}

/// New policy after a reload.
#[derive(Debug)]
pub struct ChangeOptions(pub RetryPolicy);

impl Message for ChangeOptions {
    type Reply = ();
    const KIND: &'static str = "change";
}

/// Look for work now: an operator changed something in the catalog.
#[derive(Debug)]
pub struct LookAgain;

impl Message for LookAgain {
    type Reply = ();
    const KIND: &'static str = "look_again";
}

/// How a scope ended.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RunReport {
    /// Books that failed for good in this run.
    pub failed: u64,
    /// Lists not read to their end, with the reason.
    pub incomplete: Vec<String>,
    /// What stopped it before its end, if anything did.
    pub stopped_by: Option<WaitReason>,
}

impl RunReport {
    /// Notes what was not done; the first hundred are enough for a person.
    pub(super) fn add_incomplete(&mut self, what: String) {
        if self.incomplete.len() < 100 {
            self.incomplete.push(what);
        }
    }
}

/// The supervisor: fans out barcodes, owns each book's plan.
pub struct Supervisor {
    state: Rc<SupervisorState>,
}

/// The supervisor's state, shared by its scope and its messages.
pub(super) struct SupervisorState {
    pub pools: Rc<WorkerPools>,
    pub progress: Arc<RunProgress>,
    pub policy: Rc<RefCell<RetryPolicy>>,
    /// Something changed: look again whether there is work.
    pub wake: watch::Sender<()>,
    /// Cancelled: take nothing more in hand.
    pub intake: CancellationToken,
    /// Cancelled: cut what runs.
    pub cut: CancellationToken,
    /// Duties that may still bring new books.
    pub sources: Rc<Cell<usize>>,
    /// The first round over GRIN's lists is not over yet.
    pub collecting: Cell<bool>,
    pub report: Rc<RefCell<RunReport>>,
    done: CancellationToken,
}

impl Supervisor {
    /// A supervisor over its pools; nothing runs before [`BeginRun`].
    pub fn new(pools: WorkerPools, progress: Arc<RunProgress>, policy: RetryPolicy) -> Self {
        progress.pause(policy.paused);
        let state = SupervisorState {
            pools: Rc::new(pools),
            progress,
            policy: Rc::new(RefCell::new(policy)),
            wake: watch::Sender::new(()),
            intake: CancellationToken::new(),
            cut: CancellationToken::new(),
            sources: Rc::default(),
            collecting: Cell::new(false),
            report: Rc::default(),
            done: CancellationToken::new(),
        };
        Self { state: Rc::new(state) }
    }
}

impl Worker for Supervisor {
    const NAME: ActorName = ActorName::Supervisor;
}

impl ServeMessages<BeginRun> for Supervisor {
    fn serve(&mut self, BeginRun(scope): BeginRun, _cx: AskContext) -> impl Future<Output = RunReport> + 'static {
        let state = Rc::clone(&self.state);
        async move {
            let sources = [scope.collect, scope.enrich, scope.convert];
            state.sources.set(sources.into_iter().filter(|wanted| *wanted).count());
            state.collecting.set(scope.collect);
            state.know(&scope).await;
            let work = async {
                futures::join!(
                    tasks::collect(&state, &scope),
                    tasks::enrich(&state, &scope),
                    tasks::convert(&state, &scope),
                    fan_out::sync(&state, &scope),
                );
            };
            tokio::select! {
                () = work => {}
                () = state.abandoned() => tracing::error!("work that was cut does not end; it is left as it is"),
            }
            state.done.cancel();
            let mut report = state.report.borrow().clone();
            report.failed = state.progress.failed();
            report
        }
    }
}

impl ServeMessages<DrainRun> for Supervisor {
    fn serve(&mut self, drain: DrainRun, _cx: AskContext) -> impl Future<Output = ()> + 'static {
        let state = Rc::clone(&self.state);
        async move {
            state.intake.cancel();
            if state.progress.snapshot().claimed == 0 {
                // Lists and batches may be cut at any moment: what they recorded stays.
                state.cut.cancel();
            }
            if tokio::time::timeout(drain.grace, state.done.cancelled()).await.is_err() {
                tracing::warn!(
                    claimed = state.progress.snapshot().claimed,
                    "grace is over: what still runs is cut and released"
                );
                state.cut.cancel();
                state.done.cancelled().await;
            }
        }
    }
}

impl ServeMessages<ChangeOptions> for Supervisor {
    fn serve(&mut self, ChangeOptions(policy): ChangeOptions, _cx: AskContext) -> impl Future<Output = ()> + 'static {
        self.state.progress.pause(policy.paused);
        *self.state.policy.borrow_mut() = policy;
        self.state.wake.send_replace(());
        std::future::ready(())
    }
}

impl ServeMessages<LookAgain> for Supervisor {
    fn serve(&mut self, LookAgain: LookAgain, _cx: AskContext) -> impl Future<Output = ()> + 'static {
        self.state.wake.send_replace(());
        std::future::ready(())
    }
}

impl SupervisorState {
    /// A drain has cut everything, and time enough has passed since for all of it to end.
    async fn abandoned(&self) {
        self.cut.cancelled().await;
        tokio::time::sleep(AFTER_CUT).await;
    }

    /// Books that a person named are looked for at GRIN although no list brought them.
    async fn know(&self, scope: &RunScope) {
        let Some(only) = &scope.only else { return };
        match self.pools.catalog.ask(EnsureKnown(only.to_vec()), &self.cx()).await {
            Ok(0) => {}
            Ok(new) => tracing::info!(new, "named books that no list has brought; GRIN is asked for them"),
            Err(error) => self.incomplete(format!("named books could not be noted: {error}")),
        }
    }

    /// Reading a list ends with the intake: what it recorded stays, and the next pass goes on from there.
    pub fn reading_cx(&self) -> AskContext {
        AskContext::of(ActorName::Supervisor, self.intake.child_token())
    }

    /// Asks made for this scope end when the drain cuts them.
    pub fn cx(&self) -> AskContext {
        AskContext::of(ActorName::Supervisor, self.cut.child_token())
    }

    /// Waits while the intake is paused by configuration, or other daemons have all of the rate; `false` when nothing shall
    /// be begun any more.
    pub async fn may_begin(&self, once: bool) -> bool {
        let mut changes = self.wake.subscribe();
        let mut shares = self.pools.cooperation.changes();
        while self.policy.borrow().paused || !self.pools.cooperation.may_work() {
            if once && self.policy.borrow().paused {
                return false;
            }
            tokio::select! {
                _ = changes.changed() => {}
                Ok(()) = shares.changed() => {}
                () = self.intake.cancelled() => return false,
            }
        }
        !self.intake.is_cancelled()
    }

    /// Waits until lists, facts and conversions are this daemon's to ask for; `false` when they are those of another one that
    /// lives (`once`), or nothing shall be begun any more. A lease of one that died is waited for: its work is to be done.
    pub async fn leads(&self, task: &'static str, once: bool) -> bool {
        let cooperation = &self.pools.cooperation;
        let mut changes = cooperation.changes();
        let known_by = Instant::now() + cooperation.election();
        while !cooperation.may_collect() {
            self.progress.tell_task(task, "left to the daemon that reads the lists");
            if once && cooperation.another_leads() {
                return false;
            }
            if once && Instant::now() >= known_by {
                let trouble = cooperation.snapshot().and_then(|now| now.trouble);
                let why = trouble.unwrap_or_else(|| "the daemon that reads the lists is not heard of".to_owned());
                self.incomplete(format!("{task}: not begun: {why}"));
                return false;
            }
            tokio::select! {
                Ok(()) = changes.changed() => {}
                () = sleep_until(known_by), if once => {}
                () = self.intake.cancelled() => return false,
            }
        }
        !self.intake.is_cancelled()
    }

    /// The blocks to keep to; `None` where the catalog is shared, so that books cannot be asked for twice.
    pub fn blocks(&self) -> Option<BlockSet> {
        let cooperation = &self.pools.cooperation;
        cooperation.is_strict().then(|| cooperation.blocks())
    }

    /// Blocks that are this daemon's due may still be another's: what is to be asked for is not all known yet.
    pub fn expects_blocks(&self) -> bool {
        self.pools.cooperation.is_strict() && !self.pools.cooperation.is_settled()
    }

    /// Notes for the report what was not done.
    pub fn incomplete(&self, what: String) {
        self.report.borrow_mut().add_incomplete(what);
    }

    /// One task will bring nothing more.
    pub fn source_dry(&self) {
        self.sources.set(self.sources.get().saturating_sub(1));
        self.wake.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_renewed_by_age_and_at_once_by_force() {
        let now: Timestamp = "2026-03-31T00:00:00Z".parse().unwrap();
        let forced = RunScope {
            force: true,
            ..RunScope::default()
        };
        assert_eq!(forced.to_enrich(5, now).older_than, Some(now));
        assert_eq!(
            RunScope::default().to_enrich(5, now).older_than,
            Some("2026-03-01T00:00:00Z".parse().unwrap())
        );
    }
}
