//! What the hub shows while work is under way: who waits on whom, declared waits, ages, stalls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::actor::{ActorName, ActorRegistry, AskContext, SpawnOptions, spawn};

use crate::actor::tests::{Owner, answer, checker, hand, held, here, run, settled};

#[actix_rt::test]
async fn the_graph_shows_who_waits_on_whom() {
    let (hub, cx) = (
        ActorRegistry::new(),
        AskContext::root("test").child_of(ActorName::Supervisor),
    );
    let hand = hand(&hub, 1);
    let owner = spawn::concurrent(&hub, &here(), SpawnOptions::with_capacity(1), || Owner);
    let (question, begun, free) = held();
    let asked = run(move |cx| async move { owner.ask(question, &cx).await.unwrap() });
    let watch = async {
        begun.await.unwrap();
        settled().await;
        let snapshot = hub.snapshot();
        let edges: Vec<_> = snapshot
            .waits
            .iter()
            .map(|edge| (&*edge.from, edge.to, edge.waiting, edge.for_room))
            .collect();
        assert_eq!(
            edges,
            [
                ("supervisor", ActorName::Checker, 3, 1),
                ("checker", ActorName::SessionOwner, 1, 0)
            ]
        );
        assert!(snapshot.waits.iter().all(|edge| edge.longest_seconds > 0.0));
        let handled = |edge: &crate::actor::WaitEdge| {
            let waits = edge.handled.iter();
            waits.map(|wait| (wait.what.clone(), wait.messages)).collect::<Vec<_>>()
        };
        assert_eq!((snapshot.waits[0].queued, snapshot.waits[1].queued), (1, 0));
        assert_eq!(handled(&snapshot.waits[0]), [(Some("session_owner".into()), 1)]);
        assert_eq!(handled(&snapshot.waits[1]), [(None, 1)], "it has declared nothing");
        let protected = snapshot.actor(ActorName::Checker).unwrap().protected.clone().unwrap();
        assert_eq!(
            protected.what, "session_owner",
            "the blame goes to the one it waits for"
        );
        free.notify_one();
    };
    let asks = futures::join!(
        hand.ask(asked, &cx),
        hand.ask(answer(1), &cx),
        hand.ask(answer(2), &cx),
        watch
    );
    assert_eq!((asks.0, asks.1, asks.2), (Ok(200), Ok(1), Ok(2)));
    assert!(hub.snapshot().waits.is_empty());
}

#[actix_rt::test]
async fn an_asker_that_went_away_waits_no_more() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let hand = hand(&hub, 1);
    let message = run(|_| std::future::pending());
    tokio::select! {
        biased;
        _ = hand.ask(message, &cx) => panic!("it should not be answered"),
        () = settled() => {}
    }
    assert!(hub.snapshot().waits.is_empty());
    assert_eq!(checker(&hub).message("do").unwrap().in_flight, 1);
}

#[actix_rt::test]
async fn what_is_being_done_is_told_as_it_is_and_not_when_it_is_over() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let hand = hand(&hub, 1);
    let work = |hub: &ActorRegistry| checker(hub).instances[0].work.clone();
    let seen = hub.clone();
    let message = run(move |cx| async move {
        let bytes = Arc::new(AtomicU64::new(1));
        let shared = Arc::clone(&bytes);
        cx.describe(move || format!("{} bytes", shared.load(Relaxed)));
        assert_eq!(checker(&seen).instances[0].work, ["1 bytes"]);
        bytes.store(2, Relaxed);
        assert_eq!(checker(&seen).instances[0].work, ["2 bytes"]);
        cx.describe(|| "something else".to_owned());
        assert_eq!(checker(&seen).instances[0].work, ["something else"]);
        200
    });
    assert_eq!(hand.ask(message, &cx).await, Ok(200));
    assert_eq!(work(&hub), [""; 0], "the message is answered");
    let asked = hand.ask(
        run(|cx| async move {
            cx.describe(|| "until it panics".to_owned());
            panic!("as the test wants")
        }),
        &cx,
    );
    asked.await.unwrap_err();
    assert_eq!(work(&hub), [""; 0], "the message panicked");
}

