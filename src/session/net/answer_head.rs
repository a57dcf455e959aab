//! Shows awc only heads that it understands: those of final answers, with a body whose end it finds.
//!
//! awc takes the head of an interim answer (100, 103) for the final one, and then reads the final answer as that of the next
//! request on the connection. So interim heads are left out (RFC 9110, 15.2: any number of them may come before an answer).
//!
//! awc takes an HTTP/1.1 answer with neither a length nor chunks for empty and loses its body (RFC 9112, 6.3 says that the body
//! lasts until the connection ends). An HTTP/1.0 answer of that kind it reads to the end, so such a head is shown to it as one.
//!
//! What awc refuses in the fields of a head, and may be read all the same, is put right by [`readable`].

use std::io;
use std::task::{Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::ReadBuf;

use crate::session::net::head_fields::{is_named, readable};

/// A head longer than this is passed on as it is; awc refuses it.
const LONGEST_HEAD: usize = 128 * 1024;

/// The longest end of a head.
const END: &[u8] = b"\r\n\r\n";

/// Read at once while a head is gathered.
const PIECE: usize = 8 * 1024;

/// One connection's answers on their way to awc.
#[derive(Default)]
pub(super) enum HeadFilter {
    /// A body, or nothing.
    #[default]
    Passing,
    /// The head of the next answer is gathered.
    Gathering {
        /// What came of it.
        head: BytesMut,
        /// So many bytes of it hold no end.
        searched: usize,
        /// The answer may have a body: it is not one to HEAD.
        with_body: bool,
    },
    /// Gathered bytes that awc has not taken yet.
    Giving(Bytes),
}

impl HeadFilter {
    /// A request goes out; `with_body`: its answer may have one.
    pub(super) fn expect_answer(&mut self, with_body: bool) {
        if matches!(self, Self::Passing) {
            *self = Self::Gathering {
                head: BytesMut::new(),
                searched: 0,
                with_body,
            };
        }
    }

    /// Reads for awc; `read` reads from the connection.
    pub(super) fn poll_read(
        &mut self,
        buf: &mut ReadBuf<'_>,
        mut read: impl FnMut(&mut ReadBuf<'_>) -> Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        while let Self::Gathering {
            head,
            searched,
            with_body,
        } = self
        {
            let mut piece = [0; PIECE];
            let mut piece = ReadBuf::new(&mut piece);
            ready!(read(&mut piece))?;
            head.extend_from_slice(piece.filled());
            let end = leave_out_interim(head, searched);
            if let Some(end) = end {
                put_right(head, end, *with_body);
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

/// Puts the head of `end` bytes, which is all of an answer or its beginning, into a form that awc reads.
fn put_right(answer: &mut BytesMut, end: usize, with_body: bool) {
    let body = answer.split_off(end);
    if let Some(head) = readable(answer) {
        *answer = BytesMut::from(&head[..]);
    }
    if with_body {
        mark_unframed(answer);
    }
    answer.unsplit(body);
}

/// Removes the whole heads of interim answers, and empty lines, from where an answer begins; the end of the final head, if any.
///
/// `searched`: so many bytes were searched for an end before. A long head that comes in small pieces is searched only once.
fn leave_out_interim(answer: &mut BytesMut, searched: &mut usize) -> Option<usize> {
    loop {
        let empty = answer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        answer.advance(empty);
        // The last bytes may begin an end.
        let end = end_of_head(answer, searched.saturating_sub(END.len() - 1));
        match end {
            Some(end) if is_interim(answer) => {
                answer.advance(end);
                *searched = 0;
            }
            end => {
                *searched = answer.len();
                return end;
            }
        }
    }
}

/// Bytes of the head at the beginning, its empty line included, whose end is not before `from`; lines may end without a carriage
/// return, as awc takes them too.
fn end_of_head(answer: &[u8], from: usize) -> Option<usize> {
    let mut line_ends = answer.iter().enumerate().skip(from).filter(|(_, byte)| **byte == b'\n');
    line_ends.find_map(|(at, _)| match &answer[at + 1..] {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

/// A status of 1xx. 101 is none of these: what follows after it is no HTTP.
fn is_interim(head: &[u8]) -> bool {
    let status = head.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(1..5));
    status.is_some_and(|status| status.starts_with(b" 1") && status != b" 101")
}

/// Makes an HTTP/1.1 head without length and chunks one of HTTP/1.0.
fn mark_unframed(head: &mut [u8]) {
    let bodiless = [&b"HTTP/1.1 1"[..], b"HTTP/1.1 204", b"HTTP/1.1 304"];
    if !head.starts_with(b"HTTP/1.1 ") || bodiless.iter().any(|start| head.starts_with(start)) {
        return;
    }
    let names_framing = |line: &[u8]| is_named(line, "content-length") || is_named(line, "transfer-encoding");
    if !head.split(|byte| *byte == b'\n').any(names_framing) {
        head[..8].copy_from_slice(b"HTTP/1.0");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What awc reads of an answer that comes in pieces.
    fn read(answer: &[u8], piece: usize, with_body: bool) -> Vec<u8> {
        let mut filter = HeadFilter::default();
        filter.expect_answer(with_body);
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

    fn assert_read(answer: &str, expected: &str, with_body: bool) {
        for piece in [1, 5, 1_000] {
            let read = String::from_utf8(read(answer.as_bytes(), piece, with_body)).unwrap();
            assert_eq!(read, expected, "{answer:?} in pieces of {piece}");
        }
    }

    #[test]
    fn only_a_head_without_framing_is_changed() {
        for (answer, changed) in [
            ("HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\n\r\n", true),
            ("HTTP/1.1 200 OK\nA: b\n\nbody", true),
            ("HTTP/1.1 200 OK\r\nCONTENT-length: 4\r\n\r\nbody", false),
            ("HTTP/1.1 200 OK\nContent-Length: 4\n\nbody", false),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false),
            ("HTTP/1.1 204 No\r\n\r\n", false),
            ("HTTP/1.1 304 No\r\n\r\n", false),
            ("HTTP/1.1 101 Switching\r\n\r\nHTTP", false),
            ("HTTP/1.0 200 OK\r\n\r\nbody", false),
            ("SSH-2.0\r\n", false),
            ("", false),
        ] {
            let expected = if changed {
                answer.replacen("HTTP/1.1", "HTTP/1.0", 1)
            } else {
                answer.to_owned()
            };
            assert_read(answer, &expected, true);
            assert_read(answer, answer, false);
        }
    }

    #[test]
    fn what_was_searched_for_an_end_is_not_searched_again() {
        let mut head = BytesMut::new();
        let mut searched = 0;
        let whole = b"HTTP/1.1 103 Hint\r\n\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\n";
        let last = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
        for (place, byte) in whole.iter().enumerate() {
            head.extend_from_slice(&[*byte]);
            let end = leave_out_interim(&mut head, &mut searched);
            assert_eq!(end, (place + 1 == whole.len()).then_some(last.len()), "{place}");
            assert_eq!(searched, head.len(), "{place}");
        }
        assert_eq!(&head[..], last);
        // An end before the place from where it is searched for is not seen.
        assert_eq!(end_of_head(last, last.len() - 3), Some(last.len()));
        assert_eq!(end_of_head(last, last.len() - 1), None);
    }

    #[test]
    fn a_long_head_may_come_in_the_smallest_pieces() {
        let field = format!("X-Padding: {}\r\n", "0123456789".repeat(10_000));
        let answer = format!("HTTP/1.1 200 OK\r\n{field}\r\nbody");
        let expected = answer.replacen("HTTP/1.1", "HTTP/1.0", 1);
        assert!(read(answer.as_bytes(), 1, true) == expected.as_bytes());
    }

    #[test]
    fn fields_are_put_right_and_the_body_is_not_touched() {
        assert_read(
            "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nA: b\r\n c\r\n\r\nA: b\r\n c\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nA: b c\r\n\r\nA: b\r\n c\r\n\r\n",
            true,
        );
        let many = "X: y\r\n".repeat(200);
        let answer = format!("HTTP/1.1 200 OK\r\n{many}\r\nbody");
        assert_read(&answer, "HTTP/1.0 200 OK\r\n\r\nbody", true);
        assert_read(&answer, "HTTP/1.1 200 OK\r\n\r\nbody", false);
    }

    #[test]
    fn only_the_final_answer_is_read() {
        let last = "HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\nHTTP/1.1 103 Early\r\n\r\nend";
        for interim in [
            "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.0 100 Continue\n\n",
            "HTTP/1.1 199\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n",
            "\r\nHTTP/1.1 102 Processing\r\n\r\n\r\n",
        ] {
            for with_body in [true, false] {
                assert_read(&format!("{interim}{last}"), last, with_body);
            }
        }
        // Without a final answer there is none.
        assert_read("HTTP/1.1 103 Early Hints\r\n\r\n", "", true);
    }
}
