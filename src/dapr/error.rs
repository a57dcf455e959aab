//! How a message to the state store can end other than well. A missing key is not among them.

use std::time::Duration;

use crate::actor::AskError;
use crate::session::{SessionError, TimeoutPhase};

/// What was asked of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateOperation {
    /// Get, also of many.
    Get,
    /// Save.
    Save,
    /// Delete.
    Delete,
}

impl StateOperation {
    /// For messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Save => "save",
            Self::Delete => "delete",
        }
    }
}

/// Why there is no good answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StateError {
    /// 409: the key is not any more as the ETag says.
    #[error("the key was changed meanwhile")]
    Conflict,
    /// 400: the sidecar has no store of this name.
    #[error("the sidecar has no such state store: {message}")]
    StoreNotFound {
        /// What the sidecar said.
        message: String,
    },
    /// 500: the sidecar has no state store at all.
    #[error("the sidecar has no state store: {message}")]
    NotConfigured {
        /// What the sidecar said.
        message: String,
    },
    /// 400: key, body, ETag or options are not as they should be.
    #[error("malformed request: {message}")]
    Malformed {
        /// What is wrong.
        message: String,
    },
    /// 401 or 403: the sidecar wants an API token, or another one, or does not let us use the store.
    #[error(
        "the sidecar refused the request with {status} ({message}); set state_store.token_file or DAPR_API_TOKEN to its API token"
    )]
    NotPermitted {
        /// The status.
        status: u16,
        /// What the sidecar said.
        message: String,
    },
    /// 500: the store did not do it. On Redis also the refusal of a first-write that carried no ETag.
    #[error("{} failed: {message}", during.as_str())]
    Failed {
        /// What.
        during: StateOperation,
        /// What the sidecar said.
        message: String,
    },
    /// No answer: refused, reset, or too late.
    #[error("no answer ({}): {cause}", phase.as_str())]
    Unavailable {
        /// How far the request had come.
        phase: TimeoutPhase,
        /// What happened.
        cause: String,
    },
    /// An answer that Dapr does not document.
    #[error("unexpected answer{}: {what}", status.map(|status| format!(" {status}")).unwrap_or_default())]
    Protocol {
        /// Its status, if one came.
        status: Option<u16>,
        /// Its first words, or what cannot be understood.
        what: String,
    },
    /// Too much is asked already; nothing was sent.
    #[error("too many concurrent requests to the state store")]
    Busy,
    /// The store failed several times in a row; nothing was sent.
    #[error("circuit breaker open for the state store; next attempt in {} s", retry_in.as_secs_f64().ceil())]
    BreakerOpen {
        /// When the next message may try it.
        retry_in: Duration,
    },
    /// The client or the session is closing; later messages begin another session.
    #[error("the state store's client is closing")]
    Closed,
    /// The asker went away.
    #[error("cancelled")]
    Cancelled,
    /// The actor could not answer.
    #[error("state store's client: {0}")]
    Mailbox(AskError),
}

impl From<AskError> for StateError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Full => Self::Busy,
            AskError::Closed | AskError::Draining => Self::Closed,
            AskError::Cancelled => Self::Cancelled,
            AskError::TimedOut => Self::late(),
            other => Self::Mailbox(other),
        }
    }
}

impl From<SessionError> for StateError {
    fn from(error: SessionError) -> Self {
        let phase = match &error {
            SessionError::Connect { .. } => TimeoutPhase::Connect,
            SessionError::Tls { .. } => TimeoutPhase::Handshake,
            SessionError::Timeout { phase } => *phase,
            SessionError::Reset => TimeoutPhase::Head,
            SessionError::Short { .. } => TimeoutPhase::Read,
            SessionError::Mailbox(AskError::TimedOut) => return Self::late(),
            SessionError::Mailbox(error) => return (*error).into(),
            SessionError::Busy => return Self::Busy,
            SessionError::Closed => return Self::Closed,
            SessionError::Cancelled => return Self::Cancelled,
            SessionError::BadRequest(message) => {
                return Self::Malformed {
                    message: message.clone(),
                };
            }
            // The status tells whether the store is well: a good answer that is too large says nothing against it.
            SessionError::TooLarge { status, .. } | SessionError::NoLength { status } => {
                return Self::Protocol {
                    status: Some(*status),
                    what: error.to_string(),
                };
            }
            other => {
                return Self::Protocol {
                    status: None,
                    what: other.to_string(),
                };
            }
        };
        Self::Unavailable {
            phase,
            cause: error.to_string(),
        }
    }
}

impl StateError {
    /// The total time is over.
    pub(super) fn late() -> Self {
        Self::Unavailable {
            phase: TimeoutPhase::Total,
            cause: "timeout".to_owned(),
        }
    }

    /// One word for the counters.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::StoreNotFound { .. } => "store_not_found",
            Self::NotConfigured { .. } => "not_configured",
            Self::Malformed { .. } => "malformed",
            Self::NotPermitted { .. } => "not_permitted",
            Self::Failed { .. } => "failed",
            Self::Unavailable { .. } => "unavailable",
            Self::Protocol { .. } => "protocol",
            Self::Busy => "busy",
            Self::BreakerOpen { .. } => "breaker_open",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
            Self::Mailbox(_) => "mailbox",
        }
    }

    /// May a repeat, where it is harmless, end better? Waiting for a place again would only make the line longer.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable { phase, .. } if !matches!(phase, TimeoutPhase::Wait | TimeoutPhase::Total))
    }

    /// Is this a failure of the store itself, that says something about the next message too?
    pub(super) fn is_the_stores(&self) -> bool {
        match self {
            Self::Failed { .. } => true,
            // Waiting for a place is our own crowd.
            Self::Unavailable { phase, .. } => *phase != TimeoutPhase::Wait,
            Self::Protocol { status, .. } => status.is_none_or(|status| status >= 500),
            _ => false,
        }
    }
}
