//! The hook is told of stored books.

use super::*;
use crate::vocabulary::BookOutcome;

fn due(state: &State, after: Duration, barcodes: &[Barcode]) {
    let at = Instant::now() + after;
    let due = barcodes.iter().map(|barcode| (at, barcode.clone()));
    state.services.to_tell.borrow_mut().extend(due);
}

fn stored(state: &State) {
    state.progress.taken();
    state.progress.settled(BookOutcome::Stored, 1);
}

fn told(state: &State) -> Vec<u64> {
    state.services.asked_at(|asked| matches!(asked, AskedTask::Hook(_)))
}

fn with_hook() -> (State, RunScope) {
    let sync = true;
    (state(TaskStub::new()), RunScope { sync, ..scope(false) })
}

#[tokio::test(start_paused = true)]
async fn it_is_told_of_a_stored_book_at_once_of_one_that_waits_in_time_and_of_anothers_within_a_minute() {
    let (state, scope) = with_hook();
    let books = books(0..3);
    let later = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        due(&state, Duration::ZERO, &books[..1]);
        // It is due again in half a minute, as one that the hook did not take.
        due(&state, Duration::from_secs(30), &books[1..2]);
        stored(&state);
        tokio::time::sleep(Duration::from_secs(110)).await;
        due(&state, Duration::ZERO, &books[2..]);
    };
    for_so_long(&state, MINUTE * 4, async {
        futures::join!(tell_hook(&state, &scope), later);
    })
    .await;
    let told = told(&state);
    assert_eq!(told[..2], [10, 40]);
    assert!((120..=180).contains(&told[2]), "{told:?}");
    let asked = state.services.due_asked.get();
    assert!(
        (8..=12).contains(&asked),
        "two for each book, and one a minute: {asked}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_catalog_is_asked_once_a_minute_while_nothing_is_due() {
    let (state, scope) = with_hook();
    for_so_long(&state, HOUR, tell_hook(&state, &scope)).await;
    let asked = state.services.due_asked.get();
    assert!((59..=61).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn many_are_told_a_few_at_once_and_a_hook_that_fails_has_growing_pauses() {
    let (state, scope) = with_hook();
    due(&state, Duration::ZERO, &books(0..8));
    due(&state, MINUTE, &books(8..48));
    let failing = async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(told(&state), [0; 8], "four at once, twice");
        assert_eq!(state.progress.snapshot().hooks.waiting, 40);
        *state.services.batch_fault.borrow_mut() = Some(fault("TL1: it is full", false));
    };
    for_so_long(&state, MINUTE * 3, async {
        futures::join!(tell_hook(&state, &scope), failing);
    })
    .await;
    // After 10, 20 and 40 seconds.
    assert_eq!(
        told(&state)[8..],
        [60, 60, 60, 60, 70, 70, 70, 70, 90, 90, 90, 90, 130, 130, 130, 130]
    );
}
