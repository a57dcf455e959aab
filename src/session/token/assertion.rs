//! The signed assertion by which a service account asks for a token (RFC 7523), with RS256 (RFC 7518, 3.3).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;
use url::form_urlencoded;

use crate::grin::ServiceAccountKey;
use crate::session::token::exchange::TokenDenied;

/// The scopes only identify the account.
const SCOPES: &str =
    "openid https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/userinfo.profile";

/// Seconds by which the beginning is back-dated: a clock that is a little ahead of Google's makes an assertion of the future.
const BACK_DATED: i64 = 60;

/// The longest life that Google allows, in seconds.
const LIFE: i64 = 3600;

/// The form that turns a service account's signature into a token; `now` in seconds since 1970.
///
/// # Errors
/// [`TokenDenied::UnusableFile`]: the key is no RSA key in PEM. The key itself is not shown.
pub(super) fn assertion_form(key: &ServiceAccountKey, now: i64) -> Result<String, TokenDenied> {
    let begins = now.saturating_sub(BACK_DATED);
    let mut header = json!({"alg": "RS256", "typ": "JWT"});
    if let Some(id) = &key.private_key_id {
        header["kid"] = id.as_str().into();
    }
    let claims = json!({
        "iss": key.client_email, "scope": SCOPES, "aud": key.token_uri, "iat": begins, "exp": begins.saturating_add(LIFE),
    });
    let encode = |part: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(part);
    let signed = format!(
        "{}.{}",
        encode(header.to_string().as_bytes()),
        encode(claims.to_string().as_bytes())
    );
    let signature = sign(key, signed.as_bytes()).ok_or_else(|| {
        TokenDenied::UnusableFile("the field private_key of the service account is no RSA key in PEM".to_owned())
    })?;
    Ok(form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
        .append_pair("assertion", &format!("{signed}.{}", encode(&signature)))
        .finish())
}

/// Whether this key can sign: an RSA key in PEM, which no file's form alone says.
pub fn service_account_can_sign(key: &ServiceAccountKey) -> bool {
    key_pair(key).is_some()
}

fn key_pair(key: &ServiceAccountKey) -> Option<RsaKeyPair> {
    match PrivateKeyDer::from_pem_slice(key.private_key.expose().as_bytes()).ok()? {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        _ => return None,
    }
    .ok()
}

fn sign(key: &ServiceAccountKey, text: &[u8]) -> Option<Vec<u8>> {
    let pair = key_pair(key)?;
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature)
        .ok()?;
    Some(signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_none_is_not_shown() {
        let key = ServiceAccountKey {
            client_email: "a@b".to_owned(),
            private_key: crate::grin::Secret::new("s3cret"),
            private_key_id: None,
            token_uri: "https://t".to_owned(),
        };
        let Err(TokenDenied::UnusableFile(why)) = assertion_form(&key, 0) else {
            panic!("no key")
        };
        assert!(why.contains("private_key") && !why.contains("s3cret"), "{why}");
    }
}
