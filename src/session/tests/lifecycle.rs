//! A session's beginning, end and renewal.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use tokio::time::Instant;

use crate::session::tests::support::*;
use crate::session::{BodyError, CloseSession, SessionCloseReport, SessionError, SessionSnapshot};

const GRACE: CloseSession = CloseSession {
    grace: Duration::from_millis(500),
};

fn ok(_: &Seen, wire: &mut dyn Wire) -> bool {
    answer(wire, "200 OK", "", "x")
}

#[actix_rt::test]
async fn a_session_begins_with_its_first_request_and_again_after_a_close() {
    let server = Server::start(ok);
    let fixture = Fixture::of(&server);
    let untouched = SessionCloseReport {
        was_open: false,
        finished: 0,
        cut: 0,
    };
    assert_eq!(
        fixture.session.ask(GRACE, &fixture.cx).await.unwrap(),
        untouched,
        "closing what never began"
    );
    assert_eq!(fixture.counted().sessions_created, 0);
    for sessions in 1..=3 {
        assert!(fixture.get(server.url("/")).await.is_ok());
        assert_eq!(fixture.counted().sessions_created, sessions);
        assert!(fixture.session.ask(GRACE, &fixture.cx).await.unwrap().was_open);
        assert_eq!(
            fixture.session.ask(GRACE, &fixture.cx).await.unwrap(),
            untouched,
            "closing twice"
        );
        assert_eq!(fixture.counted().connections_open, 0, "no connection is left");
    }
    fixture.end();
}

#[actix_rt::test]
async fn what_goes_over_a_connection_that_was_open_is_counted_by_class() {
    let server = Server::start(ok);
    let fixture = Fixture::of(&server);
    for _ in 0..3 {
        assert!(fixture.get(server.url("/")).await.is_ok());
    }
    let used = fixture.counted().permits.into_values().filter(|class| class.on_new > 0);
    let counts: Vec<_> = used.map(|class| (class.on_new, class.on_kept)).collect();
    assert_eq!(counts, [(1, 2)]);
    fixture.end();
}

#[actix_rt::test]
async fn a_close_waits_for_what_is_under_way_and_lets_nothing_new_in() {
    let server = Server::start(|_, wire| {
        // It is still under way when the close comes.
        std::thread::sleep(Duration::from_millis(200));
        answer(wire, "200 OK", "", "x")
    });
    let fixture = Fixture::of(&server);
    let closing = tokio::sync::Notify::new();
    let late = async {
        closing.notified().await;
        fixture.get(server.url("/late")).await
    };
    let close = async {
        let is_under_way = |_: &SessionSnapshot| server.seen().len() == 1;
        fixture.until("a request is under way", is_under_way).await;
        // The close is sent before anything else is done here.
        closing.notify_one();
        fixture
            .session
            .ask(
                CloseSession {
                    grace: Duration::from_secs(5),
                },
                &fixture.cx,
            )
            .await
    };
    let (answer, close, late) = tokio::join!(fixture.get(server.url("/")), close, late);
    assert!(answer.is_ok());
    assert_eq!(
        close.unwrap(),
        SessionCloseReport {
            was_open: true,
            finished: 1,
            cut: 0
        }
    );
    assert_eq!(late.unwrap_err(), SessionError::Closed);
    fixture.end();
}

#[actix_rt::test]
async fn what_does_not_end_in_time_is_cut() {
    let server = Server::start(|_, wire| {
        say(wire, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nx");
        silence(wire);
        false
    });
    let fixture = Fixture::of(&server);
    let body = fixture.open(server.url("/")).await.unwrap();
    let (get, close) = tokio::join!(fixture.get(server.url("/")), fixture.session.ask(GRACE, &fixture.cx));
    // Whichever came first, the request did not outlive the close.
    assert!(get.is_err());
    assert!(close.unwrap().cut >= 1);
    assert_eq!(read(body.reader).await.1, Err(BodyError::Cancelled));
    assert_eq!(fixture.counted().connections_open, 0);
    fixture.end();
}

#[actix_rt::test]
async fn idle_connections_are_closed_in_time_without_any_request() {
    let server = Server::start(ok);
    let mut config = config(&server);
    config.keep_alive = Duration::from_millis(300);
    let fixture = Fixture::new(config);
    futures::future::join_all((0..5).map(|_| fixture.get(server.url("/")))).await;
    assert!(fixture.counted().connections_open >= 1);
    fixture
        .until("idle connections are closed", |counted| counted.connections_open == 0)
        .await;
    assert!(fixture.get(server.url("/")).await.is_ok());
    assert_eq!(fixture.counted().sessions_created, 1);
    assert!(fixture.counted().retries.is_empty());
    fixture.end();
}

#[actix_rt::test]
async fn old_connections_are_closed_when_idle_and_bodies_outlive_them() {
    let server = Server::start(|seen, wire| {
        if seen.path != "/body" {
            return answer(wire, "200 OK", "", "x");
        }
        say(wire, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234");
        std::thread::sleep(Duration::from_millis(1_000));
        say(wire, "56789")
    });
    let mut config = config(&server);
    config.max_connection_age = Duration::from_millis(400);
    let fixture = Fixture::new(config);
    let body = fixture.open(server.url("/body")).await.unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(700) {
        assert!(fixture.get(server.url("/")).await.is_ok());
        // The pace of the requests is the test's input.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        fixture.counted().connections_opened >= 3,
        "a busy connection is replaced as well"
    );
    assert_eq!(read(body.reader).await, (b"0123456789".to_vec(), Ok(())));
    fixture.end();
}

#[actix_rt::test]
async fn a_run_of_connection_errors_makes_the_pool_anew_without_cutting_bodies() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |seen, wire| {
        if seen.path == "/body" {
            say(wire, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234");
            std::thread::sleep(Duration::from_millis(700));
            return say(wire, "56789");
        }
        asked.fetch_add(1, SeqCst) >= 3 && answer(wire, "200 OK", "", "x")
    });
    let mut config = config(&server);
    config.reset_after_errors = 3;
    let fixture = Fixture::new(config);
    let body = fixture.open(server.url("/body")).await.unwrap();
    for failures in 1..=3 {
        assert_eq!(fixture.get(server.url("/")).await.unwrap_err(), SessionError::Reset);
        assert_eq!(fixture.counted().sessions_created, 1, "{failures}");
    }
    assert!(fixture.get(server.url("/")).await.is_ok());
    assert_eq!(fixture.counted().sessions_created, 2);
    assert_eq!(read(body.reader).await, (b"0123456789".to_vec(), Ok(())));
    fixture.end();
}

#[actix_rt::test]
async fn answers_end_a_run_of_errors() {
    let server =
        Server::start(|seen, wire| seen.number % 2 == 1 && answer(wire, "200 OK", "connection: close\r\n", "x"));
    let mut config = config(&server);
    config.reset_after_errors = 2;
    let fixture = Fixture::new(config);
    for _ in 0..3 {
        assert!(fixture.get(server.url("/")).await.is_err());
        assert!(fixture.get(server.url("/")).await.is_ok());
    }
    assert_eq!(fixture.counted().sessions_created, 1);
    fixture.end();
}

#[actix_rt::test]
async fn the_owner_ends_when_shut_and_its_thread_is_joined() {
    let server = Server::start(ok);
    let fixture = Fixture::of(&server);
    assert!(fixture.get(server.url("/")).await.is_ok());
    fixture.session.shut();
    fixture.session.drained().await;
    assert_eq!(fixture.get(server.url("/")).await.unwrap_err(), SessionError::Closed);
    fixture.end();
}
