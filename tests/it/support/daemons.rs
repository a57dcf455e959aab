//! Several real daemons on one library: one storage and one catalog, a name for each.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use grind::grin::Barcode;
use grind::lab::simulator::{SimulatorConfig, SimulatorRequest};
use grind::observe::DaemonEndpoint;
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};

use super::{Finished, Home, finish};

/// Longest that anything may take.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// How long a membership lasts here without being renewed.
pub const LEASE: Duration = Duration::from_secs(4);

/// A daemon with a config of its own.
pub struct Daemon {
    child: Option<Child>,
    pub config: PathBuf,
    clock: DaemonClock,
}

/// How many hours a daemon's clock is fast or, below zero, slow. The time that merely passes is right.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct DaemonClock(pub i32);

impl DaemonClock {
    /// Where the library is that makes a clock wrong, if it is there.
    pub fn library() -> Option<OsString> {
        std::env::var_os("GRIND_TEST_FAKETIME")
    }

    fn set(self, command: &mut Command) {
        if self == Self::default() {
            return;
        }
        command.env("LD_PRELOAD", Self::library().expect("it was looked for"));
        command.env("FAKETIME", format!("{:+}h", self.0));
        // Files keep their times, too.
        command.envs([("FAKETIME_DONT_FAKE_MONOTONIC", "1"), ("NO_FAKE_STAT", "1")]);
    }
}

impl Daemon {
    fn start(config: &Path, clock: DaemonClock) -> Self {
        let mut daemon = Self {
            child: None,
            config: config.to_owned(),
            clock,
        };
        daemon.begin();
        daemon
    }

    fn begin(&mut self) {
        let file = OpenOptions::new().create(true).append(true).open(self.log_file());
        let mut command = Command::new(env!("CARGO_BIN_EXE_grind"));
        command.args(["run", "--config"]).arg(&self.config);
        // Into a file: who reads a pipe of a process that is stopped would wait with it.
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file.expect("a log"));
        self.clock.set(&mut command);
        self.child = Some(command.spawn().expect("the program starts"));
    }

    /// Kills it without warning, and begins it anew.
    pub fn restart(&mut self) {
        self.end();
        self.begin();
    }

    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    fn log_file(&self) -> PathBuf {
        self.config.with_file_name("daemon.log")
    }

    fn child(&self) -> &Child {
        self.child.as_ref().expect("it was not stopped yet")
    }

    /// Where it tells its status.
    pub fn endpoint(&self) -> DaemonEndpoint {
        DaemonEndpoint::Socket(self.config.with_file_name("grind.sock"))
    }

    pub fn id(&self) -> u32 {
        self.child().id()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.child()), signal).expect("a process of ours");
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// What its clock shows at the beginning of its log.
    pub fn first_moment(&self) -> Option<Timestamp> {
        self.log().split(' ').next()?.parse().ok()
    }

    /// Whether it runs still.
    pub fn runs(&mut self) -> bool {
        let ended = self.child.as_mut().expect("it was not stopped yet").try_wait();
        ended.expect("a process of ours").is_none()
    }

    pub fn stop(mut self) -> Finished {
        let child = self.child.take().expect("it was not stopped yet");
        kill_process(Pid::from_child(&child), Signal::TERM).expect("a process of ours");
        let ended = finish(child);
        Finished {
            err: self.log(),
            ..ended
        }
    }

    pub fn kill(self) {
        drop(self);
    }
}

/// Killed without warning; also when a test fails, so that no process is left.
impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() && self.child.is_some() {
            let status = grind::observe::client::get(&self.endpoint(), "/api/status").unwrap_or_default();
            drop(std::fs::write(self.config.with_file_name("last_status.json"), status));
        }
        self.end();
    }
}

/// A library and the folders of those that work on it; the first one's config is the home's.
pub struct SharedLibrary {
    pub home: Home,
    folders: Vec<tempfile::TempDir>,
    extra: String,
}

impl SharedLibrary {
    /// With a catalog in a file of the home, or where `catalog` (an address) says.
    pub fn new(library: SimulatorConfig, catalog: Option<&str>, extra: &str) -> Self {
        Self::leasing(LEASE, library, catalog, extra)
    }

    /// The same with another lease.
    pub fn leasing(lease: Duration, library: SimulatorConfig, catalog: Option<&str>, extra: &str) -> Self {
        let extra = format!("[work]\nlease_time = \"{}s\"\n{extra}", lease.as_secs());
        let mut shared = Self {
            home: Home::new(library, ""),
            folders: Vec::new(),
            extra,
        };
        let url = match catalog {
            Some(url) => url.to_owned(),
            None => format!("sqlite://{}", shared.catalog().display()),
        };
        shared.extra = format!("[catalog]\nurl = \"{url}\"\n{}", shared.extra);
        shared.write(shared.home.folder.path(), 0);
        shared
    }

    /// The file of a catalog in a file.
    pub fn catalog(&self) -> PathBuf {
        self.home.folder.path().join("catalog.db")
    }

