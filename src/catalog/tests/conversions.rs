//! Planning conversions and recording what GRIN answers.

use crate::catalog::tests::shelf::{DAY, HOUR, Shelf, barcode, codes, converted, failed, only, queue, row};
use crate::catalog::*;
use crate::grin::{Barcode, GrinDate, ListKind, ProcessOutcome as O};

use BookState as S;

fn plan(shelf: &mut Shelf, queues: &[Queue], limit: usize) -> Vec<Barcode> {
    let ask = PlanConversions {
        selection: queue(queues),
        limit,
        queue_limit: 50_000,
    };
    shelf.ledger.execute(ask).unwrap().barcodes
}

fn answer(shelf: &mut Shelf, code: &str, outcome: O, words: &str) -> ConversionsRecorded {
    let answers = vec![(barcode(code), outcome, words.to_owned())];
    shelf.ledger.execute(RecordConversions(answers)).unwrap()
}

/// What a forecast counts where these are fetched.
fn counted(shelf: &mut Shelf, asked: WantedBooks) -> ForecastInputs {
    let pace = AskPace {
        asked,
        ..AskPace::default()
    };
    shelf.ledger.execute(pace).unwrap().inputs
}

/// Books in each of GRIN's states; TL0006 goes before others.
fn of_every_word() -> Shelf {
    let mut shelf = Shelf::new();
    let words = [
        "NEW",
        "PREVIOUSLY_DOWNLOADED",
        "CHECKED_IN",
        "NOT_AVAILABLE_FOR_DOWNLOAD",
        "NEW",
        "CONVERTED",
        "NEW",
    ];
    let rows = words
        .iter()
        .enumerate()
        .map(|(at, word)| row(&format!("TL000{at}"), word))
        .collect();
    shelf.list(ListKind::AllBooks, rows);
    let mut ticked = row("TL0008", "A_WORD_OF_TOMORROW");
    ticked.can_be_requested = true;
    shelf.list(ListKind::AllBooks, vec![ticked]);
    shelf
        .ledger
        .execute(ChangeBooks {
            barcodes: vec![barcode("TL0006")],
            wish: BookWish::First,
        })
        .unwrap();
    shelf
}

#[test]
fn each_queue_has_its_books_oldest_first_by_priority() {
    let mut shelf = of_every_word();
    let cases: [(&[Queue], &[&str]); 5] = [
        (&[Queue::Unconverted], &["TL0006", "TL0008", "TL0000", "TL0004"]),
        (&[Queue::Previous], &["TL0001"]),
        (&[Queue::Converted], &[]),
        (
            &[Queue::Previous, Queue::Unconverted],
            &["TL0001", "TL0006", "TL0008", "TL0000", "TL0004"],
        ),
        (&[Queue::All], &["TL0001", "TL0006", "TL0008", "TL0000", "TL0004"]),
    ];
    for (queues, expected) in cases {
        let planned = plan(&mut shelf, queues, 100);
        assert_eq!(
            planned.iter().map(Barcode::as_str).collect::<Vec<_>>(),
            expected,
            "{queues:?}"
        );
        let asked = WantedBooks {
            queues: queues.to_vec(),
            ..WantedBooks::default()
        };
        let counted = counted(&mut shelf, asked);
        assert_eq!(counted.unconverted, expected.len() as u64, "{queues:?}");
        assert_eq!(counted.ready + counted.unconverted + counted.unasked, 6, "{queues:?}");
    }
    assert_eq!(plan(&mut shelf, &[Queue::Unconverted], 1), [barcode("TL0006")]);
}

#[test]
fn of_named_books_a_forecast_counts_those_that_are_fetched() {
    let mut shelf = of_every_word();
    let named = ["TL0000", "TL0001", "TL0002", "TL0005", "TL0404"].map(barcode);
    for (queues, left) in [
        // TL0005 is ready, TL0001 is looked for, GRIN has never scanned TL0002.
        (vec![Queue::Converted], [1, 1, 1, 4]),
        (vec![Queue::Converted, Queue::Unconverted], [1, 2, 1, 3]),
    ] {
        let asked = WantedBooks {
            queues,
            only: Some(named.clone().into()),
            limit: None,
        };
        let counted = counted(&mut shelf, asked);
        let told = [counted.ready, counted.unconverted, counted.unscanned, counted.unasked];
        assert_eq!(told, left);
    }
}

