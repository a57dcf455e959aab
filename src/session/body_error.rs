//! How a body can end other than at its end.

use std::io;

use crate::session::{ErrorClass, SessionError};
use crate::vocabulary::FailureReason;

/// Why a cut body cannot be continued where it was; the book has to begin anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartWhy {
    /// The server sent the whole archive again instead of the rest.
    RangeIgnored,
    /// The archive is another one by now.
    Changed,
    /// The rest that was offered is not the rest that was asked for.
    WrongRange,
}

impl RestartWhy {
    /// The word for metrics and the catalog.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RangeIgnored => "range_ignored",
            Self::Changed => "changed",
            Self::WrongRange => "wrong_range",
        }
    }
}

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
    /// The body was cut and cannot be continued where it was: begin anew.
    #[error("body has to begin anew ({})", why.as_str())]
    Restart {
        /// Why.
        why: RestartWhy,
    },
    /// Nothing came for as long as `read_timeout`, and the body cannot be continued.
    #[error("body stalled")]
    Stalled,
    /// The body came slower than `minimum_speed`, and cannot be continued.
    #[error("body too slow")]
    TooSlow,
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
            Self::Restart { .. } => FailureReason::Restart,
            Self::Stalled => FailureReason::Stalled,
            Self::TooSlow => FailureReason::TooSlow,
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
    fn the_cause_survives_the_way_through_io() {
        let error: io::Error = BodyError::Restart {
            why: RestartWhy::Changed,
        }
        .into();
        assert_eq!(
            BodyError::of(&error),
            Some(&BodyError::Restart {
                why: RestartWhy::Changed
            })
        );
        assert_eq!(BodyError::of(&io::Error::other("x")), None);
    }
}
