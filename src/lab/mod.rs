//! What tests, the demo and measurements need: a GRIN simulator and the benches.

pub mod bench;
pub mod simulator;
