//! Tests of the client against the sidecar look-alike.

mod limits;
mod plan;
mod repeating;
pub(super) mod support;
mod table;
