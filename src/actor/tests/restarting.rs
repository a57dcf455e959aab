//! Panics, rebuilt workers, and budgets that end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use tokio::time::Instant;

use crate::actor::{
    ActorRegistry, ActorState, AskContext, AskError, ExitReason, Mailbox, RestartBudget, SerialRunner, SpawnOptions,
    spawn,
};

use crate::actor::tests::{Hand, answer, checker, hand, held, here, panicking, quick, settled};

/// An actor whose factory counts, and panics while `broken` is above 0.
fn counted(hub: &ActorRegistry, budget: RestartBudget, broken: u32) -> (Mailbox<SerialRunner<Hand>>, Arc<AtomicU32>) {
    let (built, broken) = (Arc::new(AtomicU32::new(0)), AtomicU32::new(broken));
    let count = Arc::clone(&built);
    let factory = move || {
        let left = broken.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        assert!(left.is_err(), "the factory is broken");
        count.fetch_add(1, SeqCst);
        Hand
    };
    (
        spawn::serial(hub, &here(), SpawnOptions { capacity: 4, budget }, factory),
        built,
    )
}

#[actix_rt::test]
async fn a_panic_costs_one_message_and_the_queue_is_kept() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let (mailbox, built) = counted(&hub, quick(), 0);
    let answers = futures::join!(
        mailbox.ask(answer(1), &cx),
        mailbox.ask(panicking(), &cx),
        mailbox.ask(answer(3), &cx),
        mailbox.ask(answer(4), &cx),
    );
    assert_eq!(answers, (Ok(1), Err(AskError::Panicked), Ok(3), Ok(4)));
    assert_eq!(built.load(SeqCst), 2);
    let told = checker(&hub);
    assert_eq!(
        (told.restarts["panic"], told.message("do").unwrap().handled["panicked"]),
        (1, 1)
    );
    assert_eq!(told.instances[0].first_fault.as_deref(), Some("as the test wants"));
    assert_eq!(
        (told.instances[0].generation, told.instances[0].state),
        (2, ActorState::Running)
    );
    assert_eq!(hub.has_given_up(), None);
}

#[actix_rt::test]
async fn a_spent_budget_ends_the_actor_and_closes_the_queue() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let mailbox = hand(&hub, 8);
    let mut asks = Vec::new();
    for _ in 0..7 {
        asks.push(mailbox.ask(panicking(), &cx));
    }
    let answers = futures::future::join_all(asks).await;
    assert_eq!(
        answers
            .iter()
            .filter(|answer| **answer == Err(AskError::Panicked))
            .count(),
        6
    );
    assert_eq!(answers[6], Err(AskError::Closed));
    let entry = mailbox.drained().await;
    assert_eq!(
        (entry.reason, entry.handled, entry.handed_back),
        (ExitReason::BudgetSpent, 6, 1)
    );
    let gave_up = hub.gave_up().await;
    assert_eq!(
        (gave_up.reason, gave_up.fault.as_deref()),
        (ExitReason::BudgetSpent, Some("as the test wants"))
    );
    let told = checker(&hub);
    assert!(told.gave_up);
    assert_eq!(told.instances[0].state, ActorState::Failed);
    assert_eq!(mailbox.ask(answer(1), &cx).await, Err(AskError::Closed));
}

#[actix_rt::test]
async fn a_budget_of_nothing_ends_with_the_first_panic() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let (mailbox, _) = counted(
        &hub,
        RestartBudget {
            max_restarts: 0,
            ..quick()
        },
        0,
    );
    assert_eq!(mailbox.ask(panicking(), &cx).await, Err(AskError::Panicked));
    assert_eq!(mailbox.drained().await.reason, ExitReason::Panicked);
}

#[actix_rt::test]
async fn a_factory_that_panics_is_tried_again() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let (mailbox, built) = counted(&hub, quick(), 3);
    assert_eq!(mailbox.ask(answer(1), &cx).await, Ok(1));
    assert_eq!((built.load(SeqCst), checker(&hub).restarts["build"]), (1, 3));
}

