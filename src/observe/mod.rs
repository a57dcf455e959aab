//! Metrics, HTTP, status.

mod black_box;
mod chain;
pub mod client;
mod control;
mod daemon;
mod daemon_families;
mod facts;
mod family;
mod front_door;
mod headline;
mod health;
mod hub;
mod liveness;
mod names;
mod page;
mod places;
mod process;
mod rates;
mod readiness;
mod routes;
mod sentence;
mod server;
mod session;
mod sharing;
mod silent_clients;
mod socket;
mod starting;
mod status;
mod story;
mod text;
mod view;

#[cfg(test)]
mod tests;

pub(crate) use crate::log::{DisplayCount, DisplayDuration, DisplaySize, DisplaySpeed};
pub(crate) use crate::observe::black_box::BlackBoxText;
pub(crate) use crate::observe::chain::BlockingChain;
#[cfg(test)]
pub(crate) use crate::observe::chain::{BlockingChains, ChainLink, HeldWork};
pub(crate) use crate::observe::client::ClientError;
pub use crate::observe::client::DaemonEndpoint;
pub(crate) use crate::observe::control::{ControlError, ControlReply, ControlRequest, RetryRequest};
pub(crate) use crate::observe::daemon::{
    DaemonSnapshot, DaemonState, DownloadPlaces, PROGRAM_COMMIT, PROGRAM_VERSION, PhaseProgress, ReloadState,
    ShutdownPhase, SignedOut, TransferView, WorkPhase,
};
pub use crate::observe::facts::facts;
pub(crate) use crate::observe::facts::how_it_is;
pub(crate) use crate::observe::front_door::FrontDoor;
pub(crate) use crate::observe::health::ActorHealth;
pub(crate) use crate::observe::liveness::{ActorStall, ThreadSilence};
#[cfg(test)]
pub(crate) use crate::observe::names::MetricName;
pub(crate) use crate::observe::places::PlaceFigures;
#[cfg(any(test, feature = "lab"))]
pub(crate) use crate::observe::process::ProcessFigures;
pub(crate) use crate::observe::process::cpu_seconds;
#[cfg(test)]
pub(crate) use crate::observe::rates::MeasuredRate;
pub(crate) use crate::observe::rates::{MeterTotals, RateMeter, SpeedLimits};
pub(crate) use crate::observe::readiness::DaemonReadiness;
pub(crate) use crate::observe::server::{ObserverError, ObserverServer};
pub(crate) use crate::observe::sharing::{MemberView, SharingView};
pub(crate) use crate::observe::starting::{STARTING, StartingDoor};
pub(crate) use crate::observe::status::DaemonStatus;
pub(crate) use crate::observe::story::StoryError;
#[cfg(test)]
pub(crate) use crate::observe::text::render;
pub use crate::observe::view::DaemonView;
