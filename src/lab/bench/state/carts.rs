//! Shopping carts in a state store, over a new client for each request or over the session owner.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_rt::Arbiter;
use awc::error::SendRequestError;
use bytes::Bytes;
use serde_json::{Value, json};
use url::Url;

use crate::actor::{ActorRegistry, AskContext};
use crate::dapr::{DeleteState, GetState, SaveState, StateItem, StateStore, StateStoreConfig};
use crate::grin::RedirectPolicy;
use crate::lab::bench::error::BenchError;
use crate::lab::bench::measure::latency::LatencySamples;
use crate::lab::bench::rig::client_thread::ClientThread;
use crate::lab::bench::rig::fresh::{ClientUsage, FreshClients};
use crate::session;
use crate::session::{Session, SessionConfig, SessionThread};

/// The store's name at the simulator.
const STORE: &str = "statestore";

/// A way of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CartMode {
    /// A new client for each request.
    NewEach,
    /// The state store's client on the session owner.
    Owner,
}

impl CartMode {
    /// As reports call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewEach => "new session each",
            Self::Owner => "session owner",
        }
    }
}

/// A way of asking, ready.
pub enum CartClient {
    /// See [`CartMode::NewEach`].
    NewEach(BareCarts),
    /// See [`CartMode::Owner`].
    Owner(OwnerCarts),
}

/// New clients on a thread of their own, and the address of the store.
pub struct BareCarts {
    apart: ClientThread,
    base: Arc<Url>,
}

/// The product's own way.
pub struct OwnerCarts {
    store: StateStore,
    session: Session,
    thread: SessionThread,
    cx: AskContext,
}

impl CartClient {
    /// Makes it ready; nothing is connected yet.
    pub fn start(mode: CartMode, url: &Url) -> Result<Self, BenchError> {
        match mode {
            CartMode::NewEach => {
                let base = url
                    .join(&format!("/v1.0/state/{STORE}"))
                    .map_err(|error| BenchError::Helper(error.to_string()))?;
                Ok(Self::NewEach(BareCarts {
                    apart: ClientThread::start(None)?,
                    base: Arc::new(base),
                }))
            }
            CartMode::Owner => {
                let hub = ActorRegistry::new();
                let (session, thread) = Session::start(&hub, SessionConfig::new(RedirectPolicy::new(url, &[], &[])))?;
                let config =
                    StateStoreConfig::new(url, STORE).map_err(|error| BenchError::Helper(error.to_string()))?;
                let store = StateStore::start(&hub, &Arbiter::current(), &session, config);
                let cx = AskContext::root("bench");
                Ok(Self::Owner(OwnerCarts {
                    store,
                    session,
                    thread,
                    cx,
                }))
            }
        }
    }

    /// What was used up so far.
    pub async fn made(&self) -> ClientUsage {
        match self {
            Self::NewEach(bare) => bare.apart.made().await,
            Self::Owner(owner) => ClientUsage::by(&owner.session),
        }
    }

    /// Lets go of everything; the session last.
    pub async fn end(self) -> Result<(), BenchError> {
        let owner = match self {
            Self::NewEach(bare) => return bare.apart.end(),
            Self::Owner(owner) => owner,
        };
        owner.store.shut();
        owner.store.drained().await;
        let grace = Duration::from_secs(1);
        owner.session.ask(session::CloseSession { grace }, &owner.cx).await?;
        owner.session.shut();
        owner.session.drained().await;
        Ok(owner.thread.join()?)
    }

    /// `None` where it failed, here and below.
    async fn save(&self, key: &str, value: &Value) -> Option<()> {
        match self {
            Self::NewEach(bare) => {
                let body = json!([{"key": key, "value": value}]);
                bare.ask(|fresh, base| async move {
                    let sent = fresh.client().post(base.as_str()).send_json(&body).await;
                    sent.ok().filter(|answer| answer.status().is_success()).map(drop)
                })
                .await
            }
            Self::Owner(owner) => {
                let item = StateItem::json(key, value).ok()?;
                owner.store.ask(SaveState::one(item), &owner.cx).await.ok().map(drop)
            }
        }
    }

