//! Tests on a full snapshot, and over real sockets.

mod fixture;
mod http;
mod metrics;
mod prometheus;
