//! A pool of workers of one kind, each with a small mailbox of its own; work goes to the least loaded.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use actix_rt::ArbiterHandle;

use crate::actor::budget::RestartsSpent;
use crate::actor::capacity::{CapacityPlace, MailboxCapacity};
use crate::actor::entry::EnvelopeEntry;
use crate::actor::envelope::PendingReply;
use crate::actor::instance::ActorInstance;
use crate::actor::mailbox::post;
use crate::actor::{
    ActorRegistry, ActorState, AskContext, AskError, HandleMessage, LedgerEntry, Mailbox, Message, SerialRunner,
    SpawnOptions, Worker, lock, spawn,
};

type Factory<W> = dyn Fn() -> W + Send + Sync;

/// Asks one of n workers; clones ask the same ones. The pool's room is n times a member's, its budget is shared.
pub struct WorkerPool<W: Worker> {
    inner: Arc<Inner<W>>,
}

struct Inner<W: Worker> {
    hub: ActorRegistry,
    arbiters: Vec<ArbiterHandle>,
    /// Places in the mailbox of one member.
    share: usize,
    room: Arc<MailboxCapacity>,
    restarts: Arc<Mutex<RestartsSpent>>,
    factory: Arc<Factory<W>>,
    crew: Mutex<Crew<W>>,
    /// For the arbiters' turns.
    spawned: AtomicUsize,
}

/// The members of a pool.
struct Crew<W: Worker> {
    working: Vec<Mailbox<SerialRunner<W>>>,
    /// Taken out by a resize, finishing what they have.
    leaving: Vec<Mailbox<SerialRunner<W>>>,
    closed: bool,
}

impl<W: Worker> Clone for WorkerPool<W> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<W: Worker> fmt::Debug for WorkerPool<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("actor", &W::NAME)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

impl<W: Worker> WorkerPool<W> {
    /// Starts `size` workers (at least one) on `arbiters` in turn; `spawn.capacity` is one member's, 1 or 2 being sensible.
    ///
    /// # Panics
    /// If `arbiters` is empty.
    pub fn start(
        hub: &ActorRegistry,
        arbiters: &[ArbiterHandle],
        size: usize,
        spawn: SpawnOptions,
        factory: impl Fn() -> W + Send + Sync + 'static,
    ) -> Self {
        assert!(!arbiters.is_empty(), "a pool needs an arbiter to live on");
        let (size, share) = (size.max(1), spawn.capacity.max(1));
        let inner = Inner {
            hub: hub.clone(),
            arbiters: arbiters.to_vec(),
            share,
            room: MailboxCapacity::new(size * share),
            restarts: Arc::new(Mutex::new(RestartsSpent::new(spawn.budget))),
            factory: Arc::new(factory),
            crew: Mutex::new(Crew {
                working: Vec::new(),
                leaving: Vec::new(),
                closed: false,
            }),
            spawned: AtomicUsize::new(0),
        };
        let members = (0..size).map(|_| inner.member()).collect();
        lock(&inner.crew).working = members;
        Self { inner: Arc::new(inner) }
    }

    /// Asks the least loaded worker; waits for room first when every mailbox is full.
    pub async fn ask<M: Message>(&self, message: M, cx: &AskContext) -> Result<M::Reply, AskError>
    where
        W: HandleMessage<M>,
    {
        let _declared = cx.declare(W::NAME.as_str());
        let place = self.inner.entrance(M::KIND).in_turn(cx).await?;
        self.inner.hand_out(place, message, cx)?.reply(cx).await
    }

    /// As [`WorkerPool::ask`], but `Full` at once when every mailbox is full.
    pub async fn try_ask<M: Message>(&self, message: M, cx: &AskContext) -> Result<M::Reply, AskError>
    where
        W: HandleMessage<M>,
    {
        let _declared = cx.declare(W::NAME.as_str());
        let place = self.inner.entrance(M::KIND).at_once(cx)?;
        self.inner.hand_out(place, message, cx)?.reply(cx).await
    }

