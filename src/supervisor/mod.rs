//! Room `supervisor`: a book's plan, fan-out, failure policy, drain.
//!
//! The supervisor claims books from the catalog, walks each along its plan by asking the workers, and settles it in one
//! transaction. What to do next is decided in [`plan`], a pure function; how long to wait in [`policy`]; who is asked in `pursue`.

mod actor;
mod board;
mod duties;
mod fanout;
pub mod plan;
pub mod policy;
mod pursue;

pub use actor::{Begin, Change, Crew, Drain, Errand, Rounds, RunReport, Supervisor, Terms, compare_after};
pub use board::{Board, BoardSnapshot, Waiting};
