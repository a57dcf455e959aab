//! What the daemon shows of itself: snapshots put together without asking any actor.

mod parts;
mod phases;
mod words;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::LocalBoxFuture;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::actor::{ActorName, ActorRegistry, BlackBoxDump, HubSnapshot};
use crate::catalog::{
    AskPace, BookStory, Catalog, ForecastInputs, LibraryForecast, LibraryPace, SharedTask, WantedBooks, forecast,
};
use crate::daemon::control::DaemonControl;
use crate::daemon::space_gauge::SpaceGauge;
use crate::daemon::stalls::{StallLimits, stalled};
use crate::daemon::story_reader::StoryReader;
use crate::daemon::threads::WatchedThreads;
use crate::daemon::view::parts::{members, pauses, signed_out, tell_tasks, transfer, waits};
use crate::daemon::view::phases::{CountedBooks, as_they_run, finished, most_books, of, phases, reached};
use crate::daemon::view::words::{readiness, status_line};
use crate::daemon::watchdog::stall_limits;
use crate::daemon::wiring::Daemon;
use crate::dapr::{StateCounters, StateStore};
use crate::grin::Barcode;
use crate::log;
use crate::observe::{
    ActorStall, ControlError, ControlReply, ControlRequest, DaemonReadiness, DaemonSnapshot, DaemonState, DaemonView,
    DownloadPlaces, MeterTotals, PROGRAM_COMMIT, PROGRAM_VERSION, PlaceFigures, RateMeter, ReloadState, SharingView,
    ShutdownPhase, SpeedLimits, StoryError, ThreadSilence, cpu_seconds,
};
use crate::pipeline::workers::TransferTable;
use crate::pipeline::{GrinSilence, LibraryMembership, ProgressSnapshot, RunProgress, RunScope, unnoticed_wait};
use crate::session::{SessionCounters, SessionSnapshot};
use crate::settings::Settings;
use crate::storage::Storage;
use crate::vocabulary::{BookOutcome, BookState, WaitCause, WaitReason};

/// The running daemon as others see it.
pub struct LiveDaemonView {
    hub: ActorRegistry,
    session: Arc<SessionCounters>,
    progress: Arc<RunProgress>,
    transfers: TransferTable,
    control: DaemonControl,
    membership: LibraryMembership,
    store: Option<Arc<StateCounters>>,
    catalog: Catalog,
    library: Storage,
    directory: String,
    storage: String,
    space: SpaceGauge,
    stories: StoryReader,
    since: Timestamp,
    /// See [`most_books`].
    most_books: Option<u64>,
    threads: Arc<WatchedThreads>,
    stall_limits: StallLimits,
    read_timeout: Duration,
    changing: Mutex<Changing>,
}

struct Changing {
    ready: bool,
    counted: CountedBooks,
    /// See [`as_they_run`].
    by_state: BTreeMap<BookState, u64>,
    /// What the catalog knew last of how fast the library comes.
    pace: Option<LibraryPace>,
    /// Which books this run fetches.
    asked: WantedBooks,
    /// The config in force, as TOML without secrets.
    config: Arc<str>,
    /// `grin.requests_per_second` as it is in force.
    requests_per_second: f64,
    state: DaemonState,
    state_since: Timestamp,
    page: Option<SocketAddr>,
    phase: Option<ShutdownPhase>,
    reload: Option<ReloadState>,
    meter: RateMeter,
    signed_out_since: Option<Timestamp>,
}

impl Changing {
    /// `None` before the catalog was asked.
    fn forecast(&self, progress: &ProgressSnapshot, session: &SessionSnapshot) -> Option<LibraryForecast> {
        let pace = self.pace.as_ref()?;
        let mut load = self.meter.load(SpeedLimits {
            bandwidth: session.bandwidth,
            requests_per_second: self.requests_per_second,
        });
        let told = progress.paused.as_ref().or(progress.waiting.as_ref());
        let signed_out = session.signed_out.as_ref().map(|_| WaitCause::SignIn);
        load.waits_for = told.map(|wait| wait.cause).or(signed_out);
        let limit = self.asked.limit.map(|limit| limit.saturating_sub(finished(progress)));
        let inputs = pace.inputs.within(limit);
        Some(forecast(&ForecastInputs { load, ..inputs }))
    }
}

