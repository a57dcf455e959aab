//! What commands say at their end, and with which code they end.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::fs;
use std::time::Duration;

use crate::support::Home;
use grind::lab::simulator::{AuthConfig, FaultKind, FaultPlan, SimulatorConfig};

fn small() -> SimulatorConfig {
    SimulatorConfig {
        books: 6,
        pages: 1,
        image_bytes: 200,
        ..SimulatorConfig::default()
    }
}

/// A library that is signed in, and has to ask for its token at this address; `None`: at the simulator's.
fn without_token(faults: FaultPlan, address: Option<&str>) -> Home {
    let auth = Some(AuthConfig::default());
    let config = SimulatorConfig {
        faults,
        auth,
        ..small()
    };
    let home = Home::new(config, "[retry]\nattempts = 2\n");
    let path = home.folder.path().join("credentials.json");
    let mut known: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    known.as_object_mut().unwrap().remove("token");
    if let Some(address) = address {
        known["token_uri"] = address.into();
        let allowed = format!("[auth]\ntoken_uri_allowed = [{address:?}]\n");
        fs::write(home.folder.path().join("grind.toml.d/30-token.toml"), allowed).unwrap();
    }
    fs::write(&path, known.to_string()).unwrap();
    home
}

#[test]
fn a_token_address_that_gives_no_token_is_a_server_that_is_away() {
    let down = FaultPlan {
        per_request: u32::MAX,
        ..FaultPlan::default().with(FaultKind::TokenDown, 1.0)
    };
    // It answers without a token, or not at all.
    for home in [
        without_token(down, None),
        without_token(FaultPlan::default(), Some("http://127.0.0.1:1/token")),
    ] {
        for command in [&["collect"][..], &["run", "--once"]] {
            let said = home.grind(command);
            assert_eq!(said.status.code(), Some(69), "{command:?}: {}", said.err);
            assert!(said.err.contains("no access token for GRIN can be had"), "{}", said.err);
        }
    }
}

#[test]
fn who_asks_for_less_is_shown_no_progress() {
    // Long enough for a line of progress.
    let delay = Duration::from_millis(800);
    let home = Home::new(SimulatorConfig { delay, ..small() }, "");
    let told = home.done(&["run", "--once"]).err;
    assert!(told.contains("books stored 6 of 6"), "{told}");
    for quiet in ["-q", "-qq"] {
        let sync = home.done(&[quiet, "sync", "--force"]);
        assert_eq!(sync.err, "", "{quiet}");
        assert!(sync.out.starts_with("sync: "), "{}", sync.out);
    }
}
