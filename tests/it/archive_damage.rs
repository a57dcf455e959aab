//! Damaged, cut and foreign bytes: each ends in its own typed error, and never in a volume.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::io::{self, Read};

use crate::support::archives::*;
use grind::archive::{ArchiveError, DamageKind, PassOptions, process};
use grind::grin::Secret;
use grind::vocabulary::FailureReason;

const CHEAP: [&str; 2] = ["--s2k-count", "65536"];

/// A small archive as gpg writes it: without and with its compression, with a known and an unknown length.
fn messages(gpg: &Gpg, archive: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let plain = [&CHEAP[..], &["-z", "0"]].concat();
    vec![
        ("file, stored", gpg.from_file(archive, &plain)),
        ("file, compressed", gpg.from_file(archive, &CHEAP)),
        ("pipe, stored", gpg.from_pipe(archive, &plain)),
        ("pipe, compressed", gpg.from_pipe(archive, &CHEAP)),
    ]
}

#[test]
fn one_flipped_bit_anywhere_is_never_a_volume() {
    let gpg = Gpg::new();
    let archive = Files::volume(2, 700).tar_gz();
    for (how, message) in messages(&gpg, &archive) {
        for at in 0..message.len() {
            let mut flipped = message.clone();
            flipped[at] ^= 1 << (at % 8);
            let passed = pass(&flipped);
            let Err(error) = &passed.outcome else {
                panic!("{how}: a flipped bit at {at} went unnoticed")
            };
            // Behind the session key packet, the packet header and the first block and a half.
            if at >= 48 {
                let told = matches!(error, ArchiveError::Damaged { .. } | ArchiveError::Truncated { .. });
                assert!(told, "{how}, bit at {at}: {error}");
            }
        }
    }
}

#[test]
fn a_flipped_bit_in_a_large_archive_is_damage_found_by_the_integrity_check() {
    let gpg = Gpg::new();
    let archive = Files::volume(6, 60_000).tar_gz();
    for (how, message) in messages(&gpg, &archive) {
        for part in 1..40 {
            let mut flipped = message.clone();
            let at = message.len() * part / 40;
            flipped[at] ^= 0x10;
            match pass(&flipped).error() {
                ArchiveError::Damaged {
                    what: DamageKind::Integrity | DamageKind::Packets(_) | DamageKind::Gzip(_),
                    seen,
                } => {
                    assert_eq!(
                        seen.encrypted_bytes,
                        message.len() as u64,
                        "{how}: all of it is in the fingerprint"
                    );
                    assert_eq!(seen.sha256, None);
                }
                ArchiveError::Truncated { .. } if how.starts_with("pipe") => {}
                other => panic!("{how}, bit at {at}: {other}"),
            }
        }
    }
}

#[test]
fn every_cut_is_noticed() {
    let gpg = Gpg::new();
    let archive = Files::volume(2, 700).tar_gz();
    for (how, message) in messages(&gpg, &archive) {
        for end in 1..message.len() {
            match pass(&message[..end]).error() {
                ArchiveError::Truncated { seen } => assert_eq!(seen.encrypted_bytes, end as u64, "{how}"),
                other => panic!("{how}, cut at {end}: {other}"),
            }
        }
        assert!(pass(&message).outcome.is_ok(), "{how}");
    }
}

#[test]
fn a_wrong_passphrase_is_told_apart_from_damage() {
    let gpg = Gpg::new();
    let archive = Files::volume(2, 100_000).tar_gz();
    for (how, message) in messages(&gpg, &archive) {
        for wrong in [
            "",
            "wrong",
            "a short text of random words ",
            "A short text of random words",
        ] {
            let options = PassOptions::with_passphrase(Secret::new(wrong));
            let passed = pass_with(&message[..], &options);
            assert!(
                matches!(passed.error(), ArchiveError::WrongPassphrase),
                "{how}: {}",
                passed.error()
            );
            assert_eq!(passed.archive, b"", "nothing was released");
        }
    }
}

#[test]
fn what_is_no_archive_is_named() {
    let cases: [(&[u8], &str); 5] = [
        (b"", "empty"),
        (b"\n\n  <HTML>", "html"),
        (b"{\"error\": \"expired\"}", "json"),
        (&gz(b"a tar, not encrypted"), "gzip"),
        (b"\xff\xd8\xff\xe0 a picture", "unknown"),
    ];
    for (bytes, expected) in cases {
        match pass(bytes).error() {
            ArchiveError::NotAnArchive { looks_like } => assert_eq!(*looks_like, expected),
            other => panic!("{expected}: {other}"),
        }
        // One byte at a time it looks the same.
        let slow = pass_with(Trickle(io::Cursor::new(bytes.to_vec()), 1), &options());
        assert!(matches!(slow.error(), ArchiveError::NotAnArchive { looks_like } if *looks_like == expected));
    }
}

/// Google's page begins with scripts, and its form stands far behind them.
#[test]
fn grins_refusals_in_place_of_an_archive_say_nothing_about_the_archive() {
    let scripts = "<script>let x = 1;</script>\n".repeat(1_000);
    let sign_in = format!("<!DOCTYPE html>\n<html><head>{scripts}</head><form><input type=\"password\"></form></html>");
    for (bytes, expected) in [
        (
            &b"<!DOCTYPE html>\n<html><body>Your request is unavailable</body></html>"[..],
            FailureReason::Unavailable,
        ),
        (b"Your request is unavailable", FailureReason::Unavailable),
        (sign_in.as_bytes(), FailureReason::SignedOut),
    ] {
        for step in [1, 7, bytes.len()] {
            let passed = pass_with(Trickle(io::Cursor::new(bytes.to_vec()), step), &options());
            let error = passed.error();
            assert!(matches!(error, ArchiveError::RefusedByGrin { .. }), "{step}: {error}");
            assert_eq!(error.reason(), expected);
        }
    }
}