impl LiveDaemonView {
    /// A view of this daemon.
    pub fn of(daemon: &Daemon, settings: &Settings, scope: &RunScope) -> Self {
        let changing = Changing {
            ready: false,
            counted: CountedBooks::default(),
            by_state: BTreeMap::new(),
            pace: None,
            asked: scope.wanted_books(),
            config: settings.effective().into(),
            requests_per_second: settings.grin.requests_per_second,
            state: DaemonState::Starting,
            state_since: Timestamp::now(),
            page: None,
            phase: None,
            reload: None,
            meter: RateMeter::new(Instant::now()),
            signed_out_since: None,
        };
        Self {
            hub: daemon.hub.clone(),
            session: daemon.session.counters(),
            progress: Arc::clone(&daemon.progress),
            transfers: daemon.transfers.clone(),
            control: daemon.control(scope),
            membership: daemon.membership.membership.clone(),
            store: daemon.store.as_ref().map(StateStore::counters),
            catalog: daemon.catalog.clone(),
            library: daemon.storage().clone(),
            directory: settings.library.directory.clone(),
            storage: settings.storage.url.clone(),
            space: SpaceGauge::of(daemon.storage().clone()),
            stories: StoryReader::of(&settings.catalog.url),
            since: Timestamp::now(),
            most_books: most_books(scope),
            threads: Arc::clone(&daemon.threads),
            stall_limits: stall_limits(),
            read_timeout: settings.session.read_timeout,
            changing: Mutex::new(changing),
        }
    }

    /// These settings are in force from now on.
    pub fn limited(&self, settings: &Settings) {
        let mut changing = self.changing();
        changing.config = settings.effective().into();
        changing.requests_per_second = settings.grin.requests_per_second;
    }

    /// What the work waits for without having noticed.
    fn unnoticed(
        &self,
        shown: &DaemonSnapshot,
        progress: &ProgressSnapshot,
        session: &SessionSnapshot,
    ) -> Option<WaitReason> {
        let silence = GrinSilence {
            lasts: session.silent_seconds.map(Duration::from_secs_f64),
            read_timeout: self.read_timeout,
            is_asked: shown.signed_out.is_none() && shown.gate_closed_until.is_none(),
        };
        unnoticed_wait(&shown.waiting, progress, silence, shown.taken_at)
    }

    /// Everything is up.
    pub fn ready(&self) {
        self.changing().ready = true;
    }

    /// The page is served at this address.
    pub fn served_at(&self, page: Option<SocketAddr>) {
        self.changing().page = page;
    }

    /// What to ask the catalog for next, beside what it said last.
    pub fn ask_pace(&self) -> AskPace {
        let changing = self.changing();
        AskPace {
            last: changing.pace.as_ref().map(|pace| pace.put_off.clone()),
            failed: changing.pace.as_ref().map(|pace| pace.failed.clone()),
            asked: changing.asked.clone(),
        }
    }

    /// Where the page is served.
    pub fn page(&self) -> Option<SocketAddr> {
        self.changing().page
    }

    /// The shutdown has come this far.
    pub fn phase(&self, phase: ShutdownPhase) {
        self.changing().phase = Some(phase);
    }

    /// The config was read again.
    pub fn reloaded(&self, successful: bool, summary: String) {
        self.changing().reload = Some(ReloadState {
            at: Timestamp::now(),
            successful,
            summary,
        });
    }

    /// What the catalog counted last; also a tick for the rates.
    pub fn counted(&self, pace: LibraryPace) {
        self.space.look();
        let (progress, session) = (self.progress.snapshot(), self.session.snapshot());
        let mut changing = self.changing();
        changing.counted = CountedBooks {
            counts: pace.states.clone(),
            finished: finished(&progress),
        };
        changing.by_state = as_they_run(&pace.states, &progress.ahead);
        changing.pace = Some(pace);
        let totals = MeterTotals {
            books: of(&progress, BookOutcome::Stored),
            bytes: progress.bytes_stored,
            requests: session.grin_requests(),
            held_back_seconds: session.held_back_seconds,
            received: session.download_bytes,
            cpu_seconds: cpu_seconds(),
        };
        changing.meter.note(Instant::now(), totals);
    }

    /// One line for `systemctl status`.
    pub fn line(&self) -> String {
        status_line(&self.daemon())
    }

    /// Where tasks are counted.
    pub(super) fn registry(&self) -> ActorRegistry {
        self.hub.clone()
    }

