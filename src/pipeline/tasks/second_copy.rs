//! Copies stored books to the second place in the background; one member at a time does it, a few books at once.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiff::Zoned;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::catalog::{DueCopy, SharedTask};
use crate::pipeline::fixity::ReadPace;
use crate::pipeline::second_copy::{CopyNext, CopyStep, SecondCopyPlan};
use crate::pipeline::supervisor::{RunScope, SupervisorState};
use crate::pipeline::task_services::{TaskFault, TaskServices};
use crate::pipeline::tasks::wait::TaskWait;
use crate::pipeline::tasks::{EndedPass, TaskSchedule, finished, sleep_and_tell, sleep_till, trouble};

const TASK: &str = "second copy";

/// After so much time the task is given back, and looked at anew.
const SLICE: Duration = Duration::from_mins(10);
/// How often it is looked at most whether a book is due, as long as this program stores books.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);
/// How often otherwise: other members store books, too, and one that failed is due again after no less.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// How often it is told how many there are.
const COUNT_AGAIN: Duration = Duration::from_mins(1);
/// How often it is looked whether a book is copied otherwise than it is stored and nobody noted it.
const NOTE_AGAIN: Duration = Duration::from_hours(24);
/// Books whose places are away are tried again at least so often.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
/// Books taken from the catalog at a time, for each that is copied at once.
const LISTED: usize = 8;

/// Copies what is due, in a daemon.
pub(in crate::pipeline) async fn copy_stored<S: TaskServices>(state: &Rc<SupervisorState<S>>, scope: &RunScope) {
    if scope.copies && !scope.once {
        let plan = state.options.borrow().second_copy;
        if let Some(plan) = plan {
            CopyTask::new(state, scope, plan).run().await;
        }
    }
}

/// Copies what is due once, at the end of a run that ends by itself.
pub(in crate::pipeline) async fn copy_stored_at_end<S: TaskServices>(state: &Rc<SupervisorState<S>>, scope: &RunScope) {
    let plan = state.options.borrow().second_copy;
    let Some(plan) = plan.filter(|_| scope.copies && scope.once) else {
        return;
    };
    let mut task = CopyTask::new(state, scope, plan);
    while plan.wait(&Zoned::now()).is_none()
        && task.wait.may_begin().await
        && task.wait.leads(&[SharedTask::SecondCopy]).await
    {
        task.note_uncopied().await;
        let ended = task.slice().await;
        task.wait.give_back(SharedTask::SecondCopy).await;
        if ended != SliceEnd::TimeOver {
            return;
        }
    }
}

struct CopyTask<'a, S> {
    state: &'a SupervisorState<S>,
    scope: &'a RunScope,
    plan: SecondCopyPlan,
    wait: TaskWait<'a, S>,
    schedule: TaskSchedule,
    pace: Arc<ReadPace>,
    /// When all books were last looked at.
    noted: Option<Instant>,
    counted: Option<Instant>,
    stored: watch::Receiver<()>,
}

/// How a slice ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SliceEnd {
    /// Nothing more is due.
    Done,
    /// Its time is over.
    TimeOver,
    /// A place or a catalog that is away.
    Trouble,
}

impl<'a, S: TaskServices> CopyTask<'a, S> {
    fn new(state: &'a SupervisorState<S>, scope: &'a RunScope, plan: SecondCopyPlan) -> Self {
        Self {
            state,
            scope,
            plan,
            wait: TaskWait::new(state, TASK, scope),
            schedule: TaskSchedule::of(TASK),
            pace: Arc::new(ReadPace::new(plan.speed(), state.intake.clone())),
            noted: None,
            counted: None,
            stored: state.progress.stored_books(),
        }
    }

    async fn run(mut self) {
        loop {
            if let Some(wait) = self.plan.wait(&Zoned::now()) {
                self.state.progress.tell_task(TASK, "waits for its hours");
                if !sleep_and_tell(self.state, TASK, Some(Instant::now() + wait), true).await {
                    return;
                }
                continue;
            }
            self.note_uncopied().await;
            self.stored.mark_unchanged();
            if self.due().await.is_ok_and(|due| due.is_empty()) {
                self.count().await;
                if !self.rest().await {
                    return;
                }
                continue;
            }
            if !self.wait.may_begin().await || !self.wait.leads(&[SharedTask::SecondCopy]).await {
                return;
            }
            let ended = self.slice().await;
            self.wait.give_back(SharedTask::SecondCopy).await;
            if ended != SliceEnd::Trouble {
                self.schedule = TaskSchedule::of(TASK);
                continue;
            }
            let ended = EndedPass {
                complete: false,
                interval: Some(LONGEST_PAUSE),
            };
            if !self.schedule.again(self.state, self.scope, ended).await {
                return;
            }
        }
    }

