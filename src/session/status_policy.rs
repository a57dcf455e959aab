//! What a status of GRIN's means (src/grin/PROTOCOL.md, section 2, "What GRIN answers").

use std::time::Duration;

use crate::session::{RequestKind, SessionError};

/// What follows from an answer's status.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum StatusVerdict {
    /// 2xx, 304, 404: the asker's business.
    Answer,
    /// 3xx with a `Location`.
    Redirect,
    /// 401: another token.
    TokenRefused,
    /// 429, 503: whoever is concerned waits; see [`refusal_scope`].
    Throttled,
    /// The rest.
    Error,
}

pub(super) fn verdict(status: u16) -> StatusVerdict {
    match status {
        200..=299 | 304 | 404 => StatusVerdict::Answer,
        301 | 302 | 303 | 307 | 308 => StatusVerdict::Redirect,
        401 => StatusVerdict::TokenRefused,
        429 | 503 => StatusVerdict::Throttled,
        _ => StatusVerdict::Error,
    }
}

/// Whom a 429 or 503 concerns.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RefusalScope {
    /// The one address that was asked for.
    Address,
    /// The queue of conversions, which is full: no reason to stop downloads.
    Queue,
    /// Archives, and perhaps all of GRIN: the gate closes; `pause` holds only until GRIN answers what was asked as late.
    Archives { pause: Option<Duration> },
    /// All of GRIN: the gate closes, for this long at least.
    Grin { pause: Option<Duration> },
}

/// What is known of other requests when an archive is refused.
///
/// GRIN has answered since when any request that was sent after the first of these refusals got what it asked for (2xx, 304, 404), or
/// a redirect; an error (401, 403, 5xx) does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefusalEvidence {
    /// No second archive was refused since GRIN answered last.
    Alone,
    /// A second one was.
    Several,
    /// A second one was, everybody paused, and what was asked after the pause is refused too.
    AfterPause,
}

/// Decides by status, kind of request and what is known of others.
///
/// - 429 to `_process` without `Retry-After` says that the conversion queue is full (src/grin/PROTOCOL.md, section 2).
/// - What an archive is refused with may be about that archive: one that cannot be served stops no other. Where a second one is
///   refused before GRIN has answered, GRIN itself may be meant, and everybody pauses by our own back-off; how long GRIN asks to wait
///   holds for the address. A few books that are never served must not stop a library for hours. Only what is refused after such a
///   pause lets GRIN's wait be everybody's, and an answer to another request sent after that pause cuts it back to our own back-off.
/// - Everything else speaks for all of GRIN, and is obeyed by all.
pub(super) fn refusal_scope(
    status: u16,
    kind: RequestKind,
    retry_after: Option<Duration>,
    evidence: impl FnOnce() -> RefusalEvidence,
) -> RefusalScope {
    match kind {
        RequestKind::Process if status == 429 && retry_after.is_none() => RefusalScope::Queue,
        RequestKind::ArchiveHead | RequestKind::ArchiveBody => match evidence() {
            RefusalEvidence::Alone => RefusalScope::Address,
            RefusalEvidence::Several => RefusalScope::Archives { pause: None },
            RefusalEvidence::AfterPause => RefusalScope::Archives { pause: retry_after },
        },
        _ => RefusalScope::Grin { pause: retry_after },
    }
}

/// Whether a refusal by a host that GRIN redirected to concerns only what was asked for there: all but its server errors, which say
/// that the way is broken.
pub(super) fn is_refusal_of_host(status: u16) -> bool {
    status < 500 || status == 503
}

/// The error of a status that is neither answer, redirect, refused token nor throttling.
pub(super) fn error(status: u16, snippet: String) -> SessionError {
    match status {
        403 => SessionError::Forbidden { snippet },
        500..=599 => SessionError::Server { status },
        _ => SessionError::Unexpected { status, snippet },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_one_meaning() {
        for (status, expected) in [
            (200, StatusVerdict::Answer),
            (206, StatusVerdict::Answer),
            (304, StatusVerdict::Answer),
            (404, StatusVerdict::Answer),
            (302, StatusVerdict::Redirect),
            (308, StatusVerdict::Redirect),
            (300, StatusVerdict::Error),
            (401, StatusVerdict::TokenRefused),
            (403, StatusVerdict::Error),
            (429, StatusVerdict::Throttled),
            (503, StatusVerdict::Throttled),
            (500, StatusVerdict::Error),
            (999, StatusVerdict::Error),
        ] {
            assert_eq!(verdict(status), expected, "{status}");
        }
    }

    #[test]
    fn a_refusal_concerns_the_address_the_queue_or_everybody() {
        use RefusalEvidence::{AfterPause, Alone, Several};
        use RequestKind as K;
        let hour = Some(Duration::from_hours(1));
        let everybody = |pause| RefusalScope::Grin { pause };
        let archives = |pause| RefusalScope::Archives { pause };
        for (status, kind, retry_after, evidence, scope) in [
            (429, K::Process, None, Several, RefusalScope::Queue),
            (429, K::Process, hour, Several, everybody(hour)),
            (503, K::Process, None, Several, everybody(None)),
            (429, K::ArchiveHead, None, Alone, RefusalScope::Address),
            (429, K::ArchiveBody, hour, Alone, RefusalScope::Address),
            (429, K::ArchiveBody, hour, Several, archives(None)),
            (429, K::ArchiveBody, hour, AfterPause, archives(hour)),
            (503, K::ArchiveHead, None, Alone, RefusalScope::Address),
            (503, K::ArchiveBody, hour, Alone, RefusalScope::Address),
            (503, K::ArchiveBody, None, Several, archives(None)),
            (503, K::ArchiveHead, hour, Several, archives(None)),
            (503, K::ArchiveHead, hour, AfterPause, archives(hour)),
            (429, K::ListPage, hour, Alone, everybody(hour)),
            (503, K::ListPage, hour, Alone, everybody(hour)),
            (503, K::Search, None, Alone, everybody(None)),
        ] {
            let decided = refusal_scope(status, kind, retry_after, || evidence);
            assert_eq!(decided, scope, "{status} {kind:?} {retry_after:?} {evidence:?}");
        }
    }

    #[test]
    fn a_redirect_host_refuses_what_was_asked_of_it_or_is_broken() {
        for (status, refuses) in [
            (302, true),
            (401, true),
            (403, true),
            (429, true),
            (503, true),
            (500, false),
            (502, false),
        ] {
            assert_eq!(is_refusal_of_host(status), refuses, "{status}");
        }
    }
}
