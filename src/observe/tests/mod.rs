//! Tests on a full snapshot, and over real sockets.

pub(in crate::observe) mod fixture;
mod http;
mod metrics;
mod prometheus;
mod silent;
