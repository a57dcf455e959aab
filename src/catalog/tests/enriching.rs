//! Which books are searched for, and what is recorded of the answers.

use std::time::Duration;

use crate::catalog::tests::shelf::{DAY, Shelf, barcode, found, row};
use crate::catalog::*;
use crate::grin::{Barcode, ListKind};

use BookState as S;

fn shelf_of(n: usize) -> Shelf {
    let mut shelf = Shelf::new();
    shelf.list(
        ListKind::AllBooks,
        (1..=n).map(|at| row(&format!("TL000{at}"), "NEW")).collect(),
    );
    shelf
}

fn due(shelf: &mut Shelf, older_than: Option<jiff::Timestamp>) -> Vec<Barcode> {
    shelf
        .ledger
        .execute(ToEnrich {
            limit: 100,
            older_than,
            ..ToEnrich::default()
        })
        .unwrap()
        .barcodes
}

fn record(
    shelf: &mut Shelf,
    asked: &[&str],
    answered: Vec<(Barcode, crate::grin::BookEnrichment)>,
) -> crate::catalog::observations::enrich::EnrichmentCounts {
    let asked = asked.iter().map(|code| barcode(code)).collect();
    shelf.ledger.execute(RecordEnrichment { asked, answered }).unwrap()
}

#[test]
fn only_books_that_grin_named_count_as_enriched() {
    let mut shelf = shelf_of(3);
    let answer = vec![
        found(
            "TL0001",
            &[
                ("State", "NEW"),
                ("Viewability", "VIEW_FULL"),
                ("Scanned Date", "2011/02/03 04:05"),
            ],
        ),
        found("TL0404", &[("State", "NEW")]),
    ];
    let done = record(&mut shelf, &["TL0001", "TL0002"], answer);
    assert_eq!((done.answered, done.unanswered, done.unknown), (1, 1, 1));
    assert_eq!(shelf.text("TL0001", "grin_viewability").as_deref(), Some("VIEW_FULL"));
    assert_eq!(
        shelf.text("TL0001", "scanned_date").as_deref(),
        Some("2011-02-03T04:05:00")
    );
    assert!(shelf.text("TL0001", "enrichment_timestamp").is_some());
    assert_eq!(shelf.text("TL0002", "enrichment_timestamp"), None);
    assert!(shelf.text("TL0002", "enrich_asked_at").is_some());
    assert_eq!(due(&mut shelf, None), [barcode("TL0003")]);
    assert_eq!(shelf.reader().counts().unwrap().total, 3, "a search makes no books");
}

#[test]
fn empty_cells_and_short_rows_overwrite_nothing() {
    let mut shelf = shelf_of(1);
    record(
        &mut shelf,
        &["TL0001"],
        vec![found(
            "TL0001",
            &[("State", "NEW"), ("Audit", "2%"), ("Rubbish", "false")],
        )],
    );
    record(
        &mut shelf,
        &["TL0001"],
        vec![found("TL0001", &[("State", "NEW"), ("Audit", ""), ("Rubbish", " ")])],
    );
    assert_eq!(shelf.text("TL0001", "grin_audit").as_deref(), Some("2%"));
    assert_eq!(shelf.text("TL0001", "grin_rubbish").as_deref(), Some("false"));
}

#[test]
fn books_are_searched_for_again_by_age_and_when_a_list_tells_of_a_change() {
    let mut shelf = shelf_of(2);
    record(
        &mut shelf,
        &["TL0001", "TL0002"],
        vec![found("TL0001", &[("State", "NEW")])],
    );
    assert!(due(&mut shelf, None).is_empty());
    shelf.clock.advance(DAY);
    let now = shelf.clock.now();
    assert_eq!(
        due(&mut shelf, Some(now)).len(),
        2,
        "an unanswered one comes again by age too"
    );
    shelf.list(
        ListKind::AllBooks,
        vec![row("TL0001", "NEW"), row("TL0002", "CONVERTED")],
    );
    assert_eq!(due(&mut shelf, None), [barcode("TL0002")]);
}

