//! `grind top` in a real pseudo-terminal, looking at a real daemon.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::support::daemons::until;
use crate::support::service::Service;
use grind::lab::simulator::SimulatorConfig;
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

const PATIENCE: Duration = Duration::from_secs(60);

/// The program in a terminal of its own, and what that shows.
struct Terminal {
    child: Child,
    master: File,
    /// Kept open to ask for its modes.
    slave: OwnedFd,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    /// All that was written to it.
    written: Vec<u8>,
}

/// Both ends of a terminal.
struct TerminalPair {
    master: File,
    slave: OwnedFd,
}

impl TerminalPair {
    fn open(columns: u16, lines: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap();
        let slave = rustix::fs::open(path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        tcsetwinsize(&slave, size(columns, lines)).unwrap();
        Self {
            master: File::from(master),
            slave,
        }
    }

    /// Begins the program in it. Needs `setsid` (util-linux): a process gets a terminal only in a session of its own.
    fn begin(&self, service: &Service) -> Child {
        let end = || Stdio::from(self.slave.try_clone().unwrap());
        let mut command = Command::new("setsid");
        command.args(["--ctty", env!("CARGO_BIN_EXE_grind"), "top", "--config"]);
        command
            .arg(&service.home.config)
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR");
        command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap()
    }
}

impl Terminal {
    fn start(service: &Service, columns: u16, lines: u16) -> Self {
        let pair = TerminalPair::open(columns, lines);
        let child = pair.begin(service);
        let TerminalPair { master, slave } = pair;
        let (send, output) = channel();
        let mut reader = master.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                if send.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            master,
            slave,
            output,
            screen: vt100::Parser::new(lines, columns, 0),
            written: Vec::new(),
        }
    }

    fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    fn resize(&mut self, columns: u16, lines: u16) {
        self.screen.screen_mut().set_size(lines, columns);
        // The kernel tells the session of the terminal by SIGWINCH.
        tcsetwinsize(&self.slave, size(columns, lines)).unwrap();
    }

    fn contents(&self) -> String {
        self.screen.screen().contents()
    }

    /// Waits until the screen shows what is looked for.
    fn until(&mut self, what: &str, shows: impl Fn(&str) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !shows(&self.contents()) {
            let left = end.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => {
                    self.screen.process(&bytes);
                    self.written.extend(bytes);
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("never {what}:\n{}", self.contents())
                }
            }
        }
    }

    fn shows(&mut self, part: &str) {
        self.until(part, |screen| screen.contains(part));
    }

    /// Keys come one by one and are not echoed, as a full-screen program wants it.
    fn is_raw(&self) -> bool {
        let modes = tcgetattr(&self.slave).unwrap().local_modes;
        !modes.intersects(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// Whether one of these was written behind the last of the others.
    fn is_last(&self, one: &[u8], other: &[u8]) -> bool {
        let last = |what: &[u8]| self.written.windows(what.len()).rposition(|part| part == what);
        last(one) > last(other)
    }

    /// Waits for its end; the terminal is as it was before.
    fn ended(mut self) -> i32 {
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "it does not end:\n{}", self.contents());
            // What it writes is read, or it would wait for that.
            if let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(50)) {
                self.written.extend(bytes);
            }
        };
        assert!(!self.is_raw(), "the modes of the terminal are put back");
        // The last bytes may still be on their way to this end.
        while !self.is_last(b"\x1b[?1049l", b"\x1b[?1049h") || !self.is_last(b"\x1b[?25h", b"\x1b[?25l") {
            let left = end.saturating_duration_since(Instant::now());
            let bytes = self.output.recv_timeout(left);
            self.written
                .extend(bytes.expect("the first screen and the cursor are shown again"));
        }
        status.code().unwrap_or(-1)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn size(columns: u16, lines: u16) -> Winsize {
    Winsize {
        ws_row: lines,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

fn daemon() -> Service {
    let simulator = SimulatorConfig {
        books: 5,
        pages: 2,
        image_bytes: 500,
        ..SimulatorConfig::default()
    };
    let service = Service::start(simulator, "");
    service.told("5 of 5 books stored");
    service
}

#[test]
fn top_shows_sorts_resizes_pauses_and_survives_the_daemon() {
    let mut service = daemon();
    let mut top = Terminal::start(&service, 80, 24);
    for part in [
        "stored 5",
        "ACTOR▼",
        "session_owner",
        "catalog",
        "Held back by",
        "Pool",
        "Log",
        "q quit",
    ] {
        top.shows(part);
    }
    assert!(top.is_raw());
    assert_eq!(top.contents().lines().count(), 24);

    top.press("s");
    top.shows("MAILBOX▼");
    top.press("r");
    top.shows("MAILBOX▲");

    top.press("j\r");
    top.shows("Esc back");
    top.shows("places taken");
    top.press("\x1b");
    top.shows("Enter actor");

    top.press("p");
    top.shows("Begin no more books");
    top.press("n");
    top.until("without the question", |screen| !screen.contains("Begin no more"));
    top.press("py");
    top.shows("paused since");
    top.press("p");
    top.shows("End the pause");
    top.press("y");
    top.shows("not paused");

    top.resize(160, 50);
    top.until("as wide as it is", |screen| {
        screen.lines().count() == 50 && screen.lines().any(|line| line.chars().count() > 100)
    });
    top.shows("session_owner");

    service.signal(Signal::TERM);
    service.finish();
    top.shows("no answer");
    service.start_again();
    service.told("READY=1");
    top.until("the new daemon", |screen| !screen.contains("no answer"));
    top.press("q");
    assert_eq!(top.ended(), 0);
}

#[test]
fn the_terminal_is_put_back_when_a_signal_ends_it() {
    let service = daemon();
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut top = Terminal::start(&service, 80, 24);
        top.shows("session_owner");
        kill_process(Pid::from_child(&top.child), signal).unwrap();
        assert_eq!(top.ended(), 0, "{signal:?}");
    }
}

#[test]
fn it_ends_with_its_terminal() {
    let service = daemon();
    let mut pair = TerminalPair::open(80, 24);
    let mut child = pair.begin(&service);
    let (mut written, mut buffer) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&written).contains("q quit") {
        let length = pair.master.read(&mut buffer).unwrap();
        written.extend(&buffer[..length]);
    }
    drop(pair);
    until("it ends with its terminal", || child.try_wait().unwrap().is_some());
}

#[test]
fn without_a_terminal_one_plain_frame_is_printed() {
    let service = daemon();
    let told = service.home.grind(&["top"]);
    assert!(told.status.success(), "{}", told.err);
    assert!(
        told.out.contains("session_owner") && !told.out.contains('\x1b'),
        "{}",
        told.out
    );
}
