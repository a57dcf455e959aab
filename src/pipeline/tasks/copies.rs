//! Keeps copies of the catalog in the storage: at intervals, one member at a time, and at the end of a run that ends by itself.

use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::warn;

use crate::catalog::{KeptCopy, SharedTask};
use crate::pipeline::copies::{began_at, due, jitter, made_at};
use crate::pipeline::supervisor::{RunScope, SupervisorState};
use crate::pipeline::task_services::TaskServices;
use crate::pipeline::tasks::wait::TaskWait;
use crate::pipeline::tasks::{EndedPass, TaskSchedule, finished, moment, sleep_till, trouble};

const TASK: &str = "copies";

/// Another member may have made a copy meanwhile, and the clock may have been set.
const LOOK_AGAIN: Duration = Duration::from_hours(1);

/// Makes copies at their intervals, in a daemon.
pub(in crate::pipeline) async fn keep_copies<S: TaskServices>(state: &Rc<SupervisorState<S>>, scope: &RunScope) {
    if scope.copies && !scope.once {
        let one = |copy| CopyTask::new(state, scope, copy).run();
        futures::join!(one(KeptCopy::Backup), one(KeptCopy::Export));
    }
}

/// Makes an export at the end of a run that ends by itself, and a backup where one is due: such a run may be all that there is.
pub(in crate::pipeline) async fn copies_at_end<S: TaskServices>(state: &Rc<SupervisorState<S>>, scope: &RunScope) {
    if !scope.copies || !scope.once {
        return;
    }
    for copy in [KeptCopy::Export, KeptCopy::Backup] {
        let mut task = CopyTask::new(state, scope, copy);
        let Some(interval) = task.interval() else { continue };
        let is_due = copy == KeptCopy::Export || task.is_due(interval).await;
        if is_due && task.wait.may_begin().await && task.wait.leads(&[task.shared()]).await {
            task.pass().await;
            task.wait.give_back(task.shared()).await;
        }
    }
}

struct CopyTask<'a, S> {
    state: &'a SupervisorState<S>,
    scope: &'a RunScope,
    copy: KeptCopy,
    wait: TaskWait<'a, S>,
    schedule: TaskSchedule,
    /// By the catalog's clock, which may be set back.
    began: Timestamp,
    /// From 0 to 1: which part of the longest delay this daemon takes.
    share: f64,
}

impl<'a, S: TaskServices> CopyTask<'a, S> {
    fn new(state: &'a SupervisorState<S>, scope: &'a RunScope, copy: KeptCopy) -> Self {
        Self {
            state,
            scope,
            copy,
            wait: TaskWait::new(state, TASK, scope),
            schedule: TaskSchedule::of(copy.as_str()),
            began: state.services.membership().now(),
            share: rand::random(),
        }
    }

    fn interval(&self) -> Option<Duration> {
        let intervals = self.state.options.borrow().intervals;
        match self.copy {
            KeptCopy::Backup => intervals.backup,
            KeptCopy::Export => intervals.export,
        }
    }

    fn shared(&self) -> SharedTask {
        match self.copy {
            KeptCopy::Backup => SharedTask::Backup,
            KeptCopy::Export => SharedTask::Export,
        }
    }

    async fn run(mut self) {
        let Some(interval) = self.interval() else { return };
        let later = jitter(interval, self.share);
        loop {
            let left = self.left(interval, later).await;
            let next = (!left.is_zero()).then(|| moment(Instant::now() + left));
            self.state.progress.tell_next(self.copy.as_str(), next);
            if next.is_some() {
                if !sleep_till(self.state, Some(Instant::now() + left.min(LOOK_AGAIN))).await {
                    return;
                }
                continue;
            }
            // Who pauses it may be moving the storage: one that was missed by that is made once afterwards.
            if !self.wait.may_begin().await || !self.wait.leads(&[self.shared()]).await {
                return;
            }
            // Another member may have made it while the task was waited for.
            let complete = !self.left(interval, later).await.is_zero() || self.pass().await;
            self.wait.give_back(self.shared()).await;
            if complete {
                self.schedule = TaskSchedule::of(self.copy.as_str());
                continue;
            }
            let ended = EndedPass {
                complete,
                interval: Some(interval),
            };
            if !self.schedule.again(self.state, self.scope, ended).await {
                return;
            }
        }
    }

    /// How long it is until the next one is due.
    async fn left(&mut self, interval: Duration, later: Duration) -> Duration {
        self.began = began_at(self.began, self.now());
        let due = due(self.last().await, interval, self.began, later);
        Duration::try_from(due.duration_since(self.now())).unwrap_or_default()
    }

    async fn is_due(&self, interval: Duration) -> bool {
        match self.last().await {
            Some(last) => due(Some(last), interval, last, Duration::ZERO) <= self.now(),
            None => true,
        }
    }

    /// By the catalog's clock, as the moments of earlier copies are.
    fn now(&self) -> Timestamp {
        self.state.services.membership().now()
    }

    async fn last(&self) -> Option<Timestamp> {
        match self.state.services.last_copy(self.copy, &self.state.cx()).await {
            Ok(noted) => {
                let last = made_at(noted, self.now());
                if self.copy == KeptCopy::Backup {
                    self.state.progress.backup_verified(last);
                }
                last
            }
            Err(error) => {
                warn!(%error, "when the last copy of the catalog was made could not be read");
                None
            }
        }
    }

    /// `false` when it was not made.
    async fn pass(&mut self) -> bool {
        let name = self.copy.as_str();
        self.state.progress.tell_task(name, "being made");
        match self.state.services.make_copy(self.copy, &self.state.cx()).await {
            Ok(()) => {
                finished(self.state, name);
                self.last().await;
                self.state.progress.tell_task(name, "made");
                true
            }
            Err(fault) => {
                trouble(self.state, name, &fault.why);
                false
            }
        }
    }
}
