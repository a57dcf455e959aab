//! The network under awc: sockets that are counted and can be closed, names that are remembered, TLS.

mod answer_head;
mod answer_io;
mod client;
mod connector;
mod dial;
mod head_fields;
mod resolver;
mod slot;
mod socket;
mod tls;

pub(super) use crate::session::net::client::{SessionNet, check, classify};
pub(super) use crate::session::net::slot::NetSlot;
