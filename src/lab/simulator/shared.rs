//! What all serving threads share.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use crate::lab::simulator::archive::cache::ArchiveCache;
use crate::lab::simulator::faults::{FaultDice, lock};
use crate::lab::simulator::grin::auth::AuthServer;
use crate::lab::simulator::grin::catalogue::SeededCatalogue;
use crate::lab::simulator::grin::shelf::BookShelf;
use crate::lab::simulator::stats::SimulatorCounters;

/// The whole simulator, apart from its sockets.
pub(super) struct SimulatorState {
    pub catalogue: Arc<SeededCatalogue>,
    pub shelf: BookShelf,
    pub cache: Arc<ArchiveCache>,
    pub dice: FaultDice,
    pub auth: Option<AuthServer>,
    pub counters: Arc<SimulatorCounters>,
    pub throttle: Option<BandwidthThrottle>,
    /// Barcodes that make GRIN answer 500 to every search and every request for conversion that names them.
    pub spoilers: Mutex<HashSet<String>>,
    /// Where it listens; known once the socket is bound.
    pub bound: OnceLock<BoundAddresses>,
}

/// Where the simulator listens.
#[derive(Debug, Clone)]
pub(super) struct BoundAddresses {
    pub scheme: &'static str,
    pub host: String,
    pub port: u16,
    /// The loopback address that hands out bytes without a token, where it could be bound.
    pub other: Option<std::net::SocketAddr>,
    /// The loopback address that stands for the host nobody should follow to, where it could be bound.
    pub foreign: Option<std::net::SocketAddr>,
}

impl SimulatorState {
    /// Does one of these barcodes make GRIN fail?
    pub fn is_spoilt(&self, barcodes: &[&str]) -> bool {
        let spoilers = lock(&self.spoilers);
        barcodes.iter().any(|barcode| spoilers.contains(*barcode))
    }

    /// Scheme, host and port of its addresses.
    pub fn origin(&self) -> String {
        self.bound.get().map_or_else(String::new, BoundAddresses::origin)
    }
}

impl BoundAddresses {
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
pub(super) struct BandwidthThrottle {
    rate: f64,
    level: Mutex<(f64, Instant)>,
}

impl BandwidthThrottle {
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
        let throttle = BandwidthThrottle::new(3.0);
        let passed = (0..10).filter(|_| throttle.passes()).count();
        assert!((3..=4).contains(&passed), "{passed}");
    }
}
