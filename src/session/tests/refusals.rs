//! 429 and 503 over the network: whom they hold back, and for how long.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use tokio::time::Instant;

use crate::session::tests::support::*;
use crate::session::{BodyError, FetchAnswer, ReconfigureSession, RequestKind, SessionError};

#[actix_rt::test]
async fn one_refusal_holds_everyone_back_for_as_long_as_grin_says() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |_, wire| match asked.fetch_add(1, SeqCst) {
        0 => answer(wire, "429 Slow down", "retry-after: 3\r\n", ""),
        _ => answer(wire, "200 OK", "", ""),
    });
    let fixture = Fixture::of(&server);
    let error = fixture.get(server.url("/")).await.unwrap_err();
    assert_eq!(
        error,
        SessionError::Throttled {
            status: Some(429),
            retry_after: Some(Duration::from_secs(3)),
            longest: None,
        }
    );
    assert!(fixture.counted().gate_closed_until.is_some());
    let began = Instant::now();
    let (head, get) = tokio::join!(fixture.head(server.url("/")), fixture.get(server.url("/")));
    assert!(head.is_ok() && get.is_ok());
    assert!(began.elapsed() >= Duration::from_millis(2_900), "{:?}", began.elapsed());
    fixture.end();
}

#[actix_rt::test]
async fn one_archive_that_is_not_served_stops_no_other() {
    let server = Server::start(|seen, wire| match seen.path.as_str() {
        "/bad" | "/worse" => answer(wire, "503 No", "retry-after: 3600\r\n", ""),
        "/busy" => answer(wire, "429 No", "retry-after: 3600\r\n", ""),
        _ => answer(wire, "200 OK", "", ""),
    });
    let fixture = Fixture::of(&server);
    let retry_after = Some(Duration::from_hours(1));
    for (path, status) in [("/bad", 503), ("/busy", 429)].repeat(3) {
        let error = fixture.head(server.url(path)).await.unwrap_err();
        assert_eq!(error, SessionError::NotServed { status, retry_after });
        assert!(fixture.head(server.url("/good")).await.is_ok());
    }
    assert_eq!(fixture.counted().gate_closed_until, None);
    // However many are refused one after another: others may be served, and what is asked is theirs alone.
    for path in ["/bad", "/worse", "/busy", "/bad", "/worse"] {
        let error = fixture.head(server.url(path)).await.unwrap_err();
        assert!(matches!(error, SessionError::NotServed { .. }), "{error:?}");
    }
    assert_eq!(fixture.counted().gate_closed_until, None);
    fixture.end();
}

#[actix_rt::test]
async fn a_list_that_answers_503_speaks_for_all_of_grin() {
    let server = Server::start(|_, wire| answer(wire, "503 No", "", ""));
    let fixture = Fixture::of(&server);
    let error = fixture.get(server.url("/_all_books")).await.unwrap_err();
    let wait = Some(Duration::from_secs(2));
    assert_eq!(
        error,
        SessionError::Throttled {
            status: Some(503),
            retry_after: wait,
            longest: None,
        }
    );
    assert!(fixture.counted().gate_closed_until.is_some());
    fixture.end();
}

#[actix_rt::test]
async fn a_full_conversion_queue_stops_nobody_else() {
    let server = Server::start(|seen, wire| match seen.path.as_str() {
        "/_process" => answer(wire, "429 Full", "", ""),
        "/_process?wait" => answer(wire, "429 Slow down", "retry-after: 3600\r\n", ""),
        _ => answer(wire, "200 OK", "", ""),
    });
    let fixture = Fixture::of(&server);
    let process = |path| FetchAnswer::get(server.url(path), RequestKind::Process, 100);
    let error = fixture
        .session
        .ask(process("/_process"), &fixture.cx)
        .await
        .unwrap_err();
    assert_eq!(error, SessionError::QueueFull);
    let began = Instant::now();
    assert!(fixture.get(server.url("/")).await.is_ok());
    assert!(began.elapsed() < Duration::from_secs(1));
    // How long to wait is said to everybody.
    let error = fixture
        .session
        .ask(process("/_process?wait"), &fixture.cx)
        .await
        .unwrap_err();
    let hour = SessionError::Throttled {
        status: Some(429),
        retry_after: Some(Duration::from_hours(1)),
        longest: None,
    };
    assert_eq!(error, hour);
    fixture.end();
}

#[actix_rt::test]
async fn fewer_archives_are_fetched_at_once_while_grin_cannot_keep_up() {
    let server = Server::start(|seen, wire| match seen.path.as_str() {
        "/busy" => answer(wire, "503 No", "", ""),
        "/silent" => {
            silence(wire);
            false
        }
        "/stalls" => {
            say(wire, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx");
            silence(wire);
            false
        }
        _ => answer(wire, "200 OK", "etag: \"a\"\r\n", "x"),
    });
    let mut config = config(&server);
    config.bulk_most = 8;
    config.timeouts.read = Duration::from_millis(100);
    config.resume_attempts = 0;
    let fixture = Fixture::new(config);
    let places = |places: usize| fixture.until("places", move |counted| counted.bulk_places == places);
    places(8).await;
    assert!(fixture.open(server.url("/busy")).await.is_err());
    places(4).await;
    assert!(
        fixture.head(server.url("/busy")).await.is_err(),
        "of an archive's head that says nothing"
    );
    assert!(fixture.open(server.url("/silent")).await.is_err());
    places(2).await;
    let (_, ended) = fixture.download(server.url("/stalls")).await;
    assert_eq!(ended, Err(BodyError::Stalled));
    places(1).await;
    for expected in [2, 2, 2, 3] {
        fixture.download(server.url("/good")).await.1.unwrap();
        places(expected).await;
    }
    let changed = ReconfigureSession {
        bulk_most: Some(2),
        ..ReconfigureSession::default()
    };
    fixture.session.ask(changed, &fixture.cx).await.unwrap();
    places(2).await;
    fixture.end();
}
