//! A body as its reader sees it: blocking on a thread of its own, or as a stream.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll, ready};
use std::vec::IntoIter;

use bytes::{Buf, Bytes};
use futures::Stream;
use url::Url;

use crate::grin::Validator;
use crate::session::stream::arrival::BodyArrival;
use crate::session::stream::channel::{ChunkBatch, ChunkReceiver};
use crate::session::stream::decode::{ContentCoding, ContentDecoder};
use crate::session::{BodyError, SessionError};

/// What is known of an archive before its first byte.
#[derive(Debug, Clone)]
pub struct BodyHead {
    /// `ETag`, if there is a usable one.
    pub validator: Option<Validator>,
    /// Bytes of the archive, if they are known: `Content-Length`, unless the body is coded.
    pub length: Option<u64>,
    /// The answer says where its body ends (a length, or chunks), so that a cut on the way is noticed.
    pub framed: bool,
}

/// An archive on its way.
#[derive(Debug)]
pub struct ArchiveBody {
    /// What is known of it.
    pub head: BodyHead,
    /// Its bytes.
    pub reader: BodyReader,
}

/// The bytes of an archive, for a thread that may block. Dropped early, it ends the request.
///
/// End of file is the archive's true end; a body that was cut and could not be continued is an error
/// ([`BodyError::of`]), as is one whose work was cancelled. Must not be read on an async thread.
pub struct BodyReader {
    receiver: ChunkReceiver,
    chunks: IntoIter<Bytes>,
    decoder: ContentDecoder,
    chunk: Bytes,
    ended: bool,
}

/// A list on its way, for an async reader on any thread. Dropped early, it ends the request.
///
/// The end of the stream without an error is the list's true end.
pub struct BodyStream {
    /// Where it comes from, redirects followed.
    pub url: Url,
    /// What it is, as its head says; may be empty.
    pub content_type: String,
    /// Its head said how long it is.
    pub has_length: bool,
    receiver: ChunkReceiver,
    chunks: IntoIter<Bytes>,
    decoder: ContentDecoder,
    ended: bool,
}

impl BodyReader {
    pub(in crate::session) fn new(receiver: ChunkReceiver, coding: ContentCoding) -> Self {
        Self {
            receiver,
            chunks: ChunkBatch::new().into_iter(),
            decoder: ContentDecoder::new(coding),
            chunk: Bytes::new(),
            ended: false,
        }
    }

    /// What has come so far, read or not; for whoever shows it.
    pub fn arrival(&self) -> Arc<BodyArrival> {
        Arc::clone(&self.receiver.shared.arrival)
    }

    /// Whether what has come so far is of more than one answer, put together where the first was cut.
    pub fn spliced(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.receiver.shared.spliced)
    }

    /// Puts a chunk in place, unless the body has ended.
    fn fill(&mut self) -> io::Result<()> {
        while self.chunk.is_empty() && !self.ended {
            if self.receiver.shared.is_cancelled() {
                return Err(BodyError::Cancelled.into());
            }
            if let Some(chunk) = self.decoder.next().map_err(|error| damaged(&error))? {
                self.chunk = chunk;
            } else if let Some(chunk) = self.chunks.next() {
                self.decoder.put(chunk);
            } else if let Some(batch) = self.receiver.batches.blocking_recv() {
                self.chunks = batch.into_iter();
            } else {
                self.receiver.shared.ending()?;
                self.ended = true;
                self.chunk = self.decoder.finish().map_err(|error| damaged(&error))?;
            }
        }
        Ok(())
    }
}

/// The error of a body whose `Content-Encoding` cannot be undone.
fn damaged(error: &io::Error) -> BodyError {
    BodyError::Session(SessionError::Protocol(format!(
        "its content coding is damaged: {error}"
    )))
}

impl io::Read for BodyReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.fill()?;
        let count = self.chunk.len().min(buf.len());
        buf[..count].copy_from_slice(&self.chunk[..count]);
        self.chunk.advance(count);
        Ok(count)
    }
}

