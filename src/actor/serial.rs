//! The runner round a worker that handles one message at a time.

use std::fmt;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, WrapFuture};

use crate::actor::mailbox::WakeRunner;
use crate::actor::runner::{RunnerState, discard, guarded};
use crate::actor::stats::RestartReason;
use crate::actor::{AskContext, ExitReason, HandleMessage, Message, MessageEnvelope, ReplyDuty, Worker};

/// An actor that handles one message at a time, so that its mailbox is a true queue.
pub struct SerialRunner<W: Worker> {
    runner: RunnerState<W>,
    /// Away while it handles a message or is being rebuilt.
    worker: Option<W>,
    reason: Option<ExitReason>,
}

/// The worker is never pinned, only moved.
impl<W: Worker> Unpin for SerialRunner<W> {}

impl<W: Worker> fmt::Debug for SerialRunner<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serial")
            .field("actor", &W::NAME)
            .finish_non_exhaustive()
    }
}

impl<W: Worker> SerialRunner<W> {
    pub(super) fn new(runner: RunnerState<W>) -> Self {
        Self {
            runner,
            worker: None,
            reason: None,
        }
    }

    /// The worker is back, or not to be had any more.
    fn resume(&mut self, worker: Result<W, ExitReason>, ctx: &mut Context<Self>) {
        match worker {
            Ok(worker) => {
                self.worker = Some(worker);
                self.settle(ctx);
            }
            Err(reason) => self.end(reason, ctx),
        }
    }

    /// Ends if it is time to.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        if let Some(reason) = self.runner.instance.end_due() {
            self.end(reason, ctx);
        }
    }

    fn end(&mut self, reason: ExitReason, ctx: &mut Context<Self>) {
        self.reason.get_or_insert(reason);
        ctx.stop();
    }

    fn last_word(&mut self) {
        let reason = self.reason.unwrap_or_else(|| self.runner.untold_reason());
        self.runner.end(self.worker.take(), reason);
    }

    fn wait_for_worker(
        future: impl Future<Output = Result<W, ExitReason>> + 'static,
        this: &Self,
        ctx: &mut Context<Self>,
    ) {
        ctx.wait(future.into_actor(this).map(Self::map_resume));
    }

    fn map_resume(worker: Result<W, ExitReason>, this: &mut Self, ctx: &mut Context<Self>) {
        this.resume(worker, ctx);
    }
}

impl<W: Worker> Actor for SerialRunner<W> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.worker = self.runner.build();
        if self.worker.is_none() {
            Self::wait_for_worker(self.runner.clone().rebuild(RestartReason::Build), self, ctx);
        }
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.last_word();
    }
}

impl<W: Worker> Drop for SerialRunner<W> {
    fn drop(&mut self) {
        self.last_word();
    }
}

impl<W: HandleMessage<M>, M: Message> Handler<MessageEnvelope<M>> for SerialRunner<W> {
    type Result = ();

    fn handle(&mut self, envelope: MessageEnvelope<M>, ctx: &mut Context<Self>) {
        let Some((message, cx, call)) = envelope.open() else {
            return self.settle(ctx);
        };
        if let Some(worker) = self.worker.take() {
            Self::wait_for_worker(turn(self.runner.clone(), worker, message, cx, call), self, ctx);
        }
    }
}

impl<W: Worker> Handler<WakeRunner> for SerialRunner<W> {
    type Result = ();

    fn handle(&mut self, _: WakeRunner, ctx: &mut Context<Self>) {
        self.settle(ctx);
    }
}

/// One message: handled to its end or to a panic.
async fn turn<W: HandleMessage<M>, M: Message>(
    runner: RunnerState<W>,
    mut worker: W,
    message: M,
    cx: AskContext,
    call: ReplyDuty<M>,
) -> Result<W, ExitReason> {
    let handled = guarded(&runner.instance, async { worker.handle(message, &cx).await });
    match handled.await {
        Ok(reply) => {
            call.answer(reply);
            Ok(worker)
        }
        Err(fault) => {
            call.panicked(&fault);
            discard(worker);
            runner.rebuild(RestartReason::Panic).await
        }
    }
}
