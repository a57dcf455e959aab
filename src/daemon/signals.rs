//! Signals, heard by a thread of their own: whatever the daemon's other threads wait for (a locked catalog, a thread that
//! does not end), a stop is heard at once, and a second one ends the process.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::daemon::notify;
use crate::daemon::watchdog::WatchdogOrder;

/// What the end may take after the grace of the drain: the catalog waits 15 s for a lock, the membership ends within 5 s,
/// and the session waits 5 s for its requests. With the default grace that is before systemd kills the process
/// (`TimeoutStopSec=90s`), so that the log says what happened.
const CLOSE_LIMIT: Duration = Duration::from_secs(25);
/// A log that cannot be written to (its reader stopped reading) must not keep the process, nor this thread from the next signal.
const LOG_LIMIT: Duration = Duration::from_millis(500);

/// How far a run has come, as far as a signal is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStage {
    /// Opening catalog, storage and session: no book was begun.
    Starting,
    /// At work.
    Working {
        /// What a drain may take.
        grace: Duration,
    },
    /// Draining or closing; over at `by` at the latest.
    Stopping {
        /// Then the process is ended.
        by: Instant,
    },
    /// The run is over; what is left is to tell its result.
    Ended,
}

/// What is to be done about a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SignalAction {
    /// Tell the run to drain.
    Drain,
    /// Tell the run to read its config again.
    Reload,
    /// It is under way already.
    Ignore,
    /// End the process now, with this status.
    Exit(i32),
}

/// What a stop signal leads to; `stops`: how many came before it in this run.
fn on_stop(stage: RunStage, stops: u32) -> SignalAction {
    match (stage, stops) {
        (RunStage::Starting, 0) => SignalAction::Exit(0),
        (RunStage::Working { .. }, 0) => SignalAction::Drain,
        // The run ended by itself and closes: the signal asks for no more than that.
        (RunStage::Stopping { .. }, 0) => SignalAction::Ignore,
        _ => SignalAction::Exit(130),
    }
}

/// Why an end that takes too long is cut, and with which status. A catalog that another program has locked is no fault of this one.
fn on_overdue(catalog_is_silent: bool) -> (i32, &'static str) {
    if catalog_is_silent {
        let why = "the catalog did not answer until the end, another program may have locked it; stopping at once: what came of books and \
                   was not recorded is looked up in the storage at the next start, and claimed books are claimed again";
        (1, why)
    } else {
        let why =
            "the shutdown did not end in time; stopping at once, and claimed books are claimed again at the next start";
        (70, why)
    }
}

/// What SIGHUP leads to.
fn on_hangup(stage: RunStage) -> SignalAction {
    match stage {
        RunStage::Starting | RunStage::Working { .. } => SignalAction::Reload,
        RunStage::Stopping { .. } | RunStage::Ended => SignalAction::Ignore,
    }
}

/// What the thread and the run share; one a run.
#[derive(Debug, Clone)]
struct RunState {
    stage: RunStage,
    stops: u32,
    /// The catalog did not answer when the run was over.
    catalog_is_silent: bool,
    stop: CancellationToken,
    reload: Arc<Notify>,
    /// Who has black boxes written; `None` before there is anybody.
    watchdog: Option<mpsc::Sender<WatchdogOrder>>,
}

/// The signals of one run. When it is dropped, the run is over, and a stop signal ends the process at once.
#[derive(Debug)]
pub struct DaemonSignals {
    state: watch::Sender<RunState>,
}

/// The thread lives as long as the process: handlers once installed cannot be removed, and without it nobody would hear.
static THREAD: Mutex<Option<watch::Sender<RunState>>> = Mutex::new(None);

impl DaemonSignals {
    /// Listens from now on; the default actions no longer happen.
    ///
    /// # Errors
    /// The handlers or the thread cannot be had.
    pub fn listen() -> std::io::Result<Self> {
        let fresh = RunState {
            stage: RunStage::Starting,
            stops: 0,
            catalog_is_silent: false,
            stop: CancellationToken::new(),
            reload: Arc::default(),
            watchdog: None,
        };
        let mut thread = THREAD.lock().unwrap_or_else(PoisonError::into_inner);
        let state = match &*thread {
            Some(state) => {
                // A reload that was asked for since an earlier call is still to be done.
                let reload = Arc::clone(&state.borrow().reload);
                state.send_replace(RunState { reload, ..fresh });
                state.clone()
            }
            None => {
                let state = watch::Sender::new(fresh);
                start(state.clone())?;
                thread.insert(state).clone()
            }
        };
        Ok(Self { state })
    }

    /// The run has come this far. What it was told before stays told.
    pub fn enter(&self, stage: RunStage) {
        self.state.send_modify(|state| state.stage = stage);
    }

    /// SIGUSR1 is told to this watchdog.
    pub(crate) fn told_to(&self, watchdog: mpsc::Sender<WatchdogOrder>) {
        self.state.send_modify(|state| state.watchdog = Some(watchdog));
    }

    /// The run drains: it has the grace and the time to close.
    pub fn stopping_within(&self, grace: Duration) {
        let by = Instant::now() + grace + CLOSE_LIMIT;
        self.state.send_modify(|state| {
            if !matches!(state.stage, RunStage::Stopping { .. }) {
                state.stage = RunStage::Stopping { by };
            }
        });
    }

    /// The run is over, and the catalog does not answer: it may be what keeps the end waiting.
    pub fn note_silent_catalog(&self) {
        self.state.send_modify(|state| state.catalog_is_silent = true);
    }

    /// Completes when a drain was asked for.
    pub async fn stop(&self) {
        self.stop_token().cancelled().await;
    }

