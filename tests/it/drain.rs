//! What a stop costs: books that are cut, and the time that systemd is asked for.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::time::Duration;

use grind::lab::simulator::{FaultKind, FaultPlan, SimulatorConfig, SimulatorRequest};
use rustix::process::Signal;

use crate::daemon::small;
use crate::support::service::Service;

/// Bodies stall for longer than the grace.
#[test]
fn a_drain_that_cuts_books_is_not_clean() {
    let stalls = SimulatorConfig {
        faults: FaultPlan {
            stall: Duration::from_secs(60),
            ..FaultPlan::default().with(FaultKind::Stall, 1.0)
        },
        ..small()
    };
    let mut service = Service::start(stalls, "[shutdown]\ngrace = \"3s\"\n");
    let simulator = &service.home.simulator;
    assert!(simulator.wait_for(SimulatorRequest::Get, 4, Duration::from_mins(1)));
    let told = |line: &'static str| service.told_when(move |service| service.ask("/metrics").contains(line));
    told("\ngrind_barcodes{state=\"downloading\"} 5\n");
    told("\ngrind_books_in_hand 5\n");
    service.signal(Signal::TERM);
    told("\ngrind_shutdown_phase{phase=\"workers_draining\"} 1\n");
    let ended = service.finish();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.err);
    assert!(ended.err.contains("stopped clean=false"), "{}", ended.err);
    assert!(ended.err.contains("in hand"), "{}", ended.err);
}

/// Bodies that stall, or come drop by drop, for longer than the grace.
#[test]
fn systemd_is_asked_for_time_only_while_bytes_move() {
    for (kind, moves) in [(FaultKind::Stall, false), (FaultKind::Trickle, true)] {
        let slow = SimulatorConfig {
            faults: FaultPlan {
                stall: Duration::from_secs(60),
                trickle: Duration::from_secs(60),
                ..FaultPlan::default().with(kind, 1.0)
            },
            image_bytes: 200_000,
            ..small()
        };
        let mut service = Service::start(slow, "[shutdown]\ngrace = \"8s\"\n");
        let simulator = &service.home.simulator;
        assert!(simulator.wait_for(SimulatorRequest::Get, 4, Duration::from_mins(1)));
        let is_silent_for = |service: &Service, seconds: f64| {
            let status: serde_json::Value = serde_json::from_str(&service.ask("/api/status")).unwrap();
            let transfers = status["daemon"]["transfers"].as_array().unwrap();
            let silent = transfers
                .iter()
                .map(|transfer| transfer["silent_seconds"].as_f64().unwrap());
            !transfers.is_empty() && silent.fold(f64::MAX, f64::min) >= seconds
        };
        // Looked at each 5 s: what came before the stop is not taken for its bytes.
        service.told_when(|service| is_silent_for(service, if moves { 0.0 } else { 6.0 }));
        service.signal(Signal::TERM);
        service.told("STOPPING=1");
        let mut asked = false;
        while !service.has_ended() {
            let message = service.message_within(Duration::from_secs(1)).unwrap_or_default();
            asked |= message.contains("EXTEND_TIMEOUT_USEC=30000000");
        }
        assert_eq!(asked, moves, "{kind:?}");
        assert_eq!(service.finish().status.code(), Some(1));
    }
}
