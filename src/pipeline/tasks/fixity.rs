//! Reads stored books again in the background, those first that were not looked at for the longest time; one member at a time does it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use jiff::Zoned;
use tokio::time::Instant;

use crate::catalog::{AskFixity, CheckCursor, SharedTask};
use crate::pipeline::fixity::{DueMoments, ReadPace, RereadNext, RereadPlan, RereadStep, forecast_of};
use crate::pipeline::supervisor::{RunScope, SupervisorState};
use crate::pipeline::task_services::TaskServices;
use crate::pipeline::tasks::wait::TaskWait;
use crate::pipeline::tasks::{EndedPass, TaskSchedule, finished, sleep_and_tell, trouble};

const TASK: &str = "fixity";

/// After so much time the task is given back, and looked at anew.
const SLICE: Duration = Duration::from_mins(10);
/// After all that is due was read, or when nothing is known.
const LOOK_AGAIN: Duration = Duration::from_hours(1);

/// Reads what is due, in a daemon.
pub(in crate::pipeline) async fn reread<S: TaskServices>(state: &Rc<SupervisorState<S>>, scope: &RunScope) {
    if scope.copies && !scope.once {
        RereadTask::new(state, scope).run().await;
    }
}

struct RereadTask<'a, S> {
    state: &'a SupervisorState<S>,
    scope: &'a RunScope,
    wait: TaskWait<'a, S>,
    schedule: TaskSchedule,
    plan: RereadPlan,
    pace: Arc<ReadPace>,
    /// Behind the last book: one that could not be checked is not read again before all others.
    after: CheckCursor,
    /// Books that could not be read since it began anew with those that are due.
    unread: u64,
    /// The same of the round before.
    unread_before: u64,
}

/// How a slice ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SliceEnd {
    /// Nothing more is due.
    Done,
    /// Its time is over.
    TimeOver,
    /// A storage or a catalog that is away.
    Trouble,
}

impl<'a, S: TaskServices> RereadTask<'a, S> {
    fn new(state: &'a SupervisorState<S>, scope: &'a RunScope) -> Self {
        let plan = state.options.borrow().reread;
        Self {
            state,
            scope,
            wait: TaskWait::new(state, TASK, scope),
            schedule: TaskSchedule::of(TASK),
            plan,
            pace: Arc::new(ReadPace::new(plan.speed(), state.intake.clone())),
            after: CheckCursor::default(),
            unread: 0,
            unread_before: 0,
        }
    }

    async fn run(mut self) {
        loop {
            let wait = match self.step().await {
                RereadStep::Never => return,
                RereadStep::Wait(wait) => wait,
                RereadStep::Read(due) => {
                    if !self.wait.may_begin().await || !self.wait.leads(&[SharedTask::Fixity]).await {
                        return;
                    }
                    let ended = self.slice(due).await;
                    self.wait.give_back(SharedTask::Fixity).await;
                    match ended {
                        SliceEnd::TimeOver => Duration::ZERO,
                        SliceEnd::Done => {
                            finished(self.state, TASK);
                            self.schedule = TaskSchedule::of(TASK);
                            self.after = CheckCursor::default();
                            self.unread_before = std::mem::take(&mut self.unread);
                            self.step().await;
                            LOOK_AGAIN.min(self.plan.every.unwrap_or(LOOK_AGAIN))
                        }
                        SliceEnd::Trouble => {
                            let ended = EndedPass {
                                complete: false,
                                interval: Some(LOOK_AGAIN),
                            };
                            if !self.schedule.again(self.state, self.scope, ended).await {
                                return;
                            }
                            continue;
                        }
                    }
                }
            };
            if !sleep_and_tell(self.state, TASK, Some(Instant::now() + wait), true).await {
                return;
            }
        }
    }

    /// What is done now; also tells how far it is.
    async fn step(&self) -> RereadStep {
        let now = Zoned::now();
        let Some(DueMoments { before, again_before }) = self.plan.due(now.timestamp()) else {
            return RereadStep::Never;
        };
        let ask = AskFixity { before, again_before };
        match self.state.services.fixity_standing(ask, &self.state.cx()).await {
            Ok(standing) => {
                let mut forecast = forecast_of(&self.plan, &standing);
                forecast.unread = self.unread_before;
                self.state.progress.tell_fixity(forecast);
                self.plan.step(&now, &standing)
            }
            Err(error) => {
                tracing::warn!(%error, "how far the reading of stored books is could not be asked");
                RereadStep::Wait(LOOK_AGAIN)
            }
        }
    }

    async fn slice(&mut self, due: DueMoments) -> SliceEnd {
        let began = Instant::now();
        self.state.progress.tell_task(TASK, "reading stored books again");
        loop {
            if began.elapsed() >= SLICE || self.wait.is_held() || self.wait.has_lost(SharedTask::Fixity) {
                return SliceEnd::TimeOver;
            }
            let next = RereadNext {
                due,
                after: self.after.clone(),
                pace: Arc::clone(&self.pace),
            };
            match self.state.services.reread(next, &self.state.cx()).await {
                Ok(Some(book)) => {
                    self.after = book.cursor;
                    self.state.progress.reread(book.outcome, book.bytes);
                    self.unread += u64::from(book.is_unread);
                    if book.is_fetched_again {
                        self.state.wake.send_replace(());
                    }
                }
                Ok(None) => {
                    self.state.progress.tell_task(TASK, all_is_read(self.unread));
                    return SliceEnd::Done;
                }
                Err(fault) => {
                    trouble(self.state, TASK, &fault.why);
                    return SliceEnd::Trouble;
                }
            }
        }
    }
}

fn all_is_read(unread: u64) -> &'static str {
    match unread {
        0 => "all that is due is read",
        _ => "all that is due is read, but for books that could not be",
    }
}
