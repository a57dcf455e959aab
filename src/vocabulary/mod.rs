//! Types that cross modules, each defined once; metric labels, catalog values, JSON and log words derive from them.

mod book_state;
mod queue;

pub use book_state::{BookState, NoState};
pub use queue::{NoQueue, Queue};
