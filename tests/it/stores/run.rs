//! The real program with its storage in each object store.

use std::fs;

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

/// A drop-in for this store, its keys in a file beside it.
fn configured(home: &Home, store: &TestStore) {
    let config = store.config_at(BUCKET, &store.endpoint);
    let (keys, more) = match store.kind {
        StoreKind::Azurite => (ACCOUNT_KEY.to_owned(), format!("account = {ACCOUNT:?}\n")),
        _ => (
            "aws_access_key_id = key\naws_secret_access_key = secret\n".to_owned(),
            "region = \"us-east-1\"\n".to_owned(),
        ),
    };
    let folder = home.folder.path().join("grind.toml.d");
    let file = home.folder.path().join("storage-keys");
    fs::write(&file, keys).unwrap();
    let endpoint = config.endpoint.unwrap();
    let settings = format!(
        "[storage]\nurl = {:?}\nendpoint = \"{endpoint}\"\ncredentials_file = \"{}\"\n{more}",
        config.url,
        file.display()
    );
    fs::write(folder.join("30-store.toml"), settings).unwrap();
}

#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn a_library_comes_home_to_each_store_and_is_verified_there() {
    for store in stores(|kind| kind.is_s3() || kind == StoreKind::Azurite) {
        let home = Home::new(library(), "");
        configured(&home, &store);
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
