//! Names and their addresses, kept for a while.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

/// Names kept at most; a session needs a handful.
const MOST: usize = 256;

/// Remembers what the system's resolver said; failures are not kept.
#[derive(Clone)]
pub(super) struct CachingResolver {
    ttl: Duration,
    known: Rc<RefCell<HashMap<String, Known>>>,
}

struct Known {
    since: Instant,
    addresses: Vec<IpAddr>,
}

impl CachingResolver {
    pub(super) fn new(ttl: Duration) -> Self {
        Self {
            ttl,
            known: Rc::default(),
        }
    }

    /// The addresses of a name; the order says which to try first.
    ///
    /// # Errors
    /// The system's resolver failed.
    pub(super) async fn lookup(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Some(addresses) = self.remembered(host, port) {
            return Ok(addresses);
        }
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
        if !addresses.is_empty() {
            self.remember(host, &addresses);
        }
        Ok(addresses)
    }

    /// Puts addresses that failed behind the others; where all failed, the name is asked for anew.
    pub(super) fn put_back(&self, host: &str, failed: &[SocketAddr]) {
        let mut known = self.known.borrow_mut();
        let Some(entry) = known.get_mut(host).filter(|_| !failed.is_empty()) else {
            return;
        };
        let has_failed = |address: &IpAddr| failed.iter().any(|other| other.ip() == *address);
        entry.addresses.sort_by_key(has_failed);
        if entry.addresses.iter().all(has_failed) {
            known.remove(host);
        }
    }

    /// Forgets every address: some of them may be why connections fail.
    pub(super) fn forget(&self) {
        self.known.borrow_mut().clear();
    }

    fn remembered(&self, host: &str, port: u16) -> Option<Vec<SocketAddr>> {
        let known = self.known.borrow();
        let entry = known.get(host).filter(|entry| entry.since.elapsed() < self.ttl)?;
        Some(
            entry
                .addresses
                .iter()
                .map(|address| SocketAddr::new(*address, port))
                .collect(),
        )
    }

    pub(super) fn remember(&self, host: &str, addresses: &[SocketAddr]) {
        let mut known = self.known.borrow_mut();
        if known.len() >= MOST {
            known.clear();
        }
        let addresses = addresses.iter().map(SocketAddr::ip).collect();
        known.insert(
            host.to_owned(),
            Known {
                since: Instant::now(),
                addresses,
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn addresses_are_kept_for_their_time_and_given_with_the_port_asked_for() {
        let resolver = CachingResolver::new(Duration::from_secs(300));
        resolver.remember("grin.test", &["192.0.2.1:80".parse().unwrap()]);
        assert_eq!(
            resolver.lookup("grin.test", 443).await.unwrap(),
            ["192.0.2.1:443".parse().unwrap()]
        );
        tokio::time::advance(Duration::from_secs(301)).await;
        assert_eq!(resolver.remembered("grin.test", 443), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_failed_goes_to_the_back() {
        let resolver = CachingResolver::new(Duration::from_secs(300));
        let [a, b, c] = ["192.0.2.1:80", "192.0.2.2:80", "192.0.2.3:80"].map(|text| text.parse().unwrap());
        resolver.remember("grin.test", &[a, b, c]);
        resolver.put_back("grin.test", &[a]);
        assert_eq!(resolver.lookup("grin.test", 80).await.unwrap(), [b, c, a]);
        resolver.put_back("grin.test", &[]);
        assert_eq!(resolver.lookup("grin.test", 80).await.unwrap(), [b, c, a]);
        resolver.put_back("grin.test", &[c, a, b]);
        assert_eq!(resolver.remembered("grin.test", 80), None);
    }

    #[tokio::test]
    async fn what_the_system_says_is_remembered_until_forgotten() {
        let resolver = CachingResolver::new(Duration::from_secs(300));
        assert!(
            resolver
                .lookup("localhost", 1)
                .await
                .unwrap()
                .iter()
                .all(|address| address.ip().is_loopback())
        );
        assert!(resolver.remembered("localhost", 1).is_some());
        resolver.forget();
        assert_eq!(resolver.remembered("localhost", 1), None);
    }

    #[test]
    fn the_cache_is_bounded() {
        let resolver = CachingResolver::new(Duration::from_secs(300));
        for number in 0..1_000 {
            resolver.remember(&format!("h{number}"), &["192.0.2.1:80".parse().unwrap()]);
        }
        assert!(resolver.known.borrow().len() <= MOST);
    }
}
