//! Bodies on their way: backpressure, silence, trickle, cancellation, lists as streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use futures::StreamExt;
use tokio::time::Instant;

use crate::session::tests::support::*;
use crate::session::{
    BodyError, MinimumSpeed, OpenBody, OpenStream, PermitClass, RequestKind, SessionError, TimeoutPhase,
};

#[actix_rt::test]
async fn an_archive_is_read_to_its_true_end() {
    let archive = pattern(5_000_000);
    let sent = archive.clone();
    let server = Server::start(move |_, wire| {
        answer(
            wire,
            "200 OK",
            "etag: \"a\"\r\ncontent-type: application/octet-stream\r\n",
            &sent,
        )
    });
    let fixture = Fixture::of(&server);
    let body = fixture.open_seen(server.url("/a"), "\"a\"").await.unwrap();
    assert_eq!(body.head.length, Some(5_000_000));
    assert_eq!(body.head.validator.as_ref().unwrap().opaque(), "a");
    assert_eq!(
        (body.head.content_type.as_deref(), body.head.changed),
        (Some("application/octet-stream"), false)
    );
    let (bytes, ended) = read(body.reader).await;
    assert!(bytes == archive && ended.is_ok());
    assert!(fixture.open_seen(server.url("/a"), "\"b\"").await.unwrap().head.changed);
    fixture.end();
}

#[actix_rt::test]
async fn what_is_no_archive_is_refused_before_its_first_byte() {
    let server = Server::start(|seen, wire| match seen.path.as_str() {
        "/206" => answer(wire, "206 Partial", "content-range: bytes 0-0/2\r\n", "x"),
        "/204" => say(wire, "HTTP/1.1 204 No\r\n\r\n"),
        _ => answer(wire, "404 No", "", ""),
    });
    let fixture = Fixture::of(&server);
    assert_eq!(
        fixture.open(server.url("/404")).await.unwrap_err(),
        SessionError::NotFound
    );
    for status in [204, 206] {
        let error = fixture.open(server.url(&format!("/{status}"))).await.unwrap_err();
        assert_eq!(
            error,
            SessionError::Unexpected {
                status,
                snippet: String::new()
            }
        );
    }
    fixture
        .until("refused bodies hold nothing", |counted| {
            counted.permits["bulk"].held == 0
        })
        .await;
    fixture.end();
}

#[actix_rt::test]
async fn a_slow_reader_stops_the_socket() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let server = Server::start(move |_, wire| {
        say(wire, "HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n");
        let piece = vec![0; 64 * 1024];
        while say(wire, &piece) {
            count.fetch_add(piece.len(), SeqCst);
        }
        false
    });
    let mut config = config(&server);
    config.minimum_speed = MinimumSpeed {
        bytes_per_second: 1 << 30,
        window: Duration::from_millis(200),
    };
    config.timeouts.read = Duration::from_millis(300);
    let fixture = Fixture::new(config);
    let body = fixture.open(server.url("/")).await.unwrap();
    let mut before = usize::MAX;
    while before != sent.load(SeqCst) {
        before = sent.load(SeqCst);
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    let received = body.reader.received().load(SeqCst);
    assert!(received <= 5 * (256 + 32) * 1024, "{received}");
    assert!(before < 100_000_000, "{before}");
    // Not read for longer than any limit, and still alive: the reader's time is not the server's.
    let mut reader = body.reader;
    let more = tokio::task::spawn_blocking(move || {
        let mut buffer = vec![0; 4_000_000];
        std::io::Read::read_exact(&mut reader, &mut buffer).map_err(|error| error.to_string())
    });
    assert_eq!(more.await.unwrap(), Ok(()));
    fixture.end();
}

