//! Room `daemon`: the whole wiring, signals, systemd, reload, shutdown.

mod cooperate;
mod house;
mod ledger;
mod notify;
mod reload;
mod run;
mod signals;
mod translate;
mod view;

pub use house::{BuildError, House};
pub use ledger::Ledger;
pub use run::{Ended, Mission, StartError, run};
pub use translate::{decrypted_options, errand_of, layout, session_config, storage_config};
pub use view::HouseView;
