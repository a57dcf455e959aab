//! Modules export what the program and the tests name, and no more: of all else rustc tells when nothing uses it.

use std::fs;

use super::sources::{files, root};

/// The names of a declaration for everybody: `pub mod name;`, `pub use path::Name;`, `pub use path::{One, Other as Third};`.
fn exported(declaration: &str) -> Vec<&str> {
    let declaration = declaration.trim();
    if let Some(name) = declaration.strip_prefix("pub mod ") {
        return vec![name];
    }
    let Some(path) = declaration.strip_prefix("pub use ") else {
        return Vec::new();
    };
    let names = path
        .split_once('{')
        .map_or(path, |(_, group)| group.trim_end_matches('}'));
    names
        .split(',')
        .filter_map(|name| name.rsplit([' ', ':', '\n']).find(|word| !word.is_empty()))
        .collect()
}

#[test]
fn exported_names_are_read() {
    assert_eq!(exported("pub mod spawn"), ["spawn"]);
    assert_eq!(exported("\npub use crate::grin::state::GrinState"), ["GrinState"]);
    assert_eq!(
        exported("pub use queries::{\n    One, Other as Third,\n    fourth,\n}"),
        ["One", "Third", "fourth"]
    );
    assert!(exported("pub(crate) use state::GrinState").is_empty());
}

/// The roots of modules whose users outside of the library are known; the lab is made for tests.
#[test]
fn modules_export_what_is_used_outside() {
    let mut users = files(&["tests/it", "tests/benches"], &["rs"]);
    users.retain(|file| file.path != "tests/it/structure/exports.rs");
    let mut text: String = users.into_iter().map(|file| file.text).collect();
    text += &fs::read_to_string(root().join("src/main.rs")).unwrap();
    let words: std::collections::HashSet<&str> = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    let mut unused = Vec::new();
    for file in files(&["src"], &["rs"]) {
        let of_a_module = file.path.matches('/').count() == 2 && file.path.ends_with("/mod.rs");
        if !of_a_module || file.module() == Some("lab") {
            continue;
        }
        let code: String = file.code().map(|(_, line)| line.to_owned() + "\n").collect();
        let names = code.split(';').flat_map(exported).filter(|name| !words.contains(name));
        unused.extend(names.map(|name| format!("{}: {name}", file.path)));
    }
    assert!(
        unused.is_empty(),
        "make pub(crate) what only the library uses:\n{}",
        unused.join("\n")
    );
}
