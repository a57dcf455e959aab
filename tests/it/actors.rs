//! `grind actors` and the black boxes of a running daemon.

use std::fs;

use grind::lab::simulator::SimulatorConfig;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::daemons::until;
use crate::support::service::Service;

#[test]
fn a_running_daemon_tells_what_its_actors_do_why_they_wait_and_what_they_did() {
    let library = SimulatorConfig {
        books: 4,
        pages: 10,
        image_bytes: 40_000,
        ..SimulatorConfig::default()
    };
    let service = Service::start(library, "[session]\nbandwidth = \"00:00-12:00 16KiB, else 16KiB\"\n");
    service.told("READY=1");
    let status = || serde_json::from_str::<Value>(&service.ask("/api/status")).unwrap();
    let nodes = || status()["chains"]["heaviest"]["links"].to_string();
    // A list's body is kept back, too, before the archives are asked for.
    until("bodies of archives that the bandwidth keeps back", || {
        let nodes = nodes();
        nodes.contains("\"bandwidth\"") && nodes.contains("\"downloader\"")
    });
    until("a window of time", || {
        !status()["hub"]["actors"][0]["windows"]["10s"].is_null()
    });
    let asked = |words: &[&str]| {
        let told = service.home.grind(words);
        assert!(told.status.success(), "{}", told.err);
        told.out
    };
    let all = asked(&["actors"]);
    assert!(all.contains("\n← transfer ") && all.contains(" KiB of "), "{all}");
    let chain = asked(&["actors", "downloader", "--chain"]);
    assert!(chain.ends_with("limited to 16.0 KiB/s\n"), "{chain}");
    let one: Value = serde_json::from_str(&asked(&["actors", "catalog", "--json"])).unwrap();
    assert_eq!(one["actor"]["name"], "catalog");
    let last = asked(&["actors", "catalog", "--blackbox"]);
    assert!(
        last.lines()
            .any(|line| line.contains(" claim ") && line.ends_with(" ok")),
        "{last}"
    );

    service.signal(Signal::USR1);
    let folder = service.home.folder.path().join("diagnostics");
    let written = || {
        let files = fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut names = files.filter_map(|file| file.file_name().into_string().ok());
        names.any(|name| name.starts_with("blackbox-") && name.ends_with("-catalog-SIGUSR1.txt"))
    };
    until("the last messages in a file", written);
}
