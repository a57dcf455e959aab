//! Bodies on their way: backpressure, silence, trickle, cancellation, lists as streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use futures::StreamExt;
use tokio::time::Instant;

use crate::session::tests::support::*;
use crate::session::tests::tls::{authority, trusting};
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
    let body = fixture.open(server.url("/a")).await.unwrap();
    assert_eq!(body.head.length, Some(5_000_000));
    assert_eq!(body.head.validator.as_ref().unwrap().opaque(), "a");
    let (bytes, ended) = read(body.reader).await;
    assert!(bytes == archive && ended.is_ok());
    fixture.end();
}

#[actix_rt::test]
async fn what_is_no_archive_is_refused_before_its_first_byte() {
    let server = Server::start(|seen, wire| match seen.path.as_str() {
        "/204" => say(wire, "HTTP/1.1 204 No\r\n\r\n"),
        _ => answer(wire, "404 No", "", ""),
    });
    let fixture = Fixture::of(&server);
    assert_eq!(
        fixture.open(server.url("/404")).await.unwrap_err(),
        SessionError::NotFound
    );
    assert_eq!(
        fixture.open(server.url("/204")).await.unwrap_err(),
        SessionError::Unexpected {
            status: 204,
            snippet: String::new()
        }
    );
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
        // Longer than any limit here.
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    let received = body.reader.arrival().bytes();
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
        silence(wire);
        false
    });
    let mut config = config(&server);
    config.timeouts.read = Duration::from_millis(300);
    config.resume_attempts = 0;
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
    config.resume_attempts = 0;
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
    let mut config = config(&server);
    config.resume_attempts = 0;
    let fixture = Fixture::new(config);
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
        .ask(OpenBody::new(server.url("/")), &work)
        .await
        .unwrap();
    let reading = tokio::spawn(read(body.reader));
    fixture
        .until("bytes have come", |counted| counted.download_bytes > 0)
        .await;
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

/// Reads a list to its end.
async fn read_list(fixture: &Fixture, url: url::Url) -> Result<(Vec<u8>, Result<(), BodyError>), SessionError> {
    let open = OpenStream::new(url, PermitClass::Lists, RequestKind::ListPage);
    let mut stream = fixture.session.ask(open, &fixture.cx).await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        match chunk {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(error) => return Ok((bytes, Err(error))),
        }
    }
    Ok((bytes, Ok(())))
}

#[actix_rt::test]
async fn a_coding_that_nobody_asked_for_is_undone() {
    let list = case("list-gzip.answer");
    let search = case("search-gzip.answer");
    let archive = case("TL7700000042.tar.gz.gpg");
    let coded = gzip(&archive);
    let server = Server::start(move |seen, wire| match seen.path.as_str() {
        "/list" => say(wire, &list),
        "/search" => say(wire, &search),
        "/cut" => answer(wire, "200 OK", "content-encoding: gzip\r\n", &coded[..coded.len() - 9]),
        "/br" => answer(wire, "200 OK", "content-encoding: br\r\n", "x"),
        "/named" => answer(wire, "200 OK", "content-encoding: gzip\r\n", &archive),
        _ => answer(wire, "200 OK", "content-encoding: gzip\r\n", &coded),
    });
    let fixture = Fixture::of(&server);
    let (bytes, ended) = read_list(&fixture, server.url("/list")).await.unwrap();
    let page = String::from_utf8(bytes).unwrap();
    assert!(
        ended.is_ok() && page.contains("TL7700000041") && page.ends_with("</html>\n"),
        "{page}"
    );
    let table = fixture.get(server.url("/search")).await.unwrap().body;
    assert!(table.starts_with(b"Barcode\t"), "{table:?}");
    for path in ["/archive", "/named"] {
        let body = fixture.open(server.url(path)).await.unwrap();
        assert_eq!(body.head.length, None, "the length is that of the coded bytes");
        let (bytes, ended) = read(body.reader).await;
        assert!(ended.is_ok() && bytes == case("TL7700000042.tar.gz.gpg"), "{path}");
    }
    let (_, ended) = fixture.download(server.url("/cut")).await;
    assert!(
        matches!(ended, Err(BodyError::Session(SessionError::Protocol(_)))),
        "{ended:?}"
    );
    for error in [
        fixture.get(server.url("/br")).await.unwrap_err(),
        read_list(&fixture, server.url("/br")).await.unwrap_err(),
        fixture.get(server.url("/cut")).await.unwrap_err(),
    ] {
        assert!(matches!(error, SessionError::Protocol(_)), "{error:?}");
    }
    fixture.end();
}

