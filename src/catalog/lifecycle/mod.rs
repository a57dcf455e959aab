//! A book's states: transitions, claims, settlements and history.

pub(crate) mod claim;
pub(crate) mod counters;
pub(crate) mod decide;
pub(crate) mod due_bound;
pub(crate) mod history;
pub(crate) mod hooks;
pub(crate) mod leases;
pub(crate) mod named;
pub(crate) mod next_state;
pub(crate) mod policy;
pub(crate) mod publication;
pub(crate) mod restore;
pub(crate) mod settle;
mod take_back;
pub(crate) mod wish;
