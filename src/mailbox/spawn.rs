//! Room `mailbox`: how actors are started: a desk, a shell on its arbiter, a handle.

use std::sync::{Arc, Mutex};

use actix_rt::ArbiterHandle;

use super::address::Shell;
use super::budget::Restarts;
use super::desk::Desk;
use super::shell::Frame;
use super::{Concurrent, ExitReason, Hub, Mailbox, RestartBudget, Serial, Worker};

/// How an actor is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spawn {
    /// Most messages queued; at least one.
    pub capacity: usize,
    /// How often the worker may be rebuilt after panics.
    pub budget: RestartBudget,
}

impl Spawn {
    /// With room for `capacity` messages and the default budget.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            capacity,
            budget: RestartBudget::default(),
        }
    }
}

/// Starts a worker that handles one message at a time.
pub fn serial<W: Worker>(
    hub: &Hub,
    arbiter: &ArbiterHandle,
    spawn: Spawn,
    factory: impl Fn() -> W + Send + 'static,
) -> Mailbox<Serial<W>> {
    let desk = Desk::new(hub, W::NAME, spawn.capacity);
    serial_at(
        desk,
        arbiter,
        Arc::new(Mutex::new(Restarts::new(spawn.budget))),
        factory,
    )
}

/// Starts a worker that serves many messages at a time.
pub fn concurrent<W: Worker>(
    hub: &Hub,
    arbiter: &ArbiterHandle,
    spawn: Spawn,
    factory: impl Fn() -> W + Send + 'static,
) -> Mailbox<Concurrent<W>> {
    let desk = Desk::new(hub, W::NAME, spawn.capacity);
    let restarts = Arc::new(Mutex::new(Restarts::new(spawn.budget)));
    start(desk, arbiter, move |desk| {
        Concurrent::new(Frame::new(factory, restarts, desk))
    })
}

pub(super) fn serial_at<W: Worker>(
    desk: Arc<Desk>,
    arbiter: &ArbiterHandle,
    restarts: Arc<Mutex<Restarts>>,
    factory: impl Fn() -> W + Send + 'static,
) -> Mailbox<Serial<W>> {
    start(desk, arbiter, move |desk| {
        Serial::new(Frame::new(factory, restarts, desk))
    })
}

fn start<A: Shell>(
    desk: Arc<Desk>,
    arbiter: &ArbiterHandle,
    shell: impl FnOnce(Arc<Desk>) -> A + Send + 'static,
) -> Mailbox<A> {
    let launch = Launch {
        desk: Arc::clone(&desk),
        landed: false,
    };
    let addr = A::start_in_arbiter(arbiter, move |ctx| {
        // 0 is unlimited: the bound is ours.
        ctx.set_mailbox_capacity(0);
        shell(launch.landed())
    });
    Mailbox::new(addr, desk)
}

/// On its way to the arbiter. Dropped there (the arbiter has ended), the actor counts as killed.
struct Launch {
    desk: Arc<Desk>,
    landed: bool,
}

impl Launch {
    fn landed(mut self) -> Arc<Desk> {
        self.landed = true;
        Arc::clone(&self.desk)
    }
}

impl Drop for Launch {
    fn drop(&mut self) {
        if !self.landed {
            self.desk.ended(ExitReason::Killed);
        }
    }
}
