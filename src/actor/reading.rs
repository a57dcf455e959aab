//! How the counters are read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::actor::black_box::{MOST_IN_HAND, MessageInHand};
use crate::actor::held_messages::{BoardWait, HeldMessage, MessagePhase};
use crate::actor::instance::{ActorInstance, seconds};
use crate::actor::snapshot::{
    ActorSnapshot, EdgeCount, HandledWait, HubSnapshot, InstanceSnapshot, MessageSnapshot, ProtectedWait,
    SnapshotLabel, TaskSnapshot, WaitEdge,
};
use crate::actor::stats::{ABANDONED_WHEN, ActorStats, KindStats, REJECTION_REASONS, RESTART_REASONS};
use crate::actor::windows::{ActorCounts, MessageCounts};
use crate::actor::{ActorName, ActorRegistry, ActorState, ExitReason, MessageOutcome, MessageSender, lock};

impl ActorRegistry {
    /// Reads all counters.
    pub fn snapshot(&self) -> HubSnapshot {
        let reading = Reading::new(self);
        let mut windows = lock(&self.inner.windows).shown();
        let actors = self.all_stats().iter().filter_map(|stats| {
            let mut actor = reading.actor(stats)?;
            actor.windows = windows.remove(&stats.name).unwrap_or_default();
            Some(actor)
        });
        HubSnapshot {
            uptime_seconds: seconds(reading.now),
            actors: actors.collect(),
            waits: reading.waits(),
            tasks: reading.tasks(),
            ledger: self.ledger(),
            gave_up: self.has_given_up(),
        }
    }
}

impl ActorRegistry {
    /// Reads what the windows of time are made of. An observer does so every few seconds; the actors know nothing of it.
    pub fn note_windows(&self) {
        let reading = Reading::new(self);
        let used = self.all_stats().iter().filter(|stats| stats.kinds().next().is_some());
        let counts = used.map(|stats| (stats.name, reading.counts(stats))).collect();
        lock(&self.inner.windows).note(reading.now, counts);
    }
}

impl ActorRegistry {
    /// The messages that an actor handles, the oldest first.
    pub(super) fn in_hand(&self, name: ActorName) -> Vec<MessageInHand> {
        let (reading, stats) = (Reading::new(self), self.stats(name));
        let mut in_hand = Vec::new();
        for instance in reading.instances.iter().filter(|instance| instance.name() == name) {
            let held = lock(&instance.held);
            let handled = held.lines.iter().filter(|line| line.phase == MessagePhase::Running);
            in_hand.extend(handled.map(|line| reading.in_hand(stats, line)));
        }
        in_hand.sort_by(|one, other| other.handle_seconds.total_cmp(&one.handle_seconds));
        in_hand.truncate(MOST_IN_HAND);
        in_hand
    }
}

/// One ask that waits now.
struct AskWait {
    from: MessageSender,
    to: ActorName,
    /// Nanoseconds since the registry was made.
    since: u64,
    stage: AskStage,
}

/// How far an ask has come that waits.
#[derive(Clone, Copy)]
enum AskStage {
    /// Not in the mailbox yet.
    ForRoom,
    Queued,
    Handled {
        /// What its handler has declared to wait for.
        what: Option<&'static str>,
        /// Since when; where nothing is declared, since it was begun.
        since: u64,
    },
}

impl AskStage {
    fn of(line: &HeldMessage) -> Self {
        match (line.phase, line.waits.innermost()) {
            (MessagePhase::Queued, _) => Self::Queued,
            (MessagePhase::Running, Some((what, since))) => Self::Handled {
                what: Some(what),
                since,
            },
            (MessagePhase::Running, None) => Self::Handled {
                what: None,
                since: line.begun,
            },
        }
    }
}

/// A reading under way.
struct Reading<'a> {
    hub: &'a ActorRegistry,
    now: u64,
    instances: Vec<Arc<ActorInstance>>,
}

impl<'a> Reading<'a> {
    fn new(hub: &'a ActorRegistry) -> Self {
        Self {
            hub,
            now: hub.now(),
            instances: hub.instances(),
        }
    }

    fn counts(&self, stats: &ActorStats) -> ActorCounts {
        let messages = stats.kinds().map(|kind| {
            let all: u64 = kind.handled.iter().map(|count| count.load(Relaxed)).sum();
            let answered = kind.handled[MessageOutcome::Ok as usize].load(Relaxed);
            let message = MessageCounts {
                failed: all.saturating_sub(answered),
                handle: kind.handle.counts(),
            };
            (kind.kind, message)
        });
        let instances = self.instances.iter().filter(|instance| instance.name() == stats.name);
        let in_hand = instances.map(|instance| lock(&instance.held).in_hand_nanos(self.now));
        ActorCounts {
            busy_nanos: stats.busy_nanos.load(Relaxed),
            in_hand_nanos: stats.past_in_hand_nanos.load(Relaxed) + in_hand.sum::<u64>(),
            wait: stats.wait.counts(),
            messages: messages.collect(),
        }
    }

