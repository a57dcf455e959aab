//! The measurements behind `grind bench`.
//!
//! Each bench runs its modes in alternating order inside one run, several rounds, and gives a [`BenchReport`]; its check compares
//! ratios with the bounds kept in the repository.

mod error;
mod measure;
pub mod pipeline;
mod progress;
mod report;
pub mod rig;
pub mod sessions;
pub mod state;

pub use error::BenchError;
pub use measure::effort::BenchEffort;
pub use report::{BenchReport, can_be_written};