impl io::BufRead for BodyReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.fill()?;
        Ok(&self.chunk)
    }

    fn consume(&mut self, count: usize) {
        self.chunk.advance(count);
    }
}

impl std::fmt::Debug for BodyReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BodyReader")
            .field("arrival", &self.receiver.shared.arrival)
            .finish_non_exhaustive()
    }
}

impl BodyStream {
    pub(in crate::session) fn new(receiver: ChunkReceiver, url: Url, coding: ContentCoding) -> Self {
        Self {
            url,
            content_type: String::new(),
            has_length: false,
            receiver,
            chunks: ChunkBatch::new().into_iter(),
            decoder: ContentDecoder::new(coding),
            ended: false,
        }
    }
}

impl Stream for BodyStream {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            match self.decoder.next() {
                Ok(Some(chunk)) => return Poll::Ready(Some(Ok(chunk))),
                Ok(None) => {}
                Err(error) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(damaged(&error))));
                }
            }
            if let Some(chunk) = self.chunks.next() {
                self.decoder.put(chunk);
                continue;
            }
            if let Some(batch) = ready!(self.receiver.batches.poll_recv(cx)) {
                self.chunks = batch.into_iter();
            } else {
                self.ended = true;
                let ended = self.receiver.shared.ending();
                let rest = ended.and_then(|()| self.decoder.finish().map_err(|error| damaged(&error)));
                return Poll::Ready(Some(rest).filter(|rest| rest.as_ref().map_or(true, |rest| !rest.is_empty())));
            }
        }
    }
}

impl std::fmt::Debug for BodyStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BodyStream")
            .field("url", &self.url.path())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, Read};

    use futures::StreamExt;

    use super::*;
    use crate::session::stream::channel::channel;

    #[test]
    fn batches_are_read_as_one_body_to_its_end() {
        let (sender, receiver) = channel();
        futures::executor::block_on(async {
            for batch in [vec!["ab".into(), "".into(), "c".into()], vec![], vec!["def".into()]] {
                assert!(sender.send(batch).await.is_ok());
            }
        });
        sender.end(Ok(()));
        let mut reader = BodyReader::new(receiver, ContentCoding::Identity);
        assert_eq!(reader.fill_buf().unwrap(), b"ab");
        reader.consume(1);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "bcdef");
        assert_eq!(reader.read(&mut [0; 4]).unwrap(), 0);
    }

    #[test]
    fn an_error_comes_after_what_was_received_before_it() {
        let (sender, receiver) = channel();
        assert!(futures::executor::block_on(sender.send(vec!["ab".into()])).is_ok());
        sender.end(Err(BodyError::Stalled));
        let mut reader = BodyReader::new(receiver, ContentCoding::Identity);
        let mut bytes = Vec::new();
        let error = reader.read_to_end(&mut bytes).unwrap_err();
        assert_eq!(
            (bytes.as_slice(), BodyError::of(&error)),
            (&b"ab"[..], Some(&BodyError::Stalled))
        );
    }

    #[test]
    fn a_pump_that_vanishes_is_never_the_end_of_a_body() {
        let (sender, receiver) = channel();
        drop(sender);
        let error = BodyReader::new(receiver, ContentCoding::Identity)
            .read(&mut [0; 4])
            .unwrap_err();
        assert_eq!(BodyError::of(&error), Some(&BodyError::Cancelled));
        let (sender, receiver) = channel();
        drop(sender);
        let mut stream = BodyStream::new(receiver, Url::parse("http://a/").unwrap(), ContentCoding::Identity);
        assert_eq!(
            futures::executor::block_on(stream.next()),
            Some(Err(BodyError::Cancelled))
        );
        assert_eq!(futures::executor::block_on(stream.next()), None);
    }

    #[test]
    fn cancelled_work_is_not_read_to_the_end_of_the_channel() {
        let (sender, receiver) = channel();
        assert!(futures::executor::block_on(sender.send(vec!["ab".into()])).is_ok());
        sender.end(Err(BodyError::Cancelled));
        assert!(
            BodyReader::new(receiver, ContentCoding::Identity)
                .read(&mut [0; 4])
                .is_err()
        );
    }
}
