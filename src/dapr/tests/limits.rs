//! Limits and timeouts, callers that go away, and messages that come too late (PROTOCOL.md, section 9).

use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use tokio::time::Instant;

use crate::actor::ActorRegistry;
use crate::dapr::tests::support::{parts, quick};
use crate::dapr::{CloseStateStore, GetState, KeyState, StateError, StateItem, StateStore, StateStoreConfig};
use crate::lab::simulator::SidecarFault;
use crate::session::TimeoutPhase;

fn phase<T: std::fmt::Debug>(result: Result<T, StateError>) -> TimeoutPhase {
    match result {
        Err(StateError::Unavailable { phase, .. }) => phase,
        other => panic!("{other:?}"),
    }
}

#[actix_rt::test]
async fn sixty_at_once_never_use_more_than_fifty_connections() {
    let mut parts = parts();
    parts.sidecar.delay = Duration::from_millis(50);
    let fixture = parts.start();
    let all = join_all((0..60).map(|_| fixture.get("k"))).await;
    assert!(all.iter().all(|found| *found == Ok(KeyState::NotFound)));
    let stats = fixture.sidecar.stats();
    assert_eq!((stats.busy_peak, stats.connections_peak), (50, 50));
    assert_eq!(
        fixture.counted().permits["state"].wait_seconds.count,
        10,
        "ten had to wait"
    );
    fixture.end();
}

#[actix_rt::test]
async fn the_fifty_first_waits_and_fails_when_no_place_comes_free_in_time() {
    let fixture = quick().start();
    for _ in 0..50 {
        fixture.sidecar.inject(SidecarFault::Stall(Duration::from_millis(450)));
    }
    let holders = join_all((0..50).map(|_| fixture.get("k")));
    let late = async {
        fixture
            .until("fifty hold a place", || fixture.counted().permits["state"].held == 50)
            .await;
        let began = Instant::now();
        (fixture.get("k").await, began.elapsed())
    };
    let (held, (late, waited)) = futures::join!(holders, late);
    assert_eq!(phase(late), TimeoutPhase::Wait);
    assert!(
        waited >= Duration::from_millis(300) && waited < Duration::from_millis(450),
        "{waited:?}"
    );
    assert!(
        held.iter()
            .all(|result| matches!(result, Err(StateError::Failed { .. })))
    );
    fixture.end();
}

#[actix_rt::test]
async fn a_silence_longer_than_the_read_timeout_fails_when_that_is_over() {
    let fixture = quick().start();
    fixture.sidecar.inject(SidecarFault::Stall(Duration::from_millis(600)));
    let began = Instant::now();
    assert_eq!(phase(fixture.get("k").await), TimeoutPhase::Head);
    let took = began.elapsed();
    assert!(
        took >= Duration::from_millis(500) && took < Duration::from_millis(600),
        "{took:?}"
    );
    fixture.end();
}

#[actix_rt::test]
async fn a_slow_but_steady_answer_fails_when_the_total_is_over() {
    let fixture = quick().start();
    fixture
        .save(StateItem::json("k", &"x".repeat(109)).unwrap())
        .await
        .unwrap();
    fixture.sidecar.inject(SidecarFault::Drip {
        pieces: 11,
        pause: Duration::from_millis(130),
    });
    let began = Instant::now();
    assert_eq!(phase(fixture.get("k").await), TimeoutPhase::Total);
    let took = began.elapsed();
    assert!(
        took >= Duration::from_millis(990) && took < Duration::from_millis(1_200),
        "{took:?}"
    );
    fixture.end();
}

#[actix_rt::test]
async fn waiting_for_a_place_counts_towards_the_total() {
    let mut parts = quick().places(1, 1);
    parts.session.state_timeouts.wait = Some(Duration::from_millis(900));
    parts.session.state_timeouts.read = Duration::from_millis(900);
    let fixture = parts.start();
    fixture.sidecar.set_delay(Duration::from_millis(700));
    let began = Instant::now();
    let (first, second) = futures::join!(fixture.get("k"), fixture.get("k"));
    assert_eq!(first, Ok(KeyState::NotFound));
    assert_eq!(phase(second), TimeoutPhase::Total);
    assert!(began.elapsed() < Duration::from_millis(1_200));
    fixture.end();
}

