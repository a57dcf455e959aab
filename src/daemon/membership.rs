//! This program as one of those that share the catalog: it joins, renews while it runs, and leaves at its end.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::actor::tasks::{self, TaskHandle};
use crate::actor::{ActorRegistry, AskContext};
use crate::catalog::{
    Catalog, CatalogError, CatalogPolicy, JoinAnswer, JoinMembers, KeepLibrary, MemberCard, MemberRow,
};
use crate::clock::SystemClock;
use crate::daemon::build_error::BuildError;
use crate::daemon::notify;
use crate::grin::LibraryDirectory;
use crate::log::{EndedTrouble, LastingTrouble};
use crate::observe::PROGRAM_VERSION;
use crate::pipeline::{LibraryMembership, RoundResult, RunProgress};
use crate::settings::Settings;

/// What a daemon calls itself; a step by hand goes by its name.
const DAEMON: &str = "daemon";
/// How often a name that is taken is asked for.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How long leaving may hold up the end.
const LEAVE: Duration = Duration::from_secs(5);

/// The name of this process alone, which stands in its claims.
fn owner_name(instance: &str) -> String {
    format!("{instance}:{:016x}", rand::random::<u64>())
}

/// The name by which this installation is a member: the configured one, else the machine's.
pub fn instance(settings: &Settings) -> String {
    settings.work.instance.clone().unwrap_or_else(host)
}

/// The machine's name.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// How this program introduces itself. A step by hand is a member beside the daemon of its installation.
fn card(settings: &Settings, step: Option<&str>) -> MemberCard {
    let instance = match step {
        None => instance(settings),
        Some(step) => format!("{}/{step}-{:04x}", instance(settings), rand::random::<u16>()),
    };
    MemberCard {
        owner: owner_name(&instance),
        instance,
        host: host(),
        program: step.unwrap_or(DAEMON).to_owned(),
        version: PROGRAM_VERSION.to_owned(),
    }
}

