//! A Dapr state store, asked over the one session; leases between daemons.
//!
//! [`StateStore::start`] begins the actor; everything else is asked of it by a message: [`GetState`], [`BulkGet`], [`SaveState`],
//! [`DeleteState`], [`CloseStateStore`]. The protocol and the client's rules are in PROTOCOL.md, sections 1 to 9.

mod actor;
mod answers;
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
pub use cooperation::{CooperationConfig, CooperationSnapshot, InHand, LeaseRounds, SEATS, SHARES, WorkShare};
pub use counters::{StateCounters, StateSnapshot};
pub use error::{StateError, StateOperation};
pub use handle::StateStore;
pub use leases::{
    DaprLeases, GrantedLease, LeaseAnswers, LeaseError, LeaseGrant, LeaseHolder, LeaseKeeper, LeaseTerms,
    ProcessLeases, SqliteLeases,
};
pub use messages::{
    BulkGet, BulkItem, CloseStateStore, DeleteState, GetState, KeyState, ReadConsistency, SaveState, StateCloseReport,
    StateItem, StateMessage, StoredValue, ValueTtl, WriteConcurrency,
};
