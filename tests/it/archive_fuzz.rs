//! Mutation fuzzing of what `archive` reads, in the test process and on stable Rust: no panic, no success on
//! changed bytes, bounded output. `GRIND_FUZZ_SECONDS` says how long each target runs (2 by default); a failure names
//! the seed that repeats it.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::time::{Duration, Instant};

use crate::support::archives::*;
use grind::archive::{ArchiveLimits, ChecksumList, PassOptions, parse_mets, process_plain};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt as _, SeedableRng as _};

/// Pieces that parsers stumble over.
const PIECES: [&[u8]; 24] = [
    b"\x8c\x0d\x04\x09\x03\x02",
    b"\xd2\xff\xff\xff\xff\xff",
    b"\xd2\xe0\x01",
    b"\xcb\x03b\x00",
    b"\xa3\x01",
    b"\x1f\x8b\x08\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\xff\xff\xff\xff",
    b"ustar\x0000",
    b"ustar  \x00",
    b"00000001.txt",
    b"../../x",
    b"77777777777\x00",
    b"\x80\x00\x00\x00\x0f\xff\xff\xff",
    b"<!DOCTYPE a [<!ENTITY b \"c\">]>",
    b"&#x110000;",
    b"<![CDATA[",
    b"]]>",
    b"<mets>",
    b"</mets>",
    b"MDTYPE=\"MARC\"",
    b"xmlns:a=\"b\"",
    b"12 path=a\n",
    b"<?xml encoding=\"utf-16\"?>",
];

fn seconds() -> Duration {
    let seconds = std::env::var("GRIND_FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(2))
}

/// Changes bytes: flips, pieces put in or over, parts cut, doubled or moved.
fn mutate(bytes: &mut Vec<u8>, rng: &mut StdRng) {
    for _ in 0..rng.random_range(1..=4) {
        let at = rng.random_range(0..=bytes.len());
        let end = rng.random_range(at..=bytes.len().min(at + 600));
        match rng.random_range(0..7) {
            0 | 1 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
            2 if at < bytes.len() => bytes[at] = rng.random(),
            3 => {
                let piece = PIECES.choose(rng).copied().unwrap_or_default();
                bytes.splice(at..at, piece.iter().copied());
            }
            4 => {
                let piece = PIECES.choose(rng).copied().unwrap_or_default();
                let over = (at + piece.len()).min(bytes.len());
                bytes.splice(at..over, piece.iter().copied());
            }
            5 => drop(bytes.drain(at..end)),
            _ => {
                let part = bytes[at..end].to_vec();
                let to = rng.random_range(0..=bytes.len());
                bytes.splice(to..to, part);
            }
        }
    }
}

/// Runs `target` on changed seeds until the time is over; gives how often.
fn fuzz(name: &str, seeds: &[Vec<u8>], mut target: impl FnMut(&[u8])) {
    let until = Instant::now() + seconds();
    let first: u64 = std::env::var("GRIND_FUZZ_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    let mut runs = 0;
    for seed in first.. {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut bytes = seeds.choose(&mut rng).cloned().unwrap_or_default();
        mutate(&mut bytes, &mut rng);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| target(&bytes)));
        assert!(outcome.is_ok(), "{name}: GRIND_FUZZ_SEED={seed} fails");
        runs += 1;
        if Instant::now() > until {
            break;
        }
    }
    println!("{name}: {runs} inputs");
}

fn small_limits() -> ArchiveLimits {
    ArchiveLimits {
        member_bytes: 1 << 20,
        total_bytes: 4 << 20,
        ratio_floor: 1 << 20,
        ..ArchiveLimits::default()
    }
}

#[test]
fn openpgp_head_and_packets() {
    let gpg = Gpg::new();
    let archive = Files::volume(2, 300).tar_gz();
    let cheap = ["--s2k-count", "65536"];
    let forms: [&[&str]; 4] = [&["-z", "0"], &[], &["--cipher-algo", "CAST5"], &["--armor"]];
    let mut seeds: Vec<Vec<u8>> = forms
        .iter()
        .map(|form| gpg.from_pipe(&archive, &[form, &cheap[..]].concat()))
        .collect();
    seeds.push(gpg.from_file(&archive, &["-z", "0", "--s2k-count", "65536"]));
    let options = PassOptions {
        limits: small_limits(),
        ..options()
    };
    fuzz("openpgp", &seeds, |bytes| {
        let passed = pass_with(bytes, &options);
        // What is good must be the very archive: a change that leaves the message whole cannot change what is in it.
        if passed.outcome.is_ok() {
            assert_eq!(passed.archive, archive, "a changed message gave another archive");
        }
    });
}

#[test]
fn tar_scan() {
    let seeds = [
        Files::volume(2, 300).tar(),
        Files::bare(1, 10).with(&"long/".repeat(30), b"x").tar(),
    ];
    let options = PassOptions {
        require_volume: false,
        limits: small_limits(),
        ..PassOptions::default()
    };
    fuzz("tar", &seeds, |bytes| {
        let mut text = Vec::new();
        let packed = gz(bytes);
        let outcome = process_plain(&packed[..], std::io::sink(), &mut text, Some(&barcode()), &options);
        if let Ok(volume) = outcome {
            assert!(volume.acceptance.pages <= 2_100 && text.len() < 1 << 20);
        }
    });
}

#[test]
fn gunzip_of_changed_bytes() {
    let seeds = [Files::volume(2, 300).tar_gz()];
    let options = PassOptions {
        limits: small_limits(),
        ..PassOptions::default()
    };
    fuzz("gzip", &seeds, |bytes| {
        let _ = process_plain(bytes, std::io::sink(), std::io::sink(), None, &options);
    });
}

#[test]
fn mets_documents() {
    let bare = Files::bare(2, 10);
    let plain = bare.mets(true);
    let utf16: Vec<u8> = plain.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let latin = plain.replace("UTF-8", "ISO-8859-1").into_bytes();
    fuzz("mets", &[plain.into_bytes(), utf16, latin], |bytes| {
        let found = parse_mets(bytes, &ArchiveLimits::default()).unwrap();
        assert!(found.marc_xml.is_none_or(|xml| xml.len() < 4 << 20));
    });
}

#[test]
fn checksum_lists() {
    let seeds = [
        Files::bare(3, 10).checksums().into_bytes(),
        b"MD5 (a) = 0123456789abcdef0123456789abcdef\n".to_vec(),
    ];
    fuzz("checksums", &seeds, |bytes| {
        let digests = ChecksumList::parse(bytes).to_hex();
        assert!(
            digests
                .iter()
                .all(|(name, digest)| !name.contains('/') && digest.len() == 32)
        );
    });
}
