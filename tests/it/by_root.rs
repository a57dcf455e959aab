//! What root is told where another user owns the catalog.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use grind::lab::simulator::{AuthConfig, SimulatorConfig};

use crate::support::{Home, files, finish};

/// In folders of another user each of these is refused, writes nothing and asks GRIN for nothing.
fn refuses_root(extra: &str, commands: &[&[&str]]) {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can be refused as root");
        return;
    }
    let config = SimulatorConfig {
        auth: Some(AuthConfig::default()),
        ..SimulatorConfig::default()
    };
    let home = Home::new(config, extra);
    std::os::unix::fs::chown(home.folder.path(), Some(1), Some(1)).unwrap();
    let before = files(home.folder.path());
    for arguments in commands {
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

#[test]
fn root_is_told_whose_catalog_it_is_and_writes_nothing() {
    refuses_root(
        "",
        &[
            &["run", "--once"],
            &["sync", "--limit", "3"],
            &["collect", "--dry-run"],
            &["report"],
            &["export", "csv"],
            &["explain", "TL0001"],
            &["import", "--from", "/dev/null"],
            &["catalog", "copy", "--to", "sqlite:///dev/null"],
            &["restore", "no such backup"],
            &["storage", "adopt"],
            &["support-bundle"],
            &["auth", "login", "--no-browser"],
        ],
    );
}

#[test]
fn with_a_catalog_on_a_server_root_is_told_whose_storage_it_is() {
    refuses_root(
        "[catalog]\nurl = \"postgres://grind@127.0.0.1:1/grind\"\n",
        &[
            &["run", "--once"],
            &["sync", "--limit", "3"],
            &["import", "--from", "/dev/null"],
            &["restore", "no such backup"],
            &["storage", "adopt"],
        ],
    );
}
