//! The measurements behind `grind bench`.
//!
//! Each bench runs its modes in alternating order inside one run, several rounds, and gives a [`BenchReport`]; its check compares
//! ratios with the bounds kept in the repository.

mod error;
mod measure;
pub mod pipeline;
mod progress;
mod report;
pub(crate) mod rig;
pub(crate) mod sessions;
pub(crate) mod state;

pub(crate) use error::BenchError;
pub(crate) use measure::effort::BenchEffort;
pub(crate) use report::{BenchReport, can_be_written};
