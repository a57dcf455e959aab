//! A library comes home to each store while GRIN and the way to the store fail and the daemon is killed again and again: in the end catalog
//! and store agree, each object is what GRIN holds, and nothing else is there. `GRIND_TEST_STORE_KILLS=500,50` sets books and kills.

use std::fs::OpenOptions;
use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use grind::archive::BookManifest;
use grind::grin::Barcode;
use grind::lab::simulator::{FaultKind, FaultPlan, SimulatorConfig, SimulatorRequest};
use grind::storage::{Storage, StorageLayout};
use sha2::{Digest, Sha256};

use super::proxy::{FaultProxy, ProxyFault};
use super::publish::read;
use super::run::configured;
use super::{StoreKind, TestStore, stores};
use crate::support::{Home, states};

/// Longest that a daemon may take until it asks for an archive.
const PATIENCE: Duration = Duration::from_mins(2);

struct Extent {
    books: u32,
    kills: u32,
}

impl Extent {
    fn given() -> Self {
        let given = std::env::var("GRIND_TEST_STORE_KILLS").unwrap_or_else(|_| "60,6".to_owned());
        let (books, kills) = given.split_once(',').unwrap();
        Self {
            books: books.parse().unwrap(),
            kills: kills.parse().unwrap(),
        }
    }
}

/// All that passes: no book is damaged for good.
fn passing_faults() -> FaultPlan {
    let lasting = FaultKind::ALL.iter().filter(|fault| fault.is_lasting());
    let faults = FaultPlan {
        stall: Duration::from_secs(1),
        trickle: Duration::from_secs(1),
        ..FaultPlan::all()
    };
    lasting.fold(faults, |faults, fault| faults.with(*fault, 0.0))
}

/// What hits the requests to the store, by their number.
fn on_the_way(number: u32) -> ProxyFault {
    const SLOW_DOWN: &str = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code></Error>";
    match number % 199 {
        20 => ProxyFault::Answer(500, ""),
        70 => ProxyFault::Answer(503, SLOW_DOWN),
        120 => ProxyFault::Cut,
        170 => ProxyFault::LoseAnswer,
        _ => ProxyFault::None,
    }
}

/// Runs the daemon until it has asked for so many archives more, and kills it after a little while.
fn killed(home: &Home, fetches: u64, after: Duration) {
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(home.folder.path().join("log"));
    let mut command = home.command(&["run"]);
    command.stdout(Stdio::null()).stderr(log.unwrap());
    let asked = home.simulator.stats().count(SimulatorRequest::Get);
    let mut daemon = command.spawn().unwrap();
    let came = home
        .simulator
        .wait_for(SimulatorRequest::Get, asked + fetches, PATIENCE);
    // The moment of the kill is the test's input, not a wait for something.
    std::thread::sleep(after);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let log = std::fs::read_to_string(home.folder.path().join("log")).unwrap();
    assert!(came, "it asks for no archive: {log}");
}

pub fn digest(storage: &Storage, key: &str) -> String {
    let digest = Sha256::digest(read(storage, key));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Each object of a book is what GRIN holds, or what its manifest says; their names.
fn is_what_grin_has(home: &Home, storage: &Storage, book: &Barcode) -> Vec<String> {
    let layout = StorageLayout::new("raw", "full", "meta").unwrap();
    let [archive, named, text] =
        [layout.raw(book), layout.manifest(book), layout.text(book, true)].map(|key| key.to_string());
    let truth = home.simulator.truth(book).unwrap();
    assert_eq!(digest(storage, &archive), truth.sha256, "{book}");
    let manifest: BookManifest = serde_json::from_slice(&read(storage, &named)).unwrap();
    assert_eq!(manifest.sha256, truth.sha256, "{book}");
    assert_eq!(manifest.companions.len(), 3, "{book}: text, MARC record and index");
    for companion in &manifest.companions {
        assert_eq!(digest(storage, &companion.key), companion.sha256, "{}", companion.key);
    }
    let (packed, mut lines) = (read(storage, &text), String::new());
    GzDecoder::new(&packed[..]).read_to_string(&mut lines).unwrap();
    let texts = home.simulator.texts(book).unwrap();
    assert_eq!(lines.lines().count(), truth.pages as usize, "{book}");
    for (page, line) in (1_u32..).zip(lines.lines()) {
        let expected = texts
            .get(&page)
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let line: String = serde_json::from_str(line).unwrap();
        assert_eq!(line, expected.unwrap_or_default(), "{book}, page {page}");
    }
    let companions = manifest.companions.into_iter().map(|companion| companion.key);
    companions.chain([archive, named]).collect()
}

/// Catalog and store agree, and the store holds the library and nothing else.
fn holds_the_library(home: &Home, store: &TestStore) {
    for arguments in [&["verify", "--quick"][..], &["verify"]] {
        let ended = home.grind(arguments);
        assert!(ended.status.success(), "{arguments:?}: {}{}", ended.out, ended.err);
    }
    let storage = store.storage();
    let of_books = home
        .simulator
        .barcodes()
        .flat_map(|book| is_what_grin_has(home, &storage, &book));
    let mut expected: Vec<String> = of_books.collect();
    expected.extend(["grind-storage.json", "meta/books_export.csv.gz"].map(str::to_owned));
    expected.sort();
    // The copy of the catalog has the day in its name.
    let mut there = store.everything();
    there.retain(|name| !name.starts_with("meta/catalog-2"));
    assert_eq!(there, expected);
    assert_eq!(store.open_uploads(), 0);
    let states = states(home);
    assert!(states.values().all(|(state, _)| state == "stored"), "{states:?}");
}

#[test]
#[ignore = "needs the servers that tests/parts/stores starts"]
fn killed_at_any_moment_amid_faults_each_store_holds_what_grin_has_and_nothing_else() {
    let Extent { books, kills } = Extent::given();
    for store in stores(|kind| {
        matches!(
            kind,
            StoreKind::Disk | StoreKind::Moto | StoreKind::Seaweed | StoreKind::Azurite
        )
    }) {
        let began = Instant::now();
        let library = SimulatorConfig {
            books,
            pages: 6,
            image_bytes: 8_000,
            s2k_count: 1_024,
            odd_barcodes: true,
            faults: passing_faults(),
            ..SimulatorConfig::default()
        };
        let home = Home::new(library, "[session]\nread_timeout = \"2s\"\n");
        let proxy = (store.kind != StoreKind::Disk).then(|| FaultProxy::before(&store.endpoint));
        let way = proxy.as_ref().map_or_else(String::new, FaultProxy::endpoint);
        configured(&home, &store, &way);
        let mut number = 0;
        if let Some(proxy) = &proxy {
            proxy.fault(move |_| {
                number += 1;
                on_the_way(number)
            });
        }
        let fetches = u64::from(books / (kills + 1));
        for number in 0..kills {
            killed(&home, fetches, Duration::from_millis(u64::from(number) * 37 % 150));
        }
        let stored = states(&home).values().filter(|(state, _)| state == "stored").count();
        let asked = home.simulator.stats().count(SimulatorRequest::Get);
        if let Some(proxy) = &proxy {
            proxy.fault(|_| ProxyFault::None);
        }
        home.simulator.set_faults(FaultPlan::default());
        let ended = home.grind(&["run", "--once"]);
        assert!(ended.status.success(), "{:?}: {}{}", store.kind, ended.out, ended.err);
        holds_the_library(&home, &store);
        println!(
            "{}: {books} books, {kills} kills, {stored} books stored at the last of them, {asked} archives asked for until then; {} s",
            store.kind.name(),
            began.elapsed().as_secs()
        );
    }
}
