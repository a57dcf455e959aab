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
pub use translate::{decrypted_options, errand_of, layout, owner, session_config, storage_config};
pub use view::HouseView;
pub use wiring::{BuildError, Daemon};
