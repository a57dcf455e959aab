//! Names and their addresses, kept for a while.

use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use actix_tls::connect::Resolve;
use futures::future::LocalBoxFuture;
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

    fn remember(&self, host: &str, addresses: &[SocketAddr]) {
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

impl Resolve for CachingResolver {
    fn lookup<'a>(&'a self, host: &'a str, port: u16) -> LocalBoxFuture<'a, Result<Vec<SocketAddr>, Box<dyn Error>>> {
        Box::pin(async move {
            if let Some(addresses) = self.remembered(host, port) {
                return Ok(addresses);
            }
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
            if !addresses.is_empty() {
                self.remember(host, &addresses);
            }
            Ok(addresses)
        })
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
