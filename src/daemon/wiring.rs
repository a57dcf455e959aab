//! The wiring: who is built from what, bottom-up, and who stops when, top-down.

use std::sync::Arc;
use std::time::Duration;

use actix_rt::{Arbiter, ArbiterHandle};
use tracing::warn;

use crate::actor::{
    ActorRegistry, AskContext, AskError, ConcurrentRunner, KeptTelemetry, Mailbox, SpawnOptions, WorkerPool, spawn,
};
use crate::catalog::{Catalog, CatalogAddress, CatalogThread, OperatorPause};
use crate::daemon::build_error::BuildError;
use crate::daemon::control::{DaemonControl, pause_of};
use crate::daemon::ledger::ShutdownLedger;
use crate::daemon::leftovers;
use crate::daemon::membership::{self, MembershipTask};
use crate::daemon::opening::open_catalog;
use crate::daemon::published_status::state_store;
use crate::daemon::shared_rate::CatalogRate;
use crate::daemon::threads::{ThreadRole, WatchedThreads};
use crate::daemon::watchdog::silence_limit;
use crate::daemon::workers::{WORKERS_GRACE, stop_workers};
use crate::dapr::StateStore;
use crate::grin::{GrinAddresses, LibraryDirectory};
use crate::observe::ShutdownPhase;
use crate::pipeline::policy::longest_wait_once;
use crate::pipeline::workers::{
    BatchParts, CheckWorker, CollectWorker, CollectorParts, ConvertWorker, DownloadWorker, DownloaderParts,
    EnrichWorker, TransferTable,
};
use crate::pipeline::{
    BeginRun, CLAIM_LEASE, ChangeOptions, CopyMaker, DrainRun, LibraryMembership, RunProgress, RunReport, RunScope,
    SecondPlace, StoredHook, Supervisor, WorkOptions, WorkerPools, archive_keys, confirm_layout, decrypted_options,
    second_copy_config, secret_files, storage_config, work_options,
};
use crate::session::{CloseSession, ReconfigureSession, RetryBackoff, Session, SessionConfig, SessionThread};
use crate::settings::Settings;
use crate::storage::{Storage, StorageLayout};

/// Messages a worker may have waiting: the one it works on, and one that stands ready.
const WORKER_MAILBOX: usize = 1;
/// Messages the supervisor may have waiting: a handful.
const SUPERVISOR_MAILBOX: usize = 8;
/// How long the session waits for requests in flight when everybody who asks has ended already.
const SESSION_GRACE: Duration = Duration::from_secs(5);

/// All actors of a run and what they share.
pub struct Daemon {
    /// Counts everything.
    pub hub: ActorRegistry,
    /// The one session.
    pub session: Session,
    /// Remembers.
    pub catalog: Catalog,
    /// What the supervisor shows.
    pub progress: Arc<RunProgress>,
    /// Bodies on their way.
    pub transfers: TransferTable,
    supervisor: Mailbox<ConcurrentRunner<Supervisor>>,
    pub(super) pools: WorkerPools,
    session_thread: SessionThread,
    catalog_thread: CatalogThread,
    /// The state store's client, where the status is published in one.
    pub(super) store: Option<StateStore>,
    pub(super) membership: MembershipTask,
    lists: Arbiter,
    /// Those that must answer.
    pub(super) threads: Arc<WatchedThreads>,
}

/// For measurements of what it costs: nothing that passes between actors is counted or timed.
const UNCOUNTED: &str = "GRIND_DEBUG_UNCOUNTED";

fn kept_telemetry() -> KeptTelemetry {
    if std::env::var_os(UNCOUNTED).is_none() {
        return KeptTelemetry::All;
    }
    warn!("nothing is counted, and nothing seen to stand still, as {UNCOUNTED} says");
    KeptTelemetry::Nothing
}

