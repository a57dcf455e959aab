//! Several daemons of one machine on one catalog in a file: none of its books is lost or doubled, also when one of them is killed or
//! stands still, and together they keep to one rate.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::daemons::{Daemon, LEASE, SharedLibrary, until};
use crate::support::{Home, finish};
use grind::lab::simulator::{SimulatorConfig, SimulatorRequest};
use rustix::process::Signal;

const BOOKS: u32 = 150;

fn library() -> SimulatorConfig {
    SimulatorConfig {
        books: BOOKS,
        pages: 2,
        image_bytes: 2_000,
        s2k_count: 1_024,
        // Slow enough for all to have their part of it.
        delay: Duration::from_millis(60),
        ..SimulatorConfig::default()
    }
}

fn count(catalog: &Path, what: &str) -> u32 {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let Ok(conn) = rusqlite::Connection::open_with_flags(catalog, flags) else {
        return 0;
    };
    let sql = format!("SELECT count(*) FROM {what}");
    conn.query_row(&sql, [], |row| row.get(0)).unwrap_or(0)
}

fn stored_in(catalog: &Path) -> u32 {
    count(catalog, "books WHERE state = 'stored'")
}

/// Books claimed at present by the daemon of this number.
fn claimed_by(catalog: &Path, number: usize) -> u32 {
    count(catalog, &format!("books WHERE claimed_by LIKE 'daemon-{number}:%'"))
}

#[test]
fn two_share_a_catalog_and_one_is_killed() {
    let mut shared = SharedLibrary::new(library(), None, "");
    let catalog = shared.catalog();
    let killed = shared.daemon();
    shared.under_way(8);
    let survivor = shared.daemon();
    until("the second one has its part", || claimed_by(&catalog, 1) >= 1);
    assert!(claimed_by(&catalog, 0) >= 1, "it dies with books in its hands");
    killed.kill();
    until("the survivor has brought all home", || stored_in(&catalog) == BOOKS);
    let ended = survivor.stop();
    assert!(ended.status.success(), "{}", ended.err);
    assert!(ended.err.contains("session_owner_last=true"), "{}", ended.err);
    shared.only_what_was_lost_is_fetched_again();
    // What the dead one had half written goes at the next start.
    let ended = shared.home.grind(&["run", "--once"]);
    assert!(ended.status.success(), "{}", ended.err);
    shared.is_complete(BOOKS);
    shared.home.nothing_is_left_over();
    assert_eq!(count(&catalog, "members"), 0, "all have left");
}

/// A process that stands still with a file locked keeps everybody from writing to it: that is SQLite's nature, and not what
/// is to be tried here.
fn stop_outside_of_transactions(sleeper: &Daemon, catalog: &Path) {
    let is_free = || {
        let conn = rusqlite::Connection::open(catalog).unwrap();
        conn.busy_timeout(Duration::ZERO).unwrap();
        conn.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok()
    };
    let stat = format!("/proc/{}/stat", sleeper.id());
    until("it stands still, and its file is free", || {
        sleeper.signal(Signal::STOP);
        until("it stands still", || {
            std::fs::read_to_string(&stat).unwrap().contains(") T ")
        });
        // The other one may be writing at this moment, but not every time.
        let free = (0..200).any(|_| is_free());
        if !free {
            println!("it stood still with the file locked: once more");
            sleeper.signal(Signal::CONT);
        }
        free
    });
}

#[test]
fn one_that_stood_still_past_its_membership_does_no_harm_when_it_wakes() {
    let mut shared = SharedLibrary::new(library(), None, "");
    let catalog = shared.catalog();
    let sleeper = shared.daemon();
    shared.under_way(8);
    let other = shared.daemon();
    until("the second one has its part", || claimed_by(&catalog, 1) >= 1);
    stop_outside_of_transactions(&sleeper, &catalog);
    assert!(claimed_by(&catalog, 0) >= 1, "it sleeps with books in its hands");
    until("the other has brought all home", || stored_in(&catalog) == BOOKS);
    sleeper.signal(Signal::CONT);
    until("the sleeper is a member again", || {
        sleeper.log().contains("it is a member again") && count(&catalog, "members") == 2
    });
    until("it works on nothing", || {
        let metrics = grind::observe::client::get(&sleeper.endpoint(), "/metrics").unwrap_or_default();
        // A stop while it still notes that its claims are another's would end with books of which nothing is recorded.
        let is_idle = String::from_utf8_lossy(&metrics).contains("\ngrind_books_in_hand 0\n");
        is_idle && claimed_by(&catalog, 0) == 0
    });
    for daemon in [other, sleeper] {
        let ended = daemon.stop();
        assert!(ended.status.success(), "{}", ended.err);
    }
    shared.is_complete(BOOKS);
    shared.only_what_was_lost_is_fetched_again();
    shared.home.nothing_is_left_over();
}

