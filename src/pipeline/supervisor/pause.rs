//! A pause that an operator asked for, and its end.

use std::time::Duration;

use jiff::Timestamp;
use tracing::{info, warn};

use crate::actor::{AskContext, Message, ServeMessages};
use crate::catalog::OperatorPause;
use crate::pipeline::supervisor::{Supervisor, SupervisorState, WorkOptions};
use crate::pipeline::task_services::TaskServices;
use crate::vocabulary::{WaitCause, WaitReason};

/// Longest sleep before the clock is looked at again: it may be set, and the machine may sleep.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Pause, or end the pause; comes back with why no book is begun then.
#[derive(Debug)]
pub struct ChangePause(pub Option<OperatorPause>);

impl Message for ChangePause {
    type Reply = Option<WaitReason>;
    const KIND: &'static str = "change_pause";
}

impl ServeMessages<ChangePause> for Supervisor {
    fn serve(
        &mut self,
        ChangePause(pause): ChangePause,
        _cx: AskContext,
    ) -> impl Future<Output = Option<WaitReason>> + 'static {
        self.state.pause(pause);
        if pause.is_none() {
            self.state.may_be_mended();
        }
        std::future::ready(self.state.options.borrow().pause_reason())
    }
}

impl WorkOptions {
    /// Why no book is begun, where that is an operator's will.
    pub fn pause_reason(&self) -> Option<WaitReason> {
        if self.paused {
            return Some(WaitReason::new(
                WaitCause::Operator,
                "work.paused is set",
                Timestamp::now(),
            ));
        }
        let OperatorPause { since, until } = self.pause?;
        Some(WaitReason {
            until,
            needs_person: until.is_none(),
            resumes_by_itself: until.is_some(),
            ..WaitReason::new(WaitCause::Operator, "paused with `grind pause`", since)
        })
    }

    /// What an operator does to end the pause.
    pub fn how_to_resume(&self) -> &'static str {
        match self.paused {
            true => "take work.paused out of the config to go on",
            false => "`grind resume` ends the pause of a daemon that runs",
        }
    }

    /// Says that a run that ends by itself begins nothing, and how to go on.
    pub fn warn_of_pause(&self) {
        if let Some(wait) = self.pause_reason() {
            warn!("nothing is begun: {wait}; {}", self.how_to_resume());
        }
    }

    /// No book is begun.
    pub fn is_paused(&self) -> bool {
        self.paused || self.pause.is_some()
    }
}

impl<S> SupervisorState<S> {
    /// Begins or ends a pause.
    pub fn pause(&self, pause: Option<OperatorPause>) {
        self.options.borrow_mut().pause = pause;
        self.progress.pause(self.options.borrow().pause_reason());
        self.wake.send_replace(());
    }
}

/// Ends pauses when their time is over; does not end.
pub(super) async fn end_pauses<S: TaskServices>(state: &SupervisorState<S>) {
    let mut changes = state.wake.subscribe();
    loop {
        changes.mark_unchanged();
        let pause = state.options.borrow().pause;
        let now = Timestamp::now();
        if pause.is_some_and(|pause| pause.is_over(now)) {
            info!("the time of the pause is over; books are begun again");
            state.pause(None);
            if let Err(error) = state.services.pause_is_over().await {
                warn!(%error, "the end of the pause could not be recorded; it is over all the same");
            }
            continue;
        }
        let left = pause
            .and_then(|pause| pause.until)
            .map(|until| until.duration_since(now));
        let left = left
            .and_then(|left| Duration::try_from(left).ok())
            .map(|left| left.min(LOOK_AGAIN));
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { std::future::pending::<()>().await },
            () = sleep(left) => {}
        }
    }
}

async fn sleep(left: Option<Duration>) {
    match left {
        Some(left) => tokio::time::sleep(left).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_of_the_config_has_no_end_and_one_of_an_operator_may() {
        let since = Timestamp::UNIX_EPOCH;
        let until = Some("2026-11-29T18:00:00Z".parse().unwrap());
        let pause = |until| Some(OperatorPause { since, until });
        for (paused, pause, expected) in [
            (false, None, None),
            (true, None, Some((None, false))),
            (true, pause(until), Some((None, false))),
            (false, pause(None), Some((None, false))),
            (false, pause(until), Some((until, true))),
        ] {
            let options = WorkOptions {
                paused,
                pause,
                ..WorkOptions::of_tests()
            };
            let told = options.pause_reason().map(|wait| (wait.until, wait.resumes_by_itself));
            assert_eq!(told, expected, "{paused} {pause:?}");
            assert_eq!(options.is_paused(), expected.is_some());
            assert_eq!(options.how_to_resume().contains("work.paused"), paused);
        }
    }
}
