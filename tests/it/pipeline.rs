//! The whole program against the simulator: what came home is what GRIN holds, whatever happens on the way.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::collections::BTreeSet;
use std::time::Duration;

use crate::support::service::Service;
use crate::support::{Home, finish, states};
use grind::grin::Barcode;
use grind::lab::simulator::{AuthConfig, FaultKind, FaultPlan, SimulatorConfig, SimulatorRequest, VolumeFate};
use rand::{RngExt as _, SeedableRng as _};
use rustix::process::Signal;

pub fn small(books: u32) -> SimulatorConfig {
    SimulatorConfig {
        books,
        pages: 6,
        image_bytes: 8_000,
        auth: Some(AuthConfig::default()),
        ..SimulatorConfig::default()
    }
}

#[test]
fn every_book_comes_home_over_few_connections_and_a_second_run_fetches_nothing() {
    let home = Home::new(small(40), "");
    let run = home.grind(&["run", "--once"]);
    assert!(run.status.success(), "{}\n{}", run.out, run.err);
    assert_eq!(home.whole_books().len(), 40);
    for barcode in home.simulator.barcodes() {
        home.text_is_right(&barcode);
    }
    home.nothing_is_left_over();
    let stats = home.simulator.stats();
    assert!(
        stats.connections_accepted <= 20,
        "{} connections for {} books",
        stats.connections_accepted,
        40
    );
    assert_eq!(stats.count(SimulatorRequest::Get), 40, "each book is fetched once");
    assert_eq!(
        stats.count(SimulatorRequest::Head),
        0,
        "a book that the list names as converted needs no HEAD"
    );

    let again = home.grind(&["run", "--once"]);
    assert!(again.status.success(), "{}", again.err);
    assert_eq!(
        home.simulator.stats().count(SimulatorRequest::Get),
        40,
        "nothing is fetched a second time"
    );
}

#[test]
fn archives_whose_names_only_the_list_of_converted_books_tells_come_home_in_the_first_run() {
    let config = SimulatorConfig {
        prefixed_names: true,
        ..small(300)
    };
    let home = Home::new(config, "");
    let run = home.grind(&["run", "--once"]);
    assert!(run.status.success(), "{}\n{}", run.out, run.err);
    assert_eq!(home.whole_books().len(), 300);
    let asked = home.simulator.stats().count(SimulatorRequest::Process);
    assert_eq!(asked, 0, "no conversion is asked for\n{}", run.err);
    let told = run.out + &run.err;
    assert!(told.contains("300 books stored"), "{told}");
    assert!(!told.contains("waiting for GRIN"), "{told}");
}

#[test]
fn with_every_fault_switched_on_each_book_is_home_or_has_its_reason() {
    let mut faults = FaultPlan::all();
    faults.stall = Duration::from_secs(3);
    let session = "[session]\nread_timeout = \"2s\"\n[work]\nqueues = [\"all\"]\n";
    let home = Home::new(SimulatorConfig { faults, ..small(120) }, session);
    let run = home.grind(&["run", "--once"]);
    let states = states(&home);
    assert_eq!(states.len(), 120, "every book is known\n{}", run.err);
    let at_home = home.whole_books();
    for (barcode, (state, reason)) in &states {
        let barcode = Barcode::parse(barcode).unwrap();
        let fate = home.simulator.truth(&barcode).unwrap().fate;
        match state.as_str() {
            "stored" => assert!(at_home.contains(&barcode), "{barcode} is recorded and not there"),
            "failed" => assert!(reason.is_some() && !at_home.contains(&barcode), "{barcode}: {reason:?}"),
            other => panic!("{barcode} ({fate:?}) ended as {other} ({reason:?})\n{}", run.err),
        }
        if matches!(
            fate,
            VolumeFate::SourceDamaged | VolumeFate::SourceTruncated | VolumeFate::WrongChecksum
        ) {
            assert_eq!(reason.as_deref(), Some("damaged_at_source"), "{barcode} ({fate:?})");
            assert!(
                home.root()
                    .join("quarantine")
                    .join(barcode.as_str())
                    .join("findings.json")
                    .is_file(),
                "{barcode}"
            );
        }
    }
    let lost: BTreeSet<_> = home.sound_books().difference(&at_home).cloned().collect();
    assert!(
        lost.is_empty(),
        "sound books that are not stored: {:?}\n{}",
        lost,
        run.err
    );
    home.nothing_is_left_over();
    let stats = home.simulator.stats();
    assert!(
        stats.faults.len() > 15,
        "the faults really happened: {:?}",
        stats.faults
    );
    assert_eq!(
        (stats.tokens_leaked, stats.foreign_requests),
        (0, 0),
        "the token stays where it belongs"
    );
}

