use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::catalog::{BookEvent, BookStory, FailedBook, FailureCount};
use crate::grin::Barcode;
use crate::observe::page::clock::PageClock;
use crate::observe::page::{book, document, live_part};
use crate::observe::tests::fixture::{BARCODE, Seen};
use crate::observe::{BlockingChains, DaemonStatus, ThreadSilence};
use crate::vocabulary::BookState;

/// The bound of the first paint, document, style and script together.
const FIRST_PAINT: usize = 100_000;

fn seen() -> DaemonStatus {
    DaemonStatus::of(&Seen::default())
}

fn failed(number: usize) -> FailedBook {
    FailedBook {
        barcode: format!("FAILED{number:06}"),
        reason: Some(format!("reason_{}", number % 30)),
        detail: Some(format!("<script>{}</script>", "é\n".repeat(5_000))),
        since: "2026-11-28T14:02:10.000Z".into(),
        next_attempt: None,
    }
}

fn with_failures(count: usize) -> DaemonStatus {
    let mut seen = seen();
    seen.daemon.failed.recent = (0..count).map(failed).collect();
    let reasons = (0..30).map(|reason| FailureCount {
        reason: format!("reason_{reason}"),
        books: 40,
    });
    seen.daemon.failed.by_reason = reasons.collect();
    seen
}

fn page(seen: &DaemonStatus) -> String {
    document(seen, TimeZone::UTC).into_string()
}

#[test]
fn texts_are_escaped_and_nothing_comes_from_elsewhere() {
    let mut seen = with_failures(3);
    seen.daemon.directory = "<b>\"Harvard'".into();
    let page = page(&seen);
    for text in [
        "&lt;HVD0000000001&gt;",
        "file:///srv/&lt;library&gt;",
        "&lt;b&gt;&quot;Harvard",
        "&lt;script&gt;",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert_eq!(page.matches("<script").count(), 1, "its own: {page}");
    for foreign in ["http://", "https://", " style=", " onclick", "javascript:"] {
        assert!(!page.contains(foreign), "{foreign}: {page}");
    }
}

#[test]
fn a_thousand_failures_are_a_page_of_bounded_size() {
    let page = page(&with_failures(1_000));
    let parts = include_str!("page.css").len() + include_str!("page.js").len();
    assert!(page.len() + parts < FIRST_PAINT, "{} + {parts} bytes", page.len());
    let links = page.matches("href=\"/book/FAILED").count();
    assert!((1..=60).contains(&links), "{links}");
    assert!(page.contains("reason 0 <b>40</b>"), "{page}");
}

#[test]
fn barcodes_stand_where_failed_books_transfers_and_work_are_told_and_nowhere_else() {
    let mut seen = with_failures(2);
    (seen.chains, seen.sentences) = (BlockingChains::default(), BTreeMap::new());
    seen.daemon.tasks.clear();
    seen.daemon.transfers.clear();
    seen.daemon.barcodes.remove(BARCODE);
    let page = page(&seen);
    assert!(!page.contains(BARCODE), "{page}");
    for number in 0..2 {
        let barcode = format!("FAILED{number:06}");
        let link = format!("<a class=\"barcode\" href=\"/book/{barcode}\">{barcode}</a>");
        assert!(page.contains(&link), "{link}: {page}");
        assert_eq!(page.matches(&barcode).count(), 2, "in its link: {page}");
    }
}

#[test]
fn a_stuck_thread_makes_its_actors_red_and_no_others() {
    let mut seen = seen();
    for actor in &mut seen.hub.actors {
        (actor.gave_up, actor.states) = (false, BTreeMap::new());
    }
    let red = |seen: &DaemonStatus| {
        live_part(seen, TimeZone::UTC)
            .into_string()
            .matches("class=\"actor bad\"")
            .count()
    };
    assert_eq!(red(&seen), 0);
    seen.stuck.push(ThreadSilence {
        thread: "lists".into(),
        seconds: 75.0,
        actors: vec![crate::actor::ActorName::Collector, crate::actor::ActorName::Enricher],
    });
    assert_eq!(red(&seen), 2);
}

#[test]
fn the_live_part_is_what_stands_in_the_page() {
    let seen = seen();
    let part = live_part(&seen, TimeZone::UTC).into_string();
    assert!(page(&seen).contains(&format!("<main id=\"main\">{part}</main>")));
}

#[test]
fn a_story_is_escaped_and_bounded() {
    let event = |number: usize| BookEvent {
        timestamp: "2026-11-28T14:02:10.000Z".into(),
        status_type: "state".into(),
        status_value: format!("<value {number}>"),
        session_id: None,
        metadata: serde_json::json!({"reason": "<i>", "detail": "x".repeat(100_000)}),
    };
    let story = BookStory {
        barcode: Barcode::parse("HVD1").unwrap(),
        state: BookState::Failed,
        meaning: "Given up (<damaged>).".into(),
        book: [("title".to_owned(), "<b>Faust".into())].into_iter().collect(),
        lists: BTreeMap::new(),
        second_copy: None,
        checks: Vec::new(),
        history: (0..10_000).map(event).collect(),
    };
    let clock = PageClock::new("2026-11-29T00:00:00Z".parse().unwrap(), TimeZone::UTC);
    let page = book::document(&story, &clock).into_string();
    assert!(page.len() < FIRST_PAINT, "{}", page.len());
    for text in [
        "Given up (&lt;damaged&gt;).",
        "&lt;b&gt;Faust",
        "&lt;value 9999&gt;",
        "9 800 earlier events",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains("<i>") && !page.contains("<script"), "{page}");
}
