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
    /// 429, 503: nobody asks for a while.
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
    /// All of GRIN: the gate closes, for this long at least.
    Grin { pause: Option<Duration> },
}

/// Decides by status and kind of request.
///
/// - 429 to `_process` without `Retry-After` says that the conversion queue is full (src/grin/PROTOCOL.md, section 2).
/// - 503 for an archive may be about that archive: one that cannot be served stops no other. `is_alone` says whether no second one was
///   refused since GRIN answered anything. Then GRIN itself may be meant, and everybody pauses by our own back-off, which the next
///   answer ends; how long GRIN asks to wait holds for the address. A few books that are never served must not stop a library for
///   hours.
/// - Everything else speaks for all of GRIN, and is obeyed by all.
pub(super) fn refusal_scope(
    status: u16,
    kind: RequestKind,
    retry_after: Option<Duration>,
    is_alone: impl FnOnce() -> bool,
) -> RefusalScope {
    let is_archive = matches!(kind, RequestKind::ArchiveHead | RequestKind::ArchiveBody);
    match status {
        429 if kind == RequestKind::Process && retry_after.is_none() => RefusalScope::Queue,
        503 if is_archive && is_alone() => RefusalScope::Address,
        503 if is_archive => RefusalScope::Grin { pause: None },
        _ => RefusalScope::Grin { pause: retry_after },
    }
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
        use RequestKind as K;
        let hour = Some(Duration::from_hours(1));
        let everybody = |pause| RefusalScope::Grin { pause };
        for (status, kind, retry_after, is_alone, scope) in [
            (429, K::Process, None, false, RefusalScope::Queue),
            (429, K::Process, hour, false, everybody(hour)),
            (503, K::Process, None, false, everybody(None)),
            (429, K::ArchiveHead, None, true, everybody(None)),
            (429, K::ArchiveBody, hour, true, everybody(hour)),
            (503, K::ArchiveHead, None, true, RefusalScope::Address),
            (503, K::ArchiveBody, hour, true, RefusalScope::Address),
            (503, K::ArchiveBody, None, false, everybody(None)),
            (503, K::ArchiveHead, hour, false, everybody(None)),
            (503, K::ListPage, hour, true, everybody(hour)),
            (503, K::Search, None, true, everybody(None)),
        ] {
            let decided = refusal_scope(status, kind, retry_after, || is_alone);
            assert_eq!(decided, scope, "{status} {kind:?} {retry_after:?}");
        }
    }
}
