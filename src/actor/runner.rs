//! What both runners share: building and rebuilding the worker, catching panics, the end.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use tokio::time::Instant;

use crate::actor::budget::RestartsSpent;
use crate::actor::instance::ActorInstance;
use crate::actor::stats::RestartReason;
use crate::actor::wedge::stand_still_if_wedged;
use crate::actor::{ExitReason, Worker, lock};
use crate::log::as_actor;

/// The worker's factory, its budget and its instance.
pub(super) struct RunnerState<W> {
    factory: Rc<dyn Fn() -> W>,
    restarts: Arc<Mutex<RestartsSpent>>,
    pub(super) instance: Arc<ActorInstance>,
}

impl<W> Clone for RunnerState<W> {
    fn clone(&self) -> Self {
        Self {
            factory: Rc::clone(&self.factory),
            restarts: Arc::clone(&self.restarts),
            instance: Arc::clone(&self.instance),
        }
    }
}

impl<W: Worker> RunnerState<W> {
    pub(super) fn new(
        factory: impl Fn() -> W + 'static,
        restarts: Arc<Mutex<RestartsSpent>>,
        instance: Arc<ActorInstance>,
    ) -> Self {
        Self {
            factory: Rc::new(factory),
            restarts,
            instance,
        }
    }

    /// Builds the worker; a panic in the factory is noted.
    pub(super) fn build(&self) -> Option<W> {
        match catch_unwind(AssertUnwindSafe(|| (self.factory)())) {
            Ok(worker) => {
                self.instance.started();
                Some(worker)
            }
            Err(payload) => {
                self.instance.note_fault(&fault_text(payload));
                None
            }
        }
    }

    /// Builds the worker anew after a panic, under the budget, each time after its wait; while draining, at once.
    pub(super) async fn rebuild(self, mut why: RestartReason) -> Result<W, ExitReason> {
        loop {
            let wait = self.spend()?;
            self.instance.note_restart(why, wait);
            tokio::select! {
                biased;
                () = self.instance.closing().cancelled() => {}
                () = tokio::time::sleep(wait) => {}
            }
            if let Some(worker) = self.build() {
                return Ok(worker);
            }
            why = RestartReason::Build;
        }
    }

    fn spend(&self) -> Result<std::time::Duration, ExitReason> {
        let mut restarts = lock(&self.restarts);
        let spent = if restarts.none_allowed() {
            ExitReason::Panicked
        } else {
            ExitReason::BudgetSpent
        };
        restarts.spend(Instant::now()).ok_or(spent)
    }

    /// Why an actor ends of which nobody has said so: its turn had come, something panicked outside the guards (say, a
    /// message when dropped), or its arbiter ended.
    pub(super) fn untold_reason(&self) -> ExitReason {
        let fallback = if std::thread::panicking() {
            ExitReason::Panicked
        } else {
            ExitReason::Killed
        };
        self.instance.end_due().unwrap_or(fallback)
    }

    /// The last word: the worker hears why, and the instance is closed for good.
    pub(super) fn end(&self, worker: Option<W>, reason: ExitReason) {
        if let Some(mut worker) = worker {
            let last = catch_unwind(AssertUnwindSafe(|| {
                worker.stopped(reason);
                drop(worker);
            }));
            if let Err(payload) = last {
                self.instance.note_fault(&fault_text(payload));
            }
        }
        self.instance.ended(reason);
    }
}

/// Lets go of something that a panic may have left broken.
pub(super) fn discard<T>(broken: T) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(broken)));
}

/// Runs a handler's future: its panics come back as text, its time in polls counts as busy, and what it logs carries the actor's name.
pub(super) async fn guarded<F: Future>(instance: &ActorInstance, future: F) -> Result<F::Output, String> {
    stand_still_if_wedged(instance.name()).await;
    let mut future = pin!(AssertUnwindSafe(future).catch_unwind());
    let ended = std::future::poll_fn(|context| {
        let begun = instance.stats().counts.then(Instant::now);
        let polled = as_actor(instance.name().as_str(), || future.as_mut().poll(context));
        if let Some(begun) = begun {
            let busy = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
            instance.stats().busy_nanos.fetch_add(busy, Relaxed);
        }
        polled
    });
    ended.await.map_err(fault_text)
}

/// What a panic said.
pub(super) fn fault_text(payload: Box<dyn Any + Send>) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned());
    // A payload's own drop may panic too.
    discard(payload);
    text.unwrap_or_else(|| "panic without text".to_owned())
}
