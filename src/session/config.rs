//! What a session is started with, and the closed sets its numbers are kept by.

use std::path::PathBuf;
use std::time::Duration;

use crate::diagnostics::DiagnosticsFolder;
use crate::grin::{RedirectPolicy, Secret, TokenUriPolicy};
use crate::settings::BandwidthTimetable;

/// Who a permit is for. Each class but the largest keeps a reserved share, so that downloads can never starve the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PermitClass {
    /// HEADs of archives.
    Check,
    /// Bodies of archives.
    Bulk,
    /// List pages, searches, conversion requests.
    Lists,
    /// Tokens.
    Auth,
    /// The state store, with limits and timeouts of its own.
    State,
    /// The operator's hook, with permits and timeouts of its own.
    Hook,
}

impl PermitClass {
    /// Every class, in the order of [`PermitClass::index`].
    pub const ALL: [Self; 6] = [
        Self::Check,
        Self::Bulk,
        Self::Lists,
        Self::Auth,
        Self::State,
        Self::Hook,
    ];

    /// Place in tables by class.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Bulk => "bulk",
            Self::Lists => "lists",
            Self::Auth => "auth",
            Self::State => "state",
            Self::Hook => "hook",
        }
    }

    /// What a request waits for that has no permit yet.
    pub(crate) const fn permit(self) -> &'static str {
        match self {
            Self::Check => "permit(check)",
            Self::Bulk => "permit(bulk)",
            Self::Lists => "permit(lists)",
            Self::Auth => "permit(auth)",
            Self::State => "permit(state)",
            Self::Hook => "permit(hook)",
        }
    }
}

/// What is asked for; the metric label `kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestKind {
    /// HEAD of an archive.
    ArchiveHead,
    /// GET of an archive.
    ArchiveBody,
    /// A page of an HTML list.
    ListPage,
    /// A list as text.
    TextList,
    /// `_barcode_search`.
    Search,
    /// `_process`.
    Process,
    /// An access token.
    Token,
    /// The state store.
    State,
    /// The operator's hook.
    Hook,
    /// Anything else.
    Other,
}

impl RequestKind {
    /// Every kind, in the order of [`RequestKind::index`].
    pub const ALL: [Self; 10] = [
        Self::ArchiveHead,
        Self::ArchiveBody,
        Self::ListPage,
        Self::TextList,
        Self::Search,
        Self::Process,
        Self::Token,
        Self::State,
        Self::Hook,
        Self::Other,
    ];

    /// Place in tables by kind.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// To GRIN, or for the token that it wants; not to a service of the operator's.
    pub const fn is_of_grin(self) -> bool {
        !matches!(self, Self::State | Self::Hook)
    }

    /// The metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ArchiveHead => "archive_head",
            Self::ArchiveBody => "archive_body",
            Self::ListPage => "list_page",
            Self::TextList => "text_list",
            Self::Search => "search",
            Self::Process => "process",
            Self::Token => "token",
            Self::State => "state",
            Self::Hook => "hook",
            Self::Other => "other",
        }
    }
}

/// Whose rules a request follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// GRIN's: bearer token, redirects and sign-in by its policy, throttling, pacing and the gate; only 2xx, 304 and 404 are answers.
    Grin,
    /// None: the raw answer, whatever its status; redirects are not followed; no pacing, no gate.
    None,
}

/// Connections in use at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// In all.
    pub limit: usize,
    /// To one host and port.
    pub limit_per_host: usize,
    /// Of `limit`, kept free for each class; the indexes are those of [`PermitClass::index`]. Their sum is cut down to `limit - 1`.
    pub reserved: [usize; PermitClass::ALL.len()],
    /// Requests that may wait for a permit at once; one more is refused.
    pub waiting: usize,
}

impl ConnectionLimits {
    /// `limit` in all and `limit_per_host`, with one permit each kept for `check`, `lists` and `auth` when there are enough.
    pub fn new(limit: usize, limit_per_host: usize) -> Self {
        let share = usize::from(limit > 3);
        let mut reserved = [0; PermitClass::ALL.len()];
        for class in [PermitClass::Check, PermitClass::Lists, PermitClass::Auth] {
            reserved[class.index()] = share;
        }
        Self {
            limit,
            limit_per_host,
            reserved,
            waiting: 4_096,
        }
    }

    /// `limit` in all and `limit_per_host`, all of them for whoever comes: for a class that has its permits to itself.
    pub fn unshared(limit: usize, limit_per_host: usize) -> Self {
        Self {
            reserved: [0; PermitClass::ALL.len()],
            ..Self::new(limit, limit_per_host)
        }
    }
}

/// How long each part of a request may take. Waiting for a permit, for the pace or at the gate counts only for `wait`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestTimeouts {
    /// Waiting for a permit; `None`: as long as the asker waits.
    pub wait: Option<Duration>,
    /// Name, TCP connection and TLS handshake together.
    pub connect: Duration,
    /// The answer's head after the request, and each silence in its body.
    pub read: Duration,
    /// A whole small answer, from sending to its last byte.
    pub total: Duration,
    /// A whole archive or streamed list, as a far backstop.
    pub download: Duration,
}

impl Default for RequestTimeouts {
    fn default() -> Self {
        Self {
            wait: None,
            connect: Duration::from_secs(10),
            read: Duration::from_secs(30),
            total: Duration::from_mins(1),
            download: Duration::from_hours(24),
        }
    }
}

