//! `grind bench` from the command line to the files it writes, with measurements far too short for figures.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{Finished, finish};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde_json::Value;
use tokio::io::unix::AsyncFd;

/// Longest that a killed process may take to be gone.
const DYING: Duration = Duration::from_secs(30);

fn grind(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grind"));
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a bench to its end; a hang is a failure.
fn bench(arguments: &[&str], report: &Path) -> Finished {
    let mut command = grind(&["bench"], report);
    command.args(arguments).arg("--report").arg(report);
    finish(command.spawn().expect("the program starts"))
}

fn told(output: &Finished) -> String {
    format!("{}\n{}", output.out, output.err)
}

fn json(report: &Path) -> Value {
    serde_json::from_slice(&fs::read(report.join("report.json")).expect("a report")).expect("JSON")
}

/// The rounds of one figure in all cells.
fn rounds(report: &Value, mode: &str, what: &str) -> Vec<f64> {
    rounds_of(report, "", mode, what)
}

/// The rounds of one figure in all cells that are named like this.
fn rounds_of(report: &Value, cell: &str, mode: &str, what: &str) -> Vec<f64> {
    let named = |figure: &Value| figure["cell"].as_str().expect("a name").contains(cell);
    let figures = report["figures"].as_array().expect("figures");
    figures
        .iter()
        .filter(|figure| figure["mode"] == mode && figure["what"] == what && named(figure))
        .flat_map(|figure| figure["rounds"].as_array().expect("rounds"))
        .map(|value| value.as_f64().expect("a number"))
        .collect()
}

#[test]
fn sessions_are_measured_and_the_owner_makes_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = "sessions --quick --rounds 2 --seconds 0.1 --only 10";
    let output = bench(&arguments.split(' ').collect::<Vec<_>>(), folder.path());
    assert!(output.status.success(), "{}", told(&output));
    let report = json(folder.path());
    assert_eq!(report["bench"], "sessions");
    // Four ways in the closed loop, two of them in the open one too; two rounds each.
    assert_eq!(rounds(&report, "session owner", "sessions"), [1.0; 12]);
    assert_eq!(rounds(&report, "session owner", "errors"), [0.0; 12]);
    let made = rounds(&report, "new session each", "connections");
    let books = rounds(&report, "new session each", "books");
    assert!(
        made.iter().zip(&books).all(|(made, books)| *made >= 2.0 * books),
        "{made:?} {books:?}"
    );
    // What the client says it opened is what the server saw, in both ways.
    for mode in ["new session each", "session owner"] {
        let seen = rounds(&report, mode, "connections seen by the server");
        assert_eq!(seen, rounds(&report, mode, "connections"), "{mode}");
        // Each connection of TLS takes one handshake, and no other does.
        let shaken = rounds_of(&report, "TLS", mode, "handshakes");
        assert_eq!(shaken, rounds_of(&report, "TLS", mode, "connections"), "{mode}");
        assert!(shaken.len() == 4 && shaken.iter().all(|count| *count > 0.0));
        assert_eq!(rounds_of(&report, "plain", mode, "handshakes"), [0.0; 8]);
    }
    // What is kept is there before the clock runs, and no more than that is made.
    let kept = rounds(&report, "session owner", "connections");
    assert!(kept.iter().all(|count| (1.0..=11.0).contains(count)), "{kept:?}");
    let page = fs::read_to_string(folder.path().join("report.html")).expect("a page");
    assert!(page.contains("<svg"));
    assert!(page.contains("Estimates and measurements"));
    assert!(folder.path().join("plain-0ms-books.svg").is_file());
    assert!(told(&output).contains("| claim"));
    assert!(told(&output).contains("too few books for a p99"));
    assert!(told(&output).contains("netem"));
}

#[test]
fn what_was_not_measured_does_not_pass_the_check() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = "sessions --quick --rounds 1 --seconds 0.05 --check --only HEADs";
    let output = bench(&arguments.split(' ').collect::<Vec<_>>(), folder.path());
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains("was not measured in any cell"));
}

#[test]
fn carts_are_measured_at_one_users_pace() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = "state --quick --rounds 1 --seconds 0.1 --delay-ms 0";
    let output = bench(&arguments.split(' ').collect::<Vec<_>>(), folder.path());
    assert!(output.status.success(), "{}", told(&output));
    let report = json(folder.path());
    let timed = rounds(&report, "session owner", "n, all rounds");
    // One user and ten: two closed loops, and of the open ones those for which this machine is quick enough at the moment.
    assert!(
        (2..=4).contains(&timed.len()) && timed.iter().all(|count| *count >= 42.0),
        "{timed:?}"
    );
    let cells = timed.len();
    assert_eq!(rounds(&report, "session owner", "errors"), vec![0.0; cells]);
    assert_eq!(rounds(&report, "new session each", "errors"), vec![0.0; cells]);
    assert_eq!(rounds(&report, "session owner", "sessions"), vec![1.0; cells]);
    assert!(told(&output).contains("Open loop"), "{}", told(&output));
}

