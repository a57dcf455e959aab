//! A sidecar simulator, a session and a client, for tests.

use std::time::Duration;

use actix_rt::Arbiter;
use serde_json::{Value, json};
use url::Url;

use crate::actor::{ActorRegistry, AskContext};
use crate::dapr::{GetState, KeyState, SaveState, StateError, StateItem, StateStore, StateStoreConfig};
use crate::grin::RedirectPolicy;
use crate::lab::simulator::{RunningSidecar, SidecarConfig, SidecarSimulator};
use crate::session;
use crate::session::{ConnectionLimits, RequestTimeouts, Session, SessionConfig, SessionSnapshot, SessionThread};

pub struct Fixture {
    pub sidecar: RunningSidecar,
    pub session: Session,
    pub store: StateStore,
    pub cx: AskContext,
    thread: SessionThread,
}

/// What a fixture is made of, to be changed before.
pub struct Parts {
    pub sidecar: SidecarConfig,
    pub session: SessionConfig,
    pub store: StateStoreConfig,
}

/// The default limits (PROTOCOL.md, section 9); the sidecar's address is filled in later.
pub fn parts() -> Parts {
    let nowhere = Url::parse("http://127.0.0.1:1/").unwrap();
    Parts {
        sidecar: SidecarConfig::default(),
        session: SessionConfig::new(RedirectPolicy::new(&nowhere, &[], &[])),
        store: StateStoreConfig::new(&nowhere, "statestore").unwrap(),
    }
}

/// A tenth of the default times, and no retries: 300 ms waiting and connecting, 500 ms silence, 1 s in all.
pub fn quick() -> Parts {
    let mut parts = parts();
    parts.session.state_timeouts = RequestTimeouts {
        wait: Some(Duration::from_millis(300)),
        connect: Duration::from_millis(300),
        read: Duration::from_millis(500),
        total: Duration::from_millis(1_000),
        download: Duration::from_millis(1_000),
    };
    parts.store.total = Duration::from_millis(1_000);
    parts.store.retry.attempts = 1;
    parts
}

impl Parts {
    pub fn places(mut self, limit: usize, per_host: usize) -> Self {
        self.session.state_limits = ConnectionLimits::unshared(limit, per_host);
        self
    }

    pub fn start(self) -> Fixture {
        let sidecar = SidecarSimulator::start(self.sidecar).unwrap();
        let hub = ActorRegistry::new();
        let (session, thread) = Session::start(&hub, self.session).unwrap();
        let config = StateStoreConfig {
            url: Url::parse(&sidecar.base_url()).unwrap(),
            ..self.store
        };
        let store = StateStore::start(&hub, &Arbiter::current(), &session, config);
        Fixture {
            sidecar,
            session,
            store,
            cx: AskContext::root("test"),
            thread,
        }
    }
}

impl Fixture {
    pub async fn get(&self, key: &str) -> Result<KeyState, StateError> {
        self.store.ask(GetState::of(key), &self.cx).await
    }

    /// The value and ETag under `key`; fails when there is none.
    pub async fn value(&self, key: &str) -> (Value, String) {
        let stored = self.get(key).await.unwrap().value().unwrap();
        (stored.json().unwrap(), stored.etag.unwrap())
    }

    pub async fn save(&self, item: StateItem) -> Result<(), StateError> {
        self.store.ask(SaveState::one(item), &self.cx).await
    }

    pub async fn put(&self, key: &str, value: i32) -> Result<(), StateError> {
        self.save(item(key, value)).await
    }

    pub fn counted(&self) -> SessionSnapshot {
        self.session.counters().snapshot()
    }

    /// Waits until something has become true.
    pub async fn until(&self, what: &str, good: impl Fn() -> bool) {
        for _ in 0..2_000 {
            if good() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!(
            "never: {what}; {:?}; {:?}",
            self.store.counters().snapshot(),
            self.sidecar.stats()
        );
    }

    pub async fn close_session(&self) {
        let close = session::CloseSession {
            grace: Duration::from_secs(1),
        };
        self.session.ask(close, &self.cx).await.unwrap();
    }

    pub fn end(self) {
        drop(self.store);
        self.thread.join().unwrap();
    }
}

pub fn item(key: &str, value: i32) -> StateItem {
    StateItem::json(key, &json!({ "n": value })).unwrap()
}
