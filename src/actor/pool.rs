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

/// Asks one of n workers; clones ask the same ones. The pool's capacity is n times a member's, its budget is shared.
pub struct WorkerPool<W: Worker> {
    inner: Arc<Inner<W>>,
}

struct Inner<W: Worker> {
    hub: ActorRegistry,
    arbiters: Vec<ArbiterHandle>,
    /// Places in the mailbox of one member.
    share: usize,
    places: Arc<MailboxCapacity>,
    restarts: Arc<Mutex<RestartsSpent>>,
    factory: Arc<Factory<W>>,
    members: Mutex<PoolMembers<W>>,
    /// For the arbiters' turns.
    spawned: AtomicUsize,
}

/// The members of a pool.
struct PoolMembers<W: Worker> {
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
            places: MailboxCapacity::new(size * share),
            restarts: Arc::new(Mutex::new(RestartsSpent::new(spawn.budget))),
            factory: Arc::new(factory),
            members: Mutex::new(PoolMembers {
                working: Vec::new(),
                leaving: Vec::new(),
                closed: false,
            }),
            spawned: AtomicUsize::new(0),
        };
        let members = (0..size).map(|_| inner.member()).collect();
        lock(&inner.members).working = members;
        Self { inner: Arc::new(inner) }
    }

    /// Asks the least loaded worker; waits for a free place first when every mailbox is full.
    pub async fn ask<M: Message>(&self, message: M, cx: &AskContext) -> Result<M::Reply, AskError>
    where
        W: HandleMessage<M>,
    {
        let _declared = cx.declare(W::NAME.as_str());
        let place = self.inner.entry(M::KIND).in_turn(cx).await?;
        self.inner.hand_out(place, message, cx)?.reply(cx).await
    }

    /// Makes the pool `size` workers large (at least one). Growing is at once; those too many, idle ones first, finish
    /// what they have and end. A closed pool stays as it is.
    pub fn resize(&self, size: usize) {
        let mut members = lock(&self.inner.members);
        if members.closed {
            return;
        }
        members.leaving.retain(|member| member.instance().exit().is_none());
        let (now, size) = (members.working.len(), size.max(1));
        if size >= now {
            members.working.extend((now..size).map(|_| self.inner.member()));
            self.inner.places.grow((size - now) * self.inner.share);
        } else {
            self.inner.places.shrink((now - size) * self.inner.share);
            members.working.sort_by_key(|member| member.instance().load());
            let leaving: Vec<_> = members.working.drain(..now - size).collect();
            leaving.iter().for_each(Mailbox::close);
            members.leaving.extend(leaving);
        }
    }

    /// Workers that take messages, busy or not.
    pub fn size(&self) -> usize {
        lock(&self.inner.members).working.len()
    }

    /// Workers that have nothing to do.
    #[cfg(test)]
    pub fn idle(&self) -> usize {
        lock(&self.inner.members)
            .working
            .iter()
            .filter(|member| is_idle(member.instance()))
            .count()
    }

    /// Takes nothing new from now on (`Draining`); what is queued is finished, then the workers end.
    pub fn close(&self) {
        self.inner.places.drain();
        self.each(crate::actor::mailbox::Mailbox::close);
    }

    /// Completes when every worker has ended; says how each did. Does not close by itself.
    pub async fn drained(&self) -> Vec<LedgerEntry> {
        let mut entries = Vec::new();
        for member in self.inner.all() {
            entries.push(member.drained().await);
        }
        entries
    }

    fn each(&self, act: impl Fn(&Mailbox<SerialRunner<W>>)) {
        lock(&self.inner.members).closed = true;
        self.inner.all().iter().for_each(act);
    }
}

impl<W: Worker> Inner<W> {
    fn entry(&self, kind: &'static str) -> EnvelopeEntry<'_> {
        let stats = self.hub.stats(W::NAME);
        EnvelopeEntry {
            hub: &self.hub,
            stats,
            places: &self.places,
            kind: stats.kind_index(kind),
        }
    }

    fn member(&self) -> Mailbox<SerialRunner<W>> {
        let arbiter = &self.arbiters[self.spawned.fetch_add(1, Relaxed) % self.arbiters.len()];
        let instance = ActorInstance::with_places(&self.hub, W::NAME, Arc::clone(&self.places), Some(self.share));
        let factory = Arc::clone(&self.factory);
        spawn::serial_at(instance, arbiter, Arc::clone(&self.restarts), move || factory())
    }

    /// Working and leaving members.
    fn all(&self) -> Vec<Mailbox<SerialRunner<W>>> {
        let members = lock(&self.members);
        members.working.iter().chain(&members.leaving).cloned().collect()
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
        let members = lock(&self.members);
        let able = members
            .working
            .iter()
            .filter(|member| takes_messages(member.instance().state()));
        let Some(member) = able.min_by_key(|member| burden(member.instance(), self.share)) else {
            return Err(self.entry(M::KIND).refused(self.places.refusal()));
        };
        member
            .instance()
            .send(place, message, cx, |envelope| post(member.addr(), envelope))
    }
}

/// What a pool goes by: a member with a full mailbox last, then one that waits to be rebuilt, then by load.
fn burden(instance: &ActorInstance, share: usize) -> (bool, bool, usize, usize) {
    let (queued, running) = instance.load();
    (
        queued >= share,
        instance.state() == ActorState::Backoff,
        queued + running,
        queued,
    )
}

#[cfg(test)]
fn is_idle(instance: &ActorInstance) -> bool {
    instance.state() == ActorState::Running && instance.load() == (0, 0)
}

fn takes_messages(state: ActorState) -> bool {
    matches!(state, ActorState::Starting | ActorState::Running | ActorState::Backoff)
}
