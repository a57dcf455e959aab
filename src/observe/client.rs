//! Asks a running daemon, over its Unix socket or its address.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::later;

/// Connecting, and each read or write.
const PATIENCE: Duration = Duration::from_secs(5);
/// Waiting for what the daemon has to do first; a locked catalog is waited for 15 s there.
const LONG_PATIENCE: Duration = Duration::from_secs(30);
/// No status is larger than this.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Where a daemon may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DaemonEndpoint {
    /// `observe.socket`.
    Socket(PathBuf),
    /// `observe.listen`.
    Address(SocketAddr),
}

impl fmt::Display for DaemonEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "{}", path.display()),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

/// Why a daemon gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("no daemon answers at {endpoint}")]
    Unreachable {
        /// Where it was tried.
        endpoint: DaemonEndpoint,
        /// Why.
        source: io::Error,
    },
    /// The caller may not use the socket.
    #[error("no permission to use {endpoint}")]
    Denied {
        /// Where it was tried.
        endpoint: DaemonEndpoint,
    },
    /// Somebody listens, and says nothing in time.
    #[error("what listens at {endpoint} runs, but does not answer")]
    Silent {
        /// Where it was tried.
        endpoint: DaemonEndpoint,
    },
    /// Somebody answers, but not as a daemon does.
    #[error("what answers at {endpoint} is no grind daemon: {why}")]
    NotOurs {
        /// Where it was tried.
        endpoint: DaemonEndpoint,
        /// What is wrong with the answer.
        why: &'static str,
    },
    /// It answered with an error.
    #[error("the daemon at {endpoint} answered {status}: {text}")]
    Refused {
        /// Where it was tried.
        endpoint: DaemonEndpoint,
        /// The status.
        status: u16,
        /// The first line of its words.
        text: String,
    },
}

/// Asks with `GET` and gives the body of a 200.
pub fn get(endpoint: &DaemonEndpoint, path: &str) -> Result<Vec<u8>, ClientError> {
    request(
        endpoint,
        &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
        PATIENCE,
    )
}

/// Until when whoever sends an order waits for its answer, in milliseconds since 1970: one that is read later is not carried out.
pub(super) const ORDER_UNTIL: &str = "grind-order-until";

/// Sends JSON with `POST` and gives the body of a 200.
pub fn post(endpoint: &DaemonEndpoint, path: &str, json: &str) -> Result<Vec<u8>, ClientError> {
    let (length, until) = (json.len(), later(Timestamp::now(), LONG_PATIENCE).as_millisecond());
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         {ORDER_UNTIL}: {until}\r\nContent-Length: {length}\r\n\r\n"
    );
    request(endpoint, &(head + json), LONG_PATIENCE)
}

fn request(endpoint: &DaemonEndpoint, text: &str, patience: Duration) -> Result<Vec<u8>, ClientError> {
    let failed = |source: io::Error| {
        let endpoint = endpoint.clone();
        match source.kind() {
            // A time-out of the socket; that of a connection has another kind.
            ErrorKind::WouldBlock => ClientError::Silent { endpoint },
            ErrorKind::PermissionDenied => ClientError::Denied { endpoint },
            _ => ClientError::Unreachable { endpoint, source },
        }
    };
    let answer = match endpoint {
        DaemonEndpoint::Socket(path) => UnixStream::connect(path).and_then(|stream| {
            stream.set_read_timeout(Some(patience))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            talk(stream, text)
        }),
        DaemonEndpoint::Address(address) => TcpStream::connect_timeout(address, PATIENCE).and_then(|stream| {
            stream.set_read_timeout(Some(patience))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            talk(stream, text)
        }),
    };
    read_answer(endpoint, &answer.map_err(failed)?)
}

fn talk(mut stream: impl Read + Write, text: &str) -> io::Result<Vec<u8>> {
    stream.write_all(text.as_bytes())?;
    let mut answer = Vec::new();
    let read = stream.take(LARGEST + 1).read_to_end(&mut answer)?;
    if read as u64 > LARGEST {
        return Err(io::Error::new(ErrorKind::FileTooLarge, "the answer does not end"));
    }
    Ok(answer)
}

/// A whole answer of HTTP/1.1 with a Content-Length, as our own server gives it: nothing else is taken for one.
fn read_answer(endpoint: &DaemonEndpoint, answer: &[u8]) -> Result<Vec<u8>, ClientError> {
    let not_ours = |why| ClientError::NotOurs {
        endpoint: endpoint.clone(),
        why,
    };
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .ok_or(not_ours("no HTTP"))?;
    let head = std::str::from_utf8(&answer[..end]).map_err(|_| not_ours("no HTTP"))?;
    let body = &answer[end + 4..];
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(status_of).ok_or(not_ours("no HTTP"))?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .ok_or(not_ours("no length"))?;
    if body.len() != length {
        return Err(not_ours("cut short"));
    }
    if status != 200 {
        let text = String::from_utf8_lossy(body)
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(300)
            .collect();
        return Err(ClientError::Refused {
            endpoint: endpoint.clone(),
            status,
            text,
        });
    }
    Ok(body.to_vec())
}

fn status_of(line: &str) -> Option<u16> {
    line.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &str) -> Result<Vec<u8>, ClientError> {
        read_answer(&DaemonEndpoint::Socket("s".into()), answer.as_bytes())
    }

    #[test]
    fn a_whole_answer_is_taken() {
        assert_eq!(read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap(), b"ok");
    }

    #[test]
    fn anything_else_is_not() {
        let cases = [
            ("", "no HTTP"),
            ("SSH-2.0-x\r\n\r\n", "no HTTP"),
            ("HTTP/1.1 200 OK\r\n\r\nok", "no length"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok", "cut short"),
            ("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\nok", "no length"),
        ];
        for (answer, expected) in cases {
            assert!(
                matches!(read(answer), Err(ClientError::NotOurs { why, .. }) if why == expected),
                "{answer:?}"
            );
        }
    }

    #[test]
    fn an_error_is_told_with_its_words() {
        let error = read("HTTP/1.1 503 No\r\ncontent-length: 8\r\n\r\nstopping").unwrap_err();
        assert_eq!(error.to_string(), "the daemon at s answered 503: stopping");
    }
}
