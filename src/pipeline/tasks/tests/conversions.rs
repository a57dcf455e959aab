//! What the task asks GRIN to convert.

use super::*;

#[tokio::test(start_paused = true)]
async fn conversions_wait_for_the_lists() {
    let stub = TaskStub::new();
    *stub.to_convert.borrow_mut() = books(0..25);
    let state = state(stub);
    state.collecting.set(true);
    let scope = scope(true);
    let lists = async {
        tokio::time::sleep(MINUTE).await;
        state.wake.send_replace(());
        tokio::time::sleep(MINUTE).await;
        state.collecting.set(false);
        state.wake.send_replace(());
    };
    futures::join!(convert(&state, &scope), lists);
    let asked = state.services.asked_at(|asked| matches!(asked, AskedTask::Convert(_)));
    assert_eq!(asked, [120; 3]);
    assert_eq!(state.services.batches(), [10, 10, 5]);
    assert_eq!(state.progress.snapshot().requested, 25);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_ends_the_requests_and_is_no_failure() {
    let stub = TaskStub::new();
    *stub.to_convert.borrow_mut() = books(0..50);
    stub.queue.set(15);
    let state = state(stub);
    convert(&state, &scope(true)).await;
    assert_eq!(
        state.services.batches(),
        [10, 10],
        "nothing is requested after the refusal"
    );
    assert_eq!(
        state.progress.snapshot().requested,
        15,
        "of the last batch a part was taken"
    );
    assert_eq!(report(&state), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_full_in_the_middle_of_halving_ends_it() {
    let stub = TaskStub::new();
    *stub.to_convert.borrow_mut() = books(0..30);
    stub.spoilers.borrow_mut().extend(books(18..19));
    stub.queue.set(23);
    let state = state(stub);
    convert(&state, &scope(true)).await;
    assert_eq!(state.services.batches(), [10, 10, 10, 5]);
    assert_eq!(state.progress.snapshot().requested, 23);
    assert!(state.services.put_off.borrow().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_person_must_mend_is_met_once_a_pass() {
    let stub = TaskStub::new();
    *stub.to_convert.borrow_mut() = books(0..50);
    *stub.batch_fault.borrow_mut() = Some(TaskFault {
        needs_person: true,
        ..fault("not signed in", false)
    });
    let state = state(stub);
    convert(&state, &scope(true)).await;
    assert_eq!(state.services.batches().len(), 1);
    assert_eq!(report(&state), ["convert: not signed in"]);
}

#[tokio::test(start_paused = true)]
async fn the_catalog_puts_off_what_spoils_a_batch_for_conversion() {
    let stub = TaskStub::new();
    *stub.to_convert.borrow_mut() = books(0..30);
    stub.spoilers.borrow_mut().extend(books(12..13));
    let state = state(stub);
    convert(&state, &scope(true)).await;
    assert_eq!(*state.services.put_off.borrow(), books(12..13));
    assert_eq!(state.progress.snapshot().requested, 29);
    assert!(report(&state)[0].contains("TL0012"));
}

#[tokio::test(start_paused = true)]
async fn where_no_batch_is_answered_no_book_is_blamed() {
    let stub = TaskStub::new();
    *stub.to_convert.borrow_mut() = books(0..30);
    *stub.batch_fault.borrow_mut() = Some(fault("server error 500", true));
    let state = state(stub);
    convert(&state, &scope(true)).await;
    assert_eq!(
        state.services.batches(),
        [10, 10, 10, 5, 5, 3, 2, 3, 2, 1, 1],
        "one batch tells of all"
    );
    assert!(state.services.put_off.borrow().is_empty());
}

#[tokio::test(start_paused = true)]
async fn named_books_are_looked_up_first_and_what_grin_does_not_know_is_said() {
    for (refused, unknown) in [(false, &["NONE01"][..]), (true, &[])] {
        let stub = TaskStub::new();
        let named = ["GOOD01", "NONE01", "KNOWN1"].map(|code| Barcode::parse(code).unwrap());
        stub.unknown.borrow_mut().extend(named[..2].iter().cloned());
        if refused {
            *stub.batch_fault.borrow_mut() = Some(fault("connection refused", false));
        }
        let state = state(stub);
        let scope = RunScope {
            collect: false,
            convert: false,
            only: Some(Arc::new(named.clone())),
            ..scope(true)
        };
        state.look_up_named(&scope).await;
        assert_eq!(state.report.borrow().unknown, unknown, "{refused}");
        assert!(
            !state.services.unknown.borrow().is_empty(),
            "nothing is added that may be a slip of the pen"
        );
        assert_eq!(state.report.borrow().incomplete.is_empty(), !refused, "{refused}");
        if !refused {
            enrich(&state, &scope).await;
            let asked = state.services.asked.borrow();
            let asked: Vec<_> = asked.iter().map(|(_, asked)| asked).collect();
            let [AskedTask::Enrich(first), AskedTask::Enrich(then)] = asked[..] else {
                panic!("{asked:?}");
            };
            assert_eq!(
                (&first[..], &then[..]),
                (&named[..2], &named[2..]),
                "each is asked for once"
            );
        }
    }
}
