//! The whole wiring, signals, systemd, reload, shutdown.

mod control;
mod cooperate;
mod ledger;
mod notify;
mod process_owner;
mod reload;
mod run;
mod signals;
mod view;
mod wiring;

pub(crate) use ledger::ShutdownLedger;
pub(crate) use process_owner::owner;
pub(crate) use run::StartError;
pub use run::{DaemonEnd, RunOptions, run};
pub use view::LiveDaemonView;
pub(crate) use wiring::BuildError;
pub use wiring::Daemon;
