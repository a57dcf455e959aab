//! Recording lists.

use crate::catalog::tests::shelf::{DAY, Shelf, converted, failed, row};
use crate::catalog::*;
use crate::grin::{GrinDate, ListKind};

use BookState as S;

#[test]
fn first_sight_makes_a_book_known_in_the_state_that_grin_says() {
    let cases = [
        ("NEW", S::Known),
        ("PREVIOUSLY_DOWNLOADED", S::Known),
        ("CHECKED_IN", S::Known),
        ("SOMETHING_NEW", S::Known),
        ("", S::Known),
        ("CONVERTED", S::Available),
        ("IN_PROCESS", S::InProcess),
        ("NOT_AVAILABLE_FOR_DOWNLOAD", S::Unavailable),
    ];
    let mut shelf = Shelf::new();
    for (at, (word, state)) in cases.into_iter().enumerate() {
        let code = format!("TL000{at}");
        let done = shelf.list(ListKind::AllBooks, vec![row(&code, word)]);
        assert_eq!((done.new, done.changed, done.same), (1, 0, 0));
        assert_eq!(shelf.state(&code), state, "{word}");
        assert_eq!(shelf.causes(&code), [format!("{state}:listed")]);
    }
}

#[test]
fn books_seen_only_in_another_list_are_not_passed_over() {
    let mut shelf = Shelf::new();
    shelf.list(ListKind::Converted, vec![converted("TL0001", "2025/06/01 00:00")]);
    shelf.list(ListKind::InProcess, vec![row("TL0002", "")]);
    shelf.list(
        ListKind::Failed,
        vec![failed("TL0003", "2025/06/01 00:00", "Bad pages")],
    );
    assert_eq!(shelf.state("TL0001"), S::Available);
    assert_eq!(shelf.state("TL0002"), S::InProcess);
    assert_eq!(shelf.state("TL0003"), S::ConversionFailed);
    assert_eq!(
        shelf.text("TL0003", "convert_failed_info").as_deref(),
        Some("Bad pages")
    );
    assert!(shelf.text("TL0003", "next_attempt_at").is_some());
}

#[test]
fn silence_never_takes_the_place_of_knowledge() {
    let mut shelf = Shelf::new();
    let mut full = row("TL0001", "NEW");
    full.title = Some("On Tides".into());
    full.google_books_link = Some("https://books.google.com/books?id=x".into());
    full.dates.scanned = GrinDate::read("2011/02/03 04:05");
    shelf.list(ListKind::AllBooks, vec![full.clone()]);
    let mut empty = row("TL0001", "");
    empty.title = Some(String::new());
    assert_eq!(shelf.list(ListKind::AllBooks, vec![empty]).same, 1);
    assert_eq!(shelf.text("TL0001", "title").as_deref(), Some("On Tides"));
    assert_eq!(shelf.text("TL0001", "grin_state").as_deref(), Some("NEW"));
    assert_eq!(
        shelf.text("TL0001", "scanned_date").as_deref(),
        Some("2011-02-03T04:05:00")
    );
    assert!(shelf.text("TL0001", "google_books_link").is_some());
}

#[test]
fn a_repeated_row_changes_nothing_and_a_changed_one_is_written() {
    let mut shelf = Shelf::new();
    shelf.list(ListKind::AllBooks, vec![row("TL0001", "NEW")]);
    let before = shelf.text("TL0001", "updated_at");
    shelf.clock.advance(DAY);
    assert_eq!(shelf.list(ListKind::AllBooks, vec![row("TL0001", "NEW")]).same, 1);
    assert_eq!(shelf.text("TL0001", "updated_at"), before);
    let mut titled = row("TL0001", "NEW");
    titled.title = Some("On Tides".into());
    assert_eq!(shelf.list(ListKind::AllBooks, vec![titled]).changed, 1);
    assert_ne!(shelf.text("TL0001", "updated_at"), before);
    assert_eq!(shelf.causes("TL0001"), ["known:listed"]);
}

