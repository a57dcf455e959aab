//! Requests to a token address and their answers (src/grin/PROTOCOL.md, section 2; RFC 6749).

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::grin::{CredentialsFile, Secret};
use crate::session::SessionError;
use crate::session::token::decision::life;

/// Fields of a form whose values nobody may see.
const SECRET_FIELDS: [&str; 3] = ["client_secret", "refresh_token", "assertion"];

/// Shorter ones are no secrets, and parts of words.
const SHORTEST_SECRET: usize = 6;

/// Sends a form to a token address; gives status and body, whatever the status.
pub(in crate::session) trait PostForm {
    fn post_form(&self, url: &Url, form: String) -> impl Future<Output = Result<(u16, Vec<u8>), SessionError>>;
}

/// A token that was given out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TokenGranted {
    pub(super) token: Secret,
    pub(super) life: Duration,
    /// Some servers give a new one with each use.
    pub(super) refresh_token: Option<Secret>,
}

/// Why no token was given out.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenDenied {
    /// A file with a secret cannot be used; what to do about it.
    UnusableFile(String),
    /// The token address gave a reason.
    Answer {
        /// `error` of its answer.
        error: String,
        /// `error_description` of its answer, fit for one line.
        description: String,
    },
    /// It gave no answer, or one without a reason.
    NoAnswer(String),
}

impl fmt::Display for TokenDenied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnusableFile(why) | Self::NoAnswer(why) => f.write_str(why),
            Self::Answer { error, description } if description.is_empty() => f.write_str(error),
            Self::Answer { error, description } => write!(f, "{error} ({description})"),
        }
    }
}

pub(super) fn refresh_form(credentials: &CredentialsFile, client_secret: &Secret) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "refresh_token")
        .append_pair("client_id", &credentials.client_id)
        .append_pair("client_secret", client_secret.expose())
        .append_pair("refresh_token", credentials.refresh_token.expose())
        .finish()
}

/// Reads the answer of a token address to the form that was sent there. Nothing of a good answer, and no secret of the form, which some
/// servers repeat, is ever put into an error.
pub(super) fn read_answer(sent: &str, status: u16, body: &[u8]) -> Result<TokenGranted, TokenDenied> {
    #[derive(Deserialize)]
    struct Good {
        access_token: Secret,
        expires_in: Option<Value>,
        refresh_token: Option<Secret>,
    }
    #[derive(Deserialize)]
    struct Bad {
        error: String,
        #[serde(default)]
        error_description: String,
    }
    // Some servers begin a text with a byte-order mark.
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let is_there = |secret: &Secret| !secret.expose().is_empty();
    if (200..300).contains(&status) {
        let good = serde_json::from_slice(body).ok();
        let good = good.filter(|good: &Good| is_there(&good.access_token));
        let good =
            good.ok_or_else(|| TokenDenied::NoAnswer(format!("the token address answered {status} without a token")))?;
        if !good.access_token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenDenied::NoAnswer(
                "the token address gave out a token that cannot be sent".to_owned(),
            ));
        }
        return Ok(TokenGranted {
            token: good.access_token,
            life: life(good.expires_in.as_ref().and_then(seconds_of)),
            refresh_token: good.refresh_token.filter(is_there),
        });
    }
    match serde_json::from_slice::<Bad>(body) {
        Ok(bad) if status < 500 => Err(TokenDenied::Answer {
            error: one_line(&without_sent(&bad.error, sent)),
            description: one_line(&without_sent(&bad.error_description, sent)),
        }),
        _ => Err(TokenDenied::NoAnswer(format!("the token address answered {status}"))),
    }
}

/// A number of seconds, which some servers write as text.
fn seconds_of(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// The text with `***` for each secret of the form, as it is and as the form writes it.
fn without_sent(text: &str, sent: &str) -> String {
    let secrets = form_urlencoded::parse(sent.as_bytes()).filter(|(name, _)| SECRET_FIELDS.contains(&&**name));
    secrets
        .filter(|(_, secret)| secret.len() >= SHORTEST_SECRET)
        .fold(text.to_owned(), |text, (_, secret)| {
            let written: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            text.replace(&*secret, "***").replace(&written, "***")
        })
}

fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_a_token_address_are_told_apart() {
        let read = |status, body: &str| read_answer("", status, body.as_bytes());
        let granted = read(
            200,
            r#"{"access_token": "t", "expires_in": 100, "token_type": "Bearer"}"#,
        )
        .unwrap();
        assert_eq!((granted.token.expose(), granted.life.as_secs()), ("t", 100));
        for (told, seconds) in [
            ("null", 3_599),
            ("\"3599\"", 3_599),
            ("\" 120 \"", 120),
            ("3599.0", 3_599),
            ("\"soon\"", 3_599),
            ("[1]", 3_599),
            ("1e30", 86_400),
            ("0", 60),
        ] {
            let body = format!(r#"{{"access_token": "t", "expires_in": {told}}}"#);
            assert_eq!(read(200, &body).unwrap().life.as_secs(), seconds, "{told}");
        }
        let unsaid = read(200, r#"{"access_token": "t"}"#).unwrap();
        assert_eq!(unsaid.life.as_secs(), 3_599);
        let marked = read(200, "\u{feff}{\"access_token\": \"t\", \"refresh_token\": \"\"}").unwrap();
        assert_eq!((marked.token.expose(), marked.refresh_token), ("t", None));
        for (status, body, denied) in [
            (
                200,
                r#"{"access_token": "", "expires_in": 3599}"#,
                "the token address answered 200 without a token",
            ),
            (
                200,
                r#"{"access_token": null}"#,
                "the token address answered 200 without a token",
            ),
            (400, "\u{feff}{\"error\": \"invalid_grant\"}", "invalid_grant"),
            (
                400,
                r#"{"error": "invalid_grant", "error_description": "Token has been expired or revoked."}"#,
                "invalid_grant (Token has been expired or revoked.)",
            ),
            (401, r#"{"error": "invalid_client"}"#, "invalid_client"),
            (500, r#"{"error": "invalid_grant"}"#, "the token address answered 500"),
            (429, "slow down", "the token address answered 429"),
            (200, "<html>", "the token address answered 200 without a token"),
            (
                200,
                r#"{"access_token": "a\nb"}"#,
                "the token address gave out a token that cannot be sent",
            ),
        ] {
            assert_eq!(
                read_answer("", status, body.as_bytes()).unwrap_err().to_string(),
                denied
            );
        }
    }

    #[test]
    fn what_a_server_repeats_of_the_form_is_no_secret_told() {
        let sent =
            "grant_type=refresh_token&client_id=i&client_secret=hush+a&refresh_token=1%2F%2Fhush&assertion=e.y.hush";
        for (error, description, denied) in [
            (
                "invalid_request",
                sent,
                "invalid_request (grant_type=refresh_token&client_id=i&client_secret=***&refresh_token=***&assertion=***)",
            ),
            ("no 1//hush", "hush a, e.y.hush", "no *** (***, ***)"),
            // A cut must not leave the beginning of one.
            (
                "no",
                &format!("{}hush a", "x".repeat(197)),
                &format!("no ({}***)", "x".repeat(197)),
            ),
        ] {
            let body = serde_json::json!({ "error": error, "error_description": description }).to_string();
            assert_eq!(read_answer(sent, 400, body.as_bytes()).unwrap_err().to_string(), denied);
        }
    }
}
