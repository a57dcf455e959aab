//! One run of a program to its end: time, CPU with all its children, peak memory.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::lab::bench::error::BenchError;
use crate::lab::bench::measure::cpu;
use crate::lab::bench::pipeline::library::quiet;
use crate::lab::bench::rig::interrupt;

/// How often a child's peak is looked at; it never falls, so only the last moment can be missed.
const LOOK: Duration = Duration::from_millis(5);

/// What a run used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChildUsage {
    /// From start to end.
    pub seconds: f64,
    /// CPU of the program and all programs it waited for, in steps of 10 ms.
    pub cpu_seconds: f64,
    /// Most memory of the program itself.
    pub peak_bytes: u64,
}

/// Runs `command` to its end; another exit code than 0 is an error that quotes the last lines it said.
pub fn run(command: Command, errors: &Path) -> Result<ChildUsage, BenchError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut command = quiet(command, errors)?;
    let (began, cpu_before) = (Instant::now(), cpu::children());
    let (mut child, noted) =
        interrupt::spawn(&mut command).map_err(BenchError::system(format!("{program} cannot be started")))?;
    let (pid, peak) = (child.id(), AtomicU64::new(0));
    let status = std::thread::scope(|threads| {
        let watcher = threads.spawn(|| {
            while let Some(now) = cpu::peak_of(pid) {
                peak.fetch_max(now, Relaxed);
                std::thread::park_timeout(LOOK);
            }
        });
        let status = child.wait();
        watcher.thread().unpark();
        status
    });
    drop(noted);
    let status = status.map_err(BenchError::system(format!("{program} cannot be waited for")))?;
    let used = ChildUsage {
        seconds: began.elapsed().as_secs_f64(),
        cpu_seconds: cpu::children() - cpu_before,
        peak_bytes: peak.into_inner(),
    };
    if status.success() {
        return Ok(used);
    }
    Err(BenchError::Helper(format!(
        "{program} ended with {status}: {}",
        last_lines(errors)
    )))
}

fn last_lines(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<ChildUsage, BenchError> {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        run(command, &folder.path().join("errors"))
    }

    #[test]
    fn time_and_memory_of_a_child_are_taken() {
        let used = shell("sleep 0.1").unwrap();
        assert!(used.seconds >= 0.1 && used.peak_bytes > 100_000, "{used:?}");
    }

    #[test]
    fn a_failure_quotes_what_the_program_said_last() {
        let error = shell("echo first >&2; echo no room >&2; exit 3")
            .unwrap_err()
            .to_string();
        assert!(error.contains("exit status: 3: first / no room"), "{error}");
    }
}
