//! A small answer, read whole.

use std::time::Duration;

use awc::http::header;
use bytes::{Bytes, BytesMut};
use serde::de::IgnoredAny;
use tokio::time::Instant;
use url::Url;

use crate::diagnostics::{ReportedSource, without_secrets};
use crate::session::SessionError;
use crate::session::exchange::{IncomingAnswer, RequestDeadlines};
use crate::session::stream::{ContentCoding, decode_all};

/// Of an answer that is an error, this much is read so that its connection can be used again.
const DRAINED: usize = 64 * 1024;

/// And for this long.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// The last tag of a page.
const END_OF_PAGE: &[u8] = b"</html>";

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

impl SmallAnswer {
    /// For what of it is not recognised.
    pub(crate) fn source(&self) -> ReportedSource<'_> {
        ReportedSource {
            url: &self.url,
            content_type: self.headers.get("content-type").unwrap_or_default(),
            body: &self.body,
        }
    }
}

/// Headers of an answer.
#[derive(Debug, Clone, Default)]
pub struct AnswerHeaders(Vec<(header::HeaderName, header::HeaderValue)>);

impl AnswerHeaders {
    #[cfg(test)]
    pub(super) fn canned(etag: Option<&str>) -> Self {
        let value = |etag: &str| header::HeaderValue::from_str(etag).unwrap();
        Self(etag.map(|etag| (header::ETAG, value(etag))).into_iter().collect())
    }

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
}

impl IncomingAnswer {
    /// Reads the whole body, refusing one larger than `limit`.
    pub(super) async fn whole(
        mut self,
        limit: usize,
        deadlines: &RequestDeadlines,
        url: Url,
    ) -> Result<SmallAnswer, SessionError> {
        self.require_framing()?;
        let status = self.status();
        if self.length().is_some_and(|length| length > limit as u64) {
            return Err(SessionError::TooLarge { status, limit });
        }
        let headers = AnswerHeaders::of(self.headers());
        let too_large = || SessionError::TooLarge { status, limit };
        let mut body = Bytes::new();
        let mut joined = BytesMut::new();
        while let Some(bytes) = self.next(deadlines).await? {
            if body.len() + joined.len() + bytes.len() > limit {
                return Err(too_large());
            }
            if body.is_empty() && joined.is_empty() {
                body = bytes;
            } else {
                joined.extend_from_slice(&std::mem::take(&mut body));
                joined.extend_from_slice(&bytes);
            }
        }
        let body = if joined.is_empty() { body } else { joined.freeze() };
        let body = match self.coding() {
            ContentCoding::Identity => body,
            coding @ (ContentCoding::Gzip | ContentCoding::Deflate) => decode_all(body, coding, limit)
                .map_err(|error| SessionError::Protocol(format!("its content coding is damaged: {error}")))?
                .ok_or_else(too_large)?,
            ContentCoding::Unknown if body.is_empty() => body,
            ContentCoding::Unknown => {
                let coding = self.header(header::CONTENT_ENCODING).unwrap_or_default();
                return Err(SessionError::Protocol(format!(
                    "its content coding is {coding:?}, which was not asked for"
                )));
            }
        };
        if self.ends_with_connection() && !proves_its_end(&body) {
            return Err(self.no_length());
        }
        Ok(SmallAnswer {
            status,
            headers,
            body,
            url,
        })
    }

    /// Reads what little there is of an error's body, so that its connection can be used again; its first words.
    pub(super) async fn drain(mut self) -> String {
        // Without a length the connection cannot be used again, and of a redirect nothing is told.
        let useless = self.ends_with_connection() && (300..400).contains(&self.status());
        if useless || self.require_framing().is_err() || self.length().is_some_and(|length| length > DRAINED as u64) {
            return String::new();
        }
        let end = Instant::now() + DRAIN_TIME;
        let deadlines = RequestDeadlines {
            connect: DRAIN_TIME,
            silence: DRAIN_TIME,
            end,
            whole: crate::session::TimeoutPhase::Total,
        };
        let mut kept = Vec::new();
        let mut drained = 0;
        while let Ok(Some(bytes)) = self.next(&deadlines).await {
            drained += bytes.len();
            let free = (SNIPPET * 4_usize).saturating_sub(kept.len());
            kept.extend_from_slice(&bytes[..bytes.len().min(free)]);
            if drained > DRAINED {
                break;
            }
        }
        snippet(&kept)
    }
}

/// Whether the content tells that nothing is missing: a page to its last tag, or a JSON document.
pub(super) fn proves_its_end(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    let page = body
        .len()
        .checked_sub(END_OF_PAGE.len())
        .is_some_and(|start| body[start..].eq_ignore_ascii_case(END_OF_PAGE));
    let json = || matches!(body.first(), Some(b'{' | b'[')) && serde_json::from_slice::<IgnoredAny>(body).is_ok();
    page || json()
}

/// The first words of an answer, fit for one line of a log.
fn snippet(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    // Some servers repeat the request's headers.
    let words = without_secrets(&words.join(" "));
    words.chars().take(SNIPPET).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_words_are_one_bounded_line() {
        assert_eq!(snippet(b"  <p>\r\n\tno\x00way</p> "), "<p> no way</p>");
        assert_eq!(
            snippet(b"denied {'authorization': 'Bearer ya29.hush', 'host': 'h'}"),
            "denied {'authorization': 'Bearer ***', 'host': 'h'}"
        );
        assert_eq!(snippet(b"\xff\xfe"), "\u{fffd}\u{fffd}");
        assert_eq!(snippet("ä".repeat(500).as_bytes()).chars().count(), SNIPPET);
    }

    #[test]
    fn only_a_page_or_a_document_proves_its_end() {
        for (body, proves) in [
            ("<html><p>x</p></html>", true),
            ("<HTML></HTML>\r\n ", true),
            ("<html><p>x</p></htm", false),
            ("{\"a\": 1}", true),
            ("{\"a\": 1", false),
            ("[]\n", true),
            ("12", false),
            ("Barcode\tTitle\nTL1\tx\n", false),
            ("", false),
        ] {
            assert_eq!(proves_its_end(body.as_bytes()), proves, "{body}");
        }
    }

    #[test]
    fn headers_are_found_whatever_their_case() {
        let mut map = header::HeaderMap::new();
        map.insert(header::ETAG, header::HeaderValue::from_static("\"a\""));
        let headers = AnswerHeaders::of(&map);
        assert_eq!(headers.get("ETag"), Some("\"a\""));
        assert_eq!(headers.get("x"), None);
    }
}
