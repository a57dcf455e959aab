//! The files that sign us in: client secret, credentials, service account key; and where their secrets may go.

use std::path::Path;

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use url::Url;

use crate::grin::Secret;
use crate::grin::secret_file::{SecretFileError, malformed, read_secret_text, write_secret_file};

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
#[derive(Debug, Clone)]
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

/// `credentials.json` in the forms of google-auth and gcloud: what a person allowed.
#[derive(Debug, Clone, Serialize)]
pub struct CredentialsFile {
    /// The access token; empty when the file has none.
    #[serde(serialize_with = "exposed")]
    pub token: Secret,
    /// What a new access token is got with.
    #[serde(serialize_with = "exposed")]
    pub refresh_token: Secret,
    /// Where; gcloud does not say. See [`CredentialsFile::token_uri_or_default`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_uri: Option<String>,
    /// The application it was given to.
    pub client_id: String,
    /// That application's secret.
    #[serde(serialize_with = "exposed")]
    pub client_secret: Secret,
    /// What was asked for.
    pub scopes: Vec<String>,
    /// When the access token ends; `None` also when the file says so in a form that is not known, since the refresh token counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiry: Option<Timestamp>,
    /// What others keep in the file; written back as it was.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A service account's key file: the daemon's own identity, no person needed.
#[derive(Debug, Clone)]
pub struct ServiceAccountKey {
    /// The account.
    pub client_email: String,
    /// Its RSA key in PEM.
    pub private_key: Secret,
    /// Names the key to the server.
    pub private_key_id: Option<String>,
    /// Where assertions are turned into tokens; to be checked by [`TokenUriPolicy`] before use.
    pub token_uri: String,
}

impl ClientSecretFile {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// The file cannot be read, everybody can read it, or a field named in the error is missing or wrong.
    pub fn read(path: &Path) -> Result<Self, SecretFileError> {
        let mut outer = JsonFields::read(path)?;
        let because = match (outer.fields.remove("installed"), outer.fields.contains_key("web")) {
            (Some(Value::Object(fields)), _) => return Self::from_fields(JsonFields { path, fields }),
            (Some(_), _) => "its field \"installed\" is not an object",
            (None, true) => "it is for a web application; make a client of type \"Desktop app\"",
            (None, false) => "it has no section \"installed\"",
        };
        Err(malformed(path, because))
    }

    fn from_fields(mut fields: JsonFields<'_>) -> Result<Self, SecretFileError> {
        let auth_uri = fields.text("auth_uri")?;
        Ok(Self {
            client_id: fields.text("client_id")?,
            client_secret: Secret::new(fields.text("client_secret")?),
            auth_uri: Url::parse(&auth_uri)
                .map_err(|_| malformed(fields.path, "its field \"auth_uri\" is not an address"))?,
            token_uri: fields.text("token_uri")?,
        })
    }
}

impl CredentialsFile {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// The file cannot be read, everybody can read it, or a field named in the error is missing or wrong.
    pub fn read(path: &Path) -> Result<Self, SecretFileError> {
        let mut fields = JsonFields::read(path)?;
        match fields.fields.get("type").and_then(Value::as_str) {
            None | Some("authorized_user") => {}
            Some("service_account") => {
                let because = "its type is \"service_account\": name it in auth.service_account_file";
                return Err(malformed(path, because));
            }
            Some(_) => return Err(malformed(path, "its field \"type\" is not \"authorized_user\"")),
        }
        Ok(Self {
            token: Secret::new(fields.optional_text("token")?.unwrap_or_default()),
            refresh_token: Secret::new(fields.text("refresh_token")?),
            token_uri: fields.optional_text("token_uri")?,
            client_id: fields.text("client_id")?,
            client_secret: Secret::new(fields.text("client_secret")?),
            scopes: fields.scopes()?,
            expiry: fields.fields.remove("expiry").as_ref().and_then(read_expiry),
            other: fields.fields,
        })
    }

