//! Distance on a machine that has none: a relay that holds every byte back as long as a wire would.
//!
//! On loopback a connection is there at once and bytes take microseconds. The relay takes connections for a server and
//! passes bytes on in both directions, each half a round trip late; what a client sends is held back one more round trip
//! from when its connection began, as SYN and SYN-ACK would. The round trips of a TLS handshake arise by themselves.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Bytes read at once.
const CHUNK: usize = 16 << 10;

/// Chunks on the wire in one direction of one connection; more have to wait at the sender, as with a full TCP window.
const ON_THE_WIRE: usize = 64;

/// Relays every connection to `server` until it is dropped. Runs inside a tokio runtime.
pub async fn relay(listener: TcpListener, server: SocketAddr, round_trip: Duration) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => drop(tokio::spawn(connection(client, server, round_trip))),
            // Out of file descriptors: some will come back.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn connection(client: TcpStream, server: SocketAddr, round_trip: Duration) {
    let accepted = Instant::now();
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let way = round_trip / 2;
    tokio::join!(
        direction(from_client, to_server, accepted + round_trip, way),
        direction(from_server, to_client, accepted, way),
    );
}

/// Passes bytes on, each `way` after it was read, or after `open` if that is later.
async fn direction(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, open: Instant, way: Duration) {
    let (wire, mut other_end) = mpsc::channel::<(Instant, Bytes)>(ON_THE_WIRE);
    let enter = async move {
        let mut buffer = BytesMut::new();
        loop {
            buffer.reserve(CHUNK);
            let read = from.read_buf(&mut buffer).await;
            let due = Instant::now().max(open) + way;
            let ended = !matches!(read, Ok(1..));
            // An empty chunk is the end, which travels as long as the bytes before it.
            if wire.send((due, buffer.split().freeze())).await.is_err() || ended {
                return;
            }
        }
    };
    let leave = async move {
        while let Some((due, bytes)) = other_end.recv().await {
            sleep_until(due).await;
            if bytes.is_empty() || to.write_all(&bytes).await.is_err() {
                break;
            }
        }
        // The other side may have gone first; there is nobody left to tell.
        drop(to.shutdown().await);
    };
    tokio::join!(enter, leave);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(60);

    /// A server that says back what it hears, behind a relay.
    async fn far_echo() -> SocketAddr {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = server.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = server.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    // Ends with the connection, however that ends.
                    drop(tokio::io::copy(&mut from, &mut to).await);
                });
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let far = listener.local_addr().unwrap();
        tokio::spawn(relay(listener, near, ROUND_TRIP));
        far
    }

    async fn exchange(stream: &mut TcpStream) -> Duration {
        let asked = Instant::now();
        stream.write_all(b"ping").await.unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"ping");
        asked.elapsed()
    }

    #[tokio::test]
    async fn a_new_connection_costs_two_round_trips_and_a_kept_one_one() {
        let mut stream = TcpStream::connect(far_echo().await).await.unwrap();
        let (first, second) = (exchange(&mut stream).await, exchange(&mut stream).await);
        assert!(first >= ROUND_TRIP * 2, "{first:?}");
        assert!(second >= ROUND_TRIP, "{second:?}");
    }

    #[tokio::test]
    async fn large_bodies_come_whole_and_the_end_comes_after_them() {
        let mut stream = TcpStream::connect(far_echo().await).await.unwrap();
        let body: Vec<u8> = (0..3_000_000_u32).map(|byte| byte.to_le_bytes()[0]).collect();
        let (mut from, mut to) = stream.split();
        let send = async {
            to.write_all(&body).await.unwrap();
            to.shutdown().await.unwrap();
        };
        let mut back = Vec::new();
        let ((), read) = tokio::join!(send, from.read_to_end(&mut back));
        assert_eq!(read.unwrap(), body.len());
        assert!(back == body);
    }
}
