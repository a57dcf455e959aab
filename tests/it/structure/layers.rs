//! Imports point down, and nobody needs the lab.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::sources::{SourceFile, files, root};

/// The modules from top to bottom. A module may use those of later lines, and of its own line only what [`BESIDE`] names.
const LAYERS: [&[&str]; 5] = [
    &["cli", "daemon", "observe"],
    &["lab"],
    &["pipeline"],
    &["session", "storage", "catalog", "dapr"],
    &[
        "vocabulary",
        "grin",
        "archive",
        "actor",
        "settings",
        "log",
        "clock",
        "authorities",
        "diagnostics",
        "traces",
    ],
];

/// Who may use whom within one layer, and why.
const BESIDE: [(&str, &str, &str); 16] = [
    ("cli", "daemon", "a command wires and runs the daemon"),
    ("cli", "observe", "commands show the daemon's snapshots"),
    ("daemon", "observe", "the daemon publishes its snapshots there"),
    ("dapr", "session", "all HTTP goes through the one session owner"),
    ("archive", "grin", "an archive is named by its barcode"),
    (
        "archive",
        "vocabulary",
        "a refused archive is told in the common reasons",
    ),
    ("actor", "clock", "ages and budgets are told by the injected clock"),
    ("actor", "log", "what an actor logs carries its name"),
    (
        "actor",
        "traces",
        "what is asked for a piece of work is a part of its span",
    ),
    (
        "diagnostics",
        "archive",
        "an archive's findings tell what was not recognised",
    ),
    ("diagnostics", "grin", "so do the parsers of lists and replies"),
    ("settings", "grin", "keys hold barcodes and library names"),
    ("settings", "log", "a key holds the form of the log"),
    ("settings", "vocabulary", "keys hold queues"),
    (
        "traces",
        "log",
        "a collector's trouble is told in the common way of what lasts",
    ),
    ("grin", "vocabulary", "lists and replies are told in the common terms"),
];

/// The layer of a module; 0 is at the top.
pub(super) fn rank(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Each arrow between modules with one place where it stands.
fn arrows() -> BTreeMap<(String, String), String> {
    let mut arrows = BTreeMap::new();
    for file in files(&["src"], &["rs"]).iter().filter(|file| !file.is_test()) {
        let Some(from) = file.module() else { continue };
        for (number, line) in file.code() {
            for to in SourceFile::used_by(line).filter(|to| *to != from && rank(to).is_some()) {
                arrows
                    .entry((from.to_owned(), to.to_owned()))
                    .or_insert_with(|| format!("{}:{number}", file.path));
            }
        }
    }
    arrows
}

#[test]
fn every_module_has_its_layer() {
    let library = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let declared: BTreeSet<&str> = library
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    let layered: BTreeSet<&str> = LAYERS.concat().into_iter().collect();
    assert_eq!(declared, layered);
}

#[test]
fn imports_point_down() {
    let beside: BTreeSet<(&str, &str)> = BESIDE.iter().map(|(from, to, _)| (*from, *to)).collect();
    let wrong: Vec<String> = arrows()
        .into_iter()
        .filter(|((from, to), _)| match rank(from).cmp(&rank(to)) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => !beside.contains(&(from.as_str(), to.as_str())),
            std::cmp::Ordering::Greater => true,
        })
        .map(|((from, to), place)| format!("{from} uses {to} ({place})"))
        .collect();
    assert!(wrong.is_empty(), "arrows that do not point down:\n{}", wrong.join("\n"));
}

#[test]
fn no_cycle_between_modules() {
    let mut left: BTreeSet<(String, String)> = arrows().into_keys().collect();
    // What uses nobody else cannot be part of a cycle: taken away until nothing is left, or only cycles.
    loop {
        let users: BTreeSet<String> = left.iter().map(|(from, _)| from.clone()).collect();
        let before = left.len();
        left.retain(|(_, to)| users.contains(to));
        if left.len() == before {
            break;
        }
    }
    assert!(left.is_empty(), "modules use each other in a circle: {left:?}");
}

/// The daemon must be buildable without it.
#[test]
fn only_the_lab_and_its_commands_use_the_lab() {
    let users: Vec<String> = files(&["src"], &["rs"])
        .iter()
        .filter(|file| !file.is_test() && file.module() != Some("lab"))
        .filter(|file| file.code().any(|(_, line)| line.contains("crate::lab")))
        .map(|file| file.path.clone())
        .collect();
    let commands = ["src/cli/bench", "src/cli/demo", "src/cli/simulate"];
    let others: Vec<&String> = users
        .iter()
        .filter(|user| !commands.iter().any(|command| user.starts_with(command)))
        .collect();
    assert!(others.is_empty(), "they use the lab: {others:?}");
}
