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

pub use ledger::ShutdownLedger;
pub use run::{DaemonEnd, RunOptions, StartError, run};
pub use translate::{decrypted_options, layout, owner, scope_of, session_config, storage_config};
pub use view::LiveDaemonView;
pub use wiring::{BuildError, Daemon};
