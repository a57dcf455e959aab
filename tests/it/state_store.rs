//! The status that a daemon publishes in a Dapr state store, and the store's client against a real sidecar, where there is one.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::time::Duration;

use crate::support::daemons::{SharedLibrary, until};
use crate::support::{Home, finish};
use grind::actor::{ActorRegistry, AskContext};
use grind::dapr::{DeleteState, GetState, KeyState, SaveState, StateError, StateItem, StateStore, StateStoreConfig};
use grind::grin::RedirectPolicy;
use grind::lab::simulator::{RunningSidecar, SidecarConfig, SidecarSimulator, SimulatorConfig};
use grind::session::{Session, SessionConfig};

/// What the log says once of a store that does not take the status.
const AWAY: &str = "the status cannot be published";

fn library(books: u32) -> SimulatorConfig {
    SimulatorConfig {
        books,
        pages: 2,
        image_bytes: 500,
        ..SimulatorConfig::default()
    }
}

/// What the store holds under the key of the library's first daemon.
fn published(base: &str, library: &str) -> Option<serde_json::Value> {
    let url = url::Url::parse(base).unwrap();
    actix_rt::System::new().block_on(async {
        let hub = ActorRegistry::new();
        let (session, thread) = Session::start(&hub, SessionConfig::new(RedirectPolicy::new(&url, &[], &[]))).unwrap();
        let config = StateStoreConfig::new(&url, "statestore").unwrap();
        let store = StateStore::start(&hub, &actix_rt::Arbiter::current(), &session, config);
        let key = format!("grind-{library}-daemon-0");
        let found = store.ask(GetState::of(key), &AskContext::root("test")).await.unwrap();
        drop(store);
        thread.join().unwrap();
        found.value().map(|stored| stored.json().unwrap())
    })
}

#[test]
fn a_daemon_publishes_its_status_reads_its_predecessors_and_deletes_it_at_a_clean_stop() {
    let sidecar = SidecarSimulator::start(SidecarConfig::default()).unwrap();
    let extra = format!("[state_store]\nenabled = true\nurl = \"{}\"\n", sidecar.base_url());
    let mut shared = SharedLibrary::new(library(20), None, &extra);
    let library = shared.home.simulator.config().library.clone();
    let mut daemon = shared.daemon();
    until("it is published", || sidecar.stats().saves >= 1);
    let status = published(&sidecar.base_url(), &library).unwrap();
    assert!(
        status["state"].is_string() && status["barcodes"].is_object(),
        "{status}"
    );
    daemon.restart();
    until("the next one has read what nobody deleted", || {
        daemon.log().contains("ended without a clean stop; its last status")
    });
    until("it publishes its own", || sidecar.stats().saves >= 2);
    let ended = daemon.stop();
    assert!(ended.status.success(), "{}", ended.err);
    assert_eq!(sidecar.keys(), 0, "it was deleted");
    assert_eq!(published(&sidecar.base_url(), &library), None);
}

#[test]
fn what_is_not_renewed_runs_out() {
    let sidecar = SidecarSimulator::start(SidecarConfig::default()).unwrap();
    let extra = format!("[state_store]\nenabled = true\nurl = \"{}\"\n", sidecar.base_url());
    let mut shared = SharedLibrary::new(library(5), None, &extra);
    let daemon = shared.daemon();
    until("it is published", || sidecar.stats().saves >= 1);
    daemon.kill();
    sidecar.pass(Duration::from_secs(59));
    assert_eq!(sidecar.keys(), 1);
    sidecar.pass(Duration::from_secs(2));
    assert_eq!(sidecar.keys(), 0);
}

#[test]
fn a_store_that_is_away_or_silent_neither_stops_nor_slows_anything() {
    for silent in [false, true] {
        let sidecar = SidecarSimulator::start(SidecarConfig::default()).unwrap();
        if silent {
            sidecar.set_delay(Duration::from_mins(1));
        } else {
            sidecar.set_down(true);
        }
        let extra = format!("[state_store]\nenabled = true\nurl = \"{}\"\n", sidecar.base_url());
        let home = Home::new(library(20), &extra);
        let began = std::time::Instant::now();
        let ended = home.grind(&["run", "--once"]);
        assert!(ended.status.success(), "{}", ended.err);
        assert_eq!(home.whole_books().len(), 20);
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        assert!(ended.err.matches(AWAY).count() <= 1, "{}", ended.err);
    }
}

/// Against a real sidecar: `DAPR_HTTP_PORT` says where, `GRIND_TEST_STATE_STORE` which store (`statestore`).
#[test]
fn a_real_sidecar_answers_as_the_simulator_does() {
    let Some(port) = std::env::var("DAPR_HTTP_PORT")
        .ok()
        .and_then(|port| port.parse::<u16>().ok())
    else {
        println!("skipped: DAPR_HTTP_PORT is not set, so there is no Dapr sidecar to ask");
        return;
    };
    let name = std::env::var("GRIND_TEST_STATE_STORE").unwrap_or_else(|_| "statestore".to_owned());
    actix_rt::System::new().block_on(against(&format!("http://127.0.0.1:{port}"), &name));
}

