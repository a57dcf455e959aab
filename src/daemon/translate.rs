//! From checked settings to what each room is started with. One function a room, no decisions.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use crate::archive::{ArchiveLimits, BadSecretKey, PassOptions, SecretKey};
use crate::catalog::path_of;
use crate::daemon::wiring::BuildError;
use crate::grin::barcode_file;
use crate::grin::{RedirectPolicy, SecretBytes, SecretFileError, TokenUriPolicy, read_passphrase, read_secret_bytes};
use crate::pipeline::{RetryPolicy, RunScope, TaskIntervals, compare_after};
use crate::session::{ConnectionLimits, MinimumSpeed, RequestTimeouts, RetryBackoff, SessionConfig, TokenSource};
use crate::settings::{DEMO_PASSPHRASE, DiskReserve, LeasesName, Settings};
use crate::storage::{SpaceReserve, StorageConfig, StorageLayout};
use crate::vocabulary::Queue;

/// How long a claim lives without renewal where nobody else waits for it; it is renewed every third of it.
const LEASE: Duration = Duration::from_secs(600);
/// Over which the minimum speed of a download is taken.
const SPEED_WINDOW: Duration = Duration::from_secs(60);

/// Who holds leases: machine, process and when it began, so that two daemons on one catalog tell each other apart, and one
/// that was killed is known to be dead even if its number is given out again.
pub fn owner() -> String {
    static OWNER: OnceLock<String> = OnceLock::new();
    OWNER
        .get_or_init(|| owner_of(std::process::id()).unwrap_or_else(|| format!("{}:{}:0", host(), std::process::id())))
        .clone()
}

/// The owner was a process of this machine, and lives no more.
pub fn is_dead(owner: &str) -> bool {
    let Some(rest) = owner.strip_prefix(&format!("{}:", host())) else {
        return false;
    };
    let Some(process) = rest.split(':').next().and_then(|number| number.parse().ok()) else {
        return false;
    };
    owner_of(process).as_deref() != Some(owner)
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// `host:pid:start`; the start is field 22 of `/proc/PID/stat`, in clock ticks since boot.
fn owner_of(process: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let start = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?;
    Some(format!("{}:{process}:{start}", host()))
}

/// The session's limits, times and credentials.
pub fn session_config(settings: &Settings) -> Result<SessionConfig, BuildError> {
    let session = &settings.session;
    let redirect = RedirectPolicy::new(
        &settings.grin.base_url,
        &settings.grin.token_hosts,
        &settings.grin.redirect_hosts,
    );
    let mut config = SessionConfig::new(redirect);
    config.limits = ConnectionLimits::new(session.limit as usize, session.limit_per_host as usize);
    config.timeouts = RequestTimeouts {
        wait: None,
        connect: session.connect_timeout,
        read: session.read_timeout,
        total: session.total_timeout,
        download: session.download_timeout,
    };
    config.minimum_speed = MinimumSpeed {
        bytes_per_second: session.minimum_speed.as_u64(),
        window: SPEED_WINDOW,
    };
    config.keep_alive = session.keep_alive;
    config.max_connection_age = session.max_connection_age;
    config.dns_ttl = session.dns_ttl;
    config.ca_file.clone_from(&session.ca_file);
    config.http2 = session.http2;
    config.reset_after_errors = session.reset_after_errors;
    config.requests_per_second = settings.grin.requests_per_second;
    config.tokens = tokens(settings)?;
    let state = &settings.state_store;
    config.state_limits = ConnectionLimits::unshared(state.limit as usize, state.limit_per_host as usize);
    config.state_timeouts = RequestTimeouts {
        wait: Some(state.connect_timeout),
        connect: state.connect_timeout,
        read: state.read_timeout,
        total: state.total_timeout,
        download: state.total_timeout,
    };
    Ok(config)
}

/// A service account is the daemon's own; without one it acts for the person who signed in.
fn tokens(settings: &Settings) -> Result<TokenSource, BuildError> {
    let auth = &settings.auth;
    let policy =
        TokenUriPolicy::new(&auth.token_uri_allowed).map_err(|error| BuildError::Settings(error.to_string()))?;
    Ok(match (&auth.service_account_file, &auth.credentials_file) {
        (Some(key_file), _) => TokenSource::ServiceAccount {
            key_file: key_file.clone(),
            policy,
        },
        (None, Some(credentials_file)) => TokenSource::Installed {
            client_secret_file: auth.client_secret_file.clone(),
            credentials_file: credentials_file.clone(),
            policy,
        },
        (None, None) => TokenSource::None,
    })
}

/// Where books are kept; the journal of open uploads lies beside the catalog.
pub fn storage_config(settings: &Settings) -> Result<StorageConfig, BuildError> {
    let storage = &settings.storage;
    let catalog = path_of(&settings.catalog.url)?;
    Ok(StorageConfig {
        endpoint: storage.endpoint.clone(),
        region: storage.region.clone(),
        reserve: match storage.disk_reserve {
            DiskReserve::Percent(percent) => SpaceReserve::Percent(percent),
            DiskReserve::Size(size) => SpaceReserve::Bytes(size.as_u64()),
        },
        journal: catalog.parent().map(PathBuf::from),
        ..StorageConfig::of_url(storage.url.clone())
    })
}

/// Under which names.
pub fn layout(settings: &Settings) -> Result<StorageLayout, BuildError> {
    let storage = &settings.storage;
    StorageLayout::new(&storage.raw_prefix, &storage.full_prefix, &storage.meta_prefix)
        .map_err(|error| BuildError::Settings(error.to_string()))
}

/// How archives are checked and what is taken out of them.
pub fn archive_options(settings: &Settings) -> Result<PassOptions, BuildError> {
    let passphrase = settings
        .archive
        .passphrase_file
        .as_deref()
        .map(passphrase)
        .transpose()?;
    let secret_key = match &settings.archive.secret_key_file {
        Some(file) => Some(secret_key(file, passphrase.as_ref())?),
        None => None,
    };
    Ok(PassOptions {
        passphrase,
        secret_key,
        accept_unauthenticated: settings.archive.accept_unauthenticated,
        ..decrypted_options(settings)
    })
}

/// The same for archives that are decrypted already.
pub fn decrypted_options(settings: &Settings) -> PassOptions {
    let archive = &settings.archive;
    PassOptions {
        passphrase: None,
        secret_key: None,
        accept_unauthenticated: false,
        verify_checksums: archive.verify_checksums,
        extract_text: archive.extract_text,
        extract_marc: archive.extract_marc,
        compress_text: archive.compress_text,
        require_volume: true,
        limits: ArchiveLimits::default(),
    }
}

fn secret_key(path: &std::path::Path, passphrase: Option<&SecretBytes>) -> Result<SecretKey, BuildError> {
    let bytes = read_secret_bytes(path).map_err(|error| BuildError::Settings(error.to_string()))?;
    SecretKey::unlock(&bytes, passphrase).map_err(|error| {
        let advice = match error {
            BadSecretKey::NotAKey(_) => "",
            BadSecretKey::Locked | BadSecretKey::WrongPassphrase => {
                "; archive.passphrase_file must hold its passphrase"
            }
        };
        BuildError::Settings(format!(
            "archive.secret_key_file = {:?}: {error}{advice}",
            path.display()
        ))
    })
}

fn passphrase(path: &std::path::Path) -> Result<SecretBytes, BuildError> {
    match read_passphrase(path) {
        // `settings/demo.passphrase` is readable by all in a checkout, and it is no secret.
        Err(SecretFileError::Exposed { .. }) if is_published(path) => Ok(SecretBytes::new(DEMO_PASSPHRASE)),
        read => read.map_err(|error| BuildError::Settings(error.to_string())),
    }
}

fn is_published(path: &std::path::Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text.trim_end() == DEMO_PASSPHRASE)
}

