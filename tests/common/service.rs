//! A daemon under test, told a notify socket as systemd does.

use std::os::unix::net::UnixDatagram;
use std::process::Child;
use std::time::Duration;

use grind::simulator::SimulatorConfig;
use rustix::process::{Pid, Signal, kill_process};

use super::Home;

const PATIENCE: Duration = Duration::from_secs(30);

/// A daemon that is told a notify socket, as systemd does.
pub struct Service {
    pub home: Home,
    pub child: Child,
    notify: UnixDatagram,
}

impl Service {
    pub fn start(simulator: SimulatorConfig, extra: &str) -> Self {
        Self::of(Home::new(simulator, extra))
    }

    pub fn of(home: Home) -> Self {
        let path = home.folder.path().join("notify.sock");
        let notify = UnixDatagram::bind(&path).expect("a daemon that can be spoken with");
        notify
            .set_read_timeout(Some(PATIENCE))
            .expect("a daemon that can be spoken with");
        let child = home
            .command(&["run"])
            .env("NOTIFY_SOCKET", &path)
            .spawn()
            .expect("a daemon that can be spoken with");
        Self { home, child, notify }
    }

    /// Waits for a message with this in it; messages before it are passed over.
    pub fn told(&self, what: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let length = self
                .notify
                .recv(&mut buffer)
                .unwrap_or_else(|error| panic!("never told {what}: {error}"));
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.contains(what) {
                return text;
            }
        }
    }

    /// Waits until this holds, looked at with each message (the status comes every second).
    pub fn told_when(&self, holds: impl Fn(&Self) -> bool) {
        while !holds(self) {
            self.told("STATUS=");
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a daemon that can be spoken with");
    }

    pub fn ask(&self, path: &str) -> String {
        let socket = self.home.folder.path().join("grind.sock");
        let endpoint = grind::observe::Endpoint::Socket(socket);
        String::from_utf8(grind::observe::client::get(&endpoint, path).expect("a daemon that can be spoken with"))
            .expect("a daemon that can be spoken with")
    }
}