    /// Makes the pool `size` workers large (at least one). Growing is at once; those too many, idle ones first, finish
    /// what they have and end. A closed pool stays as it is.
    pub fn resize(&self, size: usize) {
        let mut crew = lock(&self.inner.crew);
        if crew.closed {
            return;
        }
        crew.leaving.retain(|member| member.desk().exit().is_none());
        let (now, size) = (crew.working.len(), size.max(1));
        if size >= now {
            crew.working.extend((now..size).map(|_| self.inner.member()));
            self.inner.room.grow((size - now) * self.inner.share);
        } else {
            self.inner.room.shrink((now - size) * self.inner.share);
            crew.working.sort_by_key(|member| member.desk().load());
            let leaving: Vec<_> = crew.working.drain(..now - size).collect();
            leaving.iter().for_each(Mailbox::close);
            crew.leaving.extend(leaving);
        }
    }

    /// Workers that take messages, busy or not.
    pub fn size(&self) -> usize {
        lock(&self.inner.crew).working.len()
    }

    /// Workers that have nothing to do.
    pub fn idle(&self) -> usize {
        lock(&self.inner.crew)
            .working
            .iter()
            .filter(|member| is_idle(member.desk()))
            .count()
    }

    /// Takes nothing new from now on (`Draining`); what is queued is finished, then the workers end.
    pub fn close(&self) {
        self.inner.room.drain();
        self.each(crate::actor::mailbox::Mailbox::close);
    }

    /// Ends all workers at once.
    pub fn kill(&self) {
        self.inner.room.shut();
        self.each(crate::actor::mailbox::Mailbox::kill);
    }

    /// Completes when every worker has ended; says how each did. Does not close by itself.
    pub async fn drained(&self) -> Vec<LedgerEntry> {
        let mut entries = Vec::new();
        for member in self.inner.members() {
            entries.push(member.drained().await);
        }
        entries
    }

    fn each(&self, act: impl Fn(&Mailbox<SerialRunner<W>>)) {
        lock(&self.inner.crew).closed = true;
        self.inner.members().iter().for_each(act);
    }
}

impl<W: Worker> Inner<W> {
    fn entrance(&self, kind: &'static str) -> EnvelopeEntry<'_> {
        let stats = self.hub.stats(W::NAME);
        EnvelopeEntry {
            hub: &self.hub,
            stats,
            room: &self.room,
            kind: stats.kind_index(kind),
        }
    }

    fn member(&self) -> Mailbox<SerialRunner<W>> {
        let arbiter = &self.arbiters[self.spawned.fetch_add(1, Relaxed) % self.arbiters.len()];
        let desk = ActorInstance::with_room(&self.hub, W::NAME, Arc::clone(&self.room), Some(self.share));
        let factory = Arc::clone(&self.factory);
        spawn::serial_at(desk, arbiter, Arc::clone(&self.restarts), move || factory())
    }

    /// Working and leaving members.
    fn members(&self) -> Vec<Mailbox<SerialRunner<W>>> {
        let crew = lock(&self.crew);
        crew.working.iter().chain(&crew.leaving).cloned().collect()
    }

    /// Gives a message that has its place to the least loaded member. The lock is held meanwhile, so that no two
    /// messages see the same load.
    fn hand_out<M: Message>(
        &self,
        place: CapacityPlace,
        message: M,
        cx: &AskContext,
    ) -> Result<PendingReply<M::Reply>, AskError>
    where
        W: HandleMessage<M>,
    {
        let crew = lock(&self.crew);
        let able = crew
            .working
            .iter()
            .filter(|member| takes_messages(member.desk().state()));
        let Some(member) = able.min_by_key(|member| burden(member.desk(), self.share)) else {
            return Err(self.entrance(M::KIND).refused(self.room.refusal()));
        };
        member
            .desk()
            .send(place, message, cx, |envelope| post(member.addr(), envelope))
    }
}

/// What a pool goes by: a member with a full mailbox last, then one that waits to be rebuilt, then by load.
fn burden(desk: &ActorInstance, share: usize) -> (bool, bool, usize, usize) {
    let (queued, running) = desk.load();
    (
        queued >= share,
        desk.state() == ActorState::Backoff,
        queued + running,
        queued,
    )
}

fn is_idle(desk: &ActorInstance) -> bool {
    desk.state() == ActorState::Running && desk.load() == (0, 0)
}

fn takes_messages(state: ActorState) -> bool {
    matches!(state, ActorState::Starting | ActorState::Running | ActorState::Backoff)
}
