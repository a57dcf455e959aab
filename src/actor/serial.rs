//! The runner round a worker that handles one message at a time.

use std::fmt;

use actix::{Actor, Context, Handler};

use crate::actor::mailbox::WakeRunner;
use crate::actor::runner::{RunnerState, discard, guarded};
use crate::actor::stats::RestartReason;
use crate::actor::worker_slot::{HoldsWorker, WorkerSlot};
use crate::actor::{AskContext, ExitReason, HandleMessage, Message, MessageEnvelope, ReplyDuty, Worker};

/// An actor that handles one message at a time, so that its mailbox is a true queue.
pub struct SerialRunner<W: Worker>(WorkerSlot<W>);

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
        Self(WorkerSlot::new(runner))
    }
}

impl<W: Worker> HoldsWorker for SerialRunner<W> {
    type Held = W;

    fn slot(&mut self) -> &mut WorkerSlot<W> {
        &mut self.0
    }
}

impl<W: Worker> Actor for SerialRunner<W> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.begin(ctx);
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.0.last_word();
    }
}

impl<W: HandleMessage<M>, M: Message> Handler<MessageEnvelope<M>> for SerialRunner<W> {
    type Result = ();

    fn handle(&mut self, envelope: MessageEnvelope<M>, ctx: &mut Context<Self>) {
        let Some((message, cx, call)) = envelope.open() else {
            return self.settle(ctx);
        };
        if let Some(worker) = self.0.worker.take() {
            self.wait_for_worker(turn(self.0.runner.clone(), worker, message, cx, call), ctx);
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
