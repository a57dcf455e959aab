//! The daemon as systemd and operators meet it: readiness, status, reload all or nothing, draining, the second signal.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::cell::Cell;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::support::service::Service;
use crate::support::{Home, states};
use grind::lab::simulator::{FaultKind, FaultPlan, SimulatorConfig};
use rusqlite::Connection;
use rustix::process::Signal;

pub fn small() -> SimulatorConfig {
    SimulatorConfig {
        books: 5,
        pages: 2,
        image_bytes: 500,
        ..SimulatorConfig::default()
    }
}

#[test]
fn systemd_hears_ready_status_and_stopping_and_the_drain_ends_well() {
    let mut service = Service::start(small(), "");
    service.told("READY=1");
    service.told("5 of 5 books stored");
    let metrics = service.ask("/metrics");
    assert!(metrics.contains("grind_sessions_created_total 1"), "{metrics}");
    assert!(metrics.contains("grind_barcodes{state=\"stored\"} 5"), "{metrics}");
    service.signal(Signal::TERM);
    service.told("STOPPING=1");
    let ended = service.finish();
    assert!(ended.status.success(), "{}", ended.err);
    assert!(ended.err.contains("session_owner_last=true"), "{}", ended.err);
}

#[test]
fn the_allocator_is_set_where_the_environment_says_nothing_about_it() {
    let service = Service::with(Home::new(small(), ""), &[("MALLOC_ARENA_MAX", "3")]);
    service.told("READY=1");
    let mut set = service.environment();
    set.retain(|variable| variable.starts_with("MALLOC_"));
    set.sort();
    assert_eq!(
        set,
        [
            "MALLOC_ARENA_MAX=3",
            "MALLOC_MMAP_THRESHOLD_=1048576",
            "MALLOC_TRIM_THRESHOLD_=1048576"
        ]
    );
}

#[test]
fn a_reload_is_taken_whole_or_refused_whole() {
    let mut service = Service::start(small(), "");
    service.told("READY=1");
    let dropin = service.home.folder.path().join("grind.toml.d/30-reload.toml");
    fs::write(&dropin, "[workers]\ndownload = 7\n[work]\npaused = true\n").unwrap();
    service.signal(Signal::HUP);
    service.told("RELOADING=1");
    service.told("READY=1");
    let metrics = service.ask("/metrics");
    assert!(metrics.contains("grind_config_last_reload_successful 1"), "{metrics}");
    assert!(
        metrics.contains("grind_actors{actor=\"downloader\",state=\"running\"} 7"),
        "{metrics}"
    );

    let reload = |keys: &str| {
        fs::write(&dropin, keys).unwrap();
        service.signal(Signal::HUP);
        service.told("RELOADING=1");
        service.told("READY=1");
        service.ask("/metrics")
    };
    // A key that only a restart brings into force, and its taking back.
    let taken = "[workers]\ndownload = 7\n[work]\npaused = true\n";
    let metrics = reload(&format!("{taken}[session]\nlimit = 9\n"));
    assert!(metrics.contains("grind_config_last_reload_successful 0"), "{metrics}");
    let metrics = reload(taken);
    assert!(metrics.contains("grind_config_last_reload_successful 1"), "{metrics}");

    fs::write(&dropin, "[workers]\ndownload = 3\ndownloads = 9\n").unwrap();
    service.signal(Signal::HUP);
    service.told("RELOADING=1");
    service.told("READY=1");
    let metrics = service.ask("/metrics");
    assert!(metrics.contains("grind_config_last_reload_successful 0"), "{metrics}");
    assert!(
        metrics.contains("grind_actors{actor=\"downloader\",state=\"running\"} 7"),
        "the old ones stay: {metrics}"
    );
    service.signal(Signal::TERM);
    let ended = service.finish();
    assert!(ended.status.success(), "{}", ended.err);
    assert!(
        ended.err.contains("workers.downloads"),
        "the refusal names the key: {}",
        ended.err
    );
}

