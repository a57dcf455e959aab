//! Requests to a token address and their answers (src/grin/PROTOCOL.md, section 2; RFC 6749 and 7523).

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use url::{Url, form_urlencoded};

use crate::grin::{CredentialsFile, Secret, ServiceAccountKey};
use crate::session::SessionError;

/// The scopes only identify the account.
const SCOPES: &str =
    "openid https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/userinfo.profile";

/// Life of a token whose answer does not say.
const USUAL_LIFE: Duration = Duration::from_secs(3599);

/// Sends a form to a token address; gives back status and body, whatever the status.
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
    /// Until a person has acted.
    ForGood(String),
    /// Just now.
    ForNow(String),
}

pub(super) fn refresh_form(credentials: &CredentialsFile, client_secret: &Secret) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "refresh_token")
        .append_pair("client_id", &credentials.client_id)
        .append_pair("client_secret", client_secret.expose())
        .append_pair("refresh_token", credentials.refresh_token.expose())
        .finish()
}

/// The form that turns a service account's signature into a token; `now` in seconds since 1970.
pub(super) fn assertion_form(key: &ServiceAccountKey, now: i64) -> Result<String, TokenDenied> {
    #[derive(Serialize)]
    struct Claims<'a> {
        iss: &'a str,
        scope: &'a str,
        aud: &'a str,
        iat: i64,
        exp: i64,
    }
    let claims = Claims {
        iss: &key.client_email,
        scope: SCOPES,
        aud: &key.token_uri,
        iat: now,
        exp: now.saturating_add(3600),
    };
    let mut header = Header::new(Algorithm::RS256);
    header.kid.clone_from(&key.private_key_id);
    let unusable = |_| TokenDenied::ForGood("the private_key of the service account is no RSA key in PEM".to_owned());
    let signer = EncodingKey::from_rsa_pem(key.private_key.expose().as_bytes()).map_err(unusable)?;
    let assertion = jsonwebtoken::encode(&header, &claims, &signer).map_err(unusable)?;
    Ok(form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
        .append_pair("assertion", &assertion)
        .finish())
}

/// Reads the answer of a token address. Nothing of a good answer is ever put into an error.
pub(super) fn read_answer(status: u16, body: &[u8]) -> Result<TokenGranted, TokenDenied> {
    #[derive(Deserialize)]
    struct Good {
        access_token: Secret,
        expires_in: Option<u64>,
        refresh_token: Option<Secret>,
    }
    #[derive(Deserialize)]
    struct Bad {
        error: String,
        #[serde(default)]
        error_description: String,
    }
    if (200..300).contains(&status) {
        let good: Good = serde_json::from_slice(body)
            .map_err(|_| TokenDenied::ForNow(format!("the token address answered {status} without a token")))?;
        if !good.access_token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenDenied::ForNow(
                "the token address gave out a token that cannot be sent".to_owned(),
            ));
        }
        let life = good.expires_in.map_or(USUAL_LIFE, Duration::from_secs);
        return Ok(TokenGranted {
            token: good.access_token,
            life,
            refresh_token: good.refresh_token,
        });
    }
    match serde_json::from_slice::<Bad>(body) {
        Ok(bad) if status < 500 && is_final(&bad.error) => {
            let told: String = bad
                .error_description
                .chars()
                .filter(|c| !c.is_control())
                .take(200)
                .collect();
            Err(TokenDenied::ForGood(format!("{} ({told})", bad.error)))
        }
        _ => Err(TokenDenied::ForNow(format!("the token address answered {status}"))),
    }
}

/// RFC 6749, 5.2, and two words of Google's own; anything else may pass.
fn is_final(error: &str) -> bool {
    matches!(
        error,
        "invalid_grant"
            | "invalid_client"
            | "unauthorized_client"
            | "invalid_scope"
            | "unsupported_grant_type"
            | "access_denied"
            | "deleted_client"
            | "disabled_client"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_a_token_address_are_told_apart() {
        let granted = read_answer(
            200,
            br#"{"access_token": "t", "expires_in": 100, "token_type": "Bearer"}"#,
        )
        .unwrap();
        assert_eq!((granted.token.expose(), granted.life.as_secs()), ("t", 100));
        assert_eq!(read_answer(200, br#"{"access_token": "t"}"#).unwrap().life, USUAL_LIFE);
        for (status, body, for_good) in [
            (
                400,
                r#"{"error": "invalid_grant", "error_description": "Token has been expired or revoked."}"#,
                true,
            ),
            (401, r#"{"error": "invalid_client"}"#, true),
            (400, r#"{"error": "temporarily_unavailable"}"#, false),
            (500, r#"{"error": "invalid_grant"}"#, false),
            (429, "slow down", false),
            (200, "<html>", false),
            (200, r#"{"access_token": "a\nb"}"#, false),
        ] {
            let denied = read_answer(status, body.as_bytes()).unwrap_err();
            assert_eq!(matches!(denied, TokenDenied::ForGood(_)), for_good, "{status} {body}");
        }
    }

    #[test]
    fn a_key_that_is_none_is_not_shown() {
        let key: ServiceAccountKey = serde_json::from_str(
            r#"{"type": "service_account", "client_email": "a@b", "private_key": "s3cret", "token_uri": "https://t"}"#,
        )
        .unwrap();
        let Err(TokenDenied::ForGood(why)) = assertion_form(&key, 0) else {
            panic!("no key")
        };
        assert!(!why.contains("s3cret"));
    }
}
