//! A small answer, read whole.

use std::time::Duration;

use awc::http::header;
use bytes::{Bytes, BytesMut};
use tokio::time::Instant;
use url::Url;

use crate::session::SessionError;
use crate::session::exchange::{IncomingAnswer, RequestDeadlines};

/// Of an answer that is an error, this much is read so that its connection can be used again.
const DRAINED: usize = 64 * 1024;

/// And for this long.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// Of what was drained, this many characters are told.
const SNIPPET: usize = 200;

/// Status, headers and body of a small answer.
#[derive(Debug, Clone)]
pub struct SmallAnswer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: AnswerHeaders,
    /// The whole body.
    pub body: Bytes,
    /// Where it came from, redirects followed.
    pub url: Url,
}

/// Headers of an answer.
#[derive(Debug, Clone, Default)]
pub struct AnswerHeaders(Vec<(header::HeaderName, header::HeaderValue)>);

impl AnswerHeaders {
    pub(super) fn of(map: &header::HeaderMap) -> Self {
        Self(map.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// The first value of a header, names compared without case; `None` also when it is no text.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .0
            .iter()
            .find(|(other, _)| other.as_str().eq_ignore_ascii_case(name))?;
        value.to_str().ok()
    }

    /// Names and values that are text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
    }
}

impl IncomingAnswer {
    /// Reads the whole body, refusing one larger than `limit`.
    pub(super) async fn whole(
        mut self,
        limit: usize,
        patience: &RequestDeadlines,
        url: Url,
    ) -> Result<SmallAnswer, SessionError> {
        self.require_framing()?;
        let status = self.status();
        let too_large = SessionError::TooLarge { status, limit };
        if self.length().is_some_and(|length| length > limit as u64) {
            return Err(too_large);
        }
        let headers = AnswerHeaders::of(self.headers());
        let mut body = Bytes::new();
        let mut joined = BytesMut::new();
        while let Some(bytes) = self.next(patience).await? {
            if body.len() + joined.len() + bytes.len() > limit {
                return Err(too_large);
            }
            if body.is_empty() && joined.is_empty() {
                body = bytes;
            } else {
                joined.extend_from_slice(&std::mem::take(&mut body));
                joined.extend_from_slice(&bytes);
            }
        }
        let body = if joined.is_empty() { body } else { joined.freeze() };
        Ok(SmallAnswer {
            status,
            headers,
            body,
            url,
        })
    }

    /// Reads what little there is of an error's body, so that its connection can be used again; its first words.
    pub(super) async fn drain(mut self) -> String {
        if self.require_framing().is_err() || self.length().is_some_and(|length| length > DRAINED as u64) {
            return String::new();
        }
        let end = Instant::now() + DRAIN_TIME;
        let patience = RequestDeadlines {
            connect: DRAIN_TIME,
            silence: DRAIN_TIME,
            end,
            whole: crate::session::TimeoutPhase::Total,
        };
        let mut kept = Vec::new();
        let mut drained = 0;
        while let Ok(Some(bytes)) = self.next(&patience).await {
            drained += bytes.len();
            let room = (SNIPPET * 4_usize).saturating_sub(kept.len());
            kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
            if drained > DRAINED {
                break;
            }
        }
        snippet(&kept)
    }
}

/// The first words of an answer, fit for one line of a log.
fn snippet(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ").chars().take(SNIPPET).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_words_are_one_bounded_line() {
        assert_eq!(snippet(b"  <p>\r\n\tno\x00way</p> "), "<p> no way</p>");
        assert_eq!(snippet(b"\xff\xfe"), "\u{fffd}\u{fffd}");
        assert_eq!(snippet("ä".repeat(500).as_bytes()).chars().count(), SNIPPET);
    }

    #[test]
    fn headers_are_found_whatever_their_case() {
        let mut map = header::HeaderMap::new();
        map.insert(header::ETAG, header::HeaderValue::from_static("\"a\""));
        let headers = AnswerHeaders::of(&map);
        assert_eq!(headers.get("ETag"), Some("\"a\""));
        assert_eq!(headers.get("x"), None);
        assert_eq!(headers.iter().count(), 1);
    }
}
