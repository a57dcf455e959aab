//! Documents that are cited exist, paths on the maps too, and long files have a reason.

#![expect(
    clippy::case_sensitive_file_extension_comparisons,
    reason = "our own files end in small letters"
)]

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use super::sources::{files, root};

/// Files of more than [`LONG`] lines, and why they are not divided.
const LONG_FILES: [(&str, &str); 13] = [
    ("src/pipeline/workers/tests/download.rs", "one answer after another"),
    (
        "tests/it/storage_publish.rs",
        "one archive in place of another after another",
    ),
    ("src/catalog/tests/sharing.rs", "one meeting of members after another"),
    ("src/pipeline/intake/tests.rs", "one trouble after another"),
    ("src/session/turns/tests.rs", "one way to share turns after another"),
    ("src/cli/help.rs", "one command after another"),
    ("src/pipeline/book_run/tests.rs", "one end of a run after another"),
    (
        "src/pipeline/fan_out/tests/library.rs",
        "one service that a run asks after another",
    ),
    ("src/archive/mets/tests.rs", "one form of METS after another"),
    ("src/session/exchange.rs", "one fault of awc after another is put right"),
    ("src/session/tests/bodies.rs", "one body after another"),
    ("src/session/tests/pins.rs", "one fault of awc after another"),
    ("tests/it/archive_contents.rs", "one archive after another"),
];

/// From so many lines on, a file needs a reason.
const LONG: usize = 400;

/// Documents that no reader of the repository has.
const ABSENT: [&str; 4] = ["grin-interface.md", "state-store.md", "operations.md", "feasibility.md"];

#[test]
fn long_files_have_a_reason() {
    let long: Vec<String> = files(&["src", "tests"], &["rs"])
        .into_iter()
        .filter(|file| file.text.lines().count() > LONG)
        .map(|file| file.path)
        .collect();
    let told = |path: &String| LONG_FILES.iter().any(|(long, _)| long == path);
    let untold: Vec<&String> = long.iter().filter(|path| !told(path)).collect();
    assert!(untold.is_empty(), "more than {LONG} lines and no reason: {untold:?}");
    let is_long = |path: &str| long.iter().any(|long| long == path);
    let divided: Vec<_> = LONG_FILES.iter().filter(|(path, _)| !is_long(path)).collect();
    assert!(divided.is_empty(), "no longer so long: {divided:?}");
}

#[test]
fn only_documents_of_the_repository_are_cited() {
    let mut sources = files(&["src", "tests", "settings"], &["rs", "md", "toml", "service"]);
    sources.retain(|file| file.path != "tests/it/structure/documents.rs");
    let mut wrong = Vec::new();
    for file in &sources {
        for (number, line) in file.text.lines().enumerate() {
            let absent = ABSENT.iter().any(|absent| line.contains(absent));
            // The protocol notes name their own sources, which are other projects.
            let cites = file.path.ends_with(".rs") && line.trim_start().starts_with("//");
            if absent || (cites && documents(line).any(|name| !exists(name, &file.path))) {
                wrong.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "documents that are not here:\n{}", wrong.join("\n"));
}

/// The words of a line that name a Markdown file.
fn documents(line: &str) -> impl Iterator<Item = &str> {
    let outside = |c: char| !(c.is_ascii_alphanumeric() || "._-/".contains(c));
    line.split(outside)
        .map(|word| word.trim_end_matches('.'))
        // `report.md` is what `grind bench` writes.
        .filter(|word| word.ends_with(".md") && *word != "report.md")
}

/// Whether it lies where it is said to: from the root, or in a folder around the file that cites it.
fn exists(document: &str, cited_by: &str) -> bool {
    let around = root().join(cited_by);
    around.ancestors().skip(1).any(|folder| folder.join(document).is_file())
}

/// The maps name files and folders in backticks; each must be there.
#[test]
fn every_path_on_the_maps_exists() {
    let maps = [
        "README.md",
        "CONTRIBUTING.md",
        "actors.md",
        "src/README.md",
        "tests/benches/FIGURES.md",
    ];
    let mut missing = Vec::new();
    for map in maps {
        let text = fs::read_to_string(root().join(map)).unwrap();
        let paths = text.split('`').skip(1).step_by(2);
        let paths = paths.filter(|path| {
            ["src/", "tests/", "settings/"]
                .iter()
                .any(|folder| path.starts_with(folder))
        });
        missing.extend(
            paths
                .filter(|path| !path.contains([' ', '…']) && !root().join(path).exists())
                .map(|path| format!("{map}: {path}")),
        );
    }
    assert!(missing.is_empty(), "paths that do not exist:\n{}", missing.join("\n"));
}

#[test]
fn every_command_that_a_message_names_exists() {
    let mut named = BTreeSet::new();
    for file in files(&["src"], &["rs"]) {
        for (_, line) in file.code() {
            let words = line.split("`grind ").skip(1);
            named.extend(words.map(|rest| {
                rest.split(|c: char| !c.is_ascii_lowercase() && c != '-')
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            }));
        }
    }
    named.remove("");
    assert!(named.contains("auth"), "{named:?}");
    for command in named {
        let help = Command::new(env!("CARGO_BIN_EXE_grind"))
            .args([&command, "--help"])
            .output();
        assert!(
            help.is_ok_and(|help| help.status.success()),
            "`grind {command}` does not exist"
        );
    }
}
