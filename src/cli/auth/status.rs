//! `grind auth status`: how we sign in, whether the files are fit for it, and whether GRIN accepts it.

use std::borrow::Borrow;
use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::auth::login::unusable;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::first_contact::{GrinContact, SummaryVerdict};
use crate::cli::grin_line::GrinLine;
use crate::cli::{grin_line, output};
use crate::grin::{ClientSecretFile, CredentialsFile, SecretFileError, ServiceAccountKey, TokenUriPolicy};
use crate::log::PlainText;
use crate::session::service_account_can_sign;
use crate::settings::Settings;

/// Everything that is told.
#[derive(Debug, Serialize)]
struct Status {
    kind: SignIn,
    files: Vec<FileStatus>,
    /// When the access token ends; it is renewed by itself.
    expiry: Option<Timestamp>,
    /// `None`: GRIN was not asked, or did not answer.
    accepted: Option<bool>,
    /// Why not.
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum SignIn {
    ServiceAccount,
    Installed,
    None,
}

#[derive(Debug, Serialize)]
struct FileStatus {
    key: &'static str,
    path: PathBuf,
    usable: bool,
    because: Option<String>,
}

/// Looks at the files, asks GRIN, tells.
pub(super) fn run(settings: &Settings, json: bool) -> CommandResult {
    let (mut status, unfit) = files(settings);
    let asked = unfit.is_none();
    let checked = unfit.map_or_else(|| ask(settings), Err);
    // The session may have renewed the token, and keeps the new one in the file.
    status.expiry = expiry(settings);
    status.accepted = match &checked {
        Ok(()) => Some(true),
        Err(error) => (asked && error.exit() == ExitStatus::NotPermitted).then_some(false),
    };
    status.reason = checked.as_ref().err().map(ToString::to_string);
    if json {
        output::print_json(&status)?;
    } else {
        output::print(&status.to_string())?;
    }
    checked.map(|()| ExitStatus::Done)
}

/// Which files there must be, and the first that is unfit.
fn files(settings: &Settings) -> (Status, Option<CliError>) {
    let auth = &settings.auth;
    let policy = TokenUriPolicy::new(&auth.token_uri_allowed).unwrap_or_default();
    let mut files = Files::default();
    let kind = match (&auth.service_account_file, &auth.credentials_file) {
        (Some(key), _) => {
            let token_uri = ServiceAccountKey::read(key).and_then(|read| match service_account_can_sign(&read) {
                true => Ok(read.token_uri),
                false => Err(SecretFileError::Malformed {
                    path: key.clone(),
                    because: "its field \"private_key\" is no RSA key in PEM, so it cannot sign".to_owned(),
                }),
            });
            files.look("auth.service_account_file", key, &policy, &token_uri);
            SignIn::ServiceAccount
        }
        (None, Some(credentials)) => {
            let client = auth
                .client_secret_file
                .as_deref()
                .map(|path| (path, ClientSecretFile::read(path)));
            if let Some((path, client)) = &client {
                let token_uri = client.as_ref().map(|client| client.token_uri.clone());
                files.look("auth.client_secret_file", path, &policy, &token_uri);
            }
            let client = client.and_then(|(_, client)| client.ok());
            let token_uri = CredentialsFile::read(credentials)
                .map(|credentials| credentials.token_uri_or_default(client.as_ref()).to_owned());
            files.look("auth.credentials_file", credentials, &policy, &token_uri);
            SignIn::Installed
        }
        (None, None) => SignIn::None,
    };
    let status = Status {
        kind,
        files: files.seen,
        expiry: None,
        accepted: None,
        reason: None,
    };
    (status, files.unfit)
}

#[derive(Default)]
struct Files {
    seen: Vec<FileStatus>,
    unfit: Option<CliError>,
}

impl Files {
    fn look(
        &mut self,
        key: &'static str,
        path: &Path,
        policy: &TokenUriPolicy,
        token_uri: &Result<String, impl Borrow<SecretFileError>>,
    ) {
        let unfit = match token_uri {
            Err(error) => {
                let error = error.borrow();
                Some((error.to_string(), unfit(key, error)))
            }
            Ok(uri) => policy.check(uri).err().map(|refused| {
                let error = CliError::new(ExitStatus::NotPermitted, "a file with a secret cannot be used")
                    .cause(path.display().to_string())
                    .because(&refused)
                    .advise("Get the file from Google again, or sign in again with `grind auth login`.");
                (refused.to_string(), error)
            }),
        };
        let (because, error) = unfit.unzip();
        self.seen.push(FileStatus {
            key,
            path: path.to_owned(),
            usable: because.is_none(),
            because,
        });
        self.unfit = self.unfit.take().or(error);
    }
}

fn unfit(key: &str, error: &SecretFileError) -> CliError {
    match error {
        SecretFileError::Io { cause, .. }
            if key == "auth.credentials_file" && cause.kind() == std::io::ErrorKind::NotFound =>
        {
            CliError::new(ExitStatus::NotPermitted, "not signed in")
                .because(error)
                .advise("Sign in with `grind auth login`.")
        }
        _ => unusable(error),
    }
}

fn expiry(settings: &Settings) -> Option<Timestamp> {
    let auth = &settings.auth;
    let file = auth.credentials_file.as_deref();
    let file = file.filter(|_| auth.service_account_file.is_none())?;
    CredentialsFile::read(file).ok()?.expiry
}

/// Asks GRIN for the summary of the directory, the cheapest thing that needs a sign-in.
fn ask(settings: &Settings) -> Result<(), CliError> {
    grin_line::with(grin_line::config(settings)?, async |line: &GrinLine| {
        let summary = GrinContact::new(line, settings)?.summary().await;
        let answer = summary.map_err(|error| grin_line::failed(&error))?;
        SummaryVerdict::of(&answer).into_error(&answer).map_or(Ok(()), Err)
    })
}

impl Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            SignIn::ServiceAccount => "service account",
            SignIn::Installed => "a person's account (grind auth login)",
            SignIn::None => "none configured",
        };
        writeln!(f, "sign-in:      {kind}")?;
        for file in &self.files {
            let state = file.because.as_deref().unwrap_or("can be used");
            writeln!(f, "{}: {}: {}", file.key, file.path.display(), PlainText(state))?;
        }
        if let Some(expiry) = self.expiry {
            let ended = if expiry < Timestamp::now() { " (ended)" } else { "" };
            writeln!(f, "access token: until {expiry}{ended}, renewed by itself")?;
        }
        let accepted = match self.accepted {
            Some(true) => "accepts it",
            Some(false) => "does not accept it",
            None => "has not said",
        };
        writeln!(f, "GRIN:         {accepted}")
    }
}
