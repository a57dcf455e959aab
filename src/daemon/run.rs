//! The daemon's life: build, ready, work until done or told to stop, drain, close.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tracing::{debug, error, info, warn};

use crate::actor::tasks::TaskHandle;
use crate::actor::{AskContext, AskError, tasks};
use crate::catalog::{CatalogError, MemberRow};
use crate::daemon::build_error::BuildError;
use crate::daemon::published_status::StatusPublisher;
use crate::daemon::signals::{DaemonSignals, RunStage};
use crate::daemon::view::LiveDaemonView;
use crate::daemon::watchdog::WatchdogThread;
use crate::daemon::wiring::Daemon;
use crate::daemon::{ShutdownLedger, course, last_look, notify, reload};
use crate::observe::{
    DaemonView, FrontDoor, ObserverError, ObserverServer, PROGRAM_VERSION, ShutdownPhase, StartingDoor,
};
use crate::pipeline::{RunReport, RunScope};
use crate::session::SessionSnapshot;
use crate::settings::{Settings, SettingsSources, diagnostics_folder};
use crate::storage::StorageError;
#[cfg(feature = "traces")]
use crate::traces::{TraceExport, TraceTarget};
use crate::vocabulary::{WaitCause, WaitReason};

/// How often the catalog is counted and `STATUS=` renewed.
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// How long the count of a daemon that stops may take.
const LAST_COUNT: Duration = Duration::from_secs(1);

/// What a daemon is started with.
pub struct RunOptions {
    /// The checked configuration.
    pub settings: Settings,
    /// Where it was read from, to read it again on `SIGHUP`; `None`: no reload.
    pub sources: Option<SettingsSources>,
    /// What to do.
    pub scope: RunScope,
    /// The step that is done by hand; `None`: this is the daemon.
    pub step: Option<&'static str>,
    /// Page, metrics and socket are served.
    pub observed: bool,
    /// Called once everything is up, for progress bars and tests.
    pub on_ready: Box<dyn FnOnce(Arc<LiveDaemonView>)>,
}

/// How a run ended.
#[derive(Debug)]
pub struct DaemonEnd {
    /// What was done.
    pub report: RunReport,
    /// How each actor ended.
    pub ledger: ShutdownLedger,
    /// An actor that could not be kept alive, or a supervisor that ended without a report, if there was one.
    pub gave_up: Option<String>,
    /// Why the sign-in to GRIN is gone, where that was proven and nobody has signed in since.
    pub signed_out: Option<String>,
    /// How GRIN was met.
    pub grin: GrinStanding,
    /// Why the storage takes nothing, where that ended the run and a person must act.
    pub storage_fault: Option<StorageError>,
}

/// How GRIN was met by a run, as its last request showed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GrinStanding {
    /// It answers.
    #[default]
    Answers,
    /// It gave no answer to the last request, and did to others.
    Away,
    /// It answered no request at all.
    NeverAnswered,
    /// Its certificate is not trusted.
    Untrusted,
    /// The token address gives no token for it.
    NoToken,
}

impl GrinStanding {
    fn of(session: &SessionSnapshot) -> Self {
        match (session.is_grin_untrusted, session.is_grin_away) {
            (true, _) => Self::Untrusted,
            (false, _) if session.is_without_token => Self::NoToken,
            (false, false) => Self::Answers,
            (false, true) if session.has_grin_answered() => Self::Away,
            (false, true) => Self::NeverAnswered,
        }
    }
}

