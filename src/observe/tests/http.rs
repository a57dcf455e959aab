//! The server over real sockets.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::grin::Secret;
use crate::observe::tests::fixture::{BARCODE, Seen};
use crate::observe::tests::prometheus;
use crate::observe::{
    ClientError, DaemonEndpoint, DaemonReadiness, DaemonView, FrontDoor, ObserverError, ObserverServer, client,
};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn observed() -> (Arc<Seen>, ObserverServer, DaemonEndpoint) {
    let seen = Arc::new(Seen::default());
    let view: Arc<dyn DaemonView> = Arc::<Seen>::clone(&seen);
    let observer = ObserverServer::start(Some(ANY), None, FrontDoor::default(), view).unwrap();
    let endpoint = DaemonEndpoint::Address(observer.local_addr().unwrap());
    (seen, observer, endpoint)
}

fn text(endpoint: &DaemonEndpoint, path: &str) -> String {
    String::from_utf8(client::get(endpoint, path).unwrap()).unwrap()
}

#[test]
fn metrics_page_and_json_are_served() {
    let (_, observer, endpoint) = observed();
    assert!(
        prometheus::read(&text(&endpoint, "/metrics"))
            .unwrap()
            .contains_key("grind_actors")
    );
    let json: serde_json::Value = serde_json::from_str(&text(&endpoint, "/api/status")).unwrap();
    assert_eq!(json["daemon"]["transfers"][0]["barcode"], BARCODE);
    assert_eq!(json["session"]["sessions_created"], 1);
    assert!(text(&endpoint, "/").contains("Signed out of GRIN"));
    assert!(text(&endpoint, "/config").contains("directory = &quot;&lt;Harvard&gt;&quot;"));
    for part in ["/page.css", "/page.js", "/icon.svg"] {
        assert!(text(&endpoint, part).len() > 100, "{part}");
    }
    assert_eq!(text(&endpoint, "/live"), "live\n");
    observer.stop();
}

#[test]
fn a_book_is_told_that_the_catalog_knows_and_no_other() {
    let (_, observer, endpoint) = observed();
    assert!(text(&endpoint, &format!("/book/{BARCODE}")).contains("It is stored."));
    for (path, words) in [("/book/HVD2", "404"), ("/book/%3Cscript%3E", "404"), ("/book/", "404")] {
        let refused = client::get(&endpoint, path).unwrap_err().to_string();
        assert!(refused.contains(words) && !refused.contains("<script>"), "{refused}");
    }
    observer.stop();
}

/// `GET` and `HEAD` over TCP, with the head alone.
fn head_of(observer: &ObserverServer, request: &str) -> String {
    let stream = TcpStream::connect(observer.local_addr().unwrap()).unwrap();
    let answer = raw(
        stream,
        &format!("{request} HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\n\r\n"),
    );
    answer.split_once("\r\n\r\n").unwrap().0.to_lowercase()
}

#[test]
fn head_says_what_get_would_and_sends_no_body() {
    let (_, observer, _) = observed();
    for path in [
        "/",
        "/metrics",
        "/api/status",
        "/live",
        "/ready",
        "/config",
        "/page.css",
        "/page.js",
        "/icon.svg",
    ] {
        let head = head_of(&observer, &format!("HEAD {path}"));
        assert!(
            head.starts_with("http/1.1 200 ") && !head.contains("content-length: 0"),
            "{path}: {head}"
        );
    }
    let head = head_of(&observer, "HEAD /events");
    assert!(
        head.starts_with("http/1.1 200 ") && head.contains("text/event-stream"),
        "{head}"
    );
    let stream = TcpStream::connect(observer.local_addr().unwrap()).unwrap();
    let answer = raw(
        stream,
        "HEAD / HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\n\r\n",
    );
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    observer.stop();
}

#[test]
fn a_browser_runs_nothing_that_is_not_ours() {
    let (_, observer, _) = observed();
    let head = head_of(&observer, "GET /");
    for line in [
        "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self';",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
    ] {
        assert!(head.contains(line), "{line}: {head}");
    }
    assert!(!head.contains("unsafe-"), "{head}");
    observer.stop();
}

#[test]
fn a_name_that_is_not_this_machines_own_is_refused() {
    let (_, observer, _) = observed();
    let ask = |host: &str| {
        let stream = TcpStream::connect(observer.local_addr().unwrap()).unwrap();
        raw(
            stream,
            &format!("GET /api/status HTTP/1.1\r\nConnection: close\r\nHost: {host}\r\n\r\n"),
        )
    };
    assert!(ask("localhost:9618").starts_with("HTTP/1.1 200 "));
    let refused = ask("evil.example");
    assert!(
        refused.starts_with("HTTP/1.1 403 ") && !refused.contains(BARCODE),
        "{refused}"
    );
    observer.stop();
}

