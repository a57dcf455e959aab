//! What a run tells of itself while everything goes wrong: metrics are bounded and name no book, and nothing tells a secret.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::fs;
use std::time::Duration;

use crate::support::files;
use crate::support::service::Service;
use grind::lab::simulator::{AuthConfig, FaultPlan, SimulatorConfig};
use rustix::process::Signal;

const BOOKS: u32 = 40;
/// As in the unit test with a daemon in which everything has happened.
const MOST_SERIES: usize = 3_000;
const ACTORS: [&str; 5] = ["supervisor", "collector", "downloader", "catalog", "session_owner"];

fn service() -> Service {
    let mut faults = FaultPlan::all();
    faults.stall = Duration::from_secs(3);
    let auth = AuthConfig {
        token_requests: Some(10),
        ..AuthConfig::default()
    };
    let config = SimulatorConfig {
        books: BOOKS,
        pages: 4,
        image_bytes: 4_000,
        auth: Some(auth),
        faults,
        ..SimulatorConfig::default()
    };
    let keys = "[session]\nread_timeout = \"2s\"\n[work]\nqueues = [\"all\"]\n[log]\nlevel = \"trace\"\n";
    Service::start(config, keys)
}

/// The sum of a family's series that have this label.
fn sum(metrics: &str, family: &str, label: &str) -> f64 {
    let of_family = metrics
        .lines()
        .filter(|line| line.starts_with(family) && line.contains(label));
    let values = of_family.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
    values.sum()
}

/// What the running daemon and the commands say.
fn outputs(service: &Service, barcode: &str) -> Vec<String> {
    let mut told = Vec::new();
    told.extend(["/", "/api/status", "/api/log"].map(|path| service.ask(path)));
    told.extend(ACTORS.map(|actor| service.ask(&format!("/api/actors/{actor}/black-box"))));
    for command in [
        &["status"][..],
        &["status", "--json"],
        &["top"],
        &["actors", "--json"],
        &["explain", barcode, "--all"],
        &["report"],
        &["export", "csv"],
        &["check-config", "--print"],
    ] {
        let ran = service.home.grind(command);
        assert!(ran.status.success(), "{command:?}: {}", ran.err);
        told.extend([ran.out, ran.err]);
    }
    told
}

#[test]
fn metrics_are_bounded_and_name_no_book_and_no_output_tells_a_secret() {
    let mut service = service();
    service.told("READY=1");
    service.told_when(|service| {
        let metrics = service.ask("/metrics");
        let known = sum(&metrics, "grind_barcodes{", "");
        let stored = sum(&metrics, "grind_barcodes_finished_total", "\"stored\"");
        let retries = sum(&metrics, "grind_upstream_retries_total", "");
        let refreshed = sum(&metrics, "grind_auth_refresh_total", "\"ok\"");
        known >= f64::from(BOOKS) && stored >= f64::from(BOOKS / 4) && retries > 0.0 && refreshed > 0.0
    });
    let metrics = service.ask("/metrics");
    let series = metrics.lines().filter(|line| !line.starts_with('#')).count();
    assert!((500..=MOST_SERIES).contains(&series), "{series} series");
    let barcodes: Vec<_> = service.home.simulator.barcodes().collect();
    for barcode in &barcodes {
        assert!(!metrics.contains(barcode.as_str()), "{barcode} is in the metrics");
    }
    for fed in [
        "grind_upstream_body_seconds_count{kind=\"archive_body\"}",
        "grind_store_write_seconds_count",
        "grind_auth_expiry_timestamp_seconds",
        "grind_spool_free_bytes",
    ] {
        assert!(sum(&metrics, fed, "") > 0.0, "{fed} in\n{metrics}");
    }

    let mut told = vec![metrics];
    told.extend(outputs(&service, barcodes[0].as_str()));
    service.signal(Signal::TERM);
    let ended = service.finish();
    assert!(
        ended.err.lines().count() > 100,
        "a log at the level trace: {}",
        ended.err
    );
    told.extend([ended.out, ended.err]);
    let kept = files(&service.home.folder.path().join("diagnostics"));
    told.extend(
        kept.iter()
            .map(|file| String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned()),
    );

    let (config, auth) = (SimulatorConfig::default(), AuthConfig::default());
    let secrets =
        [&config.passphrase, &auth.client_secret, &auth.refresh_token].map(|secret| secret.expose().to_owned());
    // Every access token of the simulator begins with this.
    for secret in secrets.iter().map(String::as_str).chain(["ya29."]) {
        for text in &told {
            let line = text.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "a secret is told");
        }
    }
}
