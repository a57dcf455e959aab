//! Archives that are encrypted to a public key: `archive.secret_key_file` in a whole run, with keys that the real gpg made.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::archives::{Gpg, PASSPHRASE};
use crate::support::{Home, files, states};
use grind::grin::Secret;
use grind::lab::simulator::SimulatorConfig;

/// A key ring whose keys are protected by a cheap derivation.
fn key_ring() -> Gpg {
    let gpg = Gpg::new();
    fs::write(gpg.path().join("gpg-agent.conf"), "s2k-count 65536\n").unwrap();
    gpg
}

/// Makes a key of an algorithm and a usage as gpg names them.
fn make_key(gpg: &Gpg, name: &str, kind: [&str; 2]) {
    let mut command = gpg.command();
    command.args(["--quick-generate-key", name]).args(kind).arg("never");
    assert!(command.status().unwrap().success(), "{name}");
}

/// Makes a key and exports it.
fn key(gpg: &Gpg, name: &str) -> Vec<u8> {
    make_key(gpg, name, ["rsa2048", "encr"]);
    gpg.pipe(&[], &["--export-secret-keys", name])
}

/// A key ring with a key of the library, and what `export` writes of it. Now and then gpg 2.2 cannot export an elliptic key that it
/// has just made ("Corrupted protection"); then another one is made.
fn ring_with_key(kind: [&str; 2], export: &str) -> (Gpg, Vec<u8>) {
    let made = || {
        let gpg = key_ring();
        make_key(&gpg, "library@example.org", kind);
        let exported = gpg.command().args([export, "library@example.org"]).output().unwrap();
        exported.status.success().then_some((gpg, exported.stdout))
    };
    (0..5).find_map(|_| made()).expect("gpg exports a key that it has made")
}

/// A library of one book whose archive GRIN holds encrypted to the key of `recipient`.
fn library(gpg: &Gpg, recipient: &str) -> (Home, tempfile::TempDir) {
    let cache = tempfile::tempdir().unwrap();
    let config = SimulatorConfig {
        books: 1,
        pages: 3,
        image_bytes: 500,
        s2k_count: 1_024,
        passphrase: Secret::new(PASSPHRASE),
        cache_dir: Some(cache.path().to_owned()),
        ..SimulatorConfig::default()
    };
    let home = Home::new(config, "");
    home.simulator.prepare(1).unwrap();
    let [archive] = &files(cache.path())[..] else {
        panic!("one archive was made")
    };
    let decrypted = gpg.pipe(&fs::read(archive).unwrap(), &["--decrypt"]);
    let encrypted = gpg.pipe(&decrypted, &["--encrypt", "--recipient", recipient]);
    fs::write(archive, encrypted).unwrap();
    (home, cache)
}

fn secret_file(home: &Home, name: &str, bytes: &[u8]) -> PathBuf {
    let path = home.folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// Sets the two files of `[archive]`; without a passphrase, also the one of the simulator's own config is taken out.
fn configure(home: &Home, key: &Path, passphrase: Option<&str>) {
    let own: String = fs::read_to_string(&home.config)
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with("passphrase_file"))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(&home.config, own).unwrap();
    let passphrase = passphrase.map(|passphrase| secret_file(home, "other_passphrase", passphrase.as_bytes()));
    let passphrase = passphrase.map_or_else(String::new, |path| {
        format!("passphrase_file = \"{}\"\n", path.display())
    });
    let dropin = home.folder.path().join("grind.toml.d/30-key.toml");
    fs::write(
        dropin,
        format!("[archive]\nsecret_key_file = \"{}\"\n{passphrase}", key.display()),
    )
    .unwrap();
}

#[test]
fn every_kind_of_key_that_gpg_makes_opens_the_library() {
    for (kind, export) in [
        (["default", "default"], "--export-secret-keys"),
        (["default", "default"], "--export-secret-subkeys"),
        (["rsa2048", "encr"], "--export-secret-keys"),
    ] {
        let (gpg, ours) = ring_with_key(kind, export);
        let other = key(&gpg, "other@example.org");
        let (home, _cache) = library(&gpg, "library@example.org");
        // gpg writes all keys of a ring one behind the other.
        let file = secret_file(&home, "keys", &[other, ours].concat());
        configure(&home, &file, Some(PASSPHRASE));
        let run = home.grind(&["run", "--once"]);
        assert!(run.status.success(), "{kind:?}, {export}: {}", run.err);
        assert_eq!(home.whole_books().len(), 1, "{kind:?}, {export}");
    }
}

#[test]
fn a_key_that_cannot_be_used_is_wrong_configuration() {
    let gpg = key_ring();
    let ours = key(&gpg, "library@example.org");
    let public = gpg.pipe(&[], &["--armor", "--export", "library@example.org"]);
    let (home, _cache) = library(&gpg, "library@example.org");
    let locked = secret_file(&home, "locked", &ours);
    let exposed = secret_file(&home, "exposed", &ours);
    fs::set_permissions(&exposed, fs::Permissions::from_mode(0o644)).unwrap();
    let cases = [
        (home.folder.path().join("none"), Some(PASSPHRASE), "which is not there"),
        (
            secret_file(&home, "text", b"no key"),
            Some(PASSPHRASE),
            "no OpenPGP secret key",
        ),
        (secret_file(&home, "empty", b""), Some(PASSPHRASE), "which is empty"),
        (
            secret_file(&home, "cut", &ours[..ours.len() / 2]),
            Some(PASSPHRASE),
            "no OpenPGP secret key",
        ),
        (
            secret_file(&home, "public", &public),
            Some(PASSPHRASE),
            "no OpenPGP secret key",
        ),
        (exposed, Some(PASSPHRASE), "chmod 600"),
        (locked.clone(), None, "protected by a passphrase"),
        (locked, Some("another one"), "does not unlock"),
    ];
    for (file, passphrase, words) in cases {
        configure(&home, &file, passphrase);
        let run = home.grind(&["run", "--once"]);
        assert_eq!(run.status.code(), Some(78), "{file:?}: {}", run.err);
        assert!(run.err.contains(words), "{file:?}: {}", run.err);
        assert!(
            run.err.contains(file.to_str().unwrap()),
            "{file:?} is named: {}",
            run.err
        );
    }
    assert!(home.whole_books().is_empty());
}

#[test]
fn an_archive_to_somebody_else_says_to_whom() {
    let gpg = key_ring();
    let ours = key(&gpg, "library@example.org");
    key(&gpg, "other@example.org");
    let (home, _cache) = library(&gpg, "other@example.org");
    configure(&home, &secret_file(&home, "key", &ours), Some(PASSPHRASE));
    let run = home.grind(&["run", "--once"]);
    // It opened no archive: that is no book's fault.
    assert_eq!(run.status.code(), Some(77), "{}", run.err);
    assert!(states(&home).values().all(|(state, _)| state != "failed"));
    assert!(run.err.contains("archive.secret_key_file"), "{}", run.err);
    assert!(run.err.contains("encrypted to the public keys"), "{}", run.err);
    home.nothing_is_left_over();
}
