//! Room `session`: the one awc client and everything round it.
//!
//! [`Session::start`] begins the owner; everything else is asked of it by a message: [`Head`], [`Fetch`], [`OpenBody`],
//! [`OpenStream`], [`Reconfigure`], [`Close`].

mod answer;
mod backoff;
mod body_error;
mod config;
mod counters;
mod engine;
mod error;
mod exchange;
mod flight;
mod gate;
mod handle;
mod messages;
mod net;
mod owner;
mod pacer;
mod permits;
mod rules;
mod stream;
mod token;
mod way;

#[cfg(test)]
mod tests;

pub use answer::{Answer, Headers};
pub use backoff::Backoff;
pub use body_error::{BodyError, RestartWhy};
pub use config::{Auth, Class, Kind, Limits, MinimumSpeed, SessionConfig, Timeouts, TokenSource};
pub use counters::{PermitSnapshot, RequestCount, RetryCount, SessionCounters, SessionSnapshot};
pub use error::{ErrorClass, Phase, SessionError};
pub use handle::{Session, SessionThread};
pub use messages::{Close, CloseReport, Fetch, Head, Method, OpenBody, OpenStream, Reconfigure, SessionMessage};
pub use owner::SessionOwner;
pub use stream::{Body, BodyHead, BodyReader, BodyStream};
