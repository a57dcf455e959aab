//! How actors are started: a instance, a shell on its arbiter, a handle.

use std::sync::{Arc, Mutex};

use actix_rt::ArbiterHandle;

use crate::actor::budget::RestartsSpent;
use crate::actor::instance::ActorInstance;
use crate::actor::mailbox::ActorRunner;
use crate::actor::runner::RunnerState;
use crate::actor::{ActorRegistry, ConcurrentRunner, ExitReason, Mailbox, RestartBudget, SerialRunner, Worker};

/// How an actor is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpawnOptions {
    /// Most messages queued; at least one.
    pub capacity: usize,
    /// How often the worker may be rebuilt after panics.
    pub budget: RestartBudget,
}

impl SpawnOptions {
    /// With places for `capacity` messages and the default budget.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            capacity,
            budget: RestartBudget::default(),
        }
    }
}

/// Starts a worker that handles one message at a time.
pub fn serial<W: Worker>(
    hub: &ActorRegistry,
    arbiter: &ArbiterHandle,
    spawn: SpawnOptions,
    factory: impl Fn() -> W + Send + 'static,
) -> Mailbox<SerialRunner<W>> {
    let instance = ActorInstance::new(hub, W::NAME, spawn.capacity);
    serial_at(
        instance,
        arbiter,
        Arc::new(Mutex::new(RestartsSpent::new(spawn.budget))),
        factory,
    )
}

/// Starts a worker that serves many messages at a time.
pub fn concurrent<W: Worker>(
    hub: &ActorRegistry,
    arbiter: &ArbiterHandle,
    spawn: SpawnOptions,
    factory: impl Fn() -> W + Send + 'static,
) -> Mailbox<ConcurrentRunner<W>> {
    let instance = ActorInstance::new(hub, W::NAME, spawn.capacity);
    let restarts = Arc::new(Mutex::new(RestartsSpent::new(spawn.budget)));
    start(instance, arbiter, move |instance| {
        ConcurrentRunner::new(RunnerState::new(factory, restarts, instance))
    })
}

pub(super) fn serial_at<W: Worker>(
    instance: Arc<ActorInstance>,
    arbiter: &ArbiterHandle,
    restarts: Arc<Mutex<RestartsSpent>>,
    factory: impl Fn() -> W + Send + 'static,
) -> Mailbox<SerialRunner<W>> {
    start(instance, arbiter, move |instance| {
        SerialRunner::new(RunnerState::new(factory, restarts, instance))
    })
}

fn start<A: ActorRunner>(
    instance: Arc<ActorInstance>,
    arbiter: &ArbiterHandle,
    runner: impl FnOnce(Arc<ActorInstance>) -> A + Send + 'static,
) -> Mailbox<A> {
    let launch = Launch {
        instance: Arc::clone(&instance),
        landed: false,
    };
    let addr = A::start_in_arbiter(arbiter, move |ctx| {
        // 0 is unlimited: the bound is ours.
        ctx.set_mailbox_capacity(0);
        runner(launch.landed())
    });
    Mailbox::new(addr, instance)
}

/// On its way to the arbiter. Dropped there (the arbiter has ended), the actor counts as killed.
struct Launch {
    instance: Arc<ActorInstance>,
    landed: bool,
}

impl Launch {
    fn landed(mut self) -> Arc<ActorInstance> {
        self.landed = true;
        Arc::clone(&self.instance)
    }
}

impl Drop for Launch {
    fn drop(&mut self) {
        if !self.landed {
            self.instance.ended(ExitReason::Killed);
        }
    }
}