    fn age(&self, since: u64) -> f64 {
        seconds(self.now.saturating_sub(since))
    }

    fn in_hand(&self, stats: &ActorStats, line: &HeldMessage) -> MessageInHand {
        MessageInHand {
            message: stats.kind(line.kind).kind.into(),
            from: MessageSender::row_label(line.from.row()).into(),
            age_seconds: self.age(line.sent),
            handle_seconds: self.age(line.begun),
            waits_for: line.waits.innermost().map(|wait| self.wait(wait)),
        }
    }

    fn wait(&self, (what, since): BoardWait) -> ProtectedWait {
        ProtectedWait {
            what: what.into(),
            seconds: self.age(since),
        }
    }

    fn actor(&self, stats: &ActorStats) -> Option<ActorSnapshot> {
        let instances: Vec<_> = self
            .instances
            .iter()
            .filter(|instance| instance.name() == stats.name)
            .map(|instance| self.instance(instance))
            .collect();
        let messages: Vec<_> = stats.kinds().map(message).collect();
        let exits = labelled(ExitReason::ALL.map(ExitReason::as_str), &stats.exits);
        if instances.is_empty() && messages.is_empty() && exits.is_empty() {
            return None;
        }
        let progress = stats.progress.load(Relaxed);
        Some(ActorSnapshot {
            name: stats.name,
            states: states(&instances),
            depth: stats.depth.load(Relaxed),
            capacity: instances
                .iter()
                .filter(|instance| instance.exit.is_none())
                .map(|instance| instance.capacity)
                .sum(),
            peak: stats.peak.load(Relaxed),
            waiting_for_room: lock(&stats.waiting).iter().count() as u64,
            oldest_age_seconds: instances
                .iter()
                .map(|instance| instance.oldest_age_seconds)
                .fold(0.0, f64::max),
            wait: stats.wait.snapshot(),
            busy_seconds: seconds(stats.busy_nanos.load(Relaxed)),
            restarts: labelled(RESTART_REASONS, &stats.restarts),
            restart_backoff_seconds: self.backoff(stats.name),
            last_progress_timestamp_seconds: (progress > 0).then(|| self.unix(progress)),
            protected: longest(instances.iter().filter_map(|instance| instance.protected.clone())),
            send_blocked_seconds: blocked(stats),
            gave_up: ExitReason::ALL
                .into_iter()
                .any(|reason| reason.is_fault() && stats.exits[reason as usize].load(Relaxed) > 0),
            exits,
            messages,
            windows: BTreeMap::new(),
            instances,
        })
    }

    fn instance(&self, instance: &ActorInstance) -> InstanceSnapshot {
        let held = lock(&instance.held);
        let oldest = held
            .lines
            .iter()
            .filter(|line| line.phase == MessagePhase::Queued)
            .map(|line| line.sent)
            .min();
        let work: Vec<_> = held.lines.iter().filter_map(|line| line.work.clone()).collect();
        let waits = held.lines.iter().filter_map(|line| line.waits.innermost());
        let mut read = InstanceSnapshot {
            instance: instance.number(),
            state: instance.state(),
            state_seconds: self.age(instance.state_since()),
            generation: instance.generation(),
            depth: held.queued as u64,
            capacity: instance.capacity() as u64,
            in_flight: held.running as u64,
            oldest_age_seconds: oldest.map_or(0.0, |sent| self.age(sent)),
            idle_seconds: self.age(instance.progress.load(Relaxed)),
            protected: longest(waits.map(|wait| self.wait(wait))),
            work: Vec::new(),
            first_fault: instance.first_fault(),
            exit: instance.exit().map(|entry| entry.reason),
        };
        // Other code runs now, and no actor is to wait for it.
        drop(held);
        read.work = work.iter().map(|work| (work.0)()).collect();
        read
    }

    fn waits(&self) -> Vec<WaitEdge> {
        let mut edges: BTreeMap<(MessageSender, ActorName), WaitEdge> = BTreeMap::new();
        for instance in &self.instances {
            for line in lock(&instance.held).lines.iter().filter(|line| !line.gone) {
                let wait = AskWait {
                    from: line.from,
                    to: instance.name(),
                    since: line.sent,
                    stage: AskStage::of(line),
                };
                self.add_wait(&mut edges, wait);
            }
        }
        for stats in self.hub.all_stats() {
            for (from, since) in lock(&stats.waiting).iter() {
                let wait = AskWait {
                    from: *from,
                    to: stats.name,
                    since: *since,
                    stage: AskStage::ForRoom,
                };
                self.add_wait(&mut edges, wait);
            }
        }
        edges.into_values().collect()
    }