    /// Until a book may be due; `false` when the drain came first.
    async fn rest(&mut self) -> bool {
        let until = Instant::now() + LOOK_AGAIN;
        if !sleep_till(self.state, Some(Instant::now() + BETWEEN_LOOKS)).await {
            return false;
        }
        tokio::select! {
            is_due = sleep_till(self.state, Some(until)) => is_due,
            _ = self.stored.changed() => true,
        }
    }

    /// Looks whether all stored books are copied as they are stored, or due; not again for a day.
    async fn note_uncopied(&mut self) {
        if self.noted.is_some_and(|noted| noted.elapsed() < NOTE_AGAIN) {
            return;
        }
        let mut after = Some(0);
        while let Some(last) = after {
            match self.state.services.note_uncopied(last, &self.state.cx()).await {
                Ok(next) => after = next,
                Err(error) => {
                    debug!(%error, "which stored books are not copied could not be asked; it is asked again");
                    return;
                }
            }
        }
        self.noted = Some(Instant::now());
    }

    async fn due(&self) -> Result<Vec<DueCopy>, TaskFault> {
        let limit = self.plan.transfers * LISTED;
        self.state.services.due_copies(limit, &self.state.cx()).await
    }

    /// Tells how far it is, not more often than once a minute.
    async fn count(&mut self) {
        if self.counted.is_some_and(|counted| counted.elapsed() < COUNT_AGAIN) {
            return;
        }
        self.counted = Some(Instant::now());
        if let Ok(standing) = self.state.services.second_copies(&self.state.cx()).await {
            self.state.progress.tell_second_copy(standing);
            self.state.progress.tell_task(TASK, standing.to_string());
        }
    }

    async fn slice(&mut self) -> SliceEnd {
        let began = Instant::now();
        if let Err(fault) = self.state.services.confirm_second_copy(&self.state.cx()).await {
            return self.trouble(&fault).await;
        }
        loop {
            self.count().await;
            if began.elapsed() >= SLICE
                || self.wait.is_held()
                || self.plan.wait(&Zoned::now()).is_some()
                || self.wait.has_lost(SharedTask::SecondCopy)
            {
                return SliceEnd::TimeOver;
            }
            let copied = match self.due().await {
                Ok(due) if due.is_empty() => {
                    finished(self.state, TASK);
                    self.counted = None;
                    self.count().await;
                    return SliceEnd::Done;
                }
                Ok(due) => self.copy(due).await,
                Err(fault) => Err(fault),
            };
            if let Err(fault) = copied {
                return self.trouble(&fault).await;
            }
        }
    }

    async fn trouble(&mut self, fault: &TaskFault) -> SliceEnd {
        // How many books wait is to be seen above all while the place is away.
        self.count().await;
        trouble(self.state, TASK, &fault.why);
        self.counted = None;
        SliceEnd::Trouble
    }

    /// Copies these, a few at once; the first fault of a place, after which no other book is begun.
    async fn copy(&self, due: Vec<DueCopy>) -> Result<(), TaskFault> {
        let is_over = Cell::new(false);
        let is_over = &is_over;
        let one = |due| async move {
            if is_over.get() || self.wait.is_held() {
                return Ok(());
            }
            let copied = self.copy_one(due).await;
            is_over.set(is_over.get() || copied.is_err());
            copied
        };
        // What was begun is seen through, also after a fault: nobody else may copy the same book meanwhile.
        let copies = futures::stream::iter(due)
            .map(one)
            .buffer_unordered(self.plan.transfers);
        let ended: Vec<_> = copies.collect().await;
        ended.into_iter().collect()
    }

    async fn copy_one(&self, due: DueCopy) -> Result<(), TaskFault> {
        let pace = Arc::clone(&self.pace);
        let turn = self
            .state
            .services
            .copy_book(CopyNext { due, pace }, &self.state.cx())
            .await?;
        if let Some(book) = turn.reread {
            self.state.progress.reread(book.outcome, book.bytes);
            if book.is_fetched_again {
                self.state.wake.send_replace(());
            }
        }
        self.state.progress.copy_step(&turn.step);
        match turn.step {
            CopyStep::Copied { .. } => finished(self.state, TASK),
            CopyStep::Failed(why) => warn!(why, "a book was not copied to the second place; it is tried again"),
            CopyStep::Left => {}
        }
        Ok(())
    }
}
