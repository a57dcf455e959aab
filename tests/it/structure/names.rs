//! Exported types have names of their own.

use std::collections::{BTreeMap, BTreeSet};

use super::sources::files;

/// Exported types of one word: the terms of this program, each at the centre of its module.
const ONE_WORD: [(&str, &str); 15] = [
    ("Barcode", "the field's own word"),
    ("Blame", "the decision's own word"),
    ("Catalog", "the module's handle"),
    ("Daemon", "the module's handle"),
    ("Mailbox", "the actor model's own word"),
    ("Message", "the actor model's own word"),
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

/// The name that a line declares to others: `pub struct Name`, and in our macros `Name {`, `Name = "…" {`, `Name: "…" {`.
pub(super) fn exported_type(line: &str, in_macro: bool) -> Option<&str> {
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
