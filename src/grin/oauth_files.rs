//! The files that sign us in: client secret, credentials, service account key; and where their secrets may go.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use url::Url;

use crate::grin::Secret;
use crate::grin::secret_file::{SecretFileError, malformed, read_secret_file, write_secret_file};

/// The two addresses of Google that may see a client secret or a refresh token (PROTOCOL.md, section 2).
pub const GOOGLE_TOKEN_URIS: [&str; 2] = [
    "https://oauth2.googleapis.com/token",
    "https://accounts.google.com/o/oauth2/token",
];

/// Which token addresses may see a client secret, a refresh token or a signed assertion.
#[derive(Debug, Clone)]
pub struct TokenUriPolicy {
    allowed: Vec<Url>,
}

/// A token address that is not on the list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("token_uri {0} is not in auth.token_uri_allowed; the client secret is not sent there")]
pub struct TokenUriRefused(pub String);

impl TokenUriPolicy {
    /// Allows exactly these addresses; one that is no address is refused at once.
    pub fn new(allowed: &[String]) -> Result<Self, TokenUriRefused> {
        let allowed = allowed
            .iter()
            .map(|text| Url::parse(text).map_err(|_| TokenUriRefused(text.clone())))
            .collect::<Result<_, _>>()?;
        Ok(Self { allowed })
    }

    /// The address, if it is on the list.
    pub fn check(&self, token_uri: &str) -> Result<Url, TokenUriRefused> {
        let refused = || TokenUriRefused(token_uri.chars().take(200).collect());
        let url = Url::parse(token_uri).map_err(|_| refused())?;
        if self.allowed.contains(&url) {
            Ok(url)
        } else {
            Err(refused())
        }
    }
}

impl Default for TokenUriPolicy {
    fn default() -> Self {
        let allowed = GOOGLE_TOKEN_URIS
            .iter()
            .filter_map(|text| Url::parse(text).ok())
            .collect();
        Self { allowed }
    }
}

/// `client_secret.json` of a desktop application: who asks.
#[derive(Debug, Clone, Deserialize)]
pub struct ClientSecretFile {
    /// The application's public name.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// Where a person allows the access.
    pub auth_uri: Url,
    /// Where tokens are given out; to be checked by [`TokenUriPolicy`] before use.
    pub token_uri: String,
}

/// `credentials.json` as today's tool writes it, with an `expiry` of ours: what a person allowed.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct CredentialsFile {
    /// The access token.
    #[serde(default, serialize_with = "exposed")]
    pub token: Secret,
    /// What a new access token is got with.
    #[serde(serialize_with = "exposed")]
    pub refresh_token: Secret,
    /// Where; to be checked by [`TokenUriPolicy`] before use.
    pub token_uri: String,
    /// The application it was given to.
    pub client_id: String,
    /// That application's secret.
    #[serde(serialize_with = "exposed")]
    pub client_secret: Secret,
    /// What was asked for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// When the access token ends; today's tool does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<Timestamp>,
    /// What others keep in the file; written back as it was.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

/// A service account's key file: the daemon's own identity, no person needed.
#[derive(Debug, Clone, Deserialize)]
pub struct ServiceAccountKey {
    /// Must be `service_account`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The account.
    pub client_email: String,
    /// Its RSA key in PEM.
    pub private_key: Secret,
    /// Names the key to the server.
    #[serde(default)]
    pub private_key_id: Option<String>,
    /// Where assertions are turned into tokens; to be checked by [`TokenUriPolicy`] before use.
    pub token_uri: String,
}

impl ClientSecretFile {
    /// Reads and checks the file.
    pub fn read(path: &Path) -> Result<Self, SecretFileError> {
        #[derive(Deserialize)]
        struct Outer {
            installed: Option<ClientSecretFile>,
            web: Option<serde::de::IgnoredAny>,
        }
        let outer: Outer = parse(path)?;
        match (outer.installed, outer.web) {
            (Some(installed), _) => Ok(installed),
            (None, Some(_)) => Err(malformed(
                path,
                "it is for a web application; make a client of type \"Desktop app\"",
            )),
            (None, None) => Err(malformed(path, "it has no section \"installed\"")),
        }
    }
}

impl CredentialsFile {
    /// Reads and checks the file.
    pub fn read(path: &Path) -> Result<Self, SecretFileError> {
        parse(path)
    }

    /// Writes the file whole or not at all, with mode 0600.
    pub fn write(&self, path: &Path) -> Result<(), SecretFileError> {
        let mut text = serde_json::to_string_pretty(self).map_err(|error| malformed(path, shape(&error)))?;
        text.push('\n');
        write_secret_file(path, &text)
    }
}

