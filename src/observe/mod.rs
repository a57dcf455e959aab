//! Metrics, HTTP, status.

pub mod client;
mod control;
mod daemon;
mod daemon_families;
mod facts;
mod family;
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

pub use crate::log::{DisplayCount, DisplayDuration, DisplaySize, DisplaySpeed};
pub use crate::observe::client::{ClientError, DaemonEndpoint};
pub use crate::observe::control::{ControlError, RetryReply, RetryRequest};
pub use crate::observe::daemon::{
    DaemonSnapshot, DaemonState, PROGRAM_COMMIT, PROGRAM_VERSION, PhaseProgress, ReloadState, ShutdownPhase, SignedOut,
    TransferView, WorkPhase,
};
pub use crate::observe::facts::{PageFact, facts};
pub use crate::observe::family::{HistogramBuckets, MetricFamilies, SeriesValue};
pub use crate::observe::names::{MetricName, MetricType};
pub use crate::observe::process::ProcessFigures;
pub use crate::observe::rates::{MeasuredRate, MeasuredRates, RateMeter};
pub use crate::observe::readiness::DaemonReadiness;
pub use crate::observe::server::{ObserverError, ObserverServer};
pub use crate::observe::sharing::SharingView;
pub use crate::observe::status::DaemonStatus;
pub use crate::observe::text::{CONTENT_TYPE, render};
pub use crate::observe::view::DaemonView;
