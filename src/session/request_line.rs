//! What is kept of each request: a line of the log, at the level debug (`-v`), and the time of its body.

use std::sync::Arc;
use std::time::Instant;

use awc::http::Method;
use tracing::{Level, debug};
use url::Url;

use crate::diagnostics::without_secrets;
use crate::session::{RequestKind, SessionCounters, SessionError};

/// A search names a hundred barcodes.
const LONGEST: usize = 300;

/// A request that was sent, as it is told of when its answer has ended.
pub(super) struct RequestLine {
    method: Method,
    address: String,
    began: Instant,
}

/// What came of an answer; the log is told in the end, or when nobody reads any further.
pub(super) struct AnswerTally {
    pub(super) status: u16,
    /// Bytes of its body.
    pub(super) got: u64,
    pub(super) line: Option<RequestLine>,
}

impl AnswerTally {
    pub(super) fn of(status: u16) -> Self {
        Self {
            status,
            got: 0,
            line: None,
        }
    }
}

/// Since when a body comes, and where its time is counted.
pub(super) struct BodyClock {
    counters: Arc<SessionCounters>,
    kind: RequestKind,
    since: tokio::time::Instant,
}

impl BodyClock {
    pub(super) fn begin(counters: &Arc<SessionCounters>, kind: RequestKind) -> Self {
        Self {
            counters: Arc::clone(counters),
            kind,
            since: tokio::time::Instant::now(),
        }
    }

    /// A part of it came.
    pub(super) fn goes_on(&self) {
        self.counters.note_heard(self.kind);
    }

    /// The body has come to its end.
    pub(super) fn is_whole(&self) {
        self.counters.note_body(self.kind, self.since.elapsed());
    }
}

impl Drop for AnswerTally {
    fn drop(&mut self) {
        let Some(line) = &self.line else { return };
        let (status, bytes, milliseconds) = (self.status, self.got, line.milliseconds());
        debug!(method = %line.method, address = line.address, status, bytes, milliseconds, "request");
    }
}

impl RequestLine {
    /// For a request that is sent now; `None` where nobody reads such lines.
    pub(super) fn begin(method: &Method, url: &Url, may_see_token: bool) -> Option<Self> {
        tracing::enabled!(Level::DEBUG).then(|| Self {
            method: method.clone(),
            address: shown(url, may_see_token),
            began: Instant::now(),
        })
    }

    /// No answer came.
    pub(super) fn unanswered(&self, error: &SessionError) {
        let milliseconds = self.milliseconds();
        debug!(method = %self.method, address = self.address, %error, milliseconds, "request without an answer");
    }

    fn milliseconds(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// An address of GRIN's without secrets. Of any other only the host: where GRIN redirects to, path and query are the key to the archive.
fn shown(url: &Url, may_see_token: bool) -> String {
    if !may_see_token {
        return format!("{}/…", url.origin().ascii_serialization());
    }
    let mut text = without_secrets(url.as_str());
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_opens_doors() {
        let long = format!("https://g.org/l/_barcode_search?barcodes={}", "TL0001%0A".repeat(100));
        for (url, may_see_token, expected) in [
            (
                "https://g.org/l/_all_books?format=text&token=abc",
                true,
                "https://g.org/l/_all_books?format=text&token=***",
            ),
            ("https://g.org/l/TL1.tar.gz.gpg", true, "https://g.org/l/TL1.tar.gz.gpg"),
            (
                "https://store.g.org:8443/k3y/a.gpg?sig=abc",
                false,
                "https://store.g.org:8443/…",
            ),
            ("https://me:pass@store.g.org/a", false, "https://store.g.org/…"),
        ] {
            assert_eq!(shown(&url.parse().unwrap(), may_see_token), expected);
        }
        let shown = shown(&long.parse().unwrap(), true);
        assert_eq!(shown.chars().count(), LONGEST + 1);
        assert!(shown.ends_with('…'), "{shown}");
    }
}
