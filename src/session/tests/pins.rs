//! What awc 3.11 gets wrong by itself, pinned: a test for each case that `exchange.rs` corrects.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::session::tests::support::*;
use crate::session::{AuthMode, FetchAnswer, PermitClass, RequestKind, RequestMethod, SessionError, TimeoutPhase};

#[actix_rt::test]
async fn a_body_shorter_than_its_length_is_an_error() {
    let server = Server::start(|_, wire| {
        say(wire, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n0123456789");
        false
    });
    let fixture = Fixture::of(&server);
    assert_eq!(
        fixture.get(server.url("/")).await.unwrap_err(),
        SessionError::Short {
            got: 10,
            expected: Some(1000)
        }
    );
    fixture.end();
}

#[actix_rt::test]
async fn chunks_cut_before_the_last_one_are_an_error_and_whole_ones_are_not() {
    let server = Server::start(|seen, wire| {
        say(
            wire,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        );
        seen.path == "/whole" && say(wire, "0\r\n\r\n")
    });
    let fixture = Fixture::of(&server);
    assert_eq!(
        fixture.get(server.url("/cut")).await.unwrap_err(),
        SessionError::Short { got: 5, expected: None }
    );
    for _ in 0..3 {
        assert_eq!(fixture.get(server.url("/whole")).await.unwrap().body, "hello");
    }
    assert_eq!(server.connections(), 2, "whole chunks leave the connection usable");
    fixture.end();
}

#[actix_rt::test]
async fn whole_chunks_followed_by_the_connections_end_are_whole() {
    let server = Server::start(|_, wire| {
        say(
            wire,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        );
        false
    });
    let fixture = Fixture::of(&server);
    assert_eq!(fixture.get(server.url("/")).await.unwrap().body, "hello");
    fixture.end();
}

#[actix_rt::test]
async fn a_body_without_length_or_chunks_leaves_no_connection_behind() {
    for version in ["1.1", "1.0"] {
        let server = Server::start(move |seen, wire| {
            if seen.path == "/good" {
                return answer(wire, "200 OK", "", "good");
            }
            say(
                wire,
                format!("HTTP/{version} 200 OK\r\ncontent-type: text/plain\r\n\r\nall of it"),
            );
            false
        });
        let fixture = Fixture::of(&server);
        assert_eq!(
            fixture.get(server.url("/")).await.unwrap_err(),
            SessionError::NoLength { status: 200 }
        );
        assert_eq!(fixture.get(server.url("/good")).await.unwrap().body, "good");
        fixture.end();
    }
}

/// Answers with the path, after an interim answer; where the path says so, that one comes alone at first.
pub(super) fn after_interim(seen: &Seen, wire: &mut dyn Wire) -> bool {
    let status = if seen.path.starts_with("/continue") {
        "100 Continue"
    } else {
        "103 Early Hints"
    };
    say(wire, format!("HTTP/1.1 {status}\r\nlink: </x>\r\n\r\n"));
    if seen.path.ends_with("later") {
        std::thread::sleep(Duration::from_millis(50));
    }
    let body = if seen.method == "HEAD" { "" } else { &seen.path };
    let length = seen.path.len();
    say(
        wire,
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}"),
    )
}

#[actix_rt::test]
async fn an_interim_answer_is_read_past_and_never_taken_for_the_final_one() {
    let server = Server::start(after_interim);
    let fixture = Fixture::of(&server);
    for path in ["/hints", "/hints-later", "/continue", "/continue-later", "/hints"] {
        let answer = fixture.get(server.url(path)).await.unwrap();
        assert_eq!((answer.status, answer.body), (200, path.into()));
        let head = fixture.head(server.url(path)).await.unwrap();
        let length = path.len().to_string();
        assert_eq!((head.status, head.headers.get("content-length")), (200, Some(&*length)));
        let (bytes, ended) = fixture.download(server.url(path)).await;
        assert_eq!((bytes.as_slice(), ended), (path.as_bytes(), Ok(())));
    }
    assert_eq!(server.connections(), 1, "the connection stays usable");
    fixture.end();
}

#[actix_rt::test]
async fn a_switch_of_protocols_that_nobody_asked_for_ends_the_connection() {
    let server = Server::start(|seen, wire| match seen.path.as_str() {
        "/switch" => say(wire, "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"),
        _ => answer(wire, "200 OK", "", "good"),
    });
    let fixture = Fixture::of(&server);
    let error = fixture.get(server.url("/switch")).await.unwrap_err();
    assert!(matches!(error, SessionError::Protocol(_)), "{error:?}");
    assert_eq!(fixture.get(server.url("/good")).await.unwrap().body, "good");
    assert_eq!(server.connections(), 2);
    fixture.end();
}

