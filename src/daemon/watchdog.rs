//! The watchdog: systemd is told that the daemon is alive only while each of its threads answers and each critical actor comes a step further,
//! has nothing to do, or stands in a wait that it has declared. It has a thread of its own, so that no
//! other can keep it, and says in the log what a silent thread has in hand before systemd ends the process. It also has the last messages
//! of actors written to files after a panic, in a stall, and when it is told to.

use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracing::{error, info};

use crate::actor::wedge::wedge;
use crate::actor::{ActorName, ActorRegistry, HubSnapshot};
use crate::daemon::black_box::BlackBoxRecorder;
use crate::daemon::notify;
use crate::daemon::stalls::{StallLimits, stalled};
use crate::daemon::threads::{self, SILENCE_LIMIT, WatchedThreads};
use crate::observe::{ActorStall, ThreadSilence};

/// How often threads are asked, where systemd does not want to hear more often.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// A thread that works for so long without a pause does not hang, however often systemd wants to hear.
const SHORTEST_LIMIT: Duration = Duration::from_secs(1);
/// For tests: the thread of this name stands still once everything is up, or the actor of this name ends no message.
const WEDGE: &str = "GRIND_DEBUG_WEDGE";

/// The thread that asks the others; it ends when this is dropped.
pub(crate) struct WatchdogThread {
    orders: mpsc::Sender<WatchdogOrder>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread does besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WatchdogOrder {
    /// Ends.
    Stop,
    /// Has the last messages of all actors written to files.
    RecordBlackBoxes,
}

/// How often to ask, and for how long a thread may be silent: systemd ends a process that it has not heard of for its whole interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct WatchdogPace {
    ask_every: Duration,
    limit: Duration,
    actors: StallLimits,
}

impl WatchdogPace {
    fn of(interval: Option<Duration>) -> Self {
        let limit = interval.map_or(SILENCE_LIMIT, |interval| (interval / 2).max(SHORTEST_LIMIT));
        let ask_every = interval.map_or(ASK_EVERY, |interval| (interval / 4).min(ASK_EVERY));
        let actors = StallLimits {
            told: limit,
            ends: limit * 5,
        };
        Self {
            ask_every,
            limit,
            actors,
        }
    }
}

/// For how long a thread may be silent.
pub(crate) fn silence_limit() -> Duration {
    WatchdogPace::of(notify::watchdog_interval()).limit
}

/// For how long an actor may come no step further.
pub(crate) fn stall_limits() -> StallLimits {
    WatchdogPace::of(notify::watchdog_interval()).actors
}

impl WatchdogThread {
    /// Begins to ask.
    ///
    /// # Errors
    /// No thread can be had.
    pub(crate) fn start(hub: ActorRegistry, threads: Arc<WatchedThreads>, folder: PathBuf) -> std::io::Result<Self> {
        if let Ok(name) = std::env::var(WEDGE) {
            let actor = ActorName::ALL.into_iter().find(|actor| actor.as_str() == name);
            actor.into_iter().for_each(wedge);
            let found = actor.is_some() || threads.wedge(&name);
            error!(name, found, "a thread or actor is made to stand still, as {WEDGE} says");
        }
        let (orders, ordered) = mpsc::channel();
        let WatchdogPace { ask_every, actors, .. } = WatchdogPace::of(notify::watchdog_interval());
        let watch = move || {
            let mut seen = Seen::default();
            let mut recorder = BlackBoxRecorder::new(hub.clone(), folder);
            let mut last = Instant::now();
            loop {
                match ordered.recv_timeout(ask_every) {
                    Ok(WatchdogOrder::RecordBlackBoxes) => recorder.record(&ActorName::ALL, "SIGUSR1"),
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                    Ok(WatchdogOrder::Stop) | Err(mpsc::RecvTimeoutError::Disconnected) => return,
                }
                let now = Instant::now();
                // The process was stopped or the machine slept: the others could not answer either.
                if now.saturating_duration_since(last) > ask_every * 2 {
                    threads.forgive(now);
                }
                last = now;
                threads.ask(now);
                let silent = seen.tell(threads.stuck(now), &hub, &threads);
                recorder.record(&silent, "watchdog");
                let snapshot = hub.snapshot();
                let stalled = stalled(&snapshot, actors);
                recorder.look(&snapshot, &stalled);
                if !seen.tell_stalled(&stalled, &snapshot) && seen.stuck.is_empty() {
                    notify::alive();
                }
            }
        };
        let thread = std::thread::Builder::new().name("watchdog".into()).spawn(watch)?;
        Ok(Self {
            orders,
            thread: Some(thread),
        })
    }

