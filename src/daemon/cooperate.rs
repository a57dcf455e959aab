//! This daemon as one of several: where its leases are kept, its rounds, and the rate that follows from them.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use actix_rt::Arbiter;
use futures::FutureExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::actor::tasks;
use crate::actor::tasks::TaskHandle;
use crate::actor::{ActorRegistry, AskContext};
use crate::catalog::CatalogAddress;
use crate::clock::SystemClock;
use crate::daemon::process_owner;
use crate::daemon::wiring::BuildError;
use crate::dapr::{
    BreakerConfig, CooperationConfig, DaprLeases, LeaseKeeper, LeaseRounds, SqliteLeases, StateCounters, StateStore,
    StateStoreConfig, WorkShare,
};
use crate::grin::{BLOCKS, Secret, read_secret_text};
use crate::pipeline::RunProgress;
use crate::session::{ReconfigureSession, Session};
use crate::settings::{LeasesName, Settings};

/// How long releasing leases may hold up the end.
const LEAVE: Duration = Duration::from_secs(5);
/// The clock's finest tick: nothing ends sooner.
const SHORTEST: Duration = Duration::from_millis(1);

/// What of the library is this daemon's, and the task that keeps it so.
pub(super) struct LeaseTask {
    pub cooperation: WorkShare,
    rate: Rate,
    stop: CancellationToken,
    task: Option<TaskHandle<()>>,
    store: Option<StateStore>,
}

/// Tells the session how much of the whole rate it may use.
#[derive(Clone)]
struct Rate {
    /// All members' requests a second together, as bits.
    whole: Arc<AtomicU64>,
    session: Session,
}

impl Rate {
    fn of(settings: &Settings, session: &Session) -> Self {
        Self {
            whole: Arc::new(AtomicU64::new(settings.grin.requests_per_second.to_bits())),
            session: session.clone(),
        }
    }

    async fn apply(&self, cooperation: &WorkShare) {
        let rate = cooperation.rate(f64::from_bits(self.whole.load(Relaxed)));
        let changed = ReconfigureSession {
            requests_per_second: Some(rate),
            ..ReconfigureSession::default()
        };
        if let Err(error) = self.session.ask(changed, &AskContext::root("daemon")).await {
            tracing::warn!(%error, requests_per_second = rate, "the session did not take this daemon's new share of grin.requests_per_second; the old one stays in force");
        }
    }
}

impl LeaseTask {
    /// Begins, with the first round done: a daemon that is alone so far holds everything then.
    pub async fn begin(
        settings: &Settings,
        hub: &ActorRegistry,
        session: &Session,
        progress: &Arc<RunProgress>,
    ) -> Result<Self, BuildError> {
        let config = CooperationConfig {
            owner: format!("{}:{:08x}", process_owner::owner(), rand::random::<u32>()),
            clock: SystemClock::system(),
            lease: settings.work.lease_time,
            apart: settings.work.leases == LeasesName::Dapr,
        };
        let rate = Rate::of(settings, session);
        let mut store = None;
        let leases: Rc<dyn LeaseKeeper> = match settings.work.leases {
            LeasesName::Process => return Ok(Self::alone(rate)),
            LeasesName::Sqlite => {
                let leases = SqliteLeases::open(&leases_file(settings)?, config.terms());
                Rc::new(leases.map_err(|error| BuildError::Settings(format!("work.leases: {error}")))?)
            }
            LeasesName::Dapr => {
                let client = StateStore::start(hub, &Arbiter::current(), session, state_config(settings)?);
                let leases = DaprLeases::new(client.clone(), config.terms(), &settings.library.directory);
                store = Some(client);
                Rc::new(leases)
            }
        };
        let (mut rounds, cooperation) = LeaseRounds::new(leases, config);
        rounds.round().await;
        rate.apply(&cooperation).await;
        info!("the library is shared with other daemons");
        tell(progress, &cooperation);
        let stop = CancellationToken::new();
        let keeping = keep(
            rounds,
            cooperation.clone(),
            Arc::clone(progress),
            rate.clone(),
            stop.clone(),
        );
        Ok(Self {
            cooperation,
            rate,
            stop,
            task: Some(tasks::spawn(hub, "leases", keeping)),
            store,
        })
    }

