//! Are the files with secrets there, and closed to others?

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use url::Url;

use crate::settings::check::{error, is_loopback, warning};
use crate::settings::finding::SettingsFinding;
use crate::settings::sections::Settings;

/// Must the file be there already?
#[derive(Clone, Copy, PartialEq)]
enum Needed {
    Now,
    /// `grind auth login` makes it.
    Later,
}

type SecretKey = (&'static str, Needed, fn(&Settings) -> &Option<PathBuf>);

/// The keys that name files with secrets.
const KEYS: [SecretKey; 9] = [
    ("auth.client_secret_file", Needed::Now, |all| {
        &all.auth.client_secret_file
    }),
    ("auth.credentials_file", Needed::Later, |all| &all.auth.credentials_file),
    ("auth.service_account_file", Needed::Now, |all| {
        &all.auth.service_account_file
    }),
    ("archive.passphrase_file", Needed::Now, |all| {
        &all.archive.passphrase_file
    }),
    ("observe.token_file", Needed::Now, |all| &all.observe.token_file),
    ("state_store.token_file", Needed::Now, |all| &all.state_store.token_file),
    ("archive.secret_key_file", Needed::Now, |all| {
        &all.archive.secret_key_file
    }),
    ("storage.credentials_file", Needed::Now, |all| {
        &all.storage.credentials_file
    }),
    ("storage.copy.credentials_file", Needed::Now, |all| {
        &all.storage_copy.credentials_file
    }),
];

impl Settings {
    /// The files with secrets that are named, and their keys.
    pub fn secret_files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        KEYS.into_iter()
            .filter_map(|(key, _, of)| Some((key, of(self).as_deref()?)))
    }
}

/// Whether a key names a file with a secret.
pub fn is_of_secret(key: &str) -> bool {
    KEYS.iter().any(|(known, ..)| *known == key)
}

pub(super) fn check(settings: &Settings, findings: &mut Vec<SettingsFinding>) {
    let auth = &settings.auth;
    for (key, needed, of) in KEYS {
        let Some(file) = of(settings) else { continue };
        there(key, file, needed, findings);
        // The simulator on this machine has no secrets.
        if !is_loopback(&settings.grin.base_url) {
            closed(key, file, findings);
        }
    }
    token_uris(&auth.token_uri_allowed, findings);

    let installed = auth.client_secret_file.is_some() || auth.credentials_file.is_some();
    if auth.service_account_file.is_some() && installed {
        let text =
            "is set beside client_secret_file or credentials_file; the service account is used, the others are not";
        warning(findings, "auth.service_account_file", text);
    }
    if auth.service_account_file.is_none() && !installed && !is_loopback(&settings.grin.base_url) {
        let text = "and auth.service_account_file are both not set, so GRIN will refuse; see grind auth login";
        warning(findings, "auth.credentials_file", text);
    }
    let archive = &settings.archive;
    if archive.accept_unauthenticated && !archive.verify_checksums {
        let text = "needs archive.verify_checksums: without it no such archive is accepted";
        warning(findings, "archive.accept_unauthenticated", text);
    }
    if archive.passphrase_file.is_none() && archive.secret_key_file.is_none() && !is_loopback(&settings.grin.base_url) {
        warning(
            findings,
            "archive.passphrase_file",
            "is not set, so GRIN's archives cannot be decrypted",
        );
    }
}

fn there(key: &str, file: &Path, needed: Needed, findings: &mut Vec<SettingsFinding>) {
    let name = file.display();
    match std::fs::metadata(file) {
        Ok(metadata) if metadata.is_file() => {
            if let Err(why) = File::open(file) {
                let text = format!(
                    "names {name}, which the user running this check cannot read: {why}; if that is the daemon's user: chown grind {name}"
                );
                error(findings, key, text);
            } else if needed == Needed::Now && is_blank(file, metadata.len()) {
                error(findings, key, format!("names {name}, which is empty"));
            }
        }
        Ok(_) => error(findings, key, format!("names {name}, which is not a file")),
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
            error(findings, key, format!("names {name}, which cannot be looked at: {why}"));
        }
        Err(_) if needed == Needed::Later => {
            warning(
                findings,
                key,
                format!("names {name}, which is not there yet; grind auth login makes it"),
            );
        }
        Err(_) => error(findings, key, format!("names {name}, which is not there")),
    }
}

/// Whether a file of so many bytes says nothing; a long one is not read for that.
fn is_blank(file: &Path, bytes: u64) -> bool {
    bytes < 1024 && std::fs::read(file).is_ok_and(|text| text.trim_ascii().is_empty())
}

fn closed(key: &str, file: &Path, findings: &mut Vec<SettingsFinding>) {
    let name = file.display();
    if std::fs::metadata(file).is_ok_and(|metadata| metadata.mode() & 0o007 != 0) {
        let text = format!("names {name}, which every user of this machine can read or change; chmod 600 {name}");
        error(findings, key, text);
    }
}

fn token_uris(uris: &[String], findings: &mut Vec<SettingsFinding>) {
    const KEY: &str = "auth.token_uri_allowed";
    if uris.is_empty() {
        error(
            findings,
            KEY,
            "is empty, so no token could ever be fetched; leave it out for Google's addresses",
        );
    }
    for uri in uris {
        let safe =
            Url::parse(uri).is_ok_and(|url| url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url)));
        if !safe {
            error(
                findings,
                KEY,
                format!("has {uri:?}, but secrets are only sent to https:// addresses"),
            );
        }
    }
}
