//! When a book that is stored, given up or refused is looked at again, and when not.

use crate::catalog::engine::value::arguments;
use crate::catalog::tests::shelf::{
    DAY, HOUR, Shelf, barcode, codes, converted, given_up, only, queue, retry, row, three,
};
use crate::catalog::*;
use crate::grin::{GrinDate, ListKind, ListRow, ProcessOutcome as O};

use BookState as S;

fn plan(shelf: &mut Shelf, selection: BookSelection) -> ConversionPlan {
    let ask = PlanConversions {
        selection,
        limit: 9,
        queue_limit: 10,
    };
    shelf.ledger.execute(ask).unwrap()
}

fn asked(shelf: &mut Shelf, selection: BookSelection) -> Vec<String> {
    let plan = plan(shelf, selection);
    plan.barcodes.iter().map(ToString::to_string).collect()
}

fn answer(shelf: &mut Shelf, code: &str, outcome: O) {
    let answers = vec![(barcode(code), outcome, "words".to_owned())];
    shelf.ledger.execute(RecordConversions(answers)).unwrap();
}

/// A row of the list of all books: state, and when GRIN worked on the book last.
fn worked_on(state: &str, processed: &str) -> ListRow {
    let mut worked_on = row("TL0001", state);
    worked_on.dates.processed = GrinDate::read(processed);
    worked_on
}

/// Home, judged by the conversion of 1 June 2025.
fn home() -> Shelf {
    let mut shelf = Shelf::new();
    shelf.list(ListKind::Converted, vec![converted("TL0001", "2025/06/01 00:00")]);
    shelf.store("TL0001", "\"a\"");
    shelf
}

#[test]
fn dates_that_cannot_be_read_decide_nothing() {
    for odd in ["pending", "zzzz", "2029/02/30 00:00"] {
        let mut shelf = home();
        shelf.list(ListKind::AllBooks, vec![worked_on("CONVERTED", odd)]);
        assert!(asked(&mut shelf, queue(&[Queue::Changed])).is_empty(), "{odd}");
        shelf.list(ListKind::Converted, vec![converted("TL0001", odd)]);
        assert!(shelf.claim(&[Queue::Changed]).is_empty(), "{odd}");
        shelf.list(ListKind::Converted, vec![converted("TL0001", "2026/01/01 00:00")]);
        assert_eq!(codes(&shelf.claim(&[Queue::Changed])), ["TL0001"], "{odd}");
    }
}

#[test]
fn a_book_judged_by_an_odd_date_is_looked_at_when_a_date_can_be_read() {
    let mut shelf = Shelf::new();
    shelf.list(ListKind::Converted, vec![converted("TL0001", "pending")]);
    shelf.store("TL0001", "\"a\"");
    assert!(shelf.claim(&[Queue::Changed]).is_empty());
    shelf.list(ListKind::Converted, vec![converted("TL0001", "2025/06/01 00:00")]);
    assert_eq!(codes(&shelf.claim(&[Queue::Changed])), ["TL0001"]);
}

#[test]
fn a_book_fetched_before_a_list_gave_its_date_is_compared_once_when_one_does() {
    let mut shelf = Shelf::new();
    shelf.list(ListKind::AllBooks, vec![row("TL0001", "CONVERTED")]);
    shelf.store("TL0001", "\"a\"");
    assert!(shelf.claim(&[Queue::Changed]).is_empty(), "nothing new was said");
    shelf.list(ListKind::Converted, vec![converted("TL0001", "2025/06/01 00:00")]);
    let claimed = shelf.claim(&[Queue::Changed]);
    assert_eq!(codes(&claimed), ["TL0001"]);
    shelf.settle(&claimed[0], ClaimSettlement::UpToDate).unwrap();
    assert!(shelf.claim(&[Queue::Changed]).is_empty(), "once");
}

#[test]
fn a_given_up_book_without_a_date_comes_back_with_its_first() {
    let mut shelf = Shelf::new();
    shelf.list(ListKind::AllBooks, vec![row("TL0001", "CONVERTED")]);
    let claimed = shelf.claim_of("one", only(&["TL0001"]), 1);
    shelf.settle(&claimed[0], given_up("damaged_at_source")).unwrap();
    shelf.list(ListKind::AllBooks, vec![row("TL0001", "CONVERTED")]);
    assert_eq!(shelf.state("TL0001"), S::Failed);
    shelf.list(ListKind::Converted, vec![converted("TL0001", "2025/06/01 00:00")]);
    assert_eq!(shelf.state("TL0001"), S::Available);
    let claimed = shelf.claim_of("one", only(&["TL0001"]), 1);
    shelf.settle(&claimed[0], given_up("damaged_at_source")).unwrap();
    shelf.list(ListKind::Converted, vec![converted("TL0001", "2025/06/01 00:00")]);
    assert_eq!(shelf.state("TL0001"), S::Failed, "not in a circle");
}