#[test]
fn the_whole_job_is_measured_beside_the_shells() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = "pipeline --rounds 1 --books 3 --book-bytes 90000 --s2k-count 65536 --scaling 40";
    let arguments: Vec<&str> = arguments.split(' ').chain(["--dir", "."]).collect();
    let output = bench(&arguments, folder.path());
    assert!(output.status.success(), "{}", told(&output));
    let report = json(folder.path());
    assert!(rounds(&report, "grind, 8 downloads", "MB/s")[0] > 0.0);
    assert!(rounds(&report, "key derivation", "CPU ms/book")[0] >= 0.0);
    // One round says nothing about a target.
    assert!(told(&output).contains("not shown"), "{}", told(&output));
    for step in ["collect", "enrich"] {
        assert!(rounds(&report, step, "books/s")[0] > 0.0, "{step}");
    }
    let shell = rounds(&report, "shell, 4 at once", "books/s");
    if shell.is_empty() {
        println!("skipped: a program of the shell's way is missing");
        assert!(told(&output).contains("was not measured: `"));
    }
    // Libraries and stores are gone, the report is there.
    let left: Vec<_> = fs::read_dir(folder.path())
        .expect("the folder")
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A run that is going on; one that a failed test leaves behind is ended.
struct Going(Child);

impl Going {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("it can be interrupted");
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        // Its number is its own until it was waited for.
        if matches!(self.0.try_wait(), Ok(None)) {
            self.signal(Signal::TERM);
            drop(self.0.wait());
        }
    }
}

/// A run of far too many rounds whose first is done: a library is served and a store is filled.
fn long_run(folder: &Path) -> Going {
    let arguments = "bench pipeline --rounds 100 --books 2 --book-bytes 90000 --s2k-count 65536 --dir .";
    let mut command = grind(&arguments.split(' ').collect::<Vec<_>>(), folder);
    let mut going = Going(command.stdout(Stdio::null()).spawn().expect("the program starts"));
    let said = BufReader::new(going.0.stderr.take().expect("its errors"));
    let (send, said_first) = std::sync::mpsc::channel();
    // Reads to the end, so that the run never waits for a reader.
    std::thread::spawn(move || {
        let lines = said.lines().map_while(Result::ok);
        lines
            .filter(|line| line.starts_with("[1/"))
            .for_each(|line| drop(send.send(line)));
    });
    said_first
        .recv_timeout(Duration::from_mins(2))
        .expect("a round is done");
    going
}

/// Handles on the helpers of a run: what starts later under the same number is not meant.
fn helpers_of(run: &Going) -> Vec<OwnedFd> {
    let helpers: Vec<_> = children_of(run.0.id())
        .into_iter()
        .filter_map(|pid| pidfd_open(Pid::from_raw(pid.cast_signed())?, PidfdFlags::empty()).ok())
        .collect();
    assert!(!helpers.is_empty());
    helpers
}

#[expect(
    deprecated,
    reason = "unsound only for types whose descriptor changes, which this one's does not; its successor is unsafe"
)]
fn watched(helper: OwnedFd) -> AsyncFd<OwnedFd> {
    AsyncFd::new(helper).expect("a handle")
}

/// Waits for each to end.
fn all_end(helpers: Vec<OwnedFd>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        for helper in helpers {
            let helper = watched(helper);
            let ended = tokio::time::timeout(DYING, helper.readable()).await;
            drop(ended.expect("a helper ends").expect("its handle tells"));
        }
    });
}

#[test]
fn an_interrupted_run_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut run = long_run(folder.path());
    let helpers = helpers_of(&run);
    run.signal(Signal::TERM);
    assert_eq!(run.0.wait().expect("it ends").code(), Some(130));
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0);
    all_end(helpers);
}

#[test]
fn helpers_end_with_a_run_that_was_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut run = long_run(folder.path());
    let helpers = helpers_of(&run);
    run.signal(Signal::KILL);
    run.0.wait().expect("it ends");
    all_end(helpers);
}

#[test]
fn a_simulator_ends_with_its_input_only_when_told_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = "-q simulate --books 1 --listen 127.0.0.1:0 --until-input-ends";
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let output = finish(grind(&arguments, folder.path()).spawn().expect("the program starts"));
    assert!(output.status.success(), "{}", told(&output));
    // Without the word it serves on: its address comes although there is no input, and then it waits for a signal.
    let mut command = grind(&arguments[..arguments.len() - 1], folder.path());
    let mut serving = Going(command.spawn().expect("the program starts"));
    let mut address = String::new();
    let mut said = BufReader::new(serving.0.stdout.take().expect("its output"));
    said.read_line(&mut address).expect("an address");
    let answer = std::net::TcpStream::connect(
        address
            .trim()
            .trim_start_matches("http://")
            .split('/')
            .next()
            .expect("a host"),
    );
    assert!(answer.is_ok(), "{address}");
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_anything_is_measured() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "no folder").expect("a file");
    let arguments = ["bench", "state", "--report", "file"];
    let output = finish(grind(&arguments, folder.path()).spawn().expect("the program starts"));
    assert!(!output.status.success());
    assert!(output.err.contains("report cannot be written"), "{}", told(&output));
    assert!(!output.err.contains("rounds of"), "{}", told(&output));
}

/// The processes that `parent` started and that live.
fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("processes").flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_child = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after_name = stat.rsplit(") ").next().unwrap_or_default().to_owned();
        after_name.split(' ').nth(1) == Some(&parent.to_string())
    };
    numbers.filter(is_child).collect()
}