impl Daemon {
    /// Builds everything, bottom-up, as a daemon or for a step by hand; connections are only made when the first message needs one.
    pub async fn build(settings: &Settings, step: Option<&str>) -> Result<Self, BuildError> {
        let hub = ActorRegistry::keeping(kept_telemetry());
        let storage = Storage::open(&storage_config(settings)?)?;
        storage.guard();
        let (catalog, catalog_thread) = open_catalog(&hub, &settings.catalog.url, step.is_none())?;
        confirm_layout(&catalog, &storage).await?;
        let rate = Arc::new(CatalogRate(catalog.clone()));
        let (session, session_thread) = Session::start_sharing(&hub, SessionConfig::from_settings(settings)?, rate)?;
        let membership = membership::join(&catalog, settings, step).await?;
        let pause = pause_of(&catalog, &membership, step).await;
        let opened = OpenedServices {
            pause,
            hub,
            session,
            session_thread,
            catalog: catalog.clone(),
            catalog_thread,
            storage,
        };
        let built = opened.wire(settings, membership.clone());
        if built.is_err() {
            membership::leave(&membership, &catalog).await;
        }
        built
    }

    /// For a run that ends by itself: where GRIN asks for a longer pause, the rest is the next run's.
    pub(super) async fn bound_pauses(&self, settings: &Settings) {
        let bound = ReconfigureSession {
            longest_pause: Some(longest_wait_once(&RetryBackoff::from(&settings.retry))),
            ..ReconfigureSession::default()
        };
        if let Err(error) = self.session.ask(bound, &AskContext::root("daemon")).await {
            warn!(%error, "the session did not take the longest pause");
        }
    }

    /// Starts a run; the answer comes when it is done or drained.
    pub fn begin(&self, scope: RunScope) -> impl Future<Output = Result<RunReport, AskError>> + 'static {
        let supervisor = self.supervisor.clone();
        async move { supervisor.ask(BeginRun(scope), &AskContext::root("daemon")).await }
    }

    /// Asks the supervisor to drain; completes when no book is worked on any more.
    pub fn drain(&self, grace: Duration) -> impl Future<Output = Result<(), AskError>> + 'static {
        let supervisor = self.supervisor.clone();
        async move { supervisor.ask(DrainRun { grace }, &AskContext::root("daemon")).await }
    }

    /// Takes over what can change while running; says whether the session took its part.
    pub async fn change(&self, settings: &Settings) -> Result<bool, AskError> {
        let workers = &settings.workers;
        self.pools.collectors.resize(workers.collect as usize);
        self.pools.enrichers.resize(workers.enrich as usize);
        self.pools.converters.resize(workers.convert as usize);
        self.pools.checkers.resize(workers.check as usize);
        self.pools.downloaders.resize(workers.download as usize);
        let is_taken = self.change_session(settings).await;
        let owner = self.membership.membership.owner().to_owned();
        let options = ChangeOptions(work_options(settings, owner));
        self.supervisor.ask(options, &AskContext::root("daemon")).await?;
        Ok(is_taken)
    }

    async fn change_session(&self, settings: &Settings) -> bool {
        let changed = ReconfigureSession {
            requests_per_second: Some(settings.grin.requests_per_second),
            bulk_most: Some(settings.workers.download as usize),
            bandwidth: Some(settings.session.bandwidth.clone()),
            tries_to_sign_in: true,
            ..ReconfigureSession::default()
        };
        let changed = self.session.ask(changed, &AskContext::root("daemon")).await;
        if let Err(error) = &changed {
            warn!(%error, "the session did not take the new grin.requests_per_second, session.bandwidth and workers.download; the old ones stay in force");
        }
        changed.is_ok()
    }

    /// Where the books go.
    pub(super) fn storage(&self) -> &Storage {
        &self.pools.storage
    }

    /// The handle by which an operator's requests are done.
    pub(super) fn control(&self, scope: &RunScope) -> DaemonControl {
        DaemonControl {
            catalog: self.catalog.clone(),
            supervisor: self.supervisor.clone(),
            session: self.session.clone(),
            asked: scope.wanted_books(),
            instance: self.membership.membership.instance().to_owned(),
        }
    }

    /// Stops everybody top-down, the session owner last, and tells how each ended.
    pub async fn close(self, phase: impl Fn(ShutdownPhase)) -> ShutdownLedger {
        phase(ShutdownPhase::WorkersDraining);
        self.supervisor.close();
        if tokio::time::timeout(WORKERS_GRACE, self.supervisor.drained())
            .await
            .is_err()
        {
            tracing::error!(grace = ?WORKERS_GRACE, "the supervisor does not end; stopping without it");
        }
        stop_workers(&self.pools).await;
        phase(ShutdownPhase::Flushing);
        if let Some(store) = self.store {
            store.shut();
            store.drained().await;
        }
        self.membership.end().await;
        let catalog_fault = self.catalog.check_file().err().map(|error| error.to_string());
        self.catalog.close().await;
        if !self.catalog_thread.join() {
            tracing::error!("the catalog's thread ended by a panic");
        }
        phase(ShutdownPhase::SessionClosing);
        let closed = self
            .session
            .ask(CloseSession { grace: SESSION_GRACE }, &AskContext::root("daemon"))
            .await;
        let session = self.session.counters().snapshot();
        self.session.shut();
        self.session.drained().await;
        if let Err(error) = self.session_thread.join() {
            tracing::error!(%error, "the session's thread did not end cleanly");
        }
        self.lists.stop();
        if self.lists.join().is_err() {
            tracing::error!("the lists' thread ended by a panic");
        }
        phase(ShutdownPhase::Done);
        ShutdownLedger {
            entries: self.hub.ledger(),
            session,
            closed: closed.ok(),
            catalog_fault,
        }
    }
}

