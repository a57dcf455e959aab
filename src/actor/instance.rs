//! One actor instance: what it holds, in what state it is, how it ends.
//!
//! Actors under actix have one inside their [`Mailbox`](crate::actor::Mailbox); an actor that lives on a thread of its own
//! takes one directly, so that its messages are bounded and counted in the same way.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::actor::capacity::{CapacityPlace, MailboxCapacity};
use crate::actor::entry::EnvelopeEntry;
use crate::actor::envelope::{MessageEnvelope, PendingReply};
use crate::actor::held_messages::{BoardWait, HeldMessages, SlabKey, WorkDescription};
use crate::actor::queued::QueuedMessage;
use crate::actor::stats::{ActorStats, RestartReason};
use crate::actor::{
    ActorName, ActorRegistry, ActorState, AskContext, AskError, ExitReason, LedgerEntry, Message, lock,
};

/// Longest fault text kept.
const FAULT_CHARS: usize = 300;

/// One actor instance: its queue, its state and its counters.
#[derive(Debug)]
pub struct ActorInstance {
    pub(super) hub: ActorRegistry,
    name: ActorName,
    number: u32,
    places: Arc<MailboxCapacity>,
    /// Members of a pool share one capacity.
    places_are_own: bool,
    capacity: usize,
    pub(super) held: Mutex<HeldMessages>,
    state: AtomicU8,
    state_since: AtomicU64,
    born: u64,
    /// Times the worker was built.
    generation: AtomicU32,
    /// The wait before the rebuild now going on, in nanoseconds; 0: none.
    backoff: AtomicU64,
    pub(super) progress: AtomicU64,
    pub(super) handled: AtomicU64,
    pub(super) handed_back: AtomicU64,
    first_fault: Mutex<Option<String>>,
    abandoned: AtomicBool,
    /// Cancelled by `close`: a rebuild that waits need not wait any longer.
    closing: CancellationToken,
    exit: watch::Sender<Option<LedgerEntry>>,
}

impl ActorInstance {
    /// An instance with places for `capacity` queued messages (at least one).
    pub fn new(hub: &ActorRegistry, name: ActorName, capacity: usize) -> Arc<Self> {
        Self::with_places(hub, name, MailboxCapacity::new(capacity), None)
    }

    /// A member of a pool: `share` places of a capacity that the pool owns.
    pub(super) fn with_places(
        hub: &ActorRegistry,
        name: ActorName,
        places: Arc<MailboxCapacity>,
        share: Option<usize>,
    ) -> Arc<Self> {
        let now = hub.now();
        let instance = Arc::new(Self {
            hub: hub.clone(),
            name,
            number: hub.next_number(),
            places_are_own: share.is_none(),
            capacity: share.unwrap_or_else(|| places.capacity()),
            places,
            held: Mutex::default(),
            state: AtomicU8::new(ActorState::Starting as u8),
            state_since: AtomicU64::new(now),
            born: now,
            generation: AtomicU32::new(0),
            backoff: AtomicU64::new(0),
            progress: AtomicU64::new(now),
            handled: AtomicU64::new(0),
            handed_back: AtomicU64::new(0),
            first_fault: Mutex::default(),
            abandoned: AtomicBool::new(false),
            closing: CancellationToken::new(),
            exit: watch::Sender::new(None),
        });
        hub.enlist(&instance);
        instance
    }

    /// Sends `message` through `post` and waits for the reply; waits for a free place first when there is none.
    pub async fn ask<M: Message>(
        self: &Arc<Self>,
        message: M,
        cx: &AskContext,
        post: impl FnOnce(MessageEnvelope<M>),
    ) -> Result<M::Reply, AskError> {
        let entry = self.entry(M::KIND);
        let _declared = cx.declare(self.name.as_str());
        let place = entry.in_turn(cx).await?;
        self.send(place, message, cx, post)?.reply(cx).await
    }

