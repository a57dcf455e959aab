//! Stored books are copied to the second place.

use super::*;
use crate::catalog::{DueCopy, RecordedBook, SharedTask, StoredArchive};
use crate::pipeline::second_copy::SecondCopyPlan;
use crate::pipeline::tasks::tests::pauses::pause;
use crate::settings::DailyHours;
use crate::vocabulary::BookOutcome;

fn due(ids: std::ops::Range<i64>) -> impl Iterator<Item = DueCopy> {
    ids.map(|id| DueCopy {
        recorded: RecordedBook {
            id,
            barcode: None,
            path: format!("raw/{id}"),
            stored: StoredArchive {
                etag: None,
                sha256: None,
                bytes: None,
            },
            begun: None,
            stored_at: String::new(),
            has_manifest: true,
        },
        attempts: 0,
        copied_path: None,
    })
}

fn with_plan(stub: TaskStub, once: bool) -> (State, RunScope) {
    let state = state_with(stub, |options| {
        options.second_copy = Some(SecondCopyPlan {
            transfers: 2,
            bytes_a_day: None,
            hours: DailyHours::ALWAYS,
        });
    });
    let copies = true;
    (state, RunScope { copies, ..scope(once) })
}

fn copied(state: &State) -> u64 {
    state.progress.snapshot().second_copy.books
}

#[tokio::test(start_paused = true)]
async fn what_is_due_is_copied_a_few_books_at_once_and_new_books_within_seconds() {
    let stub = TaskStub::new();
    stub.to_copy.borrow_mut().extend(due(1..6));
    let (state, scope) = with_plan(stub, false);
    let later = async {
        tokio::time::sleep(MINUTE).await;
        assert_eq!(copied(&state), 5);
        // One that another member stored, and one of this one's.
        state.services.to_copy.borrow_mut().extend(due(6..7));
        tokio::time::sleep(Duration::from_secs(11)).await;
        assert_eq!(copied(&state), 6);
        state.services.to_copy.borrow_mut().extend(due(7..8));
        state.progress.taken();
        state.progress.settled(BookOutcome::Stored, 1);
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(copied(&state), 7);
    };
    for_so_long(&state, MINUTE * 2, async {
        futures::join!(copy_stored(&state, &scope), later);
    })
    .await;
    assert_eq!(state.services.most_copied.get(), 2, "at once");
    assert!(state.services.released.borrow().contains(&SharedTask::SecondCopy));
    assert_eq!(state.progress.snapshot().second_copy.bytes, 70);
}

#[tokio::test(start_paused = true)]
async fn the_catalog_is_asked_seldom_while_nothing_is_stored_and_not_for_each_book_while_many_are() {
    for (every, most) in [(None, 6), (Some(Duration::from_millis(200)), 30)] {
        let (state, scope) = with_plan(TaskStub::new(), false);
        let storing = async {
            let Some(every) = every else { return };
            while !state.intake.is_cancelled() {
                state.progress.taken();
                state.progress.settled(BookOutcome::Stored, 1);
                tokio::time::sleep(every).await;
            }
        };
        for_so_long(&state, MINUTE, async {
            futures::join!(copy_stored(&state, &scope), storing);
        })
        .await;
        let asked = state.services.due_asked.get();
        assert!((most - 2..=most + 1).contains(&asked), "{every:?}: {asked}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_away_is_tried_again_later_and_nothing_is_begun_meanwhile() {
    let stub = TaskStub::new();
    stub.to_copy.borrow_mut().extend(due(1..20));
    *stub.batch_fault.borrow_mut() = Some(fault("the second place is away", false));
    let (state, scope) = with_plan(stub, false);
    let back = async {
        tokio::time::sleep(MINUTE).await;
        let news = &state.progress.snapshot().tasks["second copy"];
        assert!(news.is_unfinished && news.words.contains("is away"), "{news:?}");
        let standing = state.progress.snapshot().second_copy.standing;
        assert_eq!(
            standing.map(|standing| standing.waiting),
            Some(19),
            "counted although it is away"
        );
        *state.services.batch_fault.borrow_mut() = None;
    };
    for_so_long(&state, HOUR, async {
        futures::join!(copy_stored(&state, &scope), back);
    })
    .await;
    assert_eq!(copied(&state), 19);
    let asked = state.services.asked_at(|asked| matches!(asked, AskedTask::Copy(_)));
    let in_vain = asked.len() - 19;
    assert!((4..=24).contains(&in_vain), "two of each slice: {in_vain}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_by_itself_copies_what_is_due_and_gives_up_where_the_place_is_away() {
    for (is_away, expected) in [(false, 3), (true, 0)] {
        let stub = TaskStub::new();
        stub.to_copy.borrow_mut().extend(due(1..4));
        if is_away {
            *stub.batch_fault.borrow_mut() = Some(fault("the second place is away", false));
        }
        let (state, scope) = with_plan(stub, true);
        copy_stored(&state, &scope).await;
        assert_eq!(copied(&state), 0, "only at its end");
        copy_stored_at_end(&state, &scope).await;
        assert_eq!(copied(&state), expected);
        assert_eq!(report(&state).len(), usize::from(is_away));
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_amid_many_books_begins_no_other_one_until_it_is_over() {
    let stub = TaskStub::new();
    stub.to_copy.borrow_mut().extend(due(1..200));
    let (state, scope) = with_plan(stub, false);
    let operator = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        pause(&state);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let amid = copied(&state);
        tokio::time::sleep(MINUTE).await;
        assert_eq!(copied(&state), amid);
        assert!((20..60).contains(&amid), "two each 100 ms: {amid}");
        state.pause(None);
    };
    for_so_long(&state, MINUTE * 2, async {
        futures::join!(copy_stored(&state, &scope), operator);
    })
    .await;
    assert_eq!(copied(&state), 199);
}