#[test]
fn over_the_network_the_token_is_asked_for_and_over_the_socket_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grind.sock");
    let door = FrontDoor {
        token: Some(Secret::new("s3cret")),
    };
    let observer = ObserverServer::start(Some(ANY), Some(path.clone()), door, Arc::new(Seen::default())).unwrap();
    let without = head_of(&observer, "GET /");
    assert!(
        without.starts_with("http/1.1 401 ") && without.contains("www-authenticate: basic"),
        "{without}"
    );
    assert!(head_of(&observer, "HEAD /live").starts_with("http/1.1 200 "));
    let stream = TcpStream::connect(observer.local_addr().unwrap()).unwrap();
    let question =
        "GET / HTTP/1.1\r\nConnection: close\r\nHost: grind.example.org\r\nAuthorization: Bearer s3cret\r\n\r\n";
    assert!(raw(stream, question).starts_with("HTTP/1.1 200 "));
    assert!(text(&DaemonEndpoint::Socket(path), "/").contains("Signed out of GRIN"));
    observer.stop();
}

#[test]
fn the_live_part_comes_again_and_those_who_do_not_read_it_keep_nobody_out() {
    let (_, observer, endpoint) = observed();
    let address = observer.local_addr().unwrap();
    let watch = || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .unwrap();
        stream
    };
    let mut reader = BufReader::new(watch());
    let mut events = (&mut reader)
        .lines()
        .map(Result::unwrap)
        .filter(|line| line.starts_with("data: <div"));
    assert!(events.next().unwrap().contains("Signed out of GRIN"));
    assert!(events.next().is_some());
    let deaf: Vec<_> = (0..40).map(|_| watch()).collect();
    let answered = (0..12).any(|_| client::get(&endpoint, "/live").is_ok());
    assert!(answered, "they do not keep others out");
    drop(deaf);
    observer.stop();
}

#[test]
fn the_last_messages_of_an_actor_are_served_and_of_nobody_else() {
    let (_, observer, endpoint) = observed();
    let dump: crate::actor::BlackBoxDump =
        serde_json::from_slice(&client::get(&endpoint, "/api/actors/catalog/black-box").unwrap()).unwrap();
    assert_eq!((dump.actor, &*dump.why), (crate::actor::ActorName::Catalog, "request"));
    let nobody = client::get(&endpoint, "/api/actors/nobody/black-box").unwrap_err();
    assert!(
        nobody.to_string().ends_with("404: there is no actor \"nobody\""),
        "{nobody}"
    );
    observer.stop();
}

#[test]
fn json_is_what_status_and_top_read() {
    let (_, observer, endpoint) = observed();
    let seen: crate::observe::DaemonStatus =
        serde_json::from_slice(&client::get(&endpoint, "/api/status").unwrap()).unwrap();
    assert_eq!(seen.hub.actors.len(), crate::actor::ActorName::ALL.len());
    assert_eq!(seen.session.permits["bulk"].waiting, 3);
    observer.stop();
}

#[test]
fn ready_is_503_with_the_reason_until_it_is_so() {
    let (seen, observer, endpoint) = observed();
    assert_eq!(text(&endpoint, "/ready"), "ready\n");
    *seen.readiness.lock().unwrap() = DaemonReadiness::No { why: "draining".into() };
    let refused = client::get(&endpoint, "/ready").unwrap_err();
    assert!(
        matches!(&refused, ClientError::Refused { status: 503, text, .. } if text == "not ready: draining"),
        "{refused}"
    );
    assert_eq!(text(&endpoint, "/live"), "live\n", "alive all the same");
    observer.stop();
}

#[test]
fn the_log_level_is_changed_over_the_socket_and_by_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grind.sock");
    let seen = Arc::new(Seen::default());
    let view: Arc<dyn DaemonView> = Arc::<Seen>::clone(&seen);
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let observer = ObserverServer::start(Some(anywhere), Some(path.clone()), FrontDoor::default(), view).unwrap();
    let put = |request: &str| raw(UnixStream::connect(&path).unwrap(), request);
    for (level, status) in [("debug\n", 200), ("loud", 400), (&*"x".repeat(2_000), 413)] {
        let answer = put(&put_request(level));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    let by_a_page = put_request("trace").replacen("Host: x", "Host: x\r\nOrigin: http://evil.example", 1);
    assert!(put(&by_a_page).starts_with("HTTP/1.1 403 "));
    let by_tcp = TcpStream::connect(observer.local_addr().unwrap()).unwrap();
    assert!(raw(by_tcp, &put_request("trace")).starts_with("HTTP/1.1 403 "));
    assert_eq!(*seen.level.lock().unwrap(), "debug");
    observer.stop();
}

