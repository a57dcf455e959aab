//! Room `observe`: metrics, HTTP, status.

pub mod client;
mod daemon;
mod daemon_families;
mod facts;
mod family;
mod figures;
mod hub;
mod names;
mod page;
mod process;
mod rates;
mod readiness;
mod routes;
mod server;
mod session;
mod sharing;
mod socket;
mod status;
mod text;
mod view;

#[cfg(test)]
mod tests;

pub use client::{AskError, Endpoint};
pub use daemon::{
    DaemonSnapshot, DaemonState, Outcome, PauseReason, Phase, Progressed, Reload, ShutdownPhase, SignedOut, Transfer,
    Waiting,
};
pub use facts::{Fact, facts};
pub use family::{Buckets, Families, Value};
pub use figures::{Count, Lasting, Size, Speed};
pub use names::{MetricName, MetricType, docs_table};
pub use process::ProcessFigures;
pub use rates::{Rate, RateMeter, Rates};
pub use readiness::Readiness;
pub use server::{Observer, ObserverError};
pub use sharing::Sharing;
pub use status::Status;
pub use text::{CONTENT_TYPE, render};
pub use view::View;