#[test]
fn a_change_of_grins_state_goes_to_the_history() {
    let mut shelf = Shelf::new();
    shelf.list(ListKind::AllBooks, vec![row("TL0001", "NEW")]);
    shelf.list(ListKind::AllBooks, vec![row("TL0001", "CONVERTED")]);
    let story = shelf
        .reader()
        .explain(&crate::catalog::tests::shelf::barcode("TL0001"))
        .unwrap()
        .unwrap();
    let told: Vec<_> = story
        .history
        .iter()
        .map(|event| {
            (
                event.status_type.as_str(),
                event.status_value.as_str(),
                event.metadata["from"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("state", "known", None),
            ("grin_state", "CONVERTED", Some("NEW")),
            ("state", "available", Some("known")),
        ]
    );
}

#[test]
fn each_list_is_recorded_with_the_time_of_observation() {
    let mut shelf = Shelf::new();
    shelf.list(ListKind::AllBooks, vec![row("TL0001", "CONVERTED")]);
    shelf.clock.advance(DAY);
    shelf.list(ListKind::Converted, vec![converted("TL0001", "")]);
    let story = shelf
        .reader()
        .explain(&crate::catalog::tests::shelf::barcode("TL0001"))
        .unwrap()
        .unwrap();
    assert_eq!(story.lists["all_books"], "2026-01-10T12:00:01.000Z");
    assert_eq!(story.lists["converted"], "2026-01-11T12:00:01.000Z");
}

#[test]
fn odd_dates_keep_their_text() {
    let mut shelf = Shelf::new();
    let mut odd = row("TL0001", "NEW");
    odd.dates.scanned = GrinDate::read("2011-2-3 04:05");
    shelf.list(ListKind::AllBooks, vec![odd]);
    let mut more = row("TL0001", "NEW");
    more.dates.analyzed = GrinDate::read("2012-01-01");
    shelf.list(ListKind::AllBooks, vec![more]);
    let raw: serde_json::Value = serde_json::from_str(&shelf.text("TL0001", "raw_values").unwrap()).unwrap();
    assert_eq!(
        raw,
        serde_json::json!({"scanned_date": "2011-2-3 04:05", "analyzed_date": "2012-01-01"})
    );
}

#[test]
fn a_failure_of_conversion_counts_once_and_comes_back_at_growing_intervals() {
    let mut shelf = Shelf::new();
    shelf.list(ListKind::AllBooks, vec![row("TL0001", "NEW")]);
    let mut waits = Vec::new();
    for day in 1..=7 {
        let listed = failed("TL0001", &format!("2026/02/0{day} 00:00"), "Bad pages");
        shelf.list(ListKind::Failed, vec![listed.clone()]);
        assert_eq!(
            shelf.list(ListKind::Failed, vec![listed]).same,
            1,
            "old news is no news"
        );
        waits.push(shelf.text("TL0001", "next_attempt_at").map(|at| at[..10].to_owned()));
        shelf.list(ListKind::InProcess, vec![row("TL0001", "")]);
    }
    let day = |text: &str| Some(text.to_owned());
    assert_eq!(
        waits,
        [
            day("2026-01-11"),
            day("2026-01-12"),
            day("2026-01-14"),
            day("2026-01-18"),
            day("2026-01-26"),
            None,
            None
        ],
        "the number of attempts is capped"
    );
}

#[test]
fn a_failure_from_before_our_request_does_not_end_the_request() {
    use crate::grin::ProcessOutcome;
    let mut shelf = Shelf::new();
    shelf.list(ListKind::AllBooks, vec![row("TL0001", "NEW")]);
    let answer = (
        crate::catalog::tests::shelf::barcode("TL0001"),
        ProcessOutcome::Requested,
        "Success".into(),
    );
    shelf.ledger.execute(RecordConversions(vec![answer])).unwrap();
    shelf.list(
        ListKind::Failed,
        vec![failed("TL0001", "2025/12/01 00:00", "Old trouble")],
    );
    assert_eq!(shelf.state("TL0001"), S::Requested);
    assert_eq!(
        shelf.text("TL0001", "convert_failed_info").as_deref(),
        Some("Old trouble")
    );
    shelf.list(
        ListKind::Failed,
        vec![failed("TL0001", "2026/01/12 00:00", "New trouble")],
    );
    assert_eq!(shelf.state("TL0001"), S::ConversionFailed);
}

#[test]
fn what_is_ours_is_not_moved_by_lists() {
    let mut shelf = Shelf::new();
    shelf.list(
        ListKind::Converted,
        vec![
            converted("TL0001", "2025/06/01 00:00"),
            converted("TL0002", "2025/06/01 00:00"),
        ],
    );
    shelf.store("TL0001", "\"a\"");
    let claimed = shelf.claim(&[Queue::Converted]);
    for word in [
        "NEW",
        "IN_PROCESS",
        "NOT_AVAILABLE_FOR_DOWNLOAD",
        "PREVIOUSLY_DOWNLOADED",
    ] {
        shelf.list(ListKind::AllBooks, vec![row("TL0001", word), row("TL0002", word)]);
        assert_eq!(shelf.state("TL0001"), S::Stored);
        assert_eq!(shelf.state("TL0002"), S::Checking);
    }
    assert!(shelf.settle(&claimed[0], stored_here()).is_ok());
}

fn stored_here() -> ClaimSettlement {
    crate::catalog::tests::shelf::stored("TL0002", "\"b\"")
}

#[test]
fn a_given_up_book_comes_back_when_grin_has_a_newer_archive() {
    let mut shelf = Shelf::new();
    shelf.list(ListKind::Converted, vec![converted("TL0001", "2025/06/01 00:00")]);
    let claimed = shelf.claim(&[Queue::Converted]);
    shelf
        .settle(&claimed[0], crate::catalog::tests::shelf::given_up("damaged_at_source"))
        .unwrap();
    shelf.list(ListKind::Converted, vec![converted("TL0001", "2025/06/01 00:00")]);
    assert_eq!(shelf.state("TL0001"), S::Failed, "the same archive is no news");
    shelf.list(ListKind::Converted, vec![converted("TL0001", "2025/07/01 00:00")]);
    assert_eq!(shelf.state("TL0001"), S::Available);
    assert_eq!(shelf.value::<i64>("TL0001", "attempts"), 0);
    assert!(
        shelf
            .reader()
            .report(&WantedBooks::default())
            .unwrap()
            .failures
            .is_empty()
    );
}
