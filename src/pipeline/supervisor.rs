//! The actor: takes what a run is to do, sees it through, drains when asked.

mod named;
mod options;
mod pause;
mod pools;
mod scope;
mod state;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::actor::{ActorName, AskContext, Message, ServeMessages, Worker};
use crate::pipeline::book_services::BookServices;
use crate::pipeline::policy::RUN_AFTER_CUT;
use crate::pipeline::progress::{ProgressSnapshot, RunProgress};
use crate::pipeline::task_services::TaskServices;
use crate::pipeline::{fan_out, tasks};
use crate::vocabulary::{WaitCause, WaitReason};

pub use options::{RetryPolicy, TaskIntervals, WorkOptions};
pub use pause::ChangePause;
pub use pools::WorkerPools;
pub use scope::{RunScope, compare_after};
pub(super) use state::SupervisorState;

/// Do this; the answer comes when it is done or drained.
#[derive(Debug)]
pub struct BeginRun(pub RunScope);

impl Message for BeginRun {
    type Reply = RunReport;
    const KIND: &'static str = "begin";
}

/// Begin nothing more; after the grace, cut what still runs and release it.
#[derive(Debug)]
pub struct DrainRun {
    /// How long books under way may still take.
    pub grace: Duration,
}

impl Message for DrainRun {
    type Reply = ();
    const KIND: &'static str = "drain";
}

/// New options after a reload.
#[derive(Debug)]
pub struct ChangeOptions(pub WorkOptions);

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

/// How a run ended.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RunReport {
    /// Books that failed for good in this run.
    pub failed: u64,
    /// What was not done completely, with the reason.
    pub incomplete: Vec<String>,
    /// Books that are left to the next run, in sentences: how many, and of some why and until when.
    pub left: Vec<String>,
    /// Barcodes that a person named and that neither the catalog nor GRIN knows.
    pub unknown: Vec<String>,
    /// What stopped it before its end, if anything did.
    pub stopped_by: Option<WaitReason>,
    /// Books that were in hand when the grace of a drain was over: they were cut and released.
    pub cut: u64,
    /// What the work waited for when they were cut, if it waited for anything.
    pub cut_while: Option<WaitReason>,
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
    state: Rc<SupervisorState<WorkerPools>>,
}

impl Supervisor {
    /// A supervisor over its pools; nothing runs before [`BeginRun`].
    pub fn new(pools: WorkerPools, progress: Arc<RunProgress>, options: WorkOptions) -> Self {
        Self {
            state: Rc::new(SupervisorState::new(pools, progress, options)),
        }
    }
}

impl Worker for Supervisor {
    const NAME: ActorName = ActorName::Supervisor;
}

impl ServeMessages<BeginRun> for Supervisor {
    fn serve(&mut self, BeginRun(scope): BeginRun, _cx: AskContext) -> impl Future<Output = RunReport> + 'static {
        run(Rc::clone(&self.state), scope)
    }
}

/// Sees everything in the scope through.
async fn run<S: TaskServices + BookServices>(state: Rc<SupervisorState<S>>, scope: RunScope) -> RunReport {
    let sources = [scope.collect, scope.enrich, scope.convert];
    state.sources.set(sources.into_iter().filter(|wanted| *wanted).count());
    state.collecting.set(scope.collect);
    tasks::note_settings(&state).await;
    state.look_up_named(&scope).await;
    let work = async {
        futures::join!(
            tasks::collect(&state, &scope),
            tasks::enrich(&state, &scope),
            tasks::convert(&state, &scope),
            fan_out::sync(&state, &scope),
            tasks::keep_copies(&state, &scope),
            tasks::reread(&state, &scope),
            tasks::copy_stored(&state, &scope),
            tasks::tell_hook(&state, &scope),
        );
        tasks::tell_hook_at_end(&state, &scope).await;
        tasks::copies_at_end(&state, &scope).await;
        tasks::copy_stored_at_end(&state, &scope).await;
    };
    tokio::select! {
        () = work => {}
        () = pause::end_pauses(&state) => {}
        () = abandoned(&state) => tracing::error!("work that was cut does not end; it is left as it is"),
    }
    state.done.cancel();
    let mut report = state.report.borrow().clone();
    report.failed = state.progress.failed();
    report
}

/// A drain has cut everything, and time enough has passed since for all of it to end.
async fn abandoned<S>(state: &SupervisorState<S>) {
    state.cut.cancelled().await;
    tokio::time::sleep(RUN_AFTER_CUT).await;
}

impl ServeMessages<DrainRun> for Supervisor {
    fn serve(&mut self, drain: DrainRun, _cx: AskContext) -> impl Future<Output = ()> + 'static {
        let state = Rc::clone(&self.state);
        async move {
            state.intake.cancel();
            state.progress.close_intake();
            if state.progress.snapshot().claimed == 0 {
                // Lists and batches may be cut at any moment: what they recorded stays.
                state.cut.cancel();
            }
            if tokio::time::timeout(drain.grace, state.done.cancelled()).await.is_err() {
                let ProgressSnapshot { claimed, waiting, .. } = state.progress.snapshot();
                let mut waits: Vec<_> = waiting.into_iter().collect();
                state.services.catalog.add_waits(&mut waits);
                // The catalog's goes before what else is waited for.
                let waiting = waits.pop();
                let claims_end = state.services.membership.longest_wait();
                tracing::warn!(claimed, "{}", grace_is_over(waiting.as_ref(), claims_end));
                {
                    let mut report = state.report.borrow_mut();
                    (report.cut, report.cut_while) = (claimed, waiting);
                }
                state.cut.cancel();
                state.done.cancelled().await;
            }
        }
    }
}

/// What becomes of the books in hand. A catalog that takes nothing is not told that they are released.
fn grace_is_over(waiting: Option<&WaitReason>, claims_end: Duration) -> String {
    match waiting.filter(|wait| wait.cause == WaitCause::Catalog) {
        None => "grace is over: what still runs is cut; its claims are released if the catalog answers".to_owned(),
        Some(_) => format!(
            "grace is over: what still runs is cut; it cannot be released while the catalog takes nothing, and its claims end with this \
             membership, within {} s",
            claims_end.as_secs()
        ),
    }
}

impl ServeMessages<ChangeOptions> for Supervisor {
    fn serve(&mut self, ChangeOptions(options): ChangeOptions, _cx: AskContext) -> impl Future<Output = ()> + 'static {
        // An operator's pause is none of the config's.
        let pause = self.state.options.replace(options).pause;
        self.state.pause(pause);
        self.state.may_be_mended();
        std::future::ready(())
    }
}

impl ServeMessages<LookAgain> for Supervisor {
    fn serve(&mut self, LookAgain: LookAgain, _cx: AskContext) -> impl Future<Output = ()> + 'static {
        self.state.wake.send_replace(());
        std::future::ready(())
    }
}

#[cfg(test)]
mod tests;
