//! Every wait of a run that ends by itself has a bound; the daemon waits as long as it takes.

use super::*;
use crate::catalog::{MemberStanding, SharedTask};
use crate::pipeline::tasks::tests::stub::other;
use crate::pipeline::tasks::wait::TaskWait;

/// All tasks of a run that ends by itself; how long they took.
async fn once(state: &State) -> Duration {
    state.collecting.set(true);
    let (scope, began) = (scope(true), Instant::now());
    futures::join!(collect(state, &scope), enrich(state, &scope), convert(state, &scope));
    began.elapsed()
}

fn with_work() -> TaskStub {
    let stub = TaskStub::new();
    *stub.to_convert.borrow_mut() = books(0..5);
    stub.to_enrich.borrow_mut().push_back(books(0..5));
    stub
}

/// With work of which another member has everything.
fn held() -> TaskStub {
    let stub = with_work();
    let held = [SharedTask::Lists, SharedTask::Plan].map(|task| (task, other(0)));
    *stub.held_by.borrow_mut() = held.into();
    stub
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_by_itself_leaves_lists_to_a_member_once_it_is_known_to_live() {
    let state = state(held());
    let renewing = async {
        tokio::time::sleep(Duration::from_secs(9)).await;
        for holder in state.services.held_by.borrow_mut().values_mut() {
            holder.renewals = 1;
        }
    };
    let (took, ()) = tokio::join!(once(&state), renewing);
    assert_eq!(took.as_secs(), 10);
    assert_eq!(report(&state), [""; 0]);
    assert!(state.services.batches().is_empty() && state.services.lists_asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_member_had_is_done_when_its_lease_is_over() {
    let state = state(held());
    let expiring = async {
        tokio::time::sleep(Duration::from_secs(28)).await;
        state.services.held_by.borrow_mut().clear();
    };
    let (took, ()) = tokio::join!(once(&state), expiring);
    assert!((28..35).contains(&took.as_secs()), "{took:?}");
    assert_eq!(state.services.lists_asked().len(), 4);
    assert_eq!(state.services.batches(), [5, 5]);
    let mut released = state.services.released.borrow().clone();
    released.sort_unstable();
    released.dedup();
    assert_eq!(
        released,
        [SharedTask::Reading, SharedTask::Plan, SharedTask::Facts],
        "a step by hand may do it then"
    );
}

/// Each book that both plan would be asked for twice.
#[tokio::test(start_paused = true)]
async fn a_pass_of_another_member_over_the_same_books_is_waited_for() {
    let stub = with_work();
    let passes = [SharedTask::Facts, SharedTask::Plan].map(|task| (task, other(0)));
    *stub.held_by.borrow_mut() = passes.into();
    let state = state(stub);
    let (scope, began) = (by_hand(), Instant::now());
    let passing = async {
        tokio::time::sleep(MINUTE * 2).await;
        assert!(state.services.batches().is_empty());
        state.services.held_by.borrow_mut().clear();
    };
    let work = async { futures::join!(enrich(&state, &scope), convert(&state, &scope), passing) };
    tokio::select! {
        _ = work => {}
        () = renew_every_ten_seconds(&state) => {}
    }
    assert!((120..126).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert_eq!(state.services.batches(), [5, 5]);
}

fn by_hand() -> RunScope {
    RunScope {
        by_hand: true,
        ..scope(true)
    }
}

/// Lists that another member reads just now, and releases after so long; until then it renews, if it lives.
fn being_read() -> TaskStub {
    let stub = with_work();
    stub.held_by.borrow_mut().insert(SharedTask::Reading, other(0));
    stub
}

async fn renew_every_ten_seconds(state: &State) {
    loop {
        tokio::time::sleep(Duration::from_secs(10)).await;
        for holder in state.services.held_by.borrow_mut().values_mut() {
            holder.renewals += 1;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_by_hand_waits_for_a_member_that_reads_the_lists_and_reads_them_then() {
    let state = state(being_read());
    let scope = by_hand();
    let reading = async {
        tokio::time::sleep(MINUTE * 20).await;
        assert!(state.services.lists_asked().is_empty());
        state.services.held_by.borrow_mut().clear();
    };
    let step = async { tokio::join!(collect(&state, &scope), reading) };
    tokio::select! {
        _ = step => {}
        () = renew_every_ten_seconds(&state) => {}
    }
    assert_eq!(state.services.lists_asked().len(), 4);
    assert_eq!(
        *state.services.released.borrow(),
        [SharedTask::Reading],
        "the next one may read"
    );
    assert_eq!(report(&state), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_step_by_hand_does_what_a_dead_member_had_when_its_lease_is_over() {
    let stub = being_read();
    stub.held_by.borrow_mut().insert(SharedTask::Plan, other(0));
    let state = state(stub);
    let (scope, began) = (by_hand(), Instant::now());
    let expiring = async {
        tokio::time::sleep(Duration::from_secs(28)).await;
        state.services.held_by.borrow_mut().clear();
    };
    futures::join!(collect(&state, &scope), convert(&state, &scope), expiring);
    assert!((28..35).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert_eq!(
        (state.services.lists_asked().len(), state.services.batches()),
        (4, vec![5])
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_by_hand_says_who_still_reads_the_lists_after_an_hour() {
    let state = state(being_read());
    let scope = by_hand();
    tokio::select! {
        () = collect(&state, &scope) => {}
        () = renew_every_ten_seconds(&state) => {}
    }
    assert_eq!(
        report(&state),
        ["collect: not begun: other on elsewhere still reads the lists, after 60 minutes"]
    );
    assert!(state.services.lists_asked().is_empty());
}

/// Its books may be among those that are being read.
#[tokio::test(start_paused = true)]
async fn a_run_that_ends_by_itself_waits_for_lists_that_it_leaves_to_another_while_they_are_being_read() {
    let stub = being_read();
    stub.held_by.borrow_mut().insert(SharedTask::Lists, other(0));
    let state = state(stub);
    state.collecting.set(true);
    let (scope, began) = (scope(true), Instant::now());
    let reading = async {
        tokio::time::sleep(MINUTE * 20).await;
        assert!(state.collecting.get());
        state.services.held_by.borrow_mut().remove(&SharedTask::Reading);
    };
    tokio::select! {
        _ = async { tokio::join!(collect(&state, &scope), reading) } => {}
        () = renew_every_ten_seconds(&state) => {}
    }
    assert!((1_200..1_210).contains(&began.elapsed().as_secs()));
    assert!(!state.collecting.get() && state.services.lists_asked().is_empty());
    assert_eq!(report(&state), [""; 0]);
}

/// A step by hand must not find the task taken for as long as the daemon runs.
#[tokio::test(start_paused = true)]
async fn a_daemon_has_the_reading_of_lists_for_no_longer_than_a_pass() {
    let state = state(TaskStub::new());
    let scope = scope(false);
    for_so_long(&state, MINUTE, collect(&state, &scope)).await;
    assert_eq!(*state.services.released.borrow(), [SharedTask::Reading]);
    assert_eq!(state.services.lists_asked().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn without_a_catalog_or_a_membership_a_run_that_ends_by_itself_says_what_it_did_not_begin() {
    for busy in [true, false] {
        let stub = with_work();
        stub.catalog_busy.set(busy);
        stub.no_member.set(!busy);
        let longest = stub.membership.longest_wait();
        let state = state(stub);
        let took = once(&state).await;
        assert!(took >= longest && took < longest + Duration::from_secs(6), "{took:?}");
        assert_eq!(report(&state).len(), 3, "{:?}", report(&state));
    }
}

#[tokio::test(start_paused = true)]
async fn the_daemon_waits_for_others_as_long_as_it_takes() {
    let state = state(held());
    let scope = scope(false);
    let tasks = async {
        futures::join!(collect(&state, &scope), convert(&state, &scope));
    };
    for_so_long(&state, HOUR * 24, tasks).await;
    assert_eq!(report(&state), [""; 0]);
    assert!(state.services.lists_asked().is_empty());
}

/// It stood still too long, and comes back to find that another reads the lists.
#[tokio::test(start_paused = true)]
async fn a_list_is_read_no_further_once_it_is_anothers_to_read() {
    let stub = TaskStub::new();
    stub.hangs.set(Some(ListKind::AllBooks));
    let state = state(stub);
    let scope = scope(false);
    let losing = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let held = SharedTask::ALL.map(|task| (task, other(0)));
        *state.services.held_by.borrow_mut() = held.into();
        state.services.membership.told(Vec::new(), MemberStanding::Rejoined);
    };
    let work = async {
        futures::join!(collect(&state, &scope), losing);
    };
    for_so_long(&state, HOUR, work).await;
    assert_eq!(state.services.lists_asked(), [ListKind::AllBooks]);
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

/// What the last page of a list brought is looked for.
#[tokio::test(start_paused = true)]
async fn lists_that_end_while_the_catalog_is_asked_leave_no_book_out() {
    let state = state(TaskStub::new());
    state.collecting.set(true);
    let mut wait = TaskWait::new(&state, "enrich", &scope(true));
    assert!(wait.more_may_come());
    state.collecting.set(false);
    wait.wait_for_books().await;
}

/// A task that it takes and gives back itself changes the membership, too: it would ask the catalog without end.
#[tokio::test(start_paused = true)]
async fn news_of_the_members_is_none_of_books() {
    let state = state(TaskStub::new());
    state.collecting.set(true);
    let mut wait = TaskWait::new(&state, "enrich", &scope(false));
    state.services.membership.took(SharedTask::Facts);
    let waited = tokio::time::timeout(MINUTE, wait.wait_for_books()).await;
    assert!(waited.is_err(), "nothing was told of books");
    state.wake.send_replace(());
    wait.wait_for_books().await;
}

/// Signed out for hours; somebody signs in, and says so again and again.
#[tokio::test(start_paused = true)]
async fn a_list_that_waits_for_somebody_is_read_as_soon_as_somebody_has_mended_it() {
    let stub = TaskStub::new();
    let signed_out = TaskFault {
        needs_person: true,
        ..fault("not signed in", false)
    };
    stub.list_faults
        .borrow_mut()
        .extend(std::iter::repeat_n(signed_out, 500));
    let state = state_with(stub, |options| options.intervals.collect = Some(HOUR * 24));
    let scope = scope(false);
    let asked = || state.services.asked_at(|_| true).len();
    let mending = async {
        tokio::time::sleep(HOUR * 6).await;
        let waits = || state.progress.snapshot().unread.values().any(|wait| wait.needs_person);
        assert!(waits());
        let before = asked();
        for _ in 0..60 {
            state.may_be_mended();
            tokio::time::sleep(MINUTE / 60).await;
        }
        assert!((4..=8).contains(&(asked() - before)), "{}", asked() - before);
        state.services.list_faults.borrow_mut().clear();
        state.may_be_mended();
        tokio::time::sleep(MINUTE / 5).await;
        assert!(!waits(), "all lists are read");
    };
    let work = async {
        futures::join!(collect(&state, &scope), mending);
    };
    for_so_long(&state, HOUR * 7, work).await;
}