    /// Cancelled when a drain was asked for.
    pub fn stop_token(&self) -> CancellationToken {
        self.state.borrow().stop.clone()
    }

    /// Completes for each SIGHUP; several that come before the first is taken are one.
    pub async fn reload(&self) {
        let reload = Arc::clone(&self.state.borrow().reload);
        reload.notified().await;
    }
}

impl Drop for DaemonSignals {
    fn drop(&mut self) {
        self.enter(RunStage::Ended);
    }
}

fn start(state: watch::Sender<RunState>) -> std::io::Result<()> {
    let (installed, installing) = mpsc::sync_channel(1);
    let listen = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return drop(installed.send(Err(error))),
        };
        runtime.block_on(async move {
            match Handlers::install() {
                Ok(handlers) => {
                    drop(installed.send(Ok(())));
                    hear(handlers, state).await;
                }
                Err(error) => drop(installed.send(Err(error))),
            }
        });
    };
    std::thread::Builder::new().name("signals".into()).spawn(listen)?;
    let gone = || Err(std::io::Error::other("the thread for signals ended"));
    installing.recv().unwrap_or_else(|_| gone())
}

struct Handlers {
    term: Signal,
    int: Signal,
    hup: Signal,
    usr1: Signal,
}

impl Handlers {
    fn install() -> std::io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
            usr1: signal(SignalKind::user_defined1())?,
        })
    }
}

async fn hear(mut handlers: Handlers, state: watch::Sender<RunState>) {
    let mut changes = state.subscribe();
    loop {
        let stage = changes.borrow_and_update().stage;
        let overdue = async {
            match stage {
                RunStage::Stopping { by } => tokio::time::sleep_until(by).await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = handlers.term.recv() => stop(&state, "SIGTERM"),
            _ = handlers.int.recv() => stop(&state, "SIGINT"),
            _ = handlers.hup.recv() => if on_hangup(stage) == SignalAction::Reload {
                state.borrow().reload.notify_one();
            },
            _ = handlers.usr1.recv() => if let Some(watchdog) = &state.borrow().watchdog {
                watchdog.send(WatchdogOrder::RecordBlackBoxes).ok();
            },
            _ = changes.changed() => {}
            () = overdue => {
                let (status, why) = on_overdue(state.borrow().catalog_is_silent);
                exit(status, move || error!("{why}"));
            }
        }
    }
}

fn stop(state: &watch::Sender<RunState>, signal: &'static str) {
    let mut decided = SignalAction::Ignore;
    // Decided under the lock: the run may end in this very moment.
    state.send_modify(|state| {
        decided = on_stop(state.stage, state.stops);
        state.stops += 1;
        if let (SignalAction::Drain, RunStage::Working { grace }) = (decided, state.stage) {
            state.stage = RunStage::Stopping {
                by: Instant::now() + grace + CLOSE_LIMIT,
            };
            state.stop.cancel();
        }
    });
    match decided {
        SignalAction::Drain => {
            notify::stopping("draining");
            tell(move || info!(signal, "draining; a second signal stops at once"));
        }
        SignalAction::Exit(0) => exit(0, move || info!(signal, "stopped while starting; no book was begun")),
        SignalAction::Exit(status) => exit(status, move || {
            warn!(
                signal,
                "stopping at once; claimed books are claimed again at the next start"
            );
        }),
        SignalAction::Ignore | SignalAction::Reload => {
            tell(move || info!(signal, "stopping already; a second signal stops at once"));
        }
    }
}

/// Ends the process.
fn exit(status: i32, log: impl FnOnce() + Send + 'static) -> ! {
    tell(log);
    std::process::exit(status)
}

/// Logs on a thread of its own, for which this one waits a moment.
fn tell(log: impl FnOnce() + Send + 'static) {
    let (logged, logging) = mpsc::sync_channel(1);
    let log = move || {
        log();
        logged.send(()).ok();
    };
    if std::thread::Builder::new().spawn(log).is_ok() {
        logging.recv_timeout(LOG_LIMIT).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stop_leads_to_depends_on_the_stage_and_on_the_stops_before() {
        let working = RunStage::Working { grace: Duration::ZERO };
        let stopping = RunStage::Stopping { by: Instant::now() };
        let cases = [
            (RunStage::Starting, 0, SignalAction::Exit(0)),
            (working, 0, SignalAction::Drain),
            (stopping, 0, SignalAction::Ignore),
            (stopping, 1, SignalAction::Exit(130)),
            (RunStage::Ended, 0, SignalAction::Exit(130)),
            (RunStage::Ended, 1, SignalAction::Exit(130)),
        ];
        for (stage, stops, action) in cases {
            assert_eq!(on_stop(stage, stops), action, "{stage:?} {stops}");
        }
    }

    #[test]
    fn an_end_that_takes_too_long_names_the_catalog_where_that_does_not_answer() {
        for (catalog_is_silent, status, says) in [
            (true, 1, "the catalog did not answer"),
            (false, 70, "did not end in time"),
        ] {
            let (found, why) = on_overdue(catalog_is_silent);
            assert!(found == status && why.contains(says), "{found} {why}");
        }
    }

    #[test]
    fn the_config_is_not_read_again_while_stopping() {
        let cases = [
            (RunStage::Starting, SignalAction::Reload),
            (RunStage::Working { grace: Duration::ZERO }, SignalAction::Reload),
            (RunStage::Stopping { by: Instant::now() }, SignalAction::Ignore),
            (RunStage::Ended, SignalAction::Ignore),
        ];
        for (stage, action) in cases {
            assert_eq!(on_hangup(stage), action, "{stage:?}");
        }
    }
}