/// Becomes a member of a catalog that is this library's. A name that another had that ended without leaving is waited for, as long as its lease holds.
pub async fn join(catalog: &Catalog, settings: &Settings, step: Option<&str>) -> Result<LibraryMembership, BuildError> {
    let join = JoinMembers {
        member: card(settings, step),
        lease: settings.work.lease_time,
    };
    let (cx, clock) = (AskContext::root("daemon"), SystemClock::system());
    if let Ok(library) = LibraryDirectory::parse(&settings.library.directory) {
        catalog.ask(KeepLibrary(library), &cx).await?;
    }
    let mut before: Option<MemberRow> = None;
    let began = Instant::now();
    loop {
        let asked = clock.since_boot();
        match catalog.ask(join.clone(), &cx).await {
            Ok(JoinAnswer::Joined { freed_claims, now }) => {
                if freed_claims > 0 {
                    info!(
                        books = freed_claims,
                        "books that programs had claimed which are gone are released"
                    );
                }
                return Ok(LibraryMembership::joined(join.member, join.lease, clock, asked, now));
            }
            Ok(JoinAnswer::Taken { by }) if before.as_ref().is_some_and(|before| is_alive(before, &by)) => {
                return Err(taken(&by));
            }
            Ok(JoinAnswer::Taken { by }) => {
                tell_wait(&by, before.is_none());
                before.get_or_insert(by);
            }
            // It went at that moment, or the catalog is locked.
            Err(CatalogError::Busy) if before.is_some() && began.elapsed() < settings.work.lease_time * 2 => {}
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// Does this as a member of the catalog, like a step by hand: it may block, on a thread of its own, while the membership is renewed.
///
/// # Errors
/// It cannot become a member: the catalog cannot be opened, is being copied, or is another library's.
pub fn as_member<T: Send>(
    settings: &Settings,
    step: &str,
    work: impl FnOnce(LibraryMembership) -> T + Send,
) -> Result<T, BuildError> {
    let system = actix_rt::System::new();
    std::thread::scope(|scope| {
        system.block_on(async {
            let hub = ActorRegistry::new();
            let (clock, policy) = (SystemClock::system(), CatalogPolicy::default());
            let (catalog, thread) = Catalog::open(&hub, &settings.catalog.url, clock, policy)?;
            let membership = join(&catalog, settings, Some(step)).await?;
            let kept = MembershipTask::begin(&hub, &catalog, membership.clone(), &Arc::default());
            let (over, is_over) = oneshot::channel::<()>();
            let working = scope.spawn(move || {
                let done = work(membership);
                drop(over);
                done
            });
            // Nothing is sent: it ends when the sender is dropped, also by a panic of the work.
            is_over.await.ok();
            kept.end().await;
            catalog.close().await;
            thread.join();
            Ok(working.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    })
}

/// Whether the name belongs to a program that lives: it renewed since, or is another than before.
fn is_alive(before: &MemberRow, now: &MemberRow) -> bool {
    before.card.owner != now.card.owner || now.renewals > before.renewals
}

fn tell_wait(by: &MemberRow, first: bool) {
    let seconds = by.left.as_secs() + 1;
    let line = format!("waiting up to {seconds} s: an earlier grind ended without leaving the catalog, or still runs");
    if first {
        warn!(instance = by.card.instance, host = by.card.host, "{line}");
    }
    notify::status(&line);
    notify::wait_longer(by.left + ASK_AGAIN * 30);
}

fn taken(by: &MemberRow) -> BuildError {
    BuildError::InstanceTaken {
        instance: by.card.instance.clone(),
        host: by.card.host.clone(),
        program: by.card.program.clone(),
        since: by.joined_at.clone(),
    }
}

/// The task that keeps the membership.
pub(super) struct MembershipTask {
    pub membership: LibraryMembership,
    catalog: Catalog,
    stop: CancellationToken,
    task: TaskHandle<()>,
    replaced: watch::Receiver<Option<MemberRow>>,
}

impl MembershipTask {
    pub fn begin(
        hub: &ActorRegistry,
        catalog: &Catalog,
        membership: LibraryMembership,
        progress: &Arc<RunProgress>,
    ) -> Self {
        let stop = CancellationToken::new();
        let (replaced_by, replaced) = watch::channel(None);
        let rounds = MemberRounds {
            membership: membership.clone(),
            catalog: catalog.clone(),
            progress: Arc::clone(progress),
            replaced_by,
            trouble: LastingTrouble::default(),
            told: String::new(),
        };
        Self {
            membership,
            catalog: catalog.clone(),
            task: tasks::spawn(hub, "membership", rounds.run(stop.clone())),
            stop,
            replaced,
        }
    }

    /// Completes when another program has this one's name.
    pub async fn replaced(&self) -> MemberRow {
        let mut replaced = self.replaced.clone();
        let by = replaced.wait_for(Option::is_some).await.ok().and_then(|by| by.clone());
        match by {
            Some(by) => by,
            None => std::future::pending().await,
        }
    }

    /// Leaves; the catalog must still be there.
    pub async fn end(self) {
        self.stop.cancel();
        if let Err(error) = self.task.join().await {
            warn!(%error, "the membership was not kept to the end");
        }
        leave(&self.membership, &self.catalog).await;
    }
}

/// Gives the name back, and all that is held under it.
pub(super) async fn leave(membership: &LibraryMembership, catalog: &Catalog) {
    let cx = AskContext::root("daemon");
    match tokio::time::timeout(LEAVE, membership.leave(catalog, &cx)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            warn!(%error, "the catalog was not told of the end; the next start waits for the membership to expire")
        }
        Err(_) => warn!("the catalog does not answer; the next start waits for the membership to expire"),
    }
}

struct MemberRounds {
    membership: LibraryMembership,
    catalog: Catalog,
    progress: Arc<RunProgress>,
    replaced_by: watch::Sender<Option<MemberRow>>,
    trouble: LastingTrouble,
    /// What was told last. A round that fails is a change, too, each time, and may change nothing of this.
    told: String,
}

impl MemberRounds {
    async fn run(mut self, stop: CancellationToken) {
        let mut changes = self.membership.changes();
        loop {
            let round = AssertUnwindSafe(self.round()).catch_unwind();
            tokio::select! {
                () = stop.cancelled() => return,
                ended = round => if ended.is_err() {
                    error!("renewing the membership panicked; it is tried again");
                },
            }
            if changes.has_changed().unwrap_or(false) {
                changes.mark_unchanged();
                self.tell();
            }
            let every = self.membership.every();
            // Soon again after trouble: others hold it against a member when it is silent for longer than they were.
            let pause = if self.trouble.is_met() {
                every.min(ASK_AGAIN)
            } else {
                every
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn round(&mut self) {
        let result = self.membership.renew(&self.catalog, &AskContext::root("daemon")).await;
        if let Err(error) = &result {
            if self.trouble.met(error) {
                warn!(%error, "the membership could not be renewed; what is claimed goes on, and no shared task begins meanwhile");
            }
            return;
        }
        if let Some(EndedTrouble { cause, seconds }) = self.trouble.over() {
            warn!(cause, seconds, "the membership is renewed again");
        }
        match result {
            Ok(RoundResult::Rejoined) => {
                warn!("this program was silent for too long and lost its claims and tasks; it is a member again");
            }
            Ok(RoundResult::Replaced(by)) => {
                self.replaced_by.send_replace(Some(by));
            }
            Ok(RoundResult::Kept) | Err(_) => {}
        }
    }

    /// For the status and the log: who shares the library, and what is done here.
    fn tell(&mut self) {
        let (members, tasks) = (self.membership.members().len(), self.membership.tasks());
        let tasks: Vec<_> = tasks.iter().map(|task| task.as_str()).collect();
        let tasks = if tasks.is_empty() {
            "none".to_owned()
        } else {
            tasks.join(", ")
        };
        let words = format!("{members} share the library; tasks here: {tasks}");
        if self.told != words {
            info!(members, tasks, "the members of the catalog, or their tasks, changed");
            self.told.clone_from(&words);
            self.progress.tell_task("members", words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_anothers_when_its_holder_renews_or_is_a_new_one() {
        let row = |owner: &str, renewals| MemberRow {
            card: MemberCard {
                instance: "a".into(),
                owner: owner.into(),
                host: "h".into(),
                program: DAEMON.into(),
                version: "0".into(),
            },
            joined_at: String::new(),
            seen_at: String::new(),
            renewals,
            left: Duration::from_secs(9),
        };
        for (now, alive) in [(row("a:1", 3), false), (row("a:1", 4), true), (row("a:2", 0), true)] {
            assert_eq!(is_alive(&row("a:1", 3), &now), alive, "{now:?}");
        }
    }
}
