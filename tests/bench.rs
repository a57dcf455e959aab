//! `grind bench` from the command line to the files it writes, with measurements far too short for figures.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn bench(arguments: &[&str], report: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_grind"))
        .arg("bench")
        .args(arguments)
        .arg("--report")
        .arg(report)
        .current_dir(report)
        .output()
        .expect("the program runs")
}

fn told(output: &Output) -> String {
    format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn json(report: &Path) -> Value {
    serde_json::from_slice(&fs::read(report.join("report.json")).expect("a report")).expect("JSON")
}

/// The rounds of one figure.
fn rounds(report: &Value, mode: &str, what: &str) -> Vec<f64> {
    let figures = report["figures"].as_array().expect("figures");
    figures
        .iter()
        .filter(|figure| figure["mode"] == mode && figure["what"] == what)
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
    }
    let page = fs::read_to_string(folder.path().join("report.html")).expect("a page");
    assert!(page.contains("<svg") && page.contains("The plan's table") || page.contains("The plan&#x27;s table"));
    assert!(folder.path().join("plain-0ms-books.svg").is_file());
    assert!(told(&output).contains("| claim"));
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
    assert_eq!(rounds(&report, "session owner", "errors"), [0.0; 2]);
    assert_eq!(rounds(&report, "new session each", "errors"), [0.0; 2]);
    assert_eq!(rounds(&report, "session owner", "sessions"), [1.0; 2]);
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
    assert!(rounds(&report, "claim, GET (404), settle", "books/s")[0] > 0.0);
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

#[test]
fn an_interrupted_run_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = "bench pipeline --rounds 100 --books 2 --book-bytes 90000 --s2k-count 65536 --dir .";
    let mut child = Command::new(env!("CARGO_BIN_EXE_grind"))
        .args(arguments.split(' '))
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let said = BufReader::new(child.stderr.take().expect("its errors"));
    // The first round is done: a library is served and a store is filled.
    let mut lines = said.lines();
    let first = lines.find(|line| line.as_ref().is_ok_and(|line| line.starts_with("[1/")));
    assert!(first.is_some(), "a round is done");
    let pid = rustix::process::Pid::from_child(&child);
    let helpers = children_of(child.id());
    assert!(!helpers.is_empty());
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it can be interrupted");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0);
    // What was killed is gone, or waits for whoever inherited it to collect it.
    for helper in helpers {
        let state = fs::read_to_string(format!("/proc/{helper}/stat")).unwrap_or_default();
        assert!(
            state.is_empty() || state.contains(") Z ") || state.contains(") X "),
            "{state}"
        );
    }
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
