//! Asks: replies, capacity, deadlines, and askers that go away.

use std::time::Duration;

use crate::actor::{ActorName, ActorRegistry, AskContext, AskError, Mailbox, MessageSender, SerialRunner};

use crate::actor::tests::{FAILED, Hand, answer, checker, hand, held, run, settled};

#[actix_rt::test]
async fn replies_come_back_and_are_counted_by_outcome() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let mailbox = hand(&hub, 4);
    assert_eq!(mailbox.ask(answer(7), &cx).await, Ok(7));
    assert_eq!(mailbox.ask(answer(FAILED), &cx).await, Ok(FAILED));
    let told = checker(&hub);
    let message = told.message("do").unwrap();
    assert_eq!(
        (message.sent, message.handled["ok"], message.handled["error"]),
        (2, 1, 1)
    );
    assert_eq!(
        (message.handle.count, told.wait.count, told.depth, told.peak),
        (2, 2, 0, 1)
    );
}

#[actix_rt::test]
async fn a_full_mailbox_refuses_or_makes_wait() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let mailbox = hand(&hub, 1);
    let (first, begun, free) = held();
    let (second, third) = (mailbox.clone(), mailbox.clone());
    let running = crate::actor::tasks::spawn(&hub, "first", {
        let (mailbox, cx) = (mailbox.clone(), cx.clone());
        async move { mailbox.ask(first, &cx).await }
    });
    begun.await.unwrap();
    let queued = second.ask(answer(2), &cx);
    let blocked = third.ask(answer(3), &cx);
    let others = async {
        settled().await;
        assert_eq!(mailbox.try_ask(answer(4), &cx).await, Err(AskError::Full));
        let told = checker(&hub);
        assert_eq!((told.depth, told.capacity, told.waiting_for_room), (1, 1, 1));
        free.notify_one();
    };
    let (queued, blocked, ()) = futures::join!(queued, blocked, others);
    assert_eq!((queued, blocked, running.join().await), (Ok(2), Ok(3), Ok(Ok(200))));
    let told = checker(&hub);
    assert_eq!((told.peak, told.message("do").unwrap().rejected["full"]), (1, 1));
    assert!(told.send_blocked_seconds["outside"] > 0.0);
}

#[actix_rt::test]
async fn no_clone_gets_past_the_bound() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let mailbox = hand(&hub, 2);
    let (first, begun, _free) = held();
    let clones: Vec<_> = (0..20).map(|_| mailbox.clone()).collect();
    let flood = async {
        begun.await.unwrap();
        let mut waiting = 0;
        let mut asks: Vec<_> = clones
            .iter()
            .map(|clone| Box::pin(clone.try_ask(answer(1), &cx)))
            .collect();
        for ask in &mut asks {
            waiting += u32::from(futures::poll!(ask.as_mut()).is_pending());
        }
        waiting
    };
    tokio::select! {
        _ = mailbox.ask(first, &cx) => panic!("it is held"),
        waiting = flood => assert_eq!(waiting, 2),
    }
}

#[actix_rt::test]
async fn asks_upwards_are_refused() {
    let hub = ActorRegistry::new();
    let mailbox = hand(&hub, 1);
    for from in [ActorName::Checker, ActorName::Catalog, ActorName::SessionOwner] {
        let error = mailbox
            .ask(answer(1), &AskContext::root("test").child_of(from))
            .await
            .unwrap_err();
        assert_eq!(
            error,
            AskError::Upwards {
                from: MessageSender::Actor(from),
                to: ActorName::Checker
            }
        );
    }
    assert_eq!(
        mailbox
            .ask(answer(1), &AskContext::root("test").child_of(ActorName::Supervisor))
            .await,
        Ok(1)
    );
    assert_eq!(checker(&hub).message("do").unwrap().rejected["upwards"], 3);
}

#[actix_rt::test]
async fn a_handler_may_ask_down_with_its_own_context() {
    let hub = ActorRegistry::new();
    let mailbox = hand(&hub, 1);
    let owner = crate::actor::spawn::concurrent(
        &hub,
        &crate::actor::tests::here(),
        crate::actor::SpawnOptions::with_capacity(1),
        || crate::actor::tests::Owner,
    );
    let question = run(move |cx| async move {
        assert_eq!(
            (cx.who(), cx.asked_by()),
            (
                MessageSender::Actor(ActorName::Checker),
                Some(MessageSender::Outside("test"))
            )
        );
        owner.ask(answer(5), &cx).await.unwrap()
    });
    assert_eq!(mailbox.ask(question, &AskContext::root("test")).await, Ok(5));
}

