//! How a message becomes requests: sent over the session, repeated only where that is harmless.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use tokio::time::Instant;
use url::Url;

use crate::actor::AskContext;
use crate::dapr::answers;
use crate::dapr::wire;
use crate::dapr::wire::KeyAddress;
use crate::dapr::{
    BulkGet, BulkItem, DeleteState, GetState, KeyState, SaveState, StateCounters, StateError, StateItem,
    StateOperation, StateStoreConfig,
};
use crate::session::{AuthMode, FetchAnswer, PermitClass, RequestKind, RequestMethod, Session, SmallAnswer};

/// The header that carries the API token.
const API_TOKEN: &str = "dapr-api-token";

/// Sends requests; one for the whole actor.
pub(super) struct StateRequests {
    session: Session,
    address: KeyAddress,
    config: StateStoreConfig,
    counters: Arc<StateCounters>,
}

/// An outcome, and whether an earlier try of it got no answer and may have been done all the same.
struct Tried<T> {
    outcome: Result<T, StateError>,
    repeated: bool,
}

impl StateRequests {
    pub(super) fn new(session: Session, config: StateStoreConfig, counters: Arc<StateCounters>) -> Self {
        Self {
            session,
            address: KeyAddress::new(&config.url, &config.store),
            config,
            counters,
        }
    }

    pub(super) async fn get(&self, get: &GetState, cx: &AskContext) -> Result<KeyState, StateError> {
        let url = self.address.get(get)?;
        let once = async || answers::found(&self.send(&url, RequestMethod::Get, None, cx).await?);
        self.repeat(true, once, cx).await.outcome
    }

    pub(super) async fn bulk_get(&self, bulk: &BulkGet, cx: &AskContext) -> Result<Vec<BulkItem>, StateError> {
        if bulk.keys.is_empty() {
            return Ok(Vec::new());
        }
        let (url, body) = (self.address.bulk()?, wire::bulk_body(bulk));
        let once = async || answers::found_many(&self.send(&url, json(&body), None, cx).await?);
        self.repeat(true, once, cx).await.outcome
    }

    /// Only a save of one item with an ETag is repeated: a second one of the same then either is the first or does nothing.
    pub(super) async fn save(&self, save: &SaveState, cx: &AskContext) -> Result<(), StateError> {
        if save.items.is_empty() {
            return Ok(());
        }
        let (url, body) = (self.address.store()?, wire::save_body(&save.items)?);
        let once = async || answers::done(StateOperation::Save, &self.send(&url, json(&body), None, cx).await?);
        let guarded = match &save.items[..] {
            [item] if item.etag.is_some() => Some(item),
            _ => None,
        };
        let tried = self.repeat(guarded.is_some(), once, cx).await;
        match (tried, guarded) {
            (
                Tried {
                    outcome: Err(StateError::Conflict),
                    repeated: true,
                },
                Some(item),
            ) => self.was_saved(item, cx).await,
            (tried, _) => tried.outcome,
        }
    }

    pub(super) async fn delete(&self, delete: &DeleteState, cx: &AskContext) -> Result<(), StateError> {
        let url = self.address.delete(delete)?;
        let etag = delete.etag.as_deref();
        let once = async || {
            answers::done(
                StateOperation::Delete,
                &self.send(&url, RequestMethod::Delete, etag, cx).await?,
            )
        };
        match self.repeat(etag.is_some(), once, cx).await {
            Tried {
                outcome: Err(StateError::Conflict),
                repeated: true,
            } => match self.get(&GetState::strong(&delete.key), cx).await? {
                KeyState::NotFound => Ok(()),
                KeyState::Value(_) => Err(StateError::Conflict),
            },
            tried => tried.outcome,
        }
    }

    /// The first try's answer was lost and the second met a conflict: if the key holds our value, the first one did it.
    async fn was_saved(&self, item: &StateItem, cx: &AskContext) -> Result<(), StateError> {
        let KeyState::Value(stored) = self.get(&GetState::strong(&item.key), cx).await? else {
            return Err(StateError::Conflict);
        };
        let read = |bytes: &Bytes| serde_json::from_slice::<serde_json::Value>(bytes).ok();
        if read(&stored.value).is_some_and(|value| Some(value) == read(&item.value)) {
            Ok(())
        } else {
            Err(StateError::Conflict)
        }
    }

    /// Tries until there is an answer, as often and as long as there may be tries.
    async fn repeat<T>(
        &self,
        harmless: bool,
        once: impl AsyncFn() -> Result<T, StateError>,
        cx: &AskContext,
    ) -> Tried<T> {
        let mut tries = 1;
        loop {
            let outcome = once().await;
            let again = match &outcome {
                Err(error) if harmless && error.may_pass() => self.config.retry.delay(tries, &mut rand::rng()),
                _ => None,
            };
            let repeated = tries > 1;
            let Some(wait) = again else {
                return Tried { outcome, repeated };
            };
            let resumes = Instant::now() + wait;
            if cx.is_cancelled() || cx.deadline().is_some_and(|end| resumes >= end) {
                return Tried { outcome, repeated };
            }
            tries += 1;
            self.counters.retries.fetch_add(1, Relaxed);
            self.session.counters().note_retry(RequestKind::State, "unavailable");
            tokio::select! {
                () = tokio::time::sleep_until(resumes) => {}
                () = cx.cancelled() => return Tried { outcome, repeated },
            }
        }
    }

    async fn send(
        &self,
        url: &Url,
        method: RequestMethod,
        if_match: Option<&str>,
        cx: &AskContext,
    ) -> Result<SmallAnswer, StateError> {
        let limit = match &method {
            RequestMethod::Post { .. } if !url.path().ends_with("/bulk") => answers::ERROR_BODY,
            RequestMethod::Delete => answers::ERROR_BODY,
            _ => self.config.largest_value,
        };
        let token = self.config.api_token.as_ref().map(|token| (API_TOKEN, token.expose()));
        let headers = token.into_iter().chain(if_match.map(|etag| ("if-match", etag)));
        let fetch = FetchAnswer {
            url: url.clone(),
            method,
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            class: PermitClass::State,
            kind: RequestKind::State,
            auth: AuthMode::None,
            limit,
        };
        match self.session.ask(fetch, cx).await {
            Ok(answer) => Ok(answer),
            // The session hears of the end of our time as a cancellation.
            Err(_) if cx.deadline().is_some_and(|end| Instant::now() >= end) => Err(StateError::late()),
            Err(error) => Err(error.into()),
        }
    }
}

fn json(body: &Bytes) -> RequestMethod {
    RequestMethod::Post {
        content_type: "application/json",
        body: body.clone(),
    }
}
