//! The hub, where every actor's counters, exits and faults come together.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::actor::black_box::BlackBoxDump;
use crate::actor::instance::ActorInstance;
use crate::actor::stats::{ActorStats, KeptTelemetry};
use crate::actor::tasks::TaskStats;
use crate::actor::windows::ActivityWindows;
use crate::actor::{ActorName, ExitReason, lock};

/// Exits kept for the closing report; older ones are dropped first (their counters stay).
const LEDGER: usize = 256;

/// Shared by all actors of a process; cheap to clone.
#[derive(Debug, Clone)]
pub struct ActorRegistry {
    pub(super) inner: Arc<HubInner>,
}

#[derive(Debug)]
pub(super) struct HubInner {
    pub(super) epoch: Instant,
    /// See [`KeptTelemetry`]; without it no clock is read either.
    counts: bool,
    pub(super) started: std::time::SystemTime,
    actors: [ActorStats; ActorName::ALL.len()],
    instances: Mutex<Vec<Weak<ActorInstance>>>,
    ledger: Mutex<VecDeque<LedgerEntry>>,
    pub(super) tasks: Mutex<BTreeMap<&'static str, Arc<TaskStats>>>,
    gave_up: watch::Sender<Option<GaveUp>>,
    pub(super) windows: Mutex<ActivityWindows>,
    /// As they were when a message panicked, one an actor, until somebody takes them.
    kept: Mutex<BTreeMap<ActorName, BlackBoxDump>>,
    numbers: AtomicU32,
}

/// How one actor instance ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Which actor.
    pub actor: ActorName,
    /// Which instance of it; counted from 1 in the order of spawning.
    pub instance: u32,
    /// Messages handled to their end, whatever the outcome.
    pub handled: u64,
    /// Messages released unanswered: queued ones dropped, and those cut off while running.
    pub handed_back: u64,
    /// Why it ended.
    pub reason: ExitReason,
    /// The first fault, if there was any.
    pub first_fault: Option<String>,
    /// How long it lived.
    pub lived_seconds: f64,
}

/// The first actor that could not be kept alive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GaveUp {
    /// Which actor.
    pub actor: ActorName,
    /// Why it ended.
    pub reason: ExitReason,
    /// Its first fault.
    pub fault: Option<String>,
}

impl Default for ActorRegistry {
    fn default() -> Self {
        Self::new()
    }
}

impl ActorRegistry {
    /// An empty hub; its clock starts now.
    pub fn new() -> Self {
        Self::keeping(KeptTelemetry::All)
    }

    /// As [`ActorRegistry::new`], for measurements of what it costs: with less of what is kept.
    pub fn keeping(kept: KeptTelemetry) -> Self {
        Self {
            inner: Arc::new(HubInner {
                epoch: Instant::now(),
                counts: kept.counts(),
                started: std::time::SystemTime::now(),
                actors: ActorName::ALL.map(|name| ActorStats::new(name, kept)),
                instances: Mutex::default(),
                ledger: Mutex::default(),
                tasks: Mutex::default(),
                gave_up: watch::Sender::new(None),
                windows: Mutex::default(),
                kept: Mutex::default(),
                numbers: AtomicU32::new(0),
            }),
        }
    }

    /// Completes when an actor could not be kept alive; names the first one. The daemon then stops with an error.
    pub async fn gave_up(&self) -> GaveUp {
        let mut watched = self.inner.gave_up.subscribe();
        loop {
            if let Some(gave_up) = watched.borrow_and_update().clone() {
                return gave_up;
            }
            if watched.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Who gave up, if anyone has.
    pub fn has_given_up(&self) -> Option<GaveUp> {
        self.inner.gave_up.borrow().clone()
    }

    /// How each instance ended, oldest first.
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        lock(&self.inner.ledger).iter().cloned().collect()
    }

    /// The messages in hand and the last ones of an actor. Of an instance the lock is held that its senders take, for as long as a
    /// snapshot of it holds it.
    pub fn black_box(&self, actor: ActorName, why: &'static str) -> BlackBoxDump {
        BlackBoxDump {
            actor,
            at: Timestamp::now(),
            why: why.into(),
            in_hand: self.in_hand(actor),
            events: self.stats(actor).events(|nanos| self.moment(nanos)),
        }
    }

    /// Those black boxes that were kept since the last call because a message had panicked.
    pub(crate) fn take_kept(&self) -> Vec<BlackBoxDump> {
        std::mem::take(&mut *lock(&self.inner.kept)).into_values().collect()
    }

    /// Keeps a black box as it is now, unless one of this actor is kept.
    pub(super) fn keep_black_box(&self, actor: ActorName) {
        let mut kept = lock(&self.inner.kept);
        kept.entry(actor).or_insert_with(|| self.black_box(actor, "panic"));
    }

    /// Nanoseconds since the hub's start as a moment.
    fn moment(&self, nanos: u64) -> Timestamp {
        let at = self.inner.started + std::time::Duration::from_nanos(nanos);
        Timestamp::try_from(at).unwrap_or_default()
    }

    pub(super) fn stats(&self, name: ActorName) -> &ActorStats {
        &self.inner.actors[name.index()]
    }

    pub(super) fn all_stats(&self) -> &[ActorStats] {
        &self.inner.actors
    }

    /// Nanoseconds since the hub's start; always 0 where nothing is counted.
    pub(super) fn now(&self) -> u64 {
        if !self.inner.counts {
            return 0;
        }
        u64::try_from(self.inner.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    pub(super) fn next_number(&self) -> u32 {
        self.inner.numbers.fetch_add(1, Relaxed) + 1
    }

    pub(super) fn enlist(&self, instance: &Arc<ActorInstance>) {
        let mut instances = lock(&self.inner.instances);
        instances.retain(|instance| instance.strong_count() > 0);
        instances.push(Arc::downgrade(instance));
    }

    pub(super) fn instances(&self) -> Vec<Arc<ActorInstance>> {
        lock(&self.inner.instances).iter().filter_map(Weak::upgrade).collect()
    }

    /// Notes an exit; a faulty one lets [`ActorRegistry::gave_up`] fire.
    pub(super) fn note_exit(&self, entry: LedgerEntry) {
        self.stats(entry.actor).exits[entry.reason as usize].fetch_add(1, Relaxed);
        if entry.reason.is_fault() {
            let gave_up = GaveUp {
                actor: entry.actor,
                reason: entry.reason,
                fault: entry.first_fault.clone(),
            };
            self.inner.gave_up.send_if_modified(|first| {
                let is_first = first.is_none();
                first.get_or_insert(gave_up);
                is_first
            });
        }
        let mut ledger = lock(&self.inner.ledger);
        if ledger.len() == LEDGER {
            ledger.pop_front();
        }
        ledger.push_back(entry);
    }
}
