//! Tests of the client against the sidecar simulator.

mod limits;
mod plan;
mod repeating;
pub(super) mod support;
mod table;
