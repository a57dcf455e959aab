//! Figures of a run: samples, spread, paired ratios, bounds.

pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod cpu;
pub(crate) mod effort;
pub(crate) mod figures;
pub(crate) mod latency;
pub(crate) mod machine;
pub(crate) mod percentiles;
pub(crate) mod stats;
pub(crate) mod target;