/// Polls an ask until its message is where it should be, then drops it.
async fn ask_and_go(mailbox: &Mailbox<SerialRunner<Hand>>, message: crate::actor::tests::Do, cx: &AskContext) {
    tokio::select! {
        biased;
        _ = mailbox.ask(message, cx) => panic!("it should not be answered"),
        () = settled() => {}
    }
}

#[actix_rt::test]
async fn a_queued_message_without_its_asker_is_not_begun() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let mailbox = hand(&hub, 2);
    let (first, begun, free) = held();
    let others = async {
        begun.await.unwrap();
        ask_and_go(&mailbox, run(|_| async { panic!("begun though nobody waits") }), &cx).await;
        free.notify_one();
    };
    let (first, ()) = futures::join!(mailbox.ask(first, &cx), others);
    assert_eq!((first, mailbox.ask(answer(1), &cx).await), (Ok(200), Ok(1)));
    let message = checker(&hub).message("do").cloned().unwrap();
    assert_eq!(
        (
            message.abandoned["queued"],
            message.handled["ok"],
            message.handled.len()
        ),
        (1, 2, 1)
    );
}

#[actix_rt::test]
async fn a_running_handler_learns_that_its_asker_went_away() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let mailbox = hand(&hub, 1);
    let (message, begun, _free) = held();
    ask_and_go(&mailbox, message, &cx).await;
    begun.await.unwrap();
    assert_eq!(mailbox.ask(answer(1), &cx).await, Ok(1));
    let message = checker(&hub).message("do").cloned().unwrap();
    assert_eq!(
        (
            message.abandoned["running"],
            message.handled["cancelled"],
            message.in_flight
        ),
        (1, 1, 0)
    );
    assert!(!cx.is_cancelled(), "only that message's context is cancelled");
}

#[actix_rt::test]
async fn cancelling_the_asker_ends_its_asks() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let mailbox = hand(&hub, 1);
    let (free, freed) = tokio::sync::oneshot::channel();
    let stubborn = run(|_| async move { freed.await.unwrap_or(0) });
    let asking = cx.child();
    let (answered, ()) = futures::join!(mailbox.ask(stubborn, &asking), async {
        settled().await;
        asking.cancel();
    });
    assert_eq!(
        answered,
        Err(AskError::Cancelled),
        "the asker does not wait for the handler to notice"
    );
    free.send(1).unwrap();
    assert_eq!(mailbox.ask(answer(1), &asking).await, Err(AskError::Cancelled));
    assert_eq!(mailbox.ask(answer(1), &cx).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn deadlines_end_asks_and_are_counted() {
    let local = tokio::task::LocalSet::new();
    let hub = ActorRegistry::new();
    let told = hub.clone();
    local
        .run_until(async move {
            let cx = AskContext::root("test").child_of(ActorName::Supervisor);
            let instance = crate::actor::ActorInstance::new(&hub, ActorName::Checker, 1);
            let limited = cx.with_timeout(Duration::from_secs(3));
            let mut kept = None;
            let unanswered = instance
                .ask::<crate::actor::tests::Do>(answer(1), &limited, |envelope| kept = Some(envelope))
                .await;
            assert_eq!(unanswered, Err(AskError::TimedOut));
            let for_room = cx.with_timeout(Duration::from_secs(3));
            let no_room = instance
                .ask::<crate::actor::tests::Do>(answer(1), &for_room, |_| ())
                .await;
            assert_eq!(no_room, Err(AskError::TimedOut));
            assert!(
                kept.is_some_and(|envelope| envelope.open().is_none()),
                "nobody waits for it"
            );
        })
        .await;
    let message = checker(&told).message("do").cloned().unwrap();
    assert_eq!(
        (&*message.timeouts[0].from, message.timeouts[0].count),
        ("supervisor", 2)
    );
    assert!(checker(&told).send_blocked_seconds["supervisor"] >= 3.0);
}

#[test]
fn handles_and_asks_cross_threads() {
    fn is_send<T: Send>(_: &T) {}
    fn check(mailbox: &Mailbox<SerialRunner<Hand>>, cx: &AskContext) {
        is_send(mailbox);
        is_send(&mailbox.ask(answer(1), cx));
    }
    let _ = check;
}
