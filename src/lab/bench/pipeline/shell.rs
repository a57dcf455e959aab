//! The same books by the shell: `curl | gpg | tee | tar`, `sha256sum` beside it and `md5sum -c` after it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::lab::bench::error::BenchError;
use crate::lab::bench::measure::machine::is_there;
use crate::lab::bench::pipeline::child::{ChildUsage, run};
use crate::lab::bench::pipeline::library::{BenchLibrary, remove};

/// What the pipeline is made of.
pub const PROGRAMS: [&str; 8] = ["bash", "xargs", "curl", "gpg", "tee", "tar", "sha256sum", "md5sum"];

/// Books at once, as many as grind's default.
const AT_ONCE: usize = 4;

/// One book; the digest goes through a named pipe, so that the shell waits for it and its CPU is counted.
const ONE: &str = r#"
set -euo pipefail
mkdir -p "$OUT/$1/x"; cd "$OUT/$1"
mkfifo sum.fifo
sha256sum < sum.fifo > sha256 & sum=$!
curl -sSf "$ARCHIVES/$1.tar.gz.gpg" \
  | gpg --batch --quiet --pinentry-mode loopback --passphrase-file "$PASSPHRASE_FILE" -d \
  | tee sum.fifo "$1.tar.gz" | tar -xz -C x
wait $sum
cd x && md5sum -c --quiet checksum.md5
"#;

/// A folder for the shell's work, with a GNUPGHOME of its own.
#[derive(Debug)]
pub struct ShellPipeline {
    folder: PathBuf,
}

/// The first program that is missing.
pub fn missing() -> Option<&'static str> {
    PROGRAMS.into_iter().find(|program| !is_there(program))
}

impl ShellPipeline {
    /// Makes the folder and its GNUPGHOME.
    pub fn new(folder: &Path) -> Result<Self, BenchError> {
        let home = folder.join("gnupg");
        fs::create_dir_all(&home).map_err(BenchError::file(&home))?;
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).map_err(BenchError::file(&home))?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Downloads and unpacks the books, from nothing.
    pub fn take_home(&self, library: &BenchLibrary, barcodes: &[String]) -> Result<ChildUsage, BenchError> {
        let (out, list) = (self.folder.join("out"), self.folder.join("barcodes"));
        remove(&out)?;
        fs::write(&list, barcodes.join("\n") + "\n").map_err(BenchError::file(&list))?;
        let mut command = Command::new("xargs");
        command
            .arg("-a")
            .arg(&list)
            .args(["-P", &AT_ONCE.to_string(), "-n", "1", "bash", "-c", ONE, "one"])
            .env("OUT", &out)
            .env("ARCHIVES", library.archives())
            .env("PASSPHRASE_FILE", library.passphrase_file())
            .env("GNUPGHOME", self.folder.join("gnupg"))
            .env_remove("MALLOC_ARENA_MAX")
            .env_remove("MALLOC_MMAP_THRESHOLD_")
            .env_remove("MALLOC_TRIM_THRESHOLD_");
        let used = run(command, &self.folder.join("errors"))?;
        let stored = fs::read_dir(&out).map_err(BenchError::file(&out))?.count();
        if stored == barcodes.len() {
            Ok(used)
        } else {
            Err(BenchError::Helper(format!(
                "the shell brought {stored} of {} books",
                barcodes.len()
            )))
        }
    }
}

impl Drop for ShellPipeline {
    /// Ends the agent that gpg may have started for this folder.
    fn drop(&mut self) {
        let _ = Command::new("gpgconf")
            .args(["--kill", "all"])
            .env("GNUPGHOME", self.folder.join("gnupg"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}