#[test]
fn the_planner_knows_how_much_room_grins_queue_has() {
    let mut shelf = Shelf::new();
    let rows = (0..10)
        .map(|at| row(&format!("TL000{at}"), if at < 4 { "IN_PROCESS" } else { "NEW" }))
        .collect();
    shelf.list(ListKind::AllBooks, rows);
    answer(&mut shelf, "TL0004", O::Requested, "Success");
    let ask = |queue_limit| PlanConversions {
        selection: queue(&[Queue::Unconverted]),
        limit: 100,
        queue_limit,
    };
    let planned = shelf.ledger.execute(ask(7)).unwrap();
    assert_eq!((planned.in_queue, planned.room, planned.barcodes.len()), (5, 2, 2));
    let planned = shelf.ledger.execute(ask(3)).unwrap();
    assert_eq!((planned.room, planned.barcodes.len()), (0, 0), "over-full is full");
}

#[test]
fn what_follows_from_each_answer() {
    let cases = [
        (O::Requested, "Success", S::Requested, false),
        (O::InProcess, "Already being converted", S::InProcess, false),
        (
            O::AlreadyAvailable,
            "Already available for download",
            S::Available,
            false,
        ),
        (O::NotAllowed, "Not allowed to be downloaded", S::Unavailable, false),
        (O::NotFound, "Barcode not found", S::Known, true),
        (O::RetryLater, "Other error", S::Known, true),
        (O::Unknown, "The moon is full", S::Known, true),
        (O::NoAnswer, "", S::Known, true),
        (O::QueueFull, "", S::Known, false),
        (O::Forbidden, "", S::Known, false),
        (O::UnavailableService, "", S::Known, false),
    ];
    for (outcome, words, state, later) in cases {
        let mut shelf = Shelf::new();
        shelf.list(ListKind::AllBooks, vec![row("TL0001", "NEW")]);
        let done = answer(&mut shelf, "TL0001", outcome, words);
        assert_eq!(shelf.state("TL0001"), state, "{outcome}");
        assert_eq!(shelf.text("TL0001", "next_attempt_at").is_some(), later, "{outcome}");
        assert_eq!(done.later, u64::from(later), "{outcome}");
        assert_eq!(
            shelf.value::<i64>("TL0001", "attempts"),
            0,
            "{outcome} is no failed attempt"
        );
        let asked_again = plan(&mut shelf, &[Queue::Unconverted], 9).len();
        assert_eq!(asked_again, usize::from(done.untouched == 1), "{outcome}");
    }
}

#[test]
fn unknown_words_are_kept_and_the_book_is_asked_for_again_at_growing_intervals() {
    let mut shelf = Shelf::new();
    shelf.list(ListKind::AllBooks, vec![row("TL0001", "NEW")]);
    let mut hours = 1;
    for _ in 0..4 {
        answer(&mut shelf, "TL0001", O::Unknown, "The moon is full");
        assert_eq!(
            shelf.text("TL0001", "conversion_words").as_deref(),
            Some("The moon is full")
        );
        shelf.clock.advance(HOUR * hours - std::time::Duration::from_millis(1));
        assert!(plan(&mut shelf, &[Queue::Unconverted], 9).is_empty(), "{hours} h");
        shelf.clock.advance(std::time::Duration::from_millis(1));
        assert_eq!(plan(&mut shelf, &[Queue::Unconverted], 9).len(), 1);
        hours *= 2;
    }
    answer(&mut shelf, "TL0001", O::Requested, "Success");
    assert_eq!(shelf.value::<i64>("TL0001", "conversion_asks"), 0);
}

#[test]
fn a_book_stays_in_the_queue_it_was_asked_for_in() {
    let mut shelf = Shelf::new();
    shelf.list(
        ListKind::AllBooks,
        vec![row("TL0001", "PREVIOUSLY_DOWNLOADED"), row("TL0002", "NEW")],
    );
    for code in ["TL0001", "TL0002"] {
        answer(&mut shelf, code, O::Requested, "Success");
        assert!(shelf.text(code, "processing_request_timestamp").is_some());
    }
    shelf.clock.advance(DAY);
    shelf.list(
        ListKind::AllBooks,
        vec![row("TL0001", "CONVERTED"), row("TL0002", "CONVERTED")],
    );
    assert_eq!(codes(&shelf.claim(&[Queue::Previous])), ["TL0001"]);
    assert_eq!(codes(&shelf.claim(&[Queue::Unconverted])), ["TL0002"]);
}