    fn write(&self, folder: &Path, number: usize) {
        let extra = self
            .extra
            .replacen("[work]\n", &format!("[work]\ninstance = \"daemon-{number}\"\n"), 1);
        let storage = format!(
            "[storage]\nurl = \"file://{}\"\ndisk_reserve = \"0%\"\n",
            self.home.root().display()
        );
        let dropins = folder.join("grind.toml.d");
        std::fs::create_dir_all(&dropins).expect("a folder for drop-ins");
        let quick = "[retry]\nbase = \"20ms\"\ncap = \"500ms\"\nattempts = 10\n";
        for (name, text) in [("10-quick", quick), ("20-shared", &storage), ("30-test", &extra)] {
            std::fs::write(dropins.join(format!("{name}.toml")), text).expect("a drop-in");
        }
    }

    /// One more daemon; the first one goes by the home's config.
    pub fn daemon(&mut self) -> Daemon {
        self.daemon_with(DaemonClock::default())
    }

    pub fn daemon_with(&mut self, clock: DaemonClock) -> Daemon {
        let number = self.folders.len();
        let folder = tempfile::tempdir().expect("a folder");
        let (place, config) = match number {
            0 => (self.home.folder.path().to_owned(), self.home.config.clone()),
            _ => {
                let config = self.home.simulator.write_config(folder.path()).expect("a config");
                (folder.path().to_owned(), config)
            }
        };
        self.write(&place, number);
        self.folders.push(folder);
        Daemon::start(&config, clock)
    }

    /// Waits until some books were asked for.
    pub fn under_way(&self, books: u64) {
        let fetched = self.home.simulator.wait_for(SimulatorRequest::Get, books, PATIENCE);
        assert!(fetched, "nobody fetches");
    }

    /// Books that the catalog says are in this state, whichever engine it is on.
    pub fn in_state(&self, state: &str) -> u64 {
        let report = self.home.grind(&["report", "--json"]);
        let report: serde_json::Value = serde_json::from_str(&report.out).unwrap_or_default();
        report["states"]["by_state"][state].as_u64().unwrap_or(0)
    }

    /// Whether a program may write into the catalog, which is in a file.
    pub fn can_be_written(&self) -> bool {
        let catalog = self.home.folder.path().join("catalog.db");
        let catalog = rusqlite::Connection::open(catalog).expect("a catalog");
        catalog.busy_timeout(Duration::from_secs(2)).expect("a time");
        catalog.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok()
    }

    /// Every book is stored once and whole, and nothing else is there.
    pub fn is_complete(&self, books: u32) {
        assert_eq!(self.home.whole_books(), self.home.sound_books());
        let folders = std::fs::read_dir(self.home.root().join("raw")).expect("a library");
        assert_eq!(folders.count(), books as usize);
        assert_eq!(self.in_state("stored"), u64::from(books));
    }
}

/// How a claim of a daemon that died, or lost its membership, ends in a book's history.
const LOST: [&str; 2] = ["lease_expired", "recovered"];

impl SharedLibrary {
    /// An archive is fetched once, and once more for each claim under which nothing could be recorded any more.
    pub fn only_what_was_lost_is_fetched_again(&self) {
        let times = |barcode: &Barcode| self.home.simulator.times_sent(barcode);
        for barcode in self.home.simulator.barcodes().filter(|barcode| times(barcode) != 1) {
            let lost = self.claims_lost(&barcode);
            println!(
                "{barcode} was fetched {} times; claims were lost by {lost:?}",
                times(&barcode)
            );
            assert!((1..=1 + lost.len() as u64).contains(&times(&barcode)), "{barcode}");
        }
    }

    /// Whose claims of a book ended otherwise than by themselves.
    fn claims_lost(&self, barcode: &Barcode) -> Vec<String> {
        let story = self.home.grind(&["explain", barcode.as_str(), "--json"]);
        let story: serde_json::Value = serde_json::from_str(&story.out).expect("a story");
        let events = story["history"]
            .as_array()
            .expect("a history")
            .iter()
            .map(|event| &event["metadata"]);
        let lost = events.filter(|event| LOST.iter().any(|cause| event["cause"] == *cause));
        lost.map(|event| event["by"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

/// What a failed test leaves is kept, for people to read.
impl Drop for SharedLibrary {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        println!("{}", self.home.grind(&["report"]).out);
        for folder in self.folders.iter_mut().chain([&mut self.home.folder]) {
            folder.disable_cleanup(true);
            println!("kept: {}", folder.path().display());
        }
    }
}

/// For what other processes have in their files and answers, which tell nobody when they change.
pub fn until(what: &str, good: impl FnMut() -> bool) {
    until_within(PATIENCE, what, good);
}

pub fn until_within(patience: Duration, what: &str, mut good: impl FnMut() -> bool) {
    let began = Instant::now();
    while !good() {
        assert!(began.elapsed() < patience, "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
