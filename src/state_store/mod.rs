//! Room `state_store`: a Dapr state store, asked over the one session; leases between daemons.
//!
//! [`StateStore::start`] begins the actor; everything else is asked of it by a message: [`Get`], [`BulkGet`], [`Save`],
//! [`Delete`], [`Close`]. The protocol and the client's rules are in PROTOCOL.md, sections 1 to 9.

mod actor;
mod breaker;
mod config;
mod cooperation;
mod counters;
mod error;
mod handle;
mod leases;
mod messages;
mod requests;
mod wire;

#[cfg(test)]
mod tests;

pub use actor::StateActor;
pub use breaker::{BreakerConfig, BreakerState};
pub use config::StateStoreConfig;
pub use cooperation::{Cooperation, CooperationConfig, CooperationSnapshot, InHand, Rounds, SEATS, SHARES};
pub use counters::{StateCounters, StateSnapshot};
pub use error::{Doing, StateError};
pub use handle::StateStore;
pub use leases::{
    Acquired, Answers, DaprLeases, Holding, Lease, LeaseError, Leases, ProcessLeases, SqliteLeases, Terms,
};
pub use messages::{
    BulkGet, BulkItem, Close, CloseReport, Concurrency, Consistency, Delete, Found, Get, Item, Save, StateMessage,
    Stored, Ttl,
};