#[actix_rt::test]
async fn the_body_of_a_304_is_not_waited_for() {
    let server = Server::start(|_, wire| {
        say(
            wire,
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 1000\r\netag: \"a\"\r\n\r\n",
        );
        silence(wire);
        false
    });
    let fixture = Fixture::of(&server);
    let began = Instant::now();
    let answer = fixture.get(server.url("/")).await.unwrap();
    assert_eq!(
        (answer.status, answer.body.len(), answer.headers.get("ETag")),
        (304, 0, Some("\"a\""))
    );
    assert!(began.elapsed() < Duration::from_secs(3));
    fixture.end();
}

#[actix_rt::test]
async fn answers_without_a_body_leave_the_connection_usable() {
    let server = Server::start(|seen, wire| {
        let status = if seen.path == "/204" {
            "204 No Content"
        } else {
            "200 OK\r\ncontent-length: 1000"
        };
        say(wire, format!("HTTP/1.1 {status}\r\n\r\n"))
    });
    let fixture = Fixture::of(&server);
    for _ in 0..5 {
        assert_eq!(fixture.get(server.url("/204")).await.unwrap().status, 204);
        assert_eq!(
            fixture
                .head(server.url("/head"))
                .await
                .unwrap()
                .headers
                .get("content-length"),
            Some("1000")
        );
    }
    assert_eq!((server.connections(), fixture.counted().connections_opened), (1, 1));
    fixture.end();
}

/// Answers the first request of every connection, and closes when the second comes.
fn forgetful(seen: &Seen, wire: &mut dyn Wire, first: &std::sync::Mutex<std::collections::HashSet<usize>>) -> bool {
    first.lock().unwrap().insert(seen.connection) && answer(wire, "200 OK", "", "x")
}

#[actix_rt::test]
async fn a_kept_connection_that_the_server_closes_is_no_failure_for_what_may_be_repeated() {
    let first = std::sync::Mutex::default();
    let server = Server::start(move |seen, wire| forgetful(seen, wire, &first));
    let mut config = config(&server);
    config.requests_per_second = 100.0;
    let fixture = Fixture::new(config);
    for _ in 0..4 {
        assert_eq!(fixture.get(server.url("/")).await.unwrap().status, 200);
    }
    let counted = fixture.counted();
    let turns = usize::try_from(counted.pace_wait_seconds.count).unwrap();
    assert_eq!(
        (server.seen().len(), turns),
        (7, 7),
        "what the server saw twice had two turns"
    );
    assert_eq!((&*counted.retries[0].reason, counted.retries[0].count), ("stale", 3));
    assert!(
        counted.requests.iter().all(|count| count.status_class == "2xx"),
        "{:?}",
        counted.requests
    );
    fixture.end();
}

#[actix_rt::test]
async fn a_post_is_never_repeated() {
    let first = std::sync::Mutex::default();
    let server = Server::start(move |seen, wire| forgetful(seen, wire, &first));
    let fixture = Fixture::of(&server);
    let post = || FetchAnswer {
        method: RequestMethod::Post {
            content_type: "text/plain",
            body: Bytes::from_static(b"TL1"),
        },
        ..FetchAnswer::get(server.url("/_process"), RequestKind::Process, 100)
    };
    assert_eq!(fixture.session.ask(post(), &fixture.cx).await.unwrap().status, 200);
    assert_eq!(
        fixture.session.ask(post(), &fixture.cx).await.unwrap_err(),
        SessionError::Reset
    );
    let seen = server.seen();
    assert_eq!(
        (seen.len(), seen[1].body.as_slice(), seen[1].header("content-type")),
        (2, &b"TL1"[..], Some("text/plain"))
    );
    fixture.end();
}

#[actix_rt::test]
async fn a_fresh_connection_that_is_closed_is_a_failure() {
    let server = Server::start(|_, _| false);
    let fixture = Fixture::of(&server);
    assert_eq!(fixture.get(server.url("/")).await.unwrap_err(), SessionError::Reset);
    assert_eq!(server.seen().len(), 1);
    fixture.end();
}

#[actix_rt::test]
async fn small_bodies_of_errors_are_read_so_that_the_connection_can_be_used_again() {
    let server = Server::start(|seen, wire| {
        let size = if seen.path == "/large" { 1 << 20 } else { 1_000 };
        answer(wire, "500 Oops", "", vec![b'x'; size])
    });
    let fixture = Fixture::of(&server);
    for _ in 0..4 {
        assert_eq!(
            fixture.get(server.url("/")).await.unwrap_err(),
            SessionError::Server { status: 500 }
        );
    }
    assert_eq!(server.connections(), 1);
    for _ in 0..2 {
        assert_eq!(
            fixture.get(server.url("/large")).await.unwrap_err(),
            SessionError::Server { status: 500 }
        );
    }
    assert_eq!(server.connections(), 2, "a large one is not read");
    fixture.end();
}