#[test]
fn a_newer_archive_that_left_the_pool_before_it_was_fetched_is_asked_for_again() {
    let mut shelf = home();
    shelf.list(ListKind::Converted, vec![converted("TL0001", "2025/09/01 00:00")]);
    shelf.complete_pass(ListKind::Converted, vec![converted("TL0009", "2025/10/01 00:00")]);
    assert!(
        shelf.claim(&[Queue::Changed]).is_empty(),
        "there is nothing to fetch now"
    );
    assert_eq!(asked(&mut shelf, queue(&[Queue::Changed])), ["TL0001"]);
    assert_eq!(asked(&mut shelf, only(&["TL0001"])), ["TL0001"]);
    answer(&mut shelf, "TL0001", O::Requested);
    assert!(asked(&mut shelf, queue(&[Queue::Changed])).is_empty(), "not twice");
}

#[test]
fn what_was_asked_for_stored_books_fills_grins_queue_too() {
    let mut shelf = home();
    shelf.complete_pass(ListKind::Converted, Vec::new());
    shelf.list(ListKind::AllBooks, vec![worked_on("CHECKED_IN", "2025/12/01 00:00")]);
    answer(&mut shelf, "TL0001", O::Requested);
    assert_eq!(shelf.state("TL0001"), S::Stored);
    let full = plan(&mut shelf, queue(&[Queue::All]));
    assert_eq!((full.in_queue, full.room), (1, 9));
    shelf.list(ListKind::InProcess, vec![row("TL0001", "")]);
    assert_eq!(plan(&mut shelf, queue(&[Queue::All])).in_queue, 1, "counted once");
    shelf.clock.advance(DAY * 30);
    shelf.complete_pass(ListKind::InProcess, Vec::new());
    assert_eq!(
        plan(&mut shelf, queue(&[Queue::All])).in_queue,
        0,
        "GRIN has forgotten it"
    );
}

#[test]
fn a_newer_archive_that_grin_refuses_or_has_ready_already_is_not_asked_for_without_pause() {
    for outcome in [O::NotAllowed, O::AlreadyAvailable] {
        let mut shelf = home();
        shelf.list(ListKind::AllBooks, vec![worked_on("CONVERTED", "2025/12/01 00:00")]);
        assert_eq!(asked(&mut shelf, queue(&[Queue::Changed])), ["TL0001"]);
        answer(&mut shelf, "TL0001", outcome);
        assert_eq!(shelf.state("TL0001"), S::Stored);
        assert!(asked(&mut shelf, queue(&[Queue::Changed])).is_empty(), "{outcome}");
        shelf.list(ListKind::Converted, vec![converted("TL0001", "2026/01/01 00:00")]);
        assert_eq!(
            codes(&shelf.claim(&[Queue::Changed])),
            ["TL0001"],
            "{outcome}: there it is"
        );
    }
}

#[test]
fn what_grin_refused_is_not_asked_for_again_until_it_says_something_else() {
    let mut shelf = Shelf::new();
    shelf.list(ListKind::AllBooks, vec![row("TL0001", "NEW")]);
    answer(&mut shelf, "TL0001", O::NotAllowed);
    shelf.complete_pass(ListKind::AllBooks, vec![row("TL0001", "NEW")]);
    assert_eq!(shelf.state("TL0001"), S::Unavailable, "it said NEW before");
    assert!(asked(&mut shelf, queue(&[Queue::Unconverted])).is_empty());
    let forced = BookSelection {
        force: true,
        ..only(&["TL0001"])
    };
    assert_eq!(asked(&mut shelf, forced), ["TL0001"], "a person may");
    shelf.complete_pass(ListKind::AllBooks, vec![row("TL0001", "CHECKED_IN")]);
    assert_eq!(shelf.state("TL0001"), S::Known);
}

