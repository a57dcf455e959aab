//! How a request can end other than with an answer, and what follows from it.

use std::time::Duration;

use crate::actor::AskError;
use crate::grin::RedirectRefused;
use crate::log::DisplayDuration;
use crate::vocabulary::FailureReason;

/// Which part of a request took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeoutPhase {
    /// Waiting for a permit.
    Wait,
    /// Name and TCP connection.
    Connect,
    /// TLS handshake.
    Handshake,
    /// From the request to the answer's head.
    Head,
    /// A silence in the body.
    Read,
    /// The whole small answer.
    Total,
    /// The whole archive or list.
    Download,
}

impl TimeoutPhase {
    /// For messages and labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Connect => "connect",
            Self::Handshake => "handshake",
            Self::Head => "head",
            Self::Read => "read",
            Self::Total => "total",
            Self::Download => "download",
        }
    }
}

/// Whose answer an error tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerOrigin {
    /// GRIN's own, or no answer at all.
    Grin,
    /// A host that GRIN redirected to and that never sees the bearer token: what it refuses says nothing about the sign-in.
    RedirectHost,
}

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Try again later; not before `wait`, if the server said how long.
    Transient {
        /// What the server asked for.
        wait: Option<Duration>,
    },
    /// The same request will end the same way.
    Permanent,
    /// Nothing helps until a person has acted.
    NeedsPerson,
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SessionError {
    /// No connection: name not found, refused, unreachable.
    #[error("cannot connect to {host}: {cause}")]
    Connect {
        /// Host and port.
        host: String,
        /// What the system said.
        cause: String,
    },
    /// No TLS: unknown certificate authority, wrong name, expired.
    #[error("no secure connection to {host}: {cause}")]
    Tls {
        /// Host and port.
        host: String,
        /// What the TLS library said.
        cause: String,
    },
    /// A part of the request took too long.
    #[error("timeout ({})", phase.as_str())]
    Timeout {
        /// Which part.
        phase: TimeoutPhase,
    },
    /// The server closed the connection before the answer's head, or broke it off in the body.
    #[error("connection lost")]
    Reset,
    /// The answer ended early.
    #[error("answer cut after {got} bytes{}", of(*.expected))]
    Short {
        /// Bytes received.
        got: u64,
        /// `Content-Length`, if there was one.
        expected: Option<u64>,
    },
    /// The answer has neither a length nor chunks, so its end cannot be told from a cut.
    #[error("answer {status} without a length: its end cannot be told from a cut")]
    NoLength {
        /// Its status.
        status: u16,
    },
    /// What came is no HTTP.
    #[error("answer cannot be understood: {0}")]
    Protocol(String),
    /// Signing in failed in a way that only a person can mend.
    #[error("not signed in: {why}")]
    SignedOut {
        /// What happened and what to do.
        why: String,
    },
    /// 401, or a redirect to a sign-in, where no token is set. Others may be answered without one.
    #[error("not signed in: GRIN asks for a token and there is none to send")]
    TokenWanted,
    /// No token could be got just now.
    #[error("no access token: {why}")]
    TokenUnavailable {
        /// What happened.
        why: String,
    },
    /// 403: signed in, but without the right to this directory, or not yet (12 hours).
    #[error("forbidden: {snippet}")]
    Forbidden {
        /// The answer's first words.
        snippet: String,
    },
    /// A host that GRIN redirected to refused: 401, 403, a sign-in page of its own, or another status that is neither an answer nor
    /// trouble on the way.
    #[error("{host}, to which GRIN redirected, refused the request with status {status}: {snippet}")]
    RefusedByHost {
        /// The host.
        host: String,
        /// The status.
        status: u16,
        /// The answer's first words, at most 200 characters.
        snippet: String,
        /// What the host asked for.
        retry_after: Option<Duration>,
    },
    /// 429 or 503, with or without `Retry-After`, that speaks for all of GRIN: the gate is closed.
    #[error("throttled{}{}", in_brackets(*status), pause_of(*retry_after))]
    Throttled {
        /// The status; `None`: another program of this library got it.
        status: Option<u16>,
        /// What the server asked for.
        retry_after: Option<Duration>,
        /// Where all pauses one after another are longer than anybody here waits: how long that is.
        longest: Option<Duration>,
    },
    /// 429 or 503 for an archive, or from a host that GRIN redirected to: about what was asked for, as far as the session knows.
    #[error("not served now ({status})")]
    NotServed {
        /// The status.
        status: u16,
        /// What the server asked for, for this request.
        retry_after: Option<Duration>,
    },
    /// 429 without `Retry-After` to a request for conversions: their queue is full. That passes in days and concerns nothing else.
    #[error("GRIN's conversion queue is full")]
    QueueFull,
    /// Any other 5xx.
    #[error("server error {status}")]
    Server {
        /// The status.
        status: u16,
    },
    /// Any other status that is no answer.
    #[error("unexpected status {status}: {snippet}")]
    Unexpected {
        /// The status.
        status: u16,
        /// The answer's first words.
        snippet: String,
    },
    /// 404 where a body was asked for: no such archive is ready.
    #[error("not found")]
    NotFound,
    /// A redirect that must not be followed.
    #[error(transparent)]
    Redirect(#[from] RedirectRefused),
    /// The answer is larger than the asker allows.
    #[error("answer larger than {limit} bytes")]
    TooLarge {
        /// The answer's status.
        status: u16,
        /// What the asker allows.
        limit: usize,
    },
    /// A body came slower than the least speed.
    #[error("slower than {bytes_per_second} bytes a second")]
    TooSlow {
        /// The least speed.
        bytes_per_second: u64,
    },
    /// A host that GRIN redirected to gave no answer; GRIN itself did.
    #[error("{host}, to which GRIN redirected, gives no answer: {cause}")]
    HostAway {
        /// Its name.
        host: String,
        /// What became of the request.
        cause: Box<Self>,
    },
    /// Too many requests wait for a permit already.
    #[error("too many requests wait for a connection")]
    Busy,
    /// An address or header that cannot be sent.
    #[error("request cannot be sent: {0}")]
    BadRequest(String),
    /// The session is closing.
    #[error("the session is closed")]
    Closed,
    /// The asker went away or the request was cut at shutdown.
    #[error("cancelled")]
    Cancelled,
    /// The session cannot be started or set up: CA file, TLS, thread.
    #[error("cannot set up the session: {0}")]
    Setup(String),
    /// The owner could not be asked.
    #[error("session owner: {0}")]
    Mailbox(AskError),
}

fn of(expected: Option<u64>) -> String {
    expected.map(|expected| format!(" of {expected}")).unwrap_or_default()
}

fn pause_of(asked: Option<Duration>) -> String {
    let told = |asked: Duration| {
        format!(
            ": GRIN asks everybody to wait for {}",
            DisplayDuration(asked.as_secs_f64())
        )
    };
    asked.map(told).unwrap_or_default()
}

impl From<AskError> for SessionError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Cancelled => Self::Cancelled,
            AskError::Closed | AskError::Draining => Self::Closed,
            other => Self::Mailbox(other),
        }
    }
}

