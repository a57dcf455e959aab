//! The runner round a worker that serves many messages at a time.

use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{self, Waker};

use actix::{Actor, Addr, AsyncContext, Context, Handler};
use futures::future::LocalBoxFuture;
use tokio::task::AbortHandle;

use crate::actor::held_messages::RecordSlab;
use crate::actor::instance::ActorInstance;
use crate::actor::mailbox::{WakeRunner, post};
use crate::actor::runner::{RunnerState, discard, fault_text, guarded};
use crate::actor::stats::RestartReason;
use crate::actor::worker_slot::{HoldsWorker, WorkerSlot};
use crate::actor::{Message, MessageEnvelope, ReplyDuty, ServeMessages, Worker};

type Running = Rc<RefCell<RecordSlab<Option<AbortHandle>>>>;

/// An actor that serves many messages at a time; its mailbox bounds only what has not begun, permits of its own the rest.
///
/// A panic in a served future ends that message alone: the worker was not inside it. A panic in [`ServeMessages::serve`] itself
/// may have left the worker broken, so it is rebuilt.
pub struct ConcurrentRunner<W: Worker> {
    slot: WorkerSlot<W>,
    running: Running,
}

/// The worker is never pinned, only moved.
impl<W: Worker> Unpin for ConcurrentRunner<W> {}

impl<W: Worker> fmt::Debug for ConcurrentRunner<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Concurrent")
            .field("actor", &W::NAME)
            .finish_non_exhaustive()
    }
}

impl<W: Worker> ConcurrentRunner<W> {
    pub(super) fn new(runner: RunnerState<W>) -> Self {
        Self {
            slot: WorkerSlot::new(runner),
            running: Running::default(),
        }
    }
}

impl<W: Worker> HoldsWorker for ConcurrentRunner<W> {
    type Held = W;

    fn slot(&mut self) -> &mut WorkerSlot<W> {
        &mut self.slot
    }
}

impl<W: Worker> Actor for ConcurrentRunner<W> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.begin(ctx);
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.slot.last_word();
    }
}

impl<W: Worker> Drop for ConcurrentRunner<W> {
    fn drop(&mut self) {
        self.slot.last_word();
        for task in self.running.borrow().iter().flatten() {
            task.abort();
        }
    }
}

impl<W: Worker> Handler<WakeRunner> for ConcurrentRunner<W> {
    type Result = ();

    fn handle(&mut self, _: WakeRunner, ctx: &mut Context<Self>) {
        self.settle(ctx);
    }
}

impl<W: ServeMessages<M>, M: Message> Handler<MessageEnvelope<M>> for ConcurrentRunner<W> {
    type Result = ();

    fn handle(&mut self, envelope: MessageEnvelope<M>, ctx: &mut Context<Self>) {
        let Some((message, cx, call)) = envelope.open() else {
            return self.settle(ctx);
        };
        let Some(worker) = self.slot.worker.as_mut() else {
            return;
        };
        match catch_unwind(AssertUnwindSafe(|| worker.serve(message, cx))) {
            Ok(future) => {
                let own = Arc::clone(&self.slot.runner.instance);
                self.run(Box::pin(async move { serve(&own, future, call).await }), ctx);
            }
            Err(payload) => {
                call.panicked(&fault_text(payload));
                discard(self.slot.worker.take());
                self.rebuild(RestartReason::Panic, ctx);
            }
        }
    }
}

impl<W: Worker> ConcurrentRunner<W> {
    /// Runs a served future as a task of its own, so that a wake-up costs one poll and not one for each in flight. Its type is forgotten here:
    /// the compiler would else make all of a task, and of this, for each message.
    #[expect(clippy::disallowed_methods, reason = "counted by the call, aborted with the actor")]
    fn run(&mut self, mut turn: LocalBoxFuture<'static, ()>, ctx: &mut Context<Self>) {
        // Many answers stand ready; a task for each would cost more than the answer.
        if turn
            .as_mut()
            .poll(&mut task::Context::from_waker(Waker::noop()))
            .is_ready()
        {
            return self.settle(ctx);
        }
        let key = self.running.borrow_mut().insert(None);
        let (running, instance, addr) = (
            Rc::clone(&self.running),
            Arc::clone(&self.slot.runner.instance),
            ctx.address(),
        );
        let task = actix_rt::spawn(async move {
            turn.await;
            running.borrow_mut().remove(key);
            wake_when_due(&instance, &addr);
        });
        if let Some(place) = self.running.borrow_mut().get_mut(key) {
            *place = Some(task.abort_handle());
        }
    }
}

async fn serve<M: Message>(instance: &ActorInstance, future: impl Future<Output = M::Reply>, call: ReplyDuty<M>) {
    match guarded(instance, future).await {
        Ok(reply) => call.answer(reply),
        Err(fault) => call.panicked(&fault),
    }
}

fn wake_when_due<W: Worker>(instance: &ActorInstance, addr: &Addr<ConcurrentRunner<W>>) {
    if instance.end_due().is_some() {
        post(addr, WakeRunner);
    }
}
