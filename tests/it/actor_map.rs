//! Holds `actors.md` against the sources: nothing stands in it that the program does not send. That everything sent stands
//! in it is tested with real runs (`wiring.rs`).

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::fs;
use std::path::PathBuf;

/// A file of the program: no tests, no simulator or benches, no comments.
struct SourceCode {
    path: String,
    code: String,
}

fn sources() -> Vec<SourceCode> {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut sources = Vec::new();
    let mut folders = vec![PathBuf::from(root).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.extend((!["tests", "lab"].contains(&name.as_str())).then_some(path));
            } else if path.extension().is_some_and(|ending| ending == "rs") && name != "tests.rs" {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
                let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
                sources.push(SourceCode {
                    path: path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(),
                    code: lines.collect::<Vec<_>>().join("\n"),
                });
            }
        }
    }
    sources
}

/// The types of messages of this kind that a module defines, each with its file.
fn types_of<'a>(sources: &'a [SourceCode], module: &str, kind: &str) -> Vec<(&'a str, &'a str)> {
    let mut types = Vec::new();
    for SourceCode { path, code } in sources.iter().filter(|source| source.path.starts_with(module)) {
        let written_out = format!("KIND: &'static str = \"{kind}\"");
        for (at, _) in code.match_indices(&written_out) {
            let name = code[..at].rsplit(" for ").next().unwrap();
            types.push((path.as_str(), name.split(['<', ' ']).next().unwrap()));
        }
        for (at, _) in code.match_indices(&format!("\"{kind}\",")) {
            let named = code[..at].trim_end().strip_suffix(',');
            let name = named
                .and_then(|named| named.rsplit("message!(").next())
                .unwrap_or_default()
                .trim();
            let one_word = !name.is_empty() && name.chars().all(char::is_alphanumeric);
            types.extend(one_word.then_some((path.as_str(), name)));
        }
    }
    types
}

/// Whether code makes a value of this type: by its fields, by a function of its own, or by naming it in an ask.
fn makes(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        let whole = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let declared = ["for ", "struct ", "impl ", "enum "]
            .iter()
            .any(|word| before.ends_with(word));
        let made = after.starts_with('(') || after.starts_with(" {") || after.starts_with("::");
        whole && !declared && (made || before.ends_with("ask("))
    })
}

#[test]
fn every_message_on_the_map_is_sent_by_somebody() {
    let sources = sources();
    let mut checked = 0;
    for row in include_str!("../../actors.md")
        .lines()
        .filter(|line| line.starts_with("| `"))
    {
        let cells: Vec<&str> = row.split('|').collect();
        let actor = cells[1].trim().trim_matches('`');
        let module = match actor {
            "catalog" => "src/catalog",
            "state_store" => "src/dapr",
            "session_owner" => "src/session",
            _ => "src/pipeline",
        };
        for kind in cells[4].split('`').skip(1).step_by(2) {
            let types = types_of(&sources, module, kind);
            assert!(!types.is_empty(), "actors.md: {actor} has no message {kind}");
            let sent = types.iter().any(|(defined, name)| {
                // Commands work on the catalog's file without a daemon: they send nothing.
                let others = sources
                    .iter()
                    .filter(|source| source.path != *defined && !source.path.starts_with("src/cli"));
                others.into_iter().any(|source| makes(&source.code, name))
            });
            assert!(sent, "actors.md: nothing sends {kind} to {actor} ({types:?})");
            checked += 1;
        }
    }
    assert!(checked > 25, "{checked} messages");
}

#[test]
fn a_type_that_is_only_declared_or_handled_is_not_sent() {
    let handled = "impl ServeMessages<Drop1> for X {}\nimpl Message for Drop1 {\n}\nfn f(drop: Drop1, _: &Drop1) {}";
    assert!(!makes(handled, "Drop1"));
    for made in ["ask(Drop1, cx)", "Drop1(5)", "Drop1 { a }", "Drop1::of(5)"] {
        assert!(makes(made, "Drop1"), "{made}");
    }
}
