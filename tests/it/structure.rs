//! What src/README.md says about layers, names and files, held against the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules from top to bottom. A module may use those of later lines, and of its own line only what [`BESIDE`] names.
const LAYERS: [&[&str]; 5] = [
    &["cli", "daemon", "observe"],
    &["lab"],
    &["pipeline"],
    &["session", "storage", "catalog", "dapr"],
    &["vocabulary", "grin", "archive", "actor", "settings", "log", "clock"],
];

/// Who may use whom within one layer, and why.
const BESIDE: [(&str, &str, &str); 9] = [
    ("cli", "daemon", "a command wires and runs the daemon"),
    ("cli", "observe", "commands show the daemon's snapshots"),
    ("daemon", "observe", "the daemon publishes its snapshots there"),
    ("dapr", "session", "all HTTP goes through the one session owner"),
    ("archive", "grin", "an archive is named by its barcode"),
    ("actor", "clock", "ages and budgets are told by the injected clock"),
    ("settings", "grin", "keys hold barcodes and library names"),
    ("settings", "vocabulary", "keys hold queues"),
    ("grin", "vocabulary", "lists and replies are told in the common terms"),
];

/// Exported types of one word: the terms of this program, each at the centre of its module.
const ONE_WORD: [(&str, &str); 20] = [
    ("Barcode", "the field's own word"),
    ("Catalog", "the module's handle"),
    ("Checker", "the worker for the task CHECK"),
    ("Collector", "the worker that collects lists"),
    ("Converter", "the worker that requests conversions"),
    ("Daemon", "the module's handle"),
    ("Downloader", "the worker that downloads"),
    ("Enricher", "the worker that enriches"),
    ("Mailbox", "the actor model's own word"),
    ("Message", "the actor model's own word"),
    ("Outcome", "how a book's run ended; goes into the vocabulary"),
    ("Queue", "the operators' own word"),
    ("Secret", "a value whose Debug prints ***"),
    ("Session", "the module's handle"),
    ("Settings", "the whole configuration"),
    ("Simulator", "the module's handle"),
    ("Storage", "the module's handle"),
    ("Supervisor", "the actor model's own word"),
    ("Validator", "HTTP's own word"),
    ("Worker", "the actor model's own word"),
];

/// Files of more than [`LONG`] lines, and why they are not divided.
const LONG_FILES: [(&str, &str); 9] = [
    ("src/dapr/wire.rs", "one table of answers and its cases"),
    ("src/grin/list_page/page.rs", "one page and its cases"),
    ("src/pipeline/book_run.rs", "to be divided"),
    ("src/pipeline/fan_out.rs", "to be divided"),
    ("src/pipeline/supervisor.rs", "to be divided"),
    ("src/pipeline/workers/collect.rs", "to be divided"),
    ("src/session/engine.rs", "to be divided"),
    ("tests/it/archive_contents.rs", "one archive after another"),
    ("tests/it/state_store.rs", "to be divided"),
];

/// From so many lines on, a file needs a reason.
const LONG: usize = 400;

/// What names a document, a tool or a folder that no reader of the repository has.
const ABSENT: [&str; 4] = ["state-store.md", "operations.md", "grin-interface.md", "feasibility.md"];

struct SourceFile {
    /// From the repository's root.
    path: String,
    text: String,
}

impl SourceFile {
    /// The module at the top that it belongs to; `None` for `lib.rs`, `main.rs` and `build.rs`.
    fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let name = inside.split('/').next()?.trim_end_matches(".rs");
        rank(name).map(|_| name)
    }

    fn is_test(&self) -> bool {
        let parts: Vec<&str> = self.path.split('/').collect();
        parts.contains(&"tests") || matches!(parts.last(), Some(&"tests.rs" | &"fuzz.rs"))
    }

    /// The lines that are compiled into the program: no comments, no tests at the foot.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let foot = self.text.find("#[cfg(test)]\nmod tests {").unwrap_or(self.text.len());
        let lines = self.text[..foot].lines().enumerate();
        lines
            .map(|(number, line)| (number + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The modules named behind `crate::` in a line, those of a group among them.
    fn used_by(line: &str) -> impl Iterator<Item = &str> {
        line.split("crate::").skip(1).map(|rest| {
            let end = rest
                .find(|c: char| !(c.is_ascii_lowercase() || c == '_'))
                .unwrap_or(rest.len());
            &rest[..end]
        })
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn collect(folder: &Path, extensions: &[&str], files: &mut Vec<SourceFile>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, extensions, files);
        } else if path
            .extension()
            .is_some_and(|found| extensions.iter().any(|wanted| found == *wanted))
        {
            files.push(SourceFile {
                path: path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(),
                text: fs::read_to_string(&path).unwrap(),
            });
        }
    }
}

fn files(folders: &[&str], extensions: &[&str]) -> Vec<SourceFile> {
    let mut files = Vec::new();
    folders
        .iter()
        .for_each(|folder| collect(&root().join(folder), extensions, &mut files));
    assert!(files.len() > 10, "the sources were not found");
    files
}

fn rank(module: &str) -> Option<usize> {
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
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
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

/// The name that a line declares to others: `pub struct Name`, and in our macros `Name {`, `Name = "…" {`, `Name: "…" {`.
fn exported_type(line: &str, in_macro: bool) -> Option<&str> {
    let line = line.trim_start();
    let name = if in_macro && line.ends_with('{') {
        line
    } else {
        let rest = line.strip_prefix("pub")?;
        let rest = rest
            .strip_prefix('(')
            .map_or(Some(rest), |scope| Some(scope.split_once(')')?.1))?;
        let (kind, rest) = rest.trim_start().split_once(' ')?;
        ["struct", "enum", "trait", "type", "union"]
            .contains(&kind)
            .then_some(rest)?
    };
    let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
    name.starts_with(|c: char| c.is_ascii_uppercase()).then(|| &name[..end])
}

fn exported_types() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for file in files(&["src"], &["rs"]).iter().filter(|file| !file.is_test()) {
        let mut in_macro = false;
        for (_, line) in file.code() {
            match line {
                "words! {" | "section! {" => in_macro = true,
                "}" => in_macro = false,
                _ => {}
            }
            found.extend(exported_type(line, in_macro).map(|name| (name.to_owned(), file.path.clone())));
        }
    }
    assert!(found.len() > 500, "only {} types were found", found.len());
    found
}

#[test]
fn exported_types_have_names_of_their_own() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, path) in exported_types() {
        places.entry(name).or_default().push(path);
    }
    places.retain(|_, places| places.len() > 1);
    assert!(places.is_empty(), "names that stand for several types: {places:#?}");
}

#[test]
fn exported_types_have_two_words_or_a_reason() {
    let words = |name: &str| name.chars().filter(char::is_ascii_uppercase).count();
    let short: BTreeSet<String> = exported_types()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| words(name) < 2)
        .collect();
    let allowed: BTreeSet<String> = ONE_WORD.iter().map(|(name, _)| (*name).to_owned()).collect();
    let unfounded: Vec<&String> = short.difference(&allowed).collect();
    assert!(unfounded.is_empty(), "one word and no reason: {unfounded:?}");
    assert!(allowed.len() <= 20);
}

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
}

#[test]
fn only_documents_of_the_repository_are_cited() {
    let mut sources = files(&["src", "tests", "settings"], &["rs", "md", "toml", "service"]);
    sources.retain(|file| file.path != "tests/it/structure.rs");
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
