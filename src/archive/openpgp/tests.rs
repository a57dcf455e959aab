//! One table of messages by the real gpg: every cipher and packing, whole, cut, flipped, longer, and with a wrong passphrase.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;
use crate::archive::openpgp::armour::ARMOUR;

const PASSPHRASE: &str = "two words";
const FLIPS: u32 = 12;
/// Every cipher that gpg writes.
const CIPHERS: [&str; 10] = [
    "AES128",
    "AES192",
    "AES256",
    "3DES",
    "CAST5",
    "BLOWFISH",
    "TWOFISH",
    "CAMELLIA128",
    "CAMELLIA192",
    "CAMELLIA256",
];
/// Octets of the integrity check, its packet's head and a block before them.
const END: usize = 38;

/// What a reader says of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ReaderAnswer {
    Whole { content: Vec<u8>, trailing: u64 },
    Truncated,
    Damaged,
    WrongPassphrase,
    Unsupported,
    Other(String),
}

fn answer(bytes: &[u8], keys: &ArchiveKeys) -> ReaderAnswer {
    let mut source = ArchiveSource::new(bytes);
    let read = || -> Result<ReaderAnswer, LayerFault> {
        let mut message = open(&mut source, keys, &ArchiveLimits::default())?;
        let mut content = Vec::new();
        message.read_to_end(&mut content).map_err(|error| fault(&error))?;
        let trailing = message.plain.trailing();
        Ok(ReaderAnswer::Whole { content, trailing })
    };
    let mut read = read;
    read().unwrap_or_else(|fault| match fault {
        LayerFault::Truncated => ReaderAnswer::Truncated,
        LayerFault::Damaged(_) => ReaderAnswer::Damaged,
        LayerFault::WrongPassphrase => ReaderAnswer::WrongPassphrase,
        LayerFault::Unsupported(_) | LayerFault::NoIntegrityCheck | LayerFault::NoSecretKey(_) => {
            ReaderAnswer::Unsupported
        }
        other => ReaderAnswer::Other(other.to_string()),
    })
}

fn with_passphrase(passphrase: &str) -> ArchiveKeys {
    ArchiveKeys {
        passphrase: Some(crate::grin::SecretBytes::new(passphrase)),
        ..ArchiveKeys::default()
    }
}

