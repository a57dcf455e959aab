//! The tasks beside downloading, and what they share: when one begins again, and what a person is told.

mod bisect;
mod collect;
mod convert;
mod copies;
mod enrich;
mod fixity;
mod hooks;
mod noted;
mod said;
mod second_copy;
mod wait;

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::log::EndedTrouble;
use crate::pipeline::copies::jitter;
use crate::pipeline::supervisor::{RunScope, SupervisorState};
use crate::pipeline::tasks::wait::until_moment;
use crate::session::RetryBackoff;

pub(super) use crate::pipeline::tasks::collect::collect;
pub(super) use crate::pipeline::tasks::convert::convert;
pub(super) use crate::pipeline::tasks::copies::{copies_at_end, keep_copies};
pub(super) use crate::pipeline::tasks::enrich::enrich;
pub(super) use crate::pipeline::tasks::fixity::reread;
pub(super) use crate::pipeline::tasks::hooks::{tell_hook, tell_hook_at_end};
pub(super) use crate::pipeline::tasks::noted::note_settings;
pub(super) use crate::pipeline::tasks::said::SaidTroubles;
pub(super) use crate::pipeline::tasks::second_copy::{copy_stored, copy_stored_at_end};

/// Between the end of a pass that is not complete and the next one at least, however often somebody says that something was mended.
const MENDED_APART: Duration = Duration::from_secs(10);

/// When a task begins again: after its interval, or sooner after a pass that went wrong, so that what a person mends
/// (a sign-in, a full disk) is taken up without waiting a day. Intervals are counted from a moment at the task's beginning, however long
/// its passes take; one that takes longer than its interval leaves out those that went by.
#[derive(Debug)]
struct TaskSchedule {
    task: &'static str,
    /// The first pass comes at once, and the others as many intervals after this.
    from: Instant,
    failures: u32,
}

/// A pass of a task that has just ended.
#[derive(Debug, Clone, Copy)]
struct EndedPass {
    /// Nothing of it is missing.
    complete: bool,
    /// How often the task begins; `None`: only once.
    interval: Option<Duration>,
}

impl TaskSchedule {
    /// Of a task that begins now.
    fn of(task: &'static str) -> Self {
        Self {
            task,
            from: Instant::now(),
            failures: 0,
        }
    }

    /// The same, its intervals counted from up to a twentieth of one later: daemons that a power cut started together do not ask GRIN
    /// together for good.
    fn spread(task: &'static str, interval: Option<Duration>) -> Self {
        let later = jitter(interval.unwrap_or_default(), rand::random());
        Self {
            from: Instant::now() + later,
            ..Self::of(task)
        }
    }

    /// The moment of the next pass; `None`: there is none.
    fn next(&mut self, backoff: &RetryBackoff, ended: EndedPass) -> Option<Instant> {
        if ended.complete {
            self.failures = 0;
            return ended.interval.map(|interval| self.next_interval(interval));
        }
        self.failures += 1;
        let sooner = backoff.pause(self.failures, &mut rand::rng());
        let wait = ended.interval.map_or(sooner, |interval| interval.min(sooner));
        Some(Instant::now() + wait)
    }

    /// When the next of these intervals begins.
    fn next_interval(&self, interval: Duration) -> Instant {
        let begun = self.from.elapsed().as_nanos() / interval.as_nanos().max(1);
        self.from + interval.saturating_mul(u32::try_from(begun + 1).unwrap_or(u32::MAX))
    }

    /// Waits for the next pass; `false` when there is none.
    async fn again<S>(&mut self, state: &SupervisorState<S>, scope: &RunScope, ended: EndedPass) -> bool {
        let backoff = state.options.borrow().retry.backoff;
        let at = self.next(&backoff, ended);
        !scope.once && sleep_and_tell(state, self.task, at, ended.complete).await
    }
}

/// Tells of something that is not done; it is tried again later, and a round that meets the same says it no more.
fn trouble<S>(state: &SupervisorState<S>, task: &'static str, why: &str) {
    if state.said.borrow_mut().is_news(task, why) {
        warn!(task, why, "not finished; requested again later");
    } else {
        debug!(task, why, "not finished; requested again later");
    }
    state.progress.tell_trouble(task, why);
    state.report.borrow_mut().add_incomplete(format!("{task}: {why}"));
}

/// Nothing of a task is missing any more; said, as loud as the trouble, where the log has said that something was.
fn finished<S>(state: &SupervisorState<S>, task: &'static str) {
    let ended = state.said.borrow_mut().over(task);
    if let Some(EndedTrouble { cause, seconds }) = ended {
        warn!(task, cause, seconds, "finished after trouble");
    }
}

/// Sleeps as [`sleep_till`] does, and shows meanwhile when the task goes on. Where its last pass is not `complete`, it does so as soon as
/// what that met may have been mended.
async fn sleep_and_tell<S>(
    state: &SupervisorState<S>,
    task: &'static str,
    at: Option<Instant>,
    complete: bool,
) -> bool {
    state.progress.tell_next(task, at.map(moment));
    let earliest = Instant::now() + MENDED_APART;
    let is_due = tokio::select! {
        biased;
        is_due = sleep_till(state, at) => is_due,
        () = mended(state), if !complete => sleep_till(state, at.min(Some(earliest)).or(Some(earliest))).await,
    };
    state.progress.tell_next(task, None);
    is_due
}

/// Waits until somebody says that what is waited for may have been mended.
async fn mended<S>(state: &SupervisorState<S>) {
    let (told, mut changes) = (state.mended.get(), state.wake.subscribe());
    while state.mended.get() == told && changes.changed().await.is_ok() {}
}

/// The time on the clock at this instant.
fn moment(at: Instant) -> Timestamp {
    let wait = at.saturating_duration_since(Instant::now());
    Timestamp::now().checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// Sleeps till `at`, or for good when there is no such moment; `false` when the drain came first.
async fn sleep_till<S>(state: &SupervisorState<S>, at: Option<Instant>) -> bool {
    tokio::select! {
        biased;
        () = state.intake.cancelled() => false,
        () = until_moment(at) => true,
    }
}

#[cfg(test)]
pub(super) mod tests;
