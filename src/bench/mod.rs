//! Room `bench`: the measurements behind `grind bench`.
//!
//! Each bench runs its modes in alternating order inside one run, several rounds, and gives a [`Report`]; its check compares
//! ratios with the bounds kept in the repository.

mod answerer;
mod apart;
mod check;
mod compare;
mod cpu;
mod effort;
mod error;
mod figures;
mod fresh;
mod helper;
mod interrupt;
mod latency;
mod load;
mod machine;
mod netem;
mod percentiles;
pub mod pipeline;
mod progress;
mod relay;
mod report;
pub mod serve;
pub mod sessions;
pub mod state;
mod stats;
mod target;

pub use check::Checked;
pub use effort::Effort;
pub use error::BenchError;
pub use figures::{Figure, Figures};
pub use machine::Machine;
pub use report::{Line, Plot, Report, Section, Table, can_be_written};
pub use stats::{Ratio, Spread};