#[actix_rt::test]
async fn declared_waits_excuse_silence() {
    tokio::time::pause();
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let hand = hand(&hub, 4);
    let (begin, begun) = tokio::sync::oneshot::channel();
    let message = run(move |cx| async move {
        let _ = begin.send(());
        cx.waiting_for("GRIN", tokio::time::sleep(Duration::from_mins(10)))
            .await;
        cx.waiting_for("disk", async {
            cx.waiting_for("GRIN", tokio::time::sleep(Duration::from_mins(1))).await;
        })
        .await;
        tokio::time::sleep(Duration::from_mins(10)).await;
        1
    });
    let watch = async {
        begun.await.unwrap();
        tokio::time::sleep(Duration::from_mins(9)).await;
        let told = checker(&hub);
        let protected = told.protected.unwrap();
        assert_eq!(
            (&*protected.what, protected.seconds.round().to_string().as_str()),
            ("GRIN", "540")
        );
        assert!(
            (told.oldest_age_seconds - 540.0).abs() < 1.0,
            "{}",
            told.oldest_age_seconds
        );
        tokio::time::sleep(Duration::from_mins(8)).await;
        let told = checker(&hub);
        assert_eq!(told.protected, None, "both declared waits are over");
        assert!(told.instances[0].idle_seconds > 300.0);
    };
    let asks = futures::join!(hand.ask(message, &cx), hand.ask(answer(2), &cx), watch);
    assert_eq!((asks.0, asks.1), (Ok(1), Ok(2)));
}

#[actix_rt::test]
async fn two_waits_at_once_end_in_any_order_and_none_stays_behind() {
    tokio::time::pause();
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let hand = hand(&hub, 1);
    let message = run(|cx| async move {
        let minutes = |minutes| tokio::time::sleep(Duration::from_mins(minutes));
        futures::join!(cx.waiting_for("GRIN", minutes(1)), cx.waiting_for("disk", minutes(3)));
        minutes(2).await;
        1
    });
    let watch = async {
        let told = async |minutes| {
            tokio::time::sleep(Duration::from_mins(minutes)).await;
            checker(&hub).protected.map(|wait| wait.what.to_string())
        };
        assert_eq!(told(2).await.as_deref(), Some("disk"));
        assert_eq!(told(2).await, None, "it works itself, and may be found to stand still");
    };
    let (asked, ()) = futures::join!(hand.ask(message, &cx), watch);
    assert_eq!(asked, Ok(1));
}

#[actix_rt::test]
async fn a_context_kept_too_long_touches_no_other_message() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let hand = hand(&hub, 1);
    let kept = Arc::new(std::sync::Mutex::new(None));
    let keep = Arc::clone(&kept);
    let message = run(move |cx| async move {
        *keep.lock().unwrap() = Some(cx);
        1
    });
    assert_eq!(hand.ask(message, &cx).await, Ok(1));
    let kept = kept.lock().unwrap().take().unwrap();
    let (message, begun, free) = held();
    let (answered, ()) = futures::join!(hand.ask(message, &cx), async {
        begun.await.unwrap();
        kept.waiting_for("nothing", async { assert_eq!(checker(&hub).protected, None) })
            .await;
        free.notify_one();
    });
    assert_eq!(answered, Ok(200));
}

#[actix_rt::test]
async fn a_message_is_in_hand_before_it_ends() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let hand = hand(&hub, 1);
    let (message, begun, free) = held();
    let watch = async {
        begun.await.unwrap();
        hub.note_windows();
        let since = std::time::Instant::now();
        while since.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        hub.note_windows();
        free.notify_one();
        checker(&hub).windows["10s"].clone()
    };
    let (_, window) = futures::join!(hand.ask(message, &cx), watch);
    assert!(window.in_hand * window.seconds >= 0.02, "{window:?}");
    assert!(window.handled_per_second < f64::EPSILON, "{window:?}");
}

#[actix_rt::test]
async fn time_in_polls_counts_as_busy_and_waiting_does_not() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    let hand = hand(&hub, 1);
    let message = run(|_| async {
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        1
    });
    hub.note_windows();
    assert_eq!(hand.ask(message, &cx).await, Ok(1));
    hub.note_windows();
    let told = checker(&hub);
    let window = &told.windows["10s"];
    assert!(window.in_hand * window.seconds >= 0.3, "{window:?}");
    assert!(window.busy_share < window.in_hand, "{window:?}");
    let handled = told.message("do").unwrap().handle.sum_seconds;
    assert!(told.busy_seconds >= 0.02, "{}", told.busy_seconds);
    assert!(
        handled >= 0.3 && told.busy_seconds < handled,
        "{} of {handled}",
        told.busy_seconds
    );
}

#[actix_rt::test]
async fn a_snapshot_serializes_with_plain_labels() {
    let (hub, cx) = (ActorRegistry::new(), AskContext::root("test"));
    assert!(hub.snapshot().actors.is_empty(), "nobody was spawned or asked");
    let hand = hand(&hub, 2);
    assert_eq!(hand.ask(answer(1), &cx).await, Ok(1));
    let json = serde_json::to_value(hub.snapshot()).unwrap();
    let actor = &json["actors"][0];
    assert_eq!(
        (&actor["name"], &actor["states"]["running"]),
        (&"checker".into(), &1.into())
    );
    assert_eq!(actor["messages"][0]["handled"]["ok"], 1);
    assert_eq!(actor["messages"][0]["handle"]["counts"].as_array().unwrap().len(), 40);
    assert!(actor["last_progress_timestamp_seconds"].as_f64().unwrap() > 1e9);
}
