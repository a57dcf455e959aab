//! An actor that serves many messages at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use crate::actor::{
    ActorName, ActorRegistry, ActorSnapshot, AskContext, AskError, ConcurrentRunner, ExitReason, Mailbox, Message,
    ServeMessages, SpawnOptions, Worker, spawn,
};

use crate::actor::tests::{Owner, answer, held, here, panicking, quick, settled};

fn owner(hub: &ActorRegistry) -> Mailbox<ConcurrentRunner<Owner>> {
    spawn::concurrent(
        hub,
        &here(),
        SpawnOptions {
            capacity: 2,
            budget: quick(),
        },
        || Owner,
    )
}

fn told(hub: &ActorRegistry) -> ActorSnapshot {
    hub.snapshot().actor(ActorName::SessionOwner).cloned().unwrap()
}

#[actix_rt::test]
async fn many_are_served_at_a_time() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let mailbox = owner(&hub);
    let held: Vec<_> = (0..10).map(|_| held()).collect();
    let (mut asks, mut freed) = (Vec::new(), Vec::new());
    for (message, begun, free) in held {
        asks.push(mailbox.ask(message, &cx));
        freed.push((begun, free));
    }
    let others = async {
        for (begun, _) in &mut freed {
            begun.await.unwrap();
        }
        let told = told(&hub);
        assert_eq!((told.message("do").unwrap().in_flight, told.depth), (10, 0));
        for (_, free) in &freed {
            free.notify_one();
        }
    };
    let (answers, ()) = futures::join!(futures::future::join_all(asks), others);
    assert!(answers.iter().all(|answer| *answer == Ok(200)));
    assert!(told(&hub).peak <= 2, "the queue is bounded, not what is in flight");
}

#[actix_rt::test]
async fn a_panic_ends_only_its_own_message() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let mailbox = owner(&hub);
    let (message, begun, free) = held();
    let (held, ()) = futures::join!(mailbox.ask(message, &cx), async {
        begun.await.unwrap();
        assert_eq!(mailbox.ask(panicking(), &cx).await, Err(AskError::Panicked));
        free.notify_one();
    });
    assert_eq!(held, Ok(200));
    assert!(told(&hub).restarts.is_empty(), "the worker was not inside the future");
}

#[actix_rt::test]
async fn draining_waits_for_what_is_in_flight() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let mailbox = owner(&hub);
    let (message, begun, free) = held();
    let (held, entry) = futures::join!(mailbox.ask(message, &cx), async {
        begun.await.unwrap();
        mailbox.close();
        settled().await;
        assert_eq!(mailbox.instance().exit(), None, "one is in flight");
        free.notify_one();
        mailbox.drained().await
    });
    assert_eq!((held, entry.reason, entry.handled), (Ok(200), ExitReason::Drained, 1));
}

#[actix_rt::test]
async fn a_served_future_is_cancelled_when_its_asker_goes() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let mailbox = owner(&hub);
    let (message, begun, _free) = held();
    tokio::select! {
        biased;
        _ = mailbox.ask(message, &cx) => panic!("it should not be answered"),
        _ = begun => {}
    }
    mailbox.close();
    assert_eq!(mailbox.drained().await.handled, 1);
    let message = told(&hub).message("do").cloned().unwrap();
    assert_eq!((message.abandoned["running"], message.handled["cancelled"]), (1, 1));
}

/// Panics in `serve` itself, where it may leave itself broken.
struct Brittle;

struct Touch(bool);

impl Message for Touch {
    type Reply = ();
    const KIND: &'static str = "touch";
}

impl Worker for Brittle {
    const NAME: ActorName = ActorName::StateStore;
}

impl ServeMessages<Touch> for Brittle {
    fn serve(&mut self, Touch(hard): Touch, _: AskContext) -> impl Future<Output = ()> + 'static {
        assert!(!hard, "broken");
        std::future::ready(())
    }
}

#[actix_rt::test]
async fn a_worker_broken_by_its_own_panic_is_rebuilt() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let built = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&built);
    let spawn = SpawnOptions {
        capacity: 4,
        budget: quick(),
    };
    let mailbox = spawn::concurrent(&hub, &here(), spawn, move || {
        count.fetch_add(1, SeqCst);
        Brittle
    });
    let answers = futures::join!(mailbox.ask(Touch(true), &cx), mailbox.ask(Touch(false), &cx));
    assert_eq!(answers, (Err(AskError::Panicked), Ok(())));
    assert_eq!(built.load(SeqCst), 2);
}

#[actix_rt::test]
async fn serving_goes_on_while_every_handle_is_dropped() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let mailbox = owner(&hub);
    let instance = Arc::clone(mailbox.instance());
    assert_eq!(mailbox.ask(answer(1), &cx).await, Ok(1));
    drop(mailbox);
    assert_eq!(instance.drained().await.reason, ExitReason::Done);
}
