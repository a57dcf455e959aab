//! An operator pauses the work, to move the storage: nothing is begun, and what was missed is made up once.

use jiff::Timestamp;

use super::*;
use crate::catalog::OperatorPause;
use crate::vocabulary::BookOutcome;

pub(super) fn pause(state: &State) {
    state.pause(Some(OperatorPause {
        since: Timestamp::UNIX_EPOCH,
        until: None,
    }));
}

#[tokio::test(start_paused = true)]
async fn a_paused_run_that_ends_by_itself_writes_no_copy_and_tells_no_hook() {
    let state = state_with(TaskStub::new(), |options| {
        options.intervals.export = Some(HOUR);
        options.paused = true;
    });
    let due = (Instant::now(), books(0..1).remove(0));
    state.services.to_tell.borrow_mut().push(due);
    let scope = RunScope {
        copies: true,
        sync: true,
        ..scope(true)
    };
    copies_at_end(&state, &scope).await;
    tell_hook_at_end(&state, &scope).await;
    assert!(state.services.copies.borrow().is_empty());
    assert!(state.services.asked.borrow().is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_hook_is_told_in_a_pause_and_all_of_them_at_once_after_it() {
    let state = state(TaskStub::new());
    let sync = true;
    let scope = RunScope { sync, ..scope(false) };
    let told = || state.services.asked_at(|asked| matches!(asked, AskedTask::Hook(_)));
    pause(&state);
    let operator = async {
        tokio::time::sleep(MINUTE).await;
        let due = books(0..3).into_iter().map(|book| (Instant::now(), book));
        state.services.to_tell.borrow_mut().extend(due);
        state.progress.taken();
        state.progress.settled(BookOutcome::Stored, 1);
        tokio::time::sleep(MINUTE * 9).await;
        assert_eq!(told(), [0; 0]);
        state.pause(None);
    };
    for_so_long(&state, MINUTE * 11, async {
        futures::join!(tell_hook(&state, &scope), operator);
    })
    .await;
    assert_eq!(told(), [600; 3]);
}
