//! The tasks over a stub of workers and catalog, under paused time.

mod conversions;
mod copies;
mod hooks;
mod pauses;
mod rereads;
mod second_copies;
pub(in crate::pipeline) mod stub;
mod values;
mod waits;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::grin::{Barcode, ListKind};
use crate::log::WrittenLog;
use crate::pipeline::supervisor::WorkOptions;
use crate::pipeline::task_services::TaskFault;
use crate::pipeline::tasks::tests::stub::{AskedTask, TaskStub, books, fault, incomplete};
use crate::pipeline::workers::CollectResult;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

type State = Rc<SupervisorState<TaskStub>>;

fn state(stub: TaskStub) -> State {
    state_with(stub, |_| {})
}

fn state_with(stub: TaskStub, change: impl FnOnce(&mut WorkOptions)) -> State {
    let mut options = WorkOptions::of_tests();
    change(&mut options);
    Rc::new(SupervisorState::new(stub, Arc::default(), options))
}

fn scope(once: bool) -> RunScope {
    RunScope {
        collect: true,
        enrich: true,
        convert: true,
        once,
        ..RunScope::default()
    }
}

/// Lets the task run for so long, then stops it; it must end at once.
async fn for_so_long(state: &State, time: Duration, task: impl Future<Output = ()>) {
    let stopping = async {
        tokio::time::sleep(time).await;
        state.intake.cancel();
        Instant::now()
    };
    let ((), stopped) = futures::join!(task, stopping);
    assert!(stopped.elapsed() < MINUTE, "{:?} after the stop", stopped.elapsed());
}