#[actix_rt::test]
async fn a_factory_that_always_panics_spends_the_budget() {
    let hub = ActorRegistry::new();
    let (mailbox, built) = counted(&hub, quick(), u32::MAX);
    assert_eq!(
        mailbox.ask(answer(1), &AskContext::root("test")).await,
        Err(AskError::Closed)
    );
    let entry = mailbox.drained().await;
    assert_eq!(
        (entry.reason, entry.handed_back, built.load(SeqCst)),
        (ExitReason::BudgetSpent, 1, 0)
    );
}

/// Ten seconds of back-off from the first panic on.
fn slow() -> RestartBudget {
    let wait = Duration::from_secs(10);
    RestartBudget {
        base: wait,
        cap: wait,
        ..RestartBudget::default()
    }
}

#[actix_rt::test]
async fn the_asker_of_a_panic_does_not_wait_for_the_back_off() {
    tokio::time::pause();
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let (mailbox, _) = counted(&hub, slow(), 0);
    let begun = Instant::now();
    assert_eq!(mailbox.ask(panicking(), &cx).await, Err(AskError::Panicked));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    settled().await;
    let told = checker(&hub);
    assert_eq!(told.instances[0].state, ActorState::Backoff);
    assert!((told.restart_backoff_seconds - 10.0).abs() < 1e-6);
    assert_eq!(mailbox.ask(answer(2), &cx).await, Ok(2));
    assert!(begun.elapsed() >= Duration::from_secs(10));
}

#[actix_rt::test]
async fn closing_cuts_the_back_off_short() {
    tokio::time::pause();
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let (mailbox, _) = counted(&hub, slow(), 0);
    let begun = Instant::now();
    assert_eq!(mailbox.ask(panicking(), &cx).await, Err(AskError::Panicked));
    mailbox.close();
    assert_eq!(mailbox.drained().await.reason, ExitReason::Drained);
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[actix_rt::test]
async fn a_panic_after_its_asker_went_away_still_counts() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let mailbox = hand(&hub, 1);
    let (begin, begun) = tokio::sync::oneshot::channel();
    let message = crate::actor::tests::run(move |cx| async move {
        let _ = begin.send(());
        cx.cancelled().await;
        panic!("on the way out");
    });
    tokio::select! {
        biased;
        _ = mailbox.ask(message, &cx) => panic!("it should not be answered"),
        _ = begun => {}
    }
    assert_eq!(mailbox.ask(answer(1), &cx).await, Ok(1));
    let told = checker(&hub);
    assert_eq!(
        (told.restarts["panic"], told.message("do").unwrap().handled["panicked"]),
        (1, 1)
    );
}

#[actix_rt::test]
async fn a_held_message_survives_nothing_but_its_own_panic() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let (one, other) = (hand(&hub, 1), hand(&hub, 1));
    let (message, begun, free) = held();
    let (held, ()) = futures::join!(one.ask(message, &cx), async {
        begun.await.unwrap();
        assert_eq!(other.ask(panicking(), &cx).await, Err(AskError::Panicked));
        free.notify_one();
    });
    assert_eq!(held, Ok(200));
}

/// A message that panics when dropped.
struct Sharp;

impl Drop for Sharp {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "dropped");
    }
}

#[actix_rt::test]
async fn a_message_that_panics_when_dropped_does_not_take_the_actor_along() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let mailbox = hand(&hub, 2);
    let (first, begun, free) = held();
    let others = async {
        begun.await.unwrap();
        let sharp = Sharp;
        let unread = crate::actor::tests::run(move |_| async move {
            let _sharp = sharp;
            1
        });
        tokio::select! {
            biased;
            _ = mailbox.ask(unread, &cx) => panic!("it should not be answered"),
            () = settled() => {}
        }
        free.notify_one();
    };
    let (first, ()) = futures::join!(mailbox.ask(first, &cx), others);
    assert_eq!((first, mailbox.ask(answer(2), &cx).await), (Ok(200), Ok(2)));
}
