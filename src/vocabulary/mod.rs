//! Types that cross modules, each defined once; metric labels, catalog values, JSON and log words derive from them.

mod book_state;
mod failure_reason;
mod marc_fields;
mod outcome;
mod queue;
mod wait_reason;
mod words;

pub use book_state::{BookState, NoState};
pub use failure_reason::{FailureReason, NoReason};
pub use marc_fields::MarcFields;
pub use outcome::{Blame, BookOutcome};
pub use queue::{NoQueue, Queue};
pub use wait_reason::{WaitCause, WaitReason};
pub(crate) use words::words;
