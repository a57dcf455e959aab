//! A command that is given a manifest on its standard input, without a shell, in an environment of its own.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::timeout;

use crate::grin::Barcode;
use crate::pipeline::hooks::HookFault;

/// What a command may find its programs in.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Of what a command says about its failure so much is kept, the last.
const LAST_WORDS: u64 = 300;

/// A command under way with all that it began; killed when this is dropped before its end.
struct RunningGroup {
    leader: Pid,
    has_ended: bool,
}

impl Drop for RunningGroup {
    fn drop(&mut self) {
        if !self.has_ended {
            // One that has just ended is no fault.
            let _ended = kill_process_group(self.leader, Signal::KILL);
        }
    }
}

/// Runs it to its end, or kills it after `limit`.
pub(super) async fn run(
    words: &[String],
    barcode: &Barcode,
    manifest: &[u8],
    limit: Duration,
) -> Result<(), HookFault> {
    // Files, not pipes: whom a command leaves behind may keep them open for ever, and read nothing.
    let (input, mut errors) = (file_of(manifest)?, tempfile::tempfile()?);
    let mut child = begin(words, barcode, input, &errors)?;
    let mut running = RunningGroup {
        leader: Pid::from_child(&child),
        has_ended: false,
    };
    // Waits on a thread of its own, which ends with the command.
    let ending = actix_rt::task::spawn_blocking(move || child.wait());
    let Ok(ended) = timeout(limit, ending).await else {
        return Err(HookFault::Hung(limit));
    };
    let status = ended.map_err(|_| HookFault::Panicked)??;
    running.has_ended = true;
    if status.success() {
        return Ok(());
    }
    Err(HookFault::Failed(format!("{status}{}", last_words(&mut errors))))
}

fn begin(words: &[String], barcode: &Barcode, input: File, errors: &File) -> io::Result<Child> {
    let (program, arguments) = words.split_first().ok_or_else(|| io::Error::other("it has no name"))?;
    Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("LANG", "C.UTF-8")
        .env("GRIND_BARCODE", barcode.as_str())
        .env("GRIND_EVENT", "stored")
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(errors.try_clone()?)
        .process_group(0)
        .spawn()
}

/// A file without a name that holds this, to be read from its beginning.
fn file_of(bytes: &[u8]) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// The end of what it wrote to its standard error, behind a colon.
fn last_words(errors: &mut File) -> String {
    let mut said = Vec::new();
    let length = errors.seek(SeekFrom::End(0)).unwrap_or(0);
    let found = errors.seek(SeekFrom::Start(length.saturating_sub(LAST_WORDS)));
    let _nothing_said = found.and_then(|_| errors.take(LAST_WORDS).read_to_end(&mut said));
    let said = String::from_utf8_lossy(&said);
    match said.trim() {
        "" => String::new(),
        words => format!(": {words}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    async fn run_script(script: &str, manifest: &[u8], limit: Duration) -> String {
        let (barcode, words) = (
            Barcode::parse("TL0001").unwrap(),
            ["/bin/sh", "-c", script].map(str::to_owned),
        );
        let ended = run(&words, &barcode, manifest, limit).await;
        ended.map_or_else(|fault| fault.to_string(), |()| "told".to_owned())
    }

    /// The process that a script noted; the file's first byte may be there before its last.
    async fn noted(file: &Path) -> Pid {
        loop {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            if let Some(number) = text.strip_suffix('\n') {
                return Pid::from_raw(number.parse().unwrap()).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// It has ended; whether somebody took note of that is another matter.
    fn is_over(process: Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
        stat.map_or(true, |stat| {
            stat.rsplit(") ")
                .next()
                .is_some_and(|rest| rest.starts_with(['Z', 'X']))
        })
    }

    #[tokio::test]
    async fn a_command_is_over_when_it_ends_whatever_it_reads_and_leaves_behind() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join("left");
        // Whoever stays keeps the standard input open, and reads none of it.
        let leaves = format!("exec 3<&0; sleep 30 <&3 & echo $! > '{}'; exit 0", left.display());
        let manifest = vec![b'x'; 1 << 20];
        for (script, told) in [
            ("test $(wc -c) -eq 1048576", "told"),
            ("exit 0", "told"),
            (&leaves, "told"),
            (
                "echo it is full >&2; exit 3",
                "the command ended with exit status: 3: it is full",
            ),
        ] {
            assert_eq!(
                run_script(script, &manifest, Duration::from_secs(20)).await,
                told,
                "{script}"
            );
        }
        let left = noted(&left).await;
        assert!(!is_over(left), "what a command leaves behind is its own affair");
        rustix::process::kill_process(left, Signal::KILL).unwrap();
    }

    #[tokio::test]
    async fn a_command_that_takes_too_long_is_ended_with_all_that_it_began() {
        let folder = tempfile::tempdir().unwrap();
        let (child, grandchild) = (folder.path().join("child"), folder.path().join("grandchild"));
        let script = format!(
            "sleep 30 & echo $! > '{}'; (sleep 31 & echo $! > '{}'; wait) & wait",
            child.display(),
            grandchild.display()
        );
        let told = tokio::spawn(async move { run_script(&script, b"{}", Duration::from_secs(2)).await });
        let begun = [noted(&child).await, noted(&grandchild).await];
        assert_eq!(told.await.unwrap(), "the command did not end within 2s, and was killed");
        for process in begun {
            while !is_over(process) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}