/// Waits between attempts.
pub fn backoff(settings: &Settings) -> RetryBackoff {
    RetryBackoff {
        base: settings.retry.base,
        cap: settings.retry.cap,
        attempts: settings.retry.attempts,
    }
}

/// What the supervisor goes by.
pub fn terms(settings: &Settings) -> RetryPolicy {
    let schedule = &settings.schedule;
    RetryPolicy {
        owner: owner(),
        lease: claim_lease(settings),
        attempts: settings.retry.attempts,
        backoff: backoff(settings),
        max_sequential_failures: settings.retry.max_sequential_failures,
        conversion_queue_limit: settings.grin.conversion_queue_limit,
        conversion_batch: settings.grin.conversion_batch as usize,
        monthly_report: settings.grin.monthly_report,
        paused: settings.work.paused,
        force: settings.work.force,
        every: TaskIntervals {
            collect: schedule.collect_every.0,
            refresh: schedule.refresh_every.0,
            enrich: schedule.enrich_every.0,
            convert: schedule.convert_every.0,
        },
    }
}

/// Who shares the catalog with others holds a book no longer than its other leases: if it dies, all is free at once.
pub(crate) fn claim_lease(settings: &Settings) -> Duration {
    match settings.work.leases {
        LeasesName::Sqlite => settings.work.lease_time.min(LEASE),
        LeasesName::Process | LeasesName::Dapr => LEASE,
    }
}

/// The daemon's scope: everything, for the books that the settings choose.
pub fn scope_of(settings: &Settings, once: bool) -> Result<RunScope, BuildError> {
    let work = &settings.work;
    let only = match &work.barcodes_file {
        None => None,
        Some(path) => Some(
            barcode_file::from_file(path)
                .map_err(|error| BuildError::Settings(error.to_string()))?
                .into(),
        ),
    };
    let queues = work.queues.clone();
    Ok(RunScope {
        collect: true,
        enrich: true,
        // Also where only `converted` is served: what leaves the pool before it is fetched is asked for again.
        convert: !work.queues.is_empty(),
        lost_only: work.queues.iter().all(|queue| *queue == Queue::Converted),
        sync: true,
        once,
        force: work.force,
        recheck: compare_after(&queues),
        limit: work.limit,
        only,
        queues,
        enrich_queues: Vec::new(),
        lists: Vec::new(),
    })
}
