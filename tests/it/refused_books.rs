//! Books that GRIN refuses, and addresses that refuse HEAD: no other book waits for them.

use crate::pipeline::small;
use crate::support::service::Service;
use crate::support::{Home, states};
use grind::grin::Barcode;
use grind::lab::simulator::{FaultKind, FaultPlan, SimulatedState, SimulatorConfig, SimulatorRequest};
use rustix::process::Signal;

/// Orders a refusal for every request of this kind for one book.
fn refuse_always(home: &Home, op: SimulatorRequest, book: &Barcode) {
    for _ in 0..500 {
        home.simulator.inject(op, Some(book), FaultKind::Status403);
    }
}

/// Attempts are spread over days, and a run that ends by itself makes one of them, in a few tries.
#[test]
fn one_refused_book_fails_and_is_left_to_the_next_run_and_all_others_are_stored() {
    let home = Home::new(small(6), "[retry]\nattempts = 4\n");
    let refused = home.simulator.barcodes().next().unwrap();
    refuse_always(&home, SimulatorRequest::Get, &refused);
    let said = format!("{refused}: forbidden, not before ");
    for gets in [3, 0] {
        let before = home.simulator.stats().count(SimulatorRequest::Get);
        let run = home.grind(&["run", "--once"]);
        assert_eq!(run.status.code(), Some(1), "{}", run.err);
        assert!(
            run.err.contains("1 book could not be fetched") && run.err.contains(&said),
            "{}",
            run.err
        );
        let asked = home.simulator.stats().count(SimulatorRequest::Get) - before;
        assert_eq!(asked, if gets > 0 { 5 + gets } else { 0 });
        assert_eq!(home.whole_books().len(), 5);
        let (state, reason) = &states(&home)[refused.as_str()];
        assert_eq!((state.as_str(), reason.as_deref()), ("failed", Some("forbidden")));
    }
}

#[test]
fn a_book_that_always_answers_503_is_left_to_the_next_run() {
    let home = Home::new(small(6), "");
    let book = home.simulator.barcodes().next().unwrap();
    for _ in 0..500 {
        home.simulator
            .inject(SimulatorRequest::Get, Some(&book), FaultKind::Status503);
    }
    let run = home.grind(&["run", "--once"]);
    assert_eq!(run.status.code(), Some(1), "{}", run.err);
    assert_eq!(home.whole_books().len(), 5);
    assert_eq!(states(&home)[book.as_str()].0, "available", "503 fails no book");
}

/// What GRIN's list names and GRIN does not have waits for GRIN, in the run that finds it out and in each one after it.
#[test]
fn an_archive_that_grin_does_not_have_leaves_no_run_incomplete() {
    let home = Home::new(small(6), "");
    let missing = home.simulator.barcodes().next().unwrap();
    for kind in [SimulatorRequest::Get, SimulatorRequest::Head] {
        for _ in 0..500 {
            home.simulator.inject(kind, Some(&missing), FaultKind::Status404);
        }
    }
    for number in 1..=4 {
        let run = home.grind(&["run", "--once"]);
        assert_eq!(run.status.code(), Some(0), "{number}: {}", run.err);
        assert_eq!(home.whole_books().len(), 5);
        let (state, reason) = &states(&home)[missing.as_str()];
        assert!(state != "failed" && reason.is_none(), "{number}: {state} {reason:?}");
    }
}

#[test]
fn archives_that_are_all_missing_are_grins_trouble_and_no_book_is_taken_for_unconverted() {
    let faults = FaultPlan {
        per_request: u32::MAX,
        ..FaultPlan::default().with(FaultKind::Status404, 1.0)
    };
    let home = Home::new(SimulatorConfig { faults, ..small(8) }, "");
    let run = home.grind(&["run", "--once"]);
    assert_eq!(run.status.code(), Some(1), "{}", run.err);
    assert!(run.err.contains("its own list calls converted"), "{}", run.err);
    assert!(
        states(&home).values().all(|(state, _)| state == "available"),
        "{:?}",
        states(&home)
    );
}

#[test]
fn books_listed_after_a_refused_one_are_fetched_within_seconds() {
    let home = Home::new(
        small(6),
        "[work]\nqueues = [\"all\"]\n[schedule]\nrefresh_every = \"1s\"\n",
    );
    let books: Vec<Barcode> = home.simulator.barcodes().collect();
    let refused = books[0].clone();
    refuse_always(&home, SimulatorRequest::Get, &refused);
    for later in &books[3..] {
        home.simulator.set_state(later, SimulatedState::CheckedIn);
    }
    let mut service = Service::of(home);
    service.told("READY=1");
    service.told_when(|service| service.home.whole_books().len() == 2);
    for later in &books[3..] {
        service.home.simulator.set_state(later, SimulatedState::Converted);
    }
    service.told_when(|service| service.home.whole_books().len() == 5);
    service.signal(Signal::TERM);
    assert!(service.finish().status.success());
    assert_ne!(
        states(&service.home)[refused.as_str()].0,
        "failed",
        "not within seconds"
    );
}

