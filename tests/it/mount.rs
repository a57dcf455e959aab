//! A storage that is not mounted, or another one, gets nothing.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::fs;
use std::process::{Command, Stdio};

use crate::support::service::Service;
use crate::support::{Home, files};
use grind::lab::simulator::SimulatorConfig;
use rustix::process::Signal;

const MARKER: &str = "grind-storage.json";

/// A library of which one book is stored, and the volume that it is on not mounted: its folder is empty.
fn unmounted(extra: &str) -> Home {
    let library = SimulatorConfig {
        books: 4,
        pages: 2,
        image_bytes: 500,
        ..SimulatorConfig::default()
    };
    let home = Home::new(library, extra);
    let first = home.grind(&["sync", "--barcodes", home.simulator.barcode(0).unwrap().as_str()]);
    assert!(first.status.success(), "{}", first.err);
    assert!(home.root().join(MARKER).is_file());
    fs::rename(home.root(), home.folder.path().join("volume")).unwrap();
    fs::create_dir(home.root()).unwrap();
    home
}

fn mount(home: &Home) {
    fs::remove_dir_all(home.root()).unwrap();
    fs::rename(home.folder.path().join("volume"), home.root()).unwrap();
}

fn is_empty(home: &Home) -> bool {
    files(&home.root()).is_empty()
}

#[test]
fn whoever_asks_before_the_start_is_told_that_the_volume_is_not_mounted() {
    let home = unmounted("");
    for (arguments, says) in [
        (&["check-config", "--connect"][..], "error: storage.url: is not used: "),
        (&["storage", "ls"], "the storage cannot be used"),
    ] {
        let told = home.grind(arguments);
        assert_eq!(told.status.code(), Some(73), "{}{}", told.out, told.err);
        let said = format!("{}{}", told.out, told.err);
        assert!(said.contains(says) && said.contains("marker is missing"), "{said}");
    }
    assert!(is_empty(&home), "nothing is left there");
    mount(&home);
    for arguments in [&["check-config", "--connect"][..], &["storage", "ls"]] {
        let told = home.grind(arguments);
        assert!(told.status.success(), "{}{}", told.out, told.err);
    }
}

#[test]
fn a_daemon_stores_nothing_before_the_volume_is_mounted_and_then_goes_on_by_itself() {
    let mut service = Service::of(unmounted(""));
    service.told("waiting for the right storage");
    let ready = service.refusal("/ready");
    assert!(ready.contains(MARKER) || ready.contains("marker is missing"), "{ready}");
    assert!(ready.contains("grind storage adopt"), "{ready}");
    let metrics = service.ask("/metrics");
    assert!(
        metrics.contains("grind_intake_paused{reason=\"storage_not_ours\"} 1"),
        "{metrics}"
    );
    assert!(is_empty(&service.home));
    mount(&service.home);
    service.told("4 of 4 books stored");
    service.signal(Signal::TERM);
    let ended = service.finish();
    assert!(ended.status.success(), "{}", ended.err);
    assert!(ended.err.contains("intake resumed"), "{}", ended.err);
    assert_eq!(service.home.whole_books().len(), 4);
}

#[test]
fn a_step_by_hand_says_what_to_do_and_a_new_storage_is_adopted_by_a_command() {
    let home = unmounted("");
    let refused = home.grind(&["sync"]);
    assert_eq!(refused.status.code(), Some(73), "{}", refused.err);
    assert!(refused.err.contains("Mount the right one"), "{}", refused.err);
    assert!(is_empty(&home));
    let adopted = home.grind(&["storage", "adopt"]);
    assert!(adopted.status.success(), "{}", adopted.err);
    let synced = home.grind(&["run", "--once"]);
    assert!(synced.status.success(), "{}", synced.err);
    assert_eq!(
        home.whole_books().len(),
        3,
        "what was stored elsewhere is not fetched again"
    );
}

/// A limit of files' sizes ends no program: the book waits as for a full disk, and is told why.
#[test]
fn a_limit_of_the_size_of_files_is_told_and_ends_nothing() {
    let library = SimulatorConfig {
        books: 2,
        pages: 4,
        image_bytes: 1_000_000,
        ..SimulatorConfig::default()
    };
    let home = Home::new(library, "");
    let barcode = home.simulator.barcode(0).unwrap();
    let collected = home.grind(&["collect"]);
    assert!(collected.status.success(), "{}", collected.err);
    let sync = home.command(&["sync", "--barcodes", barcode.as_str()]);
    let mut limited = Command::new("sh");
    // In blocks of 512 bytes or of a kilobyte: more than the catalog has, and less than an archive.
    limited.args(["-c", "ulimit -f 3000; exec \"$0\" \"$@\""]);
    limited.arg(sync.get_program()).args(sync.get_args());
    let ended = limited.stdin(Stdio::null()).output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.code().is_some(), "no signal ended it: {:?}", ended.status);
    assert!(told.contains("file size limit"), "{told}");
    assert!(!home.raw(&barcode).is_file());
    let again = home.grind(&["sync", "--force", "--barcodes", barcode.as_str()]);
    assert!(again.status.success(), "{}", again.err);
    assert!(home.raw(&barcode).is_file());
}