#[test]
fn a_run_that_ends_by_itself_waits_for_what_a_killed_daemon_still_holds() {
    let mut shared = SharedLibrary::new(library(), None, "");
    let killed = shared.daemon();
    let reads = shared
        .home
        .simulator
        .wait_for(SimulatorRequest::ListPage, 1, Duration::from_secs(60));
    assert!(reads, "nobody reads lists");
    killed.kill();
    assert_eq!(stored_in(&shared.catalog()), 0, "all is still to be done");
    let waits = shared.home.command(&["run", "--once"]).spawn().unwrap();
    until("who asks is told what the start waits for", || {
        let told = shared.home.grind(&["status"]);
        told.status.code() == Some(69) && told.err.contains("the daemon is starting; waiting up to ")
    });
    let ended = finish(waits);
    assert!(ended.status.success(), "{}", ended.err);
    assert!(ended.err.contains("ended without leaving the catalog"), "{}", ended.err);
    shared.is_complete(BOOKS);
}

#[test]
fn a_second_daemon_of_the_same_name_is_refused_and_says_what_to_set() {
    let mut shared = SharedLibrary::new(library(), None, "");
    let first = shared.daemon();
    shared.under_way(1);
    let began = Instant::now();
    // Another socket and another address, and the same name.
    let mut second = shared.home.command(&["run"]);
    second.env("GRIND__OBSERVE__SOCKET", shared.home.folder.path().join("second.sock"));
    let ended = crate::support::finish(second.env("GRIND__OBSERVE__LISTEN", "127.0.0.1:0").spawn().unwrap());
    assert_eq!(ended.status.code(), Some(73), "{}", ended.err);
    assert!(began.elapsed() < LEASE * 3, "{:?}", began.elapsed());
    for words in ["daemon-0", "work.instance", "since 2"] {
        assert!(ended.err.contains(words), "{words}: {}", ended.err);
    }
    // One with the same socket hears it at once.
    let began = Instant::now();
    let ended = shared.home.grind(&["run"]);
    assert_eq!(ended.status.code(), Some(73), "{}", ended.err);
    assert!(began.elapsed() < LEASE / 3, "{:?}", began.elapsed());
    assert!(first.stop().status.success());
}

#[test]
fn two_keep_to_one_rate_and_one_of_them_reads_the_lists() {
    let alone = Home::new(library(), "");
    assert!(alone.grind(&["run", "--once"]).status.success());
    let fast = SimulatorConfig {
        delay: Duration::ZERO,
        ..library()
    };
    let mut shared = SharedLibrary::new(fast, None, "[grin]\nrequests_per_second = 20\n");
    let catalog = shared.catalog();
    let first = shared.daemon();
    shared.under_way(8);
    let second = shared.daemon();
    until("the second one has its part", || claimed_by(&catalog, 1) >= 1);
    assert!(stored_in(&catalog) < BOOKS / 2, "most is done by both");
    // A step by hand is one more member, with its own claims, and turns of the same rate.
    let ended = shared.home.grind(&["sync", "--limit", "5"]);
    assert!(ended.status.success(), "{}", ended.err);
    let status = shared.home.grind(&["status"]);
    assert!(status.out.contains("daemon-1 on"), "{}", status.out);
    until("all is home", || stored_in(&catalog) == BOOKS);
    // The other way round, the second one would take over the lists in the moment between.
    let ended = [second, first].map(Daemon::stop);
    for ended in &ended {
        assert!(ended.status.success(), "{}", ended.err);
    }
    for actor in ["collector", "enricher"] {
        let idle = format!("{actor}: handled 0,");
        assert!(ended[0].err.contains(&idle), "it is the first one's: {}", ended[0].err);
    }
    shared.is_complete(BOOKS);
    let most = shared.home.simulator.most_within(Duration::from_secs(5));
    assert!(most <= 5 * 20, "{most} requests in 5 s");
    assert_eq!(
        list_requests(&shared.home),
        list_requests(&alone),
        "each list is read once: {}",
        ended[1].err
    );
}

/// Requests for lists. How often facts are searched for depends on what a list says of a book that was fetched before it was read.
fn list_requests(home: &Home) -> [u64; 3] {
    let stats = home.simulator.stats();
    [
        SimulatorRequest::ListPage,
        SimulatorRequest::TextList,
        SimulatorRequest::Summary,
    ]
    .map(|op| stats.count(op))
}
