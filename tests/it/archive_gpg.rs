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
            passphrase: Some(grind::grin::SecretBytes::new("wrong")),
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
        secret_key: Some(SecretKey::unlock(&secret, options().passphrase.as_ref()).unwrap()),
        ..options()
    };
    assert_whole(
        &pass_with(&encrypted[..], &with_key),
        &archive,
        "secret key with passphrase",
    );
    assert!(
        matches!(pass(&encrypted).error(), ArchiveError::NoSecretKey { .. }),
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

/// A message with a packet 9 in place of a protected one, as gpg wrote before it knew better.
fn without_integrity_check(archive: &[u8], cut: usize) -> Vec<u8> {
    use pgp::crypto::sym::SymmetricKeyAlgorithm;
    let salt = [5; 8];
    let count = 0x60;
    let hashed: Vec<u8> = [&salt[..], PASSPHRASE.as_bytes()]
        .concat()
        .into_iter()
        .cycle()
        .take(65_536)
        .collect();
    let key = &Sha256::digest(hashed)[..];
    let literal = [
        &[0xcb, 0xff][..],
        &u32::try_from(archive.len() + 6).unwrap().to_be_bytes(),
        b"b\0\0\0\0\0",
        archive,
    ]
    .concat();
    let prefix = b"0123456789abcdefef";
    let mut data = [&prefix[..], &literal].concat();
    SymmetricKeyAlgorithm::AES256
        .encrypt_with_iv_resync(key, &[0; 16], &mut data)
        .unwrap();
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    data.truncate(data.len() - cut);
    [
        &[0x8c, 13, 4, 9, 3, 8][..],
        &salt,
        &[count],
        &[0xc9, 0xff],
        &length,
        &data,
    ]
    .concat()
}

#[test]
fn without_an_integrity_check_only_digests_prove_a_volume() {
    let volume = Files::volume(12, 3_000);
    let willing = PassOptions {
        accept_unauthenticated: true,
        ..options()
    };
    let message = without_integrity_check(&volume.tar_gz(), 0);
    let refused = pass(&message);
    assert!(matches!(refused.error(), ArchiveError::NoIntegrityCheck));
    assert!(
        refused
            .error()
            .to_string()
            .contains("archive.accept_unauthenticated = true")
    );
    let passed = pass_with(&message[..], &willing);
    assert_eq!(
        (passed.volume().acceptance.verified, passed.codes()),
        (true, vec!["unauthenticated"])
    );
    assert_eq!(passed.archive, volume.tar_gz());
    // A page that nothing lists is not proven, and gzip's own check is no proof against a change.
    let unlisted = volume.clone().with("00000013.txt", b"unlisted");
    let unproven = pass_with(&without_integrity_check(&unlisted.tar_gz(), 0)[..], &willing);
    assert_eq!(unproven.error().reason().to_string(), "unauthenticated");
    // Nor is a digest that is not compared.
    let bare = Files::bare(3, 100);
    let sha = bare.mets(true).replace("\"MD5\"", "\"SHA-256\"");
    let sha = bare.with("TL0000000001.xml", sha.as_bytes());
    let unproven = pass_with(&without_integrity_check(&sha.tar_gz(), 0)[..], &willing);
    assert_eq!(unproven.error().reason().to_string(), "unauthenticated");
    let cut = pass_with(&without_integrity_check(&volume.tar_gz(), 40)[..], &willing);
    assert!(matches!(cut.error(), ArchiveError::Truncated { .. }), "{}", cut.error());
    let wrong = PassOptions {
        passphrase: Some(grind::grin::SecretBytes::new("wrong")),
        ..willing
    };
    assert!(matches!(
        pass_with(&message[..], &wrong).error(),
        ArchiveError::WrongPassphrase
    ));
}

#[test]
fn every_cut_of_an_authenticated_message_is_a_cut_and_no_wrong_passphrase() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/archives");
    let message = std::fs::read(format!("{folder}/openpgp-ocb/TL7700000007.tar.gz.gpg")).unwrap();
    let passphrase = std::fs::read_to_string(format!("{folder}/passphrase.txt")).unwrap();
    let right = PassOptions::with_passphrase(grind::grin::Secret::new(passphrase.trim_end()));
    for end in (100..message.len()).step_by(37) {
        let error = pass_with(&message[..end], &right).outcome.unwrap_err();
        assert!(matches!(error, ArchiveError::Truncated { .. }), "cut at {end}: {error}");
        let mut flipped = message.clone();
        flipped[end] ^= 1;
        let error = pass_with(&flipped[..], &right).outcome.unwrap_err();
        assert!(
            matches!(error, ArchiveError::Damaged { .. }),
            "flipped at {end}: {error}"
        );
    }
    let error = pass(&message).outcome.unwrap_err();
    assert!(matches!(error, ArchiveError::WrongPassphrase), "{error}");
}

#[test]
fn bzip2_is_read_from_both_kinds_of_packets() {
    let gpg = Gpg::new();
    let archive = Files::volume(12, 3_000).tar_gz();
    for cipher in ["AES256", "CAST5"] {
        let args = [&CHEAP[..], &["--compress-algo", "bzip2", "--cipher-algo", cipher]].concat();
        assert_whole(&pass(&gpg.from_pipe(&archive, &args)), &archive, cipher);
    }
}
