//! The OAuth 2.0 endpoints: authorisation page with PKCE and state, tokens for code, refresh and JWT.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use url::Url;

use crate::lab::simulator::config::ConsentChoice;
use crate::lab::simulator::grin::auth::{AuthServer, AuthorizationCode};
use crate::lab::simulator::grin::query::QueryPairs;

const SCOPES: &str =
    "openid https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/userinfo.profile";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The authorisation page (`GET /o/oauth2/auth`).
pub(crate) fn authorize(auth: &AuthServer, request: &HttpRequest) -> HttpResponse {
    let query = QueryPairs::parse(request.query_string());
    let redirect = query
        .get("redirect_uri")
        .and_then(|uri| Url::parse(uri).ok())
        .filter(is_loopback);
    let (Some(mut redirect), Some("code")) = (redirect, query.get("response_type")) else {
        return page(
            StatusCode::BAD_REQUEST,
            "Error 400: redirect_uri_mismatch or invalid_request",
        );
    };
    if query.get("client_id") != Some(auth.config.client_id.as_str()) {
        return page(StatusCode::UNAUTHORIZED, "Error 401: invalid_client");
    }
    let consent = if query.get("consent").is_some() {
        ConsentChoice::Given
    } else {
        auth.config.consent
    };
    if consent == ConsentChoice::Asked {
        let again = format!("?{}&consent=given", request.query_string()).replace('&', "&amp;");
        return page(StatusCode::OK, &format!("<a href=\"{again}\">Allow</a>"));
    }
    let answer = match consent {
        ConsentChoice::Refused => ("error", "access_denied".to_owned()),
        _ => ("code", auth.give_code(code_of(auth, &query))),
    };
    redirect.query_pairs_mut().append_pair(answer.0, &answer.1);
    if let Some(state) = query.get("state") {
        redirect.query_pairs_mut().append_pair("state", state);
    }
    HttpResponse::Found()
        .insert_header((header::LOCATION, redirect.as_str()))
        .finish()
}

fn code_of(auth: &AuthServer, query: &QueryPairs) -> AuthorizationCode {
    let challenge = query.get("code_challenge").map(str::to_owned);
    AuthorizationCode {
        client_id: auth.config.client_id.clone(),
        redirect_uri: query.get("redirect_uri").unwrap_or_default().to_owned(),
        challenge,
    }
}

/// The redirect of an installed application goes to its own machine.
fn is_loopback(url: &Url) -> bool {
    url.scheme() == "http" && matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

/// The token endpoint (`POST /token`). Also says whether a token was issued.
pub(crate) fn token(auth: &AuthServer, own_address: &str, body: &[u8]) -> HttpResponse {
    let form = QueryPairs::parse(&String::from_utf8_lossy(body));
    let granted = match form.get("grant_type") {
        Some("refresh_token") => client(auth, &form).and_then(|()| refresh(auth, &form)),
        Some("authorization_code") => client(auth, &form).and_then(|()| exchange(auth, &form)),
        Some(JWT_BEARER) => service_account(auth, own_address, &form),
        _ => Err(("unsupported_grant_type", "Invalid grant_type")),
    };
    match granted {
        Ok(refresh_token) => HttpResponse::Ok().json(serde_json::json!({
            "access_token": auth.issue(),
            "expires_in": auth.lifetime().as_secs(),
            "refresh_token": refresh_token,
            "scope": SCOPES,
            "token_type": "Bearer",
        })),
        Err((error, description)) => {
            let status = if error == "invalid_client" {
                StatusCode::UNAUTHORIZED
            } else {
                StatusCode::BAD_REQUEST
            };
            HttpResponse::build(status).json(serde_json::json!({"error": error, "error_description": description}))
        }
    }
}

type Refused = (&'static str, &'static str);

fn client(auth: &AuthServer, form: &QueryPairs) -> Result<(), Refused> {
    let known = form.get("client_id") == Some(auth.config.client_id.as_str())
        && form.get("client_secret") == Some(auth.config.client_secret.expose());
    known
        .then_some(())
        .ok_or(("invalid_client", "The OAuth client was not found."))
}

fn refresh(auth: &AuthServer, form: &QueryPairs) -> Result<Option<String>, Refused> {
    let alive = form.get("refresh_token").is_some_and(|token| auth.may_refresh(token));
    alive
        .then_some(None)
        .ok_or(("invalid_grant", "Token has been expired or revoked."))
}

fn exchange(auth: &AuthServer, form: &QueryPairs) -> Result<Option<String>, Refused> {
    let bad = ("invalid_grant", "Bad Request");
    let code = form.get("code").and_then(|code| auth.take_code(code)).ok_or(bad)?;
    let verified = code.challenge.as_deref().is_none_or(|challenge| {
        let verifier = form.get("code_verifier").unwrap_or_default();
        URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == challenge
    });
    let same = form.get("redirect_uri") == Some(code.redirect_uri.as_str()) && code.client_id == auth.config.client_id;
    if !verified || !same {
        return Err(bad);
    }
    auth.set_refresh_alive(true);
    Ok(Some(auth.config.refresh_token.expose().to_owned()))
}

/// A service account's signed assertion; claims are always checked, the signature where a public key was given.
fn service_account(auth: &AuthServer, own_address: &str, form: &QueryPairs) -> Result<Option<String>, Refused> {
    let assertion = form.get("assertion").unwrap_or_default();
    let key = auth.config.service_account_key.as_deref();
    match assertion_holds(assertion, own_address, key) {
        Some(true) => Ok(None),
        _ => Err(("invalid_grant", "Invalid JWT Signature.")),
    }
}

/// Whether an assertion is for this address, still lasts, and is signed with the private half of `key`; `None`: it is no JWT.
fn assertion_holds(assertion: &str, audience: &str, key: Option<&str>) -> Option<bool> {
    let (signed, signature) = assertion.rsplit_once('.')?;
    let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.')?.1).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    let lasts = claims["exp"].as_i64()? > Timestamp::now().as_second();
    let named = claims["iss"].is_string() && claims["scope"].is_string();
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    let proven = match key {
        Some(pem) => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, rsa_public_key(pem)?)
            .verify(signed.as_bytes(), &signature)
            .is_ok(),
        None => true,
    };
    Some(lasts && named && claims["aud"] == audience && proven)
}

/// The key inside a `PUBLIC KEY` in PEM, as ring takes it: the bit string behind the algorithm's identifier (RFC 8017, A.1).
fn rsa_public_key(pem: &str) -> Option<Vec<u8>> {
    const RSA: [u8; 15] = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1, 5, 0];
    let der = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).ok()?;
    let der: &[u8] = &der;
    let at = der.windows(RSA.len()).position(|window| window == RSA)?;
    // Tag, length in two bytes, and no unused bits: every key of 1024 bits and more.
    let key = der[at + RSA.len()..].strip_prefix(&[3, 0x82])?.get(2..)?;
    key.strip_prefix(&[0]).map(<[u8]>::to_vec)
}

fn page(status: StatusCode, text: &str) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .body(format!(
            "<html><head><title>Sign in - Google Accounts</title></head><body>{text}</body></html>"
        ))
}
