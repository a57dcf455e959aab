//! Stored books are read again in the background.

use super::*;
use crate::catalog::CheckCursor;
use crate::pipeline::fixity::{RereadBook, RereadPlan};
use crate::settings::DailyHours;
use crate::vocabulary::FixityOutcome;

fn due(ids: std::ops::Range<i64>) -> impl Iterator<Item = RereadBook> {
    ids.map(|id| RereadBook {
        is_unread: false,
        cursor: CheckCursor {
            known_since: "2026-01-01T00:00:00.000Z".to_owned(),
            id,
        },
        outcome: FixityOutcome::Ok,
        bytes: 10,
        is_fetched_again: id == 2,
    })
}

fn daemon(stub: TaskStub, every: Option<Duration>) -> (State, RunScope) {
    let state = state_with(stub, |options| {
        options.reread = RereadPlan {
            every,
            bytes_a_day: None,
            hours: DailyHours::ALWAYS,
        };
    });
    let copies = true;
    (state, RunScope { copies, ..scope(false) })
}

fn read_behind(state: &State) -> Vec<i64> {
    let asked = state.services.asked.borrow();
    let asked = asked.iter().filter_map(|(_, asked)| match asked {
        AskedTask::Reread(id) => Some(*id),
        _ => None,
    });
    asked.collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_due_is_read_one_book_after_the_other_and_looked_for_again_after_an_hour() {
    let stub = TaskStub::new();
    stub.to_reread.borrow_mut().extend(due(1..4));
    let (state, scope) = daemon(stub, Some(HOUR));
    let later = async {
        tokio::time::sleep(MINUTE).await;
        state.services.to_reread.borrow_mut().extend(due(4..5));
    };
    let wake = state.wake.subscribe();
    for_so_long(&state, HOUR + MINUTE, async {
        futures::join!(reread(&state, &scope), later);
    })
    .await;
    assert_eq!(
        read_behind(&state),
        [0, 1, 2, 3, 0, 4],
        "in one go, and behind the last one"
    );
    assert!(wake.has_changed().unwrap(), "a book is to be fetched again");
    let progress = state.progress.snapshot();
    assert_eq!((progress.reread[&FixityOutcome::Ok], progress.reread_bytes), (4, 40));
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_is_away_is_asked_again_soon() {
    let stub = TaskStub::new();
    stub.to_reread.borrow_mut().extend(due(1..2));
    *stub.batch_fault.borrow_mut() = Some(fault("the storage is away", false));
    let (state, scope) = daemon(stub, Some(HOUR));
    let back = async {
        tokio::time::sleep(MINUTE).await;
        *state.services.batch_fault.borrow_mut() = None;
    };
    for_so_long(&state, HOUR, async {
        futures::join!(reread(&state, &scope), back);
    })
    .await;
    assert_eq!(state.progress.snapshot().reread[&FixityOutcome::Ok], 1);
    let asked = read_behind(&state).len();
    assert!((3..=12).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_where_it_is_switched_off_or_in_a_run_that_ends_by_itself() {
    for (every, once) in [(None, false), (Some(HOUR), true)] {
        let stub = TaskStub::new();
        stub.to_reread.borrow_mut().extend(due(1..4));
        let (state, scope) = daemon(stub, every);
        let scope = RunScope { once, ..scope };
        for_so_long(&state, HOUR, reread(&state, &scope)).await;
        assert_eq!(read_behind(&state), [0; 0]);
    }
}
