//! A command that is given a manifest on its standard input, without a shell, in an environment of its own.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::time::timeout;

use crate::grin::Barcode;
use crate::pipeline::hooks::HookFault;

/// What a command may find its programs in.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Of what a command says about its failure so many bytes are kept, the last.
const LAST_WORDS: usize = 300;
/// So much of it is read at once.
const READ_AT_ONCE: usize = 16 << 10;
/// How long what is in the pipe may take to be read.
const LAST_READ: Duration = Duration::from_millis(200);

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
    // A file, not a pipe: whom a command leaves behind may keep it open for ever, and read nothing.
    let mut child = begin(words, barcode, file_of(manifest)?)?;
    let mut running = RunningGroup {
        leader: Pid::from_child(&child),
        has_ended: false,
    };
    let errors = child
        .stderr
        .take()
        .ok_or_else(|| io::Error::other("it has no standard error"))?;
    let mut said = LastWords::of(pipe::Receiver::from_owned_fd(OwnedFd::from(errors))?);
    // Waits on a thread of its own, which ends with the command.
    let mut ending = actix_rt::task::spawn_blocking(move || child.wait());
    let end = async {
        loop {
            tokio::select! {
                ended = &mut ending => return ended,
                () = said.read(), if said.is_open => {}
            }
        }
    };
    let Ok(ended) = timeout(limit, end).await else {
        return Err(HookFault::Hung(limit));
    };
    let status = ended.map_err(|_| HookFault::Panicked)??;
    running.has_ended = true;
    if status.success() {
        return Ok(());
    }
    Err(HookFault::Failed(format!("{status}{}", said.end().await)))
}

fn begin(words: &[String], barcode: &Barcode, input: File) -> io::Result<Child> {
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
        .stderr(Stdio::piped())
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

/// The end of what a command writes to its standard error. All of it is read, so that nothing fills a disk; whoever stays behind and goes on
/// writing finds the pipe closed.
struct LastWords {
    errors: pipe::Receiver,
    is_open: bool,
    said: Vec<u8>,
    buffer: Vec<u8>,
}

impl LastWords {
    fn of(errors: pipe::Receiver) -> Self {
        Self {
            errors,
            is_open: true,
            said: Vec::new(),
            buffer: vec![0; READ_AT_ONCE],
        }
    }

    async fn read(&mut self) {
        let count = self.errors.read(&mut self.buffer).await.unwrap_or(0);
        self.is_open = count > 0;
        self.keep(count);
    }

    fn keep(&mut self, count: usize) {
        self.said.extend_from_slice(&self.buffer[..count]);
        let keep = self.said.len().saturating_sub(LAST_WORDS);
        self.said.drain(..keep);
    }

    /// What was said when it has ended, behind a colon.
    async fn end(&mut self) -> String {
        // All of it is in the pipe by now, which holds a mebibyte at most; whoever stays behind may keep it open, or go on writing.
        for _ in 0..(1 << 20) / READ_AT_ONCE {
            if !self.is_open || timeout(LAST_READ, self.read()).await.is_err() {
                break;
            }
        }
        match String::from_utf8_lossy(&self.said).trim() {
            "" => String::new(),
            words => format!(": {words}"),
        }
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
            (
                "head -c 50000000 /dev/zero | tr '\\0' '\\n' >&2; echo >&2 it is full; exit 3",
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
    async fn what_stays_behind_and_writes_finds_nobody_who_listens() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join("left");
        let script = format!("yes >&2 & echo $! > '{}'", left.display());
        assert_eq!(run_script(&script, b"{}", Duration::from_secs(20)).await, "told");
        let left = noted(&left).await;
        while !is_over(left) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
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