#[test]
fn killed_twenty_times_every_book_is_home_exactly_once() {
    let home = Home::new(
        SimulatorConfig {
            delay: Duration::from_millis(2),
            ..small(200)
        },
        "",
    );
    let mut rng = rand::rngs::StdRng::seed_from_u64(7);
    for number in 0..20 {
        // Under one name each would wait until the one before is known to be dead.
        let mut run = home.command(&["run", "--once"]);
        let mut child = run
            .env("GRIND__WORK__INSTANCE", format!("run-{number}"))
            .spawn()
            .unwrap();
        // The moment of the kill is the test's input, not a wait for something.
        std::thread::sleep(Duration::from_millis(rng.random_range(20..700)));
        child.kill().unwrap();
        child.wait().unwrap();
        home.whole_books();
    }
    let run = home.grind(&["run", "--once"]);
    assert!(run.status.success(), "{}", run.err);
    assert_eq!(home.whole_books().len(), 200);
    assert!(states(&home).values().all(|(state, _)| state == "stored"));
    home.nothing_is_left_over();
    let catalog = rusqlite::Connection::open(home.folder.path().join("catalog.db")).unwrap();
    let twice: u64 = catalog
        .query_row(
            "SELECT count(*) FROM (SELECT barcode FROM book_status_history WHERE status_value = 'stored' GROUP BY barcode HAVING count(*) > 1)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(twice, 0, "no book was recorded as stored twice");
}

#[test]
fn a_stop_signal_drains_and_the_next_run_goes_on() {
    let home = Home::new(
        SimulatorConfig {
            delay: Duration::from_millis(20),
            ..small(60)
        },
        "",
    );
    let child = home.command(&["run", "--once"]).spawn().unwrap();
    let process = rustix::process::Pid::from_child(&child);
    // Of twelve that were begun by four downloads, eight are home.
    assert!(
        home.simulator
            .wait_for(SimulatorRequest::Get, 12, Duration::from_mins(1))
    );
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    let drained = finish(child);
    assert!(drained.status.success(), "{}", drained.err);
    let claimed = states(&home)
        .values()
        .filter(|(state, _)| state == "downloading" || state == "checking")
        .count();
    assert_eq!(claimed, 0, "nothing stays claimed after a drain");
    home.nothing_is_left_over();
    let run = home.grind(&["run", "--once"]);
    assert!(run.status.success(), "{}", run.err);
    assert_eq!(home.whole_books().len(), 60);
    assert_eq!(
        home.simulator.stats().count(SimulatorRequest::Get),
        60,
        "no book under way was cut by the drain"
    );
}

#[test]
fn an_etag_that_changes_is_fetched_again_and_an_equal_one_is_not() {
    let home = Home::new(small(6), "[work]\nqueues = [\"all\"]\n");
    assert!(home.grind(&["run", "--once"]).status.success());
    let changed = home.simulator.barcodes().next().unwrap();
    home.simulator.remake(&changed);
    let named: Vec<String> = home.simulator.barcodes().map(|barcode| barcode.to_string()).collect();
    let before = home.simulator.stats();
    let sync = home.grind(&["sync", "--barcodes", &named.join(",")]);
    assert!(sync.status.success(), "{}", sync.err);
    let after = home.simulator.stats();
    assert!(
        after.count(SimulatorRequest::Get) - before.count(SimulatorRequest::Get) <= 1,
        "only the changed archive is fetched"
    );
    home.whole_books();
}

#[test]
fn a_wrong_passphrase_is_told_apart_and_nothing_is_published() {
    let faults = FaultPlan::default().with(FaultKind::WrongPassphrase, 1.0);
    let home = Home::new(SimulatorConfig { faults, ..small(3) }, "");
    let run = home.grind(&["run", "--once"]);
    assert_eq!(run.status.code(), Some(77), "{}", run.err);
    assert!(run.err.contains("archive.passphrase_file"), "{}", run.err);
    // It opened no archive: that is no book's fault.
    assert!(states(&home).values().all(|(state, _)| state != "failed"));
    assert!(home.whole_books().is_empty());
    home.nothing_is_left_over();
}

#[test]
fn being_asked_to_wait_costs_a_book_no_attempt() {
    let home = Home::new(small(1), "[retry]\nattempts = 2\n");
    let book = home.simulator.barcodes().next().unwrap();
    for _ in 0..3 {
        home.simulator
            .inject(SimulatorRequest::Get, Some(&book), FaultKind::Status429Wait);
    }
    let run = home.grind(&["run", "--once"]);
    assert!(run.status.success(), "{}", run.err);
    assert_eq!(home.whole_books().len(), 1);
}

#[test]
fn a_book_that_the_store_does_not_take_is_never_called_done() {
    let home = Home::new(small(3), "");
    let barred = home.simulator.barcodes().next().unwrap();
    let in_the_way = home.root().join("raw").join(barred.as_str());
    std::fs::create_dir_all(home.root().join("raw")).unwrap();
    std::fs::write(&in_the_way, "a file where a folder belongs").unwrap();
    assert!(!home.grind(&["run", "--once"]).status.success());
    assert_ne!(states(&home)[barred.as_str()].0, "stored");
    std::fs::remove_file(&in_the_way).unwrap();
    let run = home.grind(&["run", "--once"]);
    assert!(run.status.success(), "{}", run.err);
    assert_eq!(home.whole_books().len(), 3);
    home.nothing_is_left_over();
}

#[test]
fn the_daemon_outlives_a_lock_on_its_catalog() {
    let home = Home::new(small(1), "[retry]\ncap = \"1s\"\n");
    let book = home.simulator.barcodes().next().unwrap();
    for _ in 0..4 {
        home.simulator
            .inject(SimulatorRequest::Get, Some(&book), FaultKind::Status500);
    }
    let mut service = Service::of(home);
    service.told("READY=1");
    assert!(
        service
            .home
            .simulator
            .wait_for(SimulatorRequest::Get, 1, Duration::from_mins(1))
    );
    let catalog = rusqlite::Connection::open(service.home.folder.path().join("catalog.db")).unwrap();
    catalog.busy_timeout(Duration::from_secs(20)).unwrap();
    catalog.execute_batch("BEGIN IMMEDIATE").unwrap();
    // It waits for longer than the program's own patience with a lock.
    let (locked, holder) = (std::time::Instant::now(), format!("(process {})", std::process::id()));
    service.told_when(|service| service.ask("/api/status").contains(&holder));
    assert!(locked.elapsed() < Duration::from_secs(30), "{:?}", locked.elapsed());
    assert!(service.ask("/api/status").contains("\"what\":\"catalog\""));
    catalog.execute_batch("ROLLBACK").unwrap();
    service.told_when(|service| service.home.whole_books().len() == 1);
    service.signal(Signal::TERM);
    let ended = service.finish();
    assert!(ended.status.success());
    for line in ["nothing is recorded until it is free", "the catalog is free again"] {
        let told = ended.err.lines().filter(|told| told.contains(line));
        assert_eq!(told.count(), 1, "{line}: {}", ended.err);
    }
}
