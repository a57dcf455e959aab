//! The session owner: the one awc client, with permits, token, pacing, and bodies with resume.
//!
//! [`Session::start`] starts the owner; everything else is a message to it: [`HeadRequest`], [`FetchAnswer`], [`OpenBody`],
//! [`OpenStream`], [`ReconfigureSession`], [`CloseSession`].

mod answer;
mod backoff;
mod bandwidth;
mod body_error;
mod bulk_window;
mod config;
mod counters;
mod engine;
mod error;
mod exchange;
mod failed_exchange;
mod from_settings;
mod gate;
mod grin_request;
mod handle;
mod in_flight;
mod last_answer;
mod messages;
mod net;
mod owner;
mod pacer;
mod permits;
mod redirect_state;
mod request;
mod request_line;
mod silence;
mod snapshot;
mod status_policy;
mod stream;
mod token;
mod turns;
mod unrecognised;

#[cfg(test)]
pub(crate) mod tests;

#[cfg(test)]
pub(crate) use answer::AnswerHeaders;
pub(crate) use answer::SmallAnswer;
pub use backoff::RetryBackoff;
pub(crate) use body_error::BodyError;
pub(crate) use bulk_window::WIDER_AFTER;
pub use config::{AuthMode, MinimumSpeed, PermitClass, RequestKind, SessionConfig, TokenSource};
pub(crate) use config::{ConnectionLimits, RequestTimeouts};
pub(crate) use counters::{STATUS_CLASSES, SessionCounters};
pub(crate) use error::{AnswerOrigin, ErrorClass, SessionError, TimeoutPhase, in_brackets};
pub(crate) use from_settings::sign_in_findings;
pub use handle::Session;
pub(crate) use handle::SessionThread;
pub use messages::HeadRequest;
pub(crate) use messages::{
    CloseSession, FetchAnswer, OpenBody, OpenStream, ReconfigureSession, RequestMethod, SessionCloseReport,
};
pub(crate) use permits::HOOKS_AT_ONCE;
#[cfg(test)]
pub(crate) use snapshot::RetryCount;
pub(crate) use snapshot::{PermitSnapshot, RequestCount, SessionSnapshot};
#[cfg(test)]
pub(crate) use stream::BodyReader;
pub(crate) use stream::{ArchiveBody, BodyArrival, BodyStream};
pub(crate) use token::service_account_can_sign;
pub(crate) use turns::{GrantedSlice, RateSource, WantedSlice};
