//! The daemon's life: build, ready, work until done or told to stop, drain, close.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tracing::{error, info, warn};

use crate::actor::AskContext;
use crate::catalog::CountBooks;
use crate::daemon::signals::{DaemonSignals, SignalRequest};
use crate::daemon::view::HouseView;
use crate::daemon::wiring::{BuildError, Daemon};
use crate::daemon::{ShutdownLedger, notify, reload};
use crate::observe::{ObserverError, ObserverServer, ShutdownPhase};
use crate::pipeline::{RunReport, RunScope};
use crate::settings::{Settings, SettingsSources};
use crate::vocabulary::{WaitCause, WaitReason};

/// How often the catalog is counted and `STATUS=` renewed.
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// What a daemon is started with.
pub struct RunOptions {
    /// The checked configuration.
    pub settings: Settings,
    /// Where it was read from, to read it again on `SIGHUP`; `None`: no reload.
    pub sources: Option<SettingsSources>,
    /// What to do.
    pub errand: RunScope,
    /// Page, metrics and socket are served.
    pub observed: bool,
    /// Called once everything is up, for progress bars and tests.
    pub on_ready: Box<dyn FnOnce(Arc<HouseView>)>,
}

/// How a run ended.
#[derive(Debug)]
pub struct DaemonEnd {
    /// What was done.
    pub report: RunReport,
    /// How each actor ended.
    pub ledger: ShutdownLedger,
    /// An actor that could not be kept alive, if there was one.
    pub gave_up: Option<String>,
}

/// Why a run did not begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The house.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The observer's address or socket.
    #[error("cannot be observed")]
    Observer(#[from] ObserverError),
    /// Signals.
    #[error("signals cannot be listened to")]
    Signals(#[source] std::io::Error),
}

/// Runs a mission to its end on the current actix system. A second stop signal ends the process at once with status 130.
pub async fn run(mission: RunOptions) -> Result<DaemonEnd, StartError> {
    let RunOptions {
        settings,
        sources,
        errand,
        observed,
        on_ready,
    } = mission;
    let mut signals = DaemonSignals::listen().map_err(StartError::Signals)?;
    let house = Daemon::build(&settings).await?;
    let view = Arc::new(HouseView::of(&house, &settings));
    let observer = observed.then(|| observe(&settings, &view)).transpose()?;
    view.ready();
    notify::ready();
    info!(
        version = env!("CARGO_PKG_VERSION"),
        library = settings.library.directory,
        storage = settings.storage.url,
        "ready"
    );
    on_ready(Arc::clone(&view));

    let report = work(
        &house,
        &view,
        &mut signals,
        Orders {
            settings,
            sources,
            errand,
        },
    )
    .await;
    count(&house, &view).await;
    let gave_up = house
        .hub
        .has_given_up()
        .map(|who| format!("{}: {}", who.actor, who.fault.unwrap_or_default()));
    let ledger = close(house, &view, &mut signals).await;
    if let Some(observer) = observer {
        observer.stop();
    }
    info!(
        clean = ledger.is_clean(),
        session_owner_last = ledger.session_owner_was_last(),
        "stopped"
    );
    let report = report.unwrap_or_else(|error| broken(&error));
    Ok(DaemonEnd {
        report,
        ledger,
        gave_up,
    })
}

/// The report of an errand that ended by a fault of the supervisor.
fn broken(error: &crate::actor::AskError) -> RunReport {
    let why = format!("the supervisor ended: {error}");
    RunReport {
        stopped_by: Some(WaitReason::new(WaitCause::Grin, why, jiff::Timestamp::now())),
        ..RunReport::default()
    }
}

/// What the work goes by; the settings change with each reload.
struct Orders {
    settings: Settings,
    sources: Option<SettingsSources>,
    errand: RunScope,
}

/// Works until the errand is done, hearing signals meanwhile.
async fn work(
    house: &Daemon,
    view: &HouseView,
    signals: &mut DaemonSignals,
    orders: Orders,
) -> Result<RunReport, crate::actor::AskError> {
    let Orders {
        mut settings,
        sources,
        errand,
    } = orders;
    let mut begun = pin!(house.begin(errand));
    let mut drain = None;
    let mut status = tokio::time::interval(STATUS_EVERY);
    let mut reload_wanted = false;
    let mut reloading = FuturesUnordered::new();
    loop {
        // Beside the signals, so that a stop is heard while a reload waits; one at a time, since each begins with the last one's end.
        if reload_wanted && reloading.is_empty() {
            reload_wanted = false;
            reloading.push(reload::reload(house, view, settings.clone(), sources.as_ref()));
        }
        tokio::select! {
            report = &mut begun => return report,
            Some(in_force) = reloading.next(), if !reloading.is_empty() => settings = in_force,
            wish = signals.next() => match wish {
                SignalRequest::Reload => reload_wanted = true,
                SignalRequest::Stop(signal) if drain.is_none() => {
                    info!(signal, grace = ?settings.shutdown.grace, "draining; a second signal stops at once");
                    drain = Some(begin_drain(house, view, settings.shutdown.grace));
                }
                SignalRequest::Stop(signal) => stop_at_once(signal),
            },
            gave_up = house.hub.gave_up(), if drain.is_none() => {
                error!(actor = %gave_up.actor, fault = gave_up.fault, "an actor could not be kept alive; stopping");
                drain = Some(begin_drain(house, view, settings.shutdown.grace));
            }
            _ = status.tick() => count(house, view).await,
        }
    }
}

/// Closes the house; a stop signal meanwhile ends the process at once.
async fn close(house: Daemon, view: &HouseView, signals: &mut DaemonSignals) -> ShutdownLedger {
    let mut close = pin!(house.close(|phase| view.phase(phase)));
    let mut asked = view.is_stopping();
    loop {
        tokio::select! {
            ledger = &mut close => return ledger,
            wish = signals.next() => match wish {
                SignalRequest::Stop(signal) if asked => stop_at_once(signal),
                SignalRequest::Stop(_) => asked = true,
                SignalRequest::Reload => {}
            },
        }
    }
}

fn stop_at_once(signal: &str) -> ! {
    warn!(
        signal,
        "second signal: stopping at once; books in hand are claimed again at the next start"
    );
    std::process::exit(130);
}

/// The counts come out of running totals, so this is cheap whatever the size of the catalog.
async fn count(house: &Daemon, view: &HouseView) {
    match house.catalog.ask(CountBooks, &AskContext::root("daemon")).await {
        Ok(counts) => view.counted(counts),
        Err(error) => warn!(%error, "the catalog could not be counted"),
    }
    notify::status(&view.line());
}

/// The drain runs beside the errand: its end is the errand's end.
fn begin_drain(house: &Daemon, view: &HouseView, grace: Duration) -> crate::actor::tasks::TaskHandle<()> {
    notify::stopping("draining");
    view.phase(ShutdownPhase::IntakeClosed);
    let drain = house.drain(grace);
    crate::actor::tasks::spawn(&house.hub, "drain", async move {
        if let Err(error) = drain.await {
            warn!(%error, "the supervisor did not answer the drain");
        }
    })
}

fn observe(settings: &Settings, view: &Arc<HouseView>) -> Result<ObserverServer, ObserverError> {
    let socket: PathBuf = settings.observe.socket.clone();
    let view: Arc<dyn crate::observe::DaemonView> = Arc::<HouseView>::clone(view);
    ObserverServer::start(Some(settings.observe.listen), Some(socket), view)
}
