//! Tells the operator's hook of stored books, beside everything else: a hook that hangs or fails holds no book back.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, warn};

use crate::pipeline::hooks::{HookStep, HookTurn, wait_after};
use crate::pipeline::supervisor::{RunScope, SupervisorState};
use crate::pipeline::task_services::{TaskFault, TaskServices};
use crate::pipeline::tasks::{finished, sleep_till};
use crate::session::HOOKS_AT_ONCE;

const TASK: &str = "hooks";

/// How often it is looked whether a book is due.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// A hook that fails is tried at least so often.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// At its end a run gives up after so many failures in a row; what is left is told by the next one.
const MOST_AT_END: u32 = 3;

/// Tells of what is due, in a daemon.
pub(in crate::pipeline) async fn tell_hook<S: TaskServices>(state: &Rc<SupervisorState<S>>, scope: &RunScope) {
    if state.services.has_hook() && scope.sync && !scope.once {
        futures::future::join_all((0..HOOKS_AT_ONCE).map(|_| tell_for_ever(state))).await;
    }
}

/// Tells of what is due once, at the end of a run.
pub(in crate::pipeline) async fn tell_hook_at_end<S: TaskServices>(state: &Rc<SupervisorState<S>>, scope: &RunScope) {
    let mut failures = 0;
    while state.services.has_hook() && scope.sync && scope.once && failures < MOST_AT_END {
        match turn(state).await {
            HookStep::NoneDue => return,
            HookStep::Told => failures = 0,
            HookStep::Failed(_) => failures += 1,
        }
        if state.intake.is_cancelled() {
            return;
        }
    }
}

async fn tell_for_ever<S: TaskServices>(state: &Rc<SupervisorState<S>>) {
    let mut failures = 0;
    loop {
        let wait = match turn(state).await {
            HookStep::Told => Duration::ZERO,
            HookStep::NoneDue => LOOK_AGAIN,
            HookStep::Failed(_) => wait_after(failures + 1).min(LONGEST_PAUSE),
        };
        failures = if wait > LOOK_AGAIN { failures + 1 } else { 0 };
        if !sleep_till(state, Some(Instant::now() + wait)).await {
            return;
        }
    }
}

/// One book, if one is due. The log names each reason of a failure once, until the hook takes a book again.
async fn turn<S: TaskServices>(state: &Rc<SupervisorState<S>>) -> HookStep {
    let turn = state.services.tell_hook(&state.intake, &state.cx()).await;
    let step = match turn {
        Ok(HookTurn { step, waiting }) => {
            state.progress.hooks_waiting(waiting);
            step
        }
        Err(TaskFault { why, .. }) => HookStep::Failed(why),
    };
    state.progress.hook_step(&step);
    match &step {
        HookStep::NoneDue => {}
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
    step
}
