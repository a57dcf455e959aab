//! Ten damages among ten thousand objects, and how fast they are found.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Home, files};
use crate::verify::{found, library_of, lines, listed, plant, seen_without_reading};
use grind::grin::Barcode;
use grind::lab::simulator::SimulatorConfig;

const MEGABYTE: f64 = 1e6;

#[expect(clippy::cast_precision_loss, reason = "a speed needs no 53 bits")]
fn speed(bytes: u64, took: Duration) -> f64 {
    bytes as f64 / MEGABYTE / took.as_secs_f64()
}

/// `sha256sum` of the same files, one process.
fn sha256sum(home: &Home) -> Duration {
    let list = home.folder.path().join("files.txt");
    let names: Vec<_> = files(&home.root())
        .iter()
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    std::fs::write(&list, names.join("\0")).unwrap();
    let began = Instant::now();
    let run = Command::new("xargs")
        .args(["-0", "-n", "100000", "-a", list.to_str().unwrap(), "sha256sum"])
        .output()
        .unwrap();
    assert!(run.status.success());
    began.elapsed()
}

/// Four objects each.
const BOOKS: u32 = 2_600;

/// How many books the library has: fewer only show that the test still works.
fn books() -> u32 {
    let wanted = std::env::var("GRIND_VERIFY_BOOKS").ok();
    wanted.map_or(BOOKS, |wanted| wanted.parse().expect("GRIND_VERIFY_BOOKS is a number"))
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Run with a release build for the figures: `cargo nextest run --release --all-features --run-ignored only --no-capture ten_thousand`.
#[test]
#[ignore = "takes minutes"]
fn ten_planted_damages_among_ten_thousand_objects_are_all_found_and_none_is_invented() {
    let library = SimulatorConfig {
        books: books(),
        pages: 10,
        image_bytes: 40_000,
        ..SimulatorConfig::default()
    };
    let home = library_of(library, "");
    let books: Vec<Barcode> = home.simulator.barcodes().collect();
    let objects = files(&home.root()).len();
    assert!(objects >= books.len() * 4, "{objects}");
    let (mut verifying, mut summing) = (Vec::new(), Vec::new());
    // Both read from the page cache, in turn.
    for round in 0..3 {
        let good = home.grind(&["verify", "--json"]);
        assert_eq!(good.status.code(), Some(0), "{}", good.err);
        let (_, summary) = lines(&good);
        assert_eq!(summary["ok"].as_u64(), Some(books.len() as u64));
        let bytes = summary["bytes"].as_u64().unwrap();
        let took = Duration::from_secs_f64(summary["seconds"].as_f64().unwrap());
        let beside = sha256sum(&home);
        println!(
            "round {round}: {objects} objects, {bytes} bytes: verify {took:.1?} ({:.0} MB/s), sha256sum {beside:.1?} ({:.0} MB/s)",
            speed(bytes, took),
            speed(bytes, beside),
        );
        verifying.push(speed(bytes, took));
        summing.push(speed(bytes, beside));
    }
    println!(
        "medians: verify {:.0} MB/s, sha256sum {:.0} MB/s, one process and one core each",
        median(verifying),
        median(summing)
    );
    let planted = plant(&home, &books);
    for level in [&["verify", "--json"][..], &["verify", "--json", "--deep"]] {
        let began = Instant::now();
        let run = home.grind(level);
        println!("{level:?}: {:.1?}", began.elapsed());
        assert_eq!(found(&run), planted, "{level:?}");
    }
    let began = Instant::now();
    let quick = home.grind(&["verify", "--quick", "--json"]);
    println!("quick: {:.1?}", began.elapsed());
    assert_eq!(listed(&quick), seen_without_reading(&home, &books));
}
