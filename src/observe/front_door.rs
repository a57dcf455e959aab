//! Who may ask over the network. Who may ask over the Unix socket, its mode says.
//!
//! With a token: whoever has it. Without one only this machine's own users, and the pages of no other site in their browsers: such a page
//! can have its own name lead here, and the name is told by the request.

use std::net::IpAddr;
use std::path::Path;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

use crate::grin::{Secret, read_secret_text};
use crate::observe::server::ObserverError;

/// What whoever asks must have.
#[derive(Debug, Clone, Default)]
pub struct FrontDoor {
    /// `observe.token_file`.
    pub token: Option<Secret>,
}

/// What a request over the network says of itself.
#[derive(Debug, Clone, Copy, Default)]
struct AskerWords<'a> {
    path: &'a str,
    host: Option<&'a str>,
    authorization: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DoorRefusal {
    /// It names another machine.
    Host,
    /// It has not the token.
    Token,
}

impl FrontDoor {
    /// With the token in this file, if there is to be one: its first line.
    pub fn of(file: Option<&Path>) -> Result<Self, ObserverError> {
        let Some(path) = file else {
            return Ok(Self::default());
        };
        let text = read_secret_text(path).map_err(ObserverError::Token)?;
        let token = text.lines().next().unwrap_or_default().trim();
        if token.is_empty() {
            return Err(ObserverError::NoToken { path: path.to_owned() });
        }
        let token = Some(Secret::new(token));
        Ok(Self { token })
    }

    fn refusal(&self, asker: AskerWords<'_>) -> Option<DoorRefusal> {
        match &self.token {
            // Who starts the daemon anew when it hangs has no token.
            Some(_) if matches!(asker.path, "/live" | "/ready") => None,
            Some(token) => {
                let has_token = asker.authorization.is_some_and(|words| has_token(words.trim(), token));
                (!has_token).then_some(DoorRefusal::Token)
            }
            None => asker
                .host
                .is_some_and(|host| !is_own(host))
                .then_some(DoorRefusal::Host),
        }
    }
}

/// `Bearer` as programs send it, or `Basic` with the token as the password of whatever user, as browsers do.
fn has_token(authorization: &str, token: &Secret) -> bool {
    let Some((scheme, given)) = authorization.split_once(' ') else {
        return false;
    };
    let given = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => given.trim().as_bytes().to_vec(),
        "basic" => {
            let decoded = STANDARD.decode(given.trim()).unwrap_or_default();
            let colon = decoded.iter().position(|byte| *byte == b':');
            colon.map_or_else(Vec::new, |colon| decoded[colon + 1..].to_vec())
        }
        _ => return false,
    };
    // Digests: how long the comparison takes says nothing of the token.
    digest(&SHA256, &given).as_ref() == digest(&SHA256, token.expose().as_bytes()).as_ref()
}

/// Only a name can be made to lead to another machine than its owner's.
fn is_own(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    if let Some(address) = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        return address.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6());
    }
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_ipv4())
}

/// Lets those in that may ask.
pub async fn let_in(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let word = |name| {
        request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap_or("\u{fffd}"))
    };
    let asker = AskerWords {
        path: request.path(),
        host: word(header::HOST),
        authorization: word(header::AUTHORIZATION),
    };
    let door = request.app_data::<web::Data<FrontDoor>>();
    let is_of_network = request.peer_addr().is_some();
    match door.filter(|_| is_of_network).and_then(|door| door.refusal(asker)) {
        None => next.call(request).await.map(ServiceResponse::map_into_boxed_body),
        Some(refusal) => Ok(request.into_response(refusal.answer())),
    }
}

impl DoorRefusal {
    fn answer(self) -> HttpResponse {
        let (status, words) = match self {
            Self::Host => (
                StatusCode::FORBIDDEN,
                "this name is not this machine's own: ask by its address, or as localhost; a proxy sends as Host the address that it asks\n",
            ),
            Self::Token => (
                StatusCode::UNAUTHORIZED,
                "the token of observe.token_file is needed, as Authorization: Bearer, or as the password of any user\n",
            ),
        };
        let mut answer = HttpResponse::build(status);
        if self == Self::Token {
            answer.insert_header((header::WWW_AUTHENTICATE, "Basic realm=\"grind\", charset=\"UTF-8\""));
        }
        answer.content_type("text/plain; charset=utf-8").body(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grin::write_secret_file;

    #[test]
    fn an_address_is_own_and_a_name_is_not() {
        for (host, own) in [
            ("127.0.0.1:9618", true),
            ("10.0.0.7", true),
            ("[::1]:9618", true),
            ("[::1]", true),
            ("localhost:9618", true),
            ("LocalHost", true),
            ("", false),
            ("\u{fffd}", false),
            ("evil.example", false),
            ("evil.example:9618", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example:80", false),
            ("[evil]:80", false),
            ("evil.example:80@127.0.0.1", false),
        ] {
            let asker = AskerWords {
                host: Some(host),
                ..AskerWords::default()
            };
            let refusal = FrontDoor::default().refusal(asker);
            assert_eq!(refusal, (!own).then_some(DoorRefusal::Host), "{host:?}");
        }
        let nameless = AskerWords::default();
        assert_eq!(FrontDoor::default().refusal(nameless), None, "no browser leaves it out");
    }

    #[test]
    fn a_token_is_the_first_line_of_its_file_and_never_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        assert!(FrontDoor::of(Some(&file)).is_err(), "it is not there");
        for (text, token) in [("s3cret\nmore\n", Some("s3cret")), ("\n", None), (" ", None)] {
            write_secret_file(&file, text).unwrap();
            let read = FrontDoor::of(Some(&file)).ok().and_then(|door| door.token);
            assert_eq!(read.as_ref().map(Secret::expose), token, "{text:?}");
        }
        assert!(FrontDoor::of(None).unwrap().token.is_none());
    }

    #[test]
    fn with_a_token_it_alone_counts() {
        let door = FrontDoor {
            token: Some(Secret::new("s3cret")),
        };
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        for (path, authorization, let_in) in [
            ("/", Some("Bearer s3cret".to_owned()), true),
            ("/metrics", Some("bearer s3cret".to_owned()), true),
            ("/", Some(basic("anybody:s3cret")), true),
            ("/", Some(basic(":s3cret")), true),
            ("/live", None, true),
            ("/ready", None, true),
            ("/", None, false),
            ("/live/", None, false),
            ("/", Some(String::new()), false),
            ("/", Some("s3cret".to_owned()), false),
            ("/", Some("Bearer ".to_owned()), false),
            ("/", Some("Bearer s3cre".to_owned()), false),
            ("/", Some("Basic s3cret".to_owned()), false),
            ("/", Some(basic("s3cret")), false),
            ("/", Some(basic("s3cret:x")), false),
            ("/", Some("Digest s3cret".to_owned()), false),
        ] {
            let asker = AskerWords {
                path,
                host: Some("grind.example.org"),
                authorization: authorization.as_deref(),
            };
            let refusal = door.refusal(asker);
            assert_eq!(
                refusal,
                (!let_in).then_some(DoorRefusal::Token),
                "{path} {authorization:?}"
            );
        }
    }
}