#[test]
fn a_catalog_that_is_deleted_under_the_daemon_is_named_and_the_end_is_not_clean() {
    let mut service = Service::start(small(), "");
    service.told("5 of 5 books stored");
    fs::remove_file(service.home.folder.path().join("catalog.db")).unwrap();
    service.signal(Signal::TERM);
    let ended = service.finish();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.err);
    assert!(ended.err.contains("was deleted, moved or replaced"), "{}", ended.err);
    assert!(ended.err.contains("clean=false"), "{}", ended.err);
}

#[test]
fn a_second_signal_stops_at_once() {
    let slow = SimulatorConfig {
        delay: Duration::from_secs(20),
        ..small()
    };
    let mut service = Service::start(slow, "[session]\nread_timeout = \"60s\"\ntotal_timeout = \"90s\"\n");
    service.told("READY=1");
    service.signal(Signal::TERM);
    service.told("STOPPING=1");
    service.signal(Signal::TERM);
    let ended = service.finish();
    assert_eq!(ended.status.code(), Some(130), "{}", ended.err);
}

/// The thread that hears signals wrote to the log itself, and stood there.
#[test]
fn signals_are_heard_while_nobody_reads_the_log() {
    let (unread, mut log) = std::io::pipe().unwrap();
    let mut service = Service::logging_to(Home::new(small(), ""), log.try_clone().unwrap().into());
    service.told("READY=1");
    let fill = std::thread::spawn(move || log.write_all(&vec![b'\n'; 1 << 20]));
    let filled = Cell::new(0);
    service.told_when(|_| {
        let before = filled.replace(rustix::io::ioctl_fionread(&unread).unwrap());
        before > 0 && filled.get() == before
    });
    service.signal(Signal::TERM);
    service.told("STOPPING=1");
    service.signal(Signal::TERM);
    assert_eq!(service.finish().status.code(), Some(130));
    drop(unread);
    assert!(fill.join().unwrap().is_err(), "it was never full");
}

/// What an earlier run left there is looked for at the start, which waited for the answer.
#[test]
fn a_storage_that_never_answers_delays_no_start() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = silent.local_addr().unwrap();
    let place =
        format!("[storage]\nurl = \"s3://bucket/x\"\nendpoint = \"http://{endpoint}\"\nregion = \"us-east-1\"\n");
    let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
    let mut service = Service::with(Home::new(small(), &place), &keys);
    service.told("READY=1");
    service.signal(Signal::TERM);
    let ended = service.finish();
    assert!(ended.status.success(), "{}", ended.err);
}

