//! What the state store's client is started with.

use std::time::Duration;

use url::Url;

use crate::dapr::{BreakerConfig, StateError};
use crate::grin::Secret;
use crate::session::RetryBackoff;

/// Everything the client needs to know. Connections and their timeouts are the session's: its class `state`.
#[derive(Debug, Clone)]
pub struct StateStoreConfig {
    /// The sidecar's address, without a path.
    pub url: Url,
    /// The name of the state store component.
    pub store: String,
    /// Sent with every request as `dapr-api-token`, where the sidecar wants one (PROTOCOL.md, section 2).
    pub api_token: Option<Secret>,
    /// One message from beginning to end, with waiting and retries.
    pub total: Duration,
    /// Tries of what may be repeated, and the waits between them.
    pub retry: RetryBackoff,
    /// When nothing is asked for a while.
    pub breaker: BreakerConfig,
    /// A larger value is refused.
    pub largest_value: usize,
    /// Messages that have not begun; one more is refused at once.
    pub mailbox_capacity: usize,
    /// Messages that have begun; one more is refused at once.
    pub most_in_flight: usize,
}

impl StateStoreConfig {
    /// The default limits (PROTOCOL.md, section 9) for a store of the sidecar at `url`.
    ///
    /// # Errors
    /// [`StateError::Malformed`]: a name or an address of which no request can be made.
    pub fn new(url: &Url, store: &str) -> Result<Self, StateError> {
        let malformed = |message: String| Err(StateError::Malformed { message });
        if store.is_empty() || store == "." || store == ".." {
            return malformed(format!("{store:?} is no name of a state store"));
        }
        if url.cannot_be_a_base() || !url.has_host() {
            return malformed(format!("{url} is no address of a sidecar"));
        }
        Ok(Self {
            url: url.clone(),
            store: store.to_owned(),
            api_token: None,
            total: Duration::from_secs(10),
            retry: RetryBackoff {
                base: Duration::from_millis(50),
                cap: Duration::from_secs(1),
                attempts: 3,
            },
            breaker: BreakerConfig::default(),
            largest_value: 4 * 1024 * 1024,
            mailbox_capacity: 256,
            most_in_flight: 1_024,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_change_the_address_are_refused() {
        let sidecar = Url::parse("http://127.0.0.1:3500").unwrap();
        for store in ["", ".", ".."] {
            assert!(StateStoreConfig::new(&sidecar, store).is_err(), "{store:?}");
        }
        let config = StateStoreConfig::new(&sidecar, "cartstore").unwrap();
        assert_eq!(config.total, Duration::from_secs(10));
        assert!(StateStoreConfig::new(&Url::parse("mailto:x").unwrap(), "s").is_err());
    }
}
