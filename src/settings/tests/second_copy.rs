//! `[storage.copy]`: a section within another, and a place that must be another one.

use crate::settings::tests::{House, assert_said};

#[test]
fn a_section_within_another_is_read_from_files_and_the_environment() {
    let house = House::new()
        .toml("[storage]\nraw_prefix = \"r\"\n\n[storage.copy]\nurl = \"s3://b/x\"\ntransfers = 3\n")
        .env("GRIND__STORAGE__COPY__TRANSFERS", "4");
    let settings = house.settings();
    assert_eq!(settings.storage_copy.url.as_deref(), Some("s3://b/x"));
    assert_eq!(
        (settings.storage_copy.transfers, settings.storage.raw_prefix.as_str()),
        (4, "r")
    );
    let shown = settings.effective();
    assert!(shown.contains("\n[storage.copy]\nurl = \"s3://b/x\"\n"), "{shown}");
    assert_eq!(House::new().toml(&shown).settings().storage_copy, settings.storage_copy);
}

#[test]
fn what_cannot_be_meant_is_refused_where_it_stands() {
    for (text, words) in [
        (
            "[storage.copy]\nur = \"s3://b\"\n",
            &["storage.copy.ur in ", "line 2", "storage.copy.url"][..],
        ),
        ("[storage]\ncopy = \"s3://b\"\n", &["storage.copy", "[storage.copy]"]),
        ("[storage.copy]\nurl = \"ftp://b\"\n", &["storage.copy.url is"]),
        ("[storage.copy]\nurl = \"\"\n", &["storage.copy.url is empty"]),
        (
            "[storage.copy]\nurl = \"s3://b\"\ntransfers = 0\n",
            &["storage.copy.transfers is 0"],
        ),
        ("[storage.copy]\nregion = \"x\"\n", &["storage.copy.url is not set"]),
        (
            "[storage.copy]\nurl = \"az://b\"\nregion = \"x\"\n",
            &["storage.copy.region means nothing"],
        ),
        (
            "[storage.copy]\nurl = \"s3://b\"\nendpoint = \"http://s3.example.org\"\n",
            &["storage.copy.endpoint", "https"],
        ),
        (
            "[storage.copy]\nurl = \"s3://b\"\ncredentials_file = \"none\"\n",
            &["storage.copy.credentials_file", "none"],
        ),
    ] {
        assert_said(&House::new().toml(text).said(), words);
    }
}

#[test]
fn the_second_place_is_another_one() {
    let endpoint = |place: &str| format!("https://{place}.example.org");
    for (main, copy, is_same) in [
        (("s3://b/x", None), ("s3://b/x", None), true),
        (("s3://b", None), ("s3://b/x", None), true),
        (("s3://b/x", None), ("s3://b/y", None), false),
        (("s3://b", None), ("az://b", None), false),
        // The same name at another provider.
        (("s3://b", Some("one")), ("s3://b", Some("two")), false),
        (("s3://b", Some("one")), ("s3://b", Some("one")), true),
        (("file:///tmp/a", None), ("file:///tmp/a/second", None), true),
        (("file:///tmp/a", None), ("file:///tmp/b", None), false),
    ] {
        let mut house = House::new()
            .env("GRIND__STORAGE__URL", main.0)
            .env("GRIND__STORAGE__COPY__URL", copy.0);
        for (key, place) in [("STORAGE", main.1), ("STORAGE__COPY", copy.1)] {
            if let Some(place) = place {
                house = house.env(&format!("GRIND__{key}__ENDPOINT"), &endpoint(place));
            }
        }
        let said = house.said().join("\n");
        assert_eq!(
            said.contains("storage.copy.url is the place of storage.url"),
            is_same,
            "{said}"
        );
    }
}
