//! Passes over lists, and what their silence means.

use std::time::Duration;

use crate::catalog::tests::sharing::{MEMBERSHIP, acquire, card, join, renew};
use crate::catalog::tests::shelf::{DAY, Shelf, barcode, converted, row};
use crate::catalog::*;
use crate::grin::{ListKind, ProcessOutcome};

use BookState as S;

fn all(codes: &[&str]) -> Vec<crate::grin::ListRow> {
    codes.iter().map(|code| row(code, "NEW")).collect()
}

#[test]
fn only_a_complete_pass_marks_what_vanished() {
    let mut shelf = Shelf::new();
    shelf.complete_pass(ListKind::AllBooks, all(&["TL0001", "TL0002", "TL0003"]));
    let pass = shelf.pass(ListKind::AllBooks);
    shelf.clock.advance(Duration::from_secs(1));
    shelf.rows(ListKind::AllBooks, Some(pass), all(&["TL0001", "TL0002"]));
    assert_eq!(shelf.finish(pass, false).vanished, 0);
    assert_eq!(
        shelf.text("TL0003", "vanished_at"),
        None,
        "nothing is concluded from an incomplete pass"
    );

    let end = shelf.complete_pass(ListKind::AllBooks, all(&["TL0001", "TL0002"]));
    assert_eq!((end.rows, end.vanished, end.doubtful), (2, 1, false));
    assert!(shelf.text("TL0003", "vanished_at").is_some());
    assert_eq!(
        shelf
            .complete_pass(ListKind::AllBooks, all(&["TL0001", "TL0002"]))
            .vanished,
        0,
        "once is enough"
    );

    shelf.complete_pass(ListKind::AllBooks, all(&["TL0001", "TL0002", "TL0003"]));
    assert_eq!(shelf.text("TL0003", "vanished_at"), None);
    let story = shelf.reader().explain(&barcode("TL0003")).unwrap().unwrap();
    let told: Vec<_> = story.history.iter().map(|event| event.status_value.as_str()).collect();
    assert_eq!(told, ["known", "vanished", "listed_again"]);
}

#[test]
fn a_pass_that_misses_most_books_is_not_believed() {
    let mut shelf = Shelf::new();
    shelf.complete_pass(ListKind::AllBooks, all(&["TL0001", "TL0002", "TL0003", "TL0004"]));
    let end = shelf.complete_pass(ListKind::AllBooks, all(&["TL0001"]));
    assert_eq!((end.vanished, end.doubtful), (0, true));
    assert_eq!(shelf.text("TL0002", "vanished_at"), None);
    let lists = shelf.reader().report(&WantedBooks::default()).unwrap().lists;
    assert!(lists[0].note.as_deref().unwrap().contains("too few rows"));
}

#[test]
fn an_empty_list_after_many_books_is_believed_at_the_second_look() {
    let mut shelf = Shelf::new();
    let codes: Vec<_> = (0..200).map(|number| format!("TL{number:04}")).collect();
    shelf.complete_pass(
        ListKind::Converted,
        codes.iter().map(|code| converted(code, "2026/01/09 10:00")).collect(),
    );
    for (wait, doubtful) in [(1, true), (1, true), (20, false)] {
        shelf.clock.advance(Duration::from_mins(wait));
        let end = shelf.complete_pass(ListKind::Converted, Vec::new());
        assert_eq!(
            (end.doubtful, end.vanished),
            (doubtful, if doubtful { 0 } else { 200 }),
            "{wait}"
        );
    }
}

#[test]
fn a_pass_is_resumed_only_within_a_day() {
    for (hours, resumed) in [(1, true), (25, false)] {
        let mut shelf = Shelf::new();
        let pass = shelf.pass(ListKind::AllBooks);
        let part = ListPart {
            list: ListKind::AllBooks,
            pass: Some(pass),
            rows: all(&["TL0001"]),
            sighted: Vec::new(),
            unsure: 0,
            next: Some("https://x.example/_all_books?first=2".into()),
        };
        shelf.ledger.execute(part).unwrap();
        shelf.clock.advance(Duration::from_hours(hours));
        let begin = BeginPass {
            list: ListKind::AllBooks,
            resume: true,
            fence: None,
        };
        let again = shelf.ledger.execute(begin).unwrap();
        assert_eq!(
            (again.id == pass, again.next.is_some(), again.last_rows),
            (resumed, resumed, None),
            "{hours}"
        );
    }
}

#[test]
fn an_archive_that_left_the_pool_is_asked_for_again() {
    let mut shelf = Shelf::new();
    shelf.complete_pass(
        ListKind::Converted,
        vec![converted("TL0001", "2025/06/01"), converted("TL0002", "2025/06/02")],
    );
    let end = shelf.complete_pass(ListKind::Converted, vec![converted("TL0002", "2025/06/02")]);
    assert_eq!(end.vanished, 1);
    assert_eq!(shelf.state("TL0001"), S::Known);
    assert_eq!(shelf.causes("TL0001"), ["available:listed", "known:not_listed"]);
    assert_eq!(shelf.value::<i64>("TL0001", "attempts"), 0);
    for queue in [Queue::Converted, Queue::Previous, Queue::Unconverted] {
        let plan = PlanConversions {
            selection: crate::catalog::tests::shelf::queue(&[queue]),
            limit: 9,
            queue_limit: 9,
        };
        assert_eq!(
            shelf.ledger.execute(plan).unwrap().barcodes,
            [barcode("TL0001")],
            "{queue}: never orphaned"
        );
    }
}

