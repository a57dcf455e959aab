//! Runs that end by themselves: what GRIN refuses, what it asks to wait, and what takes no book.

use super::*;
use crate::catalog::CatalogError;

const MINUTE: Duration = Duration::from_secs(60);

fn not_served(retry_after: Option<Duration>) -> BookFault {
    (&SessionError::NotServed {
        status: 503,
        retry_after,
    })
        .into()
}

/// So many books that fail, and good ones up to sixty.
fn library(bad: usize, fault: &BookFault) -> LibraryStub {
    let library = LibraryStub::new();
    for number in 0..60 {
        let fate = match number < bad {
            true => Fate::Fails(fault.clone()),
            false => Fate::Good,
        };
        library.add(&format!("BOOK{number:02}"), fate, Duration::ZERO);
    }
    library
}

fn asked_in_all(run: &Run) -> usize {
    (0..60)
        .map(|number| run.library.asked(&format!("BOOK{number:02}")))
        .sum()
}

#[tokio::test(start_paused = true)]
async fn archives_that_are_not_served_keep_the_good_ones_waiting_for_a_minute_at_most() {
    for bad in [6, 12, 25] {
        for retry_after in [None, Some(MINUTE * 10), Some(MINUTE * 60)] {
            let began = Instant::now();
            let (run, report) = once(library(bad, &not_served(retry_after))).await;
            assert_eq!(run.library.stored(), 60 - bad, "{bad} {retry_after:?}: {report:?}");
            let last = run.library.last_good_stored();
            assert!(last < MINUTE, "{bad} {retry_after:?}: {last:?}");
            assert!(
                began.elapsed() < MINUTE * 11,
                "{bad} {retry_after:?}: {:?}",
                began.elapsed()
            );
            assert!(!report.left.is_empty(), "{bad} {retry_after:?}");
            assert_eq!(run.library.failed(), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn where_no_archive_is_served_the_run_ends_within_minutes_and_says_why() {
    for retry_after in [None, Some(MINUTE * 5), Some(MINUTE * 60)] {
        let began = Instant::now();
        let (run, report) = once(library(60, &not_served(retry_after))).await;
        assert!(began.elapsed() < MINUTE * 11, "{retry_after:?}: {:?}", began.elapsed());
        assert_eq!((run.library.stored(), run.library.failed()), (0, 0));
        assert!(
            report.stopped_by.is_some() || !report.left.is_empty(),
            "{retry_after:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn where_every_archive_is_refused_no_book_fails_and_a_person_is_called() {
    let redirected = SessionError::Redirect(crate::grin::RedirectRefused::ForeignHost("files.example".to_owned()));
    for (fault, says) in [
        (forbidden(), "refuses this account"),
        ((&redirected).into(), "grin.redirect_hosts"),
    ] {
        let began = Instant::now();
        let (run, report) = once(library(60, &fault)).await;
        assert!(began.elapsed() < MINUTE * 10, "{:?}", began.elapsed());
        assert_eq!((run.library.stored(), run.library.failed()), (0, 0));
        let stopped_by = report.stopped_by.expect("it gives up");
        assert!(
            stopped_by.needs_person && stopped_by.why.contains(says),
            "{stopped_by:?}"
        );
        let charged: u32 = run.library.books.borrow().values().map(|book| book.attempts).sum();
        assert!(charged < 10, "{charged}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_grin_asks_of_everybody_ends_the_run_and_leaves_every_book_as_it_is() {
    let library = library(0, &forbidden());
    library.outage(WaitCause::Gate, Duration::ZERO, MINUTE * 60);
    let (run, report) = once(library).await;
    let stopped_by = report.stopped_by.clone().expect("it gives up");
    assert_eq!(stopped_by.cause, WaitCause::Gate);
    assert!(report.left[0].contains("60 books are left"), "{report:?}");
    let now = Instant::now();
    for (code, book) in run.library.books.borrow().iter() {
        assert!(book.due <= now && book.attempts == 0, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_storage_without_room_that_looks_as_if_it_had_some_is_given_up_after_some_books() {
    let full = StorageError::Full {
        place: "/library".into(),
        detail: "the quota is used up".into(),
    };
    let (run, report) = once(library(60, &(&full).into())).await;
    let stopped_by = report.stopped_by.expect("it gives up");
    assert_eq!(stopped_by.cause, WaitCause::Disk);
    let asked = asked_in_all(&run);
    assert!(asked <= 8 * 2 + 3, "{asked}");
}

#[tokio::test(start_paused = true)]
async fn a_catalog_that_is_gone_ends_the_run_at_once() {
    let library = LibraryStub::new();
    library.add("HANGS1", Fate::Hangs, Duration::ZERO);
    let (run, control) = Run::new(library);
    let scope = scope(true);
    let mut fan_out = FanOut::new(Rc::clone(&run.library), control, &scope);
    let began = Instant::now();
    let gone = CatalogError::Gone {
        path: "catalog.db".into(),
    };
    let judgement = Rc::clone(&fan_out.judgement);
    let losing = async {
        tokio::time::sleep(SECOND).await;
        let intake = &mut judgement.borrow_mut().intake;
        intake.call_failed(&BookFault::from(&gone), Instant::now(), &mut rand::rng());
    };
    futures::join!(fan_out.run(), losing);
    assert!(began.elapsed() < MINUTE, "{:?}", began.elapsed());
    assert!(run.cut.is_cancelled(), "what is still fetched could not be recorded");
}

#[tokio::test(start_paused = true)]
async fn books_that_were_put_off_before_are_waited_for_or_told() {
    for (due_in, stored, is_left) in [(MINUTE * 5, 1, false), (MINUTE * 60, 0, true)] {
        let library = LibraryStub::new();
        library.add("GOOD01", Fate::Good, due_in);
        let began = Instant::now();
        let (run, report) = once(library).await;
        assert_eq!(
            (run.library.stored(), report.left.is_empty()),
            (stored, !is_left),
            "{report:?}"
        );
        assert!(!is_left || began.elapsed() < MINUTE, "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_left_to_the_next_run_anyway_is_not_waited_for() {
    for fault in [not_served(Some(MINUTE * 10)), forbidden()] {
        let began = Instant::now();
        let (run, report) = once(library(1, &fault)).await;
        assert_eq!(run.library.stored(), 59);
        assert!(report.left[1].starts_with("BOOK00: "), "{report:?}");
        assert!(began.elapsed() < MINUTE, "{fault:?}: {:?}", began.elapsed());
    }
}

/// GRIN hands out a page about its maintenance for an hour, after it has served many archives.
#[tokio::test(start_paused = true)]
async fn a_page_in_place_of_every_archive_costs_few_books_an_attempt_although_archives_were_served_before() {
    let library = LibraryStub::new();
    for number in 0..100 {
        library.add(&format!("BOOK{number:03}"), Fate::Good, MINUTE * number);
    }
    library.outage(WaitCause::Failures, MINUTE * 30, MINUTE * 60);
    let run = daemon(library, MINUTE * 60 * 6).await;
    assert_eq!(run.library.stored(), 100);
    let charged: u32 = run.library.books.borrow().values().map(|book| book.attempts).sum();
    let most = u32::try_from(crate::pipeline::policy::MOST_ALIKE).unwrap();
    assert!((1..most).contains(&charged), "{charged}");
}

#[tokio::test(start_paused = true)]
async fn where_grin_has_no_archive_that_its_list_names_work_pauses_and_no_book_is_taken_for_unconverted() {
    for books in [8, 40] {
        let library = LibraryStub::new();
        for number in 0..books {
            library.add(&format!("BOOK{number:02}"), Fate::Missing(MINUTE * 30), Duration::ZERO);
        }
        let (run, control) = Run::new(library);
        let scope = scope(false);
        let mut fan_out = FanOut::new(Rc::clone(&run.library), control, &scope);
        let watching = async {
            tokio::time::sleep(MINUTE).await;
            let waiting = run.progress.snapshot().waiting.expect("nothing is begun");
            assert!(
                waiting.cause == WaitCause::Failures && !waiting.needs_person,
                "{waiting:?}"
            );
            assert!(waiting.why.contains("its own list calls converted"), "{waiting:?}");
            tokio::time::sleep(MINUTE * 90).await;
            assert!(run.progress.snapshot().waiting.is_none());
            run.stop.cancel();
        };
        futures::join!(fan_out.run(), watching);
        assert_eq!(run.library.stored(), books);
        let charged: u32 = run.library.books.borrow().values().map(|book| book.attempts).sum();
        assert_eq!(charged, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn one_archive_that_grin_dropped_is_that_books() {
    let library = LibraryStub::new();
    for number in 0..20 {
        let fate = match number % 5 {
            0 => Fate::Missing(Duration::MAX),
            _ => Fate::Good,
        };
        library.add(&format!("BOOK{number:02}"), fate, MINUTE * number);
    }
    let run = daemon(library, MINUTE * 60).await;
    assert_eq!(run.library.stored(), 16);
    assert_eq!(run.library.count(BookOutcome::NotConverted), 4);
}

/// Nothing would show that it is over.
#[tokio::test(start_paused = true)]
async fn a_pause_ends_when_no_book_is_left_that_could_be_refused() {
    let library = LibraryStub::new();
    for number in 0..10 {
        library.add(&format!("BOOK{number:02}"), Fate::Fails(forbidden()), Duration::ZERO);
    }
    let (run, control) = Run::new(library);
    let scope = scope(false);
    let mut fan_out = FanOut::new(Rc::clone(&run.library), control, &scope);
    let watching = async {
        tokio::time::sleep(MINUTE).await;
        assert!(run.progress.snapshot().waiting.is_some());
        // A list names them no more.
        let mut books = std::mem::take(&mut *run.library.books.borrow_mut());
        books
            .values_mut()
            .for_each(|book| book.end = Some(BookOutcome::NotConverted));
        *run.library.books.borrow_mut() = books;
        tokio::time::sleep(MINUTE * 2).await;
        assert!(run.progress.snapshot().waiting.is_none());
        run.stop.cancel();
    };
    futures::join!(fan_out.run(), watching);
}

#[tokio::test(start_paused = true)]
async fn where_few_books_are_left_an_outage_is_told_and_work_resumes_soon_after_it() {
    let library = LibraryStub::new();
    for number in 0..5 {
        library.add(&format!("BOOK{number}"), Fate::Good, Duration::ZERO);
    }
    library.outage(WaitCause::Grin, Duration::ZERO, MINUTE * 10);
    library.add("LATER1", Fate::Good, MINUTE * 10);
    let (run, control) = Run::new(library);
    let scope = scope(false);
    let mut fan_out = FanOut::new(Rc::clone(&run.library), control, &scope);
    let watching = async {
        tokio::time::sleep(MINUTE).await;
        let waiting = run.progress.snapshot().waiting;
        assert_eq!(waiting.map(|wait| wait.cause), Some(WaitCause::Grin));
        tokio::time::sleep(MINUTE * 10).await;
        assert!(run.progress.snapshot().waiting.is_none());
        run.stop.cancel();
    };
    futures::join!(fan_out.run(), watching);
    assert_eq!(run.library.stored(), 6);
    let last = run.library.last_stored_after(MINUTE * 10);
    assert!(last <= SECOND * 45, "{last:?}");
}
