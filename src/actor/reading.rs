//! How the counters are read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::actor::held_messages::MessagePhase;
use crate::actor::instance::{ActorInstance, seconds};
use crate::actor::snapshot::{
    ActorSnapshot, EdgeCount, HubSnapshot, InstanceSnapshot, MessageSnapshot, ProtectedWait, TaskSnapshot, WaitEdge,
};
use crate::actor::stats::{ActorStats, KindStats, MessageRejection, RestartReason};
use crate::actor::{ActorName, ActorRegistry, ActorState, ExitReason, MessageOutcome, MessageSender, lock};

impl ActorRegistry {
    /// Reads all counters.
    pub fn snapshot(&self) -> HubSnapshot {
        let reading = Reading::new(self);
        let actors = self
            .all_stats()
            .iter()
            .filter_map(|stats| reading.actor(stats))
            .collect();
        HubSnapshot {
            uptime_seconds: seconds(reading.now),
            actors,
            waits: reading.waits(),
            tasks: reading.tasks(),
            ledger: self.ledger(),
            gave_up: self.has_given_up(),
        }
    }
}

/// A reading under way.
struct Reading<'a> {
    hub: &'a ActorRegistry,
    now: u64,
    desks: Vec<Arc<ActorInstance>>,
}

impl<'a> Reading<'a> {
    fn new(hub: &'a ActorRegistry) -> Self {
        Self {
            hub,
            now: hub.now(),
            desks: hub.desks(),
        }
    }

    fn age(&self, since: u64) -> f64 {
        seconds(self.now.saturating_sub(since))
    }

    fn actor(&self, stats: &ActorStats) -> Option<ActorSnapshot> {
        let instances: Vec<_> = self
            .desks
            .iter()
            .filter(|desk| desk.name() == stats.name)
            .map(|desk| self.instance(desk))
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
            waiting_for_room: lock(&stats.lobby).iter().count() as u64,
            oldest_age_seconds: instances
                .iter()
                .map(|instance| instance.oldest_age_seconds)
                .fold(0.0, f64::max),
            wait: stats.wait.snapshot(),
            busy_seconds: seconds(stats.busy_nanos.load(Relaxed)),
            restarts: labelled(RestartReason::ALL.map(|(_, label)| label), &stats.restarts),
            restart_backoff_seconds: self.backoff(stats.name),
            last_progress_timestamp_seconds: (progress > 0).then(|| self.unix(progress)),
            protected: longest(instances.iter().filter_map(|instance| instance.protected)),
            send_blocked_seconds: blocked(stats),
            gave_up: ExitReason::ALL
                .into_iter()
                .any(|reason| reason.is_fault() && stats.exits[reason as usize].load(Relaxed) > 0),
            exits,
            messages,
            instances,
        })
    }

    fn instance(&self, desk: &ActorInstance) -> InstanceSnapshot {
        let board = lock(&desk.board);
        let oldest = board
            .lines
            .iter()
            .filter(|line| line.phase == MessagePhase::Queued)
            .map(|line| line.sent)
            .min();
        let waits = board.lines.iter().filter_map(|line| line.waits);
        InstanceSnapshot {
            instance: desk.instance(),
            state: desk.state(),
            state_seconds: self.age(desk.state_since()),
            generation: desk.generation(),
            depth: board.queued as u64,
            capacity: desk.capacity() as u64,
            in_flight: board.running as u64,
            oldest_age_seconds: oldest.map_or(0.0, |sent| self.age(sent)),
            idle_seconds: self.age(desk.progress.load(Relaxed)),
            protected: longest(waits.map(|(what, since)| ProtectedWait {
                what,
                seconds: self.age(since),
            })),
            first_fault: desk.first_fault(),
            exit: desk.exit().map(|entry| entry.reason),
        }
    }

    fn waits(&self) -> Vec<WaitEdge> {
        let mut edges: BTreeMap<(MessageSender, ActorName), WaitEdge> = BTreeMap::new();
        for desk in &self.desks {
            for line in lock(&desk.board).lines.iter().filter(|line| !line.gone) {
                self.add_wait(&mut edges, (line.from, desk.name()), line.sent, false);
            }
        }
        for stats in self.hub.all_stats() {
            for (from, since) in lock(&stats.lobby).iter() {
                self.add_wait(&mut edges, (*from, stats.name), *since, true);
            }
        }
        edges.into_values().collect()
    }

    fn add_wait(
        &self,
        edges: &mut BTreeMap<(MessageSender, ActorName), WaitEdge>,
        (from, to): (MessageSender, ActorName),
        since: u64,
        for_room: bool,
    ) {
        let new = WaitEdge {
            from,
            to,
            waiting: 0,
            for_room: 0,
            longest_seconds: 0.0,
        };
        let edge = edges.entry((from, to)).or_insert(new);
        edge.waiting += 1;
        edge.for_room += u32::from(for_room);
        edge.longest_seconds = edge.longest_seconds.max(self.age(since));
    }

    fn tasks(&self) -> Vec<TaskSnapshot> {
        let tasks = lock(&self.hub.inner.tasks);
        let told = tasks.iter().map(|(name, stats)| TaskSnapshot {
            name,
            started: stats.started.load(Relaxed),
            running: stats.running.load(Relaxed),
            panicked: stats.panicked.load(Relaxed),
        });
        told.collect()
    }

    fn backoff(&self, name: ActorName) -> f64 {
        let waiting = self
            .desks
            .iter()
            .filter(|desk| desk.name() == name && desk.state() == ActorState::Backoff);
        waiting.map(|desk| seconds(desk.backoff_nanos())).fold(0.0, f64::max)
    }

    fn unix(&self, nanos: u64) -> f64 {
        let since_1970 = self.hub.inner.started.duration_since(std::time::UNIX_EPOCH);
        since_1970.map_or(0.0, |start| start.as_secs_f64()) + seconds(nanos)
    }
}

