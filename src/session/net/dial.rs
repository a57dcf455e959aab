//! Opens a TCP connection to whichever address of a name answers first (RFC 8305, "Happy Eyeballs").

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_rt::net::TcpStream;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

/// How long an address has before the next one is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// What became of the addresses of a name.
pub(super) struct DialResult {
    /// The connection, or the last error; [`io::ErrorKind::TimedOut`] when the time was over.
    pub(super) stream: io::Result<TcpStream>,
    /// Addresses that failed, or had not answered when the dial ended.
    pub(super) failed: Vec<SocketAddr>,
}

/// Tries all addresses, both families in turn, within `limit`: each gets its share of it before the next is tried beside it.
pub(super) async fn dial(addresses: &[SocketAddr], limit: Duration) -> DialResult {
    let end = Instant::now() + limit;
    let share = (limit / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX)).min(HEAD_START);
    let mut waiting = in_turn(addresses).into_iter();
    let mut failed = Vec::new();
    let mut pending = Vec::new();
    let mut attempts = FuturesUnordered::new();
    let mut stream = Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    let mut next_start = Instant::now();
    loop {
        if next_start <= Instant::now() || attempts.is_empty() {
            if let Some(address) = waiting.next() {
                pending.push(address);
                attempts.push(async move { (address, TcpStream::connect(address).await) });
                next_start = Instant::now() + share;
            } else if attempts.is_empty() {
                break;
            }
        }
        let more = waiting.len() > 0;
        tokio::select! {
            biased;
            Some((address, attempt)) = attempts.next() => {
                pending.retain(|other| *other != address);
                let connected = attempt.is_ok();
                stream = attempt;
                if connected {
                    break;
                }
                failed.push(address);
                next_start = Instant::now();
            }
            () = sleep_until(end) => {
                stream = Err(io::ErrorKind::TimedOut.into());
                break;
            }
            () = sleep_until(next_start), if more => {}
        }
    }
    failed.extend(pending);
    DialResult { stream, failed }
}

/// The resolver's order, but the families in turn: one of them may be broken as a whole.
fn in_turn(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else {
        return Vec::new();
    };
    let (same, other): (Vec<_>, Vec<_>) = addresses
        .iter()
        .partition(|address| address.is_ipv4() == first.is_ipv4());
    let mut other = other.into_iter();
    let mut ordered: Vec<SocketAddr> = same
        .into_iter()
        .flat_map(|address| [Some(address), other.next()])
        .flatten()
        .collect();
    ordered.extend(other);
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn families_take_turns_in_the_resolvers_order() {
        let [a, b, c, d] = ["[::1]:1", "[::2]:1", "127.0.0.1:1", "127.0.0.2:1"].map(address);
        assert_eq!(in_turn(&[a, b, c, d]), [a, c, b, d]);
        assert_eq!(in_turn(&[c, a, b]), [c, a, b]);
        assert_eq!(in_turn(&[c]), [c]);
        assert_eq!(in_turn(&[]), []);
    }

    /// An address that takes no connection and says nothing: its backlog is full.
    async fn silent() -> (SocketAddr, Vec<TcpStream>, tokio::net::TcpListener) {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(address("127.0.0.3:0")).unwrap();
        let listener = socket.listen(1).unwrap();
        let silent = listener.local_addr().unwrap();
        let mut queued = Vec::new();
        while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(silent)).await {
            queued.push(stream);
        }
        (silent, queued, listener)
    }

    #[actix_rt::test]
    async fn refused_and_silent_addresses_do_not_hide_one_that_answers() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let good = listener.local_addr().unwrap();
        let refused = SocketAddr::new("127.0.0.2".parse().unwrap(), good.port());
        let (silent, _queued, _listener) = silent().await;
        let began = Instant::now();
        let dialled = dial(&[silent, refused, good], Duration::from_secs(3)).await;
        assert_eq!(dialled.stream.unwrap().peer_addr().unwrap(), good);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        let mut failed = dialled.failed;
        failed.sort();
        let mut expected = vec![silent, refused];
        expected.sort();
        assert_eq!(failed, expected);
        let late = dial(&[silent], Duration::from_millis(300)).await;
        assert_eq!(late.stream.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let none = dial(&[refused], Duration::from_secs(3)).await;
        assert_eq!(none.stream.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert!(dial(&[], Duration::from_secs(3)).await.stream.is_err());
    }
}