#[test]
fn one_odd_row_in_each_pass_keeps_no_book_available_that_is_gone() {
    let mut shelf = Shelf::new();
    let list = ListKind::Converted;
    let rows = |codes: &[&str]| -> Vec<_> { codes.iter().map(|code| converted(code, "2025/06/01")).collect() };
    shelf.odd_pass(list, rows(&["TL0001", "TL0002", "TL0003"]));
    for (codes, vanished) in [
        (&["TL0002", "TL0003"][..], 0),
        (&["TL0002"], 0),
        // Three passes over two days did not name the first book; the third one may stand behind the odd row still.
        (&["TL0002"], 1),
        (&["TL0002"], 1),
        (&["TL0002"], 0),
    ] {
        shelf.clock.advance(DAY);
        let end = shelf.odd_pass(list, rows(codes));
        assert_eq!((end.unsure, end.vanished), (1, vanished));
    }
    let states = ["TL0001", "TL0002", "TL0003"].map(|code| shelf.state(code));
    assert_eq!(states, [S::Known, S::Available, S::Known]);
}

#[test]
fn odd_rows_in_each_pass_keep_no_book_from_vanishing_or_from_being_requested_again() {
    let mut shelf = Shelf::new();
    shelf.odd_pass(ListKind::AllBooks, all(&["TL0001", "TL0002", "TL0003"]));
    let asked = |code| (barcode(code), ProcessOutcome::Requested, "Success".to_owned());
    let asked = RecordConversions(vec![asked("TL0001"), asked("TL0002")]);
    shelf.ledger.execute(asked).unwrap();
    shelf.odd_pass(ListKind::InProcess, vec![row("TL0001", ""), row("TL0002", "")]);
    for day in 1..=5 {
        shelf.clock.advance(DAY);
        shelf.odd_pass(ListKind::AllBooks, all(&["TL0001", "TL0002"]));
        shelf.odd_pass(ListKind::InProcess, vec![row("TL0002", "")]);
        shelf.odd_pass(ListKind::Converted, Vec::new());
        let lost = if day < 5 { S::InProcess } else { S::Known };
        assert_eq!(shelf.state("TL0001"), lost, "{day}");
        assert_eq!(shelf.text("TL0003", "vanished_at").is_some(), day >= 3, "{day}");
    }
    assert_eq!(shelf.state("TL0002"), S::InProcess);
}

#[test]
fn what_became_ready_during_the_pass_is_not_taken_for_gone() {
    let mut shelf = Shelf::new();
    let pass = shelf.pass(ListKind::Converted);
    shelf.clock.advance(Duration::from_secs(1));
    shelf.list(ListKind::AllBooks, vec![row("TL0001", "CONVERTED")]);
    assert_eq!(shelf.finish(pass, true).vanished, 0);
    assert_eq!(shelf.state("TL0001"), S::Available);
}

#[test]
fn a_lost_request_is_found_by_the_two_lists_together() {
    let mut shelf = Shelf::new();
    shelf.list(ListKind::AllBooks, all(&["TL0001", "TL0002"]));
    let asked = |code| (barcode(code), ProcessOutcome::Requested, "Success".to_owned());
    shelf
        .ledger
        .execute(RecordConversions(vec![asked("TL0001"), asked("TL0002")]))
        .unwrap();
    shelf.clock.advance(DAY);
    shelf.complete_pass(ListKind::InProcess, vec![row("TL0002", "")]);
    assert_eq!(shelf.state("TL0001"), S::Requested, "it may be converted by now");
    shelf.complete_pass(ListKind::Converted, vec![]);
    assert_eq!(shelf.state("TL0001"), S::Known);
    assert_eq!(shelf.state("TL0002"), S::InProcess);
}

#[test]
fn an_interrupted_pass_goes_on_where_it_was() {
    let mut shelf = Shelf::new();
    let pass = shelf.pass(ListKind::AllBooks);
    let part = ListPart {
        list: ListKind::AllBooks,
        pass: Some(pass),
        rows: all(&["TL0001"]),
        sighted: Vec::new(),
        unsure: 0,
        next: Some("https://x/_all_books?first=2".into()),
    };
    shelf.ledger.execute(part).unwrap();
    shelf.reopen();
    let again = shelf
        .ledger
        .execute(BeginPass {
            list: ListKind::AllBooks,
            resume: true,
            fence: None,
        })
        .unwrap();
    assert_eq!((again.id, again.rows), (pass, 1));
    assert_eq!(again.next.as_deref(), Some("https://x/_all_books?first=2"));
    shelf.rows(ListKind::AllBooks, Some(pass), all(&["TL0002"]));
    assert_eq!(shelf.finish(pass, true).rows, 2);
    let error = shelf
        .ledger
        .execute(FinishPass {
            pass,
            complete: true,
            none_missing: false,
            note: None,
        })
        .unwrap_err();
    assert!(matches!(error, CatalogError::NoPass(_)), "{error}");
    let fresh = shelf
        .ledger
        .execute(BeginPass {
            list: ListKind::AllBooks,
            resume: true,
            fence: None,
        })
        .unwrap();
    assert_eq!((fresh.next, fresh.rows, fresh.last_rows), (None, 0, Some(2)));
}

