//! Each word of the vocabulary is produced by some code.

use super::names::exported_type;
use super::sources::files;

/// The enums of `vocabulary` with their variants.
fn vocabulary() -> Vec<(String, Vec<String>)> {
    let mut enums: Vec<(String, Vec<String>)> = Vec::new();
    let declares = |line: &str| match line.trim_start().strip_prefix("pub enum ") {
        Some(rest) => Some(rest.trim_end_matches(" {").to_owned()),
        None => exported_type(line, true)
            .filter(|_| line.starts_with("    ") && !line.starts_with("     "))
            .map(str::to_owned),
    };
    for file in files(&["src"], &["rs"])
        .iter()
        .filter(|file| file.module() == Some("vocabulary"))
    {
        let mut open = false;
        for (_, line) in file.code() {
            let text = line.trim_start();
            if line.ends_with(" {")
                && !text.starts_with("impl")
                && let Some(name) = declares(line)
            {
                enums.push((name, Vec::new()));
                open = true;
            } else if text == "}" {
                open = false;
            } else if open && text.starts_with(|c: char| c.is_ascii_uppercase()) {
                let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
                enums.last_mut().unwrap().1.push(text[..end].to_owned());
            }
        }
    }
    enums
}

/// A word that no code produces is a label that stays 0 for ever and a case that nobody can meet.
#[test]
fn every_word_of_the_vocabulary_is_produced() {
    let enums = vocabulary();
    let named = |name: &str| {
        enums
            .iter()
            .any(|(found, variants)| found == name && variants.len() > 3)
    };
    assert!(
        named("BookState") && named("FailureReason") && named("WaitCause"),
        "{enums:?}"
    );
    let sources = files(&["src"], &["rs"]);
    let code: String = sources
        .iter()
        .filter(|file| !file.is_test() && !matches!(file.module(), None | Some("vocabulary" | "lab")))
        .flat_map(|file| file.code().map(|(_, line)| line.to_owned() + "\n"))
        .collect();
    let produced = |name: &str, variant: &str| {
        let path = format!("{name}::{variant}");
        code.match_indices(&path)
            .any(|(at, _)| !code[at + path.len()..].starts_with(|c: char| c.is_ascii_alphanumeric()))
    };
    let missing: Vec<String> = enums
        .iter()
        .flat_map(|(name, variants)| variants.iter().map(move |variant| (name, variant)))
        .filter(|(name, variant)| !produced(name, variant))
        .map(|(name, variant)| format!("{name}::{variant}"))
        .collect();
    assert!(missing.is_empty(), "words that nothing produces: {missing:?}");
}
