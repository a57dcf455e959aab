//! Answers and bodies that come from nowhere, for tests of those who ask the session.

use std::time::Duration;

use bytes::Bytes;
use url::Url;

use crate::grin::Validator;
use crate::session::stream::{BodyHead, ChunkReceiver, ContentCoding, channel};
use crate::session::{AnswerHeaders, ArchiveBody, BodyError, BodyReader, BodyStream, SmallAnswer};

/// A body with these bytes and this end.
fn body(bytes: &[u8], end: Result<(), BodyError>) -> ChunkReceiver {
    let (sender, receiver) = channel();
    sender.note(bytes.len());
    assert!(sender.try_send(vec![Bytes::copy_from_slice(bytes)]));
    sender.end(end);
    receiver
}

/// An archive.
pub(crate) fn archive(etag: &str, bytes: &[u8], end: Result<(), BodyError>) -> ArchiveBody {
    ArchiveBody {
        head: BodyHead {
            validator: Validator::parse(etag).ok(),
            length: Some(bytes.len() as u64),
            framed: true,
        },
        reader: BodyReader::new(body(bytes, end), ContentCoding::Identity),
    }
}

/// A list; `from` is where it seems to come from.
pub(crate) fn stream(from: &Url, text: &str, end: Result<(), BodyError>) -> BodyStream {
    BodyStream::new(body(text.as_bytes(), end), from.clone(), ContentCoding::Identity)
}

/// A list of which this begins and that comes again and again, as long as somebody reads.
pub(crate) fn dripping(from: &Url, begins: &str, drop: &str) -> BodyStream {
    let (sender, receiver) = channel();
    let drop = Bytes::copy_from_slice(drop.as_bytes());
    assert!(sender.try_send(vec![Bytes::copy_from_slice(begins.as_bytes())]));
    tokio::spawn(async move {
        while sender.try_send(vec![drop.clone()]) {
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
        sender.end(Ok(()));
    });
    BodyStream::new(receiver, from.clone(), ContentCoding::Identity)
}

/// A small answer.
pub(crate) fn answer(status: u16, etag: Option<&str>, text: &str) -> SmallAnswer {
    SmallAnswer {
        status,
        headers: AnswerHeaders::canned(etag),
        body: Bytes::copy_from_slice(text.as_bytes()),
        url: url(),
    }
}

fn url() -> Url {
    Url::parse("https://books.example/libraries/EXAMPLE/x").unwrap()
}
