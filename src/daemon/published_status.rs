//! The daemon's status in a Dapr state store, where other services of the mesh can see it.
//!
//! It is for others only: nothing of the work waits for the store, or depends on what it says.

use std::sync::Arc;
use std::time::Duration;

use actix_rt::Arbiter;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::actor::tasks::{self, TaskHandle};
use crate::actor::{ActorRegistry, AskContext};
use crate::daemon::build_error::BuildError;
use crate::daemon::membership::instance;
use crate::dapr::{DeleteState, GetState, KeyState, SaveState, StateError, StateItem, StateStore, StateStoreConfig};
use crate::grin::{Secret, read_secret_text};
use crate::log::{EndedTrouble, LastingTrouble};
use crate::observe::{DaemonSnapshot, DaemonView};
use crate::session::Session;
use crate::settings::Settings;

/// How often the status is saved.
const EVERY: Duration = Duration::from_secs(15);
/// After which a status that is not renewed is forgotten.
const KEPT_SECONDS: u32 = 60;
/// How long the end waits for the store.
const END: Duration = Duration::from_secs(3);

/// The client of the state store, where one is to be used.
pub(super) fn state_store(
    settings: &Settings,
    hub: &ActorRegistry,
    session: &Session,
) -> Result<Option<StateStore>, BuildError> {
    if !settings.state_store.enabled {
        return Ok(None);
    }
    let config = state_config(settings)?;
    Ok(Some(StateStore::start(hub, &Arbiter::current(), session, config)))
}

/// Saves the status until it is ended.
pub(super) struct StatusPublisher {
    store: StateStore,
    key: String,
    stop: CancellationToken,
    task: TaskHandle<()>,
}

impl StatusPublisher {
    pub fn begin(hub: &ActorRegistry, store: &StateStore, settings: &Settings, view: Arc<dyn DaemonView>) -> Self {
        let key = format!("grind-{}-{}", settings.library.directory, instance(settings));
        let stop = CancellationToken::new();
        let publishing = publish(store.clone(), key.clone(), view, stop.clone());
        Self {
            store: store.clone(),
            key,
            task: tasks::spawn(hub, "published_status", publishing),
            stop,
        }
    }

    /// Deletes what was saved, unless the store keeps the end waiting; then it runs out.
    pub async fn end(self) {
        self.stop.cancel();
        let deleting = async {
            if let Err(error) = self.task.join().await {
                debug!(%error, "the status was not published to the end");
            }
            self.store
                .ask(DeleteState::of(self.key), &AskContext::root("daemon"))
                .await
        };
        match tokio::time::timeout(END, deleting).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(%error, "the published status was not deleted; it runs out"),
            Err(_) => debug!("the state store does not answer; the published status runs out"),
        }
    }
}

async fn publish(store: StateStore, key: String, view: Arc<dyn DaemonView>, stop: CancellationToken) {
    let work = async {
        read_predecessor(&store, &key).await;
        let mut trouble = LastingTrouble::default();
        loop {
            let saved = save(&store, &key, &view.daemon()).await;
            note(&mut trouble, saved);
            tokio::time::sleep(EVERY).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

/// Says what the one before it did last, if that is still known: it ended without a clean stop.
async fn read_predecessor(store: &StateStore, key: &str) {
    let found = store.ask(GetState::of(key), &AskContext::root("daemon")).await;
    let Ok(KeyState::Value(stored)) = found else { return };
    match stored.json::<DaemonSnapshot>() {
        Ok(before) => info!(
            version = before.version,
            state = %before.state,
            at = %before.taken_at,
            claimed = before.books_in_hand,
            "the daemon before this one ended without a clean stop; its last status"
        ),
        Err(error) => debug!(%error, "the status of the daemon before this one cannot be read"),
    }
}

async fn save(store: &StateStore, key: &str, status: &DaemonSnapshot) -> Result<(), StateError> {
    let item = StateItem::json(key, status)?.for_seconds(KEPT_SECONDS);
    store.ask(SaveState::one(item), &AskContext::root("daemon")).await
}

/// Says when the store goes away, and when it is back, once each.
fn note(trouble: &mut LastingTrouble, saved: Result<(), StateError>) {
    match saved {
        Ok(()) => {
            if let Some(EndedTrouble { cause, seconds }) = trouble.over() {
                warn!(cause, seconds, "the status is published in the state store again");
            }
        }
        Err(error) if trouble.met(&error) => {
            warn!(%error, "the status cannot be published in the state store; work goes on, and it is tried every 15 s");
        }
        Err(_) => {}
    }
}

fn state_config(settings: &Settings) -> Result<StateStoreConfig, BuildError> {
    let state = &settings.state_store;
    let config = StateStoreConfig::new(&state.url, &state.store)
        .map_err(|error| BuildError::Settings(format!("state_store: {error}")))?;
    Ok(StateStoreConfig {
        api_token: api_token(settings)?,
        total: state.total_timeout,
        ..config
    })
}

/// Out of the configured file, else out of the variable in which Dapr hands it to applications.
fn api_token(settings: &Settings) -> Result<Option<Secret>, BuildError> {
    let text = match &settings.state_store.token_file {
        Some(file) => {
            let text = read_secret_text(file);
            text.map_err(|error| BuildError::Settings(format!("state_store.token_file: {error}")))?
        }
        None => std::env::var("DAPR_API_TOKEN").unwrap_or_default(),
    };
    let token = text.trim();
    Ok((!token.is_empty()).then(|| Secret::new(token)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::WrittenLog;

    #[test]
    fn a_store_that_is_away_is_told_once_and_its_return_as_loud() {
        let log = WrittenLog::begin();
        let mut trouble = LastingTrouble::default();
        for saved in [
            Ok(()),
            Err(StateError::Conflict),
            Err(StateError::Conflict),
            Ok(()),
            Ok(()),
        ] {
            note(&mut trouble, saved);
        }
        let lines = log.with("");
        let [away, back] = &lines[..] else { panic!("{lines:?}") };
        assert!(away.starts_with("<4>the status cannot be published"), "{away}");
        assert!(
            back.starts_with("<4>the status is published") && back.contains("changed meanwhile"),
            "{back}"
        );
    }
}
