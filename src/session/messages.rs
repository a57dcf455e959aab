//! What the session owner can be asked.

use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::actor::{AskContext, Message};
use crate::session::{
    ArchiveBody, AuthMode, BodyStream, ConnectionLimits, MinimumSpeed, PermitClass, RequestKind, SessionError,
    SmallAnswer,
};
use crate::settings::BandwidthTimetable;

/// A message to the session owner; `Ok` is what comes back when all goes well.
pub trait SessionMessage: Message<Reply = Result<Self::Ok, SessionError>> {
    /// The good reply.
    type Ok: Send + 'static;

    /// Ties what outlives the reply (a body) to the asker's work.
    fn tie(&mut self, cx: &AskContext) {
        let _ = cx;
    }

    /// The address that is asked, of a request under GRIN's rules.
    fn asked_of_grin(&self) -> Option<&Url> {
        None
    }
}

/// What a request asks the server to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestMethod {
    /// GET.
    Get,
    /// POST, with a body.
    Post {
        /// `Content-Type`.
        content_type: &'static str,
        /// The body.
        body: Bytes,
    },
    /// DELETE, which only the state store takes.
    Delete,
}

/// Asks for headers only.
#[derive(Debug, Clone)]
pub struct HeadRequest {
    /// Whose headers.
    pub url: Url,
    /// Whose permits.
    pub class: PermitClass,
    /// For the counters.
    pub kind: RequestKind,
    /// Whose rules.
    pub auth: AuthMode,
}

/// Asks for a small answer, read whole.
#[derive(Debug, Clone)]
pub struct FetchAnswer {
    /// The address.
    pub url: Url,
    /// GET, POST or DELETE.
    pub method: RequestMethod,
    /// Headers besides the session's own; `Authorization` is the session's.
    pub headers: Vec<(String, String)>,
    /// Whose permits.
    pub class: PermitClass,
    /// For the counters.
    pub kind: RequestKind,
    /// Whose rules.
    pub auth: AuthMode,
    /// A larger answer is an error.
    pub limit: usize,
}

impl FetchAnswer {
    /// A GET under GRIN's rules, of class `lists`.
    pub fn get(url: Url, kind: RequestKind, limit: usize) -> Self {
        Self {
            url,
            method: RequestMethod::Get,
            headers: Vec::new(),
            class: PermitClass::Lists,
            kind,
            auth: AuthMode::Grin,
            limit,
        }
    }
}

/// Asks for an archive as a stream for a blocking reader. Where it is cut, the rest is asked for.
#[derive(Debug, Clone)]
pub struct OpenBody {
    /// Of the archive.
    pub url: Url,
    /// A body that is cut is continued only by an answer whose entity tag proves that it is of the same version.
    pub one_version: bool,
    work: Option<CancellationToken>,
}

impl OpenBody {
    /// Of the archive at `url`.
    pub fn new(url: Url) -> Self {
        Self {
            url,
            one_version: false,
            work: None,
        }
    }

    /// The same, of one version if so wanted.
    #[must_use]
    pub fn of_one_version(self, one_version: bool) -> Self {
        Self { one_version, ..self }
    }

    pub(super) fn take_work(&mut self) -> CancellationToken {
        self.work.take().unwrap_or_default()
    }
}

/// Asks for a long list as a stream for an async reader, under GRIN's rules. Cut, it is an error.
#[derive(Debug, Clone)]
pub struct OpenStream {
    /// Of the list.
    pub url: Url,
    /// Whose permits.
    pub class: PermitClass,
    /// For the counters.
    pub kind: RequestKind,
    work: Option<CancellationToken>,
}

impl OpenStream {
    /// Of the list at `url`.
    pub fn new(url: Url, class: PermitClass, kind: RequestKind) -> Self {
        Self {
            url,
            class,
            kind,
            work: None,
        }
    }

    pub(super) fn take_work(&mut self) -> CancellationToken {
        self.work.take().unwrap_or_default()
    }
}

/// Changes what can be changed while running; `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct ReconfigureSession {
    /// GRIN requests a second.
    pub requests_per_second: Option<f64>,
    /// Permits of all classes but `state`.
    pub limits: Option<ConnectionLimits>,
    /// For bodies opened from now on.
    pub minimum_speed: Option<MinimumSpeed>,
    /// Archives on their way at once, while GRIN can keep up.
    pub bulk_most: Option<usize>,
    /// The most bytes a second of all bodies together.
    pub bandwidth: Option<BandwidthTimetable>,
    /// A request that would have to wait longer than this while GRIN asks for a pause is refused at once. At first there is no such
    /// bound.
    pub longest_pause: Option<Duration>,
    /// Who is signed out tries to sign in with the next request: somebody says that it may have been mended.
    pub tries_to_sign_in: bool,
}

/// Ends the session: no new requests, those in flight may finish within `grace`, then they are cut. The next request begins another.
#[derive(Debug, Clone, Copy)]
pub struct CloseSession {
    /// How long to wait.
    pub grace: Duration,
}

/// What a close found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct SessionCloseReport {
    /// Whether there was a session to close.
    pub was_open: bool,
    /// Requests and bodies that finished within the grace.
    pub finished: usize,
    /// Requests and bodies that were cut.
    pub cut: usize,
}

macro_rules! message {
    ($name:ident, $kind:literal, $ok:ty $(, $item:item)*) => {
        impl Message for $name {
            type Reply = Result<$ok, SessionError>;
            const KIND: &'static str = $kind;

            fn failed(reply: &Self::Reply) -> bool {
                reply.is_err()
            }
        }

        impl SessionMessage for $name {
            type Ok = $ok;
            $($item)*
        }
    };
}

message!(
    HeadRequest,
    "head",
    SmallAnswer,
    fn asked_of_grin(&self) -> Option<&Url> {
        (self.auth == AuthMode::Grin).then_some(&self.url)
    }
);
message!(
    FetchAnswer,
    "fetch",
    SmallAnswer,
    fn asked_of_grin(&self) -> Option<&Url> {
        (self.auth == AuthMode::Grin).then_some(&self.url)
    }
);
message!(ReconfigureSession, "reconfigure", ());
message!(CloseSession, "close", SessionCloseReport);
message!(
    OpenBody,
    "open_body",
    ArchiveBody,
    fn tie(&mut self, cx: &AskContext) {
        self.work = Some(cx.token().clone());
    },
    fn asked_of_grin(&self) -> Option<&Url> {
        Some(&self.url)
    }
);
message!(
    OpenStream,
    "open_stream",
    BodyStream,
    fn tie(&mut self, cx: &AskContext) {
        self.work = Some(cx.token().clone());
    },
    fn asked_of_grin(&self) -> Option<&Url> {
        Some(&self.url)
    }
);
