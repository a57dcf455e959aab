//! Connections in use are bounded, shared fairly, and used again.

use std::time::Duration;

use futures::StreamExt;

use crate::session::tests::support::*;
use crate::session::{
    AuthMode, ConnectionLimits, FetchAnswer, PermitClass, ReconfigureSession, RequestKind, SessionError,
    SessionSnapshot, TimeoutPhase,
};

fn somebody_waits(counted: &SessionSnapshot) -> bool {
    counted.permits.values().any(|class| class.waiting > 0)
}

fn slow(_: &Seen, wire: &mut dyn Wire) -> bool {
    // How long an answer takes is the test's input.
    std::thread::sleep(Duration::from_millis(20));
    answer(wire, "200 OK", "", "x")
}

#[actix_rt::test]
async fn a_hundred_requests_at_once_never_exceed_the_limit() {
    let server = Server::start(slow);
    let mut config = config(&server);
    config.limits = ConnectionLimits::new(10, 10);
    let fixture = Fixture::new(config);
    let all = futures::future::join_all((0..100).map(|_| fixture.get(server.url("/")))).await;
    assert!(all.iter().all(Result::is_ok));
    assert!(server.most_busy() <= 10, "{}", server.most_busy());
    let counted = fixture.counted();
    assert!(
        counted.connections_opened <= 10 && server.connections() <= 10,
        "{counted:?}"
    );
    assert_eq!((counted.sessions_created, counted.permits["lists"].held), (1, 0));
    assert!(counted.permits["lists"].wait_seconds.count >= 80);
    fixture.end();
}

#[actix_rt::test]
async fn each_host_has_its_own_limit() {
    let (one, two) = (Server::start(slow), Server::start(slow));
    let mut config = config(&one);
    config.limits = ConnectionLimits::new(10, 3);
    let fixture = Fixture::new(config);
    let urls = (0..40).map(|number| if number % 2 == 0 { one.url("/") } else { two.url("/") });
    let all = futures::future::join_all(urls.map(|url| fixture.raw(url))).await;
    assert!(all.iter().all(Result::is_ok));
    assert!(
        one.most_busy() <= 3 && two.most_busy() <= 3,
        "{} {}",
        one.most_busy(),
        two.most_busy()
    );
    fixture.end();
}

/// Archives that never end; everything else at once.
fn endless(seen: &Seen, wire: &mut dyn Wire) -> bool {
    if seen.path != "/archive" {
        return answer(wire, "200 OK", "", "");
    }
    say(
        wire,
        "HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\netag: \"a\"\r\n\r\nx",
    );
    silence(wire);
    false
}

#[actix_rt::test]
async fn downloads_never_starve_the_rest_and_give_their_permits_back_half_read() {
    let server = Server::start(endless);
    let mut config = config(&server);
    config.limits = ConnectionLimits::new(5, 5);
    let fixture = Fixture::new(config);
    let bodies = [
        fixture.open(server.url("/archive")).await.unwrap(),
        fixture.open(server.url("/archive")).await.unwrap(),
    ];
    let third = tokio::time::timeout(Duration::from_millis(200), fixture.open(server.url("/archive"))).await;
    assert!(third.is_err(), "two of five permits are for downloads");
    assert_eq!(fixture.counted().permits["bulk"].held, 2);
    for _ in 0..3 {
        assert!(fixture.head(server.url("/x")).await.is_ok());
        assert!(fixture.get(server.url("/x")).await.is_ok());
    }
    drop(bodies);
    fixture
        .until("permits come back", |counted| {
            counted.permits["bulk"].held == 0 && counted.permits["bulk"].waiting == 0
        })
        .await;
    fixture
        .until("half-read bodies close their connections", |counted| {
            counted.connections_open <= 3
        })
        .await;
    assert!(fixture.open(server.url("/archive")).await.is_ok());
    fixture.end();
}

#[actix_rt::test]
async fn who_goes_away_while_waiting_leaves_the_line() {
    let server = Server::start(endless);
    let mut config = config(&server);
    config.limits = ConnectionLimits::new(1, 1);
    let fixture = Fixture::new(config);
    let body = fixture.open(server.url("/archive")).await.unwrap();
    let waiting = tokio::time::timeout(Duration::from_millis(100), fixture.head(server.url("/x"))).await;
    assert!(waiting.is_err());
    fixture
        .until("nobody waits", |counted| {
            counted.permits["check"].waiting == 0 && counted.requests_in_flight == 1
        })
        .await;
    let cx = fixture.cx.child();
    let (asked, ()) = tokio::join!(
        fixture
            .session
            .ask(FetchAnswer::get(server.url("/x"), RequestKind::Other, 1), &cx),
        async {
            fixture.until("it waits", somebody_waits).await;
            cx.cancel();
        }
    );
    assert_eq!(asked.unwrap_err(), SessionError::Cancelled);
    drop(body);
    assert!(fixture.head(server.url("/x")).await.is_ok());
    fixture.end();
}

