//! The names of both layouts, and of what is none of theirs.

use super::*;

fn barcode(text: &str) -> Barcode {
    Barcode::parse(text).unwrap()
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

fn per_book() -> StorageLayout {
    StorageLayout::new("raw", "full", "a/meta").unwrap()
}

fn of_run() -> StorageLayout {
    per_book().of_run("harvard").unwrap()
}

#[test]
fn the_keys_of_a_book_are_the_contracts() {
    let keys = |layout: &StorageLayout, code: &str| {
        layout
            .objects(&barcode(code))
            .map(|(_, key)| key.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        keys(&per_book(), "$B0001_a"),
        [
            "a/meta/=24B0001_a.json",
            "full/=24B0001_a_ocr.jsonl.gz",
            "full/=24B0001_a_ocr.jsonl",
            "full/=24B0001_a_pages.jsonl.gz",
            "a/meta/=24B0001_a.marc.xml",
            "a/meta/=24B0001_a_members.json.gz",
            "raw/=24B0001_a/=24B0001_a.tar.gz.gpg",
            "raw/=24B0001_a/=24B0001_a.tar.gz",
        ]
    );
    assert_eq!(
        keys(&of_run(), "$B0001_a"),
        [
            "a/meta/harvard/$B0001_a.json",
            "full/harvard/$B0001_a_ocr.jsonl.gz",
            "full/harvard/$B0001_a_ocr.jsonl",
            "full/harvard/$B0001_a_pages.jsonl.gz",
            "a/meta/harvard/$B0001_a.marc.xml",
            "a/meta/harvard/$B0001_a_members.json.gz",
            "raw/harvard/$B0001_a.tar.gz.gpg",
            "raw/harvard/$B0001_a.tar.gz",
        ]
    );
}

#[test]
fn the_root_of_a_library_has_its_own_folders_and_what_file_systems_put_there() {
    for (name, is_fit) in [
        ("raw", true),
        ("full", true),
        ("a", true),
        ("quarantine", true),
        ("grind-storage.json", true),
        ("lost+found", true),
        (".snapshot", true),
        ("meta", false),
        ("harvard", false),
        ("notes.txt", false),
    ] {
        for layout in [per_book(), of_run()] {
            assert_eq!(layout.is_of_root(name), is_fit, "{name} {}", layout.name());
        }
    }
}

#[test]
fn each_key_of_a_book_leads_back_to_it_and_no_other_does() {
    for layout in [per_book(), of_run()] {
        for code in ["TL0001", "$B98", "TL-1_ocr", "+Z2_members"] {
            for (kind, key) in layout.objects(&barcode(code)) {
                assert_eq!(layout.owner(&key), Some((kind, barcode(code))), "{key}");
                assert!(ObjectKey::parse(key.as_str()).is_ok(), "{key}");
                assert!(!layout.is_copy(&key) && !layout.is_quarantined(&key), "{key}");
            }
            for (_, key) in layout.companions(&barcode(code)) {
                assert!(layout.is_companion(&barcode(code), &key), "{key}");
            }
        }
        // The keys of the other layout are no book's here.
        let other = if layout == per_book() { of_run() } else { per_book() };
        for (_, key) in other.objects(&barcode("TL0001")) {
            assert_eq!(layout.owner(&key), None, "{key}");
        }
    }
    assert_eq!(of_run().owner(&key("raw/harvard/=24B98.tar.gz")), None);
    assert_eq!(of_run().owner(&key("raw/other/TL0001.tar.gz")), None);
    assert!(!per_book().is_companion(&barcode("TL0001"), &key("raw/TL0001_ocr.jsonl")));
    assert!(!per_book().is_companion(&barcode("TL0001"), &key("full/TL00011_ocr.jsonl")));
}

#[test]
fn copies_of_the_catalog_are_known_by_their_whole_names() {
    let at: DateTime = "2026-11-29T06:07:08".parse().unwrap();
    let day = at.date();
    assert_eq!(per_book().table().as_str(), "a/meta/books_export.csv.gz");
    assert_eq!(per_book().dated_table(at), None);
    assert_eq!(per_book().backup(day).as_str(), "a/meta/catalog-2026-11-29.db.gz");
    assert_eq!(of_run().table().as_str(), "a/meta/harvard/books_latest.csv.gz");
    let dated = of_run().dated_table(at).unwrap();
    assert_eq!(
        dated.as_str(),
        "a/meta/harvard/timestamped/books_20261129_060708.csv.gz"
    );
    assert!(of_run().is_copy(&dated) && !per_book().is_copy(&dated));
    for layout in [per_book(), of_run()] {
        let copies = [
            layout.table(),
            layout.unproven_table(),
            layout.backup(day),
            layout.unproven_backup(),
        ];
        for copy in copies {
            assert!(layout.is_copy(&copy), "{copy}");
            assert_eq!(layout.owner(&copy), None);
        }
        for (name, is_backup) in [
            ("catalog-2026-11-29.db.gz", true),
            ("catalog-2026-11-1.db.gz", false),
            ("catalog-unproven.db.gz", false),
        ] {
            let found = key(&format!("{}/{name}", layout.meta_folder()));
            assert_eq!(layout.backup_day(&found).is_some(), is_backup, "{name}");
        }
    }
    for none in [
        "books_latest.csv.gz",
        "a/meta/books_latest.csv.gz",
        "a/meta/harvard/timestamped/books_20261129_0607.csv.gz",
        "a/meta/harvard/timestamped/books_20261329_060708.csv.gz",
        "a/meta/harvard/books_20261129_060708.csv.gz",
    ] {
        assert!(!of_run().is_copy(&key(none)), "{none}");
    }
}

#[test]
fn what_could_leave_its_folder_is_refused() {
    assert!(StorageLayout::new("raw", "", "meta").is_err());
    assert!(StorageLayout::new("raw", "$full", "meta").is_err());
    for run in ["", "a/b", "..", ".x", "a b", "$a", "quarantine", "grind-storage.json"] {
        assert!(per_book().of_run(run).is_err(), "{run:?}");
    }
    assert!(per_book().quarantine(&barcode("TL0001"), "../x").is_err());
    let aside = of_run().quarantine(&barcode("$B98"), "findings.json").unwrap();
    assert_eq!(aside.as_str(), "quarantine/=24B98/findings.json");
    assert!(of_run().is_quarantined(&aside));
    assert!(!of_run().is_quarantined(&key("quarantined/x")));
    assert_eq!(
        (per_book().name(), of_run().name()),
        ("per-book".into(), "grin-transfer/harvard".into())
    );
}
