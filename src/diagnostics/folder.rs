//! The folder of what was not recognised: one JSON file for each.

use std::fs::{self, DirBuilder};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use xxhash_rust::xxh3::xxh3_64;

use crate::diagnostics::answer::UnrecognisedAnswer;
use crate::diagnostics::keep::{KeepDecision, KindUsage, decide};
use crate::grin::give_to_owner_of;

/// A longer file is none of ours.
const LONGEST_FILE: u64 = 1 << 20;

/// Keeps an answer if it is the first of its shape and there is room; whole or not at all.
pub(super) fn keep(folder: &Path, mut answer: UnrecognisedAnswer) -> io::Result<KeepDecision> {
    make(folder)?;
    let name = name_of(&answer);
    answer.kept_at = Some(jiff::Timestamp::now());
    let text = serde_json::to_vec_pretty(&answer)?;
    let decision = decide(usage(folder, &answer, &name)?, text.len() as u64);
    if decision == KeepDecision::Keep {
        // Such a file can be read by its owner alone.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&text)?;
        give_to_owner_of(folder, file.as_file());
        file.as_file().sync_all()?;
        file.persist(folder.join(&name))?;
    }
    Ok(decision)
}

/// Each folder that is made belongs to the owner of the one above, for the daemon keeps answers there, too.
fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
    above.map_or(Ok(()), make)?;
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        made => made?,
    }
    // A link that somebody put in its place is not followed.
    let only_this = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    give_to_owner_of(
        above.unwrap_or(Path::new(".")),
        rustix::fs::open(folder, only_this, Mode::empty())?,
    );
    Ok(())
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, chown};

    use super::*;
    use crate::diagnostics::UnrecognisedKind;

    #[test]
    fn what_root_keeps_belongs_to_the_owner_of_the_place() {
        let home = tempfile::tempdir().unwrap();
        // Others cannot give a folder away.
        let caller = rustix::process::geteuid();
        let owner = if caller.is_root() { 1 } else { caller.as_raw() };
        chown(home.path(), Some(owner), None).unwrap();
        let folder = home.path().join("state").join("diagnostics");
        for shape in ["ON_HOLD", "HELD"] {
            let kept = keep(&folder, UnrecognisedAnswer::new(UnrecognisedKind::Word, shape));
            assert_eq!(kept.unwrap(), KeepDecision::Keep);
        }
        let files = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
        let mut made: Vec<_> = files.collect();
        assert_eq!(made.len(), 2);
        made.extend([folder.clone(), home.path().join("state")]);
        for path in made {
            assert_eq!(fs::metadata(&path).unwrap().uid(), owner, "{}", path.display());
        }
    }

    #[test]
    fn a_folder_behind_a_link_that_leads_nowhere_is_not_made() {
        let home = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("nowhere", home.path().join("link")).unwrap();
        assert!(make(&home.path().join("link").join("diagnostics")).is_err());
    }
}
