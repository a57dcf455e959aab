//! What a task waits for, and how long.

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::pipeline::supervisor::SupervisorState;
use crate::pipeline::task_services::TaskServices;

/// The waits of one task. A run that ends by itself waits for no operator, and for other daemons only as long as a dead one may
/// keep its leases; whatever they have then is theirs.
pub(super) struct TaskWait<'a, S> {
    state: &'a SupervisorState<S>,
    task: &'static str,
    once: bool,
    work: watch::Receiver<()>,
    others: watch::Receiver<()>,
    /// Until when others are waited for that keep this task from beginning; `None`: they do not.
    begin_until: Option<Instant>,
    /// Until when books are waited for that others have not released yet.
    books_until: Option<Instant>,
}

impl<'a, S: TaskServices> TaskWait<'a, S> {
    pub fn new(state: &'a SupervisorState<S>, task: &'static str, once: bool) -> Self {
        Self {
            state,
            task,
            once,
            work: state.wake.subscribe(),
            others: state.services.share().changes(),
            begin_until: None,
            books_until: None,
        }
    }

    /// Waits while the intake is paused by configuration, or other daemons have all of the rate; `false` when nothing shall
    /// be begun any more.
    pub async fn may_begin(&mut self) -> bool {
        loop {
            self.mark_seen();
            let paused = self.state.options.borrow().paused;
            if self.state.intake.is_cancelled() || (self.once && paused) {
                return false;
            }
            if !paused && self.state.services.share().may_work() {
                self.begin_until = None;
                return true;
            }
            self.begin_until = self.deadline(self.begin_until);
            if is_past(self.begin_until) {
                self.not_begun("no share of GRIN's request rate is this daemon's");
                return false;
            }
            self.next(self.begin_until).await;
        }
    }

    /// Waits until lists, facts and conversions are this daemon's to ask for; `false` when they are those of another one that
    /// lives (`once`), or nothing shall be begun any more. A lease of one that died is waited for: its work is to be done.
    pub async fn leads(&mut self) -> bool {
        let share = self.state.services.share();
        loop {
            self.mark_seen();
            if self.state.intake.is_cancelled() {
                return false;
            }
            if share.may_collect() {
                self.begin_until = None;
                return true;
            }
            let task = self.task;
            self.state
                .progress
                .tell_task(task, "left to the daemon that reads the lists");
            if self.once && share.another_leads() {
                return false;
            }
            self.begin_until = self.deadline(self.begin_until);
            if is_past(self.begin_until) {
                self.not_begun("the daemon that reads the lists is not heard of");
                return false;
            }
            self.next(self.begin_until).await;
        }
    }

    /// Waits until the lists have been read and the blocks of books that are this daemon's due are its own. A run that ends by
    /// itself goes on after a while with the blocks that it has.
    pub async fn until_books_are_known(&mut self) {
        loop {
            self.mark_seen();
            let known = self.state.intake.is_cancelled() || !self.more_may_come();
            if known || !self.wait_for_books().await {
                return;
            }
        }
    }

    /// More books may be this task's than the catalog has named: lists are being read, or blocks are still another daemon's.
    pub fn more_may_come(&self) -> bool {
        self.state.collecting.get() || self.state.expects_blocks()
    }

    /// What is looked at from now on is newer than the news so far.
    fn mark_seen(&mut self) {
        self.work.mark_unchanged();
        self.others.mark_unchanged();
    }

    /// Books came: whoever keeps others from this daemon gets time anew.
    pub fn books_came(&mut self) {
        self.books_until = None;
    }

    /// Waits for news of books that may still come; `false` when they have been waited for long enough.
    pub async fn wait_for_books(&mut self) -> bool {
        if !self.more_may_come() {
            // The lists ended since the catalog was asked, and nobody else has any: it is asked once more.
            return true;
        }
        self.books_until = if self.state.collecting.get() {
            None
        } else {
            self.deadline(self.books_until)
        };
        if is_past(self.books_until) {
            let task = self.task;
            let why = "books that other daemons have not released yet are left out";
            self.state.incomplete(format!("{task}: {why}"));
            return false;
        }
        self.next(self.books_until).await;
        true
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

    /// A wait for others ends, in a run that ends by itself: this moment, or as long from now on as a dead one may keep its leases.
    fn deadline(&self, begun: Option<Instant>) -> Option<Instant> {
        let share = self.state.services.share();
        let patience = share.election().max(share.patience());
        self.once.then(|| begun.unwrap_or_else(|| Instant::now() + patience))
    }

    fn not_begun(&self, why: &str) {
        let trouble = self.state.services.share().snapshot().and_then(|share| share.trouble);
        let why = trouble.unwrap_or_else(|| why.to_owned());
        let task = self.task;
        self.state.incomplete(format!("{task}: not begun: {why}"));
    }
}

fn is_past(moment: Option<Instant>) -> bool {
    moment.is_some_and(|moment| moment <= Instant::now())
}

/// Waits for this moment; for good where there is none.
pub(super) async fn until_moment(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