    fn alone(rate: Rate) -> Self {
        Self {
            cooperation: WorkShare::alone(),
            rate,
            stop: CancellationToken::new(),
            task: None,
            store: None,
        }
    }

    /// What others may see of it.
    pub fn watched(&self) -> (WorkShare, Option<Arc<StateCounters>>) {
        (self.cooperation.clone(), self.store.as_ref().map(StateStore::counters))
    }

    /// Completes when no round was complete for as long as an election may take: what stands in the way then does not pass
    /// by itself soon (a sidecar that refuses us, a store that is not there). Comes back with what it is.
    pub async fn fail(&self) -> String {
        let cooperation = &self.cooperation;
        let mut changes = cooperation.changes();
        let mut since = None;
        loop {
            let trouble = cooperation.snapshot().and_then(|now| now.trouble);
            let Some(trouble) = trouble else {
                since = None;
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                continue;
            };
            let end = *since.get_or_insert_with(Instant::now) + cooperation.election();
            tokio::select! {
                () = tokio::time::sleep_until(end) => return trouble,
                _ = changes.changed() => {}
            }
        }
    }

    /// Another rate for all members together.
    pub async fn set_rate(&self, whole: f64) {
        self.rate.whole.store(whole.to_bits(), Relaxed);
        self.rate.apply(&self.cooperation).await;
    }

    /// Releases everything and ends; the session must still be there.
    pub async fn end(self) {
        self.stop.cancel();
        if let Some(task) = self.task
            && let Err(error) = task.join().await
        {
            tracing::warn!(%error, "leases were not released; they expire");
        }
        if let Some(store) = self.store {
            store.shut();
            store.drained().await;
        }
    }
}

/// Renews at each interval until told to stop; then everything is released.
async fn keep(
    mut rounds: LeaseRounds,
    cooperation: WorkShare,
    progress: Arc<RunProgress>,
    rate: Rate,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(rounds.wait()) => {}
        }
        let before = cooperation.snapshot();
        let round = AssertUnwindSafe(rounds.round()).catch_unwind();
        let round = beside(round, &cooperation, || rate.apply(&cooperation));
        tokio::select! {
            // What was being asked for meanwhile runs out.
            () = stop.cancelled() => break,
            ended = round => if ended.is_err() {
                tracing::error!("renewing the leases panicked; the next attempt starts from the leases held");
            },
        }
        rate.apply(&cooperation).await;
        if before != cooperation.snapshot() {
            tell(&progress, &cooperation);
        }
    }
    if tokio::time::timeout(LEAVE, rounds.leave()).await.is_err() {
        tracing::warn!("not all leases could be released in time; they expire");
    }
}

