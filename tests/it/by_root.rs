//! What root is told where another user owns the catalog.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use grind::lab::simulator::SimulatorConfig;

use crate::support::{Home, files, finish};

#[test]
fn root_is_told_whose_catalog_it_is_and_writes_nothing() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let home = Home::new(SimulatorConfig::default(), "");
    std::os::unix::fs::chown(home.folder.path(), Some(1), Some(1)).unwrap();
    let before = files(home.folder.path());
    let backup = home.folder.path().join("no such backup").display().to_string();
    for arguments in [
        &["run", "--once"][..],
        &["sync", "--limit", "3"],
        &["collect", "--dry-run"],
        &["report"],
        &["export", "csv"],
        &["explain", "TL0001"],
        &["import", "--from", "/dev/null"],
        &["catalog", "copy", "--to", "sqlite:///dev/null"],
        &["restore", &backup],
        &["storage", "adopt"],
    ] {
        let ended = home.command(arguments).env_remove("SUDO_USER").spawn().unwrap();
        let ended = finish(ended);
        assert_eq!(ended.status.code(), Some(77), "{arguments:?}: {}", ended.err);
        let line = format!("Run it as that user: runuser -u daemon -- grind {}", arguments[0]);
        assert!(ended.err.contains(&line), "{arguments:?}: {}", ended.err);
    }
    assert_eq!(files(home.folder.path()), before);
    assert_eq!(
        home.simulator.stats().requests.values().sum::<u64>(),
        0,
        "GRIN was asked for nothing"
    );
}
