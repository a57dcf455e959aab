//! Streams of several members, cut ones, hostile ones, and those that are begun inside.

use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn inflate(bytes: &[u8], limits: &ArchiveLimits) -> (io::Result<Vec<u8>>, bool) {
    let mut inflate = InflateReader::new(bytes, CompressionWrap::Gzip, limits);
    let mut out = Vec::new();
    let result = inflate.read_to_end(&mut out).map(|_| out);
    (result, inflate.has_trailing_data())
}

#[test]
fn members_and_padding_and_foreign_bytes() {
    let limits = ArchiveLimits::default();
    let two = [gz(b"one "), gz(b"two"), vec![0; 300]].concat();
    let (out, trailing) = inflate(&two, &limits);
    assert_eq!((out.unwrap(), trailing), (b"one two".to_vec(), false));
    let byte_by_byte = io::BufReader::with_capacity(1, &two[..]);
    let mut out = Vec::new();
    InflateReader::new(byte_by_byte, CompressionWrap::Gzip, &limits)
        .read_to_end(&mut out)
        .unwrap();
    assert_eq!(out, b"one two");
    for junk in [&b"garbage"[..], b"\x1f", b"\x1f garbage", b"\0\x1f\x1f\x8b"] {
        let foreign = [gz(b"one"), junk.to_vec()].concat();
        let (out, trailing) = inflate(&foreign, &limits);
        assert_eq!((out.unwrap(), trailing), (b"one".to_vec(), true), "{junk:x?}");
    }
    let broken = [gz(b"one"), b"\x1f\x8bgarbage".to_vec()].concat();
    assert!(inflate(&broken, &limits).0.is_err(), "another member, and damaged");
}

#[test]
fn damage_and_truncation_are_errors() {
    let bytes = gz(&(0..20_000u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
    for end in [0, 1, 9, 10, bytes.len() / 2, bytes.len() - 1] {
        assert!(inflate(&bytes[..end], &ArchiveLimits::default()).0.is_err(), "{end}");
    }
    for at in [0, bytes.len() / 2, bytes.len() - 6, bytes.len() - 1] {
        let mut flipped = bytes.clone();
        flipped[at] ^= 4;
        assert!(inflate(&flipped, &ArchiveLimits::default()).0.is_err(), "{at}");
    }
}

#[test]
fn what_was_wrong_first_is_told_however_often_it_is_asked_for() {
    let text = (0..20_000u32)
        .map(|word| format!("{} of {} ", word % 97, word / 13))
        .collect::<String>();
    let bytes = gz(text.as_bytes());
    let limits = ArchiveLimits::default();
    for at in (10..bytes.len()).step_by(41) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 4;
        let mut inflate = InflateReader::with_restarts(&flipped[..], &limits);
        let told = [0; 2].map(|_| {
            let read = inflate.read_to_end(&mut Vec::new());
            read.map(drop).map_err(|error| error.to_string())
        });
        assert_eq!(told[0], told[1], "{at}");
        assert!(!format!("{told:?}").contains("bad state"), "{at}: {told:?}");
    }
}

#[test]
fn a_bomb_is_refused_before_it_has_unpacked() {
    let limits = ArchiveLimits {
        ratio_floor: 1 << 20,
        ..ArchiveLimits::default()
    };
    let (out, _) = inflate(&gz(&vec![0; 64 << 20]), &limits);
    let fault = LayerFault::of(&out.unwrap_err(), DamageKind::Gzip);
    assert!(
        matches!(fault, LayerFault::Hostile(ArchiveLimit::ExpansionRatio, _)),
        "{fault:?}"
    );
}

/// As gzip packs by itself: what does not compress is left as it is.
fn slow_gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Pages that do not compress between texts that do.
fn book() -> Vec<u8> {
    let mut state = 1u64;
    let mut noise = move |length: usize| -> Vec<u8> {
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        std::iter::repeat_with(next).flatten().take(length).collect()
    };
    let page = |number: usize| [noise(300_000), format!("page {number} ").repeat(500).into_bytes()].concat();
    (0..24).flat_map(page).collect()
}

#[test]
fn from_each_place_that_was_found_the_rest_inflates() {
    let book = book();
    let two = [slow_gz(&book[..4_000_000]), slow_gz(&book[4_000_000..])].concat();
    let limits = ArchiveLimits::default();
    for (packed, capacity) in [(slow_gz(&book), 64 << 10), (slow_gz(&book), 1_000), (two, 64 << 10)] {
        let input = io::BufReader::with_capacity(capacity, &packed[..]);
        let mut inflate = InflateReader::with_restarts(input, &limits);
        let mut out = Vec::new();
        inflate.read_to_end(&mut out).unwrap();
        assert!(out == book);
        let points = inflate.take_restarts();
        assert!(points.len() >= 4, "{points:?}");
        for point in points {
            let rest = &packed[usize::try_from(point.packed).unwrap()..];
            let mut out = Vec::new();
            InflateReader::restarted(rest, &limits).read_to_end(&mut out).unwrap();
            assert!(out == book[usize::try_from(point.unpacked).unwrap()..], "{point:?}");
        }
    }
}

#[test]
fn words_alone_have_no_place_and_are_read_as_ever() {
    let book: Vec<u8> = (0..900_000u32)
        .flat_map(|n| format!("{} ", n % 977 * (n % 31)).into_bytes())
        .collect();
    let packed = gz(&book);
    assert!(packed.len() > 2 << 20, "{}", packed.len());
    let mut inflate = InflateReader::with_restarts(&packed[..], &ArchiveLimits::default());
    let mut out = Vec::new();
    inflate.read_to_end(&mut out).unwrap();
    assert!(out == book);
}

#[test]
fn endless_empty_members_are_refused() {
    let many = gz(b"").repeat(1_001);
    let fault = LayerFault::of(
        &inflate(&many, &ArchiveLimits::default()).0.unwrap_err(),
        DamageKind::Gzip,
    );
    assert!(
        matches!(fault, LayerFault::Hostile(ArchiveLimit::GzipMembers, _)),
        "{fault:?}"
    );
}
