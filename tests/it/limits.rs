//! `session.bandwidth` of the running daemon, counted in bytes that come from the simulated GRIN.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::fs;
use std::time::{Duration, Instant};

use crate::support::daemons::until;
use crate::support::service::Service;
use grind::lab::simulator::SimulatorConfig;
use rustix::process::Signal;

const LIMIT: u64 = 64 << 10;

fn bytes(service: &Service) -> u64 {
    let metrics = service.ask("/metrics");
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("grind_download_bytes_total "));
    line.unwrap().parse().unwrap()
}

#[test]
fn no_more_bytes_a_second_come_than_the_config_allows_and_a_reload_lifts_that() {
    let library = SimulatorConfig {
        books: 4,
        pages: 10,
        image_bytes: 40_000,
        ..SimulatorConfig::default()
    };
    let mut service = Service::start(library, "[session]\nbandwidth = \"00:00-12:00 64KiB, else 64KiB\"\n");
    service.told("READY=1");
    until("the first bytes", || bytes(&service) > 0);
    let (began, first) = (Instant::now(), bytes(&service));
    // More than may come at once by the allowance below.
    until("more of them", || bytes(&service) >= first + 6 * LIMIT);
    let (took, came) = (began.elapsed(), bytes(&service) - first);
    // A quarter of a second's bytes may have been saved up, and each of four bodies may have brought a piece at the same moment.
    let allowed = LIMIT * (u64::try_from(took.as_millis()).unwrap() + 250) / 1_000 + 4 * (64 << 10);
    assert!(came <= allowed, "{came} bytes in {took:?}");
    assert!(took >= Duration::from_millis(500), "{took:?}");
    let status = service.ask("/api/status");
    assert!(status.contains("\"bandwidth\":65536"), "{status}");

    let dropin = service.home.folder.path().join("grind.toml.d/30-reload.toml");
    fs::write(&dropin, "[session]\nbandwidth = \"off\"\n").unwrap();
    service.signal(Signal::HUP);
    service.told("4 of 4 books stored");
    let metrics = service.ask("/metrics");
    assert!(metrics.contains("grind_bandwidth_limit_bytes 0"), "{metrics}");
    assert!(metrics.contains("grind_download_places 4"), "{metrics}");
    service.signal(Signal::TERM);
    assert!(service.finish().status.success());
}