#[test]
fn a_pass_with_answers_still_out_sees_each_book_once() {
    let mut shelf = shelf_of(5);
    let mut after = None;
    let mut seen = Vec::new();
    loop {
        let batch = shelf
            .ledger
            .execute(ToEnrich {
                limit: 2,
                after,
                ..ToEnrich::default()
            })
            .unwrap();
        if let Some(first) = batch.barcodes.first() {
            record(&mut shelf, &[first.as_str()], vec![]);
        }
        seen.extend(batch.barcodes);
        after = batch.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["TL0001", "TL0002", "TL0003", "TL0004", "TL0005"].map(barcode));
    assert_eq!(
        due(&mut shelf, None).len(),
        2,
        "those that were not recorded are due still"
    );
}

#[test]
fn a_search_moves_books_as_a_list_does() {
    let mut shelf = shelf_of(3);
    let answers = [
        ("TL0001", "CONVERTED"),
        ("TL0002", "NOT_AVAILABLE_FOR_DOWNLOAD"),
        ("TL0003", "IN_PROCESS"),
    ];
    let answers = answers.map(|(code, word)| found(code, &[("State", word)])).to_vec();
    record(&mut shelf, &[], answers);
    let states = ["TL0001", "TL0002", "TL0003"].map(|code| shelf.state(code));
    assert_eq!(states, [S::Available, S::Unavailable, S::InProcess]);
    assert_eq!(shelf.causes("TL0001"), ["known:listed", "available:enriched"]);
}

#[test]
fn the_order_comes_from_an_index() {
    let shelf = Shelf::in_file();
    let sql = "SELECT enrich_key, id, barcode FROM books WHERE (enrich_key, id) > (0, 5) \
               AND enrich_key <= 9 AND vanished_at IS NULL ORDER BY enrich_key, id LIMIT 4";
    let plan = shelf.plan(sql);
    assert!(plan.contains("books_enrich"), "{plan}");
}

#[test]
fn only_books_of_the_queues_named_are_searched_for() {
    let mut shelf = Shelf::new();
    shelf.list(
        ListKind::AllBooks,
        vec![
            row("TL0001", "NEW"),
            row("TL0002", "PREVIOUSLY_DOWNLOADED"),
            row("TL0003", "CHECKED_IN"),
        ],
    );
    let mut of = |queues: &[Queue]| {
        let queues = queues.to_vec();
        let ask = ToEnrich {
            limit: 9,
            queues,
            ..ToEnrich::default()
        };
        shelf.ledger.execute(ask).unwrap().barcodes
    };
    assert_eq!(of(&[Queue::Unconverted]), [barcode("TL0001")]);
    assert_eq!(of(&[Queue::Previous]), [barcode("TL0002")]);
    assert_eq!(of(&[Queue::Failed, Queue::Changed, Queue::Converted]), []);
    assert_eq!(of(&[Queue::All]).len(), 3);
    assert_eq!(of(&[]).len(), 3);
}

#[test]
fn a_book_that_a_search_does_not_name_waits_longer_each_time() {
    const HOUR: Duration = Duration::from_secs(3_600);
    let mut shelf = shelf_of(1);
    let renewed = |shelf: &Shelf| crate::clock::earlier(shelf.clock.now(), RENEW_FACTS_AFTER);
    let mut waits = Vec::new();
    for _ in 0..9 {
        record(&mut shelf, &["TL0001"], vec![]);
        let mut hours = 0;
        loop {
            shelf.clock.advance(HOUR);
            hours += 1;
            // A moment later: what is due at this very one comes with the next question.
            let moment = crate::clock::later(renewed(&shelf), Duration::from_millis(1));
            if !due(&mut shelf, Some(moment)).is_empty() {
                break;
            }
        }
        waits.push(hours);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 168]);
    // An answer begins it anew.
    record(&mut shelf, &[], vec![found("TL0001", &[("State", "NEW")])]);
    shelf.clock.advance(DAY);
    record(&mut shelf, &["TL0001"], vec![]);
    shelf.clock.advance(HOUR * 2);
    let now = renewed(&shelf);
    assert_eq!(due(&mut shelf, Some(now)).len(), 1);
}
