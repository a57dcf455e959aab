//! How a body can end other than at its end.

use std::io;

use crate::session::{ErrorClass, SessionError};
use crate::vocabulary::FailureReason;

/// Why a body ended before its end. What was read before it must be thrown away.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BodyError {
    /// The connection was lost and the body cannot be continued at all.
    #[error("body cut after {got} bytes")]
    Cut {
        /// Bytes handed out.
        got: u64,
        /// `Content-Length`, if there was one.
        expected: Option<u64>,
    },
    /// The body was cut, and the rest belongs to another archive by now: begin again from its first byte.
    #[error("the archive changed while it was read; it has to be read again from its first byte")]
    Restart,
    /// Nothing came for as long as `read_timeout`, and the body cannot be continued.
    #[error("body stalled")]
    Stalled,
    /// The body came slower than `minimum_speed`, and cannot be continued.
    #[error("body too slow")]
    TooSlow,
    /// The server sends so little with each answer that the archive would take requests without end.
    #[error("the archive comes in too many parts that are too small: {got} bytes so far")]
    Morsels {
        /// Bytes handed out.
        got: u64,
    },
    /// The asker's work was cancelled.
    #[error("body cancelled")]
    Cancelled,
    /// The request for the rest failed for good.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl BodyError {
    /// The body's error inside an error of [`io::Read`], if it is one.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// What to do about it.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Session(error) => error.class(),
            _ => ErrorClass::Transient { wait: None },
        }
    }

    /// The word for metrics and the catalog.
    pub fn reason(&self) -> FailureReason {
        match self {
            Self::Cut { .. } => FailureReason::Cut,
            Self::Restart => FailureReason::Restart,
            Self::Stalled => FailureReason::Stalled,
            Self::TooSlow => FailureReason::TooSlow,
            Self::Morsels { .. } => FailureReason::TooLittle,
            Self::Cancelled => FailureReason::Cancelled,
            Self::Session(error) => error.reason(),
        }
    }
}

impl From<BodyError> for io::Error {
    fn from(error: BodyError) -> Self {
        let kind = match &error {
            BodyError::Stalled => io::ErrorKind::TimedOut,
            BodyError::Cut { .. } => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_survives_as_an_io_error() {
        let error: io::Error = BodyError::Restart.into();
        assert_eq!(BodyError::of(&error), Some(&BodyError::Restart));
        assert_eq!(BodyError::of(&io::Error::other("x")), None);
    }
}
