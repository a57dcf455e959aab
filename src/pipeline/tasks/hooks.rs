//! Tells the operator's hook of stored books, beside everything else: a hook that hangs or fails holds no book back.

use std::rc::Rc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::catalog::{DueHook, HookQueue};
use crate::pipeline::hooks::{HookStep, wait_after};
use crate::pipeline::supervisor::{RunScope, SupervisorState};
use crate::pipeline::task_services::{TaskFault, TaskServices};
use crate::pipeline::tasks::{finished, sleep_till};
use crate::session::HOOKS_AT_ONCE;

const TASK: &str = "hooks";

/// How often it is looked at least: what other programs store is due, too, and nothing here tells of it.
const LOOK_AGAIN: Duration = Duration::from_mins(1);
/// How often at most, while a book is due that another member is just taking.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// A hook that fails is tried at least so often.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// At its end a run gives up after so many failures in a row; what is left is told by the next one.
const MOST_AT_END: u32 = 3;

/// Tells of what is due, in a daemon.
pub(in crate::pipeline) async fn tell_hook<S: TaskServices>(state: &Rc<SupervisorState<S>>, scope: &RunScope) {
    if state.services.has_hook() && scope.sync && !scope.once {
        HookTask::new(state).run().await;
    }
}

/// Tells of what is due once, at the end of a run.
pub(in crate::pipeline) async fn tell_hook_at_end<S: TaskServices>(state: &Rc<SupervisorState<S>>, scope: &RunScope) {
    let mut failures = 0;
    let is_paused = || state.options.borrow().is_paused();
    while state.services.has_hook() && scope.sync && scope.once && failures < MOST_AT_END && !is_paused() {
        let step = match take(state).await {
            Some(HookQueue { due: Some(due), .. }) => tell(state, due).await,
            Some(_) => return,
            None => {
                failures += 1;
                continue;
            }
        };
        match step {
            HookStep::Stopped => return,
            HookStep::Told => failures = 0,
            HookStep::Failed(_) => failures += 1,
        }
        if state.intake.is_cancelled() {
            return;
        }
    }
}

struct HookTask<'a, S> {
    state: &'a SupervisorState<S>,
    stored: watch::Receiver<()>,
    /// Of a pause, too.
    changes: watch::Receiver<()>,
    /// When it is looked next whether a book is due.
    look_at: Instant,
    /// Until then nothing is begun: the hook failed.
    paused_till: Instant,
    /// Pauses in a row.
    failures: u32,
    /// Books of which the hook was not told, as far as is known.
    waiting: u64,
}

impl<'a, S: TaskServices> HookTask<'a, S> {
    fn new(state: &'a SupervisorState<S>) -> Self {
        let now = Instant::now();
        Self {
            state,
            stored: state.progress.stored_books(),
            changes: state.wake.subscribe(),
            look_at: now,
            paused_till: now,
            failures: 0,
            waiting: 0,
        }
    }

    /// A few books at once; the next is looked for when one is stored, when the next is due, and where more may be due than are told at
    /// once. In a pause none is begun: a hook may read the storage, which somebody moves.
    async fn run(mut self) {
        let mut telling = FuturesUnordered::new();
        loop {
            self.changes.mark_unchanged();
            let is_paused = self.state.options.borrow().is_paused();
            while telling.len() < HOOKS_AT_ONCE
                && !is_paused
                && let Some(due) = self.look().await
            {
                telling.push(tell(self.state, due));
            }
            let has_room = telling.len() < HOOKS_AT_ONCE && !is_paused;
            tokio::select! {
                Some(step) = telling.next() => self.ended(&step),
                is_due = sleep_till(self.state, has_room.then_some(self.look_at)) => {
                    if !is_due {
                        break;
                    }
                }
                Ok(()) = self.changes.changed(), if is_paused => {}
                Ok(()) = self.stored.changed(), if has_room => self.look_at = self.paused_till.min(self.look_at),
            }
        }
        // Each hears of the stop itself.
        while telling.next().await.is_some() {}
    }

    /// The next book, if it is time to look for one and one is due.
    async fn look(&mut self) -> Option<DueHook> {
        if Instant::now() < self.look_at {
            return None;
        }
        self.stored.mark_unchanged();
        let Some(HookQueue { due, waiting, next }) = take(self.state).await else {
            self.pause();
            return None;
        };
        self.waiting = waiting;
        if due.is_none() {
            let wait = next.map_or(LOOK_AGAIN, |next| next.clamp(BETWEEN_LOOKS, LOOK_AGAIN));
            self.look_at = Instant::now() + wait;
        }
        due
    }

    fn ended(&mut self, step: &HookStep) {
        match step {
            HookStep::Stopped => {}
            HookStep::Failed(_) => self.pause(),
            HookStep::Told => {
                self.waiting = self.waiting.saturating_sub(1);
                self.state.progress.hooks_waiting(self.waiting);
                if self.failures > 0 {
                    let now = Instant::now();
                    (self.failures, self.look_at, self.paused_till) = (0, now, now);
                }
            }
        }
    }

    /// Those that are told at once fail together, which makes one pause.
    fn pause(&mut self) {
        let now = Instant::now();
        if now >= self.paused_till {
            self.failures += 1;
            self.paused_till = now + wait_after(self.failures).min(LONGEST_PAUSE);
        }
        self.look_at = self.paused_till;
    }
}

/// Takes the next book; `None`: the catalog does not say which.
async fn take<S: TaskServices>(state: &SupervisorState<S>) -> Option<HookQueue> {
    match state.services.next_hook(&state.cx()).await {
        Ok(queue) => {
            state.progress.hooks_waiting(queue.waiting);
            Some(queue)
        }
        Err(TaskFault { why, .. }) => {
            say(state, &HookStep::Failed(why));
            None
        }
    }
}

async fn tell<S: TaskServices>(state: &SupervisorState<S>, due: DueHook) -> HookStep {
    let told = state.services.tell_hook(due, &state.intake, &state.cx()).await;
    let step = told.unwrap_or_else(|TaskFault { why, .. }| HookStep::Failed(why));
    say(state, &step);
    step
}

/// The log names each reason of a failure once, until the hook takes a book again.
fn say<S>(state: &SupervisorState<S>, step: &HookStep) {
    state.progress.hook_step(step);
    match step {
        HookStep::Stopped => {}
        HookStep::Told => finished(state, TASK),
        HookStep::Failed(why) => {
            // Without the book: each has one of its own.
            let reason = why.split_once(": ").map_or(why.as_str(), |(_, reason)| reason);
            if state.said.borrow_mut().is_news(TASK, reason) {
                warn!(why, "the hook was not told of a stored book; it will be told again");
            } else {
                debug!(why, "the hook was not told of a stored book; it will be told again");
            }
        }
    }
}