/// Waits for a round, which a keeper of leases that falls silent draws out; calls `lower` whenever shares of the rate run out
/// meanwhile: they are others' from then on.
async fn beside<T, L: Future<Output = ()>>(
    round: impl Future<Output = T>,
    cooperation: &WorkShare,
    lower: impl Fn() -> L,
) -> T {
    let mut round = pin!(round);
    loop {
        let left = cooperation.shares_last();
        let over = async {
            match left {
                Some(left) => tokio::time::sleep(left.max(SHORTEST)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            ended = &mut round => return ended,
            () = over => lower().await,
        }
    }
}

/// For the status and the log: what of the library is this daemon's.
fn tell(progress: &RunProgress, cooperation: &WorkShare) {
    let Some(now) = cooperation.snapshot() else { return };
    let words = format!(
        "{} of {BLOCKS} blocks, {:.0} % of the rate, {} daemons",
        now.blocks,
        now.rate_share * 100.0,
        now.members
    );
    info!(
        part = words,
        lists = now.collects,
        trouble = now.trouble,
        "the division of the work among the daemons changed"
    );
    let trouble = now.trouble.map(|trouble| format!("; {trouble}")).unwrap_or_default();
    progress.tell_task("leases", words + &trouble);
}

/// Beside the catalog: `catalog.db` has its leases in `catalog.leases.db`.
fn leases_file(settings: &Settings) -> Result<PathBuf, BuildError> {
    let address = CatalogAddress::parse(&settings.catalog.url)?;
    let file = address.file().map(|file| file.with_extension("leases.db"));
    file.ok_or_else(|| BuildError::Settings("work.leases = \"sqlite\" needs a catalog in a file".into()))
}

fn state_config(settings: &Settings) -> Result<StateStoreConfig, BuildError> {
    let state = &settings.state_store;
    let config = StateStoreConfig::new(&state.url, &state.store)
        .map_err(|error| BuildError::Settings(format!("state_store: {error}")))?;
    let breaker = BreakerConfig {
        // Well within a lease: a store that was away for a moment must not cost everything that is held.
        pause: config.breaker.pause.min(settings.work.lease_time / 6),
        ..config.breaker
    };
    Ok(StateStoreConfig {
        api_token: api_token(settings)?,
        total: state.total_timeout,
        breaker,
        ..config
    })
}

/// Out of the configured file, else out of the variable in which Dapr hands it to applications.
fn api_token(settings: &Settings) -> Result<Option<Secret>, BuildError> {
    let text = match &settings.state_store.token_file {
        Some(file) => {
            let text = read_secret_text(file);
            text.map_err(|error| BuildError::Settings(format!("state_store.token_file: {error}")))?
        }
        None => std::env::var("DAPR_API_TOKEN").unwrap_or_default(),
    };
    let token = text.trim();
    Ok((!token.is_empty()).then(|| Secret::new(token)))
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use futures::future::LocalBoxFuture;
    use jiff::Timestamp;

    use super::*;
    use crate::dapr::{GrantedLease, LeaseAnswers, LeaseError, LeaseGrant, LeaseHolder, LeaseTerms, ProcessLeases};

    const LEASE: Duration = Duration::from_secs(60);

    /// Answers until it falls silent.
    struct Silent {
        inner: ProcessLeases,
        silent: Rc<Cell<bool>>,
    }

    impl Silent {
        async fn answer<T>(&self, answer: impl Future<Output = T>) -> T {
            match self.silent.get() {
                true => std::future::pending().await,
                false => answer.await,
            }
        }
    }

    impl LeaseKeeper for Silent {
        fn terms(&self) -> &LeaseTerms {
            self.inner.terms()
        }

        fn acquire<'a>(&'a self, names: &'a [String], ttl: Duration) -> LeaseAnswers<'a, LeaseGrant> {
            Box::pin(self.answer(self.inner.acquire(names, ttl)))
        }

        fn renew<'a>(&'a self, leases: &'a [GrantedLease], ttl: Duration) -> LeaseAnswers<'a, GrantedLease> {
            Box::pin(self.answer(self.inner.renew(leases, ttl)))
        }

        fn release<'a>(&'a self, leases: &'a [GrantedLease]) -> LocalBoxFuture<'a, Result<(), LeaseError>> {
            Box::pin(self.answer(self.inner.release(leases)))
        }

        fn look<'a>(&'a self, names: &'a [String]) -> LocalBoxFuture<'a, Result<Vec<Option<LeaseHolder>>, LeaseError>> {
            Box::pin(self.answer(self.inner.look(names)))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_falls_when_the_shares_are_over_and_not_when_the_round_is() {
        let config = CooperationConfig {
            owner: "one".to_owned(),
            clock: SystemClock::manual(Timestamp::UNIX_EPOCH),
            lease: LEASE,
            apart: true,
        };
        let silent = Rc::new(Cell::new(false));
        let leases = Silent {
            inner: ProcessLeases::new(config.terms()),
            silent: Rc::clone(&silent),
        };
        let margin = config.margin();
        let (mut rounds, cooperation) = LeaseRounds::new(Rc::new(leases), config);
        let began = tokio::time::Instant::now();
        rounds.round().await;
        silent.set(true);
        let told = RefCell::new(Vec::new());
        let lower = || {
            told.borrow_mut().push((began.elapsed(), cooperation.rate(24.0)));
            std::future::ready(())
        };
        let round = beside(rounds.round(), &cooperation, lower);
        assert!(tokio::time::timeout(LEASE * 2, round).await.is_err(), "nobody answers");
        let told = told.into_inner();
        assert_eq!(told.len(), 1, "once for all that ended together: {told:?}");
        assert!(told[0].0 <= LEASE - margin + SHORTEST * 2, "{told:?}");
        assert!((told[0].1 - 1.0).abs() < 1e-9, "no more than a single share: {told:?}");
    }
}