/// Locks the catalog as another program's transaction does, until dropped.
fn lock(home: &Home) -> Connection {
    let other = Connection::open(home.folder.path().join("catalog.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

/// The daemon waits 15 s for the lock, on the thread that heard the signals before.
#[test]
fn a_stop_is_heard_while_the_locked_catalog_is_being_opened() {
    let home = Home::new(small(), "");
    let catalog = Connection::open(home.folder.path().join("catalog.db")).unwrap();
    catalog.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let mut service = Service::of(home);
    service.told("STATUS=starting");
    let began = Instant::now();
    service.signal(Signal::TERM);
    let ended = service.finish();
    assert!(ended.status.success(), "{:?}: {}", ended.status, ended.err);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(ended.err.contains("stopped while starting"), "{}", ended.err);
}

/// A backup, or a reboot while somebody looks into the catalog: ended, it would be started again into the same lock.
#[test]
fn a_start_waits_for_a_locked_catalog_and_goes_on() {
    let home = Home::new(small(), "");
    let catalog = Connection::open(home.folder.path().join("catalog.db")).unwrap();
    catalog.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let mut service = Service::of(home);
    service.told("STATUS=starting: waits for the catalog, which another program holds locked");
    catalog.execute_batch("ROLLBACK").unwrap();
    service.told("READY=1");
    service.signal(Signal::TERM);
    let ended = service.finish();
    assert!(ended.status.success(), "{:?}: {}", ended.status, ended.err);
}

#[test]
fn a_stop_is_heard_while_the_catalog_is_locked_and_a_second_one_ends_the_drain() {
    let slow = SimulatorConfig {
        delay: Duration::from_secs(20),
        ..small()
    };
    let mut service = Service::start(slow, "[session]\nread_timeout = \"60s\"\ntotal_timeout = \"90s\"\n");
    service.told("READY=1");
    let _locked = lock(&service.home);
    let waits = "grind_messages_in_flight{actor=\"catalog\",message=\"pace\"} 1";
    let patience = Instant::now() + Duration::from_secs(30);
    while !service.ask("/metrics").contains(waits) {
        assert!(Instant::now() < patience, "the catalog was never asked");
    }
    let began = Instant::now();
    service.signal(Signal::TERM);
    service.told("STOPPING=1");
    service.signal(Signal::TERM);
    let ended = service.finish();
    assert_eq!(ended.status.code(), Some(130), "{}", ended.err);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[test]
fn a_daemon_that_is_frozen_is_told_from_one_that_is_absent() {
    let mut service = Service::start(small(), "");
    service.told("READY=1");
    let status = |service: &Service| service.home.command(&["status"]).output().unwrap();
    service.signal(Signal::STOP);
    let told = status(&service);
    service.signal(Signal::CONT);
    assert_eq!(told.status.code(), Some(69));
    let told = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(
        told.starts_with("grind: the daemon runs, but does not answer"),
        "{told}"
    );
    service.signal(Signal::TERM);
    assert!(service.finish().status.success());
    let told = status(&service);
    assert!(String::from_utf8_lossy(&told.stderr).contains("no running daemon was found"));
}

#[test]
fn failed_books_are_tried_again_when_an_operator_says_so() {
    let mut faults = FaultPlan::all().with(FaultKind::WrongChecksum, 0.1);
    faults.stall = Duration::from_secs(1);
    let library = SimulatorConfig {
        faults,
        books: 60,
        ..small()
    };
    let mut service = Service::start(library, "");
    let failed = |service: &Service| -> Vec<String> {
        let all = states(&service.home).into_iter();
        let failed =
            all.filter(|(_, (state, reason))| state == "failed" && reason.as_deref() == Some("damaged_at_source"));
        failed.map(|(barcode, _)| barcode).collect()
    };
    service.told("READY=1");
    service.told_when(|service| failed(service).len() > 1);
    let barcode = failed(&service).remove(0);

    let unknown = service.home.grind(&["retry", &barcode, "TL0404NOWHERE"]);
    assert_eq!(unknown.status.code(), Some(1), "{}", unknown.err);
    assert!(
        unknown.err.contains("TL0404NOWHERE is not in the catalog"),
        "{}",
        unknown.err
    );
    let resets = |service: &Service, barcode: &str| -> u32 {
        let catalog = Connection::open(service.home.folder.path().join("catalog.db")).unwrap();
        let sql = "SELECT count(*) FROM book_status_history WHERE barcode = ?1 AND metadata LIKE '%\"reset\"%'";
        catalog.query_row(sql, [barcode], |row| row.get(0)).unwrap()
    };
    assert_eq!(
        resets(&service, &barcode),
        0,
        "a request with an unknown barcode changes nothing"
    );

    let one = service.home.grind(&["retry", &barcode]);
    assert_eq!(one.status.code(), Some(0), "{}", one.err);
    assert_eq!(one.out, "1 book will be tried again\n");
    assert_eq!(resets(&service, &barcode), 1, "the history has it");
    // It is tried again, and ends as before: its bytes are what they are.
    service.told_when(|service| failed(service).contains(&barcode));

    let before = failed(&service).len();
    let all = service
        .home
        .grind(&["retry", "--failed", "--reason", "damaged_at_source"]);
    assert_eq!(all.status.code(), Some(0), "{}", all.err);
    let told: usize = all.out.split(' ').next().unwrap().parse().unwrap();
    assert!(told >= before, "{} of {before}", all.out);
    let other = service.home.grind(&["retry", "--failed", "--reason", "no_such_reason"]);
    assert_eq!(
        (other.status.code(), other.out.as_str()),
        (Some(2), ""),
        "{}",
        other.err
    );
    let none = service.home.grind(&["retry", "--failed", "--reason", "panicked"]);
    assert_eq!(none.out, "0 books will be tried again\n");

    service.signal(Signal::TERM);
    assert!(service.finish().status.success());
    let nobody = service.home.grind(&["retry", "--failed"]);
    assert_eq!(nobody.status.code(), Some(69), "{}", nobody.err);
}

#[test]
fn a_pause_outlives_a_restart_and_ends_by_itself_and_at_a_word() {
    let mut service = Service::start(small(), "[work]\ninstance = \"attic\"\n");
    service.told("5 of 5 books stored");
    let paused = service.home.grind(&["pause"]);
    assert!(paused.status.success(), "{}", paused.err);
    assert!(paused.out.contains("waiting for the operator"), "{}", paused.out);
    service.told("waiting for the operator: paused with `grind pause`");
    service.signal(Signal::TERM);
    assert!(service.finish().status.success());

    let Service { home, .. } = &service;
    let catalog = Connection::open(home.folder.path().join("catalog.db")).unwrap();
    let told = |value: &str| -> u32 {
        let sql = "SELECT count(*) FROM book_status_history WHERE status_type = 'operator' AND status_value = ?1";
        catalog.query_row(sql, [value], |row| row.get(0)).unwrap()
    };
    assert_eq!((told("paused"), told("resumed")), (1, 0));
    service.take_messages();
    service.start_again();
    service.told("READY=1");
    service.told("waiting for the operator: paused with `grind pause`");
    let status = service.home.grind(&["status"]);
    assert!(status.out.contains("paused with `grind pause`"), "{}", status.out);
    let resumed = service.home.grind(&["resume"]);
    assert_eq!(resumed.out, "not paused: books are begun\n", "{}", resumed.err);
    let paused = service.home.grind(&["pause", "--until", "2s"]);
    assert!(paused.out.contains(", until "), "{}", paused.out);
    service.told_when(|service| {
        service
            .ask("/metrics")
            .contains("grind_intake_paused{reason=\"operator\"} 0")
    });
    service.told_when(|_| (told("paused"), told("resumed")) == (2, 2));
    let wrong = service.home.grind(&["pause", "--until", "yesterday"]);
    assert_eq!(wrong.status.code(), Some(2), "{}", wrong.err);
    service.signal(Signal::TERM);
    assert!(service.finish().status.success());
    assert_eq!(service.home.grind(&["resume"]).status.code(), Some(69));
}

#[test]
fn forgotten_books_are_left_out_and_their_files_stay() {
    let mut service = Service::start(small(), "");
    service.told("5 of 5 books stored");
    let barcode = service.home.simulator.barcode(0).unwrap();
    let forgotten = service.home.grind(&["forget", barcode.as_str()]);
    assert!(
        forgotten.out.starts_with("1 book left out from now on"),
        "{}",
        forgotten.err
    );
    assert_eq!(states(&service.home)[barcode.as_str()].0, "forgotten");
    assert!(service.home.raw(&barcode).is_file());
    let unknown = service.home.grind(&["forget", "TL0404NOWHERE"]);
    assert_eq!(unknown.status.code(), Some(1), "{}", unknown.err);
    let retried = service.home.grind(&["retry", barcode.as_str()]);
    assert_eq!(retried.out, "1 book will be tried again\n");
    assert_eq!(states(&service.home)[barcode.as_str()].0, "stored");
    let first = service.home.grind(&["prioritise", barcode.as_str()]);
    assert_eq!(
        first.out,
        format!("0 books before others from now on\n{barcode}: nothing to change, its state is stored\n")
    );
    service.signal(Signal::TERM);
    assert!(service.finish().status.success());
}