#[actix_rt::test]
async fn a_body_that_falls_silent_is_stalled() {
    let server = Server::start(|_, wire| {
        say(wire, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n0123456789");
        silence();
        false
    });
    let mut config = config(&server);
    config.timeouts.read = Duration::from_millis(300);
    let fixture = Fixture::new(config);
    let (bytes, ended) = fixture.download(server.url("/")).await;
    assert_eq!((bytes.len(), ended), (10, Err(BodyError::Stalled)));
    assert_eq!(fixture.counted().stalls, 1);
    fixture.end();
}

/// A byte every 10 ms.
fn trickle(_: &Seen, wire: &mut dyn Wire) -> bool {
    say(wire, "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n");
    while say(wire, "x") {
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

#[actix_rt::test]
async fn a_body_that_trickles_is_too_slow_though_never_silent() {
    let server = Server::start(trickle);
    let mut config = config(&server);
    config.minimum_speed = MinimumSpeed {
        bytes_per_second: 10_000,
        window: Duration::from_millis(500),
    };
    let fixture = Fixture::new(config);
    let began = Instant::now();
    let (bytes, ended) = fixture.download(server.url("/")).await;
    assert_eq!(ended, Err(BodyError::TooSlow));
    assert!(
        !bytes.is_empty() && began.elapsed() < Duration::from_secs(4),
        "{} {:?}",
        bytes.len(),
        began.elapsed()
    );
    fixture.end();
}

#[actix_rt::test]
async fn a_body_has_a_far_end_too() {
    let server = Server::start(trickle);
    let mut config = config(&server);
    config.timeouts.download = Duration::from_millis(700);
    let fixture = Fixture::new(config);
    let (_, ended) = fixture.download(server.url("/")).await;
    assert_eq!(
        ended,
        Err(BodyError::Session(SessionError::Timeout {
            phase: TimeoutPhase::Download
        }))
    );
    fixture.end();
}

#[actix_rt::test]
async fn chunks_of_an_archive_that_end_early_are_cut() {
    let server = Server::start(|seen, wire| {
        say(
            wire,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\netag: \"a\"\r\n\r\n5\r\nhello\r\n",
        );
        seen.path == "/whole" && say(wire, "0\r\n\r\n")
    });
    let fixture = Fixture::of(&server);
    assert_eq!(
        fixture.download(server.url("/whole")).await,
        (b"hello".to_vec(), Ok(()))
    );
    let (bytes, ended) = fixture.download(server.url("/cut")).await;
    assert_eq!(
        (bytes.as_slice(), ended),
        (&b"hello"[..], Err(BodyError::Cut { got: 5, expected: None }))
    );
    fixture.end();
}

#[actix_rt::test]
async fn cancelled_work_ends_its_body() {
    let server = Server::start(trickle);
    let fixture = Fixture::of(&server);
    let work = fixture.cx.child();
    let body = fixture
        .session
        .ask(OpenBody::new(server.url("/"), None), &work)
        .await
        .unwrap();
    let reading = tokio::spawn(read(body.reader));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!reading.is_finished(), "the reply alone does not end it");
    work.cancel();
    assert_eq!(reading.await.unwrap().1, Err(BodyError::Cancelled));
    fixture
        .until("nothing is left", |counted| {
            counted.requests_in_flight == 0 && counted.connections_open == 0
        })
        .await;
    fixture.end();
}

#[actix_rt::test]
async fn a_list_is_a_stream_whose_end_is_true() {
    let server = Server::start(|seen, wire| {
        say(
            wire,
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 300000\r\n\r\n",
        );
        say(wire, pattern(200_000)) && seen.path == "/whole" && say(wire, &pattern(300_000)[200_000..])
    });
    let fixture = Fixture::of(&server);
    for (path, length, whole) in [("/whole", 300_000, true), ("/cut", 200_000, false)] {
        let open = OpenStream::new(server.url(path), PermitClass::Lists, RequestKind::ListPage);
        let mut stream = fixture.session.ask(open, &fixture.cx).await.unwrap();
        assert_eq!(stream.headers.get("content-type"), Some("text/html"));
        let mut bytes = Vec::new();
        let mut ended = Ok(());
        while let Some(chunk) = stream.next().await {
            match chunk {
                Ok(chunk) => bytes.extend_from_slice(&chunk),
                Err(error) => ended = Err(error),
            }
        }
        assert_eq!(bytes, pattern(300_000)[..length], "{path}");
        let cut = Err(BodyError::Cut {
            got: 200_000,
            expected: Some(300_000),
        });
        assert_eq!(ended, if whole { Ok(()) } else { cut });
    }
    assert_eq!(fixture.counted().download_bytes, 0, "lists are not downloads");
    fixture.end();
}
