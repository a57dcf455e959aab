//! What a status of GRIN's means (src/grin/PROTOCOL.md, section 2, "What GRIN answers").

use std::time::Duration;

use crate::session::{AnswerOrigin, RequestKind, SessionError};

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
    /// Only what was asked for.
    Asked,
    /// The queue of conversions, which is full: no reason to stop downloads.
    Queue,
    /// All of GRIN: the gate closes.
    Grin,
}

/// Decides by status and kind of request.
///
/// - 429 to `_process` without `Retry-After` says that the conversion queue is full (src/grin/PROTOCOL.md, section 2).
/// - What an archive is refused with is about that archive, however many are refused: a few books that are never served must not
///   stop a library. Where GRIN serves none at all, the books that are refused one after another say so to whoever begins them.
/// - What a host that GRIN redirected to is asked to do later says nothing of GRIN.
/// - Everything else speaks for all of GRIN, and is obeyed by all.
pub(super) fn refusal_scope(
    status: u16,
    origin: AnswerOrigin,
    kind: RequestKind,
    retry_after: Option<Duration>,
) -> RefusalScope {
    match kind {
        _ if origin == AnswerOrigin::RedirectHost => RefusalScope::Asked,
        RequestKind::Process if status == 429 && retry_after.is_none() => RefusalScope::Queue,
        RequestKind::ArchiveHead | RequestKind::ArchiveBody => RefusalScope::Asked,
        _ => RefusalScope::Grin,
    }
}

/// Whether a host that GRIN redirected to refuses what was asked for there. Its server errors and its wish for a pause refuse nothing:
/// they are trouble on the way, as if GRIN had answered them.
pub(super) fn is_refusal_of_host(status: u16) -> bool {
    status != 429 && !is_of_the_way(status)
}

/// The server could not answer, whatever was asked for: 408 and 425 say that the request did not come as it should, 421 that it came to
/// the wrong server.
fn is_of_the_way(status: u16) -> bool {
    matches!(status, 408 | 421 | 425 | 500..=599)
}

/// The error of a status that is neither answer, redirect, refused token nor throttling.
pub(super) fn error(status: u16, snippet: String) -> SessionError {
    match status {
        403 => SessionError::Forbidden { snippet },
        status if is_of_the_way(status) => SessionError::Server { status },
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
    fn what_the_server_could_not_answer_is_no_books_fault() {
        for (status, is_server) in [
            (500, true),
            (408, true),
            (421, true),
            (425, true),
            (410, false),
            (400, false),
        ] {
            let error = error(status, String::new());
            assert_eq!(error == SessionError::Server { status }, is_server, "{status}");
        }
    }

    #[test]
    fn a_refusal_concerns_the_archive_the_queue_or_everybody() {
        use RequestKind as K;
        let hour = Some(Duration::from_hours(1));
        let grin = AnswerOrigin::Grin;
        for (status, kind, retry_after, scope) in [
            (429, K::Process, None, RefusalScope::Queue),
            (429, K::Process, hour, RefusalScope::Grin),
            (503, K::Process, None, RefusalScope::Grin),
            (429, K::ArchiveHead, None, RefusalScope::Asked),
            (429, K::ArchiveBody, hour, RefusalScope::Asked),
            (503, K::ArchiveHead, hour, RefusalScope::Asked),
            (503, K::ArchiveBody, None, RefusalScope::Asked),
            (429, K::ListPage, hour, RefusalScope::Grin),
            (503, K::ListPage, hour, RefusalScope::Grin),
            (503, K::Search, None, RefusalScope::Grin),
        ] {
            let decided = refusal_scope(status, grin, kind, retry_after);
            assert_eq!(decided, scope, "{status} {kind:?} {retry_after:?}");
            let elsewhere = refusal_scope(status, AnswerOrigin::RedirectHost, kind, retry_after);
            assert_eq!(elsewhere, RefusalScope::Asked, "{status} {kind:?}");
        }
    }

    #[test]
    fn a_redirect_host_refuses_what_was_asked_of_it_or_is_broken() {
        for (status, refuses) in [
            (302, true),
            (401, true),
            (403, true),
            (404, true),
            (429, false),
            (503, false),
            (500, false),
            (502, false),
            (504, false),
            (408, false),
            (425, false),
        ] {
            assert_eq!(is_refusal_of_host(status), refuses, "{status}");
        }
    }
}
