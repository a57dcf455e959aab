//! What tests, the demo and measurements need: a GRIN simulator and the benches.

pub(crate) mod bench;
pub mod simulator;
