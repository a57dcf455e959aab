mod ahead;
mod drains;
pub(in crate::pipeline) mod library;
mod mended;
mod month;
mod refused;

use futures::FutureExt;

use super::*;
use crate::pipeline::fan_out::idle::idle_pause;
use crate::pipeline::fan_out::tests::library::{Fate, LibraryStub};
use crate::session::SessionError;
use crate::storage::StorageError;
use crate::vocabulary::{Blame, FailureReason};

const SECOND: Duration = Duration::from_secs(1);

/// A fan-out over a stub of a library, and the handles that end it.
pub(super) struct Run {
    pub library: Rc<LibraryStub>,
    pub stop: CancellationToken,
    pub cut: CancellationToken,
    pub report: Rc<RefCell<RunReport>>,
    pub progress: Arc<RunProgress>,
    pub wake: watch::Sender<()>,
    pub mended: Rc<Cell<u64>>,
}

impl Run {
    pub fn new(library: LibraryStub) -> (Self, RunControl) {
        let wake = watch::Sender::new(());
        let control = RunControl {
            progress: Arc::default(),
            options: Rc::new(RefCell::new(WorkOptions::of_tests())),
            wake: wake.subscribe(),
            changed: wake.clone(),
            mended: Rc::default(),
            stop: CancellationToken::new(),
            cut: CancellationToken::new(),
            sources: Rc::default(),
            report: Rc::default(),
        };
        let run = Self {
            library: Rc::new(library),
            stop: control.stop.clone(),
            cut: control.cut.clone(),
            report: Rc::clone(&control.report),
            progress: Arc::clone(&control.progress),
            wake,
            mended: Rc::clone(&control.mended),
        };
        (run, control)
    }
}

fn scope(once: bool) -> RunScope {
    RunScope {
        sync: true,
        once,
        ..RunScope::default()
    }
}

/// Runs to the end by itself.
async fn once(library: LibraryStub) -> (Run, RunReport) {
    let (run, control) = Run::new(library);
    FanOut::new(Rc::clone(&run.library), control, &scope(true)).run().await;
    let report = run.report.borrow().clone();
    (run, report)
}

/// Runs as the daemon does, for so long.
async fn daemon(library: LibraryStub, time: Duration) -> Run {
    let (run, control) = Run::new(library);
    let scope = scope(false);
    let mut fan_out = FanOut::new(Rc::clone(&run.library), control, &scope);
    let stop = run.stop.clone();
    let stopping = async {
        tokio::time::sleep(time).await;
        stop.cancel();
    };
    futures::join!(fan_out.run(), stopping);
    drop(fan_out);
    run
}

fn forbidden() -> BookFault {
    (&SessionError::Forbidden {
        snippet: "expired".into(),
    })
        .into()
}

fn server() -> BookFault {
    (&SessionError::Server { status: 500 }).into()
}

