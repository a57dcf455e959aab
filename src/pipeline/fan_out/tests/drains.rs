//! Ends before all is done: what is begun, cut, released and told.

use super::*;
use crate::pipeline::policy::BOOKS_AFTER_CUT;

#[tokio::test(start_paused = true)]
async fn a_drain_begins_nothing_more_and_ends_although_a_book_does_not() {
    let library = LibraryStub::new();
    library.add("HANGS1", Fate::Hangs, Duration::ZERO);
    for number in 0..40 {
        library.add(&format!("GOOD{number:02}"), Fate::Good, Duration::from_secs(60));
    }
    let (run, control) = Run::new(library);
    let scope = scope(false);
    let mut fan_out = FanOut::new(Rc::clone(&run.library), control, &scope);
    let (stop, cut) = (run.stop.clone(), run.cut.clone());
    let draining = async move {
        tokio::time::sleep(Duration::from_secs(30)).await;
        stop.cancel();
        tokio::time::sleep(Duration::from_secs(10)).await;
        cut.cancel();
    };
    let began = Instant::now();
    futures::join!(fan_out.run(), draining);
    assert!(
        began.elapsed() <= Duration::from_secs(40) + BOOKS_AFTER_CUT + SECOND,
        "{:?}",
        began.elapsed()
    );
    assert_eq!(run.library.stored(), 0, "nothing was begun after the drain");
    assert_eq!(run.library.claimed(), ["HANGS1"], "everything else is released");
}

#[tokio::test(start_paused = true)]
async fn a_catalog_that_does_not_answer_keeps_a_drain_no_longer_than_books_that_do_not_end() {
    let library = LibraryStub::new();
    for number in 0..40 {
        library.add(&format!("HANGS{number}"), Fate::Hangs, Duration::ZERO);
    }
    let (run, control) = Run::new(library);
    let scope = scope(false);
    let mut fan_out = FanOut::new(Rc::clone(&run.library), control, &scope);
    let draining = async {
        tokio::time::sleep(SECOND).await;
        run.library.keeps_claims.set(true);
        run.stop.cancel();
        run.cut.cancel();
    };
    let began = Instant::now();
    futures::join!(fan_out.run(), draining);
    assert!(began.elapsed() <= BOOKS_AFTER_CUT + SECOND * 2, "{:?}", began.elapsed());
    let stopped_by = run.report.borrow().stopped_by.clone().expect("the reason is named");
    assert!(
        stopped_by.cause == WaitCause::Catalog && stopped_by.why.contains("not recorded"),
        "{stopped_by:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn books_of_which_a_catalog_that_is_away_cannot_be_told_in_a_drain_are_named() {
    let library = LibraryStub::new();
    library.add("GOOD01", Fate::Slow(SECOND * 3), Duration::ZERO);
    library.outage(WaitCause::Catalog, SECOND, SECOND * 1_000);
    let (run, control) = Run::new(library);
    let scope = scope(false);
    let mut fan_out = FanOut::new(Rc::clone(&run.library), control, &scope);
    let draining = async {
        tokio::time::sleep(SECOND * 2).await;
        run.stop.cancel();
        run.cut.cancel();
    };
    futures::join!(fan_out.run(), draining);
    let stopped_by = run.report.borrow().stopped_by.clone().expect("the reason is named");
    assert!(
        stopped_by.cause == WaitCause::Catalog && stopped_by.why.contains("1 book is not recorded"),
        "{stopped_by:?}"
    );
}
