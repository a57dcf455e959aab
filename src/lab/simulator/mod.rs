//! A simulated GRIN and a simulated Dapr sidecar, to build, test and measure against.
//!
//! Written from src/grin/PROTOCOL.md alone: it shares only names and small types with `grin`, none of its parsers, and
//! none of `archive`'s readers, so that one misunderstanding cannot hide in two places.

mod archive;
mod config;
mod faults;
mod grin;
mod replay;
mod routes;
mod seed;
mod server;
mod shared;
mod sidecar;
mod stats;
mod thread;
pub(crate) mod tls;

pub use archive::volume::VolumeFate;
pub use config::{
    AfterDownload, AuthConfig, ConsentChoice, ConversionConfig, ListConfig, NextLinkForm, PagingForm, SimulatorConfig,
    TokenRefusal,
};
pub use faults::{FaultKind, FaultPlan};
pub use grin::life::{SimulatedState, StateMix};
pub use grin::pager::PagerForm;
pub use grin::refused::RefusedList;
pub use replay::ReplayedAnswers;
pub(crate) use server::SimulatorError;
pub use server::{RunningSimulator, Simulator};
#[cfg(test)]
pub(crate) use sidecar::SidecarFault;
pub use sidecar::{RunningSidecar, SidecarConfig, SidecarSimulator};
pub use stats::SimulatorRequest;
pub(crate) use stats::SimulatorStats;