/// The same against the simulator, so that the test itself is tested.
#[test]
fn the_simulator_answers_as_a_real_sidecar_should() {
    let sidecar = SidecarSimulator::start(SidecarConfig::default()).unwrap();
    actix_rt::System::new().block_on(against(&sidecar.base_url(), "statestore"));
}

async fn against(base: &str, name: &str) {
    let url = url::Url::parse(base).unwrap();
    let hub = ActorRegistry::new();
    let (session, thread) = Session::start(&hub, SessionConfig::new(RedirectPolicy::new(&url, &[], &[]))).unwrap();
    let config = StateStoreConfig::new(&url, name).unwrap();
    let store = StateStore::start(&hub, &actix_rt::Arbiter::current(), &session, config);
    let cx = AskContext::root("test");
    let key = format!("grind-test/{}-{}", std::process::id(), rand::random::<u64>());
    let item = |n: i32| {
        StateItem::json(&key, &serde_json::json!({ "n": n }))
            .unwrap()
            .first_write()
    };

    assert_eq!(store.ask(GetState::of(&key), &cx).await, Ok(KeyState::NotFound));
    store.ask(SaveState::one(item(1).for_seconds(300)), &cx).await.unwrap();
    let refused = store.ask(SaveState::one(item(2)), &cx).await;
    assert!(
        matches!(refused, Err(StateError::Failed { .. } | StateError::Conflict)),
        "a first-write over a first-written key: {refused:?}"
    );
    let stored = store.ask(GetState::strong(&key), &cx).await.unwrap().value().unwrap();
    assert_eq!(stored.json::<serde_json::Value>().unwrap()["n"], 1);
    let etag = stored.etag.unwrap();
    store.ask(SaveState::one(item(3).if_match(&etag)), &cx).await.unwrap();
    assert_eq!(
        store.ask(SaveState::one(item(4).if_match(&etag)), &cx).await,
        Err(StateError::Conflict)
    );
    assert_eq!(
        store.ask(DeleteState::if_match(&key, &etag), &cx).await,
        Err(StateError::Conflict)
    );
    store.ask(DeleteState::of(&key), &cx).await.unwrap();
    assert_eq!(store.ask(GetState::of(&key), &cx).await, Ok(KeyState::NotFound));
    let bad = store.ask(GetState::of("a||b"), &cx).await;
    assert!(matches!(bad, Err(StateError::Malformed { .. })), "{bad:?}");
    drop(store);
    thread.join().unwrap();
}

const TOKEN: &str = "kiwi-blossom";

/// A home whose status is published in a store behind a sidecar that wants a token.
fn behind_a_token(extra: &str) -> (RunningSidecar, Home) {
    let config = SidecarConfig {
        api_token: Some(TOKEN.to_owned()),
        ..SidecarConfig::default()
    };
    let sidecar = SidecarSimulator::start(config).unwrap();
    let extra = format!(
        "[state_store]\nenabled = true\nurl = \"{}\"\n{extra}",
        sidecar.base_url()
    );
    (sidecar, Home::new(library(5), &extra))
}

#[test]
fn the_token_of_the_environment_opens_the_sidecar() {
    let (sidecar, home) = behind_a_token("");
    let child = home
        .command(&["run", "--once"])
        .env("DAPR_API_TOKEN", TOKEN)
        .spawn()
        .unwrap();
    let ended = finish(child);
    assert!(ended.status.success(), "{}", ended.err);
    assert_eq!(home.whole_books().len(), 5);
    assert!(sidecar.stats().saves >= 1 && !ended.err.contains(AWAY), "{}", ended.err);
}

#[test]
fn the_token_of_a_file_counts_before_that_of_the_environment() {
    let (sidecar, home) = behind_a_token("token_file = \"../dapr.token\"\n");
    let file = home.folder.path().join("dapr.token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let child = home
        .command(&["run", "--once"])
        .env("DAPR_API_TOKEN", "another")
        .spawn()
        .unwrap();
    let ended = finish(child);
    assert!(ended.status.success(), "{}", ended.err);
    assert_eq!(home.whole_books().len(), 5);
    assert!(sidecar.stats().saves >= 1 && !ended.err.contains(AWAY), "{}", ended.err);
    assert!(
        !ended.err.contains(TOKEN) && !ended.out.contains(TOKEN),
        "a secret is never logged"
    );
}

#[test]
fn a_sidecar_that_refuses_us_is_told_once_with_what_to_set() {
    let (_sidecar, home) = behind_a_token("");
    let child = home
        .command(&["run", "--once"])
        .env_remove("DAPR_API_TOKEN")
        .spawn()
        .unwrap();
    let ended = finish(child);
    assert!(ended.status.success(), "{}", ended.err);
    assert_eq!(ended.err.matches(AWAY).count(), 1, "{}", ended.err);
    assert!(ended.err.contains("state_store.token_file"), "{}", ended.err);
    assert_eq!(home.whole_books().len(), 5);
}
