//! The commands by which a librarian meets GRIN for the first time, against the simulator.

mod init;
mod preflight;
mod rehearse;
mod support_bundle;

use grind::lab::simulator::{AuthConfig, RunningSimulator, SimulatorConfig, SimulatorRequest};

use crate::support::Home;

fn library(books: u32) -> SimulatorConfig {
    SimulatorConfig {
        books,
        pages: 1,
        image_bytes: 200,
        ..SimulatorConfig::default()
    }
}

/// A home that is signed in to a GRIN which asks for it.
fn signed_in(config: SimulatorConfig) -> Home {
    let auth = Some(AuthConfig::default());
    Home::new(SimulatorConfig { auth, ..config }, "")
}

/// Of a home whose sign-in has ended.
fn end_sign_in(home: &Home) {
    home.simulator.set_refresh_alive(false);
    home.simulator.expire_tokens();
}

/// The config of a GRIN that does not answer.
fn away() -> String {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    format!("[grin]\nbase_url = \"http://{address}/libraries/\"\n")
}

fn requests(simulator: &RunningSimulator) -> u64 {
    let stats = simulator.stats();
    SimulatorRequest::ALL.iter().map(|(op, _)| stats.count(*op)).sum()
}
