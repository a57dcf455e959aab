//! Lets awc read a body that ends with its connection.
//!
//! awc takes an HTTP/1.1 answer with neither a length nor chunks for empty and loses its body (RFC 9112, 6.3 says that the body
//! lasts until the connection ends). An HTTP/1.0 answer of that kind it reads to the end, so such a head is shown to it as one.

use std::io;
use std::task::{Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::ReadBuf;

/// A head longer than this is passed on as it is; awc refuses it.
const LONGEST_HEAD: usize = 128 * 1024;

/// Read at once while a head is gathered.
const PIECE: usize = 8 * 1024;

/// One connection's answers on their way to awc.
#[derive(Default)]
pub(super) enum HeadFilter {
    /// A body, or nothing.
    #[default]
    Passing,
    /// The head of the next answer is gathered.
    Gathering(BytesMut),
    /// Gathered bytes that awc has not taken yet.
    Giving(Bytes),
}

impl HeadFilter {
    /// A request goes out whose answer may have a body.
    pub(super) fn expect_answer(&mut self) {
        if matches!(self, Self::Passing) {
            *self = Self::Gathering(BytesMut::new());
        }
    }

    /// Reads for awc; `read` reads from the connection.
    pub(super) fn poll_read(
        &mut self,
        buf: &mut ReadBuf<'_>,
        mut read: impl FnMut(&mut ReadBuf<'_>) -> Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        while let Self::Gathering(head) = self {
            let mut piece = [0; PIECE];
            let mut piece = ReadBuf::new(&mut piece);
            ready!(read(&mut piece))?;
            head.extend_from_slice(piece.filled());
            let end = head.windows(4).position(|window| window == b"\r\n\r\n");
            if let Some(end) = end {
                mark_unframed(head, end);
            }
            if end.is_some() || piece.filled().is_empty() || head.len() > LONGEST_HEAD {
                *self = Self::Giving(std::mem::take(head).freeze());
            }
        }
        let Self::Giving(bytes) = self else {
            return read(buf);
        };
        let count = bytes.len().min(buf.remaining());
        buf.put_slice(&bytes[..count]);
        bytes.advance(count);
        if bytes.is_empty() {
            *self = Self::Passing;
        }
        Poll::Ready(Ok(()))
    }
}

/// Makes an HTTP/1.1 head without length and chunks one of HTTP/1.0; `end` is where the head's last line ends.
fn mark_unframed(answer: &mut [u8], end: usize) {
    let bodiless = [&b"HTTP/1.1 1"[..], b"HTTP/1.1 204", b"HTTP/1.1 304"];
    if !answer.starts_with(b"HTTP/1.1 ") || bodiless.iter().any(|start| answer.starts_with(start)) {
        return;
    }
    let names_framing = |line: &[u8]| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"transfer-encoding")
    };
    if !answer[..end].split(|byte| *byte == b'\n').any(names_framing) {
        answer[..8].copy_from_slice(b"HTTP/1.0");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What awc reads of an answer that comes in pieces.
    fn read(answer: &[u8], piece: usize) -> Vec<u8> {
        let mut filter = HeadFilter::default();
        filter.expect_answer();
        let mut rest = answer;
        let mut read = Vec::new();
        loop {
            let mut space = [0; 7];
            let mut buf = ReadBuf::new(&mut space);
            let polled = filter.poll_read(&mut buf, |buf| {
                let count = rest.len().min(piece).min(buf.remaining());
                buf.put_slice(&rest[..count]);
                rest = &rest[count..];
                Poll::Ready(Ok(()))
            });
            assert!(matches!(polled, Poll::Ready(Ok(()))));
            if buf.filled().is_empty() {
                return read;
            }
            read.extend_from_slice(buf.filled());
        }
    }

    #[test]
    fn only_a_head_without_framing_is_changed() {
        for (answer, changed) in [
            ("HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\nCONTENT-length: 4\r\n\r\nbody", false),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false),
            ("HTTP/1.1 204 No\r\n\r\n", false),
            ("HTTP/1.1 304 No\r\n\r\n", false),
            ("HTTP/1.0 200 OK\r\n\r\nbody", false),
            ("SSH-2.0\r\n", false),
            ("", false),
        ] {
            let expected = if changed {
                answer.replacen("HTTP/1.1", "HTTP/1.0", 1)
            } else {
                answer.to_owned()
            };
            for piece in [1, 5, 1_000] {
                assert_eq!(
                    String::from_utf8(read(answer.as_bytes(), piece)).unwrap(),
                    expected,
                    "{piece}"
                );
            }
        }
    }
}