    /// Where the refresh token is used: the file's own `token_uri`, else that of the client, else Google's.
    pub fn token_uri_or_default<'a>(&'a self, client: Option<&'a ClientSecretFile>) -> &'a str {
        let own = self.token_uri.as_deref();
        own.or_else(|| client.map(|client| client.token_uri.as_str()))
            .unwrap_or(GOOGLE_TOKEN_URIS[0])
    }

    /// Writes the file whole or not at all, with mode 0600.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), SecretFileError> {
        let mut text = serde_json::to_string_pretty(self).map_err(|error| malformed(path, position(&error)))?;
        text.push('\n');
        write_secret_file(path, &text)
    }
}

impl ServiceAccountKey {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// The file cannot be read, everybody can read it, or a field named in the error is missing or wrong.
    pub fn read(path: &Path) -> Result<Self, SecretFileError> {
        let mut fields = JsonFields::read(path)?;
        if fields.text("type")? != "service_account" {
            return Err(malformed(path, "its type is not \"service_account\""));
        }
        Ok(Self {
            client_email: fields.text("client_email")?,
            private_key: Secret::new(fields.text("private_key")?),
            private_key_id: fields.optional_text("private_key_id")?,
            token_uri: fields.text("token_uri")?,
        })
    }
}

/// A JSON object whose fields are taken one by one, so that each error names its field; values may be secrets and are not shown.
struct JsonFields<'a> {
    path: &'a Path,
    fields: Map<String, Value>,
}

impl<'a> JsonFields<'a> {
    fn read(path: &'a Path) -> Result<Self, SecretFileError> {
        let text = read_secret_text(path)?;
        match serde_json::from_str(&text) {
            Ok(Value::Object(fields)) => Ok(Self { path, fields }),
            Ok(_) => Err(malformed(path, "it is not a JSON object")),
            Err(error) => Err(malformed(path, position(&error))),
        }
    }

    /// A text that has to be there.
    fn text(&mut self, name: &str) -> Result<String, SecretFileError> {
        match self.optional_text(name)? {
            Some(text) => Ok(text),
            None => Err(malformed(
                self.path,
                format!("its field \"{name}\" is missing or empty"),
            )),
        }
    }

    /// A text that may be missing, null or empty.
    fn optional_text(&mut self, name: &str) -> Result<Option<String>, SecretFileError> {
        match self.fields.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            Some(_) => Err(malformed(self.path, format!("its field \"{name}\" is not a text"))),
        }
    }

    /// A list, null, or one text with blanks between, as token addresses write it.
    fn scopes(&mut self) -> Result<Vec<String>, SecretFileError> {
        let wrong = || malformed(self.path, "its field \"scopes\" is not a list of texts");
        match self.fields.remove("scopes") {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(text.split_whitespace().map(str::to_owned).collect()),
            Some(Value::Array(scopes)) => scopes
                .into_iter()
                .map(|scope| scope.as_str().map(str::to_owned).ok_or_else(wrong))
                .collect(),
            Some(_) => Err(wrong()),
        }
    }
}

/// Seconds or milliseconds since 1970, or a time with or without zone, which is UTC then, with `T` or a blank in the middle.
fn read_expiry(value: &Value) -> Option<Timestamp> {
    /// Seconds since 1970 are below this for thousands of years, milliseconds above it since 1973.
    const LARGEST_SECONDS: f64 = 1e11;
    if let Some(number) = value.as_f64() {
        let seconds = if number.abs() < LARGEST_SECONDS {
            number
        } else {
            number / 1_000.0
        };
        return Timestamp::from_second(seconds as i64).ok();
    }
    let text = value.as_str()?.trim();
    let zoned = text.parse::<Timestamp>().ok();
    let naive = || text.parse::<civil::DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
    zoned.or_else(|| naive().map(|zoned| zoned.timestamp()))
}

/// Where the JSON is wrong, without the values that `serde_json` would quote: they may be secrets.
fn position(error: &serde_json::Error) -> String {
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
mod tests;