#[test]
fn something_else_in_the_envelope_is_kept_and_named() {
    let gpg = Gpg::new();
    let volume = Files::volume(2, 700).tar_gz();
    let inner = gpg.from_pipe(&volume, &CHEAP);
    let cases: [(&[u8], &str); 5] = [
        (b"<html><body>an error page, encrypted</body></html>", "HTML"),
        (b"\xfd7zXZ\0\0\x04", "xz"),
        (&Files::volume(2, 700).tar(), "tar that is not compressed"),
        (&inner, "another OpenPGP message"),
        (b"", "nothing"),
    ];
    for (content, words) in cases {
        let message = gpg.from_pipe(content, &CHEAP);
        let passed = pass(&message);
        let error = passed.error();
        let seen = error.seen().unwrap();
        assert_eq!(seen.encrypted_bytes, message.len() as u64, "{words}");
        assert!(seen.sha256.is_some() && passed.archive == content, "{words}");
        assert!(error.to_string().contains("decrypted whole"), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        // What is not whole is damaged, whatever it looks like.
        let mut changed = message;
        let last = changed.len() - 1;
        changed[last] ^= 1;
        assert!(
            matches!(pass(&changed).error(), ArchiveError::Damaged { .. }),
            "{words}"
        );
    }
}

#[test]
fn bytes_after_the_message_are_said_and_do_no_harm() {
    let gpg = Gpg::new();
    let archive = Files::volume(2, 700).tar_gz();
    for (how, mut message) in messages(&gpg, &archive) {
        message.extend_from_slice(b"<html>and something more</html>");
        let passed = pass(&message);
        assert_eq!(passed.codes(), ["trailing_data"], "{how}");
        assert_eq!(passed.archive, archive);
        assert_eq!(passed.volume().encrypted_bytes, message.len() as u64);
    }
}

#[test]
fn the_same_bytes_twice_have_the_same_fingerprint_and_others_have_another() {
    let gpg = Gpg::new();
    let archive = Files::volume(3, 5_000).tar_gz();
    let message = gpg.from_pipe(&archive, &CHEAP);
    let flipped = |at: usize| {
        let mut bytes = message.clone();
        bytes[at] ^= 2;
        pass(&bytes).error().seen().unwrap().fingerprint
    };
    let middle = message.len() / 2;
    assert_eq!(flipped(middle), flipped(middle));
    assert_ne!(flipped(middle), flipped(middle + 1));
    assert_ne!(flipped(middle), pass(&message).volume().fingerprint);
}

#[test]
fn what_was_encrypted_damaged_is_kept_for_quarantine() {
    let gpg = Gpg::new();
    let mut archive = Files::volume(3, 5_000).tar_gz();
    let middle = archive.len() / 2;
    archive[middle] ^= 0x40;
    let passed = pass(&gpg.from_pipe(&archive, &[&CHEAP[..], &["-z", "0"]].concat()));
    let ArchiveError::Damaged {
        what: DamageKind::Gzip(_) | DamageKind::Tar(_),
        seen,
    } = passed.error()
    else {
        panic!("{}", passed.error())
    };
    assert_eq!(passed.archive, archive, "the sink has all of it");
    assert!(seen.sha256.is_some());
    assert_eq!(passed.text, b"");
}

#[test]
fn a_page_with_a_wrong_md5_fails_and_is_named() {
    let gpg = Gpg::new();
    let files = Files::volume(5, 3_000).replace("00000003.jp2", b"another page");
    let passed = pass(&gpg.from_pipe(&files.tar_gz(), &CHEAP));
    let ArchiveError::Refused { failed, seen, .. } = passed.error() else {
        panic!("{}", passed.error())
    };
    assert_eq!(failed, &["00000003.jp2"]);
    assert!(seen.sha256.is_some());
    assert_eq!(passed.codes(), ["checksum_mismatch"]);
    assert_eq!(passed.archive, files.tar_gz());
    assert_eq!(passed.text, b"", "no text of a failed volume");
}

#[test]
fn the_reader_s_and_the_writer_s_errors_come_back_as_they_were() {
    #[derive(Debug, thiserror::Error)]
    #[error("body stalled")]
    struct Stalled;
    struct Cut(Vec<u8>, usize);
    impl Read for Cut {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let left = &self.0[self.1..];
            if left.is_empty() {
                return Err(io::Error::other(Stalled));
            }
            let got = left.len().min(buf.len());
            buf[..got].copy_from_slice(&left[..got]);
            self.1 += got;
            Ok(got)
        }
    }
    struct Full(usize);
    impl io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let gpg = Gpg::new();
    let message = gpg.from_pipe(&Files::volume(3, 90_000).tar_gz(), &CHEAP);
    for end in [0, 1, 20, 60, 300, message.len() / 2, message.len() - 1, message.len()] {
        let passed = pass_with(Cut(message[..end].to_vec(), 0), &options());
        let ArchiveError::Input(error) = passed.error() else {
            panic!("{end}: {}", passed.error())
        };
        assert!(
            error.get_ref().is_some_and(|inner| inner.is::<Stalled>()),
            "{end}: {error}"
        );
    }
    for room in [0, 100_000] {
        let outcome = process(&message[..], Full(room), Vec::new(), &barcode(), &options());
        match outcome.unwrap_err() {
            ArchiveError::Sink(error) => assert_eq!(error.kind(), io::ErrorKind::StorageFull),
            other => panic!("{other}"),
        }
    }
    let outcome = process(&message[..], io::sink(), Full(5), &barcode(), &options());
    assert!(matches!(outcome.unwrap_err(), ArchiveError::Text(_)));
}
