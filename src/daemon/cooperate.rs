//! Room `daemon`: this daemon as one of several: where its leases are kept, its rounds, and the rate that follows from them.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use actix_rt::Arbiter;
use futures::FutureExt;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::house::BuildError;
use super::translate;
use crate::catalog::{BLOCKS, Clock, path_of};
use crate::mailbox::tasks::{self, Task};
use crate::mailbox::{Cx, Hub};
use crate::session::{Reconfigure, Session};
use crate::settings::{LeasesName, Settings};
use crate::state_store::{
    BreakerConfig, Cooperation, CooperationConfig, DaprLeases, Leases, Rounds, SqliteLeases, StateCounters, StateStore,
    StateStoreConfig,
};
use crate::supervisor::Board;

/// How long giving leases back may hold up the end.
const LEAVE: Duration = Duration::from_secs(5);

/// What of the library is this daemon's, and the task that keeps it so.
pub(super) struct Cooperating {
    pub cooperation: Cooperation,
    rate: Rate,
    stop: CancellationToken,
    task: Option<Task<()>>,
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

    async fn apply(&self, cooperation: &Cooperation) {
        let rate = cooperation.rate(f64::from_bits(self.whole.load(Relaxed)));
        let changed = Reconfigure {
            requests_per_second: Some(rate),
            ..Reconfigure::default()
        };
        if let Err(error) = self.session.ask(changed, &Cx::root("daemon")).await {
            tracing::warn!(%error, "the session did not take the new rate");
        }
    }
}

impl Cooperating {
    /// Begins, with the first round done: a daemon that is alone so far holds everything then.
    pub async fn begin(
        settings: &Settings,
        hub: &Hub,
        session: &Session,
        board: &Arc<Board>,
    ) -> Result<Self, BuildError> {
        let config = CooperationConfig {
            owner: format!("{}:{:08x}", translate::owner(), rand::random::<u32>()),
            clock: Clock::system(),
            lease: settings.work.lease_time,
            apart: settings.work.leases == LeasesName::Dapr,
        };
        let rate = Rate::of(settings, session);
        let mut store = None;
        let leases: Rc<dyn Leases> = match settings.work.leases {
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
        let (mut rounds, cooperation) = Rounds::new(leases, config);
        rounds.round().await;
        rate.apply(&cooperation).await;
        info!("the library is shared with other daemons");
        tell(board, &cooperation);
        let stop = CancellationToken::new();
        let keeping = keep(
            rounds,
            (cooperation.clone(), Arc::clone(board)),
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
            cooperation: Cooperation::alone(),
            rate,
            stop: CancellationToken::new(),
            task: None,
            store: None,
        }
    }

    /// What others may see of it.
    pub fn watched(&self) -> (Cooperation, Option<Arc<StateCounters>>) {
        (self.cooperation.clone(), self.store.as_ref().map(StateStore::counters))
    }

    /// Another rate for all members together.
    pub async fn set_rate(&self, whole: f64) {
        self.rate.whole.store(whole.to_bits(), Relaxed);
        self.rate.apply(&self.cooperation).await;
    }

    /// Gives everything back and ends; the session must still be there.
    pub async fn end(self) {
        self.stop.cancel();
        if let Some(task) = self.task
            && let Err(error) = task.join().await
        {
            tracing::warn!(%error, "leases were not given back; they run out");
        }
        if let Some(store) = self.store {
            store.shut();
            store.drained().await;
        }
    }
}

/// Rounds until told to stop; then everything goes back.
async fn keep(
    mut rounds: Rounds,
    (cooperation, board): (Cooperation, Arc<Board>),
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
        tokio::select! {
            // What was being asked for meanwhile runs out.
            () = stop.cancelled() => break,
            ended = round => if ended.is_err() {
                tracing::error!("leases: a round panicked; the next one begins afresh from what is held");
            },
        }
        rate.apply(&cooperation).await;
        if before != cooperation.snapshot() {
            tell(&board, &cooperation);
        }
    }
    if tokio::time::timeout(LEAVE, rounds.leave()).await.is_err() {
        tracing::warn!("not all leases could be given back in time; they run out");
    }
}

/// For the status and the log: what of the library is this daemon's.
fn tell(board: &Board, cooperation: &Cooperation) {
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
        "the work is divided anew"
    );
    let trouble = now.trouble.map(|trouble| format!("; {trouble}")).unwrap_or_default();
    board.duty("leases", words + &trouble);
}

/// Beside the catalog: `catalog.db` has its leases in `catalog.leases.db`.
fn leases_file(settings: &Settings) -> Result<PathBuf, BuildError> {
    Ok(path_of(&settings.catalog.url)?.with_extension("leases.db"))
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
        total: state.total_timeout,
        breaker,
        ..config
    })
}
