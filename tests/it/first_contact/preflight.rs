//! `grind check-config --connect`: each check has its line, whatever the others say.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use grind::lab::simulator::{FaultKind, SimulatorConfig, SimulatorRequest, StateMix};

use super::{away, end_sign_in, library, requests, signed_in};
use crate::support::{Finished, Home, files};

fn small() -> SimulatorConfig {
    library(3)
}

fn connect(home: &Home) -> Finished {
    home.grind(&["check-config", "--connect"])
}

/// The word with which the line of this key begins.
fn verdict<'a>(ended: &'a Finished, key: &str) -> &'a str {
    let about = format!(": {key}: ");
    let line = ended.out.lines().find(|line| line.contains(&about));
    let line = line.unwrap_or_else(|| panic!("no line about {key}: {} {}", ended.out, ended.err));
    line.split(':').next().unwrap()
}

const SERVICES: [&str; 8] = [
    "auth",
    "session.ca_file",
    "clock",
    "grin._converted",
    "archive.passphrase_file",
    "storage.url",
    "storage.disk_reserve",
    "catalog.url",
];

fn verdicts(ended: &Finished, expected: [&str; 8], code: i32) {
    let found = SERVICES.map(|key| verdict(ended, key));
    assert_eq!(found, expected, "{}", ended.out);
    assert_eq!(ended.status.code(), Some(code), "{} {}", ended.out, ended.err);
}

#[test]
fn everything_sound_is_said_with_few_requests_and_nothing_is_left() {
    let home = signed_in(small());
    let ended = connect(&home);
    verdicts(&ended, ["ok"; 8], 0);
    let asked = requests(&home.simulator);
    assert!(asked <= 10, "{asked}");
    assert!(!home.root().exists(), "{:?}", files(&home.root()));
    assert!(!home.folder.path().join("catalog.db").exists());
}

#[test]
fn a_passphrase_that_does_not_open_is_found_with_one_archive() {
    let home = Home::new(small(), "[archive]\npassphrase_file = \"wrong\"\n");
    let wrong = home.folder.path().join("grind.toml.d").join("wrong");
    fs::write(&wrong, "another one\n").unwrap();
    fs::set_permissions(&wrong, fs::Permissions::from_mode(0o600)).unwrap();
    let ended = connect(&home);
    verdicts(&ended, ["ok", "ok", "ok", "ok", "error", "ok", "ok", "ok"], 78);
    assert_eq!(home.simulator.stats().count(SimulatorRequest::Get), 1);
}

#[test]
fn a_secret_that_is_missing_keeps_only_from_what_needs_it() {
    let home = Home::new(small(), "[archive]\npassphrase_file = \"not-there\"\n");
    let ended = connect(&home);
    let about: Vec<_> = ended
        .out
        .lines()
        .filter(|line| line.contains(": archive.passphrase_file: "))
        .collect();
    assert!(
        about[0].starts_with("error: ") && about[1].starts_with("not checked: "),
        "{}",
        ended.out
    );
    for key in ["auth", "grin._converted", "storage.url", "catalog.url"] {
        assert_eq!(verdict(&ended, key), "ok");
    }
    assert_eq!(ended.status.code(), Some(78), "{}", ended.out);
}

#[test]
fn without_an_archive_the_passphrase_is_not_checked_and_that_is_no_fault() {
    let home = Home::new(
        SimulatorConfig {
            mix: StateMix::NEW,
            ..small()
        },
        "",
    );
    let ended = connect(&home);
    assert_eq!(verdict(&ended, "archive.passphrase_file"), "not checked");
    assert_eq!(ended.status.code(), Some(0), "{}", ended.out);
}

#[test]
fn a_grin_that_is_away_leaves_the_other_checks_to_be_made() {
    let home = Home::new(small(), &away());
    let skipped = "not checked";
    let ended = connect(&home);
    verdicts(&ended, ["error", "ok", skipped, skipped, skipped, "ok", "ok", "ok"], 69);
}

#[test]
fn a_certificate_of_an_authority_that_is_not_trusted_is_wrong_configuration() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let tls = |folder: &tempfile::TempDir, extra: &str| {
        let config = SimulatorConfig {
            tls: Some(folder.path().to_owned()),
            ..small()
        };
        Home::new(config, extra)
    };
    let trusted = tls(&folders[0], "");
    verdicts(&connect(&trusted), ["ok"; 8], 0);
    let authority = trusted.simulator.ca_file().unwrap().display();
    let other = tls(&folders[1], &format!("[session]\nca_file = \"{authority}\"\n"));
    let ended = connect(&other);
    let skipped = "not checked";
    verdicts(
        &ended,
        ["error", "error", skipped, skipped, skipped, "ok", "ok", "ok"],
        78,
    );
    // Whoever asks GRIN says the same.
    let known = trusted.simulator.barcode(0).unwrap();
    for command in [
        &["rehearse"][..],
        &["run", "--once"],
        &["collect"],
        &["sync", "--barcodes", known.as_str()],
    ] {
        let ended = other.grind(command);
        assert_eq!(
            ended.status.code(),
            Some(78),
            "{command:?}: {} {}",
            ended.out,
            ended.err
        );
        assert!(ended.err.contains("session.ca_file"), "{command:?}: {}", ended.err);
    }
}

