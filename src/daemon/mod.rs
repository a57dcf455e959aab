//! The whole wiring, signals, systemd, reload, shutdown.

mod control;
mod cooperate;
mod ledger;
mod notify;
mod reload;
mod run;
mod signals;
mod translate;
mod view;
mod wiring;

pub(crate) use ledger::ShutdownLedger;
pub(crate) use run::StartError;
pub use run::{DaemonEnd, RunOptions, run};
pub(crate) use translate::{decrypted_options, session_config, storage_config};
pub use translate::{layout, owner, scope_of};
pub use view::LiveDaemonView;
pub(crate) use wiring::BuildError;
pub use wiring::Daemon;
