//! The operator's hook is told of each stored book, whatever it does, and no book waits for it.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use grind::lab::simulator::SimulatorConfig;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::service::Service;
use crate::support::{Finished, Home};

const BOOKS: u32 = 3;

fn library(books: u32) -> SimulatorConfig {
    SimulatorConfig {
        books,
        pages: 3,
        image_bytes: 2_000,
        ..SimulatorConfig::default()
    }
}

/// A folder with a script for a hook, and what it was told.
struct Script {
    folder: tempfile::TempDir,
}

impl Script {
    fn new(body: &str) -> Self {
        let script = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(script.told()).unwrap();
        script.rewrite(body);
        script
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("hook")
    }

    fn told(&self) -> PathBuf {
        self.folder.path().join("told")
    }

    /// In one step: a file that is open to write cannot be run.
    fn rewrite(&self, body: &str) {
        let new = self.folder.path().join("new");
        let here = self.folder.path().display();
        fs::write(&new, format!("#!/bin/sh\ncd {here} || exit 9\n{body}\n")).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(&new, self.path()).unwrap();
    }

    fn setting(&self, timeout: &str) -> String {
        format!(
            "[hooks]\non_stored = \"{} --from grind\"\ntimeout = \"{timeout}\"\n",
            self.path().display()
        )
    }

    /// Every book was told with its manifest.
    fn was_told_of_all(&self, home: &Home) {
        for barcode in home.simulator.barcodes() {
            let told = fs::read(self.told().join(barcode.as_str())).unwrap();
            let stored = fs::read(home.root().join(format!("meta/{barcode}.json"))).unwrap();
            assert_eq!(String::from_utf8_lossy(&told), String::from_utf8_lossy(&stored));
        }
    }
}

const TAKES: &str =
    "cat >told/.new.$$ && mv told/.new.$$ \"told/$GRIND_BARCODE\" && env >environment && echo \"$@\" >arguments";

fn explained(home: &Home) -> Vec<String> {
    let books = home.simulator.barcodes();
    books
        .map(|barcode| home.grind(&["explain", barcode.as_str()]).out)
        .collect()
}

fn all_are_stored(home: &Home, run: &Finished) {
    assert!(run.status.success(), "{}\n{}", run.out, run.err);
    assert_eq!(home.whole_books().len(), home.simulator.barcodes().count());
}

/// What is to be told later is due now.
fn make_due(home: &Home) {
    let catalog = rusqlite::Connection::open(home.folder.path().join("catalog.db")).unwrap();
    let sql = "UPDATE books SET hook_due_at = '2000-01-01T00:00:00.000Z' WHERE hook_due_at IS NOT NULL";
    catalog.execute(sql, []).unwrap();
}