    /// As [`ActorInstance::ask`], but `Full` at once when there is no free place.
    pub async fn try_ask<M: Message>(
        self: &Arc<Self>,
        message: M,
        cx: &AskContext,
        post: impl FnOnce(MessageEnvelope<M>),
    ) -> Result<M::Reply, AskError> {
        let entry = self.entry(M::KIND);
        let _declared = cx.declare(self.name.as_str());
        let place = entry.at_once(cx)?;
        self.send(place, message, cx, post)?.reply(cx).await
    }

    /// Puts a message that has its place into the queue.
    pub(super) fn send<M: Message>(
        self: &Arc<Self>,
        place: CapacityPlace,
        message: M,
        cx: &AskContext,
        post: impl FnOnce(MessageEnvelope<M>),
    ) -> Result<PendingReply<M::Reply>, AskError> {
        let entry = self.entry(M::KIND);
        let queued = QueuedMessage::enter(self, place, entry.kind, cx.who()).map_err(|error| entry.refused(error))?;
        let (envelope, pending) = MessageEnvelope::seal(message, queued, cx);
        post(envelope);
        Ok(pending)
    }

    /// Takes nothing new from now on; what is queued is finished. Askers are told `Draining`.
    pub fn close(&self) {
        lock(&self.held).closing = true;
        if self.places_are_own {
            self.places.drain();
        }
        if self.exit.borrow().is_none() {
            self.set_state(ActorState::Draining);
        }
        self.closing.cancel();
    }