fn put_request(level: &str) -> String {
    let length = level.len();
    format!("PUT /api/log-level HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{level}")
}

fn raw(mut stream: impl Read + Write, request: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_same_is_served_on_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("grind.sock");
    let seen = Arc::new(Seen::default());
    let view: Arc<dyn DaemonView> = Arc::<Seen>::clone(&seen);
    let observer = ObserverServer::start(None, Some(path.clone()), FrontDoor::default(), view).unwrap();
    assert_eq!(observer.local_addr(), None);
    let endpoint = DaemonEndpoint::Socket(path.clone());
    assert!(text(&endpoint, "/metrics").contains("grind_actors"));
    let answer = raw(UnixStream::connect(&path).unwrap(), &put_request("warn"));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(*seen.level.lock().unwrap(), "warn");
    observer.stop();
    assert!(!path.exists(), "removed at the end");
}

#[test]
fn those_who_fill_the_places_of_the_network_do_not_keep_the_socket_busy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grind.sock");
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let view: Arc<dyn DaemonView> = Arc::new(Seen::default());
    let observer = ObserverServer::start(Some(anywhere), Some(path.clone()), FrontDoor::default(), view).unwrap();
    let address = observer.local_addr().unwrap();
    // Each holds its place until its time to ask is over.
    let half_asked = || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /metr").unwrap();
        stream
    };
    let mut filling: Vec<_> = (0..16).map(|_| half_asked()).collect();
    assert_eq!(text(&DaemonEndpoint::Socket(path), "/live"), "live\n");
    for stream in &mut filling {
        stream.set_nonblocking(true).unwrap();
        let read = stream.read(&mut [0; 64]).map_err(|error| error.kind());
        assert_eq!(read, Err(ErrorKind::WouldBlock), "none had to leave for it");
    }
    observer.stop();
}

#[test]
fn an_address_in_use_is_named() {
    let (seen, observer, _) = observed();
    let taken = observer.local_addr().unwrap();
    let error = ObserverServer::start(Some(taken), None, FrontDoor::default(), seen).unwrap_err();
    assert!(
        matches!(&error, ObserverError::Listen { address, .. } if *address == taken),
        "{error}"
    );
    observer.stop();
}

#[test]
fn after_stop_nobody_answers_and_the_port_is_free() {
    let (seen, observer, endpoint) = observed();
    let address = observer.local_addr().unwrap();
    let _idle = TcpStream::connect(address).unwrap();
    observer.stop();
    assert!(matches!(
        client::get(&endpoint, "/live"),
        Err(ClientError::Unreachable { .. })
    ));
    ObserverServer::start(Some(address), None, FrontDoor::default(), seen)
        .unwrap()
        .stop();
}

#[test]
fn those_who_ask_and_never_read_do_not_keep_others_out() {
    let (_, observer, endpoint) = observed();
    let address = observer.local_addr().unwrap();
    // More of them than the server has places, each with a question and no eyes for the answer.
    let deaf: Vec<_> = (0..40)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream
                .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
                .unwrap();
            stream
        })
        .collect();
    let answered = (0..12).any(|_| client::get(&endpoint, "/live").is_ok());
    assert!(answered);
    drop(deaf);
    observer.stop();
}

#[test]
fn those_who_watch_leave_places_for_those_who_ask() {
    let (_, observer, endpoint) = observed();
    let address = observer.local_addr().unwrap();
    let watch = |_| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .unwrap();
        stream
    };
    let watching: Vec<_> = (0..40).map(watch).collect();
    let begun = std::time::Instant::now();
    assert_eq!(text(&endpoint, "/live"), "live\n");
    // Idle connections of those refused would be let be for five seconds each.
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    let mut heads: Vec<_> = watching
        .into_iter()
        .map(|stream| {
            let mut head = [0; 2_048];
            let read = BufReader::new(stream).read(&mut head).unwrap();
            String::from_utf8_lossy(&head[..read]).to_lowercase()
        })
        .collect();
    heads.retain(|head| head.starts_with("http/1.1 503 "));
    assert_eq!(heads.len(), 32);
    assert!(
        heads.iter().all(|head| head.contains("\r\nretry-after: 10\r\n")),
        "{heads:?}"
    );
    observer.stop();
}

#[test]
fn those_who_never_finish_their_question_are_shown_out() {
    let (_, observer, _) = observed();
    let mut stream = TcpStream::connect(observer.local_addr().unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"GET /metr").unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let cut = matches!(&read, Err(error) if error.kind() == ErrorKind::ConnectionReset);
    assert!(read.is_ok() || cut, "{read:?}");
    observer.stop();
}
