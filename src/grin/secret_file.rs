//! Files that hold secrets: read only when nobody else can read them, written whole with mode 0600.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use crate::grin::SecretBytes;

/// No secret file in use is near this; the bound keeps a wrong path from filling memory.
const LARGEST: u64 = 256 * 1024;

/// Why a file with a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// Cannot be opened, read or written.
    #[error("cannot {what} {path}: {cause}", path = path.display())]
    Io {
        /// "read", "write" …
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Everybody on the machine can read it.
    #[error("{path} holds a secret and can be read by everybody (mode {mode:04o}): chmod 600 {path}", path = path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not what such a file holds.
    #[error("{path} cannot be understood: {because}", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is missing or wrong; never a value out of the file.
        because: String,
    },
}

/// Reads a small file of any content, refusing one that the whole machine can read or write.
///
/// # Errors
/// The file cannot be read, everybody can read or write it, or it is larger than 256 KiB.
pub fn read_secret_bytes(path: &Path) -> Result<Vec<u8>, SecretFileError> {
    let failed = |cause| SecretFileError::Io {
        what: "read",
        path: path.to_owned(),
        cause,
    };
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if mode & 0o006 != 0 {
        return Err(SecretFileError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(malformed(path, "it is larger than 256 KiB"));
    }
    Ok(bytes)
}

/// Reads a passphrase as gpg's `--passphrase-file` does: the first line without its end, whatever its bytes are; but for the mark that
/// some editors put in front of UTF-8, which is no part of it.
///
/// # Errors
/// As [`read_secret_bytes`]; or the line is empty.
pub fn read_passphrase(path: &Path) -> Result<SecretBytes, SecretFileError> {
    let bytes = read_secret_bytes(path)?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) {
        [] => Err(malformed(path, "its first line is empty, and should be the passphrase")),
        passphrase => Ok(SecretBytes::new(passphrase)),
    }
}

/// Reads a small secret file that holds text: UTF-8, or what its byte order mark says. The mark is no part of the text.
pub fn read_secret_text(path: &Path) -> Result<String, SecretFileError> {
    let bytes = read_secret_bytes(path)?;
    match encoding_rs::UTF_8.decode(&bytes) {
        (text, _, false) => Ok(text.into_owned()),
        _ => Err(malformed(path, "it is not UTF-8 text")),
    }
}

/// Writes a file whole or not at all: a new file beside it with mode 0600, synced, renamed over it, the folder synced. It keeps its owner.
pub fn write_secret_file(path: &Path, text: &str) -> Result<(), SecretFileError> {
    replace(path, text).map_err(|cause| SecretFileError::Io {
        what: "write",
        path: path.to_owned(),
        cause,
    })
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".grind-")
        .permissions(fs::Permissions::from_mode(0o600))
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    give_to_owner_of(path, file.as_file());
    file.as_file().sync_all()?;
    file.persist(path).map_err(|refused| refused.error)?;
    File::open(folder)?.sync_all()
}

/// Gives what was just made to the owner of `path`, if that is there: root may renew a token or keep an answer where it is the daemon's.
/// Nobody else can give a file away, and theirs it is already.
pub(crate) fn give_to_owner_of(path: &Path, made: impl AsFd) {
    if let Ok(there) = fs::metadata(path) {
        drop(fchown(made, Some(there.uid()), Some(there.gid())));
    }
}

/// A file that was read but does not hold what it should.
pub(super) fn malformed(path: &Path, because: impl Into<String>) -> SecretFileError {
    SecretFileError::Malformed {
        path: path.to_owned(),
        because: because.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_readable_secret_is_refused_with_the_fix() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials.json");
        for (mode, allowed) in [
            (0o600, true),
            (0o400, true),
            (0o640, true),
            (0o644, false),
            (0o602, false),
        ] {
            fs::write(&path, "x").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let read = read_secret_bytes(&path);
            assert_eq!(read.is_ok(), allowed, "{mode:o}");
            if let Err(error) = read {
                assert!(
                    error.to_string().contains(&format!("chmod 600 {}", path.display())),
                    "{error}"
                );
            }
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn written_files_are_private_and_leave_nothing_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials.json");
        fs::write(&path, "old and much longer").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        write_secret_file(&path, "new").unwrap();
        assert_eq!(read_secret_bytes(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_passphrase_is_the_first_line_in_any_encoding() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        for (content, passphrase) in [
            (&b"a b \n second"[..], Some(&b"a b "[..])),
            (b"caf\xe9\r\n", Some(b"caf\xe9")),
            (b"\xff\xfe\x00", Some(b"\xff\xfe\x00")),
            (b"\xef\xbb\xbfa b\n", Some(b"a b")),
            (b"", None),
            (b"\xef\xbb\xbf\r\n", None),
            (b"\na b\n", None),
        ] {
            write_secret_file(&path, "").unwrap();
            fs::write(&path, content).unwrap();
            let read = read_passphrase(&path);
            assert_eq!(read.as_ref().ok().map(SecretBytes::expose), passphrase, "{content:x?}");
            let is_said = read.is_err_and(|error| error.to_string().contains("is empty"));
            assert_eq!(is_said, passphrase.is_none(), "{content:x?}");
        }
    }

    #[test]
    fn a_huge_file_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials.json");
        write_secret_file(&path, &"x".repeat(300_000)).unwrap();
        assert!(matches!(
            read_secret_bytes(&path),
            Err(SecretFileError::Malformed { .. })
        ));
    }

    #[test]
    fn a_file_that_root_writes_anew_stays_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials.json");
        write_secret_file(&path, "old").unwrap();
        // Others cannot give a file away.
        let owner = if rustix::process::geteuid().is_root() {
            1
        } else {
            rustix::process::geteuid().as_raw()
        };
        std::os::unix::fs::chown(&path, Some(owner), None).unwrap();
        write_secret_file(&path, "new").unwrap();
        let now = fs::metadata(&path).unwrap();
        assert_eq!((now.uid(), now.mode() & 0o777), (owner, 0o600));
    }
}
