//! The simulator as a client sees it over HTTP.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod archives;
mod faults;
mod figures;
mod lists;
mod sign_in;
mod support;