    fn changing(&self) -> MutexGuard<'_, Changing> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DaemonView for LiveDaemonView {
    fn daemon(&self) -> DaemonSnapshot {
        let (progress, session) = (self.progress.snapshot(), self.session.snapshot());
        let mut changing = self.changing();
        let mut shown = DaemonSnapshot::starting(PROGRAM_VERSION, PROGRAM_COMMIT, self.since);
        shown.taken_at = Timestamp::now();
        shown.directory.clone_from(&self.directory);
        shown.library.clone_from(&self.storage);
        shown.space = self.space.space();
        shown.finished.clone_from(&progress.finished);
        shown.failures.clone_from(&progress.failures);
        let by_state = changing.by_state.iter();
        shown.barcodes = by_state.map(|(state, n)| (state.as_str().to_owned(), *n)).collect();
        let done = finished(&progress);
        let total = self.most_books.and_then(|most| changing.counted.total(done, most));
        shown.phases = phases(&progress, &changing.counted.counts, total);
        tell_tasks(&mut shown, &progress);
        shown.stored_bytes = progress.bytes_stored;
        shown.books_in_hand = progress.claimed;
        shown.transfers = self.transfers.under_way().into_iter().map(transfer).collect();
        shown.rates = changing.meter.rates();
        shown.minutes = changing.meter.minutes();
        if let Some(pace) = &changing.pace {
            shown.days.clone_from(&pace.days);
            shown.failed.clone_from(&pace.failed);
            shown.oldest_pending = pace.oldest_pending;
        }
        shown.forecast = changing.forecast(&progress, &session);
        shown.last_success = progress.last_stored;
        shown.last_backup = progress.backup;
        shown.reread.clone_from(&progress.reread);
        shown.reread_bytes = progress.reread_bytes;
        shown.fixity = progress.fixity;
        shown.hooks = progress.hooks;
        shown.second_copy = progress.second_copy;
        shown.shutdown = reached(changing.phase, progress.is_intake_closed);
        shown.reload.clone_from(&changing.reload);
        shown.download_places = DownloadPlaces {
            now: session.bulk_places,
            most: session.bulk_most,
        };
        shown.bandwidth = session.bandwidth;
        shown.gate_closed_until = session.gate_closed_until;
        shown.members = members(&self.membership);
        shown.signed_out = signed_out(&mut changing.signed_out_since, session.signed_out.as_deref());
        shown.waiting = waits(&progress, |waiting| self.catalog.add_waits(waiting), shown.taken_at);
        shown.paused = pauses(&shown, session.turns_missing);
        shown.waiting.extend(self.unnoticed(&shown, &progress, &session));
        let total = total.filter(|_| shown.waiting.is_empty());
        shown.eta_seconds = total.and_then(|total| changing.meter.eta_seconds(total - done));
        shown.state = state(&changing, &progress, &shown);
        if changing.state != shown.state {
            changing.state = shown.state;
            changing.state_since = shown.taken_at;
        }
        shown.state_since = changing.state_since;
        shown
    }

    fn hub(&self) -> HubSnapshot {
        self.hub.snapshot()
    }

    fn black_box(&self, actor: ActorName) -> BlackBoxDump {
        self.hub.black_box(actor, "request")
    }

    fn note_windows(&self) {
        self.hub.note_windows();
    }

    fn session(&self) -> SessionSnapshot {
        self.session.snapshot()
    }

    fn places(&self) -> PlaceFigures {
        PlaceFigures {
            catalog: self.catalog.figures(),
            storage: self.library.figures(),
        }
    }

    fn sharing(&self) -> Option<SharingView> {
        let tasks = SharedTask::ALL.into_iter();
        let held = |task: SharedTask| (task.as_str().to_owned(), self.membership.holds(task));
        Some(SharingView {
            tasks: tasks.map(held).collect(),
            store: self.store.as_ref().map(|store| store.snapshot()),
        })
    }

    fn stuck_threads(&self) -> Vec<ThreadSilence> {
        self.threads.stuck(std::time::Instant::now())
    }

    fn stalled_actors(&self, hub: &HubSnapshot) -> Vec<ActorStall> {
        stalled(hub, self.stall_limits)
    }

    fn ready(&self, now: &DaemonSnapshot) -> DaemonReadiness {
        readiness(now)
    }

    fn recent_log(&self) -> Vec<String> {
        log::recent_lines()
    }

    fn set_log_level(&self, level: &str) -> Result<(), String> {
        log::set_level(level).map_err(|error| error.to_string())
    }

    fn config(&self) -> Arc<str> {
        Arc::clone(&self.changing().config)
    }

    fn story(&self, barcode: Barcode) -> LocalBoxFuture<'static, Result<Option<BookStory>, StoryError>> {
        Box::pin(self.stories.clone().story(barcode))
    }

    fn control(&self, request: ControlRequest) -> LocalBoxFuture<'static, Result<ControlReply, ControlError>> {
        Box::pin(self.control.clone().done(request))
    }
}

/// What it does, in a word.
fn state(changing: &Changing, progress: &ProgressSnapshot, shown: &DaemonSnapshot) -> DaemonState {
    match changing.phase {
        Some(ShutdownPhase::Done) => DaemonState::Stopped,
        Some(_) => DaemonState::Draining,
        None if !changing.ready => DaemonState::Starting,
        None if progress.paused.is_some() => DaemonState::Paused,
        None if progress.claimed > 0 || shown.phases.values().any(|phase| phase.active) => DaemonState::Working,
        None => DaemonState::Waiting,
    }
}
