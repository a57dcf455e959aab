//! Envelopes, the one ask helper, counters, pools, restarts.
//!
//! A [`Worker`] says what it does with each [`Message`] ([`HandleMessage`]: one at a time; [`ServeMessages`]: many at a time).
//! [`spawn`] puts a runner round it and returns a [`Mailbox`]; a [`WorkerPool`] is several of them. Every ask carries a
//! [`AskContext`], and every handler gets one to ask further down with. The [`ActorRegistry`] has all counters.
//!
//! A message's path: the asker takes a place in the bounded mailbox (or waits for it, measured) → the envelope goes into
//! actix's own queue, which is set unlimited → handling begins, the place is free again → the reply goes back. Dropped
//! anywhere on this path, it is counted, and its asker is told. An asker that goes away takes its message along: queued,
//! it is not begun; running, its [`AskContext`] is cancelled.

mod black_box;
mod budget;
mod capacity;
mod concurrent;
mod context;
mod duration_counts;
mod entry;
mod envelope;
mod error;
mod held_messages;
mod histogram;
mod instance;
mod mailbox;
mod name;
mod pool;
mod queued;
mod reading;
mod registry;
mod runner;
mod serial;
mod snapshot;
pub mod spawn;
mod state;
mod stats;
pub(crate) mod tasks;
pub(crate) mod wedge;
mod windows;
mod worker;
mod worker_slot;

pub(crate) use black_box::BlackBoxDump;
#[cfg(test)]
pub(crate) use black_box::MessageEvent;
pub(crate) use black_box::MessageInHand;
pub(crate) use budget::RestartBudget;
pub use concurrent::ConcurrentRunner;
pub use context::AskContext;
pub(crate) use envelope::{MessageEnvelope, ReplyDuty};
pub(crate) use error::AskError;
pub(crate) use histogram::{DurationHistogram, HistogramSnapshot};
#[cfg(test)]
pub(crate) use instance::ActorInstance;
pub use mailbox::Mailbox;
pub use name::ActorName;
pub(crate) use name::MessageSender;
pub(crate) use pool::WorkerPool;
pub use registry::ActorRegistry;
pub(crate) use registry::{GaveUp, LedgerEntry};
pub use serial::SerialRunner;
pub use snapshot::HubSnapshot;
pub(crate) use snapshot::{ActorSnapshot, InstanceSnapshot, MessageSnapshot, SnapshotLabel, WaitEdge};
#[cfg(test)]
pub(crate) use snapshot::{EdgeCount, HandledWait, ProtectedWait, TaskSnapshot};
pub use spawn::SpawnOptions;
pub(crate) use state::{ActorState, ExitReason, MessageOutcome};
pub use stats::KeptTelemetry;
pub(crate) use stats::{ABANDONED_WHEN, REJECTION_REASONS, RESTART_REASONS};
#[cfg(test)]
pub(crate) use windows::MessageWindow;
pub(crate) use windows::{WindowQuantiles, WindowSnapshot};
pub use worker::{HandleMessage, Message, ServeMessages, Worker};

#[cfg(test)]
mod tests;

/// Locks; a poisoned lock is taken all the same, since every critical section of this module leaves its data whole.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