#[actix_rt::test]
async fn a_close_lets_requests_in_flight_finish_and_cuts_those_that_do_not() {
    let fixture = quick().start();
    let close = |millis| CloseStateStore {
        grace: Duration::from_millis(millis),
    };
    fixture.sidecar.set_delay(Duration::from_millis(150));
    let closing = async {
        fixture
            .until("it is under way", || fixture.store.counters().snapshot().in_flight == 1)
            .await;
        // The close is sent first, so the other finds the door shut.
        futures::join!(fixture.store.ask(close(900), &fixture.cx), fixture.get("k"))
    };
    let (finished, (report, refused)) = futures::join!(fixture.get("k"), closing);
    let report = report.unwrap();
    assert_eq!((finished, refused), (Ok(KeyState::NotFound), Err(StateError::Closed)));
    assert_eq!((report.finished, report.cut), (1, 0));

    fixture.sidecar.set_delay(Duration::ZERO);
    fixture.sidecar.inject(SidecarFault::Stall(Duration::from_millis(400)));
    let closing = async {
        fixture
            .until("it is under way", || fixture.store.counters().snapshot().in_flight == 1)
            .await;
        fixture.store.ask(close(50), &fixture.cx).await.unwrap()
    };
    let (cut, report) = futures::join!(fixture.get("k"), closing);
    assert_eq!(cut, Err(StateError::Closed));
    assert_eq!((report.finished, report.cut), (0, 1));
    assert_eq!(fixture.get("k").await, Ok(KeyState::NotFound), "open again");
    fixture.end();
}

#[actix_rt::test]
async fn a_thousand_requests_go_over_one_session_and_at_most_fifty_connections() {
    let fixture = parts().start();
    let all: Vec<_> = futures::stream::iter(0..1_000)
        .map(|number| {
            let fixture = &fixture;
            async move {
                let key = format!("cart-{}", number % 100);
                if number % 2 == 0 {
                    fixture.put(&key, number).await
                } else {
                    fixture.get(&key).await.map(drop)
                }
            }
        })
        .buffer_unordered(200)
        .collect()
        .await;
    assert!(all.iter().all(Result::is_ok));
    let stats = fixture.sidecar.stats();
    assert_eq!(stats.requests, 1_000);
    assert!(stats.connections_accepted <= 50, "{stats:?}");
    assert_eq!(fixture.counted().sessions_created, 1);
    fixture.end();
}

#[actix_rt::test]
async fn a_caller_that_goes_away_cancels_its_request_and_frees_its_place() {
    let fixture = quick().places(1, 1).start();
    fixture.sidecar.inject(SidecarFault::Stall(Duration::from_millis(450)));
    let asked = || fixture.sidecar.stats().requests;
    tokio::select! {
        _ = fixture.get("k") => panic!("it is stalled"),
        () = fixture.until("the sidecar has the request", || asked() == 1) => {}
    }
    fixture
        .until("the place is free", || fixture.counted().permits["state"].held == 0)
        .await;
    fixture
        .until("its connection is closed", || fixture.counted().connections_open == 0)
        .await;
    let began = Instant::now();
    assert_eq!(fixture.get("k").await, Ok(KeyState::NotFound));
    assert!(
        began.elapsed() < Duration::from_millis(300),
        "nobody waits for the stalled one"
    );
    assert_eq!(fixture.store.counters().snapshot().in_flight, 0);

    let cx = fixture.cx.child();
    fixture.sidecar.inject(SidecarFault::Stall(Duration::from_millis(450)));
    let cancel = async {
        fixture.until("the sidecar has the request", || asked() == 3).await;
        cx.cancel();
    };
    let (cancelled, ()) = futures::join!(fixture.store.ask(GetState::of("k"), &cx), cancel);
    assert_eq!(cancelled, Err(StateError::Cancelled));
    fixture.end();
}

#[actix_rt::test]
async fn too_much_at_once_is_refused_at_once() {
    let mut parts = quick();
    parts.store.most_in_flight = 3;
    parts.sidecar.delay = Duration::from_millis(100);
    let fixture = parts.start();
    let all = join_all((0..5).map(|_| fixture.get("k"))).await;
    let busy = all.iter().filter(|result| **result == Err(StateError::Busy)).count();
    assert_eq!((busy, fixture.sidecar.stats().requests), (2, 3));
    fixture.end();
}

