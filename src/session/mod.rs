//! The session owner: the one awc client, with permits, token, pacing, and bodies with resume.
//!
//! [`Session::start`] starts the owner; everything else is a message to it: [`HeadRequest`], [`FetchAnswer`], [`OpenBody`],
//! [`OpenStream`], [`ReconfigureSession`], [`CloseSession`].

mod answer;
mod backoff;
mod body_error;
mod config;
mod counters;
mod engine;
mod error;
mod exchange;
mod gate;
mod grin_request;
mod handle;
mod in_flight;
mod messages;
mod net;
mod owner;
mod pacer;
mod permits;
mod redirect_state;
mod request;
mod status_policy;
mod stream;
mod token;

#[cfg(test)]
mod tests;

pub use answer::{AnswerHeaders, SmallAnswer};
pub use backoff::RetryBackoff;
pub use body_error::BodyError;
pub use config::{
    AuthMode, ConnectionLimits, MinimumSpeed, PermitClass, RequestKind, RequestTimeouts, SessionConfig, TokenSource,
};
pub use counters::{PermitSnapshot, RequestCount, RetryCount, STATUS_CLASSES, SessionCounters, SessionSnapshot};
pub use error::{AnswerOrigin, ErrorClass, SessionError, TimeoutPhase};
pub use handle::{Session, SessionThread};
pub use messages::{
    CloseSession, FetchAnswer, HeadRequest, OpenBody, OpenStream, ReconfigureSession, RequestMethod,
    SessionCloseReport, SessionMessage,
};
pub use owner::SessionOwner;
pub use stream::{ArchiveBody, BodyHead, BodyReader, BodyStream};