/// Answers with neither length nor chunks.
fn unframed(seen: &Seen, wire: &mut dyn Wire) -> bool {
    let (version, path) = seen.path[1..].split_once('/').unwrap();
    let (kind, body) = match path {
        "page" => ("text/html; charset=utf-8", "<html><p>x</p></html>\n"),
        "cut-page" => ("text/html", "<html><p>x</p></ht"),
        "json" => ("application/json", "{\"access_token\": \"t\"}"),
        "table" => ("text/plain", "Barcode\tTitle\nTL1\tx\n"),
        "not-gzip" => ("text/plain\r\ncontent-encoding: gzip", "Barcode\tTitle\nTL1\tx\n"),
        "not-zlib" => ("text/plain\r\ncontent-encoding: deflate", "Barcode\tTitle\nTL1\tx\n"),
        "nothing-coded" => ("text/html\r\ncontent-encoding: gzip", ""),
        "page-not-coded" => ("text/html\r\ncontent-encoding: gzip", "<html><p>x</p></html>\n"),
        _ => ("application/octet-stream", "archive"),
    };
    say(
        wire,
        format!("HTTP/{version} 200 OK\r\ncontent-type: {kind}\r\n\r\n{body}"),
    );
    false
}

#[actix_rt::test]
async fn a_body_that_ends_with_its_connection_is_taken_where_its_content_proves_the_end() {
    let server = Server::start(unframed);
    ends_are_proven(&server, Fixture::of(&server)).await;
}

/// The close of TLS in good order is the end of the connection.
#[actix_rt::test]
async fn the_same_is_taken_over_tls() {
    let authority = authority();
    let server = Server::start_tls_closing(Arc::clone(&authority.server), unframed);
    ends_are_proven(&server, Fixture::new(trusting(&server, &authority))).await;
}

/// Whoever cuts the line of a connection with TLS cannot end a body.
#[actix_rt::test]
async fn a_body_that_ends_without_the_close_of_tls_is_cut() {
    let authority = authority();
    let server = Server::start_tls(Arc::clone(&authority.server), unframed);
    let mut config = trusting(&server, &authority);
    config.resume_attempts = 0;
    let fixture = Fixture::new(config);
    let error = fixture.get(server.url("/1.1/page")).await.unwrap_err();
    assert_eq!(
        error,
        SessionError::Short {
            got: 22,
            expected: None
        }
    );
    let (_, ended) = fixture.download(server.url("/1.1/archive")).await;
    assert_eq!(ended, Err(BodyError::Cut { got: 7, expected: None }));
    fixture.end();
}

async fn ends_are_proven(server: &Server, fixture: Fixture) {
    for version in ["1.0", "1.1"] {
        let url = |path: &str| server.url(&format!("/{version}/{path}"));
        let no_length = SessionError::NoLength { status: 200 };
        assert_eq!(fixture.get(url("page")).await.unwrap().body, "<html><p>x</p></html>\n");
        assert_eq!(
            fixture.get(url("json")).await.unwrap().body,
            "{\"access_token\": \"t\"}"
        );
        assert_eq!(fixture.get(url("cut-page")).await.unwrap_err(), no_length);
        assert_eq!(fixture.get(url("table")).await.unwrap_err(), no_length);
        assert_eq!(read_list(&fixture, url("page")).await.unwrap().1, Ok(()));
        assert_eq!(read_list(&fixture, url("table")).await.unwrap_err(), no_length);
        // What only claims to be coded has no decoder that finds its end.
        assert_eq!(read_list(&fixture, url("page-not-coded")).await.unwrap().1, Ok(()));
        for path in ["not-gzip", "not-zlib", "nothing-coded"] {
            let (_, ended) = read_list(&fixture, url(path)).await.unwrap();
            assert!(matches!(ended, Err(BodyError::Cut { .. })), "{path}: {ended:?}");
        }
        let (_, ended) = read_list(&fixture, url("cut-page")).await.unwrap();
        assert_eq!(
            ended,
            Err(BodyError::Cut {
                got: 18,
                expected: None
            })
        );
        // The archive's own check tells whether it is whole.
        assert_eq!(fixture.download(url("archive")).await, (b"archive".to_vec(), Ok(())));
    }
    fixture.end();
}

#[actix_rt::test]
async fn an_answer_that_brings_the_whole_is_the_whole_whatever_its_status() {
    let server = Server::start(|seen, wire| match seen.path.as_str() {
        "/203" => answer(wire, "203 Changed", "", "whole"),
        "/206" => answer(wire, "206 Partial Content", "content-range: bytes 0-4/5\r\n", "whole"),
        _ => answer(wire, "206 Partial Content", "content-range: bytes 0-4/9\r\n", "whole"),
    });
    let fixture = Fixture::of(&server);
    for path in ["/203", "/206"] {
        let (bytes, ended) = fixture.download(server.url(path)).await;
        assert_eq!((bytes.as_slice(), ended), (&b"whole"[..], Ok(())), "{path}");
        assert_eq!(fixture.get(server.url(path)).await.unwrap().status, 200);
    }
    // A list is not continued, and the next answer may be whole.
    let part = read_list(&fixture, server.url("/part")).await.map(drop).unwrap_err();
    assert!(matches!(part, SessionError::Protocol(_)), "{part:?}");
    fixture.end();
}
