//! One reading of all counters, as served to metrics, status and tests.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::actor::{ActorName, ActorState, ExitReason, GaveUp, HistogramSnapshot, LedgerEntry, WindowSnapshot};

/// A label in a snapshot: a word of the code where it is taken, a text of its own where it is read from JSON.
pub type SnapshotLabel = Cow<'static, str>;

/// Everything the hub knows at one moment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HubSnapshot {
    /// Since the hub was made.
    pub uptime_seconds: f64,
    /// Each actor that was ever spawned or asked.
    pub actors: Vec<ActorSnapshot>,
    /// Who waits on whom now.
    pub waits: Vec<WaitEdge>,
    /// Tasks by name.
    pub tasks: Vec<TaskSnapshot>,
    /// How instances ended, oldest first.
    pub ledger: Vec<LedgerEntry>,
    /// The first actor that could not be kept alive.
    pub gave_up: Option<GaveUp>,
}

/// One actor name: its counters for ever, its instances now.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ActorSnapshot {
    /// Which actor.
    pub name: ActorName,
    /// Instances by state; the ended ones as long as someone holds a handle.
    pub states: BTreeMap<ActorState, u32>,
    /// Sent and not yet begun.
    pub depth: u64,
    /// Most messages its live instances may queue.
    pub capacity: u64,
    /// Highest depth since the start.
    pub peak: u64,
    /// Askers waiting for a free place now.
    pub waiting_for_room: u64,
    /// Age of the oldest message not yet begun; 0 when there is none.
    pub oldest_age_seconds: f64,
    /// Send to begin.
    pub wait: HistogramSnapshot,
    /// Time inside handlers' polls.
    pub busy_seconds: f64,
    /// Rebuilt workers by reason: `panic`, `build`.
    pub restarts: BTreeMap<SnapshotLabel, u64>,
    /// Longest back-off now going on; 0 when there is none.
    pub restart_backoff_seconds: f64,
    /// Ended instances by reason.
    pub exits: BTreeMap<SnapshotLabel, u64>,
    /// Unix time of the last progress of any instance.
    pub last_progress_timestamp_seconds: Option<f64>,
    /// The longest declared wait now going on.
    pub protected: Option<ProtectedWait>,
    /// Time askers spent waiting for a free place, by asker.
    pub send_blocked_seconds: BTreeMap<SnapshotLabel, f64>,
    /// Did this actor end by a fault?
    pub gave_up: bool,
    /// By message kind.
    pub messages: Vec<MessageSnapshot>,
    /// The last `10s`, `1m` and `15m`; empty where nobody observes.
    #[serde(default)]
    pub windows: BTreeMap<SnapshotLabel, WindowSnapshot>,
    /// Each instance.
    pub instances: Vec<InstanceSnapshot>,
}

/// One message kind at one actor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MessageSnapshot {
    /// The message.
    pub kind: SnapshotLabel,
    /// Taken into the mailbox.
    pub sent: u64,
    /// Ended, by outcome.
    pub handled: BTreeMap<SnapshotLabel, u64>,
    /// Not taken, or dropped unhandled, by reason.
    pub rejected: BTreeMap<SnapshotLabel, u64>,
    /// Given up by their askers: `queued`, `running`.
    pub abandoned: BTreeMap<SnapshotLabel, u64>,
    /// Asks that ran into their deadline, by asker.
    pub timeouts: Vec<EdgeCount>,
    /// Begun and not yet done.
    pub in_flight: u64,
    /// Begin to reply.
    pub handle: HistogramSnapshot,
}

/// A count by asker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeCount {
    /// Who asked; all outside askers share `outside`.
    pub from: SnapshotLabel,
    /// How often.
    pub count: u64,
}

/// A wait that a handler has declared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProtectedWait {
    /// What for.
    pub what: SnapshotLabel,
    /// Since when.
    pub seconds: f64,
}

/// One actor instance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InstanceSnapshot {
    /// Its number, unique in the process.
    pub instance: u32,
    /// Where it stands.
    pub state: ActorState,
    /// How long it has stood there.
    pub state_seconds: f64,
    /// How often its worker was built.
    pub generation: u32,
    /// Sent and not yet begun.
    pub depth: u64,
    /// Its bound.
    pub capacity: u64,
    /// Begun and not yet done.
    pub in_flight: u64,
    /// Age of the oldest message not yet begun; 0 when there is none.
    pub oldest_age_seconds: f64,
    /// How long ago it last came a step further.
    pub idle_seconds: f64,
    /// Its longest declared wait.
    pub protected: Option<ProtectedWait>,
    /// What it does about the messages it handles, as far as their handlers say.
    #[serde(default)]
    pub work: Vec<String>,
    /// Its first fault.
    pub first_fault: Option<String>,
    /// How it ended.
    pub exit: Option<ExitReason>,
}

/// An edge of the wait-for graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WaitEdge {
    /// Who waits.
    pub from: SnapshotLabel,
    /// On whom.
    pub to: ActorName,
    /// How many asks wait, in whatever phase.
    pub waiting: u32,
    /// How many of them still for a free place.
    pub for_room: u32,
    /// How many of them have their place, and are not begun.
    #[serde(default)]
    pub queued: u32,
    /// The others, which are being handled, by what their handlers wait for.
    #[serde(default)]
    pub handled: Vec<HandledWait>,
    /// How long the longest has waited.
    pub longest_seconds: f64,
}

/// Messages of one edge that are being handled, and whose handlers wait for the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HandledWait {
    /// What the handlers have declared to wait for, an actor or something outside; `None`: nothing.
    pub what: Option<SnapshotLabel>,
    /// How many messages.
    pub messages: u32,
    /// Since when the longest waits; where nothing is declared, since it was begun.
    pub longest_seconds: f64,
}

/// Tasks of one name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TaskSnapshot {
    /// Their name.
    pub name: SnapshotLabel,
    /// Ever started.
    pub started: u64,
    /// Running now.
    pub running: u64,
    /// Ended by a panic.
    pub panicked: u64,
}

impl HubSnapshot {
    /// The reading of one actor, if it was ever spawned or asked.
    #[cfg(test)]
    pub fn actor(&self, name: ActorName) -> Option<&ActorSnapshot> {
        self.actors.iter().find(|actor| actor.name == name)
    }
}

impl ActorSnapshot {
    /// Messages begun and not yet done.
    pub fn in_flight(&self) -> u64 {
        self.messages.iter().map(|message| message.in_flight).sum()
    }

    /// Messages that have ended, however they did.
    pub fn handled(&self) -> u64 {
        self.messages.iter().flat_map(|message| message.handled.values()).sum()
    }

    /// The reading of one message kind, if any was ever sent.
    #[cfg(test)]
    pub fn message(&self, kind: &str) -> Option<&MessageSnapshot> {
        self.messages.iter().find(|message| message.kind == kind)
    }
}
