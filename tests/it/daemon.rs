//! The daemon as systemd and operators meet it: readiness, status, reload all or nothing, draining, the second signal.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::fs;
use std::time::Duration;

use crate::support::service::Service;
use grind::lab::simulator::SimulatorConfig;
use rustix::process::Signal;

fn small() -> SimulatorConfig {
    SimulatorConfig {
        books: 5,
        pages: 2,
        image_bytes: 500,
        ..SimulatorConfig::default()
    }
}

#[test]
fn systemd_hears_ready_status_and_stopping_and_the_drain_ends_well() {
    let mut service = Service::start(small(), "");
    service.told("READY=1");
    service.told("5 of 5 books home");
    let metrics = service.ask("/metrics");
    assert!(metrics.contains("grind_sessions_created_total 1"), "{metrics}");
    assert!(metrics.contains("grind_barcodes{state=\"stored\"} 5"), "{metrics}");
    service.signal(Signal::TERM);
    service.told("STOPPING=1");
    let ended = service.finish();
    assert!(ended.status.success(), "{}", ended.err);
    assert!(ended.err.contains("session_owner_last=true"), "{}", ended.err);
}

#[test]
fn a_reload_is_taken_whole_or_refused_whole() {
    let mut service = Service::start(small(), "");
    service.told("READY=1");
    let dropin = service.home.folder.path().join("grind.toml.d/30-reload.toml");
    fs::write(&dropin, "[workers]\ndownload = 7\n[work]\npaused = true\n").unwrap();
    service.signal(Signal::HUP);
    service.told("RELOADING=1");
    service.told("READY=1");
    let metrics = service.ask("/metrics");
    assert!(metrics.contains("grind_config_last_reload_successful 1"), "{metrics}");
    assert!(
        metrics.contains("grind_actors{actor=\"downloader\",state=\"running\"} 7"),
        "{metrics}"
    );

    fs::write(&dropin, "[workers]\ndownload = 3\ndownloads = 9\n").unwrap();
    service.signal(Signal::HUP);
    service.told("RELOADING=1");
    service.told("READY=1");
    let metrics = service.ask("/metrics");
    assert!(metrics.contains("grind_config_last_reload_successful 0"), "{metrics}");
    assert!(
        metrics.contains("grind_actors{actor=\"downloader\",state=\"running\"} 7"),
        "the old ones stay: {metrics}"
    );
    service.signal(Signal::TERM);
    let ended = service.finish();
    assert!(ended.status.success(), "{}", ended.err);
    assert!(
        ended.err.contains("workers.downloads"),
        "the refusal names the key: {}",
        ended.err
    );
}

#[test]
fn a_second_signal_stops_at_once() {
    let slow = SimulatorConfig {
        delay: Duration::from_secs(20),
        ..small()
    };
    let mut service = Service::start(slow, "[session]\nread_timeout = \"60s\"\ntotal_timeout = \"90s\"\n");
    service.told("READY=1");
    service.signal(Signal::TERM);
    service.told("STOPPING=1");
    service.signal(Signal::TERM);
    let ended = service.finish();
    assert_eq!(ended.status.code(), Some(130), "{}", ended.err);
}
