//! Who may ask: access tokens that run out, refresh tokens that die, codes that are good once.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::lab::simulator::archive::mets::hex;
use crate::lab::simulator::config::AuthConfig;
use crate::lab::simulator::faults::lock;
use crate::lab::simulator::seed::{DrawPurpose, SeedDraw};

/// Tokens and codes remembered; the oldest are forgotten.
const REMEMBERED: usize = 10_000;

/// The keeper of tokens and codes.
pub(crate) struct AuthServer {
    pub config: AuthConfig,
    seed: u64,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    tokens: HashMap<String, Token>,
    order: VecDeque<String>,
    codes: HashMap<String, AuthorizationCode>,
    refresh_dead: bool,
    issued: u64,
}

struct Token {
    until: Instant,
    requests_left: Option<u64>,
}

/// What an authorisation code was given for.
#[derive(Debug, Clone)]
pub(crate) struct AuthorizationCode {
    pub client_id: String,
    pub redirect_uri: String,
    /// S256 challenge of PKCE.
    pub challenge: Option<String>,
}

impl AuthServer {
    pub fn new(config: AuthConfig, seed: u64) -> Self {
        Self {
            config,
            seed,
            inner: Mutex::default(),
        }
    }

    /// A new access token.
    pub fn issue(&self) -> String {
        let mut inner = lock(&self.inner);
        let token = format!("ya29.{}", self.unguessable(&mut inner));
        let entry = Token {
            until: Instant::now() + self.config.token_lifetime,
            requests_left: self.config.token_requests,
        };
        inner.tokens.insert(token.clone(), entry);
        inner.order.push_back(token.clone());
        while inner.order.len() > REMEMBERED {
            let oldest = inner.order.pop_front();
            oldest.and_then(|oldest| inner.tokens.remove(&oldest));
        }
        token
    }

    /// Is this `Authorization` header good? A good one is used up by one request.
    pub fn admits(&self, header: Option<&str>) -> bool {
        let Some(token) = header.and_then(|header| header.strip_prefix("Bearer ")) else {
            return false;
        };
        let mut inner = lock(&self.inner);
        let Some(entry) = inner.tokens.get_mut(token) else {
            return false;
        };
        if entry.until <= Instant::now() || entry.requests_left == Some(0) {
            return false;
        }
        entry.requests_left = entry.requests_left.map(|left| left - 1);
        true
    }

    /// Ends every access token.
    pub fn expire_all(&self) {
        let mut inner = lock(&self.inner);
        inner.tokens.clear();
        inner.order.clear();
    }

    /// Kills the refresh token or brings it back.
    pub fn set_refresh_alive(&self, alive: bool) {
        lock(&self.inner).refresh_dead = !alive;
    }

    /// Is this the refresh token, and alive?
    pub fn may_refresh(&self, token: &str) -> bool {
        token == self.config.refresh_token.expose() && !lock(&self.inner).refresh_dead
    }

    /// A code for one exchange.
    pub fn give_code(&self, code: AuthorizationCode) -> String {
        let mut inner = lock(&self.inner);
        let name = format!("4/{}", self.unguessable(&mut inner));
        if inner.codes.len() >= REMEMBERED {
            inner.codes.clear();
        }
        inner.codes.insert(name.clone(), code);
        name
    }

    /// What a code was given for; it is good once.
    pub fn take_code(&self, name: &str) -> Option<AuthorizationCode> {
        lock(&self.inner).codes.remove(name)
    }

    /// How long a new token lives, in whole seconds.
    pub fn lifetime(&self) -> Duration {
        self.config.token_lifetime
    }

    fn unguessable(&self, inner: &mut Inner) -> String {
        inner.issued += 1;
        let mut bytes = [0; 24];
        SeedDraw::new(self.seed, DrawPurpose::Token, inner.issued).fill(&mut bytes);
        hex(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(config: AuthConfig) -> AuthServer {
        AuthServer::new(config, 1)
    }

    #[test]
    fn a_token_is_good_for_its_requests_and_its_time() {
        let auth = auth(AuthConfig {
            token_requests: Some(2),
            ..AuthConfig::default()
        });
        let header = format!("Bearer {}", auth.issue());
        let answers: Vec<bool> = (0..3).map(|_| auth.admits(Some(&header))).collect();
        assert_eq!(answers, [true, true, false]);
        assert!(!auth.admits(None) && !auth.admits(Some("Bearer made-up")));
    }

    #[test]
    fn a_token_without_time_is_never_good() {
        let auth = auth(AuthConfig {
            token_lifetime: Duration::ZERO,
            ..AuthConfig::default()
        });
        let header = format!("Bearer {}", auth.issue());
        assert!(!auth.admits(Some(&header)));
    }

    #[test]
    fn codes_are_good_once_and_refresh_tokens_can_die() {
        let auth = auth(AuthConfig::default());
        let code = AuthorizationCode {
            client_id: "c".into(),
            redirect_uri: "r".into(),
            challenge: None,
        };
        let name = auth.give_code(code);
        assert!(auth.take_code(&name).is_some() && auth.take_code(&name).is_none());
        let refresh = auth.config.refresh_token.clone();
        assert!(auth.may_refresh(refresh.expose()));
        auth.set_refresh_alive(false);
        assert!(!auth.may_refresh(refresh.expose()));
    }
}
