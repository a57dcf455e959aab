//! Room `simulator`: what we cannot have: a GRIN look-alike, to build, test and measure against.
//!
//! Written from src/grin/PROTOCOL.md alone: it shares only the names of things with `grin`, none of its parsers, and
//! none of `archive`'s readers, so that one misunderstanding cannot hide in two places.

mod archive_http;
mod auth;
mod barcodes;
mod body;
mod cache;
mod catalogue;
mod config;
mod dates;
mod faults;
mod files;
mod gzip;
mod hostile;
mod life;
mod lists;
mod lists_html;
mod lists_text;
mod mets;
mod oauth;
mod openpgp;
mod pages;
mod process;
mod query;
mod record;
mod routes;
mod seed;
mod server;
mod shared;
mod shelf;
mod sidecar;
mod sidecar_answers;
mod sidecar_keys;
mod sidecar_routes;
mod stats;
mod thread;
mod titles;
pub(crate) mod tls;
mod truth;
mod volume;

pub use config::{
    AfterDownload, AuthConfig, Consent, ConversionConfig, DEFAULT_PASSPHRASE, Links, ListConfig, Paging, Refusal,
    SimulatorConfig,
};
pub use faults::{Fault, Faults};
pub use hostile::Hostile;
pub use life::{Mix, State};
pub use openpgp::Form;
pub use record::Record;
pub use server::{Running, Simulator, SimulatorError};
pub use sidecar::{RunningSidecar, Sidecar, SidecarConfig, SidecarFault, SidecarStats};
pub use stats::{Op, Stats};
pub use truth::Truth;
pub use volume::Fate;