    fn add_wait(&self, edges: &mut BTreeMap<(MessageSender, ActorName), WaitEdge>, wait: AskWait) {
        let AskWait { from, to, .. } = wait;
        let new = WaitEdge {
            from: from.as_str().into(),
            to,
            waiting: 0,
            for_room: 0,
            queued: 0,
            handled: Vec::new(),
            longest_seconds: 0.0,
        };
        let edge = edges.entry((from, to)).or_insert(new);
        edge.waiting += 1;
        edge.longest_seconds = edge.longest_seconds.max(self.age(wait.since));
        match wait.stage {
            AskStage::ForRoom => edge.for_room += 1,
            AskStage::Queued => edge.queued += 1,
            AskStage::Handled { what, since } => note_handled(&mut edge.handled, what, self.age(since)),
        }
    }

    fn tasks(&self) -> Vec<TaskSnapshot> {
        let tasks = lock(&self.hub.inner.tasks);
        let told = tasks.iter().map(|(name, stats)| TaskSnapshot {
            name: (*name).into(),
            started: stats.started.load(Relaxed),
            running: stats.running.load(Relaxed),
            panicked: stats.panicked.load(Relaxed),
        });
        told.collect()
    }

    fn backoff(&self, name: ActorName) -> f64 {
        let waiting = self
            .instances
            .iter()
            .filter(|instance| instance.name() == name && instance.state() == ActorState::Backoff);
        waiting
            .map(|instance| seconds(instance.backoff_nanos()))
            .fold(0.0, f64::max)
    }

    fn unix(&self, nanos: u64) -> f64 {
        let since_1970 = self.hub.inner.started.duration_since(std::time::UNIX_EPOCH);
        since_1970.map_or(0.0, |start| start.as_secs_f64()) + seconds(nanos)
    }
}

fn note_handled(handled: &mut Vec<HandledWait>, what: Option<&'static str>, seconds: f64) {
    let what = what.map(SnapshotLabel::from);
    let known = handled.iter_mut().find(|wait| wait.what == what);
    if let Some(wait) = known {
        wait.messages += 1;
        wait.longest_seconds = wait.longest_seconds.max(seconds);
    } else {
        handled.push(HandledWait {
            what,
            messages: 1,
            longest_seconds: seconds,
        });
    }
}

fn message(stats: &KindStats) -> MessageSnapshot {
    let timeouts = stats.timeouts.iter().enumerate().filter_map(|(row, count)| {
        let count = count.load(Relaxed);
        (count > 0).then(|| EdgeCount {
            from: MessageSender::row_label(row).into(),
            count,
        })
    });
    MessageSnapshot {
        kind: stats.kind.into(),
        sent: stats.sent.load(Relaxed),
        handled: labelled(MessageOutcome::ALL.map(MessageOutcome::as_str), &stats.handled),
        rejected: labelled(REJECTION_REASONS, &stats.rejected),
        abandoned: labelled(ABANDONED_WHEN, [&stats.abandoned_queued, &stats.abandoned_running]),
        timeouts: timeouts.collect(),
        in_flight: stats.in_flight.load(Relaxed),
        handle: stats.handle.snapshot(),
    }
}

/// Counters that are not 0, under their labels.
fn labelled<'a>(
    labels: impl IntoIterator<Item = &'static str>,
    counters: impl IntoIterator<Item = &'a AtomicU64>,
) -> BTreeMap<SnapshotLabel, u64> {
    let counted = labels
        .into_iter()
        .zip(counters)
        .map(|(label, counter)| (SnapshotLabel::from(label), counter.load(Relaxed)));
    counted.filter(|(_, count)| *count > 0).collect()
}

fn states(instances: &[InstanceSnapshot]) -> BTreeMap<ActorState, u32> {
    let mut states = BTreeMap::new();
    for instance in instances {
        *states.entry(instance.state).or_default() += 1;
    }
    states
}

fn blocked(stats: &ActorStats) -> BTreeMap<SnapshotLabel, f64> {
    let rows = stats
        .blocked
        .iter()
        .enumerate()
        .map(|(row, nanos)| (SnapshotLabel::from(MessageSender::row_label(row)), nanos.load(Relaxed)));
    rows.filter(|(_, nanos)| *nanos > 0)
        .map(|(from, nanos)| (from, seconds(nanos)))
        .collect()
}

fn longest(waits: impl Iterator<Item = ProtectedWait>) -> Option<ProtectedWait> {
    waits.max_by(|one, other| one.seconds.total_cmp(&other.seconds))
}
