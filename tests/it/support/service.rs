//! A daemon under test, told a notify socket as systemd does.

use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use grind::lab::simulator::SimulatorConfig;
use rustix::process::{Pid, Signal, kill_process};

use super::{Finished, Home, finish};

const PATIENCE: Duration = Duration::from_secs(30);

fn begin(home: &Home, prepare: impl FnOnce(&mut Command)) -> Child {
    let mut command = home.command(&["run"]);
    command.env("NOTIFY_SOCKET", home.folder.path().join("notify.sock"));
    prepare(&mut command);
    command.spawn().expect("a daemon that can be spoken with")
}

/// A daemon that is told a notify socket, as systemd does.
pub struct Service {
    pub home: Home,
    /// Taken when its end is waited for.
    child: Option<Child>,
    process: Pid,
    notify: UnixDatagram,
}

impl Service {
    pub fn start(simulator: SimulatorConfig, extra: &str) -> Self {
        Self::of(Home::new(simulator, extra))
    }

    pub fn of(home: Home) -> Self {
        Self::with(home, &[])
    }

    /// With more variables of the environment.
    pub fn with(home: Home, environment: &[(&str, &str)]) -> Self {
        Self::begun(home, |command| {
            command.envs(environment.iter().copied());
        })
    }

    /// What it logs goes there.
    pub fn logging_to(home: Home, log: Stdio) -> Self {
        Self::begun(home, |command| {
            command.stderr(log);
        })
    }

    fn begun(home: Home, prepare: impl FnOnce(&mut Command)) -> Self {
        let path = home.folder.path().join("notify.sock");
        let notify = UnixDatagram::bind(&path).expect("a daemon that can be spoken with");
        notify
            .set_read_timeout(Some(PATIENCE))
            .expect("a daemon that can be spoken with");
        let child = begin(&home, prepare);
        let process = Pid::from_child(&child);
        Self {
            home,
            child: Some(child),
            process,
            notify,
        }
    }

    /// Starts it again after its end.
    pub fn start_again(&mut self) {
        let child = begin(&self.home, |_| {});
        (self.process, self.child) = (Pid::from_child(&child), Some(child));
    }

    /// Waits for a message with this in it; messages before it are passed over.
    pub fn told(&self, what: &str) -> String {
        let mut buffer = [0; 4096];
        let end = Instant::now() + 2 * PATIENCE;
        while Instant::now() < end {
            let length = self
                .notify
                .recv(&mut buffer)
                .unwrap_or_else(|error| panic!("never told {what}: {error}"));
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.contains(what) {
                return text;
            }
        }
        panic!("never told {what}");
    }

    /// Takes all that it has told so far: it waits as long as some messages are not read, which systemd always does.
    pub fn take_messages(&self) {
        self.notify.set_nonblocking(true).expect("a socket");
        while self.notify.recv(&mut [0; 4096]).is_ok() {}
        self.notify.set_nonblocking(false).expect("a socket");
    }

    /// Whether it has ended by now.
    pub fn has_ended(&mut self) -> bool {
        let child = self.child.as_mut().expect("it is waited for once");
        child.try_wait().expect("a child of this process").is_some()
    }

    /// Waits for its end.
    pub fn finish(&mut self) -> Finished {
        finish(self.child.take().expect("it has not ended yet"))
    }

    /// Waits until this holds, looked at with each message and often between: the status comes when it changes.
    pub fn told_when(&self, holds: impl Fn(&Self) -> bool) {
        let end = Instant::now() + 2 * PATIENCE;
        while !holds(self) {
            assert!(Instant::now() < end, "it never came to hold");
            let often = Duration::from_millis(200);
            self.notify.set_read_timeout(Some(often)).expect("a socket");
            drop(self.notify.recv(&mut [0; 4096]));
        }
        self.notify.set_read_timeout(Some(PATIENCE)).expect("a socket");
    }

    /// The variables that the running program was begun with, each as `NAME=value`.
    pub fn environment(&self) -> Vec<String> {
        let variables = std::fs::read(format!("/proc/{}/environ", self.process.as_raw_nonzero()));
        let variables = String::from_utf8(variables.expect("a program that runs")).expect("variables that are text");
        variables.split_terminator('\0').map(str::to_owned).collect()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.process, signal).expect("a daemon that can be spoken with");
    }

    /// The next message, if one comes in time.
    pub fn message_within(&self, limit: Duration) -> Option<String> {
        // No time is no limit to a socket.
        let limit = limit.max(Duration::from_millis(1));
        self.notify.set_read_timeout(Some(limit)).expect("a socket");
        let mut buffer = [0; 4096];
        let length = self.notify.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    /// Whether this is answered with another status than 200.
    pub fn is_refused(&self, path: &str) -> bool {
        let endpoint = grind::observe::DaemonEndpoint::Socket(self.home.folder.path().join("grind.sock"));
        grind::observe::client::get(&endpoint, path).is_err()
    }

    /// The words with which this is refused.
    pub fn refusal(&self, path: &str) -> String {
        let endpoint = grind::observe::DaemonEndpoint::Socket(self.home.folder.path().join("grind.sock"));
        let refused = grind::observe::client::get(&endpoint, path).expect_err("a refusal");
        refused.to_string()
    }

    pub fn ask(&self, path: &str) -> String {
        let socket = self.home.folder.path().join("grind.sock");
        let endpoint = grind::observe::DaemonEndpoint::Socket(socket);
        String::from_utf8(grind::observe::client::get(&endpoint, path).expect("a daemon that can be spoken with"))
            .expect("a daemon that can be spoken with")
    }
}

/// A test that fails leaves no daemon behind.
impl Drop for Service {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}
