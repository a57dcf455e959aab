//! Room `simulator`: what all serving threads share.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use super::auth::Auth;
use super::cache::Cache;
use super::catalogue::Catalogue;
use super::faults::{Dice, lock};
use super::shelf::Shelf;
use super::stats::Counters;

/// The whole simulator, apart from its sockets.
pub(super) struct Shared {
    pub catalogue: Arc<Catalogue>,
    pub shelf: Shelf,
    pub cache: Arc<Cache>,
    pub dice: Dice,
    pub auth: Option<Auth>,
    pub counters: Arc<Counters>,
    pub throttle: Option<Throttle>,
    /// Where it listens; known once the socket is bound.
    pub bound: OnceLock<Bound>,
}

/// Where the simulator listens.
#[derive(Debug, Clone)]
pub(super) struct Bound {
    pub scheme: &'static str,
    pub host: String,
    pub port: u16,
    /// The loopback address that hands out bytes without a token, where it could be bound.
    pub other: Option<std::net::SocketAddr>,
    /// The loopback address that plays the host nobody should follow to, where it could be bound.
    pub foreign: Option<std::net::SocketAddr>,
}

impl Shared {
    /// Scheme, host and port of its addresses.
    pub fn origin(&self) -> String {
        self.bound.get().map_or_else(String::new, Bound::origin)
    }
}

impl Bound {
    pub fn origin(&self) -> String {
        format!("{}://{}:{}", self.scheme, self.host, self.port)
    }

    /// Another host that hands out bytes.
    pub fn other_host(&self) -> String {
        match self.other {
            Some(address) => address.ip().to_string(),
            None if self.host == "localhost" => "127.0.0.1".into(),
            None => "localhost".into(),
        }
    }

    pub fn other_origin(&self) -> String {
        format!("{}://{}:{}", self.scheme, self.other_host(), self.port)
    }

    pub fn foreign_origin(&self) -> String {
        self.foreign.map_or_else(
            || "http://foreign.invalid".into(),
            |address| format!("http://{address}"),
        )
    }
}

/// A bucket that fills at a steady rate and holds one second's worth.
pub(super) struct Throttle {
    rate: f64,
    level: Mutex<(f64, Instant)>,
}

impl Throttle {
    pub fn new(rate: f64) -> Self {
        Self {
            rate,
            level: Mutex::new((rate.max(1.0), Instant::now())),
        }
    }

    /// May a request pass now?
    pub fn passes(&self) -> bool {
        let mut level = lock(&self.level);
        let now = Instant::now();
        let filled = level.0 + self.rate * (now - level.1).as_secs_f64();
        let filled = filled.min(self.rate.max(1.0));
        let passes = filled >= 1.0;
        *level = (if passes { filled - 1.0 } else { filled }, now);
        passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_throttle_lets_one_seconds_worth_pass_at_once() {
        let throttle = Throttle::new(3.0);
        let passed = (0..10).filter(|_| throttle.passes()).count();
        assert!((3..=4).contains(&passed), "{passed}");
    }
}