#[tokio::test(start_paused = true)]
async fn a_refused_book_keeps_no_other_one_waiting() {
    let library = LibraryStub::new();
    library.add("BAD001", Fate::Fails(forbidden()), Duration::ZERO);
    for number in 0..5 {
        library.add(
            &format!("GOOD{number:02}"),
            Fate::Good,
            Duration::from_secs(3_600) * number,
        );
    }
    let run = daemon(library, Duration::from_secs(6 * 3_600)).await;
    assert_eq!(run.library.stored(), 5);
    let longest = run.library.longest_wait_of_a_good_book();
    assert!(longest <= LOOK_AGAIN + SECOND, "{longest:?}");
    assert!(run.library.asked("BAD001") <= 3, "refused twice, and again after hours");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_everybody_charges_no_book_and_each_is_had_within_minutes_of_its_end() {
    let library = LibraryStub::new();
    for number in 0..40 {
        library.add(&format!("GOOD{number:02}"), Fate::Good, Duration::ZERO);
    }
    library.outage(WaitCause::Failures, Duration::ZERO, Duration::from_secs(60));
    let run = daemon(library, Duration::from_secs(10 * 60)).await;
    assert_eq!(run.library.stored(), 40);
    let charged: u32 = run.library.books.borrow().values().map(|book| book.attempts).sum();
    assert_eq!(charged, 0);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_by_itself_tries_bad_books_a_few_times_and_leaves_them() {
    let library = LibraryStub::new();
    library.add("BAD001", Fate::Fails(forbidden()), Duration::ZERO);
    library.add("BAD002", Fate::Fails(server()), Duration::ZERO);
    for number in 0..5 {
        library.add(&format!("GOOD{number:02}"), Fate::Good, Duration::ZERO);
    }
    let began = Instant::now();
    let (run, report) = once(library).await;
    assert_eq!((run.library.stored(), run.library.failed()), (5, 1));
    assert!(report.left[0].contains("2 books could not be fetched"), "{report:?}");
    assert_eq!((run.library.asked("BAD001"), run.library.asked("BAD002")), (3, 6));
    let attempts = |code: &str| run.library.books.borrow()[code].attempts;
    assert_eq!(
        (attempts("BAD001"), attempts("BAD002")),
        (1, 0),
        "the tries of a run are one attempt"
    );
    assert!(began.elapsed() < Duration::from_secs(300), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn many_refused_books_keep_the_good_ones_behind_them_waiting_for_minutes_at_most() {
    for bad in [17, 25, 40] {
        for fault in [forbidden(), server()] {
            let library = LibraryStub::new();
            for number in 0..bad {
                library.add(&format!("BAD{number:03}"), Fate::Fails(fault.clone()), Duration::ZERO);
            }
            for number in bad..60 {
                library.add(&format!("GOOD{number:02}"), Fate::Good, Duration::ZERO);
            }
            let (run, report) = once(library).await;
            assert_eq!(run.library.stored(), 60 - bad, "{bad} {fault:?}: {report:?}");
            let failed = if fault.blame == Blame::Book { bad } else { 0 };
            assert_eq!(run.library.failed(), failed, "{bad} {fault:?}");
            assert!(
                report.left[0].contains(&format!("{bad} books")),
                "{bad} {fault:?}: {report:?}"
            );
            assert!(report.stopped_by.is_none(), "{bad}: {report:?}");
            let last = run.library.last_good_stored();
            assert!(last < Duration::from_secs(180), "{bad} {fault:?}: {last:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_library_that_is_refused_altogether_is_given_up_after_minutes() {
    let library = LibraryStub::new();
    for number in 0..5_000 {
        library.add(&format!("BAD{number:04}"), Fate::Fails(forbidden()), Duration::ZERO);
    }
    let began = Instant::now();
    let (run, report) = once(library).await;
    let cause = report.stopped_by.expect("it gives up").cause;
    assert_eq!(cause, WaitCause::Failures);
    let asked: usize = (0..5_000)
        .map(|number| run.library.asked(&format!("BAD{number:04}")))
        .sum();
    assert!(asked < 300, "{asked}");
    assert!(began.elapsed() < Duration::from_secs(15 * 60), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_takes_nothing_is_looked_at_and_no_book_is_fetched_for_nothing() {
    let library = LibraryStub::new();
    for number in 0..40 {
        library.add(&format!("GOOD{number:02}"), Fate::Good, Duration::ZERO);
    }
    library.outage(WaitCause::Storage, Duration::ZERO, Duration::from_secs(1_000_000));
    let (run, report) = once(library).await;
    assert_eq!(report.stopped_by.map(|wait| wait.cause), Some(WaitCause::Storage));
    let asked: usize = (0..40)
        .map(|number| run.library.asked(&format!("GOOD{number:02}")))
        .sum();
    assert!(
        asked <= 8,
        "{asked} downloads: only what was under way at the beginning"
    );
}

#[tokio::test(start_paused = true)]
async fn a_book_that_panics_each_time_ends_as_failed_and_nothing_else_ends() {
    let library = LibraryStub::new();
    library.add("BAD001", Fate::Panics, Duration::ZERO);
    library.add("GOOD01", Fate::Good, Duration::ZERO);
    let run = daemon(library, Duration::from_secs(4 * 24 * 3_600)).await;
    assert_eq!((run.library.stored(), run.library.failed()), (1, 1));
    assert_eq!(run.library.asked("BAD001"), 4, "each panic costs one attempt");
    assert_eq!(run.progress.snapshot().failures[&FailureReason::Panicked], 1);
}

#[tokio::test(start_paused = true)]
async fn twenty_seconds_of_server_errors_fail_no_book() {
    let library = LibraryStub::new();
    for number in 0..20 {
        library.add(&format!("GOOD{number:02}"), Fate::Good, Duration::ZERO);
    }
    library.outage(WaitCause::Grin, Duration::ZERO, Duration::from_secs(20));
    let run = daemon(library, Duration::from_secs(120)).await;
    assert_eq!((run.library.stored(), run.library.failed()), (20, 0));
    let last = run.library.last_stored_after(Duration::from_secs(20));
    assert!(last <= Duration::from_secs(45), "{last:?} after the outage's end");
}

/// All books that are left were on their way when it began.
#[tokio::test(start_paused = true)]
async fn in_an_outage_grin_is_asked_seldom_however_few_books_are_left() {
    let library = LibraryStub::new();
    for number in 0..20 {
        library.add(&format!("GOOD{number:02}"), Fate::Good, Duration::ZERO);
    }
    library.outage(WaitCause::Grin, Duration::ZERO, Duration::from_secs(3_600));
    let run = daemon(library, Duration::from_secs(600)).await;
    let asked: usize = run.library.books.borrow().values().map(|book| book.asked.len()).sum();
    assert!((100..=450).contains(&asked), "asked {asked} times in ten minutes");
}

#[test]
fn the_next_attempt_is_made_when_a_book_is_due_unless_it_needs_none() {
    let at = |second| Some(Timestamp::from_second(second).unwrap());
    for (cause, until, next_due, expected) in [
        (WaitCause::Grin, at(10), None, at(10)),
        (WaitCause::Grin, at(10), at(40), at(40)),
        (WaitCause::Token, at(40), at(10), at(40)),
        (WaitCause::Passphrase, None, at(40), at(40)),
        // Looked at every half minute.
        (WaitCause::Disk, at(10), at(40), at(10)),
        (WaitCause::Mount, at(10), at(40), at(10)),
        (WaitCause::Storage, at(10), at(40), at(10)),
        (WaitCause::Catalog, at(10), at(40), at(10)),
    ] {
        let wait = WaitReason {
            until,
            ..WaitReason::new(cause, "x", Timestamp::UNIX_EPOCH)
        };
        assert_eq!(with_next_attempt(wait, next_due).until, expected, "{cause}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_locked_catalog_ends_nothing_and_work_resumes() {
    let library = LibraryStub::new();
    for number in 0..20 {
        library.add(&format!("GOOD{number:02}"), Fate::Good, SECOND * number);
    }
    library.outage(WaitCause::Catalog, Duration::from_secs(5), Duration::from_secs(120));
    let run = daemon(library, Duration::from_secs(300)).await;
    assert_eq!(run.library.stored(), 20);
    let last = run.library.last_stored_after(Duration::from_secs(125));
    assert!(last <= Duration::from_secs(45), "{last:?}");
    assert!(run.report.borrow().stopped_by.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_looked_at_and_no_book_is_fetched_for_nothing() {
    let library = LibraryStub::new();
    for number in 0..20 {
        library.add(&format!("GOOD{number:02}"), Fate::Good, Duration::ZERO);
    }
    library.outage(WaitCause::Disk, Duration::ZERO, Duration::from_secs(300));
    let run = daemon(library, Duration::from_secs(420)).await;
    assert_eq!(run.library.stored(), 20);
    let last = run.library.last_stored_after(Duration::from_secs(300));
    assert!(last <= Duration::from_secs(45), "{last:?}");
    let asked: usize = (0..20)
        .map(|number| run.library.asked(&format!("GOOD{number:02}")))
        .sum();
    assert!(
        asked <= 20 + 8,
        "{asked} downloads for 20 books: only what was under way at the beginning is repeated"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_fetched_before_the_right_storage_is_mounted() {
    let library = LibraryStub::new();
    library.add("GOOD01", Fate::Good, Duration::ZERO);
    library.outage(WaitCause::Mount, Duration::ZERO, Duration::from_secs(300));
    let run = daemon(library, Duration::from_secs(420)).await;
    assert_eq!(run.library.stored(), 1);
    let last = run.library.last_stored_after(Duration::from_secs(300));
    assert!(last <= Duration::from_secs(45), "{last:?}");
    assert_eq!(run.library.asked("GOOD01"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_by_itself_does_not_wait_for_a_volume_to_be_mounted() {
    let library = LibraryStub::new();
    library.add("GOOD01", Fate::Good, Duration::ZERO);
    library.outage(WaitCause::Mount, Duration::ZERO, Duration::from_secs(300));
    let began = Instant::now();
    let (run, report) = once(library).await;
    let stopped_by = report.stopped_by.expect("it gave up");
    assert_eq!((stopped_by.cause, stopped_by.needs_person), (WaitCause::Mount, true));
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
    assert_eq!(run.library.asked("GOOD01"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_by_itself_ends_while_the_catalog_is_locked_for_ever() {
    let library = LibraryStub::new();
    library.add("GOOD01", Fate::Good, Duration::ZERO);
    library.outage(WaitCause::Catalog, Duration::ZERO, Duration::from_secs(1_000_000));
    let (_, report) = once(library).await;
    assert_eq!(report.stopped_by.map(|wait| wait.cause), Some(WaitCause::Catalog));
}

#[test]
fn what_others_share_is_looked_at_soon() {
    for (members, least, most) in [(0, 30, 30), (1, 30, 30), (2, 4, 6), (16, 4, 6)] {
        let pauses: Vec<_> = (0..50).map(|_| idle_pause(members, &mut rand::rng())).collect();
        let range = SECOND * least..=SECOND * most;
        assert!(
            pauses.iter().all(|pause| range.contains(pause)),
            "{members}: {pauses:?}"
        );
        let are_drawn = pauses.iter().any(|pause| *pause != pauses[0]);
        assert_eq!(are_drawn, members > 1, "{members}: {pauses:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_claim_ends_the_work_on_its_book() {
    let library = LibraryStub::new();
    library.add("HANGS1", Fate::Hangs, Duration::ZERO);
    let (run, control) = Run::new(library);
    let scope = scope(false);
    let mut fan_out = FanOut::new(Rc::clone(&run.library), control, &scope);
    let watched = Rc::clone(&run.library);
    let losing = async {
        tokio::time::sleep(SECOND).await;
        watched.lose_claims();
        tokio::time::sleep(Duration::from_secs(300)).await;
    };
    let mut running = std::pin::pin!(fan_out.run().fuse());
    tokio::select! {
        () = &mut running => panic!("nobody stopped it"),
        () = losing => {}
    }
    assert!(watched.was_cancelled("HANGS1"));
}

#[tokio::test(start_paused = true)]
async fn a_storage_fault_of_one_book_costs_others_one_probe() {
    let library = LibraryStub::new();
    let barred = StorageError::Unsafe {
        place: "raw/BAD001".into(),
    };
    library.add("BAD001", Fate::Fails((&barred).into()), Duration::ZERO);
    for number in 0..40 {
        library.add(&format!("GOOD{number:02}"), Fate::Good, Duration::ZERO);
    }
    let (run, report) = once(library).await;
    assert_eq!(run.library.stored(), 40);
    let last = run.library.last_good_stored();
    assert!(last < Duration::from_secs(15), "{last:?}");
    let stopped_by = report.stopped_by.expect("the one book is not done");
    assert!(
        stopped_by.cause == WaitCause::Storage && stopped_by.why.contains("raw/BAD001"),
        "{stopped_by:?}"
    );
}