/// What the others are built on.
struct OpenedServices {
    hub: ActorRegistry,
    session: Session,
    session_thread: SessionThread,
    catalog: Catalog,
    catalog_thread: CatalogThread,
    storage: Storage,
    /// What an operator asked of this daemon before it started.
    pause: Option<OperatorPause>,
}

impl OpenedServices {
    /// Everything above, now that the program is a member.
    fn wire(self, settings: &Settings, membership: LibraryMembership) -> Result<Daemon, BuildError> {
        let unusable = |error: &dyn std::fmt::Display| BuildError::Settings(error.to_string());
        let library = LibraryDirectory::parse(&settings.library.directory).map_err(|error| unusable(&error))?;
        let addresses = GrinAddresses::new(&settings.grin.base_url, &library).map_err(|error| unusable(&error))?;
        leftovers::sweep(&self.storage);
        let store = state_store(settings, &self.hub, &self.session)?;
        let progress = Arc::new(RunProgress::default());
        let lists = Arbiter::new();
        let transfers = TransferTable::default();
        let parts = Parts {
            services: &self,
            addresses,
            library,
            progress: &progress,
            transfers: &transfers,
            membership: &membership,
        };
        let pools = parts.pools(settings, &lists.handle())?;
        pools.copies.sweep();
        let supervisor = parts.supervisor(settings, &pools);
        let threads = vec![
            (ThreadRole::MAIN, Arbiter::current()),
            (ThreadRole::LISTS, lists.handle()),
            (ThreadRole::CATALOG, self.catalog_thread.arbiter()),
            (ThreadRole::SESSION, self.session_thread.arbiter()),
        ];
        Ok(Daemon {
            membership: MembershipTask::begin(&self.hub, &self.catalog, membership.clone(), &progress),
            hub: self.hub,
            session: self.session,
            catalog: self.catalog,
            progress,
            transfers,
            supervisor,
            pools,
            session_thread: self.session_thread,
            catalog_thread: self.catalog_thread,
            store,
            lists,
            threads: Arc::new(WatchedThreads::new(threads, silence_limit())),
        })
    }
}

struct Parts<'a> {
    services: &'a OpenedServices,
    addresses: GrinAddresses,
    library: LibraryDirectory,
    progress: &'a Arc<RunProgress>,
    transfers: &'a TransferTable,
    membership: &'a LibraryMembership,
}

