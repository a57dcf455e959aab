//! One file of a stored archive is read without the rest of it, proven, and named when it cannot be told which one is meant.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use grind::archive::PassOptions;
use grind::grin::FileName;
use grind::lab::simulator::SimulatorConfig;
use grind::pipeline::{ArchiveTaken, PublicationWindow, PublishRecipe, VolumePublished, stage_taken_over};
use grind::storage::{Storage, StorageConfig, StorageLayout};

use crate::support::archives::{BARCODE, Files, barcode, noise};
use crate::support::{Finished, Home};

/// A home without books of GRIN's, in whose storage one volume is published by hand.
struct Shelf {
    home: Home,
    files: Files,
}

impl Shelf {
    fn with(files: Files) -> Self {
        let home = Home::new(
            SimulatorConfig {
                books: 1,
                ..SimulatorConfig::default()
            },
            "",
        );
        fs::create_dir_all(home.root()).unwrap();
        let storage = Storage::open(&StorageConfig::of_url(format!("file://{}", home.root().display()))).unwrap();
        let recipe = PublishRecipe {
            barcode: barcode(),
            file_name: FileName::of(&barcode()),
            validator: None,
            storage,
            layout: StorageLayout::new("raw", "full", "meta").unwrap(),
            recorded: None,
            options: PassOptions::default(),
        };
        let staged = stage_taken_over(&packed(&files)[..], &recipe, ArchiveTaken::Copied).unwrap();
        let published = staged.publish(&PublicationWindow::unlimited()).unwrap();
        assert!(matches!(published, VolumePublished::Stored(_)));
        Self { home, files }
    }

    fn target(&self) -> PathBuf {
        self.home.folder.path().join("member")
    }

    fn get(&self, name: &str) -> Finished {
        let into = self.target();
        let _not_there = fs::remove_file(&into);
        let into = into.to_str().unwrap();
        self.home.grind(&["storage", "get", BARCODE, name, "--output", into])
    }

    fn bytes(&self, name: &str) -> &[u8] {
        let found = self.files.0.iter().find(|(known, _)| known == name);
        &found.unwrap().1
    }

    /// The bytes that came, and what was said.
    fn got(&self, name: &str) -> String {
        let got = self.get(name);
        assert!(got.status.success(), "{name}: {}", got.err);
        assert!(fs::read(self.target()).unwrap() == self.bytes(name), "{name}");
        got.out
    }

    fn index(&self) -> PathBuf {
        self.home.root().join(format!("meta/{BARCODE}_members.json.gz"))
    }
}

/// As gzip packs by itself: what does not compress is left as it is.
fn packed(files: &Files) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&files.tar()).unwrap();
    encoder.finish().unwrap()
}

/// Twelve mebibytes of page images.
fn large() -> Files {
    Files::volume(24, 500_000)
}

#[test]
fn every_file_comes_out_as_it_went_in_and_is_proven() {
    let shelf = Shelf::with(large().with("note.txt", b"that no list names"));
    for (name, _) in &shelf.files.0 {
        let said = shelf.got(name);
        let proof = match name.as_str() {
            "checksum.md5" => "not verified: no MD5 of it was recorded",
            "note.txt" => "verified: its MD5 is the one taken of it when the archive was stored",
            _ => "verified: its MD5 is the one that the archive lists for it",
        };
        assert!(said.contains(proof), "{name}: {said}");
    }
}

#[test]
fn a_page_costs_a_part_of_the_archive_only() {
    let shelf = Shelf::with(large());
    let archive = fs::metadata(shelf.home.root().join(format!("raw/{BARCODE}/{BARCODE}.tar.gz"))).unwrap();
    let said = shelf.got("00000020.jp2");
    let read = said
        .lines()
        .find_map(|line| line.strip_suffix(" of the archive read"))
        .unwrap();
    let read: bytesize::ByteSize = read.parse().unwrap();
    assert!(read.as_u64() < archive.len() / 4, "{read} of {}", archive.len());
    // What stands before it is not looked at: a byte that is changed there does no harm, one in the page is found.
    let raw = shelf.home.root().join(format!("raw/{BARCODE}/{BARCODE}.tar.gz"));
    let mut bytes = fs::read(&raw).unwrap();
    bytes[300_000] ^= 1;
    fs::write(&raw, &bytes).unwrap();
    shelf.got("00000020.jp2");
    // Nothing of it compresses, so the middle of the page lies where it lies in the tar.
    let tar = shelf.files.tar();
    let page = &shelf.bytes("00000020.jp2")[250_000..250_032];
    let place = tar.windows(page.len()).position(|window| window == page).unwrap();
    let place = place * bytes.len() / tar.len();
    bytes[place] ^= 1;
    fs::write(&raw, &bytes).unwrap();
    let damaged = shelf.get("00000020.jp2");
    assert_eq!(damaged.status.code(), Some(1), "{}", damaged.out);
    assert!(
        damaged.err.contains("is damaged, and nothing was written"),
        "{}",
        damaged.err
    );
    assert!(!shelf.target().exists());
}

#[test]
fn a_book_without_an_index_is_read_whole_and_it_is_said() {
    let shelf = Shelf::with(large());
    fs::write(shelf.index(), b"damaged").unwrap();
    let said = shelf.got("00000003.jp2");
    assert!(said.contains("the whole archive was read"), "{said}");
    fs::remove_file(shelf.index()).unwrap();
    assert!(shelf.got("00000003.jp2").contains("missing or damaged"));
    let manifest = shelf.home.root().join(format!("meta/{BARCODE}.json"));
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    json.as_object_mut().unwrap().remove("manifest_sha256");
    let companions = json["companions"].as_array_mut().unwrap();
    companions.retain(|companion| !companion["key"].as_str().unwrap().contains("_members."));
    fs::write(&manifest, json.to_string()).unwrap();
    assert!(shelf.got("00000003.jp2").contains("of an earlier version"));
    let raw = shelf.home.root().join(format!("raw/{BARCODE}/{BARCODE}.tar.gz"));
    let mut bytes = fs::read(&raw).unwrap();
    bytes[300_000] ^= 1;
    fs::write(&raw, &bytes).unwrap();
    let damaged = shelf.get("00000003.jp2");
    assert_eq!(damaged.status.code(), Some(1), "{}", damaged.out);
    assert!(!shelf.target().exists());
}

#[test]
fn a_name_that_means_no_file_or_several_is_told_with_those_it_may_mean() {
    let mut files = Files::volume(3, 2_000);
    files.add("a/plate.jp2", &noise(70, 100));
    files.add("b/plate.jp2", &noise(71, 100));
    let shelf = Shelf::with(files);
    let several = shelf.get("plate.jp2");
    assert_eq!(several.status.code(), Some(1), "{}", several.out);
    assert!(several.err.contains("a/plate.jp2, b/plate.jp2"), "{}", several.err);
    shelf.got("b/plate.jp2");
    let none = shelf.get("0000002.jp2");
    assert_eq!(none.status.code(), Some(1), "{}", none.out);
    assert!(none.err.contains("00000002.jp2"), "{}", none.err);
    assert!(!shelf.target().exists());
}
