//! What a task waits for, and how long.

mod held;

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info};

use crate::catalog::{CatalogError, MemberRow, SharedTask, TaskAnswer};
use crate::pipeline::supervisor::{RunScope, SupervisorState};
use crate::pipeline::task_services::TaskServices;
use crate::pipeline::tasks::trouble;
use crate::pipeline::tasks::wait::held::{HeldStep, HeldTask, TaskSeeker};

/// After which a task that another member has is asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// The waits of one task. A run that ends by itself waits for no operator, and for other members as [`HeldTask`] says.
pub(super) struct TaskWait<'a, S> {
    state: &'a SupervisorState<S>,
    task: &'static str,
    once: bool,
    seeker: TaskSeeker,
    work: watch::Receiver<()>,
    others: watch::Receiver<()>,
    /// The fence of the last task that it was given.
    fence: i64,
    /// Until when the catalog is waited for, in a run that ends by itself.
    until: Option<Instant>,
    /// Who had the task when it was asked for first.
    holder: Option<MemberRow>,
    /// Since when another member has it.
    held_since: Option<Instant>,
    /// What was said of that last.
    said: Option<HeldStep>,
}

/// What came of asking for tasks.
enum TasksAnswer {
    /// All are this member's.
    Held,
    /// This one is another's.
    HeldBy(SharedTask, MemberRow),
    /// This program is no member at present.
    NoMember,
}

impl<'a, S: TaskServices> TaskWait<'a, S> {
    pub fn new(state: &'a SupervisorState<S>, task: &'static str, scope: &RunScope) -> Self {
        Self {
            state,
            task,
            once: scope.once,
            seeker: TaskSeeker::of(scope),
            work: state.wake.subscribe(),
            others: state.services.membership().changes(),
            fence: 0,
            until: None,
            holder: None,
            held_since: None,
            said: None,
        }
    }

    /// Nothing more is to be begun: the intake is closed or paused. What goes on in slices ends with the present part.
    pub fn is_held(&self) -> bool {
        self.state.intake.is_cancelled() || self.state.options.borrow().is_paused()
    }

    /// Waits while the work is paused; `false` when nothing shall be begun any more.
    pub async fn may_begin(&mut self) -> bool {
        loop {
            self.mark_seen();
            let paused = self.state.options.borrow().is_paused();
            if self.state.intake.is_cancelled() || (self.once && paused) {
                return false;
            }
            if !paused {
                return true;
            }
            self.next(None).await;
        }
    }

    /// Waits until these are this member's to do; `false` when they are left to another one that lives, when that one does not come to
    /// an end in time, or when nothing shall be begun any more.
    pub async fn leads(&mut self, tasks: &[SharedTask]) -> bool {
        if !self.has_left() {
            // Of one that it left something to, it knows that it lives.
            self.holder = None;
        }
        (self.until, self.held_since, self.said) = (None, None, None);
        let mut told = false;
        loop {
            self.mark_seen();
            if self.state.intake.is_cancelled() {
                return false;
            }
            match self.acquire(tasks).await {
                Ok(TasksAnswer::Held) => return true,
                Ok(TasksAnswer::HeldBy(task, holder)) => {
                    if !self.waits_for(task, holder) {
                        return false;
                    }
                }
                Ok(TasksAnswer::NoMember) if self.has_waited() => {
                    self.not_begun("the membership could not be renewed");
                    return false;
                }
                Err(error) if self.has_waited() => {
                    self.not_begun(&error.to_string());
                    return false;
                }
                Err(error) if !self.once && !std::mem::replace(&mut told, true) => {
                    trouble(self.state, self.task, &error.to_string());
                }
                Ok(TasksAnswer::NoMember) | Err(_) => {}
            }
            self.next(Some(Instant::now() + ASK_AGAIN)).await;
        }
    }

    /// Asks for one task after the other, up to the first that is another's.
    async fn acquire(&mut self, tasks: &[SharedTask]) -> Result<TasksAnswer, CatalogError> {
        for task in tasks {
            match self.state.services.acquire(*task, &self.state.cx()).await? {
                TaskAnswer::Held { fence } => self.fence = fence,
                TaskAnswer::HeldBy(holder) => return Ok(TasksAnswer::HeldBy(*task, holder)),
                TaskAnswer::NoMember => return Ok(TasksAnswer::NoMember),
            }
        }
        Ok(TasksAnswer::Held)
    }