    async fn get(&self, key: &str) -> Option<Value> {
        let bytes = match self {
            Self::NewEach(bare) => {
                let key = key.to_owned();
                bare.ask(|fresh, base| async move { get(&fresh, &format!("{base}/{key}")).await.ok() })
                    .await?
            }
            Self::Owner(owner) => owner.store.ask(GetState::of(key), &owner.cx).await.ok()?.value()?.value,
        };
        serde_json::from_slice(&bytes).ok()
    }

    async fn delete(&self, key: &str) -> Option<()> {
        match self {
            Self::NewEach(bare) => {
                let key = key.to_owned();
                bare.ask(|fresh, base| async move {
                    let sent = fresh.client().delete(format!("{base}/{key}")).send().await;
                    sent.ok().filter(|answer| answer.status().is_success()).map(drop)
                })
                .await
            }
            Self::Owner(owner) => owner.store.ask(DeleteState::of(key), &owner.cx).await.ok().map(drop),
        }
    }
}

impl BareCarts {
    async fn ask<T: Send + 'static, F: Future<Output = Option<T>>>(
        &self,
        work: impl FnOnce(Rc<FreshClients>, Arc<Url>) -> F + Send + 'static,
    ) -> Option<T> {
        let base = Arc::clone(&self.base);
        self.apart.ask(move |fresh| work(fresh, base)).await?
    }
}

async fn get(fresh: &FreshClients, url: &str) -> Result<Bytes, SendRequestError> {
    // The client has to live until the body has been read.
    let client = fresh.client();
    let mut answer = client.get(url).send().await?;
    Ok(answer.body().await.unwrap_or_default())
}

/// What came of the requests of all carts.
#[derive(Debug)]
pub struct CartTally {
    /// Times of those that went well.
    pub good: LatencySamples,
    /// Requests that failed.
    pub failed: u64,
}

impl CartTally {
    /// An empty tally; fails only if its histogram cannot be made.
    pub fn new() -> Result<Self, BenchError> {
        let good =
            LatencySamples::new().ok_or_else(|| BenchError::Helper("latencies do not fit into memory".to_owned()))?;
        Ok(Self { good, failed: 0 })
    }
}

/// One user's cart.
pub struct ShoppingCart<'a> {
    carts: &'a CartClient,
    key: String,
    tally: &'a RefCell<CartTally>,
}

impl<'a> ShoppingCart<'a> {
    /// Under `key`; every request is noted.
    pub fn new(carts: &'a CartClient, key: &str, tally: &'a RefCell<CartTally>) -> Self {
        Self {
            carts,
            key: key.to_owned(),
            tally,
        }
    }

    /// Makes it, reads and changes it so often, takes it away; whether all went well and was read as it was saved.
    pub async fn shop(&self, changes: usize) -> bool {
        self.try_to_shop(changes).await.is_some()
    }

    async fn try_to_shop(&self, changes: usize) -> Option<()> {
        let mut value = contents(0);
        self.timed(self.carts.save(&self.key, &value)).await?;
        for change in 1..=changes {
            let as_saved = async { self.carts.get(&self.key).await.filter(|read| *read == value) };
            self.timed(as_saved).await?;
            value = contents(change);
            self.timed(self.carts.save(&self.key, &value)).await?;
        }
        self.timed(self.carts.delete(&self.key)).await
    }

    /// A request that failed took no time: it is no work done.
    async fn timed<T>(&self, request: impl Future<Output = Option<T>>) -> Option<T> {
        let asked = Instant::now();
        let answer = request.await;
        let mut tally = self.tally.borrow_mut();
        match answer {
            Some(_) => tally.good.note(asked.elapsed()),
            None => tally.failed += 1,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_fail_are_counted_and_not_timed() {
        let nobody = Url::parse("http://127.0.0.1:1/").unwrap();
        actix_rt::System::new().block_on(async {
            for mode in [CartMode::NewEach, CartMode::Owner] {
                let carts = CartClient::start(mode, &nobody).unwrap();
                let tally = RefCell::new(CartTally::new().unwrap());
                assert!(!ShoppingCart::new(&carts, "a", &tally).shop(3).await);
                carts.end().await.unwrap();
                let tally = tally.into_inner();
                assert_eq!((tally.good.count(), tally.failed), (0, 1), "{mode:?}");
            }
        });
    }
}
