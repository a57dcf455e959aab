//! Room `mailbox`: envelopes, the one ask helper, counters, pools, restarts.
//!
//! A [`Worker`] says what it does with each [`Message`] ([`Handle`]: one at a time; [`Serve`]: many at a time).
//! [`spawn`] puts a shell round it and gives back a [`Mailbox`]; a [`Pool`] is several of them. Every ask carries a
//! [`Cx`], and every handler gets one to ask further down with. The [`Hub`] has all counters.
//!
//! A message's way: the asker takes a place in the bounded room (or waits for it, measured) → the envelope goes into
//! actix's own queue, which is set unlimited → handling begins, the place is free again → the reply goes back. Dropped
//! anywhere on this way, it is counted, and its asker is told. An asker that goes away takes its message along: queued,
//! it is not begun; running, its `Cx` is cancelled.

mod actor;
mod address;
mod board;
mod budget;
mod concurrent;
mod cx;
mod desk;
mod entrance;
mod envelope;
mod error;
mod histogram;
mod hub;
mod name;
mod pool;
mod reading;
mod room;
mod serial;
mod shell;
mod snapshot;
pub mod spawn;
mod state;
mod stats;
pub mod tasks;
mod ticket;

pub use actor::{Handle, Message, Serve, Worker};
pub use address::{Mailbox, Poke, Shell};
pub use budget::RestartBudget;
pub use concurrent::Concurrent;
pub use cx::Cx;
pub use desk::Desk;
pub use envelope::{Call, Envelope};
pub use error::AskError;
pub use histogram::{Histogram, HistogramSnapshot};
pub use hub::{GaveUp, Hub, LedgerEntry};
pub use name::{ActorName, Asker};
pub use pool::Pool;
pub use serial::Serial;
pub use snapshot::{
    ActorSnapshot, EdgeCount, HubSnapshot, InstanceSnapshot, MessageSnapshot, ProtectedWait, TaskSnapshot, WaitEdge,
};
pub use spawn::Spawn;
pub use state::{ActorState, ExitReason, Outcome};

#[cfg(test)]
mod tests;

/// Locks; a poisoned lock is taken all the same, since every critical section of this room leaves its data whole.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
