//! The tasks beside downloading, and what they share: rounds, patience after trouble, what a person is told.

mod bisect;
mod collect;
mod convert;
mod enrich;

use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::warn;

use crate::pipeline::policy;
use crate::pipeline::supervisor::{RunScope, SupervisorState, TaskIntervals};

pub(super) use crate::pipeline::tasks::collect::collect;
pub(super) use crate::pipeline::tasks::convert::convert;
pub(super) use crate::pipeline::tasks::enrich::enrich;

/// When a task comes round again: at its time, or sooner after a round that went wrong, so that what a person mends
/// (a sign-in, a full disk) is taken up without waiting a day.
#[derive(Debug, Default)]
struct Patience {
    failures: u32,
}

impl Patience {
    /// How long after a round; `None`: it does not come round again.
    fn wait(&mut self, state: &SupervisorState, whole: bool, every: Option<Duration>) -> Option<Duration> {
        if whole {
            self.failures = 0;
            return every;
        }
        self.failures += 1;
        let sooner = policy::wait(&state.policy.borrow().backoff, self.failures, &mut rand::rng());
        Some(every.map_or(sooner, |every| every.min(sooner)))
    }

    /// The moment of the next round.
    fn next(&mut self, state: &SupervisorState, whole: bool, every: Option<Duration>) -> Option<Instant> {
        self.wait(state, whole, every).map(|wait| Instant::now() + wait)
    }

    /// Waits for the next round; `false` when there is none.
    async fn again(
        &mut self,
        state: &Rc<SupervisorState>,
        scope: &RunScope,
        (whole, which): (bool, impl Fn(&TaskIntervals) -> Option<Duration>),
    ) -> bool {
        let every = which(&state.policy.borrow().every);
        !scope.once && sleep_till(state, self.next(state, whole, every)).await
    }
}

fn trouble(state: &Rc<SupervisorState>, task: &'static str, why: &str) -> Option<u64> {
    warn!(task, why, "not finished; asked again later");
    state.progress.tell_task(task, format!("not finished: {why}"));
    state.incomplete(format!("{task}: {why}"));
    None
}

/// Waits for news of the work or of the leases.
async fn change(state: &Rc<SupervisorState>, (news, leases): (&mut watch::Receiver<()>, &mut watch::Receiver<()>)) {
    tokio::select! {
        _ = news.changed() => {}
        Ok(()) = leases.changed() => {}
        () = state.intake.cancelled() => {}
    }
}

/// Sleeps till `at`, or for good when there is no such moment; `false` when the drain came first.
async fn sleep_till(state: &Rc<SupervisorState>, at: Option<Instant>) -> bool {
    let moment = async {
        match at {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = state.intake.cancelled() => false,
        () = moment => true,
    }
}
