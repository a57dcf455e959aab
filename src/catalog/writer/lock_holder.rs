//! Which program holds the lock of an SQLite file, out of the system's list of locks: that needs no file to be opened, which would end this program's
//! own locks when it is closed.

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The byte of the log's index that a writer locks (<https://sqlite.org/walformat.html>, 2.3.1), with those of a checkpoint and of a recovery
/// behind it.
const WRITERS: [u64; 2] = [120, 122];

/// A file as the list of locks names it.
fn listed_as(file: &Metadata) -> String {
    let device = file.dev();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    format!("{major:02x}:{minor:02x}:{}", file.ino())
}

/// The process that holds the lock of a writer on this file, if it is another one than ours.
/// A line: `5: POSIX  ADVISORY  WRITE 30048 fe:00:10128203 120 120`.
fn writer_in(locks: &str, file: &str, ours: u32) -> Option<u32> {
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let [kind, _, mode, process, listed, first, last] = std::array::from_fn(|_| words.next().unwrap_or_default());
        let process = process.parse().ok().filter(|process| *process != ours)?;
        let first: u64 = first.parse().ok()?;
        let last = last.parse().unwrap_or(u64::MAX);
        let is_writer = kind == "POSIX" && mode == "WRITE" && first <= WRITERS[1] && last >= WRITERS[0];
        (is_writer && listed == file).then_some(process)
    })
}

/// The program that writes to the catalog at this path, such as `sqlite3 (process 4711)`; `None`: not known.
pub(super) fn lock_holder(catalog: &Path) -> Option<String> {
    let mut index = OsString::from(catalog);
    index.push("-shm");
    let index = std::fs::metadata(PathBuf::from(index)).ok()?;
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let process = writer_in(&locks, &listed_as(&index), std::process::id())?;
    let name = std::fs::read_to_string(format!("/proc/{process}/comm"));
    let name = name.map_or_else(|_| "a program".to_owned(), |name| name.trim().to_owned());
    Some(format!("{name} (process {process})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_writer_is_found_among_readers_and_other_files() {
        let line = |rest: &str| format!("1: FLOCK  ADVISORY  WRITE 9187 fe:00:7 0 EOF\n5: {rest}\n");
        for (rest, expected) in [
            ("POSIX  ADVISORY  WRITE 30048 fe:00:7 120 120", Some(30_048)),
            ("POSIX  ADVISORY  WRITE 30048 fe:00:7 120 127", Some(30_048)),
            ("POSIX  ADVISORY  WRITE 30048 fe:00:7 122 EOF", Some(30_048)),
            // A reader, one that copies nothing, another file, ourselves, and another kind of lock.
            ("POSIX  ADVISORY  READ 30048 fe:00:7 120 120", None),
            ("POSIX  ADVISORY  WRITE 30048 fe:00:7 123 127", None),
            ("POSIX  ADVISORY  WRITE 30048 fe:00:8 120 120", None),
            ("POSIX  ADVISORY  WRITE 30048 fe:01:7 120 120", None),
            ("POSIX  ADVISORY  WRITE 1 fe:00:7 120 120", None),
            ("OFDLCK ADVISORY  WRITE -1 fe:00:7 120 120", None),
            ("-> POSIX  ADVISORY  WRITE 30048 fe:00:7 120 120", None),
            ("", None),
        ] {
            assert_eq!(writer_in(&line(rest), "fe:00:7", 1), expected, "{rest}");
        }
    }
}