    /// Where it takes orders.
    pub(crate) fn orders(&self) -> mpsc::Sender<WatchdogOrder> {
        self.orders.clone()
    }
}

impl Drop for WatchdogThread {
    fn drop(&mut self) {
        self.orders.send(WatchdogOrder::Stop).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// What was said of silent threads, so that each is said once.
#[derive(Default)]
struct Seen {
    stuck: Vec<ThreadSilence>,
    stalled: Vec<ActorName>,
}

impl Seen {
    /// Returns the actors of threads that are silent since now.
    fn tell(&mut self, now: Vec<ThreadSilence>, hub: &ActorRegistry, threads: &WatchedThreads) -> Vec<ActorName> {
        let mut silent = Vec::new();
        let is_in = |list: &[ThreadSilence], thread: &str| list.iter().any(|silence| silence.thread == thread);
        for silence in now.iter().filter(|silence| !is_in(&self.stuck, &silence.thread)) {
            let (thread, seconds) = (&silence.thread, silence.seconds);
            let held = threads::in_hand(threads.actors(thread), &hub.snapshot()).join("; ");
            silent.extend(threads.actors(thread));
            error!(
                thread,
                seconds, held, "a thread does not answer; systemd ends the daemon if that lasts, and starts it again"
            );
        }
        for silence in self.stuck.iter().filter(|silence| !is_in(&now, &silence.thread)) {
            let (thread, seconds) = (&silence.thread, silence.seconds);
            info!(
                thread,
                seconds, "a thread answers again that was silent for longer than this"
            );
        }
        self.stuck = now;
        silent
    }

    /// Says once of each actor for which the daemon is to end, and whether there is one.
    fn tell_stalled(&mut self, stalled: &[ActorStall], hub: &HubSnapshot) -> bool {
        let ending = stalled.iter().filter(|stall| stall.ends_daemon);
        let now: Vec<_> = ending.collect();
        for stall in now.iter().filter(|stall| !self.stalled.contains(&stall.actor)) {
            let (actor, seconds) = (stall.actor, stall.seconds.round());
            let held = threads::in_hand(&[actor], hub).join("; ");
            error!(%actor, seconds, held, "an actor stands still; systemd ends the daemon if that lasts, and starts it again");
        }
        self.stalled = now.into_iter().map(|stall| stall.actor).collect();
        !self.stalled.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_told_and_acted_on_within_the_interval_of_systemd() {
        let seconds = Duration::from_secs;
        let cases = [
            (None, seconds(5), seconds(60), seconds(300)),
            (Some(seconds(120)), seconds(5), seconds(60), seconds(300)),
            (Some(seconds(8)), seconds(2), seconds(4), seconds(20)),
            (Some(seconds(2)), seconds(2) / 4, seconds(1), seconds(5)),
            (Some(seconds(1)), seconds(1) / 4, seconds(1), seconds(5)),
        ];
        for (interval, ask_every, limit, actor_limit) in cases {
            let actors = StallLimits {
                told: limit,
                ends: actor_limit,
            };
            let pace = WatchdogPace {
                ask_every,
                limit,
                actors,
            };
            assert_eq!(WatchdogPace::of(interval), pace);
        }
    }
}
