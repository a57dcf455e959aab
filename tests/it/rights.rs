//! `grind rights import` and `grind export` of some books, as a person gives them.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::Home;
use grind::lab::simulator::SimulatorConfig;

fn home() -> Home {
    let books = SimulatorConfig {
        books: 4,
        pages: 1,
        image_bytes: 200,
        ..SimulatorConfig::default()
    };
    let home = Home::new(books, "");
    done(&home, &["collect"]);
    home
}

fn done(home: &Home, arguments: &[&str]) -> String {
    let ended = home.grind(arguments);
    assert!(ended.status.success(), "{arguments:?}: {} {}", ended.out, ended.err);
    ended.out
}

fn row(volume: &str, code: &str) -> String {
    let after = "0\t1969\tnyu\teng\tBK\tHVD\tharvard\tharvard\tgoogle\tgoogle\tSomebody";
    format!(
        "{volume}\tallow\t{code}\t67\t\tHVD\t99\t4270\t\t\t\tA title\tNew York\tbib\t2020-01-01 00:00:00\t{after}\n"
    )
}

/// A file with rows for the first two books.
fn hathifile(home: &Home) -> PathBuf {
    let volume = |n| format!("hvd.{}", home.simulator.barcode(n).unwrap().as_str().to_lowercase());
    let path = home.folder.path().join("hathi_full.txt");
    fs::write(&path, row(&volume(1), "pd") + "no row\n" + &row(&volume(2), "ic")).unwrap();
    path
}

fn books(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn rights_are_imported_shown_and_exported() {
    let home = home();
    let file = hathifile(&home);
    let file = file.to_str().unwrap();
    let report: Value = serde_json::from_str(&done(&home, &["rights", "import", file, "--json"])).unwrap();
    for (key, number) in [
        ("rows", 2),
        ("matched", 2),
        ("recorded", 2),
        ("malformed", 1),
        ("books_without", 2),
    ] {
        assert_eq!(report[key], number, "{key}: {report}");
    }
    assert_eq!(report["malformed_lines"][0]["line"], 2);
    let again = done(&home, &["rights", "import", file]);
    assert!(again.contains("2 books whose rights were known already"), "{again}");
    assert!(again.contains("line 2: it has 1 columns"), "{again}");

    let one = home.simulator.barcode(1).unwrap();
    let story = done(&home, &["explain", one.as_str()]);
    assert!(story.contains("Its rights at HathiTrust: "), "{story}");
    let all = done(&home, &["explain", one.as_str(), "--all"]);
    assert!(all.contains("rights_code") && all.contains("hvd."), "{all}");
    let exported = books(&done(&home, &["export", "jsonl"]));
    assert_eq!(
        exported.iter().filter(|book| book.get("rights_code").is_some()).count(),
        2
    );
    let csv = done(&home, &["export", "csv"]);
    assert!(!csv.to_lowercase().contains("rights"), "the CSV keeps its columns");
}

#[test]
fn a_file_that_cannot_be_used_is_refused_and_says_why() {
    let home = home();
    let page = home.folder.path().join("page.html");
    fs::write(&page, "<html>\n").unwrap();
    for (file, code, says) in [
        (page.to_str().unwrap(), 1, "no hathifile"),
        ("/nowhere/hathi_full.txt.gz", 2, "/nowhere/hathi_full.txt.gz"),
        (home.folder.path().to_str().unwrap(), 2, "it is no file"),
    ] {
        let ended = home.grind(&["rights", "import", file]);
        assert_eq!(ended.status.code(), Some(code), "{file}: {}", ended.err);
        assert!(ended.err.contains(says), "{file}: {}", ended.err);
    }
    let exported = books(&done(&home, &["export", "jsonl"]));
    assert!(exported.iter().all(|book| book.get("rights_code").is_none()));
}

#[test]
fn some_books_are_exported_and_a_file_appears_whole_or_not_at_all() {
    let home = home();
    let one = home.simulator.barcode(1).unwrap();
    done(&home, &["sync", "--barcodes", one.as_str()]);
    let stored = books(&done(&home, &["export", "jsonl", "--state", "stored"]));
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0]["barcode"], one.as_str());
    assert_eq!(books(&done(&home, &["export", "jsonl", "--since", "1d"])).len(), 4);
    assert_eq!(
        done(&home, &["export", "csv", "--since", "2099-01-01T00:00:00Z"])
            .lines()
            .count(),
        1
    );
    let unknown = home.grind(&["export", "csv", "--barcodes", &format!("{one},TL0404NOWHERE")]);
    assert_eq!(unknown.out.lines().count(), 2, "{}", unknown.out);
    assert!(unknown.err.contains("1 of the barcodes named"), "{}", unknown.err);
    assert_eq!(unknown.status.code(), Some(1));

    let file = home.folder.path().join("books.parquet");
    done(&home, &["export", "parquet", "--output", file.to_str().unwrap()]);
    let bytes = fs::read(&file).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    let missing = home.grind(&["export", "parquet", "--output", "/nowhere/books.parquet"]);
    assert_eq!(missing.status.code(), Some(73), "{}", missing.err);
    let device = home.folder.path().join("device");
    std::os::unix::fs::symlink("/dev/null", &device).unwrap();
    done(&home, &["export", "csv", "--output", device.to_str().unwrap()]);
    assert!(
        fs::symlink_metadata(&device).unwrap().is_symlink(),
        "no file takes the place of a device"
    );
}
