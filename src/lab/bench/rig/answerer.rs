//! The server of `bench sessions`: answers every HEAD and GET alike and counts, so that it is not what is measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Length of the body of a GET.
pub const BODY: usize = 1_024;

/// A longer head is no request of ours.
const LONGEST_HEAD: usize = 16 << 10;

/// What the server has counted.
#[derive(Debug, Default)]
pub struct AnswererCounts {
    connections: AtomicU64,
    handshakes: AtomicU64,
    requests: AtomicU64,
}

/// [`AnswererCounts`] at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswererSnapshot {
    /// TCP connections accepted.
    pub connections: u64,
    /// TLS handshakes completed.
    pub handshakes: u64,
    /// Requests answered.
    pub requests: u64,
}

impl AnswererCounts {
    /// The counters now.
    pub fn snapshot(&self) -> AnswererSnapshot {
        AnswererSnapshot {
            connections: self.connections.load(Relaxed),
            handshakes: self.handshakes.load(Relaxed),
            requests: self.requests.load(Relaxed),
        }
    }
}

impl AnswererSnapshot {
    /// What was added since `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            connections: self.connections - before.connections,
            handshakes: self.handshakes - before.handshakes,
            requests: self.requests - before.requests,
        }
    }
}

/// Answers that every archive and page is there, until it is dropped. Runs inside a tokio runtime.
pub async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, counts: Arc<AnswererCounts>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(greet(stream, tls.clone(), Arc::clone(&counts)))),
            // Out of file descriptors: some will come back.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn greet(stream: TcpStream, tls: Option<TlsAcceptor>, counts: Arc<AnswererCounts>) {
    counts.connections.fetch_add(1, Relaxed);
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return converse(stream, &counts).await;
    };
    if let Ok(stream) = tls.accept(stream).await {
        counts.handshakes.fetch_add(1, Relaxed);
        converse(stream, &counts).await;
    }
}

/// Requests without bodies, one after the other.
async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, counts: &AnswererCounts) {
    let mut heard = Vec::with_capacity(1_024);
    let get = get_answer();
    while let Ok(1..) = stream.read_buf(&mut heard).await {
        if !heard.ends_with(b"\r\n\r\n") {
            if heard.len() > LONGEST_HEAD {
                return;
            }
            continue;
        }
        let answer = if heard.starts_with(b"HEAD ") { HEAD_ANSWER } else { &get };
        counts.requests.fetch_add(1, Relaxed);
        if stream.write_all(answer).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        heard.clear();
    }
}

const HEAD_ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\netag: \"5f1e\"\r\ncontent-length: 50000000\r\n\r\n";

fn get_answer() -> Vec<u8> {
    let mut answer =
        format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {BODY}\r\n\r\n").into_bytes();
    answer.resize(answer.len() + BODY, b'.');
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn heads_and_bodies_are_answered_and_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Arc::new(AnswererCounts::default());
        tokio::spawn(serve(listener, None, Arc::clone(&counts)));
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut answer = vec![0; 4_096];
        for (asked, ends) in [("HEAD", "50000000\r\n\r\n"), ("GET", "....")] {
            stream
                .write_all(format!("{asked} /x HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes())
                .await
                .unwrap();
            let count = stream.read(&mut answer).await.unwrap();
            assert!(answer[..count].ends_with(ends.as_bytes()), "{asked}");
        }
        let served = counts.snapshot();
        assert_eq!((served.connections, served.handshakes, served.requests), (1, 0, 2));
    }
}
