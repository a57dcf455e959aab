//! A cut archive is continued only while its server and GRIN let it: what the one asks for, and what the other.

use std::sync::{Arc, Barrier};
use std::time::Duration;

use crate::session::tests::resume::{LENGTH, first_byte, part};
use crate::session::tests::support::*;
use crate::session::{BodyError, ReconfigureSession, SessionError};

#[actix_rt::test]
async fn a_resume_whose_reader_has_gone_ends_at_once() {
    let cut = Arc::new(Barrier::new(2));
    let cutting = Arc::clone(&cut);
    let server = Server::start(move |seen, wire| match seen.path.as_str() {
        "/a" => {
            part(wire, 0, 300_000, "\"a\"");
            cutting.wait();
            false
        }
        _ => answer(wire, "429 Slow down", "retry-after: 3600\r\n", ""),
    });
    let fixture = Fixture::of(&server);
    let body = fixture.open(server.url("/a")).await.unwrap();
    fixture.get(server.url("/list")).await.unwrap_err();
    cut.wait();
    fixture
        .until("the rest is asked for", |counted| !counted.retries.is_empty())
        .await;
    drop(body);
    fixture
        .until("nothing goes on", |counted| counted.requests_in_flight == 0)
        .await;
    fixture.end();
}

#[actix_rt::test]
async fn what_is_asked_to_wait_for_one_archive_is_left_to_its_next_attempt() {
    let server = Server::start(|seen, wire| match seen.header("range") {
        None => part(wire, 0, 300_000, "\"a\""),
        Some(_) => answer(wire, "429 Slow down", "retry-after: 3600\r\n", ""),
    });
    let fixture = Fixture::of(&server);
    let (_, ended) = fixture.download(server.url("/a")).await;
    let refused = SessionError::NotServed {
        status: 429,
        retry_after: Some(Duration::from_hours(1)),
    };
    assert_eq!(ended, Err(BodyError::Session(refused)));
    assert_eq!((server.seen().len(), fixture.counted().gate_closed_until), (2, None));
    fixture.end();
}

/// A download that is cut, whose next request is answered with 429 after a list has closed the gate for so many seconds.
async fn refused_while_the_gate_is_closed(
    seconds: u32,
    longest_pause: Option<Duration>,
) -> (Server, Fixture, BodyError) {
    let (asked, closed) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (is_asked, is_closed) = (Arc::clone(&asked), Arc::clone(&closed));
    let server = Server::start(move |seen, wire| match (seen.path.as_str(), seen.header("range")) {
        ("/list", _) => answer(wire, "429 Slow down", &format!("retry-after: {seconds}\r\n"), ""),
        (_, None) => part(wire, 0, 300_000, "\"a\""),
        (path, Some(_)) => {
            if seen.number == 1 {
                is_asked.wait();
                is_closed.wait();
            }
            path == "/refused" && answer(wire, "429 Slow down", "retry-after: 3600\r\n", "")
        }
    });
    let path = if longest_pause.is_some() { "/cut" } else { "/refused" };
    let fixture = Fixture::of(&server);
    if longest_pause.is_some() {
        let bound = ReconfigureSession {
            longest_pause,
            ..ReconfigureSession::default()
        };
        fixture.session.ask(bound, &fixture.cx).await.unwrap();
    }
    let reading = read(fixture.open(server.url(path)).await.unwrap().reader);
    let closing = async {
        asked.wait();
        fixture.get(server.url("/list")).await.unwrap_err();
        closed.wait();
    };
    let ((_, ended), ()) = tokio::join!(reading, closing);
    let ended = ended.unwrap_err();
    (server, fixture, ended)
}

#[actix_rt::test]
async fn a_closed_gate_does_not_stand_in_for_what_one_archive_asks_for() {
    let (server, fixture, ended) = refused_while_the_gate_is_closed(3, None).await;
    let refused = SessionError::NotServed {
        status: 429,
        retry_after: Some(Duration::from_hours(1)),
    };
    assert_eq!(ended, BodyError::Session(refused));
    assert_eq!(server.seen().len(), 3, "the archive, its rest and the list");
    fixture.end();
}

#[actix_rt::test]
async fn a_pause_that_nobody_waits_for_ends_a_download_at_once() {
    let longest = Some(Duration::from_mins(10));
    let (server, fixture, ended) = refused_while_the_gate_is_closed(3_600, longest).await;
    assert!(
        matches!(
            ended,
            BodyError::Session(SessionError::Throttled { status: Some(429), .. })
        ),
        "{ended:?}"
    );
    assert_eq!(server.seen().len(), 3, "the archive, its rest and the list");
    let resumes: u64 = fixture.counted().retries.iter().map(|retry| retry.count).sum();
    assert_eq!(resumes, 2, "the one that was cut, and the one that may not be sent");
    fixture.end();
}

#[actix_rt::test]
async fn waiting_at_the_gate_is_not_charged_to_the_body() {
    let server = Server::start(|seen, wire| match seen.number {
        0 => answer(wire, "429 Slow down", "retry-after: 2\r\n", ""),
        1 => part(wire, 0, 300_000, "\"a\""),
        _ => part(wire, first_byte(seen), LENGTH, "\"a\""),
    });
    let mut config = config(&server);
    config.timeouts.download = Duration::from_millis(1_500);
    let fixture = Fixture::new(config);
    assert!(fixture.get(server.url("/list")).await.is_err());
    let (bytes, ended) = fixture.download(server.url("/a")).await;
    assert_eq!((bytes.len(), ended), (LENGTH, Ok(())));
    fixture.end();
}

#[actix_rt::test]
async fn parts_that_end_properly_and_are_empty_are_attempts_without_progress() {
    let server = Server::start(|seen, wire| match seen.header("range") {
        None => part(wire, 0, 300_000, "\"a\""),
        Some(_) => {
            let range = "content-range: bytes 300000-999999/1000000\r\netag: \"a\"";
            let head = format!("HTTP/1.1 206 Partial\r\n{range}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n");
            say(wire, head)
        }
    });
    let mut config = config(&server);
    config.resume_attempts = 2;
    let fixture = Fixture::new(config);
    let (_, ended) = fixture.download(server.url("/a")).await;
    assert!(matches!(ended, Err(BodyError::Cut { got: 300_000, .. })), "{ended:?}");
    assert!(server.seen().len() <= 4, "{}", server.seen().len());
    fixture.end();
}

/// With its places taken by such archives nobody else's would come.
#[actix_rt::test]
async fn an_archive_that_falls_silent_at_the_same_place_again_gives_its_place_to_others() {
    let server = Server::start(|seen, wire| {
        let first = first_byte(seen);
        part(wire, first, 300_000 - first, "\"a\"");
        silence(wire);
        false
    });
    let mut config = config(&server);
    config.bulk_most = 8;
    config.timeouts.read = Duration::from_millis(300);
    let fixture = Fixture::new(config);
    let (bytes, ended) = fixture.download(server.url("/a")).await;
    assert_eq!((bytes.len(), ended), (300_000, Err(BodyError::Stalled)));
    assert_eq!(server.seen().len(), 2, "asked for the rest once");
    let counted = fixture.counted();
    assert_eq!(
        (counted.stalls, counted.bulk_places),
        (2, 8),
        "and no sign of overload is left"
    );
    fixture.end();
}
