//! A Dapr state store, asked over the one session.
//!
//! [`StateStore::start`] begins the actor; everything else is asked of it by a message: [`GetState`], [`BulkGet`], [`SaveState`],
//! [`DeleteState`], [`CloseStateStore`]. The protocol and the client's rules are in PROTOCOL.md, sections 1 to 9.

mod actor;
mod answers;
mod breaker;
mod config;
mod counters;
mod error;
mod handle;
mod messages;
mod requests;
mod wire;

#[cfg(test)]
mod tests;

pub(crate) use actor::StateActor;
pub(crate) use breaker::{BreakerConfig, BreakerState};
pub use config::StateStoreConfig;
pub(crate) use counters::{StateCounters, StateSnapshot};
pub use error::StateError;
pub(crate) use error::StateOperation;
pub use handle::StateStore;
pub(crate) use messages::{
    BulkGet, BulkItem, CloseStateStore, ReadConsistency, StateCloseReport, StateMessage, StoredValue, ValueTtl,
};
pub use messages::{DeleteState, GetState, KeyState, SaveState, StateItem};
