//! The real program with its storage in each object store.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;

use flate2::read::GzDecoder;

use super::kills::digest;
use super::publish::read;
use super::{ACCOUNT, ACCOUNT_KEY, BUCKET, StoreKind, TestStore, stores};
use crate::support::Home;
use grind::lab::simulator::SimulatorConfig;

/// Archives of more than one part.
fn library() -> SimulatorConfig {
    SimulatorConfig {
        books: 3,
        pages: 6,
        image_bytes: 2 << 20,
        ..SimulatorConfig::default()
    }
}

/// A drop-in for this store, or a server in front of it, its keys in a file beside it.
pub fn configured(home: &Home, store: &TestStore, endpoint: &str) {
    let config = store.config_at(BUCKET, endpoint);
    let (keys, more) = match store.kind {
        StoreKind::Azurite => (ACCOUNT_KEY.to_owned(), format!("account = {ACCOUNT:?}\n")),
        _ => (
            "aws_access_key_id = key\naws_secret_access_key = secret\n".to_owned(),
            "region = \"us-east-1\"\n".to_owned(),
        ),
    };
    let folder = home.folder.path().join("grind.toml.d");
    let place = match config.endpoint {
        None => String::new(),
        Some(endpoint) => {
            let file = home.folder.path().join("storage-keys");
            fs::write(&file, keys).unwrap();
            let file = file.display();
            format!("endpoint = \"{endpoint}\"\ncredentials_file = \"{file}\"\n{more}")
        }
    };
    let settings = format!("[storage]\nurl = {:?}\n{place}", config.url);
    fs::write(folder.join("30-store.toml"), settings).unwrap();
}

#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn a_library_comes_home_to_each_store_and_is_verified_there() {
    for store in stores(|kind| kind.is_s3() || kind == StoreKind::Azurite) {
        let home = Home::new(library(), "");
        configured(&home, &store, &store.endpoint);
        for arguments in [
            &["run", "--once"][..],
            &["verify"],
            &["verify", "--quick"],
            &["storage", "ls"],
        ] {
            let ended = home.grind(arguments);
            assert!(
                ended.status.success(),
                "{:?} {arguments:?}: {}{}",
                store.kind,
                ended.out,
                ended.err
            );
        }
        let mut expected = vec!["grind-storage.json".to_owned(), "meta/books_export.csv.gz".to_owned()];
        for barcode in home.simulator.barcodes() {
            let name = barcode.as_str();
            expected.extend([
                format!("raw/{name}/{name}.tar.gz"),
                format!("full/{name}_ocr.jsonl.gz"),
                format!("meta/{name}.json"),
                format!("meta/{name}.marc.xml"),
                format!("meta/{name}_members.json.gz"),
            ]);
        }
        expected.sort();
        // The copy of the catalog has the day in its name.
        let mut there = store.everything();
        there.retain(|name| !name.starts_with("meta/catalog-"));
        assert_eq!(there, expected, "{:?}", store.kind);
        assert_eq!(store.open_uploads(), 0, "{:?}", store.kind);
    }
}

/// What those ask for who read a library of `grin-transfer`, by the rules of their code, which `src/storage/key/layout.rs` tells.
#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn readers_of_a_grin_transfer_library_find_every_book_in_each_store() {
    for store in stores(|kind| matches!(kind, StoreKind::Moto | StoreKind::Seaweed | StoreKind::Azurite)) {
        let library = SimulatorConfig {
            books: 12,
            pages: 3,
            image_bytes: 2_000,
            odd_barcodes: true,
            ..SimulatorConfig::default()
        };
        let home = Home::new(library, "[storage]\nlayout = \"grin-transfer\"\nrun = \"r1\"\n");
        configured(&home, &store, &store.endpoint);
        home.done(&["run", "--once"]);
        home.done(&["verify", "--quick"]);
        let storage = store.storage();
        let unpacked = |name: &str| {
            let (packed, mut text) = (read(&storage, name), String::new());
            GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
            text
        };
        let table = unpacked("meta/r1/books_latest.csv.gz");
        let mut reader = csv::Reader::from_reader(table.as_bytes());
        let column = reader.headers().unwrap().iter().position(|name| name == "Barcode");
        let rows = reader.records().map(|row| row.unwrap()[column.unwrap()].to_owned());
        let named: BTreeSet<String> = rows.collect();
        let held = home.simulator.barcodes().map(|book| book.to_string());
        assert_eq!(named, held.collect(), "{:?}", store.kind);
        for book in home.simulator.barcodes() {
            let truth = home.simulator.truth(&book).unwrap();
            let archive = digest(&storage, &format!("raw/r1/{book}.tar.gz"));
            assert_eq!(archive, truth.sha256, "{:?}, {book}", store.kind);
            let text = unpacked(&format!("full/r1/{book}_ocr.jsonl.gz"));
            assert_eq!(text.lines().count(), truth.pages as usize, "{:?}, {book}", store.kind);
        }
    }
}
