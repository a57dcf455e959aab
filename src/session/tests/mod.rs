//! The session owner against servers that say exactly what a test wants, byte by byte.

mod bandwidth;
mod bodies;
pub(crate) mod canned;
mod grin;
mod lifecycle;
mod limits;
mod odd_heads;
mod pins;
mod refusals;
mod resume;
mod resume_from_zero;
mod resume_pauses;
pub(super) mod support;
mod tls;