#[actix_rt::test]
async fn a_full_mailbox_refuses_at_once() {
    let fixture = quick().start();
    let config = StateStoreConfig {
        url: url::Url::parse(&fixture.sidecar.base_url()).unwrap(),
        mailbox_capacity: 1,
        ..parts().store
    };
    let store = StateStore::start(
        &ActorRegistry::new(),
        &actix_rt::Arbiter::current(),
        &fixture.session,
        config,
    );
    // On this one thread nothing begins before all five have been sent.
    let all = join_all((0..5).map(|_| store.ask(GetState::of("k"), &fixture.cx))).await;
    let busy = all.iter().filter(|result| **result == Err(StateError::Busy)).count();
    assert_eq!(busy, 4);
    fixture.end();
}

/// Accepts connections and never says a word; an address by TLS, so that connecting does not end.
fn mute() -> (std::net::TcpListener, StateStoreConfig) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let config = StateStoreConfig {
        url: url::Url::parse(&url).unwrap(),
        ..quick().store
    };
    (listener, config)
}

#[actix_rt::test]
async fn a_handshake_that_does_not_end_is_part_of_connecting() {
    let mut parts = quick();
    // GRIN's own limit is another.
    parts.session.timeouts.connect = Duration::from_secs(30);
    let fixture = parts.start();
    let (_listener, config) = mute();
    let store = StateStore::start(
        &ActorRegistry::new(),
        &actix_rt::Arbiter::current(),
        &fixture.session,
        config,
    );
    let began = Instant::now();
    assert_eq!(
        phase(store.ask(GetState::of("k"), &fixture.cx).await),
        TimeoutPhase::Handshake
    );
    let took = began.elapsed();
    assert!(
        took >= Duration::from_millis(295) && took < Duration::from_millis(500),
        "{took:?}"
    );
    fixture
        .until("the connection is closed", || fixture.counted().connections_open == 0)
        .await;
    fixture.end();
}

#[actix_rt::test]
async fn waiting_and_connecting_have_one_time_between_them() {
    let fixture = quick().places(1, 1).start();
    let (_listener, config) = mute();
    let store = StateStore::start(
        &ActorRegistry::new(),
        &actix_rt::Arbiter::current(),
        &fixture.session,
        config,
    );
    let first = async {
        let gone = tokio::time::timeout(Duration::from_millis(200), store.ask(GetState::of("k"), &fixture.cx)).await;
        assert!(gone.is_err(), "it holds the only place until it goes away");
    };
    let second = async {
        fixture
            .until("the place is taken", || fixture.counted().permits["state"].held == 1)
            .await;
        let began = Instant::now();
        (store.ask(GetState::of("k"), &fixture.cx).await, began.elapsed())
    };
    let ((), (late, took)) = futures::join!(first, second);
    assert_eq!(phase(late), TimeoutPhase::Handshake, "it waited, and got the place");
    assert!(
        took >= Duration::from_millis(295) && took < Duration::from_millis(450),
        "{took:?}: 300 in all, and not again after the wait"
    );
    fixture.end();
}

#[actix_rt::test]
async fn idle_connections_are_kept_for_a_time_of_their_own() {
    let mut parts = quick();
    parts.session.state_keep_alive = Duration::from_millis(200);
    parts.session.keep_alive = Duration::from_secs(60);
    let fixture = parts.start();
    fixture.put("k", 1).await.unwrap();
    assert_eq!(fixture.counted().connections_open, 1);
    fixture
        .until("it is closed", || fixture.counted().connections_open == 0)
        .await;
    fixture.put("k", 2).await.unwrap();
    assert_eq!(fixture.counted().connections_opened, 2);
    fixture.end();
}

#[actix_rt::test]
async fn a_refused_connection_is_unavailable_at_connecting() {
    let fixture = quick().start();
    let nowhere = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let config = StateStoreConfig {
        url: url::Url::parse(&format!("http://{nowhere}")).unwrap(),
        ..quick().store
    };
    let store = StateStore::start(
        &ActorRegistry::new(),
        &actix_rt::Arbiter::current(),
        &fixture.session,
        config,
    );
    assert_eq!(
        phase(store.ask(GetState::of("k"), &fixture.cx).await),
        TimeoutPhase::Connect
    );
    fixture.end();
}