/// The least speed at which a body may come; time in which the consumer does not read is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinimumSpeed {
    /// Bytes a second; 0: any speed is enough.
    pub bytes_per_second: u64,
    /// Over which the speed is taken.
    pub window: Duration,
}

impl Default for MinimumSpeed {
    fn default() -> Self {
        Self {
            bytes_per_second: 1024,
            window: Duration::from_secs(30),
        }
    }
}

/// Where access tokens for GRIN come from.
#[derive(Debug, Clone, Default)]
pub enum TokenSource {
    /// No token is sent.
    #[default]
    None,
    /// Always this one.
    Fixed(Secret),
    /// What a person allowed by `grind auth login`.
    Installed {
        /// `client_secret.json`; when there, its client is preferred to the one named in the credentials.
        client_secret_file: Option<PathBuf>,
        /// `credentials.json`, read and written.
        credentials_file: PathBuf,
        /// Where secrets may go.
        policy: TokenUriPolicy,
    },
    /// A service account's own key.
    ServiceAccount {
        /// The key file, read only.
        key_file: PathBuf,
        /// Where signed assertions may go.
        policy: TokenUriPolicy,
    },
}

/// Everything a session needs to know.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// Permits for all classes but `state` and `hook`.
    pub limits: ConnectionLimits,
    /// Timeouts for all classes but `state` and `hook`.
    pub timeouts: RequestTimeouts,
    /// Archives on their way at once, while GRIN can keep up.
    pub bulk_most: usize,
    /// Permits for `state`, apart from the others'.
    pub state_limits: ConnectionLimits,
    /// Timeouts for `state`.
    pub state_timeouts: RequestTimeouts,
    /// Timeouts for `hook`.
    pub hook_timeouts: RequestTimeouts,
    /// The least speed of bodies.
    pub minimum_speed: MinimumSpeed,
    /// The most bytes a second of all bodies together.
    pub bandwidth: BandwidthTimetable,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// How long an idle connection of `state` is kept.
    pub state_keep_alive: Duration,
    /// How old a connection may get; older ones are closed when idle.
    pub max_connection_age: Duration,
    /// How long a name's addresses are kept.
    pub dns_ttl: Duration,
    /// Certificates trusted besides the system's (PEM).
    pub ca_file: Option<PathBuf>,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
    /// Connection errors in a row after which the pool is made again; 0: never.
    pub reset_after_errors: u32,
    /// GRIN requests a second, burst 1; 0 or less: not paced.
    pub requests_per_second: f64,
    /// Where GRIN's redirects may lead and where the token may go.
    pub redirect: RedirectPolicy,
    /// Where the token comes from.
    pub tokens: TokenSource,
    /// `User-Agent`.
    pub user_agent: String,
    /// How often in a row a cut body is continued without progress before its error is handed out.
    pub resume_attempts: u32,
    /// Requests taken at once by the owner's mailbox.
    pub mailbox_capacity: usize,
    /// Where answers are reported that are not recognised.
    pub diagnostics: DiagnosticsFolder,
}

impl SessionConfig {
    /// Default limits and timeouts for one GRIN.
    pub fn new(redirect: RedirectPolicy) -> Self {
        Self {
            limits: ConnectionLimits::new(50, 50),
            timeouts: RequestTimeouts::default(),
            bulk_most: usize::MAX,
            state_limits: ConnectionLimits::unshared(100, 50),
            state_timeouts: RequestTimeouts {
                wait: Some(Duration::from_secs(3)),
                connect: Duration::from_secs(3),
                read: Duration::from_secs(5),
                total: Duration::from_secs(10),
                download: Duration::from_secs(10),
            },
            hook_timeouts: RequestTimeouts::default(),
            minimum_speed: MinimumSpeed::default(),
            bandwidth: BandwidthTimetable::OFF,
            keep_alive: Duration::from_secs(30),
            state_keep_alive: Duration::from_secs(15),
            max_connection_age: Duration::from_mins(30),
            dns_ttl: Duration::from_mins(5),
            ca_file: None,
            http2: false,
            reset_after_errors: 5,
            requests_per_second: 5.0,
            redirect,
            tokens: TokenSource::None,
            user_agent: concat!("grind/", env!("CARGO_PKG_VERSION")).to_owned(),
            resume_attempts: 5,
            mailbox_capacity: 256,
            diagnostics: DiagnosticsFolder::default(),
        }
    }

    /// The timeouts of a class.
    pub fn timeouts_of(&self, class: PermitClass) -> &RequestTimeouts {
        match class {
            PermitClass::State => &self.state_timeouts,
            PermitClass::Hook => &self.hook_timeouts,
            _ => &self.timeouts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_by_class_and_kind_are_in_order() {
        for (place, class) in PermitClass::ALL.iter().enumerate() {
            assert_eq!(class.index(), place);
        }
        for (place, kind) in RequestKind::ALL.iter().enumerate() {
            assert_eq!(kind.index(), place);
        }
    }

    #[test]
    fn reserved_shares_never_take_all_permits() {
        for limit in 1..20 {
            let reserved: usize = ConnectionLimits::new(limit, limit).reserved.iter().sum();
            assert!(reserved < limit, "{limit}");
        }
    }
}