/// ` (429)`, where a status is known.
pub(crate) fn in_brackets(status: Option<u16>) -> String {
    status.map_or_else(String::new, |status| format!(" ({status})"))
}

impl SessionError {
    /// What to do about it.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Throttled { retry_after, .. }
            | Self::NotServed { retry_after, .. }
            | Self::RefusedByHost { retry_after, .. } => ErrorClass::Transient { wait: *retry_after },
            Self::SignedOut { .. }
            | Self::TokenWanted
            | Self::Forbidden { .. }
            | Self::Tls { .. }
            | Self::Setup(_)
            | Self::Redirect(RedirectRefused::SignIn) => ErrorClass::NeedsPerson,
            Self::Unexpected { .. }
            | Self::NotFound
            | Self::Redirect(_)
            | Self::TooLarge { .. }
            | Self::BadRequest(_) => ErrorClass::Permanent,
            _ => ErrorClass::Transient { wait: None },
        }
    }

    /// Whether GRIN or a host it redirected to refused the request.
    pub const fn origin(&self) -> AnswerOrigin {
        match self {
            Self::RefusedByHost { .. } | Self::HostAway { .. } => AnswerOrigin::RedirectHost,
            _ => AnswerOrigin::Grin,
        }
    }

    /// The word for metrics and the catalog.
    pub fn reason(&self) -> FailureReason {
        match self {
            Self::Connect { .. } => FailureReason::Connect,
            Self::Tls { .. } => FailureReason::Tls,
            Self::Timeout { .. } => FailureReason::Timeout,
            Self::Reset => FailureReason::Reset,
            Self::Short { .. } => FailureReason::Short,
            Self::NoLength { .. } => FailureReason::NoLength,
            Self::Protocol(_) => FailureReason::Protocol,
            Self::SignedOut { .. } | Self::TokenWanted => FailureReason::SignedOut,
            Self::TokenUnavailable { .. } => FailureReason::NoToken,
            Self::Forbidden { .. } => FailureReason::Forbidden,
            Self::RefusedByHost { .. } => FailureReason::RefusedByHost,
            Self::HostAway { .. } => FailureReason::HostAway,
            Self::Throttled { .. } | Self::NotServed { .. } | Self::QueueFull => FailureReason::Throttled,
            Self::Server { .. } => FailureReason::Server,
            Self::Unexpected { .. } => FailureReason::Status,
            Self::NotFound => FailureReason::NotFound,
            Self::Redirect(_) => FailureReason::Redirect,
            Self::TooLarge { .. } => FailureReason::TooLarge,
            Self::TooSlow { .. } => FailureReason::TooSlow,
            Self::Busy => FailureReason::Busy,
            Self::BadRequest(_) => FailureReason::BadRequest,
            Self::Closed => FailureReason::Closed,
            Self::Cancelled => FailureReason::Cancelled,
            Self::Setup(_) => FailureReason::Setup,
            Self::Mailbox(_) => FailureReason::Mailbox,
        }
    }

    /// Whether the connection, not the answer, failed: what a run of makes the pool be made again.
    pub(super) fn is_connection_error(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. }
                | Self::Tls { .. }
                | Self::Reset
                | Self::Timeout {
                    phase: TimeoutPhase::Connect | TimeoutPhase::Handshake | TimeoutPhase::Head
                }
        )
    }
}

#[cfg(test)]
mod tests;