#[test]
fn an_archive_that_is_said_to_be_there_and_is_not_does_not_turn_in_a_circle() {
    let mut shelf = Shelf::new();
    shelf.list(ListKind::Converted, vec![converted("TL0001", "2025/06/01")]);
    let mut circles = 0;
    for _ in 0..20 {
        for claimed in shelf.claim(&[Queue::Converted]) {
            circles += 1;
            shelf.settle(&claimed, ClaimSettlement::NotConverted).unwrap();
        }
        if !plan(&mut shelf, &[Queue::Converted], 9).is_empty() {
            answer(
                &mut shelf,
                "TL0001",
                O::AlreadyAvailable,
                "Already available for download",
            );
        }
    }
    assert_eq!(circles, 1, "the next look waits for its time");
    assert_eq!(shelf.state("TL0001"), S::Available);
    shelf.clock.advance(HOUR);
    assert_eq!(shelf.claim(&[Queue::Converted]).len(), 1);
}

#[test]
fn failed_conversions_come_due_in_their_queue_and_in_failed_once_a_run() {
    let mut shelf = Shelf::new();
    shelf.list(ListKind::Failed, vec![failed("TL0001", "2026/01/09", "Bad pages")]);
    assert!(plan(&mut shelf, &[Queue::Unconverted], 9).is_empty());
    assert!(
        plan(&mut shelf, &[Queue::Failed], 9).is_empty(),
        "it failed in this run"
    );
    shelf.reopen();
    assert_eq!(plan(&mut shelf, &[Queue::Failed], 9).len(), 1);
    shelf.clock.advance(DAY);
    assert_eq!(plan(&mut shelf, &[Queue::Unconverted], 9).len(), 1);
    let report = shelf.reader().report(&WantedBooks::default()).unwrap();
    assert_eq!(report.conversion_failures, [("Bad pages".to_owned(), 1)]);
}

#[test]
fn an_outdated_stored_book_is_asked_for_once_and_fetched_when_converted_anew() {
    let mut shelf = Shelf::new();
    shelf.list(ListKind::Converted, vec![converted("TL0001", "2025/06/01")]);
    shelf.store("TL0001", "\"a\"");
    assert!(plan(&mut shelf, &[Queue::Changed], 9).is_empty());
    let mut worked_on = row("TL0001", "PREVIOUSLY_DOWNLOADED");
    worked_on.dates.ocr = GrinDate::read("2025/12/01 00:00");
    shelf.list(ListKind::AllBooks, vec![worked_on]);
    assert_eq!(plan(&mut shelf, &[Queue::Changed], 9).len(), 1);
    answer(&mut shelf, "TL0001", O::Requested, "Success");
    assert_eq!(shelf.state("TL0001"), S::Stored, "what is stored stays stored");
    assert!(plan(&mut shelf, &[Queue::Changed], 9).is_empty(), "not asked for twice");
    shelf.clock.advance(DAY);
    shelf.list(ListKind::Converted, vec![converted("TL0001", "2026/01/11")]);
    assert!(plan(&mut shelf, &[Queue::Changed], 9).is_empty());
    assert_eq!(codes(&shelf.claim(&[Queue::Changed])), ["TL0001"]);
}

#[test]
fn named_books_are_asked_for_when_grin_is_known_not_to_have_them_ready() {
    let mut shelf = Shelf::new();
    shelf.list(
        ListKind::AllBooks,
        vec![
            row("TL0001", "NEW"),
            row("TL0002", "PREVIOUSLY_DOWNLOADED"),
            row("TL0003", "CHECKED_IN"),
        ],
    );
    let named = |force| BookSelection {
        force,
        ..only(&["TL0003", "TL0002", "TL0001"])
    };
    let ask = |force| PlanConversions {
        selection: named(force),
        limit: 9,
        queue_limit: 9,
    };
    assert_eq!(shelf.ledger.execute(ask(false)).unwrap().barcodes, [barcode("TL0001")]);
    assert_eq!(shelf.ledger.execute(ask(true)).unwrap().barcodes.len(), 3);
}

#[test]
fn answers_about_books_that_nobody_knows_are_counted_apart() {
    let mut shelf = Shelf::new();
    assert_eq!(answer(&mut shelf, "TL0404", O::Requested, "Success").unknown, 1);
    assert_eq!(shelf.reader().counts().unwrap().total, 0);
}