#[actix_rt::test]
async fn the_state_store_waits_for_a_place_only_so_long() {
    let server = Server::start(|_, wire| {
        // Longer than anybody waits for a place.
        std::thread::sleep(Duration::from_millis(1_500));
        answer(wire, "200 OK", "", "")
    });
    let mut config = config(&server);
    config.state_limits = ConnectionLimits::new(1, 1);
    config.state_timeouts.wait = Some(Duration::from_millis(300));
    let fixture = Fixture::new(config);
    let ask = || {
        let fetch = FetchAnswer {
            class: PermitClass::State,
            auth: AuthMode::None,
            ..FetchAnswer::get(server.url("/"), RequestKind::State, 100)
        };
        fixture.session.ask(fetch, &fixture.cx)
    };
    let (first, second) = tokio::join!(ask(), ask());
    assert!(first.is_ok());
    assert_eq!(
        second.unwrap_err(),
        SessionError::Timeout {
            phase: TimeoutPhase::Wait
        }
    );
    fixture.end();
}

#[actix_rt::test]
async fn the_state_store_may_use_every_one_of_its_places() {
    let server = Server::start(slow);
    let mut config = config(&server);
    config.state_limits = ConnectionLimits::unshared(8, 5);
    let fixture = Fixture::new(config);
    let ask = |_| {
        let fetch = FetchAnswer {
            class: PermitClass::State,
            auth: AuthMode::None,
            ..FetchAnswer::get(server.url("/"), RequestKind::State, 100)
        };
        fixture.session.ask(fetch, &fixture.cx)
    };
    let all = futures::future::join_all((0..20).map(ask)).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(
        server.most_busy(),
        5,
        "none of the places is kept for classes that never come"
    );
    fixture.end();
}

#[actix_rt::test]
async fn limits_can_be_raised_while_requests_wait() {
    let server = Server::start(endless);
    let mut config = config(&server);
    config.limits = ConnectionLimits::new(1, 1);
    let fixture = Fixture::new(config);
    let _body = fixture.open(server.url("/archive")).await.unwrap();
    let raise = async {
        fixture.until("it waits", somebody_waits).await;
        let limits = Some(ConnectionLimits::new(4, 4));
        fixture
            .session
            .ask(
                ReconfigureSession {
                    limits,
                    ..ReconfigureSession::default()
                },
                &fixture.cx,
            )
            .await
            .unwrap();
    };
    let (answer, ()) = tokio::join!(fixture.head(server.url("/x")), raise);
    assert!(answer.is_ok());
    fixture.end();
}

#[actix_rt::test]
async fn thousands_of_requests_go_over_one_session_and_few_connections() {
    let archive = pattern(100_000);
    let server = Server::start(move |seen, wire| match seen.method.as_str() {
        "HEAD" => say(wire, "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\netag: \"a\"\r\n\r\n"),
        _ => answer(wire, "200 OK", "etag: \"a\"\r\n", &archive),
    });
    let mut config = config(&server);
    config.limits = ConnectionLimits::new(12, 12);
    let fixture = Fixture::new(config);
    let heads = futures::stream::iter(0..2_000)
        .map(|_| fixture.head(server.url("/a")))
        .buffer_unordered(50);
    let downloads = futures::stream::iter(0..100)
        .map(|_| fixture.download(server.url("/a")))
        .buffer_unordered(20);
    let (heads, downloads): (Vec<_>, Vec<_>) = tokio::join!(heads.collect(), downloads.collect());
    assert!(heads.iter().all(Result::is_ok));
    assert!(
        downloads
            .iter()
            .all(|(bytes, ended)| bytes == &pattern(100_000) && ended.is_ok())
    );
    let counted = fixture.counted();
    assert_eq!((counted.sessions_created, counted.download_bytes), (1, 10_000_000));
    assert!(server.connections() <= 12, "{}", server.connections());
    assert_eq!(counted.head_seconds["archive_head"].count, 2_000);
    fixture.end();
}

#[actix_rt::test]
async fn received_bytes_are_told_while_they_come() {
    let (go_on, going_on) = std::sync::mpsc::channel();
    let going_on = std::sync::Mutex::new(going_on);
    let server = Server::start(move |_, wire| {
        say(wire, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234");
        going_on.lock().unwrap().recv().unwrap();
        say(wire, "56789")
    });
    let fixture = Fixture::of(&server);
    let body = fixture.open(server.url("/")).await.unwrap();
    let arrival = body.reader.arrival();
    let reading = read(body.reader);
    let half = |_: &SessionSnapshot| arrival.bytes() == 5;
    fixture.until("half of it is told", half).await;
    go_on.send(()).unwrap();
    assert_eq!(reading.await.0, b"0123456789");
    fixture.end();
}
