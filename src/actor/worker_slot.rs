//! Where a runner keeps its worker, and what both runners do when the worker comes, breaks and ends.

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, WrapFuture};

use crate::actor::runner::RunnerState;
use crate::actor::stats::RestartReason;
use crate::actor::{ExitReason, Worker};

/// The worker of one runner; dropped, it tells the worker and the instance how the actor ended.
pub(super) struct WorkerSlot<W: Worker> {
    pub(super) runner: RunnerState<W>,
    /// Away while it is being rebuilt, and, of a serial runner, while it handles a message.
    pub(super) worker: Option<W>,
    reason: Option<ExitReason>,
}

impl<W: Worker> WorkerSlot<W> {
    pub(super) fn new(runner: RunnerState<W>) -> Self {
        Self {
            runner,
            worker: None,
            reason: None,
        }
    }

    /// Says how the actor ended; only the first time counts.
    pub(super) fn last_word(&mut self) {
        let reason = self.reason.unwrap_or_else(|| self.runner.untold_reason());
        self.runner.end(self.worker.take(), reason);
    }
}

impl<W: Worker> Drop for WorkerSlot<W> {
    fn drop(&mut self) {
        self.last_word();
    }
}

/// A runner with its slot.
pub(super) trait HoldsWorker: Actor<Context = Context<Self>> {
    type Held: Worker;

    fn slot(&mut self) -> &mut WorkerSlot<Self::Held>;

    /// Builds the first worker.
    fn begin(&mut self, ctx: &mut Context<Self>) {
        let slot = self.slot();
        slot.worker = slot.runner.build();
        if slot.worker.is_none() {
            self.rebuild(RestartReason::Build, ctx);
        }
    }

    fn rebuild(&mut self, why: RestartReason, ctx: &mut Context<Self>) {
        let rebuilt = self.slot().runner.clone().rebuild(why);
        self.wait_for_worker(rebuilt, ctx);
    }

    /// Takes no message until the worker is back, or not to be had any more.
    fn wait_for_worker(
        &mut self,
        worker: impl Future<Output = Result<Self::Held, ExitReason>> + 'static,
        ctx: &mut Context<Self>,
    ) {
        ctx.wait(worker.into_actor(self).map(|worker, this, ctx| match worker {
            Ok(worker) => {
                this.slot().worker = Some(worker);
                this.settle(ctx);
            }
            Err(reason) => this.end(reason, ctx),
        }));
    }

    /// Ends if it is time to.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        if let Some(reason) = self.slot().runner.instance.end_due() {
            self.end(reason, ctx);
        }
    }

    fn end(&mut self, reason: ExitReason, ctx: &mut Context<Self>) {
        self.slot().reason.get_or_insert(reason);
        ctx.stop();
    }
}
