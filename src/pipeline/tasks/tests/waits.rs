//! Every wait of a run that ends by itself has a bound; the daemon waits as long as it takes.

use super::*;
use crate::pipeline::tasks::tests::stub::silent_others;
use crate::pipeline::tasks::wait::TaskWait;

/// All tasks of a run that ends by itself; how long they took.
async fn once(stub: TaskStub) -> (State, Duration) {
    let state = state(stub);
    state.collecting.set(true);
    let (scope, began) = (scope(true), Instant::now());
    futures::join!(collect(&state, &scope), enrich(&state, &scope), convert(&state, &scope));
    (state, began.elapsed())
}

fn silent(apart: bool) -> TaskStub {
    let mut stub = TaskStub::new();
    stub.share = silent_others(apart);
    *stub.to_convert.borrow_mut() = books(0..5);
    stub.to_enrich.borrow_mut().push_back(books(0..5));
    stub
}

#[tokio::test(start_paused = true)]
async fn others_that_are_not_heard_of_are_waited_for_until_a_dead_one_would_have_lost_its_leases() {
    for apart in [false, true] {
        let stub = silent(apart);
        let election = stub.share.election();
        let (state, took) = once(stub).await;
        assert!(took >= election && took <= election * 3, "{apart}: {took:?}");
        assert_eq!(report(&state).len(), if apart { 4 } else { 3 }, "{:?}", report(&state));
        assert!(state.services.batches().is_empty() && state.services.lists_asked().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn news_of_others_lengthens_no_wait() {
    let stub = silent(true);
    let state = state(stub);
    let scope = scope(true);
    let news = async {
        loop {
            tokio::time::sleep(Duration::from_secs(10)).await;
            state.wake.send_replace(());
        }
    };
    let began = Instant::now();
    tokio::select! {
        () = news => {}
        () = convert(&state, &scope) => {}
    }
    let election = state.services.share.election();
    assert!(began.elapsed() < election * 3, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_daemon_waits_for_others_as_long_as_it_takes() {
    let state = state(silent(true));
    let scope = scope(false);
    for_so_long(&state, HOUR * 24, convert(&state, &scope)).await;
    assert_eq!(report(&state), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_by_itself_waits_for_no_operator() {
    let state = state_with(TaskStub::new(), |options| options.paused = true);
    let scope = scope(true);
    let began = Instant::now();
    collect(&state, &scope).await;
    assert_eq!(
        (began.elapsed(), state.services.lists_asked().len()),
        (Duration::ZERO, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_paused_daemon_begins_when_the_pause_is_lifted() {
    let state = state_with(TaskStub::new(), |options| options.paused = true);
    let scope = scope(false);
    let lifting = async {
        tokio::time::sleep(HOUR).await;
        state.options.borrow_mut().paused = false;
        state.wake.send_replace(());
    };
    let work = async {
        futures::join!(collect(&state, &scope), lifting);
    };
    for_so_long(&state, HOUR * 2, work).await;
    assert_eq!(state.services.asked_at(|_| true), [3_600; 4]);
}

/// What the last page of a list brought is looked for, and nobody is said to keep books.
#[tokio::test(start_paused = true)]
async fn lists_that_end_while_the_catalog_is_asked_leave_no_book_out() {
    let state = state(TaskStub::new());
    state.collecting.set(true);
    let mut wait = TaskWait::new(&state, "enrich", true);
    assert!(wait.more_may_come());
    state.collecting.set(false);
    assert!(wait.wait_for_books().await, "the catalog is asked once more");
    assert_eq!(report(&state), [""; 0]);
}