fn message(stats: &KindStats) -> MessageSnapshot {
    let timeouts = stats.timeouts.iter().enumerate().filter_map(|(row, count)| {
        let count = count.load(Relaxed);
        (count > 0).then(|| EdgeCount {
            from: MessageSender::row_label(row),
            count,
        })
    });
    MessageSnapshot {
        kind: stats.kind,
        sent: stats.sent.load(Relaxed),
        handled: labelled(MessageOutcome::ALL.map(MessageOutcome::as_str), &stats.handled),
        rejected: labelled(MessageRejection::ALL.map(|(_, label)| label), &stats.rejected),
        abandoned: labelled(
            ["queued", "running"],
            [&stats.abandoned_queued, &stats.abandoned_running],
        ),
        timeouts: timeouts.collect(),
        in_flight: stats.in_flight.load(Relaxed),
        handle: stats.handle.snapshot(),
    }
}

/// Counters that are not 0, under their labels.
fn labelled<'a>(
    labels: impl IntoIterator<Item = &'static str>,
    counters: impl IntoIterator<Item = &'a AtomicU64>,
) -> BTreeMap<&'static str, u64> {
    let counted = labels
        .into_iter()
        .zip(counters)
        .map(|(label, counter)| (label, counter.load(Relaxed)));
    counted.filter(|(_, count)| *count > 0).collect()
}

fn states(instances: &[InstanceSnapshot]) -> BTreeMap<ActorState, u32> {
    let mut states = BTreeMap::new();
    for instance in instances {
        *states.entry(instance.state).or_default() += 1;
    }
    states
}

fn blocked(stats: &ActorStats) -> BTreeMap<&'static str, f64> {
    let rows = stats
        .blocked
        .iter()
        .enumerate()
        .map(|(row, nanos)| (MessageSender::row_label(row), nanos.load(Relaxed)));
    rows.filter(|(_, nanos)| *nanos > 0)
        .map(|(from, nanos)| (from, seconds(nanos)))
        .collect()
}

fn longest(waits: impl Iterator<Item = ProtectedWait>) -> Option<ProtectedWait> {
    waits.max_by(|one, other| one.seconds.total_cmp(&other.seconds))
}