fn report(state: &State) -> Vec<String> {
    state.report.borrow().incomplete.clone()
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_by_itself_reads_each_list_once() {
    let state = state(TaskStub::new());
    state.sources.set(1);
    state.collecting.set(true);
    collect(&state, &scope(true)).await;
    assert_eq!(
        state.services.lists_asked(),
        [
            ListKind::AllBooks,
            ListKind::Converted,
            ListKind::InProcess,
            ListKind::Failed
        ]
    );
    assert_eq!((state.sources.get(), state.collecting.get()), (0, false));
    assert_eq!(report(&state), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn lists_are_read_at_their_intervals() {
    let state = state_with(TaskStub::new(), |options| {
        options.intervals.collect = Some(HOUR * 24);
        options.intervals.refresh = Some(HOUR * 6);
        options.monthly_report = true;
    });
    let scope = scope(false);
    for_so_long(&state, HOUR * 49, collect(&state, &scope)).await;
    let asked = |of: AskedTask| {
        let hours = state.services.asked_at(|asked| *asked == of).into_iter();
        hours.map(|second| second / 3_600).collect::<Vec<_>>()
    };
    assert_eq!(asked(AskedTask::List(ListKind::AllBooks)), [0, 24, 48]);
    assert_eq!(
        asked(AskedTask::List(ListKind::Converted)),
        [0, 6, 12, 18, 24, 30, 36, 42, 48]
    );
    assert_eq!(asked(AskedTask::Arrivals), [6, 12, 18, 30, 36, 42]);
}

#[tokio::test(start_paused = true)]
async fn in_ten_days_the_lists_are_read_no_later_than_on_the_first() {
    let state = state_with(TaskStub::new(), |options| {
        options.intervals.collect = Some(HOUR * 24);
        options.intervals.refresh = Some(HOUR);
    });
    let scope = scope(false);
    for_so_long(&state, HOUR * 240, collect(&state, &scope)).await;
    let asked = state
        .services
        .asked_at(|asked| *asked == AskedTask::List(ListKind::Converted));
    assert_eq!(asked.len(), 240);
    let later = asked[1] - 3_600;
    assert!(later <= 181, "a twentieth at most: {later}");
    assert!(
        asked[1..]
            .iter()
            .all(|second| (later..=later + 1).contains(&(second % 3_600))),
        "{asked:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn tasks_that_begin_together_go_on_at_moments_of_their_own() {
    let began = Instant::now();
    let backoff = WorkOptions::of_tests().retry.backoff;
    let ended = EndedPass {
        complete: true,
        interval: Some(HOUR),
    };
    let mut moments: Vec<_> = (0..20)
        .map(|_| {
            TaskSchedule::spread("collect", ended.interval)
                .next(&backoff, ended)
                .unwrap()
                - began
        })
        .collect();
    moments.sort();
    assert!(moments[0] >= HOUR && moments[19] <= HOUR + MINUTE * 3, "{moments:?}");
    assert!(moments[19] - moments[0] > Duration::from_secs(20), "{moments:?}");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_trouble_is_as_loud_as_the_trouble_with_its_cause_and_duration() {
    let log = WrittenLog::begin();
    let stub = TaskStub::new();
    stub.answer_list(ListKind::AllBooks, incomplete("connection reset"));
    *stub.batch_fault.borrow_mut() = Some(fault("connection refused", false));
    for _ in 0..100 {
        stub.to_enrich.borrow_mut().push_back(books(0..5));
    }
    let state = state(stub);
    let scope = scope(false);
    let healing = async {
        tokio::time::sleep(MINUTE).await;
        *state.services.batch_fault.borrow_mut() = None;
    };
    let work = async {
        futures::join!(collect(&state, &scope), enrich(&state, &scope), healing);
    };
    for_so_long(&state, HOUR, work).await;
    for (begun, over, cause, seconds) in [
        ("list incomplete", "list complete again", "connection reset", 0..10),
        ("not finished", "finished after trouble", "connection refused", 60..600),
    ] {
        let [begun, over] = [begun, over].map(|words| log.with(&format!("<4>{words}")));
        assert_eq!((begun.len(), over.len()), (1, 1), "{begun:?} {over:?}");
        assert!(over[0].contains(cause), "{over:?}");
        let (_, told) = over[0].split_once("seconds=").unwrap();
        let digits: String = told.chars().take_while(char::is_ascii_digit).collect();
        assert!(seconds.contains(&digits.parse::<u64>().unwrap()), "{over:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_is_longer_than_its_interval_leaves_out_those_that_went_by() {
    let mut schedule = TaskSchedule::of("collect");
    let began = Instant::now();
    let backoff = WorkOptions::of_tests().retry.backoff;
    let ended = EndedPass {
        complete: true,
        interval: Some(HOUR),
    };
    for (minutes, next) in [(0, 60), (59, 60), (60, 120), (150, 180)] {
        tokio::time::advance(MINUTE * minutes - began.elapsed()).await;
        assert_eq!(schedule.next(&backoff, ended), Some(began + MINUTE * next), "{minutes}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_pass_that_broke_off_is_resumed_soon_and_no_short_one_comes_before() {
    let stub = TaskStub::new();
    for _ in 0..3 {
        stub.answer_list(ListKind::AllBooks, incomplete("connection reset"));
    }
    let state = state_with(stub, |options| {
        options.intervals.collect = Some(HOUR * 24);
        options.intervals.refresh = Some(HOUR * 6);
    });
    let scope = scope(false);
    for_so_long(&state, HOUR, collect(&state, &scope)).await;
    let full = state
        .services
        .asked_at(|asked| *asked == AskedTask::List(ListKind::AllBooks));
    assert_eq!(full.len(), 4, "{full:?}");
    assert!(full[3] <= 8, "after one, two and four seconds at most: {full:?}");
    let short = state
        .services
        .asked_at(|asked| *asked == AskedTask::List(ListKind::Converted));
    assert_eq!(short.len(), 4, "only with the full passes: {short:?}");
    assert_eq!(report(&state), ["_all_books: connection reset"; 3]);
}

#[tokio::test(start_paused = true)]
async fn what_a_person_must_mend_is_met_by_one_list_a_pass() {
    use ListKind::{AllBooks, Converted, Failed, InProcess};
    let stub = TaskStub::new();
    let signed_out = TaskFault {
        needs_person: true,
        ..fault("not signed in", false)
    };
    for _ in 0..3 {
        stub.list_faults.borrow_mut().push_back(signed_out.clone());
    }
    let state = state(stub);
    let scope = scope(false);
    let unread = || state.progress.snapshot().unread;
    let soon = async {
        tokio::time::sleep(MINUTE / 120).await;
        unread()
    };
    let ((), told) = futures::join!(for_so_long(&state, MINUTE, collect(&state, &scope)), soon);
    assert!(told[&AllBooks].needs_person && told.len() == 1, "{told:?}");
    assert!(told[&AllBooks].why.contains("not signed in"), "{told:?}");
    assert!(unread().is_empty());
    assert_eq!(
        state.services.lists_asked(),
        [AllBooks, AllBooks, AllBooks, AllBooks, Converted, InProcess, Failed],
        "it resumes by itself"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_list_says_of_itself_is_not_waited_for() {
    for (is_interrupted, waited_for) in [(true, 1), (false, 0)] {
        let stub = TaskStub::new();
        let doubtful = CollectResult {
            is_interrupted,
            ..incomplete("it has fewer rows than it counts")
        };
        stub.answer_list(ListKind::AllBooks, doubtful);
        let state = state(stub);
        collect(&state, &scope(true)).await;
        assert_eq!(state.progress.snapshot().unread.len(), waited_for, "{is_interrupted}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_grin_does_not_have_is_a_failure_only_where_work_depends_on_it() {
    for (list, needed) in [(ListKind::InProcess, false), (ListKind::Converted, true)] {
        let stub = TaskStub::new();
        let unavailable = CollectResult {
            unavailable: Some("not found".to_owned()),
            ..CollectResult::default()
        };
        stub.answer_list(list, unavailable);
        let state = state(stub);
        collect(&state, &scope(true)).await;
        assert_eq!(report(&state).len(), usize::from(needed), "{list}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_a_list_is_read_is_no_failure_of_the_list() {
    let stub = TaskStub::new();
    stub.hangs.set(Some(ListKind::Converted));
    let state = state(stub);
    let scope = scope(false);
    for_so_long(&state, MINUTE, collect(&state, &scope)).await;
    assert_eq!(report(&state), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_catalog_puts_off_what_spoils_a_batch_and_the_others_are_answered() {
    let stub = TaskStub::new();
    stub.spoilers.borrow_mut().extend(books(7..8));
    stub.to_enrich.borrow_mut().push_back(books(0..20));
    let state = state(stub);
    enrich(&state, &scope(true)).await;
    assert_eq!(*state.services.put_off.borrow(), books(7..8));
    let told = report(&state);
    assert!(told.len() == 1 && told[0].contains("TL0007"), "{told:?}");
    assert_eq!(state.progress.snapshot().enriched, 19);
}

#[tokio::test(start_paused = true)]
async fn facts_are_asked_for_until_the_lists_bring_nothing_new() {
    let state = state(TaskStub::new());
    state.collecting.set(true);
    let scope = scope(true);
    let lists = async {
        for part in [0..5, 5..9] {
            tokio::time::sleep(MINUTE).await;
            state.services.to_enrich.borrow_mut().push_back(books(part));
            state.wake.send_replace(());
        }
        tokio::time::sleep(MINUTE).await;
        state.collecting.set(false);
        state.wake.send_replace(());
    };
    let began = Instant::now();
    futures::join!(enrich(&state, &scope), lists);
    assert_eq!(state.services.batches(), [5, 4]);
    assert!(began.elapsed() < MINUTE * 4, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_pass_in_which_nothing_is_answered_is_repeated_soon() {
    let stub = TaskStub::new();
    *stub.batch_fault.borrow_mut() = Some(fault("connection refused", false));
    for _ in 0..100 {
        stub.to_enrich.borrow_mut().push_back(books(0..5));
    }
    let state = state_with(stub, |options| options.intervals.enrich = Some(HOUR * 24));
    let scope = scope(false);
    for_so_long(&state, HOUR, enrich(&state, &scope)).await;
    let asked = state.services.batches().len();
    assert!((10..=30).contains(&asked), "every ten minutes in the end: {asked}");
}

#[tokio::test(start_paused = true)]
async fn of_named_books_as_many_are_asked_for_as_the_limit_allows() {
    let state = state(TaskStub::new());
    let scope = RunScope {
        limit: Some(10),
        only: Some(books(0..15).into()),
        ..scope(true)
    };
    enrich(&state, &scope).await;
    assert_eq!(state.services.batches(), [10]);
}

#[tokio::test(start_paused = true)]
async fn a_busy_catalog_ends_a_pass_and_the_next_one_comes_soon() {
    let stub = TaskStub::new();
    stub.catalog_busy.set(true);
    *stub.to_convert.borrow_mut() = books(0..3);
    stub.to_enrich.borrow_mut().push_back(books(0..3));
    let state = state_with(stub, |options| {
        options.intervals.convert = Some(HOUR * 24);
        options.intervals.enrich = Some(HOUR * 24);
    });
    let scope = scope(false);
    let healing = async {
        tokio::time::sleep(MINUTE).await;
        state.services.catalog_busy.set(false);
    };
    let work = async {
        futures::join!(enrich(&state, &scope), convert(&state, &scope), healing);
    };
    for_so_long(&state, MINUTE * 5, work).await;
    assert_eq!(state.services.batches(), [3, 3]);
    assert!(report(&state).iter().any(|why| why.starts_with("convert: ")));
}
