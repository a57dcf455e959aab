//! Archives, text and manifests in places of their own, each of which must be the right one.

use std::fs;
use std::path::PathBuf;

use crate::support::{Home, files};
use grind::lab::simulator::SimulatorConfig;

const MARKER: &str = "grind-storage.json";

/// Each kind of object in a folder of its own.
fn apart() -> Home {
    let library = SimulatorConfig {
        books: 3,
        pages: 2,
        image_bytes: 500,
        ..SimulatorConfig::default()
    };
    let home = Home::new(library, "");
    let url = |name: &str| format!("file://{}", home.folder.path().join(name).display());
    let settings = format!(
        "[storage]\nraw_url = {:?}\nfull_url = {:?}\nmeta_url = {:?}\n",
        url("archives"),
        url("text"),
        url("manifests")
    );
    fs::write(home.folder.path().join("grind.toml.d/30-places.toml"), settings).unwrap();
    home
}

#[test]
fn each_command_finds_what_is_in_a_place_of_its_own() {
    let home = apart();
    let ran = home.grind(&["run", "--once"]);
    assert!(ran.status.success(), "{}", ran.err);
    let barcode = home.simulator.barcode(0).unwrap();
    let name = barcode.as_str();
    let at = |path: &str| home.folder.path().join(path);
    for path in [
        format!("archives/{name}/{name}.tar.gz"),
        format!("text/{name}_ocr.jsonl.gz"),
        format!("manifests/{name}.json"),
    ] {
        assert!(at(&path).is_file(), "{path}");
    }
    for place in ["library", "archives", "text", "manifests"] {
        assert!(at(place).join(MARKER).is_file(), "{place}");
    }
    assert!(!at("library/raw").exists() && !at("library/meta").exists());

    let listed = home.grind(&["storage", "ls", name]);
    assert!(listed.status.success(), "{}", listed.err);
    for key in [format!("raw/{name}/{name}.tar.gz"), format!("meta/{name}.json")] {
        assert!(listed.out.contains(&key), "{}", listed.out);
    }
    let verified = home.grind(&["verify"]);
    assert!(verified.status.success(), "{}{}", verified.out, verified.err);
    let quick = home.grind(&["verify", "--quick"]);
    assert!(quick.status.success(), "{}{}", quick.out, quick.err);
    let removed = home.grind(&["storage", "rm", name, "--yes"]);
    assert!(removed.status.success(), "{}", removed.err);
    for path in [
        format!("archives/{name}/{name}.tar.gz"),
        format!("manifests/{name}.json"),
    ] {
        assert!(!at(&path).exists(), "{path}");
    }
    let again = home.grind(&["run", "--once"]);
    assert!(again.status.success(), "{}", again.err);
    assert!(at(&format!("archives/{name}/{name}.tar.gz")).is_file());
}

#[test]
fn a_place_that_is_not_mounted_gets_nothing() {
    let home = apart();
    let barcode = home.simulator.barcode(0).unwrap();
    let ran = home.grind(&["sync", "--barcodes", barcode.as_str()]);
    assert!(ran.status.success(), "{}", ran.err);
    let archives = home.folder.path().join("archives");
    fs::rename(&archives, home.folder.path().join("volume")).unwrap();
    fs::create_dir(&archives).unwrap();
    let other = home.simulator.barcode(1).unwrap();
    let refused = home.grind(&["sync", "--barcodes", other.as_str()]);
    assert!(!refused.status.success(), "{}", refused.out);
    assert!(refused.err.contains("grind storage adopt"), "{}", refused.err);
    assert_eq!(files(&archives), [""; 0].map(PathBuf::from), "nothing is written there");
}