#[actix_rt::test]
async fn each_silence_has_its_own_limit() {
    let server = Server::start(|seen, wire| {
        match seen.path.as_str() {
            "/head" => silence(wire),
            "/read" => {
                say(wire, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nx");
                silence(wire);
            }
            _ => {
                say(wire, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
                while say(wire, "x") {
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        }
        false
    });
    let mut config = config(&server);
    config.timeouts.read = Duration::from_millis(300);
    config.timeouts.total = Duration::from_millis(900);
    let fixture = Fixture::new(config);
    for (path, phase, millis) in [
        ("/head", TimeoutPhase::Head, 300..800),
        ("/read", TimeoutPhase::Read, 300..800),
        ("/drip", TimeoutPhase::Total, 900..1_800),
    ] {
        let began = Instant::now();
        assert_eq!(
            fixture.get(server.url(path)).await.unwrap_err(),
            SessionError::Timeout { phase },
            "{path}"
        );
        let took = began.elapsed().as_millis();
        assert!(millis.contains(&took), "{path}: {took}");
        // Any byte of an answer ends the silence.
        let silent = fixture.counted().silent_seconds;
        assert_eq!(
            silent.is_some_and(|silent| silent >= 0.3),
            path == "/head",
            "{path}: {silent:?}"
        );
    }
    fixture.end();
}

#[actix_rt::test]
async fn connecting_has_its_own_limit() {
    // A full backlog takes no more connections and says nothing.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(address)).await
    {
        queued.push(stream);
    }
    let server = Server::start(|_, _| false);
    let mut config = config(&server);
    config.timeouts.connect = Duration::from_millis(300);
    let fixture = Fixture::new(config);
    let began = Instant::now();
    let url = url::Url::parse(&format!("http://{address}/")).unwrap();
    assert_eq!(
        fixture.raw(url).await.unwrap_err(),
        SessionError::Timeout {
            phase: TimeoutPhase::Connect
        }
    );
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(fixture.counted().connections_failed, 1);
    fixture.end();
}

#[actix_rt::test]
async fn refused_and_unknown_hosts_are_told() {
    let server = Server::start(|_, _| false);
    let fixture = Fixture::of(&server);
    let unused = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for host in [unused.to_string(), "grin.invalid:80".to_owned()] {
        let error = fixture
            .raw(url::Url::parse(&format!("http://{host}/")).unwrap())
            .await
            .unwrap_err();
        assert!(
            matches!(&error, SessionError::Connect { host: told, .. } if told == &host),
            "{error:?}"
        );
    }
    fixture.end();
}

#[actix_rt::test]
async fn answers_larger_than_allowed_are_refused_however_they_come() {
    let server = Server::start(|seen, wire| {
        if seen.path == "/length" {
            return answer(wire, "200 OK", "", [b'x'; 101]);
        }
        say(wire, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        while say(wire, "32\r\n01234567890123456789012345678901234567890123456789\r\n") {}
        false
    });
    let fixture = Fixture::of(&server);
    for path in ["/length", "/chunks"] {
        let fetch = FetchAnswer::get(server.url(path), RequestKind::Other, 100);
        assert_eq!(
            fixture.session.ask(fetch, &fixture.cx).await.unwrap_err(),
            SessionError::TooLarge {
                status: 200,
                limit: 100
            }
        );
    }
    fixture.end();
}

#[actix_rt::test]
async fn what_is_no_http_is_told() {
    let server = Server::start(|_, wire| {
        say(wire, "SSH-2.0-OpenSSH_9.2p1\r\n");
        false
    });
    let fixture = Fixture::of(&server);
    let error = fixture.get(server.url("/")).await.unwrap_err();
    assert!(matches!(error, SessionError::Protocol(_)), "{error:?}");
    fixture.end();
}

#[actix_rt::test]
async fn headers_that_cannot_be_sent_are_refused() {
    let server = Server::start(|_, wire| answer(wire, "200 OK", "", ""));
    let fixture = Fixture::of(&server);
    for (name, value) in [("a b", "x"), ("a", "x\r\ny")] {
        let fetch = FetchAnswer {
            headers: vec![(name.to_owned(), value.to_owned())],
            class: PermitClass::State,
            auth: AuthMode::None,
            ..FetchAnswer::get(server.url("/"), RequestKind::State, 100)
        };
        let error = fixture.session.ask(fetch, &fixture.cx).await.unwrap_err();
        assert!(matches!(error, SessionError::BadRequest(_)), "{error:?}");
    }
    fixture.end();
}