#[test]
fn a_sign_in_that_has_ended_is_not_permitted() {
    let home = signed_in(small());
    end_sign_in(&home);
    let ended = connect(&home);
    assert_eq!(verdict(&ended, "auth"), "error");
    assert_eq!(verdict(&ended, "storage.url"), "ok");
    assert_eq!(ended.status.code(), Some(77), "{}", ended.out);
    assert!(ended.out.contains("grind auth login"), "{}", ended.out);
}

#[test]
fn a_page_that_is_no_list_is_said_and_the_passphrase_left() {
    let home = Home::new(small(), "");
    home.simulator
        .inject(SimulatorRequest::ListPage, None, FaultKind::NoHeading);
    let ended = connect(&home);
    assert_eq!(verdict(&ended, "grin._converted"), "error");
    assert_eq!(ended.status.code(), Some(69), "{}", ended.out);
}

#[test]
fn a_storage_that_is_no_folder_and_a_wrong_key_are_wrong_configuration() {
    let home = Home::new(small(), "[storage]\nurl = \"ftp://x\"\n");
    let ended = connect(&home);
    assert_eq!(verdict(&ended, "storage.url"), "error");
    assert_eq!(verdict(&ended, "services"), "not checked");
    assert_eq!(ended.status.code(), Some(78), "{}", ended.out);
    assert_eq!(home.simulator.stats().count(SimulatorRequest::ListPage), 0);
}

#[test]
fn a_bucket_is_tried_as_a_folder_is() {
    let server = crate::storage_s3::server::Server::start();
    let home = Home::new(small(), &server.settings());
    let with_keys = |keys: &[(&str, &str)]| {
        let mut command = home.command(&["check-config", "--connect"]);
        command.envs(keys.iter().copied());
        crate::support::finish(command.spawn().unwrap())
    };
    let [id, secret] = crate::storage_s3::server::KEYS;
    let ended = with_keys(&[id, secret]);
    verdicts(&ended, ["ok"; 8], 0);
    assert!(server.files().is_empty(), "{:?}", server.files());
    let refused = with_keys(&[id, ("AWS_SECRET_ACCESS_KEY", "another")]);
    assert_eq!(verdict(&refused, "storage.url"), "error");
    assert_eq!(refused.status.code(), Some(77), "{}", refused.out);
}

#[test]
fn what_only_reads_the_catalog_needs_no_secrets() {
    let home = Home::new(small(), "");
    assert!(home.grind(&["collect"]).status.success());
    let secrets = "[archive]\npassphrase_file = \"not-there\"\n[auth]\nservice_account_file = \"nor-this\"\n";
    fs::write(home.folder.path().join("grind.toml.d/20-test.toml"), secrets).unwrap();
    let refused = home.grind(&["collect"]);
    assert_eq!(refused.status.code(), Some(78), "{}", refused.err);
    let one = home.simulator.barcode(1).unwrap();
    for command in [&["report"][..], &["export", "csv"], &["explain", one.as_str()]] {
        let ended = home.grind(command);
        assert!(ended.status.success(), "{command:?}: {}", ended.err);
    }
    let status = home.grind(&["status"]);
    assert_eq!(status.status.code(), Some(69), "{}", status.err);
    let mut by_environment = std::process::Command::new(env!("CARGO_BIN_EXE_grind"));
    by_environment.arg("report").env("GRIND_CONFIG", &home.config);
    assert!(by_environment.output().unwrap().status.success());
}

#[test]
fn a_home_is_no_storage_and_nothing_is_tried_in_it() {
    let home = Home::new(small(), "");
    let folder = home.root();
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(".bashrc"), "").unwrap();
    let ended = connect(&home);
    assert_eq!(verdict(&ended, "storage.url"), "error");
    assert_eq!(verdict(&ended, "storage.disk_reserve"), "not checked");
    assert!(ended.out.contains("(.bashrc)"), "{}", ended.out);
    assert_eq!(ended.status.code(), Some(78), "{}", ended.out);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}