/// Why a run did not begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A part could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The observer's address or socket.
    #[error("cannot start the status server")]
    Observer(#[from] ObserverError),
    /// The handlers of signals.
    #[error("cannot install signal handlers")]
    Signals(#[source] std::io::Error),
    /// The thread that watches the others.
    #[error("cannot start the watchdog")]
    Watchdog(#[source] std::io::Error),
}

/// Runs to the end of what is to be done on the current actix system. A second stop signal ends the process at once with status 130.
pub async fn run(options: RunOptions) -> Result<DaemonEnd, StartError> {
    let RunOptions {
        settings,
        sources,
        scope,
        step,
        observed,
        on_ready,
    } = options;
    let signals = DaemonSignals::listen().map_err(StartError::Signals)?;
    let grace = settings.shutdown.grace;
    notify::status("starting: opening catalog, storage and session");
    // Another daemon at this socket is told at once, and not after the time in which a member that died would be waited for.
    let starting = observed.then(|| StartingDoor::open(settings.observe.socket.clone(), notify::last_status));
    let starting = starting.transpose()?;
    #[cfg(feature = "traces")]
    let _traces = trace(&settings);
    let daemon = Daemon::build(&settings, step).await?;
    let view = Arc::new(LiveDaemonView::of(&daemon, &settings, &scope));
    let observer = match starting.map(|starting| observe(&settings, &view, starting)).transpose() {
        Ok(observer) => observer,
        Err(error) => {
            daemon.close(|_| {}).await;
            return Err(error.into());
        }
    };
    let publisher = step.is_none().then(|| publish(&daemon, &settings, &view)).flatten();
    signals.enter(RunStage::Working { grace });
    view.served_at(observer.as_ref().and_then(ObserverServer::local_addr));
    view.ready();
    notify::ready();
    let watchdog = watch(&daemon, &settings).map_err(StartError::Watchdog)?;
    signals.told_to(watchdog.orders());
    tell_ready(&settings, observer.as_ref());
    let course = course::tell(&view);
    on_ready(Arc::clone(&view));

    let report = work(
        &daemon,
        &view,
        &signals,
        ScopeWithSettings {
            settings,
            sources,
            scope,
        },
    )
    .await;
    signals.stopping_within(grace);
    if let Some(publisher) = publisher {
        publisher.end().await;
    }
    // For the status alone: a locked catalog is not waited for.
    if tokio::time::timeout(LAST_COUNT, count(&daemon, &view)).await.is_err() {
        signals.note_silent_catalog();
    }
    let ended = finish(daemon, &view, observer, report).await;
    drop((course, watchdog));
    Ok(ended)
}

/// Closes everything, the observer last.
async fn finish(
    daemon: Daemon,
    view: &LiveDaemonView,
    observer: Option<ObserverServer>,
    report: Result<RunReport, AskError>,
) -> DaemonEnd {
    let gave_up = daemon
        .hub
        .has_given_up()
        .map(|who| format!("{}: {}", who.actor, who.fault.unwrap_or_default()));
    notify::status(&view.line());
    let session = daemon.session.counters().snapshot();
    let (report, lost) = reported(report);
    let storage_fault = last_look::storage_fault(&daemon.pools, &report).await;
    let ledger = daemon.close(|phase| view.phase(phase)).await;
    let observed = observer.is_some();
    if let Some(observer) = observer {
        observer.stop();
    }
    let actors = observed.then(|| ledger.to_string().trim_end().replace('\n', "; "));
    info!(
        clean = ledger.is_clean() && report.cut == 0,
        session_owner_last = ledger.session_owner_was_last(),
        actors,
        "stopped"
    );
    DaemonEnd {
        report,
        ledger,
        gave_up: gave_up.or(lost),
        grin: GrinStanding::of(&session),
        signed_out: session.signed_out,
        storage_fault,
    }
}

/// Has spans sent to where the config says.
#[cfg(feature = "traces")]
fn trace(settings: &Settings) -> Option<TraceExport> {
    let url = settings.observe.traces_url.as_ref()?;
    TraceExport::begin(&TraceTarget {
        url: url.as_str(),
        share: settings.observe.traces_share,
        instance: settings.work.instance.as_deref().unwrap_or_default(),
    })
}

fn watch(daemon: &Daemon, settings: &Settings) -> std::io::Result<WatchdogThread> {
    let state_directory = std::env::var_os("STATE_DIRECTORY");
    let folder = diagnostics_folder(&settings.catalog.url, state_directory.as_deref());
    WatchdogThread::start(daemon.hub.clone(), Arc::clone(&daemon.threads), folder)
}

fn tell_ready(settings: &Settings, observer: Option<&ObserverServer>) {
    let page = observer.and_then(ObserverServer::local_addr);
    info!(
        version = PROGRAM_VERSION,
        library = settings.library.directory,
        storage = settings.storage.url,
        page = page.map(tracing::field::display),
        "ready"
    );
}

/// The supervisor's report; where it ended without one, an empty report and the fault.
fn reported(answer: Result<RunReport, AskError>) -> (RunReport, Option<String>) {
    match answer {
        Ok(report) => (report, None),
        Err(error) => (RunReport::default(), Some(format!("supervisor: {error}"))),
    }
}

/// What the work goes by; the settings change with each reload.
struct ScopeWithSettings {
    settings: Settings,
    sources: Option<SettingsSources>,
    scope: RunScope,
}

/// Works until everything in the scope is done, hearing signals meanwhile.
async fn work(
    daemon: &Daemon,
    view: &LiveDaemonView,
    signals: &DaemonSignals,
    begun_with: ScopeWithSettings,
) -> Result<RunReport, AskError> {
    let ScopeWithSettings {
        mut settings,
        sources,
        scope,
    } = begun_with;
    let once = scope.once;
    if once {
        daemon.bound_pauses(&settings).await;
    }
    let mut begun = pin!(daemon.begin(scope));
    let mut stop = pin!(signals.stop());
    let mut replaced = pin!(daemon.membership.replaced());
    let mut drain = None;
    let mut stopped_by = None;
    let mut status = tokio::time::interval(STATUS_EVERY);
    let mut reload_wanted = false;
    // Beside the signals, so that a stop is heard while a reload or a locked catalog keeps them waiting; one of each at a
    // time: a reload begins with the last one's end, and counts that nobody waits for must not pile up.
    let mut reloading = FuturesUnordered::new();
    let mut counting = FuturesUnordered::new();
    loop {
        if reload_wanted && reloading.is_empty() {
            reload_wanted = false;
            reloading.push(reload::reload(daemon, view, settings.clone(), sources.as_ref()));
        }
        tokio::select! {
            report = &mut begun => return report.map(|mut report| {
                report.stopped_by = report.stopped_by.or(stopped_by);
                report
            }),
            Some(in_force) = reloading.next(), if !reloading.is_empty() => settings = in_force,
            Some(()) = counting.next(), if !counting.is_empty() => {}
            () = signals.reload() => reload_wanted = true,
            () = &mut stop, if drain.is_none() => drain = Some(begin_drain(daemon, view, settings.shutdown.grace)),
            gave_up = daemon.hub.gave_up(), if drain.is_none() => {
                error!(actor = %gave_up.actor, fault = gave_up.fault, "an actor could not be kept alive; stopping");
                drain = Some(stop_itself(daemon, view, signals, settings.shutdown.grace));
            }
            by = &mut replaced, if drain.is_none() => {
                let (instance, host) = (&by.card.instance, &by.card.host);
                error!(instance, host, "another program has this one's name among the members of the catalog; stopping");
                stopped_by = Some(replaced_by(&by));
                drain = Some(stop_itself(daemon, view, signals, settings.shutdown.grace));
            }
            _ = status.tick() => {
                // A locked catalog keeps a count waiting; that it is locked is to be seen meanwhile.
                notify::status(&view.line());
                if counting.is_empty() {
                    counting.push(count(daemon, view));
                }
            }
        }
    }
}

/// Begins a drain that no signal asked for.
fn stop_itself(daemon: &Daemon, view: &LiveDaemonView, signals: &DaemonSignals, grace: Duration) -> TaskHandle<()> {
    signals.stopping_within(grace);
    notify::stopping("draining");
    begin_drain(daemon, view, grace)
}

fn replaced_by(by: &MemberRow) -> WaitReason {
    let (instance, host) = (&by.card.instance, &by.card.host);
    let why = format!("{instance:?} runs on {host} now: each daemon of a catalog needs a work.instance of its own");
    WaitReason::new(WaitCause::Members, why, jiff::Timestamp::now())
}

/// The counts come out of running totals, but for the books put off, which are counted once a minute, and when many books changed; so
/// this is cheap whatever the size of the catalog.
async fn count(daemon: &Daemon, view: &LiveDaemonView) {
    match daemon.catalog.ask(view.ask_pace(), &AskContext::root("daemon")).await {
        Ok(pace) => view.counted(pace),
        // That is said by itself.
        Err(error @ CatalogError::Busy) => debug!(%error, "the books in the catalog could not be counted"),
        Err(error) => warn!(%error, "the books in the catalog could not be counted; the status shows the last counts"),
    }
}

/// The drain runs beside the scope: its end is the scope's end.
fn begin_drain(daemon: &Daemon, view: &LiveDaemonView, grace: Duration) -> TaskHandle<()> {
    view.phase(ShutdownPhase::IntakeClosed);
    let drain = daemon.drain(grace);
    tasks::spawn(&daemon.hub, "drain", async move {
        if let Err(error) = drain.await {
            warn!(%error, "the supervisor did not answer the drain");
        }
    })
}

/// Where the status is to be in a state store, keeps it there.
fn publish(daemon: &Daemon, settings: &Settings, view: &Arc<LiveDaemonView>) -> Option<StatusPublisher> {
    let view: Arc<dyn DaemonView> = Arc::<LiveDaemonView>::clone(view);
    let store = daemon.store.as_ref()?;
    Some(StatusPublisher::begin(&daemon.hub, store, settings, view))
}

fn observe(
    settings: &Settings,
    view: &Arc<LiveDaemonView>,
    starting: StartingDoor,
) -> Result<ObserverServer, ObserverError> {
    let view: Arc<dyn crate::observe::DaemonView> = Arc::<LiveDaemonView>::clone(view);
    let door = FrontDoor::of(settings.observe.token_file.as_deref())?;
    ObserverServer::start_at(Some(settings.observe.listen), starting.hand_over(), door, view)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supervisor_without_a_report_is_a_fault_of_the_program_and_no_pause_of_grin() {
        let (report, lost) = reported(Err(AskError::Closed));
        assert!(report.stopped_by.is_none());
        assert!(lost.unwrap().starts_with("supervisor: "));
        assert_eq!(reported(Ok(RunReport::default())).1, None);
    }
}