#[test]
fn of_named_books_those_that_were_lost_can_be_asked_for_alone() {
    let mut shelf = Shelf::new();
    shelf.list(
        ListKind::AllBooks,
        vec![row("TL0001", "NEW"), row("TL0002", "CONVERTED")],
    );
    shelf.clock.advance(DAY);
    shelf.complete_pass(ListKind::Converted, Vec::new());
    let named = |lost_only| BookSelection {
        lost_only,
        ..only(&["TL0001", "TL0002"])
    };
    assert_eq!(asked(&mut shelf, named(false)), ["TL0001", "TL0002"]);
    assert_eq!(asked(&mut shelf, named(true)), ["TL0002"]);
}

#[test]
fn the_queue_of_changed_books_compares_what_is_ready_from_time_to_time() {
    let mut shelf = home();
    let recheck = |shelf: &Shelf| BookSelection {
        recheck_before: shelf.clock.now().checked_sub(DAY * 30).ok(),
        ..queue(&[Queue::Changed])
    };
    let selection = recheck(&shelf);
    assert!(shelf.claim_of("one", selection, 9).is_empty());
    shelf.clock.advance(DAY * 31);
    let selection = recheck(&shelf);
    let claimed = shelf.claim_of("one", selection.clone(), 9);
    assert_eq!(codes(&claimed), ["TL0001"]);
    shelf.settle(&claimed[0], ClaimSettlement::UpToDate).unwrap();
    assert!(shelf.claim_of("one", selection, 9).is_empty());
    shelf.complete_pass(ListKind::Converted, Vec::new());
    shelf.clock.advance(DAY * 31);
    let selection = recheck(&shelf);
    assert!(
        shelf.claim_of("one", selection, 9).is_empty(),
        "GRIN has none ready to compare with"
    );
}

#[test]
fn books_in_rows_that_could_not_be_taken_are_listed_all_the_same() {
    let mut shelf = Shelf::new();
    let rows = || {
        ["TL0001", "TL0002", "TL0003", "TL0004"]
            .map(|code| row(code, "NEW"))
            .to_vec()
    };
    shelf.complete_pass(ListKind::AllBooks, rows());
    shelf.clock.advance(DAY);
    let pass = shelf.pass(ListKind::AllBooks);
    let part = ListPart {
        list: ListKind::AllBooks,
        pass: Some(pass),
        rows: rows()[..2].to_vec(),
        sighted: vec![barcode("TL0003"), barcode("TL0404")],
        unsure: 0,
        next: None,
    };
    shelf.ledger.execute(part).unwrap();
    assert_eq!(shelf.finish(pass, true).vanished, 1);
    let vanished = |shelf: &Shelf, code| shelf.text(code, "vanished_at").is_some();
    assert!(!vanished(&shelf, "TL0003") && vanished(&shelf, "TL0004"));
    assert_eq!(shelf.reader().counts().unwrap().total, 4, "nothing is invented");
}

#[test]
fn the_text_of_a_date_goes_with_the_date() {
    let mut shelf = Shelf::new();
    let scanned = |date: &str| {
        let mut row = row("TL0001", "NEW");
        row.dates.scanned = GrinDate::read(date);
        row
    };
    shelf.list(ListKind::AllBooks, vec![scanned("2011-2-3 04:05")]);
    assert!(shelf.text("TL0001", "raw_values").unwrap().contains("2011-2-3"));
    shelf.list(ListKind::AllBooks, vec![scanned("2012/05/06 07:08")]);
    assert_eq!(shelf.text("TL0001", "raw_values").as_deref(), Some("{}"));
}

#[test]
fn the_indexes_answer_for_the_rules() {
    let shelf = Shelf::in_file();
    let plan = |filter: &str, order: &str| {
        let sql = format!("SELECT id FROM books WHERE state = 'stored' AND {filter} ORDER BY {order} LIMIT 9");
        shelf.plan(&sql)
    };
    let newer = plan(
        crate::catalog::observations::dates::NEWER,
        "priority DESC, ifnull(converted_date, '9'), barcode",
    );
    assert!(newer.contains("books_newer"), "{newer}");
    let outdated = plan(crate::catalog::observations::dates::OUTDATED, "priority DESC, id");
    assert!(outdated.contains("books_outdated"), "{outdated}");
    for checked in ["IS NULL", "< '2026'"] {
        let compared = plan(
            &format!("listed_converted = 1 AND last_etag_check {checked}"),
            "last_etag_check, id",
        );
        assert!(
            compared.starts_with("SEARCH") && compared.contains("books_compare"),
            "{compared}"
        );
    }
}

