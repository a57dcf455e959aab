//! Tests of the seeded library and its archives.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use md5::{Digest, Md5};
use sha2::Sha256;

use crate::lab::simulator::archive::mets::hex;
use crate::lab::simulator::faults::FaultPlan;
use crate::lab::simulator::grin::catalogue::*;

fn catalogue(fault: Option<FaultKind>, form: Option<LengthForm>) -> SeededCatalogue {
    let faults = fault.map_or_else(FaultPlan::default, |fault| FaultPlan::default().with(fault, 1.0));
    SeededCatalogue::new(SimulatorConfig {
        faults,
        form,
        pages: 4,
        image_bytes: 3_000,
        ..SimulatorConfig::default()
    })
}

fn encrypted(catalogue: &SeededCatalogue, index: u32) -> Vec<u8> {
    catalogue.volume(index, 0).write_encrypted(Vec::new()).unwrap()
}

/// Runs the real `gpg` in a home of its own; gives its standard output and whether it was content.
fn gpg(message: &[u8], passphrase: &str) -> (Vec<u8>, bool) {
    let home = tempfile::tempdir().unwrap();
    let input = home.path().join("message.gpg");
    std::fs::write(&input, message).unwrap();
    let mut child = Command::new("gpg")
        .args(["--batch", "--quiet", "--homedir"])
        .arg(home.path())
        .args(["--pinentry-mode", "loopback", "--passphrase-fd", "0", "--decrypt"])
        .arg(&input)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(passphrase.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Command::new("gpgconf")
        .arg("--homedir")
        .arg(home.path())
        .args(["--kill", "all"])
        .status()
        .unwrap();
    (output.stdout, output.status.success())
}

fn members(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    let mut members = BTreeMap::new();
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        members.insert(name, content);
    }
    members
}

#[test]
fn the_real_gpg_opens_every_form_and_the_digest_is_as_said() {
    for form in [LengthForm::Fixed, LengthForm::Partial, LengthForm::Compressed] {
        let catalogue = catalogue(None, Some(form));
        let (archive, good) = gpg(&encrypted(&catalogue, 2), catalogue.config.passphrase.expose());
        assert!(good, "{form:?}");
        let decrypted = catalogue.volume(2, 0).decrypted().unwrap();
        assert_eq!(hex(&Sha256::digest(&archive)), decrypted.sha256);
        assert_eq!(archive.len() as u64, decrypted.bytes);
    }
}

#[test]
fn the_real_gpg_opens_gpgs_own_count() {
    let catalogue = SeededCatalogue::new(SimulatorConfig {
        s2k_count: 65_011_712,
        ..SimulatorConfig::default()
    });
    let (archive, good) = gpg(&encrypted(&catalogue, 0), catalogue.config.passphrase.expose());
    assert!(good && !archive.is_empty());
}

#[test]
fn the_real_gpg_refuses_what_is_damaged_cut_or_locked_otherwise() {
    for fault in [
        FaultKind::SourceDamaged,
        FaultKind::SourceTruncated,
        FaultKind::WrongPassphrase,
    ] {
        let catalogue = catalogue(Some(fault), Some(LengthForm::Fixed));
        let (_, good) = gpg(&encrypted(&catalogue, 1), catalogue.config.passphrase.expose());
        assert!(!good, "{fault:?}");
    }
}

#[test]
fn lengths_are_known_without_making_the_archive() {
    for fault in [
        None,
        Some(FaultKind::SourceTruncated),
        Some(FaultKind::NoChecksumList),
        Some(FaultKind::HostileArchive),
    ] {
        let catalogue = catalogue(fault, None);
        for index in 0..20 {
            let said = catalogue.volume(index, 0).encrypted_length();
            assert_eq!(encrypted(&catalogue, index).len() as u64, said, "{fault:?} {index}");
        }
    }
}

/// Names whose digest in the list is not theirs, and whether there is a list.
fn wrong_members(catalogue: &SeededCatalogue, index: u32) -> (Vec<String>, bool) {
    let mut archive = Vec::new();
    catalogue.volume(index, 0).write_archive(&mut archive).unwrap();
    let members = members(&archive);
    let Some(list) = members.get("checksum.md5") else {
        return (Vec::new(), false);
    };
    let list = String::from_utf8(list.clone()).unwrap();
    let wrong = |line: &str| {
        let (digest, name) = line.split_once("  ").unwrap();
        (hex(&Md5::digest(&members[name])) != digest).then(|| name.to_owned())
    };
    assert_eq!(list.lines().count(), members.len() - 1);
    (list.lines().filter_map(wrong).collect(), true)
}

#[test]
fn the_checksum_list_covers_every_member_and_is_right() {
    let catalogue = catalogue(None, None);
    for index in 0..20 {
        assert_eq!(wrong_members(&catalogue, index), (Vec::new(), true));
    }
}

#[test]
fn lasting_faults_show_in_the_archive() {
    let (wrong, listed) = wrong_members(&catalogue(Some(FaultKind::WrongChecksum), None), 3);
    assert!(listed && wrong.len() == 1, "{wrong:?}");
    assert_eq!(
        wrong_members(&catalogue(Some(FaultKind::NoChecksumList), None), 3),
        (Vec::new(), false)
    );
    let mets = |fault| {
        let catalogue = catalogue(Some(fault), None);
        let mut archive = Vec::new();
        catalogue.volume(3, 0).write_archive(&mut archive).unwrap();
        let members = members(&archive);
        let (_, mets) = members.iter().find(|(name, _)| name.starts_with("TESTLIB_")).unwrap();
        String::from_utf8_lossy(mets).contains("CHECKSUM=")
    };
    assert!(mets(FaultKind::NoChecksumList) && !mets(FaultKind::NoDigests));
}

#[test]
fn another_generation_is_another_archive() {
    let catalogue = catalogue(None, None);
    assert_ne!(catalogue.etag(1, 0), catalogue.etag(1, 1));
    let digest = |generation| catalogue.volume(1, generation).decrypted().unwrap().sha256;
    assert_eq!(digest(0), digest(0));
    assert_ne!(digest(0), digest(1));
}

#[test]
fn file_names_lead_back() {
    for prefixed_names in [false, true] {
        let catalogue = SeededCatalogue::new(SimulatorConfig {
            prefixed_names,
            ..SimulatorConfig::default()
        });
        let mut name = Vec::new();
        catalogue.push_file_name(5, &mut name);
        let name = String::from_utf8(name).unwrap();
        assert_eq!(name.starts_with("TESTLIB_"), prefixed_names);
        assert_eq!(catalogue.index_of_file(&name), Some(5));
        assert_eq!(catalogue.index_of_file(&format!("X{name}")), None);
    }
}
