//! When black boxes are written to files, and where: for whoever comes when the daemon has been started again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use tracing::{info, warn};

use crate::actor::{ActorName, ActorRegistry, BlackBoxDump, HubSnapshot};
use crate::daemon::threads::in_hand;
use crate::observe::{ActorStall, BlackBoxText};

/// Files kept, of some 300 KB each at the most; the oldest are removed.
const MOST_FILES: usize = 32;
/// At the end of the daemon a file that is being written is waited for.
const LAST_FILE: Duration = Duration::from_secs(2);

/// Has black boxes written by a thread that ends with them: nobody else waits for the disk.
pub(crate) struct BlackBoxRecorder {
    hub: ActorRegistry,
    folder: PathBuf,
    /// To be written next, one an actor.
    waiting: BTreeMap<ActorName, PendingDump>,
    /// Closed when the thread that writes has ended.
    writing: Option<mpsc::Receiver<()>>,
    stalled: BTreeSet<ActorName>,
}

enum PendingDump {
    /// As it was when something happened.
    Kept(BlackBoxDump),
    /// As it is when it is written.
    Read(&'static str),
}

impl BlackBoxRecorder {
    pub(crate) fn new(hub: ActorRegistry, folder: PathBuf) -> Self {
        Self {
            hub,
            folder,
            waiting: BTreeMap::new(),
            writing: None,
            stalled: BTreeSet::new(),
        }
    }

    /// Looks for panics since the last call, and for actors that did not stand still then.
    pub(crate) fn look(&mut self, hub: &HubSnapshot, stalled: &[ActorStall]) {
        for dump in self.hub.take_kept() {
            self.waiting.insert(dump.actor, PendingDump::Kept(dump));
        }
        let stalled: BTreeSet<_> = stalled.iter().map(|stall| stall.actor).collect();
        for actor in stalled.difference(&self.stalled) {
            let held = in_hand(&[*actor], hub).join("; ");
            warn!(%actor, held, "an actor makes no progress");
            self.waiting.entry(*actor).or_insert(PendingDump::Read("stall"));
        }
        self.stalled = stalled;
        self.write();
    }

    /// Has the black boxes of these actors written; of those that have had nothing to do there is none.
    pub(crate) fn record(&mut self, actors: &[ActorName], why: &'static str) {
        for actor in actors {
            self.waiting.entry(*actor).or_insert(PendingDump::Read(why));
        }
        self.write();
    }

    /// Begins to write what waits, unless the last files are still being written.
    fn write(&mut self) {
        let is_writing = self
            .writing
            .as_ref()
            .is_some_and(|writing| writing.try_recv() == Err(mpsc::TryRecvError::Empty));
        if is_writing || self.waiting.is_empty() {
            return;
        }
        let (done, writing) = mpsc::channel();
        let (hub, folder, waiting) = (self.hub.clone(), self.folder.clone(), std::mem::take(&mut self.waiting));
        let write = move || {
            for (actor, pending) in waiting {
                let dump = match pending {
                    PendingDump::Kept(dump) => dump,
                    PendingDump::Read(why) => hub.black_box(actor, why),
                };
                if !(dump.events.is_empty() && dump.in_hand.is_empty()) {
                    tell(&dump, keep(&folder, &dump));
                }
            }
            drop(done);
        };
        match std::thread::Builder::new().name("black boxes".into()).spawn(write) {
            Ok(_) => self.writing = Some(writing),
            Err(error) => warn!(%error, "no thread can be had that writes black boxes"),
        }
    }
}

impl Drop for BlackBoxRecorder {
    fn drop(&mut self) {
        for dump in self.hub.take_kept() {
            self.waiting.insert(dump.actor, PendingDump::Kept(dump));
        }
        for _ in 0..2 {
            if let Some(writing) = &self.writing {
                writing.recv_timeout(LAST_FILE).ok();
            }
            self.write();
        }
    }
}

fn tell(dump: &BlackBoxDump, written: io::Result<PathBuf>) {
    let (actor, why) = (dump.actor, &dump.why);
    match written {
        Ok(file) => info!(%actor, %why, file = %file.display(), "the last messages of an actor are written to a file"),
        Err(error) => warn!(%actor, %why, %error, "the last messages of an actor cannot be written to a file"),
    }
}

/// Writes one file, whole or not at all, and removes the oldest.
fn keep(folder: &Path, dump: &BlackBoxDump) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let at = dump.at.strftime("%Y%m%dT%H%M%SZ");
    let path = folder.join(format!("blackbox-{at}-{}-{}.txt", dump.actor, dump.why));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(BlackBoxText(dump).to_string().as_bytes())?;
    file.persist(&path)?;
    let names: io::Result<Vec<_>> = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect();
    for name in superfluous(names?.iter().filter_map(|name| name.to_str()).collect()) {
        fs::remove_file(folder.join(name))?;
    }
    Ok(path)
}

/// The oldest of our files beyond the number that is kept.
fn superfluous(mut names: Vec<&str>) -> Vec<&str> {
    names.retain(|name| name.starts_with("blackbox-") && name.strip_suffix(".txt").is_some());
    names.sort_unstable();
    names.truncate(names.len().saturating_sub(MOST_FILES));
    names
}

#[cfg(test)]
mod tests;
