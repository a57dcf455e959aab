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

/// Whether a refusal closes the gate for everyone. 429 to `_process` without `Retry-After` says that the conversion queue is
/// full (src/grin/PROTOCOL.md, section 2): that concerns the converter and is no reason to stop downloads.
pub(super) fn closes_gate(status: u16, kind: RequestKind, retry_after: Option<Duration>) -> bool {
    !(status == 429 && kind == RequestKind::Process && retry_after.is_none())
}

/// Whether a 503 may be about the address alone: one archive that cannot be served must not stop all others. A second archive that
/// is refused before GRIN has answered anything, or a list, tells that GRIN itself is meant.
pub(super) fn is_archive(kind: RequestKind) -> bool {
    matches!(kind, RequestKind::ArchiveHead | RequestKind::ArchiveBody)
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
    fn a_full_conversion_queue_stops_nobody_else() {
        let wait = Some(Duration::from_secs(1));
        for (status, kind, retry_after, closes) in [
            (429, RequestKind::Process, None, false),
            (429, RequestKind::Process, wait, true),
            (503, RequestKind::Process, None, true),
            (429, RequestKind::ArchiveHead, None, true),
        ] {
            assert_eq!(closes_gate(status, kind, retry_after), closes, "{status} {kind:?}");
        }
    }
}