/// A message by the real gpg, of a known length (`from_file`) or in parts.
fn by_gpg(home: &Path, content: &[u8], args: &[&str], from_file: bool) -> Vec<u8> {
    let input = home.join("input");
    std::fs::write(&input, content).unwrap();
    let mut command = Command::new("gpg");
    command.arg("--homedir").arg(home);
    command.args(["--batch", "--yes", "--quiet", "--no-tty", "--pinentry-mode", "loopback"]);
    command.args(["--passphrase", PASSPHRASE, "--s2k-count", "65536", "--output", "-"]);
    command.args(args).arg("--symmetric");
    if from_file {
        command.arg(&input);
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A gpg that reads the file may have ended by now.
    if !from_file {
        stdin.write_all(content).unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{args:?}");
    output.stdout
}

/// Text and noise, so that every compression has something to do and something to keep.
fn content() -> Vec<u8> {
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    noise.take(12_000).chain(b"lichens and mosses ".repeat(400)).collect()
}

#[test]
fn every_form_of_gpg_is_read_or_told_apart() {
    let home = tempfile::tempdir().unwrap();
    let content = content();
    let [right, wrong] = [PASSPHRASE, "two other words"].map(with_passphrase);
    for cipher in CIPHERS {
        for packing in [
            &["-z", "0"][..],
            &["--compress-algo", "zip"],
            &["--compress-algo", "zlib"],
            &["--compress-algo", "bzip2"],
        ] {
            for from_file in [true, false] {
                let args = [&["--cipher-algo", cipher], packing].concat();
                let message = by_gpg(home.path(), &content, &args, from_file);
                let is_plain = from_file && packing == ["-z", "0"];
                let whole = |trailing| ReaderAnswer::Whole {
                    content: content.clone(),
                    trailing,
                };
                assert!(answer(&message, &right) == whole(0), "{args:?}");
                let longer = [&message[..], b"<html>"].concat();
                assert!(answer(&longer, &right) == whole(6), "{args:?}: trailing");
                assert_eq!(answer(&message, &wrong), ReaderAnswer::WrongPassphrase, "{args:?}");
                for at in (message.len() - END..message.len()).filter(|_| is_plain) {
                    assert_eq!(
                        answer(&message[..at], &right),
                        ReaderAnswer::Truncated,
                        "{args:?}: cut at {at} of {}",
                        message.len()
                    );
                }
                for part in 1..=FLIPS {
                    let at = 48 + (message.len() - 49) * part as usize / FLIPS as usize;
                    assert_eq!(
                        answer(&message[..at], &right),
                        ReaderAnswer::Truncated,
                        "{args:?}: cut at {at}"
                    );
                    let mut flipped = message.clone();
                    flipped[at] ^= 0x20;
                    // A changed length of a part, or a changed symbol of a compressed one, can move the end beyond the bytes
                    // that are there.
                    let answer = answer(&flipped, &right);
                    let told = answer == ReaderAnswer::Damaged || !is_plain && answer == ReaderAnswer::Truncated;
                    assert!(told, "{args:?}, from a file: {from_file}, flipped at {at}: {answer:?}");
                }
            }
        }
    }
}

#[test]
fn other_forms_are_told_apart_by_their_head() {
    let skesk = [0x8c, 13, 4, 9, 3, 2, 1, 2, 3, 4, 5, 6, 7, 8, 0x60];
    let aead = |mode: u8| [&skesk[..], &[0xd4, 60, 1, 9, mode, 10], &[7; 56]].concat();
    let cases = [
        ("EAX in packet 20", aead(1), ReaderAnswer::Unsupported),
        ("an unknown mode in packet 20", aead(9), ReaderAnswer::Unsupported),
        (
            "version 7 of packet 18",
            [&skesk[..], &[0xd2, 9, 7], &[7; 8]].concat(),
            ReaderAnswer::Unsupported,
        ),
        (
            "no integrity check",
            [&skesk[..], &[0xc9, 40], &[7; 40]].concat(),
            ReaderAnswer::Unsupported,
        ),
        ("cut before its data", skesk.to_vec(), ReaderAnswer::Truncated),
    ];
    for (what, message, expected) in cases {
        assert_eq!(answer(&message, &with_passphrase(PASSPHRASE)), expected, "{what}");
    }
}

/// As gpg writes armour: lines of 64 characters, and a checksum that nobody reads.
fn armoured(message: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(message);
    let mut out = b"-----BEGIN PGP MESSAGE-----\n\n".to_vec();
    for line in text.as_bytes().chunks(64) {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.extend_from_slice(b"-----END PGP MESSAGE-----\n");
    out
}

#[test]
fn armour_changes_nothing_of_what_is_told() {
    let home = tempfile::tempdir().unwrap();
    let content = content();
    let [right, wrong] = [PASSPHRASE, "two other words"].map(with_passphrase);
    let whole = |trailing| ReaderAnswer::Whole {
        content: content.clone(),
        trailing,
    };
    let plain = by_gpg(home.path(), &content, &["-z", "0"], true);
    let by_gpg_itself = by_gpg(home.path(), &content, &["-z", "0", "--armor"], true);
    let longer = [&plain[..], b"<html>"].concat();
    let mut flipped = plain.clone();
    flipped[9_000] ^= 0x20;
    let mut spoiled = armoured(&plain);
    spoiled[9_000] = b'%';
    let text = String::from_utf8(armoured(&plain)).unwrap();
    let blanks = text.replace('\n', " \t\n").into_bytes();
    let behind = format!("\nDear all,\r\n\n{text}").into_bytes();
    let skesk = [0x8c, 13, 4, 9, 3, 2, 1, 2, 3, 4, 5, 6, 7, 8, 0x60];
    let unprotected = [&skesk[..], &[0xc9, 40], &[7; 40]].concat();
    let cases = [
        ("by gpg itself", by_gpg_itself, &right, whole(0)),
        ("whole", armoured(&plain), &right, whole(0)),
        ("longer", armoured(&longer), &right, whole(6)),
        ("with blanks at the ends of lines", blanks, &right, whole(0)),
        ("behind other lines", behind, &right, whole(0)),
        (
            "wrong passphrase",
            armoured(&plain),
            &wrong,
            ReaderAnswer::WrongPassphrase,
        ),
        ("flipped", armoured(&flipped), &right, ReaderAnswer::Damaged),
        ("a sign that is none", spoiled, &right, ReaderAnswer::Damaged),
        (
            "no integrity check",
            armoured(&unprotected),
            &right,
            ReaderAnswer::Unsupported,
        ),
        ("cut before its data", armoured(&skesk), &right, ReaderAnswer::Truncated),
    ];
    for (what, message, keys, expected) in cases {
        assert!(answer(&message, keys) == expected, "{what}");
    }
    let message = armoured(&plain);
    let evenly = (1..=FLIPS as usize).map(|part| 120 + (message.len() - 200) * part / FLIPS as usize);
    for at in (ARMOUR.len()..200).chain(evenly) {
        assert_eq!(answer(&message[..at], &right), ReaderAnswer::Truncated, "cut at {at}");
    }
}
