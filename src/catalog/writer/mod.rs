//! The one connection that writes: group commit, migrations, backup, and the actor around it.

pub(crate) mod actor;
pub(crate) mod backup;
pub(crate) mod catalog_watch;
pub(crate) mod connection;
pub(crate) mod counters;
pub(crate) mod file_identity;
pub(crate) mod group;
pub(crate) mod handle;
pub(crate) mod ledger;
mod lock_holder;
pub(crate) mod schema;
