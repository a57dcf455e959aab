//! The files behind a token, read and written off the owner's thread.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use crate::grin::{ClientSecretFile, CredentialsFile, Secret, SecretFileError, ServiceAccountKey, TokenUriPolicy};
use crate::session::TokenSource;
use crate::session::token::assertion::assertion_form;
use crate::session::token::exchange::{TokenDenied, TokenGranted, refresh_form};

/// What a token can be got with.
#[derive(Debug)]
pub(super) struct TokenRequest {
    pub(super) url: Url,
    pub(super) form: String,
    /// Credentials as they were read; `None` for a service account.
    pub(super) credentials: Option<CredentialsFile>,
}

/// How the files of a source looked: a change, also of their permissions, means that a person has acted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FilesLook([Option<(i64, i64, u64, u64)>; 2]);

impl FilesLook {
    pub(super) fn of(source: &TokenSource) -> Self {
        use std::os::unix::fs::MetadataExt;
        let look = |path: &Path| {
            let file = std::fs::metadata(path).ok()?;
            Some((file.ctime(), file.ctime_nsec(), file.len(), file.ino()))
        };
        Self([watched(source), client_file(source)].map(|path| path.and_then(look)))
    }
}

fn client_file(source: &TokenSource) -> Option<&Path> {
    match source {
        TokenSource::Installed { client_secret_file, .. } => client_secret_file.as_deref(),
        TokenSource::None | TokenSource::Fixed(_) | TokenSource::ServiceAccount { .. } => None,
    }
}

/// The file that says who signs in.
fn watched(source: &TokenSource) -> Option<&Path> {
    match source {
        TokenSource::None | TokenSource::Fixed(_) => None,
        TokenSource::Installed { credentials_file, .. } => Some(credentials_file),
        TokenSource::ServiceAccount { key_file, .. } => Some(key_file),
    }
}

/// Reads the files and makes the request for a new token. Blocking; signs, which takes a millisecond.
pub(super) fn request(source: &TokenSource) -> Result<TokenRequest, TokenDenied> {
    match source {
        TokenSource::None | TokenSource::Fixed(_) => Err(TokenDenied::UnusableFile(
            "no file to sign in with is configured".to_owned(),
        )),
        TokenSource::Installed {
            client_secret_file,
            credentials_file,
            policy,
        } => installed(client_secret_file.as_deref(), credentials_file, policy),
        TokenSource::ServiceAccount { key_file, policy } => {
            let key = ServiceAccountKey::read(key_file).map_err(|error| unusable(&error))?;
            let url = allowed(policy, &key.token_uri)?;
            let form = assertion_form(&key, Timestamp::now().as_second())
                .map_err(|denied| TokenDenied::UnusableFile(format!("{}: {denied}", key_file.display())))?;
            Ok(TokenRequest {
                url,
                form,
                credentials: None,
            })
        }
    }
}

/// Why no token can be asked for with these files; not where a sign-in has yet to make its file.
pub(in crate::session) fn unusable_files(source: &TokenSource) -> Option<String> {
    let is_there = watched(source).is_some_and(Path::exists);
    request(source)
        .err()
        .filter(|_| is_there)
        .map(|denied| denied.to_string())
}

fn installed(
    client_file: Option<&Path>,
    credentials_file: &Path,
    policy: &TokenUriPolicy,
) -> Result<TokenRequest, TokenDenied> {
    let credentials = CredentialsFile::read(credentials_file).map_err(|error| unusable(&error))?;
    let client = client_file.and_then(|path| ClientSecretFile::read(path).ok());
    let url = allowed(policy, credentials.token_uri_or_default(client.as_ref()))?;
    let form = refresh_form(&credentials, &client_secret(client, &credentials));
    Ok(TokenRequest {
        url,
        form,
        credentials: Some(credentials),
    })
}

/// The secret of the client that the credentials were given to; the client's own file has the newer one.
fn client_secret(client: Option<ClientSecretFile>, credentials: &CredentialsFile) -> Secret {
    client
        .filter(|client| client.client_id == credentials.client_id)
        .map_or_else(|| credentials.client_secret.clone(), |client| client.client_secret)
}

/// Writes a new token into the credentials, unless a person has signed in anew meanwhile. Blocking.
pub(super) fn keep(path: &Path, used: &CredentialsFile, granted: &TokenGranted) -> Result<(), SecretFileError> {
    let mut credentials = CredentialsFile::read(path)?;
    if credentials.refresh_token != used.refresh_token {
        return Ok(());
    }
    credentials.token = granted.token.clone();
    credentials.expiry = i64::try_from(granted.life.as_secs())
        .ok()
        .and_then(|life| Timestamp::from_second(Timestamp::now().as_second().saturating_add(life)).ok());
    if let Some(refresh_token) = &granted.refresh_token {
        credentials.refresh_token = refresh_token.clone();
    }
    credentials.write(path)
}

/// What it means that [`keep`] fails.
pub(super) fn loss(used: &CredentialsFile, granted: &TokenGranted) -> &'static str {
    match &granted.refresh_token {
        Some(new) if *new != used.refresh_token => {
            "the new refresh token could not be kept in the credentials file, and the one in it may be refused from now on: \
             the next start, or the end of this access token, may find grind signed out; make the file and its folder \
             writable, then sign in with: grind auth login"
        }
        _ => {
            "cannot write the new access token to the credentials file; it is lost at the next start, which asks for another"
        }
    }
}

/// The path to write to, if the source is written to at all.
pub(super) fn kept_in(source: &TokenSource) -> Option<PathBuf> {
    match source {
        TokenSource::Installed { credentials_file, .. } => Some(credentials_file.clone()),
        _ => None,
    }
}

/// How much longer the token in the credentials is good: `None` when they do not say, as those of today's tool.
pub(super) fn life_left(credentials: &CredentialsFile) -> Option<Duration> {
    let expiry = credentials.expiry?;
    Some(Duration::try_from(expiry.duration_since(Timestamp::now())).unwrap_or_default())
}

fn allowed(policy: &TokenUriPolicy, token_uri: &str) -> Result<Url, TokenDenied> {
    policy
        .check(token_uri)
        .map_err(|refused| TokenDenied::UnusableFile(refused.to_string()))
}

/// A file that is missing or wrong stays so until a person has acted; a disk that fails may recover.
fn unusable(error: &SecretFileError) -> TokenDenied {
    match error {
        SecretFileError::Io { cause, .. }
            if !matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) =>
        {
            TokenDenied::NoAnswer(error.to_string())
        }
        _ => TokenDenied::UnusableFile(format!("{error}; sign in with: grind auth login")),
    }
}