    /// Completes when the actor has ended; says how.
    pub async fn drained(&self) -> LedgerEntry {
        let mut watched = self.exit.subscribe();
        loop {
            if let Some(entry) = watched.borrow_and_update().clone() {
                return entry;
            }
            if watched.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Closed, and nothing queued or running any more: time for the actor to end.
    pub fn is_wound_up(&self) -> bool {
        lock(&self.held).wound_up()
    }

    /// The actor is ready to take messages; each call after the first counts as a rebuilt worker.
    pub fn started(&self) {
        self.generation.fetch_add(1, Relaxed);
        self.backoff.store(0, Relaxed);
        let closing = lock(&self.held).closing;
        self.set_state(if closing {
            ActorState::Draining
        } else {
            ActorState::Running
        });
        self.note_progress();
    }

    /// The actor has ended; the askers of what is still queued are told. Only the first call counts.
    pub fn ended(&self, reason: ExitReason) {
        let (queued, running) = self.shut_queue();
        let entry = LedgerEntry {
            actor: self.name,
            instance: self.number,
            handled: self.handled.load(Relaxed),
            handed_back: self.handed_back.load(Relaxed) + queued + running,
            reason,
            first_fault: lock(&self.first_fault).clone(),
            lived_seconds: seconds(self.now().saturating_sub(self.born)),
        };
        let first = self.exit.send_if_modified(|exit| {
            let first = exit.is_none();
            exit.get_or_insert_with(|| entry.clone());
            first
        });
        if first {
            if self.places_are_own || reason.is_fault() {
                self.places.shut();
            }
            self.set_state(if reason.is_fault() {
                ActorState::Failed
            } else {
                ActorState::Stopped
            });
            self.hub.note_exit(entry);
        }
    }

    /// How it ended, if it has.
    pub fn exit(&self) -> Option<LedgerEntry> {
        self.exit.borrow().clone()
    }

    /// Why an actor that winds up does so, and whether it should end now.
    pub(super) fn end_due(&self) -> Option<ExitReason> {
        let reason = || {
            if self.abandoned.load(Relaxed) {
                ExitReason::Done
            } else {
                ExitReason::Drained
            }
        };
        self.is_wound_up().then(reason)
    }

    /// Every handle is gone: closes, and the exit counts as done rather than drained.
    pub(super) fn abandon(&self) {
        if !lock(&self.held).closing {
            self.abandoned.store(true, Relaxed);
            self.close();
        }
    }

    pub(super) fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    pub(super) fn name(&self) -> ActorName {
        self.name
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn stats(&self) -> &ActorStats {
        self.hub.stats(self.name)
    }

    pub(super) fn now(&self) -> u64 {
        self.hub.now()
    }

    pub(super) fn refusal(&self) -> AskError {
        self.places.refusal()
    }

    pub(super) fn state(&self) -> ActorState {
        ActorState::of(self.state.load(Relaxed))
    }

    pub(super) fn state_since(&self) -> u64 {
        self.state_since.load(Relaxed)
    }

    pub(super) fn generation(&self) -> u32 {
        self.generation.load(Relaxed)
    }

    pub(super) fn backoff_nanos(&self) -> u64 {
        self.backoff.load(Relaxed)
    }

    pub(super) fn first_fault(&self) -> Option<String> {
        lock(&self.first_fault).clone()
    }

    pub(super) fn note_progress(&self) {
        self.note_progress_at(self.now());
    }

    pub(super) fn note_progress_at(&self, now: u64) {
        let stats = self.stats();
        if stats.counts {
            self.progress.store(now, Relaxed);
            stats.progress.store(now.max(1), Relaxed);
        }
    }

    /// Keeps the first fault: later ones are mostly its consequences.
    pub(super) fn note_fault(&self, fault: &str) {
        let fault: String = fault.chars().take(FAULT_CHARS).collect();
        tracing::error!(actor = %self.name, instance = self.number, fault, "fault in an actor");
        lock(&self.first_fault).get_or_insert(fault);
    }

    pub(super) fn keep_black_box(&self) {
        self.hub.keep_black_box(self.name);
    }

    pub(super) fn note_restart(&self, why: RestartReason, wait: std::time::Duration) {
        self.stats().restarts[why as usize].fetch_add(1, Relaxed);
        self.backoff
            .store(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        self.set_state(ActorState::Backoff);
        tracing::warn!(actor = %self.name, ?wait, "the worker will be rebuilt");
    }

    /// Notes that a running message waits; returns the wait's number.
    pub(super) fn begin_wait(&self, key: SlabKey, wait: BoardWait) -> Option<u64> {
        let mut held = lock(&self.held);
        held.lines.get_mut(key).map(|line| line.waits.begin(wait))
    }

    pub(super) fn end_wait(&self, key: SlabKey, number: u64) {
        if let Some(line) = lock(&self.held).lines.get_mut(key) {
            line.waits.end(number);
        }
    }

    pub(super) fn describe(&self, key: SlabKey, work: WorkDescription) {
        if let Some(line) = lock(&self.held).lines.get_mut(key) {
            line.work = Some(work);
        }
    }

    /// Queued and running messages, the load a pool goes by.
    pub(super) fn load(&self) -> (usize, usize) {
        let held = lock(&self.held);
        (held.queued, held.running)
    }

    pub(super) fn entry(&self, kind: &'static str) -> EnvelopeEntry<'_> {
        let stats = self.stats();
        EnvelopeEntry {
            hub: &self.hub,
            stats,
            places: &self.places,
            kind: stats.kind_index(kind),
        }
    }

    fn set_state(&self, state: ActorState) {
        self.state.store(state as u8, Relaxed);
        self.state_since.store(self.now(), Relaxed);
    }

    /// Closes for good and counts those who still wait for an answer, queued and running.
    fn shut_queue(&self) -> (u64, u64) {
        let mut held = lock(&self.held);
        held.closing = true;
        let waiting = |phase| {
            held.lines
                .iter()
                .filter(|line| line.phase == phase && !line.gone)
                .count() as u64
        };
        (
            waiting(crate::actor::held_messages::MessagePhase::Queued),
            waiting(crate::actor::held_messages::MessagePhase::Running),
        )
    }
}

impl Drop for ActorInstance {
    /// What it counted outlives it.
    fn drop(&mut self) {
        let in_hand = lock(&self.held).ended_nanos;
        self.stats().past_in_hand_nanos.fetch_add(in_hand, Relaxed);
    }
}

/// Nanoseconds as seconds.
pub(super) fn seconds(nanos: u64) -> f64 {
    std::time::Duration::from_nanos(nanos).as_secs_f64()
}
