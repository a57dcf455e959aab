//! The whole wiring, signals, systemd, reload, shutdown.

mod black_box;
mod build_error;
mod control;
mod course;
mod last_look;
mod ledger;
mod leftovers;
mod membership;
mod notify;
mod opening;
mod published_status;
mod reload;
mod run;
mod shared_rate;
mod signals;
mod space_gauge;
mod stalls;
mod story_reader;
mod threads;
mod view;
mod watchdog;
mod wiring;
mod workers;

pub(crate) use build_error::BuildError;
pub(crate) use ledger::ShutdownLedger;
pub(crate) use membership::{as_member, host};
pub use run::{DaemonEnd, RunOptions, run};
pub(crate) use run::{GrinStanding, StartError};
pub(crate) use signals::{DaemonSignals, RunStage};
pub use view::LiveDaemonView;
pub use wiring::Daemon;
