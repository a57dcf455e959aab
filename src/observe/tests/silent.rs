//! Clients that ask nothing, or take nothing of what they asked for, on real sockets.

use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use crate::observe::tests::fixture::Seen;
use crate::observe::{DaemonEndpoint, DaemonView, FrontDoor, ObserverServer, client};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

#[test]
fn who_takes_nothing_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grind.sock");
    let view: Arc<dyn DaemonView> = Arc::new(Seen::default());
    let observer = ObserverServer::start(Some(ANY), Some(path.clone()), FrontDoor::default(), view).unwrap();
    let tcp = TcpStream::connect(observer.local_addr().unwrap()).unwrap();
    let unix = UnixStream::connect(&path).unwrap();
    let patience = Some(Duration::from_secs(60));
    tcp.set_write_timeout(patience).unwrap();
    unix.set_write_timeout(patience).unwrap();
    let cut = std::thread::spawn(|| ask_without_end(tcp));
    for cut in [ask_without_end(unix), cut.join().unwrap()] {
        assert!(
            matches!(cut, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
            "{cut:?}"
        );
    }
    observer.stop();
}

/// How a connection ends on which questions are asked and no answer is read.
fn ask_without_end(mut stream: impl Write) -> ErrorKind {
    let question = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100);
    loop {
        if let Err(error) = stream.write_all(question.as_bytes()) {
            break error.kind();
        }
    }
}

#[test]
fn clients_of_the_unix_socket_that_ask_nothing_keep_others_out_for_some_seconds_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grind.sock");
    let view: Arc<dyn DaemonView> = Arc::new(Seen::default());
    let observer = ObserverServer::start(None, Some(path.clone()), FrontDoor::default(), view).unwrap();
    // More of them than there are places.
    let silent: Vec<_> = (0..20).map(|_| UnixStream::connect(&path).unwrap()).collect();
    let endpoint = DaemonEndpoint::Socket(path);
    assert!((0..3).any(|_| client::get(&endpoint, "/live").is_ok()));
    drop(silent);
    observer.stop();
}
