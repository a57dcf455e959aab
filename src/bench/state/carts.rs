//! Room `bench`: shopping carts in a state store, over a new client for each request or over the session owner.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use actix_rt::Arbiter;
use awc::error::SendRequestError;
use bytes::Bytes;
use serde_json::{Value, json};
use url::Url;

use crate::bench::error::BenchError;
use crate::bench::fresh::{Fresh, Made};
use crate::bench::latency::Latencies;
use crate::grin::RedirectPolicy;
use crate::mailbox::{Cx, Hub};
use crate::session::{self, Session, SessionConfig, SessionThread};
use crate::state_store::{Delete, Get, Item, Save, StateStore, StateStoreConfig};

/// The store's name at the look-alike.
const STORE: &str = "statestore";

/// A way of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A new client for each request.
    NewEach,
    /// The state store's client on the session owner.
    Owner,
}

impl Mode {
    /// As reports call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewEach => "new session each",
            Self::Owner => "session owner",
        }
    }
}

/// A way of asking, ready.
pub enum Carts {
    /// See [`Mode::NewEach`].
    NewEach(Box<Fresh>, Url),
    /// See [`Mode::Owner`].
    Owner(Owner),
}

/// The product's own way.
pub struct Owner {
    store: StateStore,
    session: Session,
    thread: SessionThread,
    cx: Cx,
}

impl Carts {
    /// Makes it ready; nothing is connected yet.
    pub fn start(mode: Mode, url: &Url) -> Result<Self, BenchError> {
        match mode {
            Mode::NewEach => {
                let base = url
                    .join(&format!("/v1.0/state/{STORE}"))
                    .map_err(|error| BenchError::Helper(error.to_string()))?;
                Ok(Self::NewEach(Box::new(Fresh::new(None)?), base))
            }
            Mode::Owner => {
                let hub = Hub::new();
                let (session, thread) = Session::start(&hub, SessionConfig::new(RedirectPolicy::new(url, &[], &[])))?;
                let config =
                    StateStoreConfig::new(url, STORE).map_err(|error| BenchError::Helper(error.to_string()))?;
                let store = StateStore::start(&hub, &Arbiter::current(), &session, config);
                let cx = Cx::root("bench");
                Ok(Self::Owner(Owner {
                    store,
                    session,
                    thread,
                    cx,
                }))
            }
        }
    }

    /// What was used up so far.
    pub fn made(&self) -> Made {
        match self {
            Self::NewEach(fresh, _) => fresh.made(),
            Self::Owner(owner) => Made::by(&owner.session),
        }
    }

    /// Lets go of everything; the session last.
    pub async fn end(self) -> Result<(), BenchError> {
        let Self::Owner(owner) = self else { return Ok(()) };
        owner.store.shut();
        owner.store.drained().await;
        let grace = Duration::from_secs(1);
        owner.session.ask(session::Close { grace }, &owner.cx).await?;
        owner.session.shut();
        owner.session.drained().await;
        Ok(owner.thread.join()?)
    }

    async fn save(&self, key: &str, value: &Value) -> bool {
        match self {
            Self::NewEach(fresh, base) => {
                let body = json!([{"key": key, "value": value}]);
                let sent = fresh.client().post(base.as_str()).send_json(&body).await;
                sent.is_ok_and(|answer| answer.status().is_success())
            }
            Self::Owner(owner) => match Item::json(key, value) {
                Ok(item) => owner.store.ask(Save::one(item), &owner.cx).await.is_ok(),
                Err(_) => false,
            },
        }
    }

    async fn get(&self, key: &str) -> Option<Value> {
        let bytes = match self {
            Self::NewEach(fresh, base) => get(fresh, &format!("{base}/{key}")).await.ok()?,
            Self::Owner(owner) => owner.store.ask(Get::of(key), &owner.cx).await.ok()?.value()?.value,
        };
        serde_json::from_slice(&bytes).ok()
    }

    async fn delete(&self, key: &str) -> bool {
        match self {
            Self::NewEach(fresh, base) => {
                let sent = fresh.client().delete(format!("{base}/{key}")).send().await;
                sent.is_ok_and(|answer| answer.status().is_success())
            }
            Self::Owner(owner) => owner.store.ask(Delete::of(key), &owner.cx).await.is_ok(),
        }
    }
}

async fn get(fresh: &Fresh, url: &str) -> Result<Bytes, SendRequestError> {
    // The client has to live until the body has been read.
    let client = fresh.client();
    let mut answer = client.get(url).send().await?;
    Ok(answer.body().await.unwrap_or_default())
}

/// One user's cart.
pub struct Cart<'a> {
    carts: &'a Carts,
    key: String,
    latencies: &'a RefCell<Latencies>,
}

impl<'a> Cart<'a> {
    /// Under `key`; the time of every request is noted.
    pub fn new(carts: &'a Carts, key: &str, latencies: &'a RefCell<Latencies>) -> Self {
        Self {
            carts,
            key: key.to_owned(),
            latencies,
        }
    }

    /// Makes it, reads and changes it so often, takes it away; whether all went well and was read as it was saved.
    pub async fn shop(&self, changes: usize) -> bool {
        let mut value = contents(0);
        if !self.timed(self.carts.save(&self.key, &value)).await {
            return false;
        }
        for change in 1..=changes {
            if self.timed(self.carts.get(&self.key)).await.as_ref() != Some(&value) {
                return false;
            }
            value = contents(change);
            if !self.timed(self.carts.save(&self.key, &value)).await {
                return false;
            }
        }
        self.timed(self.carts.delete(&self.key)).await
    }

    async fn timed<T>(&self, request: impl Future<Output = T>) -> T {
        let asked = Instant::now();
        let answer = request.await;
        self.latencies.borrow_mut().note(asked.elapsed());
        answer
    }
}

/// What a cart of a shop holds: a few lines of it.
fn contents(changes: usize) -> Value {
    let items: Vec<Value> = (0..=changes.min(9))
        .map(|item| json!({"sku": format!("SKU-{item:06}"), "quantity": changes, "price": "12.50"}))
        .collect();
    json!({"user": "someone", "currency": "EUR", "items": items})
}
