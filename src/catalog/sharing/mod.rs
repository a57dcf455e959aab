//! What programs agree on that share a catalog: who is a member, who does which task, and how often GRIN may be asked.
//!
//! All of it is judged by the database's clock, as claims are. A member is never removed by itself.

pub(crate) mod library;
pub(crate) mod members;
pub(crate) mod noted;
pub(crate) mod pause;
pub(crate) mod rate;
pub(crate) mod tasks;