    /// Whether a task that another member has is waited for. A person who waits with it is told once of each step.
    fn waits_for(&mut self, task: SharedTask, holder: MemberRow) -> bool {
        if matches!(task, SharedTask::Lists | SharedTask::Reading) {
            self.state.progress.lists_left();
        }
        let since = *self.held_since.get_or_insert_with(Instant::now);
        let lives = self.lives(&holder);
        let held = HeldTask {
            task,
            holder,
            lives,
            waited: since.elapsed(),
        };
        let step = held.step(self.seeker);
        let words = held.words(step);
        if self.said.replace(step) != Some(step) && self.once {
            info!(task = self.task, "{words}");
        }
        if step == HeldStep::GiveUp {
            self.not_begun(&words);
        }
        self.state.progress.tell_task(self.task, words);
        matches!(step, HeldStep::Look | HeldStep::Wait)
    }

    /// Whether the task was left to another member that does it.
    pub fn has_left(&self) -> bool {
        self.said == Some(HeldStep::Leave)
    }

    /// Whether a member is known to live: it renewed since it was seen first.
    fn lives(&mut self, holder: &MemberRow) -> bool {
        let seen = self.holder.get_or_insert_with(|| holder.clone());
        if seen.card.owner != holder.card.owner {
            seen.clone_from(holder);
            return false;
        }
        holder.renewals > seen.renewals
    }

    /// A run that ends by itself has waited for the catalog long enough.
    fn has_waited(&mut self) -> bool {
        let longest = self.state.services.membership().longest_wait();
        self.once && *self.until.get_or_insert_with(|| Instant::now() + longest) <= Instant::now()
    }

    /// Gives a task back, so that others find it free between two passes.
    pub async fn give_back(&self, task: SharedTask) {
        if let Err(error) = self.state.services.release(task, &self.state.cx()).await {
            debug!(%error, "a shared task was not given back; it is free when this member leaves");
        }
    }

    /// What is written for the shared task shows it.
    pub fn fence(&self) -> i64 {
        self.fence
    }

    /// Whether a task that it had was taken from it: this daemon stood still too long.
    pub fn has_lost(&self, task: SharedTask) -> bool {
        self.state.services.membership().has_lost(task)
    }

    /// Completes when a task that it had is taken from it.
    pub async fn lost(&self, task: SharedTask) {
        let mut changes = self.state.services.membership().changes();
        while !self.has_lost(task) {
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until the lists have been read.
    pub async fn until_books_are_known(&mut self) {
        loop {
            self.mark_seen();
            if self.state.intake.is_cancelled() || !self.more_may_come() {
                return;
            }
            self.next(None).await;
        }
    }

    /// More books may be this task's than the catalog has named: lists are being read.
    pub fn more_may_come(&self) -> bool {
        self.state.collecting.get()
    }

    /// What is looked at from now on is newer than the news so far.
    fn mark_seen(&mut self) {
        self.work.mark_unchanged();
        self.others.mark_unchanged();
    }

    /// Waits for news of books that may still come. News of the members is none, and comes of each task that this one takes or gives
    /// back itself.
    pub async fn wait_for_books(&mut self) {
        // The lists may have ended since the catalog was asked: it is asked once more.
        if self.more_may_come() {
            tokio::select! {
                _ = self.work.changed() => {}
                () = self.state.intake.cancelled() => {}
            }
        }
    }

    /// Waits for the next news, the end of the intake, or this moment.
    async fn next(&mut self, until: Option<Instant>) {
        tokio::select! {
            _ = self.work.changed() => {}
            Ok(()) = self.others.changed() => {}
            () = self.state.intake.cancelled() => {}
            () = until_moment(until) => {}
        }
    }

    fn not_begun(&self, why: &str) {
        let task = self.task;
        self.state.incomplete(format!("{task}: not begun: {why}"));
    }
}

/// Waits for this moment; for good where there is none.
pub(super) async fn until_moment(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
