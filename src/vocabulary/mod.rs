//! Types that cross modules, each defined once; metric labels, catalog values, JSON and log words derive from them.

mod book_state;
mod failure_reason;
mod fixity;
mod marc_fields;
mod moment;
mod outcome;
mod queue;
mod wait_reason;
mod words;

pub use book_state::BookState;
pub use failure_reason::FailureReason;
pub(crate) use fixity::{FixityLevel, FixityOutcome};
pub(crate) use marc_fields::MarcFields;
pub(crate) use moment::in_zone;
pub use outcome::Blame;
pub(crate) use outcome::BookOutcome;
pub use queue::Queue;
pub(crate) use queue::UnrequestedBook;
pub use wait_reason::WaitCause;
pub(crate) use wait_reason::WaitReason;
pub(crate) use words::words;