#[test]
fn a_refused_head_is_decided_by_a_get() {
    let home = Home::new(small(3), "[work]\nqueues = [\"all\"]\n");
    assert!(home.grind(&["run", "--once"]).status.success());
    let books: Vec<Barcode> = home.simulator.barcodes().collect();
    for book in &books {
        refuse_always(&home, SimulatorRequest::Head, book);
    }
    home.simulator.remake(&books[0]);
    let before = home.simulator.stats().count(SimulatorRequest::Get);
    let named: Vec<String> = books.iter().map(ToString::to_string).collect();
    let sync = home.grind(&["sync", "--barcodes", &named.join(",")]);
    assert!(sync.status.success(), "{}", sync.err);
    assert_eq!(
        home.simulator.stats().count(SimulatorRequest::Get) - before,
        3,
        "each is looked at by GET"
    );
    assert_eq!(home.whole_books().len(), 3);
    let again: Vec<_> = books[1..]
        .iter()
        .map(|book| states(&home)[book.as_str()].0.clone())
        .collect();
    assert_eq!(again, ["stored", "stored"]);
}

/// A signature covers the method: an address that GRIN redirects to may be signed for GET alone (tests/cases/http/head-signed.txt).
#[test]
fn a_head_that_a_signed_address_refuses_is_no_missing_permission() {
    let faults = FaultPlan {
        per_request: u32::MAX,
        ..FaultPlan::default().with(FaultKind::RedirectSigned, 1.0)
    };
    let home = Home::new(SimulatorConfig { faults, ..small(4) }, "[work]\nqueues = [\"all\"]\n");
    let late = home.simulator.barcodes().last().unwrap();
    home.simulator.set_state(&late, SimulatedState::CheckedIn);
    let run = home.grind(&["run", "--once"]);
    assert!(run.status.success(), "{}", run.err);
    assert_eq!(home.whole_books().len(), 3);
    home.simulator.set_state(&late, SimulatedState::Converted);
    let run = home.grind(&["run", "--once"]);
    assert!(run.status.success(), "{}", run.err);
    assert_eq!(home.whole_books().len(), 4, "{}", run.err);
    let changed = home.simulator.barcodes().next().unwrap();
    home.simulator.remake(&changed);
    let named = home.simulator.barcodes().map(|barcode| barcode.to_string());
    let sync = home.grind(&["sync", "--barcodes", &named.collect::<Vec<_>>().join(",")]);
    assert!(sync.status.success(), "{}", sync.err);
    assert!(
        home.simulator.stats().count(SimulatorRequest::Head) > 0,
        "a HEAD was tried"
    );
    assert_eq!(home.whole_books().len(), 4);
}

/// Where GRIN serves an archive, no HEAD that it does not answer, or always puts off, keeps that from the library.
#[test]
fn a_head_that_is_never_answered_or_always_put_off_is_decided_by_a_get() {
    for fault in [FaultKind::HeadSilent, FaultKind::Head503Wait] {
        let faults = FaultPlan {
            per_request: u32::MAX,
            ..FaultPlan::default().with(fault, 1.0)
        };
        let extra = "[work]\nqueues = [\"all\"]\n[session]\nread_timeout = \"1s\"\n";
        let home = Home::new(SimulatorConfig { faults, ..small(5) }, extra);
        home.done(&["run", "--once"]);
        let books: Vec<Barcode> = home.simulator.barcodes().collect();
        home.simulator.remake(&books[0]);
        let before = home.simulator.stats();
        let named: Vec<String> = books.iter().map(ToString::to_string).collect();
        let sync = home.done(&["sync", "--barcodes", &named.join(",")]);
        let after = home.simulator.stats();
        let asked = |op| after.count(op) - before.count(op);
        assert!(asked(SimulatorRequest::Head) > 0, "{}", sync.err);
        assert_eq!(
            asked(SimulatorRequest::Get),
            5,
            "{fault:?}: each is looked at by GET\n{}",
            sync.err
        );
        assert_eq!(home.whole_books().len(), 5, "{fault:?}");
    }
}
