//! Ctrl-C in the middle of a run: helper processes are ended and large folders removed before we go.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::signal::unix::{SignalKind, signal};

/// What the shell sees of a program that was interrupted.
const INTERRUPTED: i32 = 130;

static LEFT: Mutex<Left> = Mutex::new(Left {
    processes: Vec::new(),
    folders: Vec::new(),
});

/// What would be left behind.
struct Left {
    processes: Vec<u32>,
    folders: Vec<PathBuf>,
}

/// Takes note of a helper process; it is forgotten when this is dropped.
#[derive(Debug)]
pub struct NotedHelper(u32);

/// Starts `command` as the leader of a process group of its own, and takes note of it; keep the note until it was waited for.
/// An interrupt waits until both are done: no process is started that it would not end.
pub fn spawn(command: &mut Command) -> io::Result<(Child, NotedHelper)> {
    watch();
    let mut left = left();
    let child = command.process_group(0).spawn()?;
    left.processes.push(child.id());
    let noted = NotedHelper(child.id());
    Ok((child, noted))
}

impl Drop for NotedHelper {
    fn drop(&mut self) {
        left().processes.retain(|id| *id != self.0);
    }
}

/// Removes `folder` when the run is interrupted.
pub fn note_folder(folder: &Path) {
    watch();
    left().folders.push(folder.to_owned());
}

fn left() -> MutexGuard<'static, Left> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for the signals on a thread of its own. Without one, an interrupted run leaves its folders behind, no more.
fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if let Ok(runtime) = runtime {
            let watch = move || runtime.block_on(wait_and_leave());
            drop(std::thread::Builder::new().name("interrupt".to_owned()).spawn(watch));
        }
    });
}

async fn wait_and_leave() {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else {
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    // Held to the end: whoever measures waits here, and starts nothing new.
    let left = left();
    let ids = left
        .processes
        .iter()
        .filter_map(|id| Pid::from_raw(i32::try_from(*id).ok()?));
    for id in ids {
        let _ = kill_process_group(id, Signal::KILL);
    }
    for folder in &left.folders {
        remove(folder);
    }
    std::process::exit(INTERRUPTED);
}

/// What was killed may still be about to write a file.
fn remove(folder: &Path) {
    for _ in 0..100 {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => std::thread::sleep(Duration::from_millis(20)),
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_forgotten_when_it_has_ended() {
        let (mut child, noted) = spawn(&mut Command::new("true")).unwrap();
        assert!(left().processes.contains(&child.id()));
        child.wait().unwrap();
        drop(noted);
        assert!(!left().processes.contains(&child.id()));
    }

    #[test]
    fn what_does_not_start_is_not_noted() {
        let before = left().processes.len();
        assert!(spawn(&mut Command::new("/no such program")).is_err());
        assert!(left().processes.len() <= before);
    }
}
