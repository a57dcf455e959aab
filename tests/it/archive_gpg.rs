//! Archives made by the real gpg go through `archive`; bytes, digests and texts are those that went in.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::io::Cursor;

use crate::support::archives::*;
use grind::archive::{ArchiveError, PassOptions, RecordKind, SecretKey, hex};
use sha2::{Digest, Sha256};

const CHEAP: [&str; 2] = ["--s2k-count", "65536"];

fn assert_whole(passed: &Passed, archive: &[u8], what: &str) {
    let volume = passed
        .outcome
        .as_ref()
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(passed.archive == archive, "{what}: the archive differs");
    assert_eq!(volume.sha256_hex(), hex(&Sha256::digest(archive)), "{what}");
    assert_eq!(volume.bytes, archive.len() as u64, "{what}");
    assert_eq!(
        (
            volume.acceptance.pages,
            volume.acceptance.text_pages,
            volume.acceptance.verified
        ),
        (12, 12, true),
        "{what}"
    );
    assert_eq!(volume.record, RecordKind::Found, "{what}");
    assert_eq!(volume.findings, [], "{what}");
    let expected: Vec<String> = (1..=12).map(text).collect();
    assert_eq!(passed.lines(), expected, "{what}");
}

#[test]
fn every_form_that_gpg_writes_symmetrically_is_read() {
    let gpg = Gpg::new();
    let archive = Files::volume(12, 20_000).tar_gz();
    let variants: [&[&str]; 12] = [
        &["-z", "0"],
        &[],
        &["--compress-algo", "zlib"],
        &["--cipher-algo", "AES128"],
        &["--cipher-algo", "AES192", "-z", "0"],
        &["--cipher-algo", "AES256", "-z", "0"],
        &["--s2k-digest-algo", "SHA256"],
        &["--s2k-digest-algo", "SHA512", "-z", "0"],
        &["--s2k-mode", "1"],
        &["--s2k-count", "2048"],
        &["--s2k-count", "4194304"],
        &["--set-filename", "some name.tar.gz", "-z", "0"],
    ];
    for args in variants {
        let args = if args.contains(&"--s2k-count") {
            args.to_vec()
        } else {
            [args, &CHEAP].concat()
        };
        for (how, encrypted) in [
            ("file", gpg.from_file(&archive, &args)),
            ("pipe", gpg.from_pipe(&archive, &args)),
        ] {
            assert_whole(&pass(&encrypted), &archive, &format!("{how} {args:?}"));
        }
    }
}

#[test]
fn gpg_s_own_count_is_read() {
    let gpg = Gpg::new();
    let archive = Files::volume(12, 1_000).tar_gz();
    assert_whole(&pass(&gpg.from_pipe(&archive, &[])), &archive, "gpg's own options");
}

#[test]
fn it_does_not_matter_in_what_pieces_the_bytes_come() {
    let gpg = Gpg::new();
    let archive = Files::volume(12, 3_000).tar_gz();
    let encrypted = gpg.from_pipe(&archive, &[&CHEAP[..], &["-z", "0"]].concat());
    for step in [1, 7, 16, 4_096, 8_191] {
        let passed = pass_with(Trickle(Cursor::new(encrypted.clone()), step), &options());
        assert_whole(&passed, &archive, &format!("{step} bytes at a time"));
        assert_eq!(passed.volume().fingerprint, pass(&encrypted).volume().fingerprint);
    }
}

#[test]
fn other_ciphers_go_through_rpgp() {
    let gpg = Gpg::new();
    let archive = Files::volume(12, 3_000).tar_gz();
    for cipher in ["3DES", "CAST5", "BLOWFISH", "TWOFISH", "CAMELLIA128", "CAMELLIA256"] {
        let args = [&CHEAP[..], &["--cipher-algo", cipher]].concat();
        let encrypted = gpg.from_pipe(&archive, &args);
        assert_whole(&pass(&encrypted), &archive, cipher);
        let wrong = PassOptions {
            passphrase: Some(grind::grin::Secret::new("wrong")),
            ..PassOptions::default()
        };
        assert!(pass_with(&encrypted[..], &wrong).outcome.is_err(), "{cipher}");
        for at in [encrypted.len() / 2, encrypted.len() - 1] {
            let mut flipped = encrypted.clone();
            flipped[at] ^= 1;
            assert!(
                matches!(pass(&flipped).error(), ArchiveError::Damaged { .. }),
                "{cipher} {at}"
            );
        }
        let cut = pass(&encrypted[..encrypted.len() - 1]);
        assert!(cut.error().seen().is_some(), "{cipher}: {}", cut.error());
    }
}

#[test]
fn armoured_messages_go_through_rpgp() {
    let gpg = Gpg::new();
    let archive = Files::volume(12, 3_000).tar_gz();
    let encrypted = gpg.from_pipe(&archive, &[&CHEAP[..], &["--armor"]].concat());
    assert_whole(&pass(&encrypted), &archive, "armour");
}

#[test]
fn a_message_to_a_public_key_opens_with_the_secret_key() {
    let gpg = Gpg::new();
    let status = gpg
        .command()
        .args([
            "--quick-generate-key",
            "Library <library@example.org>",
            "rsa2048",
            "encr",
            "never",
        ])
        .status()
        .unwrap();
    assert!(status.success());
    let archive = Files::volume(12, 3_000).tar_gz();
    let encrypted = gpg.pipe(&archive, &["--encrypt", "--recipient", "library@example.org"]);
    let secret = gpg.pipe(&[], &["--armor", "--export-secret-keys", "library@example.org"]);
    let with_key = PassOptions {
        secret_key: Some(SecretKey::parse(&secret).unwrap()),
        ..options()
    };
    assert_whole(
        &pass_with(&encrypted[..], &with_key),
        &archive,
        "secret key with passphrase",
    );
    assert!(
        matches!(pass(&encrypted).error(), ArchiveError::Unsupported { .. }),
        "passphrase alone"
    );
    let both = gpg.pipe(
        &archive,
        &[
            "--encrypt",
            "--symmetric",
            "--s2k-count",
            "65536",
            "--recipient",
            "library@example.org",
        ],
    );
    assert_whole(&pass(&both), &archive, "key and passphrase, opened by the passphrase");
}

#[test]
fn nothing_but_a_passphrase_is_asked_for() {
    let gpg = Gpg::new();
    let encrypted = gpg.from_pipe(&Files::volume(1, 100).tar_gz(), &CHEAP);
    assert!(matches!(
        pass_with(&encrypted[..], &PassOptions::default()).error(),
        ArchiveError::NoPassphrase
    ));
}