#[test]
fn a_catalog_of_version_one_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../writer/schema/0001.sql")).unwrap();
    old.execute_batch(
        "INSERT INTO books (barcode, state, state_at, created_at, updated_at, judged_converted_date)
         VALUES ('TL0001', 'stored', '', '', '', 'pending'), ('TL0002', 'stored', '', '', '', '2025-06-01T00:00:00');
         PRAGMA application_id = 0x4752494e; PRAGMA user_version = 1",
    )
    .unwrap();
    drop(old);
    let ledger = CatalogLedger::open(&path, SystemClock::system(), CatalogPolicy::default()).unwrap();
    let version: i64 = ledger
        .conn()
        .as_sqlite()
        .unwrap()
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(version, SCHEMA_VERSION);
    let judged = |code: &str| -> Option<String> {
        let sql = "SELECT judged_converted_date FROM books WHERE barcode = :code";
        let conn = ledger.conn();
        conn.one(sql, &arguments! { code: code }, |row| row.at(0)).unwrap()
    };
    assert_eq!(judged("TL0001"), None);
    assert_eq!(judged("TL0002").as_deref(), Some("2025-06-01T00:00:00"));
}

#[test]
fn a_book_that_waits_for_its_time_is_not_handed_out_before() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    let claimed = shelf.claim_of("one", queue(&[Queue::Converted]), 1);
    let at = shelf.now_plus(HOUR);
    assert_eq!(shelf.settle(&claimed[0], retry(at)).unwrap(), S::Available);
    assert_eq!(
        shelf.reader().report(&WantedBooks::default()).unwrap().next_due,
        Some(crate::clock::stamp(at))
    );
    for (selection, due) in [
        (queue(&[Queue::Converted]), Some(at)),
        (only(&["TL0002"]), Some(at)),
        (only(&["TL0001"]), None),
        // Not of this queue, and left out.
        (queue(&[Queue::Changed]), None),
        (
            BookSelection {
                except: [barcode("TL0002")].into(),
                ..queue(&[Queue::Converted])
            },
            None,
        ),
    ] {
        let put_off = ListPutOff { selection, limit: 9 };
        let put_off = shelf.ledger.execute(put_off).unwrap();
        let told = put_off
            .iter()
            .map(|book| (book.barcode.as_str(), book.reason, book.until));
        let expected = due.map(|at| ("TL0002", Some(crate::vocabulary::FailureReason::Timeout), at));
        assert_eq!(told.collect::<Vec<_>>(), Vec::from_iter(expected));
    }
    assert_eq!(codes(&shelf.claim(&[Queue::Converted])), ["TL0001", "TL0003"]);
    shelf.clock.advance(HOUR);
    let again = shelf.claim_of("two", queue(&[Queue::Converted]), 9);
    assert_eq!(
        codes(&again),
        ["TL0002", "TL0001", "TL0003"],
        "its time has come, and the other owner's leases have run out"
    );
    assert_eq!(again[0].attempts, 1);
    assert_eq!(shelf.reader().report(&WantedBooks::default()).unwrap().next_due, None);
}

#[test]
fn a_book_that_was_put_decades_ahead_is_due_after_the_next_start() {
    let mut shelf = Shelf::new();
    three(&mut shelf);
    for (code, at) in [
        ("TL0001", "2099-01-01T00:00:00.000Z"),
        ("TL0002", "2026-02-01T00:00:00.000Z"),
    ] {
        let sql = format!("UPDATE books SET next_attempt_at = '{at}' WHERE barcode = '{code}'");
        shelf.ledger.conn().execute(&sql, &[]).unwrap();
    }
    let sql = "INSERT INTO second_copies (book, due_at) SELECT id, '2099-01-01T00:00:00.000Z' FROM books";
    shelf.ledger.conn().execute(sql, &[]).unwrap();
    let sql = "UPDATE books SET hook_due_at = '2099-01-01T00:00:00.000Z'";
    shelf.ledger.conn().execute(sql, &[]).unwrap();
    assert_eq!(codes(&shelf.claim(&[Queue::Converted])), ["TL0003"]);
    shelf.reopen();
    assert_eq!(codes(&shelf.claim(&[Queue::Converted])), ["TL0001"]);
    let sql = "SELECT max(due_at) FROM second_copies";
    let copies: Option<String> = shelf.ledger.conn().one(sql, &[], |row| row.at(0)).unwrap();
    for due in [shelf.text("TL0002", "hook_due_at"), copies] {
        assert!(due.as_deref() < Some("2099"), "{due:?}");
    }
    assert_eq!(
        shelf.text("TL0002", "next_attempt_at").as_deref(),
        Some("2026-02-01T00:00:00.000Z")
    );
}
