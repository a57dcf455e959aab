//! The sources, read as text.

use std::fs;
use std::path::{Path, PathBuf};

use super::layers;

/// A file of the repository.
pub(super) struct SourceFile {
    /// From the repository's root.
    pub(super) path: String,
    pub(super) text: String,
}

impl SourceFile {
    /// The module at the top that it belongs to; `None` for `lib.rs`, `main.rs` and `build.rs`.
    pub(super) fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let name = inside.split('/').next()?.trim_end_matches(".rs");
        layers::rank(name).map(|_| name)
    }

    pub(super) fn is_test(&self) -> bool {
        let parts: Vec<&str> = self.path.split('/').collect();
        parts.contains(&"tests") || matches!(parts.last(), Some(&"tests.rs" | &"fuzz.rs"))
    }

    /// The lines that are compiled into the program: no comments, no tests at the foot.
    pub(super) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let foot = self.text.find("#[cfg(test)]\nmod tests {").unwrap_or(self.text.len());
        let lines = self.text[..foot].lines().enumerate();
        lines
            .map(|(number, line)| (number + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The modules named behind `crate::` in a line, those of a group among them.
    pub(super) fn used_by(line: &str) -> impl Iterator<Item = &str> {
        line.split("crate::").skip(1).map(|rest| {
            let end = rest
                .find(|c: char| !(c.is_ascii_lowercase() || c == '_'))
                .unwrap_or(rest.len());
            &rest[..end]
        })
    }
}

pub(super) fn root() -> PathBuf {
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

pub(super) fn files(folders: &[&str], extensions: &[&str]) -> Vec<SourceFile> {
    let mut files = Vec::new();
    folders
        .iter()
        .for_each(|folder| collect(&root().join(folder), extensions, &mut files));
    assert!(files.len() > 10, "the sources were not found");
    files
}