impl Parts<'_> {
    /// Parsing lists takes the processor for itself, so those who do it have a thread of their own.
    fn pools(&self, settings: &Settings, lists: &ArbiterHandle) -> Result<WorkerPools, BuildError> {
        let services = self.services;
        let (here, workers) = (Arbiter::current(), &settings.workers);
        let layout = StorageLayout::from_settings(settings)?;
        let form = settings.grin.conversion_form;
        let collector = self.collector(settings);
        let downloader = self.downloader(settings, &layout)?;
        let keys = downloader.keys.clone();
        let enricher = BatchParts {
            session: services.session.clone(),
            addresses: self.addresses.clone(),
            catalog: services.catalog.clone(),
            backoff: RetryBackoff::from(&settings.retry),
            rows_are_trimmed: Arc::default(),
        };
        let (converter, checker) = (enricher.clone(), enricher.clone());
        Ok(WorkerPools {
            collectors: self.pool(lists, workers.collect, move || CollectWorker::new(collector.clone())),
            enrichers: self.pool(lists, workers.enrich, move || EnrichWorker::new(enricher.clone())),
            converters: self.pool(lists, workers.convert, move || {
                ConvertWorker::new(converter.clone(), form)
            }),
            checkers: self.pool(&here, workers.check, move || {
                CheckWorker::new(checker.session.clone(), checker.addresses.clone())
            }),
            downloaders: self.pool(&here, workers.download, move || DownloadWorker::new(downloader.clone())),
            catalog: services.catalog.clone(),
            storage: services.storage.clone(),
            second_copy: second_copy_config(settings)?.map(SecondPlace::of),
            copies: CopyMaker {
                catalog: CatalogAddress::parse(&settings.catalog.url)?,
                storage: services.storage.clone(),
                layout: layout.clone(),
            },
            hook: StoredHook::of(settings, &services.session, &services.storage, &layout),
            layout,
            keys,
            secrets: secret_files(settings).into(),
            options: decrypted_options(settings),
            addresses: self.addresses.clone(),
            membership: self.membership.clone(),
        })
    }

    fn collector(&self, settings: &Settings) -> CollectorParts {
        let services = self.services;
        CollectorParts {
            session: services.session.clone(),
            addresses: self.addresses.clone(),
            library: self.library.clone(),
            catalog: services.catalog.clone(),
            page_size: settings.grin.page_size,
            count_check: settings.grin.count_check,
            backoff: RetryBackoff::from(&settings.retry),
            rows: self.progress.rows_counter(),
        }
    }

    fn downloader(&self, settings: &Settings, layout: &StorageLayout) -> Result<DownloaderParts, BuildError> {
        let services = self.services;
        Ok(DownloaderParts {
            catalog: services.catalog.clone(),
            lease: CLAIM_LEASE,
            membership: self.membership.clone(),
            session: services.session.clone(),
            addresses: self.addresses.clone(),
            storage: services.storage.clone(),
            layout: layout.clone(),
            keys: archive_keys(settings)?,
            transfers: self.transfers.clone(),
        })
    }

    fn pool<W: crate::actor::Worker>(
        &self,
        arbiter: &ArbiterHandle,
        size: u32,
        factory: impl Fn() -> W + Send + Sync + 'static,
    ) -> WorkerPool<W> {
        WorkerPool::start(
            &self.services.hub,
            std::slice::from_ref(arbiter),
            size as usize,
            SpawnOptions::with_capacity(WORKER_MAILBOX),
            factory,
        )
    }

    fn supervisor(&self, settings: &Settings, pools: &WorkerPools) -> Mailbox<ConcurrentRunner<Supervisor>> {
        let (pools, progress) = (pools.clone(), Arc::clone(self.progress));
        let options = WorkOptions {
            pause: self.services.pause,
            ..work_options(settings, self.membership.owner().to_owned())
        };
        let factory = move || Supervisor::new(pools.clone(), Arc::clone(&progress), options.clone());
        spawn::concurrent(
            &self.services.hub,
            &Arbiter::current(),
            SpawnOptions::with_capacity(SUPERVISOR_MAILBOX),
            factory,
        )
    }
}