impl ServiceAccountKey {
    /// Reads and checks the file.
    pub fn read(path: &Path) -> Result<Self, SecretFileError> {
        let key: Self = parse(path)?;
        if key.kind != "service_account" {
            return Err(malformed(path, "its type is not \"service_account\""));
        }
        Ok(key)
    }
}

fn parse<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, SecretFileError> {
    let text = read_secret_file(path)?;
    serde_json::from_str(&text).map_err(|error| malformed(path, shape(&error)))
}

/// What is wrong with the JSON, without the values that `serde_json` would quote: they may be secrets.
fn shape(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.starts_with("missing field") {
        return text;
    }
    format!(
        "not the expected JSON at line {}, column {}",
        error.line(),
        error.column()
    )
}

fn exposed<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form of PROTOCOL.md, section 2, with a field that we do not know.
    const CREDENTIALS: &str = r#"{"token": "ya29.x", "refresh_token": "1//x", "token_uri": "https://oauth2.googleapis.com/token",
        "client_id": "1234-abc.apps.googleusercontent.com", "client_secret": "s3", "scopes": ["openid"], "account": "a@b"}"#;

    fn file(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.json");
        write_secret_file(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn credentials_of_todays_tool_are_read_and_written_back_whole() {
        let (_folder, path) = file(CREDENTIALS);
        let mut read = CredentialsFile::read(&path).unwrap();
        assert_eq!(
            (read.token.expose(), read.refresh_token.expose(), read.expiry),
            ("ya29.x", "1//x", None)
        );
        read.token = Secret::new("ya29.y");
        read.expiry = Some("2030-01-02T03:04:05Z".parse().unwrap());
        read.write(&path).unwrap();
        let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(json["token"], "ya29.y");
        assert_eq!(json["client_secret"], "s3");
        assert_eq!(json["account"], "a@b");
        assert_eq!(json["expiry"], "2030-01-02T03:04:05Z");
        assert_eq!(CredentialsFile::read(&path).unwrap().expiry, read.expiry);
    }

    #[test]
    fn nothing_secret_is_shown() {
        let (_folder, path) = file(CREDENTIALS);
        let shown = format!("{:?}", CredentialsFile::read(&path).unwrap());
        for secret in ["ya29.x", "1//x", "s3"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_values() {
        for (text, words) in [
            ("{\"token\": \"t0ps3cret\"}", "missing field `refresh_token`"),
            ("{\"token\": [\"t0ps3cret\"]}", "line 1"),
            ("t0ps3cret", "line 1"),
        ] {
            let (_folder, path) = file(text);
            let error = CredentialsFile::read(&path).unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains("t0ps3cret"), "{error}");
        }
    }

    #[test]
    fn a_client_file_must_be_for_a_desktop_application() {
        let installed = r#"{"installed": {"client_id": "c", "project_id": "p", "client_secret": "x",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth", "token_uri": "https://oauth2.googleapis.com/token"}}"#;
        let (_folder, path) = file(installed);
        assert_eq!(ClientSecretFile::read(&path).unwrap().client_id, "c");
        for (text, words) in [("{\"web\": {}}", "Desktop app"), ("{}", "installed")] {
            let (_folder, path) = file(text);
            assert!(ClientSecretFile::read(&path).unwrap_err().to_string().contains(words));
        }
    }

    #[test]
    fn a_key_file_must_be_a_service_accounts() {
        let key = |kind: &str| {
            format!(r#"{{"type": "{kind}", "client_email": "a@b", "private_key": "k", "token_uri": "https://t"}}"#)
        };
        let (_folder, path) = file(&key("service_account"));
        assert_eq!(ServiceAccountKey::read(&path).unwrap().client_email, "a@b");
        let (_folder, path) = file(&key("authorized_user"));
        assert!(ServiceAccountKey::read(&path).is_err());
    }

    #[test]
    fn secrets_go_to_listed_addresses_only() {
        let google = TokenUriPolicy::default();
        for (uri, allowed) in [
            ("https://oauth2.googleapis.com/token", true),
            ("https://accounts.google.com/o/oauth2/token", true),
            ("http://oauth2.googleapis.com/token", false),
            ("https://oauth2.googleapis.com/token?x", false),
            ("https://oauth2.googleapis.com:444/token", false),
            ("https://oauth2.googleapis.com@evil.example/token", false),
            ("https://evil.example/token", false),
            ("token", false),
        ] {
            assert_eq!(google.check(uri).is_ok(), allowed, "{uri}");
        }
        let own = TokenUriPolicy::new(&["http://127.0.0.1:9/token".to_owned()]).unwrap();
        assert!(own.check("http://127.0.0.1:9/token").is_ok());
        assert!(own.check("https://oauth2.googleapis.com/token").is_err());
        assert!(TokenUriPolicy::new(&["token".to_owned()]).is_err());
    }
}