#[test]
fn a_part_of_a_page_does_not_take_away_where_to_go_on() {
    let mut shelf = Shelf::new();
    let pass = shelf.pass(ListKind::AllBooks);
    let next = Some("https://x/_all_books?first=2".to_owned());
    let part = ListPart {
        list: ListKind::AllBooks,
        pass: Some(pass),
        rows: all(&["TL0001"]),
        sighted: Vec::new(),
        unsure: 0,
        next: next.clone(),
    };
    shelf.ledger.execute(part).unwrap();
    shelf.rows(ListKind::AllBooks, Some(pass), all(&["TL0002"]));
    shelf.reopen();
    let begin = BeginPass {
        list: ListKind::AllBooks,
        resume: true,
        fence: None,
    };
    let again = shelf.ledger.execute(begin).unwrap();
    assert_eq!((again.id, again.next, again.rows), (pass, next, 2));
}

#[test]
fn nothing_is_recorded_of_a_pass_after_another_member_has_taken_it_over() {
    let mut shelf = Shelf::new();
    let (slow, next) = (card("a", "1"), card("b", "1"));
    join(&mut shelf, &slow);
    join(&mut shelf, &next);
    let begin = |shelf: &mut Shelf, member: &MemberCard| {
        let TaskAnswer::Held { fence } = acquire(shelf, member, SharedTask::Reading) else {
            panic!("it is free");
        };
        let begin = BeginPass {
            list: ListKind::Converted,
            resume: true,
            fence: Some(fence),
        };
        (begin, shelf.ledger.execute(begin).unwrap().id)
    };
    let (again, pass) = begin(&mut shelf, &slow);
    let part = |pass: PassId, code: &str| ListPart {
        list: ListKind::Converted,
        pass: Some(pass),
        rows: vec![converted(code, "2025/06/01")],
        sighted: Vec::new(),
        unsure: 0,
        next: Some("page-2".into()),
    };
    let finish = |pass| FinishPass {
        pass,
        complete: true,
        none_missing: false,
        note: None,
    };
    shelf.ledger.execute(part(pass, "TL0001")).unwrap();
    // It stands still for longer than its lease, and another goes on with the same pass.
    shelf.clock.advance(MEMBERSHIP * 2);
    renew(&mut shelf, &next);
    let (_, taken_over) = begin(&mut shelf, &next);
    assert_eq!(taken_over.number, pass.number);
    let late = [
        shelf.ledger.execute(part(pass, "TL0002")).map(drop),
        shelf.ledger.execute(finish(pass)).map(drop),
        shelf.ledger.execute(again).map(drop),
    ];
    for late in late {
        assert!(matches!(late, Err(CatalogError::TaskLost("reading"))), "{late:?}");
    }
    shelf.ledger.execute(part(taken_over, "TL0004")).unwrap();
    assert_eq!(shelf.ledger.execute(finish(taken_over)).unwrap().rows, 2);
}

#[test]
fn a_list_of_other_books_is_not_believed_at_once() {
    let mut shelf = Shelf::new();
    let books = |kind: &str| -> Vec<_> {
        (0..20)
            .map(|number| row(&format!("{kind}{number:04}"), "NEW"))
            .collect()
    };
    shelf.complete_pass(ListKind::AllBooks, books("TL"));
    for (wait, doubtful) in [(1, true), (1, true), (20, false)] {
        shelf.clock.advance(Duration::from_mins(wait));
        let end = shelf.complete_pass(ListKind::AllBooks, books("XX"));
        assert_eq!(
            (end.doubtful, end.vanished),
            (doubtful, if doubtful { 0 } else { 20 }),
            "{wait}"
        );
    }
}

#[test]
fn passes_that_were_not_compared_are_counted_until_one_is_complete() {
    let mut shelf = Shelf::new();
    let begin = BeginPass {
        list: ListKind::AllBooks,
        resume: true,
        fence: None,
    };
    for (note, complete, counted) in [
        (None, true, 0),
        (Some(NOT_COMPARED), false, 0),
        (Some("another fault"), false, 1),
        (Some(NOT_COMPARED), false, 1),
        (None, true, 2),
        (None, true, 0),
    ] {
        let pass = shelf.ledger.execute(begin).unwrap();
        assert_eq!(pass.uncompared, counted, "{note:?}");
        shelf
            .ledger
            .execute(FinishPass {
                pass: pass.id,
                complete,
                none_missing: false,
                note: note.map(|note| format!("{note}: a status")),
            })
            .unwrap();
    }
}