fn waiting(home: &Home) -> u32 {
    let catalog = rusqlite::Connection::open(home.folder.path().join("catalog.db")).unwrap();
    let sql = "SELECT count(*) FROM books WHERE hook_due_at IS NOT NULL";
    catalog.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_script_gets_each_manifest_once_and_an_environment_of_its_own() {
    let script = Script::new(TAKES);
    let home = Home::new(library(BOOKS), &script.setting("1m"));
    all_are_stored(&home, &home.grind(&["run", "--once"]));
    script.was_told_of_all(&home);
    let arguments = fs::read_to_string(script.folder.path().join("arguments")).unwrap();
    assert_eq!(arguments, "--from grind\n");
    let environment = fs::read_to_string(script.folder.path().join("environment")).unwrap();
    let own = [
        "GRIND_BARCODE",
        "GRIND_EVENT",
        "LANG",
        "PATH",
        "PWD",
        "SHLVL",
        "_",
        "OLDPWD",
    ];
    for line in environment.lines() {
        let name = line.split('=').next().unwrap();
        assert!(own.contains(&name), "{line}");
    }
    for story in explained(&home) {
        assert!(story.contains("The hook was told of it at "), "{story}");
    }
    // Told once, none again.
    fs::remove_dir_all(script.told()).unwrap();
    fs::create_dir(script.told()).unwrap();
    all_are_stored(&home, &home.grind(&["run", "--once"]));
    assert_eq!(fs::read_dir(script.told()).unwrap().count(), 0);
}

#[test]
fn a_hook_that_fails_is_told_again_by_a_later_run_and_the_books_are_stored() {
    let script = Script::new("echo the queue is full >&2; exit 3");
    let home = Home::new(library(BOOKS), &script.setting("1m"));
    let run = home.grind(&["run", "--once"]);
    all_are_stored(&home, &run);
    assert!(
        run.err.contains("the hook was not told of a stored book"),
        "{}",
        run.err
    );
    assert_eq!(waiting(&home), BOOKS);
    let stories = explained(&home).concat();
    assert!(
        stories.contains("The hook was not told of it yet") && stories.contains("the queue is full"),
        "{stories}"
    );
    script.rewrite(TAKES);
    make_due(&home);
    all_are_stored(&home, &home.grind(&["run", "--once"]));
    script.was_told_of_all(&home);
    assert_eq!(waiting(&home), 0);
}

#[test]
fn a_hook_that_hangs_is_killed_with_all_that_it_began() {
    let script = Script::new("sleep 1000 & echo $! >child.new && mv child.new child && wait");
    let home = Home::new(library(1), &script.setting("1s"));
    all_are_stored(&home, &home.grind(&["run", "--once"]));
    let story = explained(&home).concat();
    assert!(story.contains("did not end within 1s, and was killed"), "{story}");
    let child = fs::read_to_string(script.folder.path().join("child")).unwrap();
    // What was killed may wait for its end to be taken note of.
    let state = fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
    assert!(
        state.is_empty() || state.contains(") Z "),
        "what the hook began is ended, too: {state}"
    );
}

#[test]
fn what_a_stopped_daemon_was_telling_is_told_by_the_next() {
    let script = Script::new("touch begun.$GRIND_BARCODE; exec sleep 1000");
    let mut service = Service::of(Home::new(library(BOOKS), &script.setting("10m")));
    let begun = |script: &Script| {
        let there = fs::read_dir(script.folder.path()).unwrap();
        there
            .filter(|entry| {
                entry
                    .as_ref()
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .starts_with("begun.")
            })
            .count()
    };
    service.told_when(|service| service.home.whole_books().len() == BOOKS as usize && begun(&script) == BOOKS as usize);
    service.signal(Signal::TERM);
    let ended = service.finish();
    assert!(ended.status.success(), "{}", ended.err);
    assert_eq!(waiting(&service.home), BOOKS);
    script.rewrite(TAKES);
    service.start_again();
    let lines = [
        format!("grind_hook_calls_total{{outcome=\"told\"}} {BOOKS}"),
        "grind_hook_waiting_books 0".to_owned(),
    ];
    service.told_when(|service| {
        // It answers once it has begun.
        let has_told = waiting(&service.home) == 0;
        has_told && {
            let metrics = service.ask("/metrics");
            lines.iter().all(|line| metrics.contains(line))
        }
    });
    script.was_told_of_all(&service.home);
    assert_eq!(waiting(&service.home), 0);
    service.signal(Signal::TERM);
    assert!(service.finish().status.success());
}

/// A request as the server read it.
struct Posted {
    head: String,
    body: Value,
}

fn read_request(stream: &TcpStream) -> Posted {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length:")
            .map(|n| n.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap()];
    reader.read_exact(&mut body).unwrap();
    let body = serde_json::from_slice(&body).unwrap();
    Posted { head, body }
}

/// Answers each request with the next of these statuses; what it was asked.
fn server(statuses: &'static [u16]) -> (u16, mpsc::Receiver<Posted>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, asked) = mpsc::channel();
    std::thread::spawn(move || {
        for status in statuses {
            let (mut stream, _) = listener.accept().unwrap();
            let posted = read_request(&stream);
            // Whoever takes it may say more than anybody reads.
            let body = if *status < 300 {
                "x".repeat(100_000)
            } else {
                String::new()
            };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} Answer\r\ncontent-length: {length}\r\nconnection: close\r\nlocation: /elsewhere\r\n\r\n{body}"
            );
            drop(stream.write_all(answer.as_bytes()));
            told.send(posted).unwrap();
        }
    });
    (port, asked)
}

#[test]
fn an_address_gets_the_manifest_without_the_token_until_it_takes_it() {
    let (port, asked) = server(&[503, 302, 201]);
    let home = Home::new(
        library(1),
        &format!("[hooks]\non_stored = \"http://127.0.0.1:{port}/stored\"\n"),
    );
    let barcode = home.simulator.barcodes().next().unwrap();
    for error in [Some("the address answered 503"), Some("the address answered 302"), None] {
        all_are_stored(&home, &home.grind(&["run", "--once"]));
        let Posted { head, body } = asked.recv().unwrap();
        assert!(head.starts_with("POST /stored HTTP/1.1"), "{head}");
        let head = head.to_ascii_lowercase();
        assert!(!head.contains("authorization"), "{head}");
        assert!(
            head.contains(&format!("grind-barcode: {}", barcode.as_str().to_ascii_lowercase())),
            "{head}"
        );
        let stored: Value = read_json(&home.root().join(format!("meta/{barcode}.json")));
        assert_eq!(body, stored);
        let story = explained(&home).concat();
        match error {
            Some(error) => assert!(story.contains(error), "{story}"),
            None => assert!(story.contains("The hook was told of it at"), "{story}"),
        }
        make_due(&home);
    }
    assert_eq!(waiting(&home), 0);
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_hook_that_cannot_be_told_is_refused_before_anything_begins() {
    let home = Home::new(library(1), "");
    let plain = home.folder.path().join("plain");
    fs::write(&plain, "").unwrap();
    for (value, word) in [
        ("/nonexistent/hook".to_owned(), "is not there"),
        (plain.display().to_string(), "is not executable"),
        ("hook.sh".to_owned(), "absolute path"),
        ("http://example.org/hook".to_owned(), "https"),
        ("https://user:hush@example.org/hook".to_owned(), "user name or password"),
    ] {
        let dropin = home.folder.path().join("grind.toml.d/30-hook.toml");
        fs::write(dropin, format!("[hooks]\non_stored = \"{value}\"\n")).unwrap();
        let checked = home.grind(&["check-config", "--print"]);
        assert_eq!(checked.status.code(), Some(78), "{value}: {}", checked.out);
        let said = format!("{}{}", checked.out, checked.err);
        assert!(
            said.contains("hooks.on_stored") && said.contains(word),
            "{value}: {said}"
        );
        assert!(!said.contains("hush"), "{said}");
    }
}
