//! The watchdog: what systemd hears while a thread or an actor stands still.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::time::{Duration, Instant};

use crate::daemon::small;
use crate::support::Home;
use crate::support::service::Service;
use rustix::process::Signal;

#[test]
fn a_thread_that_stands_still_is_named_and_systemd_hears_no_more() {
    let environment = [("WATCHDOG_USEC", "2000000"), ("GRIND_DEBUG_WEDGE", "session")];
    let mut service = Service::with(Home::new(small(), ""), &environment);
    service.told("READY=1");
    service.told_when(|service| service.is_refused("/live"));
    service.take_messages();
    let (heard, silence) = (Instant::now(), Duration::from_secs(2));
    while let Some(message) = service.message_within(silence.saturating_sub(heard.elapsed())) {
        assert!(!message.contains("WATCHDOG=1"), "systemd is told that all is well");
    }
    service.signal(Signal::KILL);
    let log = service.finish().err;
    for said in ["a thread does not answer", "thread=session", "waits for session_owner"] {
        assert!(log.contains(said), "{said} is not in {log}");
    }
}

/// Its thread answers all the while; the collector waits for it.
#[test]
fn an_actor_that_stands_still_is_named_and_systemd_hears_no_more() {
    let environment = [("WATCHDOG_USEC", "1000000"), ("GRIND_DEBUG_WEDGE", "session_owner")];
    let mut service = Service::with(Home::new(small(), ""), &environment);
    service.told("WATCHDOG=1");
    let silence = Duration::from_secs(4);
    let patience = Instant::now() + Duration::from_secs(60);
    while service.message_within(silence).is_some() {
        assert!(Instant::now() < patience, "systemd is told that all is well");
    }
    service.told_when(|service| service.is_refused("/live"));
    let live = service.refusal("/live");
    assert!(live.contains("the actor session_owner has stood still for"), "{live}");
    let page = service.ask("/");
    for shown in [
        "A part of the daemon stands still: session_owner",
        "<article class=\"actor bad\" id=\"actor-session_owner\">",
        " ← session_owner",
    ] {
        assert!(page.contains(shown), "{shown} is not in {page}");
    }
    assert!(
        !page.contains("<article class=\"actor bad\" id=\"actor-collector\">"),
        "{page}"
    );
    let status = service.home.grind(&["status"]).out;
    assert!(
        status.contains("needs a person   The actor session_owner has stood still for"),
        "{status}"
    );
    let frame = service.home.grind(&["top"]).out;
    assert!(
        frame.contains("needs a person The actor session_owner has stood still"),
        "{frame}"
    );
    let ready = service.refusal("/ready");
    assert!(
        ready.contains("not ready: the actor session_owner has stood still"),
        "{ready}"
    );
    service.signal(Signal::KILL);
    let log = service.finish().err;
    for said in [
        "an actor stands still",
        "actor=session_owner seconds=",
        "session_owner handles",
    ] {
        assert!(log.contains(said), "{said} is not in {log}");
    }
}

#[test]
fn the_page_answers_while_the_main_thread_stands_still() {
    let environment = [("WATCHDOG_USEC", "2000000"), ("GRIND_DEBUG_WEDGE", "main")];
    let mut service = Service::with(Home::new(small(), ""), &environment);
    service.told("READY=1");
    service.told_when(|service| {
        service
            .ask("/")
            .contains("A part of the daemon does not answer: its thread main")
    });
    let page = service.ask("/");
    assert!(
        page.contains("<article class=\"actor bad\" id=\"actor-supervisor\">"),
        "{page}"
    );
    assert!(service.ask("/metrics").contains("grind_actors"));
    service.signal(Signal::KILL);
    service.finish();
}

#[test]
fn the_page_tells_the_story_of_a_book_and_the_config_in_force() {
    let mut service = Service::start(small(), "");
    service.told("5 of 5 books stored");
    let barcode = service.home.simulator.barcodes().next().unwrap();
    let story = service.ask(&format!("/book/{barcode}"));
    assert!(
        story.contains("It is stored:") && story.contains("downloading"),
        "{story}"
    );
    assert!(service.ask("/config").contains("[library]"));
    service.told_when(|service| service.ask("/").contains("can be filled"));
    service.signal(Signal::TERM);
    assert!(service.finish().status.success());
}

#[test]
fn systemd_hears_that_the_daemon_lives_as_long_as_its_threads_answer() {
    let service = Service::with(Home::new(small(), ""), &[("WATCHDOG_USEC", "2000000")]);
    service.told("READY=1");
    for _ in 0..3 {
        service.told("WATCHDOG=1");
    }
    assert!(!service.is_refused("/live"));
}
