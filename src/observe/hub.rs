//! What the mailboxes tell, as metrics.

use std::collections::BTreeMap;

use crate::actor::{
    ABANDONED_WHEN, ActorSnapshot, ActorState, ExitReason, HistogramSnapshot, HubSnapshot, MessageOutcome,
    MessageSnapshot, REJECTION_REASONS, RESTART_REASONS, SnapshotLabel,
};
use crate::observe::family::{HistogramBuckets, MetricFamilies};
use crate::observe::liveness::ActorStall;
use crate::observe::names::MetricName as Metric;

impl MetricFamilies {
    /// Actors, their mailboxes and messages, and the tasks that are no actors.
    pub fn from_hub(hub: &HubSnapshot) -> Self {
        let mut families = Self::new();
        for actor in &hub.actors {
            mailbox(&mut families, actor);
            life(&mut families, actor);
            for message in &actor.messages {
                messages(&mut families, actor.name.as_str(), message);
            }
        }
        for task in &hub.tasks {
            families.count(Metric::Tasks, &[&*task.name], task.running);
            families.count(Metric::TaskPanics, &[&*task.name], task.panicked);
        }
        families
    }

    /// Which of these actors come no step further.
    pub fn from_stalls(hub: &HubSnapshot, stalled: &[ActorStall]) -> Self {
        let mut families = Self::new();
        for actor in &hub.actors {
            let stall = stalled.iter().find(|stall| stall.actor == actor.name);
            let seconds = stall.map_or(0.0, |stall| stall.seconds);
            families.number(Metric::ActorStalled, &[actor.name.as_str()], seconds);
        }
        families
    }
}

impl From<&HistogramSnapshot> for HistogramBuckets {
    fn from(snapshot: &HistogramSnapshot) -> Self {
        let cumulative = snapshot
            .bounds_seconds
            .iter()
            .copied()
            .zip(snapshot.counts.iter().copied());
        Self::thinned(cumulative, snapshot.sum_seconds, snapshot.count)
    }
}

fn mailbox(families: &mut MetricFamilies, actor: &ActorSnapshot) {
    let name = actor.name.as_str();
    families.count(Metric::MailboxMessages, &[name], actor.depth);
    families.count(Metric::MailboxCapacity, &[name], actor.capacity);
    families.count(Metric::MailboxPeak, &[name], actor.peak);
    families.number(Metric::MailboxOldestAge, &[name], actor.oldest_age_seconds);
    families.histogram(Metric::MailboxWait, &[name], (&actor.wait).into());
    for (from, seconds) in &actor.send_blocked_seconds {
        families.number(Metric::SendBlocked, &[&**from, name], *seconds);
    }
}

fn life(families: &mut MetricFamilies, actor: &ActorSnapshot) {
    let name = actor.name.as_str();
    for state in ActorState::ALL {
        let instances = actor.states.get(&state).copied().unwrap_or_default();
        families.count(Metric::Actors, &[name, state.as_str()], u64::from(instances));
    }
    for reason in RESTART_REASONS {
        families.count(Metric::ActorRestarts, &[name, reason], counted(&actor.restarts, reason));
    }
    for reason in ExitReason::ALL.map(ExitReason::as_str) {
        families.count(Metric::ActorExits, &[name, reason], counted(&actor.exits, reason));
    }
    families.number(Metric::ActorRestartBackoff, &[name], actor.restart_backoff_seconds);
    families.number(Metric::ActorBusy, &[name], actor.busy_seconds);
    families.number(
        Metric::ActorLastProgress,
        &[name],
        actor.last_progress_timestamp_seconds.unwrap_or(0.0),
    );
    families.number(
        Metric::ActorProtected,
        &[name],
        actor.protected.as_ref().map_or(0.0, |wait| wait.seconds),
    );
    families.flag(Metric::SupervisorGaveUp, &[name], actor.gave_up);
}

fn messages(families: &mut MetricFamilies, actor: &str, message: &MessageSnapshot) {
    let kind = &*message.kind;
    families.count(Metric::MessagesSent, &[actor, kind], message.sent);
    families.count(Metric::MessagesInFlight, &[actor, kind], message.in_flight);
    families.histogram(Metric::MessageHandle, &[actor, kind], (&message.handle).into());
    for outcome in MessageOutcome::ALL.map(MessageOutcome::as_str) {
        let count = counted(&message.handled, outcome);
        families.count(Metric::MessagesHandled, &[actor, kind, outcome], count);
    }
    for reason in REJECTION_REASONS {
        let count = counted(&message.rejected, reason);
        families.count(Metric::MessagesRejected, &[actor, kind, reason], count);
    }
    for when in ABANDONED_WHEN {
        let count = counted(&message.abandoned, when);
        families.count(Metric::MessagesAbandoned, &[actor, kind, when], count);
    }
    for edge in &message.timeouts {
        families.count(Metric::AskTimeouts, &[&*edge.from, actor, kind], edge.count);
    }
}

/// Snapshots leave out what is 0; here each series is there from the start.
fn counted(counts: &BTreeMap<SnapshotLabel, u64>, label: &str) -> u64 {
    counts.get(label).copied().unwrap_or_default()
}
