//! What the session goes by, out of the settings.

use std::time::Duration;

use crate::diagnostics::DiagnosticsFolder;
use crate::grin::{ClientSecretFile, RedirectPolicy, TokenUriPolicy};
use crate::session::token::unusable_files;
use crate::session::{ConnectionLimits, MinimumSpeed, RequestTimeouts, RetryBackoff, SessionConfig, TokenSource};
use crate::settings::{RetrySettings, Settings, SettingsFinding, UnusableSetting, diagnostics_folder};

/// Over which the minimum speed of a download is taken.
const SPEED_WINDOW: Duration = Duration::from_secs(60);

impl SessionConfig {
    /// Limits, times and credentials.
    pub fn from_settings(settings: &Settings) -> Result<Self, UnusableSetting> {
        let session = &settings.session;
        let redirect = RedirectPolicy::new(
            &settings.grin.base_url,
            &settings.grin.token_hosts,
            &settings.grin.redirect_hosts,
        );
        let mut config = Self::new(redirect);
        config.limits = ConnectionLimits::new(session.limit as usize, session.limit_per_host as usize);
        config.bulk_most = settings.workers.download as usize;
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
        config.bandwidth = session.bandwidth.clone();
        config.keep_alive = session.keep_alive;
        config.max_connection_age = session.max_connection_age;
        config.dns_ttl = session.dns_ttl;
        config.ca_file.clone_from(&session.ca_file);
        config.http2 = session.http2;
        config.reset_after_errors = session.reset_after_errors;
        config.requests_per_second = settings.grin.requests_per_second;
        config.tokens = tokens(settings)?;
        let state_directory = std::env::var_os("STATE_DIRECTORY");
        config.diagnostics =
            DiagnosticsFolder::in_folder(diagnostics_folder(&settings.catalog.url, state_directory.as_deref()));
        config.hook_timeouts = RequestTimeouts {
            read: settings.hooks.timeout,
            total: settings.hooks.timeout,
            ..config.timeouts.clone()
        };
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
}

/// A service account is the daemon's own; without one it acts for the person who signed in.
fn tokens(settings: &Settings) -> Result<TokenSource, UnusableSetting> {
    let auth = &settings.auth;
    let policy = TokenUriPolicy::new(&auth.token_uri_allowed).map_err(|error| UnusableSetting(error.to_string()))?;
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

/// What keeps the files from signing in, as a run and a sign-in read them; nobody is asked.
pub fn sign_in_findings(settings: &Settings) -> Vec<SettingsFinding> {
    let auth = &settings.auth;
    let key = match auth.service_account_file {
        Some(_) => "auth.service_account_file",
        None => "auth.credentials_file",
    };
    let unusable = match tokens(settings) {
        Ok(source) => unusable_files(&source),
        Err(UnusableSetting(why)) => Some(why),
    };
    let is_used = auth.service_account_file.is_none();
    let client = auth
        .client_secret_file
        .as_deref()
        .filter(|_| is_used)
        .map(ClientSecretFile::read);
    let client = client.and_then(Result::err).map(|error| error.to_string());
    [(key, unusable), ("auth.client_secret_file", client)]
        .into_iter()
        .filter_map(|(key, why)| Some(SettingsFinding::error(key, format!("{key}: {}", why?))))
        .collect()
}

impl From<&RetrySettings> for RetryBackoff {
    fn from(retry: &RetrySettings) -> Self {
        Self {
            base: retry.base,
            cap: retry.cap,
            attempts: retry.attempts,
        }
    }
}
