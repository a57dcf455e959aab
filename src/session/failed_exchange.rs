//! A request of which the head of no answer came.

use crate::session::SessionError;

/// Why the head of no answer came.
#[derive(Debug)]
pub(super) struct FailedExchange {
    pub(super) error: SessionError,
    /// It was sent over a kept connection that the server closed meanwhile, and may be sent once more over a new one.
    pub(super) is_stale: bool,
}

impl From<SessionError> for FailedExchange {
    fn from(error: SessionError) -> Self {
        Self { error, is_stale: false }
    }
}
