//! The folder of what was not recognised: one JSON file for each.

use std::fs::{self, DirBuilder};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use crate::diagnostics::answer::UnrecognisedAnswer;
use crate::diagnostics::keep::{KeepDecision, KindUsage, decide};

/// A longer file is none of ours.
const LONGEST_FILE: u64 = 1 << 20;

/// Keeps an answer if it is the first of its shape and there is room; whole or not at all.
pub(super) fn keep(folder: &Path, mut answer: UnrecognisedAnswer) -> io::Result<KeepDecision> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let name = name_of(&answer);
    answer.kept_at = Some(jiff::Timestamp::now());
    let text = serde_json::to_vec_pretty(&answer)?;
    let decision = decide(usage(folder, &answer, &name)?, text.len() as u64);
    if decision == KeepDecision::Keep {
        // Such a file can be read by its owner alone.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&text)?;
        file.as_file().sync_all()?;
        file.persist(folder.join(&name))?;
    }
    Ok(decision)
}

fn name_of(answer: &UnrecognisedAnswer) -> String {
    format!(
        "{}-{:016x}.json",
        answer.kind.as_str(),
        xxh3_64(answer.shape.as_bytes())
    )
}

fn usage(folder: &Path, answer: &UnrecognisedAnswer, name: &str) -> io::Result<KindUsage> {
    let mut usage = KindUsage::default();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let other = entry.file_name();
        let other = other.to_string_lossy();
        if other.starts_with(&format!("{}-", answer.kind.as_str())) {
            usage.files += 1;
            usage.bytes += entry.metadata().map_or(0, |data| data.len());
            usage.has_shape |= other == name;
        }
    }
    Ok(usage)
}

/// What is kept, by name. Nothing where nothing was ever kept; a file that cannot be read is left out.
pub(crate) fn kept_answers(folder: &Path) -> io::Result<Vec<UnrecognisedAnswer>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry?;
        let is_ours = entry.path().extension().is_some_and(|end| end == "json");
        if is_ours && entry.metadata()?.len() <= LONGEST_FILE {
            paths.push(entry.path());
        }
    }
    paths.sort();
    let read = paths.iter().map(|path| {
        let text = fs::read(path)?;
        serde_json::from_slice(&text).map_err(io::Error::other)
    });
    Ok(read.filter_map(|answer: io::Result<_>| answer.ok()).collect())
}
