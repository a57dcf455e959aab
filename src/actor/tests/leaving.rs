//! How actors end, and what becomes of the messages they still had.

use std::sync::{Arc, Mutex};

use actix_rt::Arbiter;

use crate::actor::{
    ActorName, ActorRegistry, AskContext, AskError, ExitReason, HandleMessage, SpawnOptions, Worker, spawn, tasks,
};

use crate::actor::tests::{Do, answer, checker, hand, held, here, settled};

#[actix_rt::test]
async fn closing_refuses_new_asks_and_finishes_queued_ones() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let mailbox = hand(&hub, 2);
    let (first, begun, free) = held();
    let others = async {
        begun.await.unwrap();
        settled().await;
        mailbox.close();
        assert_eq!(mailbox.ask(answer(9), &cx).await, Err(AskError::Draining));
        assert_eq!(checker(&hub).instances[0].state.as_str(), "draining");
        settled().await;
        free.notify_one();
        mailbox.drained().await
    };
    // The last ask finds no free place and waits for it: it is refused, for it never was in the queue.
    let (first, second, third, fourth, entry) = futures::join!(
        mailbox.ask(first, &cx),
        mailbox.ask(answer(2), &cx),
        mailbox.ask(answer(3), &cx),
        mailbox.ask(answer(4), &cx),
        others
    );
    assert_eq!(
        (first, second, third, fourth),
        (Ok(200), Ok(2), Ok(3), Err(AskError::Draining))
    );
    assert_eq!(
        (entry.reason, entry.handled, entry.handed_back),
        (ExitReason::Drained, 3, 0)
    );
    assert_eq!(mailbox.ask(answer(9), &cx).await, Err(AskError::Closed));
    assert_eq!(hub.ledger(), [entry]);
}

#[actix_rt::test]
async fn closing_an_idle_actor_ends_it() {
    let hub = ActorRegistry::new();
    let mailbox = hand(&hub, 1);
    mailbox.close();
    mailbox.close();
    assert_eq!(mailbox.drained().await.reason, ExitReason::Drained);
    mailbox.close();
    assert_eq!(checker(&hub).states.into_keys().next().unwrap().as_str(), "stopped");
}

#[actix_rt::test]
async fn dropping_every_handle_finishes_the_queue() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let mailbox = hand(&hub, 4);
    let instance = Arc::clone(mailbox.instance());
    let (first, begun, free) = held();
    let asks: Vec<_> = [first, answer(1), answer(2)]
        .into_iter()
        .map(|message| {
            let (mailbox, cx) = (mailbox.clone(), cx.clone());
            tasks::spawn(&hub, "ask", async move {
                let asking = mailbox.ask(message, &cx);
                asking.await
            })
        })
        .collect();
    drop(mailbox);
    begun.await.unwrap();
    free.notify_one();
    let mut answers = Vec::new();
    for ask in asks {
        answers.push(ask.join().await.unwrap());
    }
    assert_eq!(answers, [Ok(200), Ok(1), Ok(2)]);
    let entry = instance.drained().await;
    assert_eq!((entry.reason, entry.handled), (ExitReason::Done, 3));
}

#[actix_rt::test]
async fn an_arbiter_that_ends_takes_its_actor_along() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let arbiter = Arbiter::new();
    let mailbox = spawn::serial(&hub, &arbiter.handle(), SpawnOptions::with_capacity(2), || {
        crate::actor::tests::Hand
    });
    assert_eq!(mailbox.ask(answer(1), &cx).await, Ok(1));
    arbiter.stop();
    arbiter.join().unwrap();
    assert_eq!(mailbox.drained().await.reason, ExitReason::Killed);
    assert_eq!(mailbox.ask(answer(1), &cx).await, Err(AskError::Closed));
}

#[actix_rt::test]
async fn an_actor_for_an_arbiter_that_has_ended_is_killed() {
    let hub = ActorRegistry::new();
    let arbiter = Arbiter::new();
    let handle = arbiter.handle();
    arbiter.stop();
    arbiter.join().unwrap();
    let mailbox = spawn::serial(&hub, &handle, SpawnOptions::with_capacity(1), || {
        crate::actor::tests::Hand
    });
    assert_eq!(mailbox.drained().await.reason, ExitReason::Killed);
    assert_eq!(
        mailbox.ask(answer(1), &AskContext::root("test")).await,
        Err(AskError::Closed)
    );
}

struct Noting(Arc<Mutex<Vec<ExitReason>>>);

impl Worker for Noting {
    const NAME: ActorName = ActorName::Downloader;

    fn stopped(&mut self, reason: ExitReason) {
        self.0.lock().unwrap().push(reason);
    }
}

impl HandleMessage<Do> for Noting {
    async fn handle(&mut self, message: Do, cx: &AskContext) -> u64 {
        (message.0)(cx.clone()).await
    }
}

#[actix_rt::test]
async fn a_worker_hears_once_why_it_ends() {
    let (hub, heard) = (ActorRegistry::new(), Arc::new(Mutex::new(Vec::new())));
    let noted = Arc::clone(&heard);
    let mailbox = spawn::serial(&hub, &here(), SpawnOptions::with_capacity(1), move || {
        Noting(Arc::clone(&noted))
    });
    assert_eq!(mailbox.ask(answer(1), &AskContext::root("test")).await, Ok(1));
    mailbox.close();
    let reason = mailbox.drained().await.reason;
    settled().await;
    assert_eq!(*heard.lock().unwrap(), [reason]);
}

#[test]
fn the_ledger_is_bounded() {
    let hub = ActorRegistry::new();
    for _ in 0..300 {
        crate::actor::ActorInstance::new(&hub, ActorName::Checker, 1).ended(ExitReason::Done);
    }
    assert_eq!(hub.ledger().len(), 256);
    assert_eq!(checker(&hub).exits["done"], 300);
}
