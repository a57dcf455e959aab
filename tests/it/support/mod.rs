//! Shared by the tests that run the real program against the simulator.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod archives;
pub mod daemons;
pub mod fault_plan;
pub mod recorded;
pub mod service;
pub mod stalls;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use flate2::read::GzDecoder;
use grind::grin::Barcode;
use grind::lab::simulator::{RunningSimulator, SimulatedState, Simulator, SimulatorConfig};
use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest, Sha256};

/// Longest that any run of the program may take here.
const PATIENCE: Duration = Duration::from_mins(4);

/// A simulator, a folder, and a config in it that points from one to the other.
pub struct Home {
    pub simulator: RunningSimulator,
    pub folder: tempfile::TempDir,
    pub config: PathBuf,
}

impl Home {
    pub fn new(config: SimulatorConfig, extra: &str) -> Self {
        let simulator = Simulator::start(config).expect("the simulator starts");
        let folder = tempfile::tempdir().expect("a folder");
        let config = simulator.write_config(folder.path()).expect("a config");
        let dropins = folder.path().join("grind.toml.d");
        fs::create_dir_all(&dropins).expect("a folder for drop-ins");
        // After a kill the next start waits for the lease.
        let quick = "[retry]\nbase = \"20ms\"\ncap = \"500ms\"\nattempts = 10\n[storage]\ndisk_reserve = \"0%\"\n\
                     [work]\nlease_time = \"2s\"\n";
        fs::write(dropins.join("10-quick.toml"), quick).expect("a drop-in");
        fs::write(dropins.join("20-test.toml"), extra).expect("a drop-in");
        Self {
            simulator,
            folder,
            config,
        }
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("library")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_grind"));
        command.args(arguments).arg("--config").arg(&self.config);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end; a hang is a failure.
    pub fn grind(&self, arguments: &[&str]) -> Finished {
        finish(self.command(arguments).spawn().expect("the program starts"))
    }

    /// The same, and it must end well.
    #[track_caller]
    pub fn done(&self, arguments: &[&str]) -> Finished {
        self.grind(arguments).succeeded()
    }

    /// GRIN has converted the book anew: another date, another tag, other bytes.
    pub fn convert_anew(&self, barcode: &Barcode) {
        self.simulator.pass_minutes(60);
        self.simulator.remake(barcode);
        self.simulator.set_state(barcode, SimulatedState::Converted);
    }

    pub fn raw(&self, barcode: &Barcode) -> PathBuf {
        self.root()
            .join("raw")
            .join(barcode.for_key().as_ref())
            .join(format!("{}.tar.gz", barcode.for_key()))
    }

    /// What is under `raw/` is whole, and is what the simulator holds. Comes back with the barcodes at home.
    pub fn whole_books(&self) -> BTreeSet<Barcode> {
        let at_home: BTreeSet<_> = self
            .simulator
            .barcodes()
            .filter(|barcode| self.raw(barcode).is_file())
            .collect();
        for barcode in &at_home {
            let truth = self.simulator.truth(barcode).expect("the simulator knows its books");
            assert_eq!(
                sha256(&self.raw(barcode)),
                truth.sha256,
                "{barcode} differs from what GRIN holds"
            );
        }
        at_home
    }

    /// The pages' text is what the simulator wrote, one line a page.
    pub fn text_is_right(&self, barcode: &Barcode) {
        let path = self.root().join("full").join(format!("{barcode}_ocr.jsonl.gz"));
        let mut text = String::new();
        GzDecoder::new(fs::File::open(&path).expect("the text is there"))
            .read_to_string(&mut text)
            .expect("gzip");
        let lines: Vec<String> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("a JSON string"))
            .collect();
        let pages = self.simulator.texts(barcode).expect("the simulator knows its books");
        assert_eq!(
            lines.len(),
            self.simulator.truth(barcode).expect("a book").pages as usize,
            "{barcode}"
        );
        for (number, line) in (1_u32..).zip(&lines) {
            let expected = pages
                .get(&number)
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
                .unwrap_or_default();
            assert_eq!(*line, expected, "{barcode}, page {number}");
        }
    }

    /// Books whose archive GRIN can hand out whole.
    pub fn sound_books(&self) -> BTreeSet<Barcode> {
        let sound = |barcode: &Barcode| self.simulator.truth(barcode).expect("a book").fate.damage().is_none();
        self.simulator.barcodes().filter(sound).collect()
    }

    /// No temporary file is left anywhere under the library.
    pub fn nothing_is_left_over(&self) {
        let left: Vec<_> = files(&self.root())
            .into_iter()
            .filter(|path| path.to_string_lossy().contains(".grind-tmp"))
            .collect();
        assert!(left.is_empty(), "left over: {left:?}");
    }
}

pub struct Finished {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

impl Finished {
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert!(self.status.success(), "{}\n{}", self.out, self.err);
        self
    }
}

pub fn finish(mut child: Child) -> Finished {
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let read = |pipe: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut pipe) = pipe {
                pipe.read_to_end(&mut bytes).expect("a pipe");
            }
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let out = read(out.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>));
    let err = read(err.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>));
    let process = Pid::from_child(&child);
    let (ended, status) = mpsc::channel();
    let waiter = std::thread::spawn(move || ended.send(child.wait()));
    let status = match status.recv_timeout(PATIENCE) {
        Ok(status) => status.expect("the program can be waited for"),
        Err(_) => {
            kill_process(process, Signal::KILL).expect("the program can be ended");
            panic!("the program hangs; it said: {}", err.join().expect("a reader"));
        }
    };
    drop(waiter.join());
    Finished {
        status,
        out: out.join().expect("a reader"),
        err: err.join().expect("a reader"),
    }
}

pub fn sha256(path: &Path) -> String {
    let mut digest = Sha256::new();
    std::io::copy(&mut fs::File::open(path).expect("a stored file"), &mut digest).expect("a readable file");
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// A column of the catalog by barcode, read with a connection of its own.
pub fn states(home: &Home) -> std::collections::BTreeMap<String, (String, Option<String>)> {
    let catalog = rusqlite::Connection::open(home.folder.path().join("catalog.db")).expect("a catalog");
    let mut select = catalog
        .prepare("SELECT barcode, state, failure_reason FROM books")
        .expect("a statement");
    let rows = select
        .query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))
        .expect("rows");
    rows.map(|row| row.expect("a row")).collect()
}
