//! The threads that the daemon cannot do without, and whether each of them still answers.
//!
//! A thread answers when it comes to a closure that was put into its queue. Nobody waits for the answer: it is asked again only after it
//! came, and how long it has been outstanding is what others see.

use std::ffi::CStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_rt::ArbiterHandle;

use crate::actor::{ActorName, HubSnapshot};
use crate::observe::ThreadSilence;

/// How long a thread may be silent where systemd sets no watchdog.
pub(crate) const SILENCE_LIMIT: Duration = Duration::from_secs(60);
/// How long the catalog's thread may be silent: a server has 180 s for one statement, and a connection that broke is made again.
const CATALOG_LIMIT: Duration = Duration::from_secs(300);

/// A thread by the name that it has in the log and in `ps -L`, and the actors on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ThreadRole {
    pub name: &'static str,
    c_name: &'static CStr,
    actors: &'static [ActorName],
}

impl ThreadRole {
    pub(crate) const MAIN: Self = Self {
        name: "main",
        c_name: c"grind",
        actors: &[
            ActorName::Supervisor,
            ActorName::Checker,
            ActorName::Downloader,
            ActorName::StateStore,
        ],
    };
    pub(crate) const LISTS: Self = Self {
        name: "lists",
        c_name: c"lists",
        actors: &[ActorName::Collector, ActorName::Enricher, ActorName::Converter],
    };
    pub(crate) const CATALOG: Self = Self {
        name: "catalog",
        c_name: c"catalog",
        actors: &[ActorName::Catalog],
    };
    pub(crate) const SESSION: Self = Self {
        name: "session",
        c_name: c"session",
        actors: &[ActorName::SessionOwner],
    };
}

/// One thread.
#[derive(Debug)]
struct WatchedThread {
    role: ThreadRole,
    arbiter: ArbiterHandle,
    /// Since when an answer is outstanding.
    asked: Arc<Mutex<Option<Instant>>>,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct WatchedThreads {
    threads: Vec<WatchedThread>,
    limit: Duration,
}

impl WatchedThreads {
    /// Names the threads, for `ps -L` and debuggers; `limit`: for how long each but the catalog's may be silent.
    pub(crate) fn new(threads: Vec<(ThreadRole, ArbiterHandle)>, limit: Duration) -> Self {
        let watched = threads.into_iter().map(|(role, arbiter)| {
            arbiter.spawn_fn(move || {
                rustix::thread::set_name(role.c_name).ok();
            });
            let asked = Arc::default();
            WatchedThread { role, arbiter, asked }
        });
        let threads = watched.collect();
        Self { threads, limit }
    }

    /// Asks each thread that has answered the last time. One that has ended, as in a shutdown, is asked nothing.
    pub(crate) fn ask(&self, now: Instant) {
        for thread in &self.threads {
            let mut asked = lock(&thread.asked);
            if asked.is_some() {
                continue;
            }
            let answer = Arc::clone(&thread.asked);
            let sent = thread.arbiter.spawn_fn(move || *lock(&answer) = None);
            *asked = sent.then_some(now);
        }
    }

    /// Counts what is outstanding from now on: the process itself stood still, and its threads with it.
    pub(crate) fn forgive(&self, now: Instant) {
        for thread in &self.threads {
            if let Some(asked) = &mut *lock(&thread.asked) {
                *asked = now;
            }
        }
    }

    /// How long each thread has been silent.
    fn silences(&self, now: Instant) -> Vec<ThreadSilence> {
        let silence = |thread: &WatchedThread| ThreadSilence {
            thread: thread.role.name.into(),
            seconds: lock(&thread.asked).map_or(0.0, |asked| now.saturating_duration_since(asked).as_secs_f64()),
        };
        self.threads.iter().map(silence).collect()
    }

    /// Those that have been silent for longer than they may.
    pub(crate) fn stuck(&self, now: Instant) -> Vec<ThreadSilence> {
        stuck(&self.silences(now), self.limit)
    }

    /// For tests of the watchdog: the thread of this name never does anything again. `false`: there is none.
    pub(crate) fn wedge(&self, name: &str) -> bool {
        let thread = self.threads.iter().find(|thread| thread.role.name == name);
        let stand_still = || loop {
            std::thread::park();
        };
        thread.is_some_and(|thread| thread.arbiter.spawn_fn(stand_still))
    }

    /// The actors on the thread of this name.
    pub(crate) fn actors(&self, name: &str) -> &'static [ActorName] {
        let thread = self.threads.iter().find(|thread| thread.role.name == name);
        thread.map_or(&[], |thread| thread.role.actors)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Those that have been silent for longer than they may; `limit` holds for all but the catalog's, whose waits have a longer bound.
fn stuck(silences: &[ThreadSilence], limit: Duration) -> Vec<ThreadSilence> {
    let is_stuck = |silence: &&ThreadSilence| {
        let limit = match &*silence.thread {
            "catalog" => CATALOG_LIMIT.max(limit),
            _ => limit,
        };
        silence.seconds > limit.as_secs_f64()
    };
    silences.iter().filter(is_stuck).cloned().collect()
}

/// What the actors of a silent thread have in hand, and who waits for them, a line each.
pub(crate) fn in_hand(actors: &[ActorName], hub: &HubSnapshot) -> Vec<String> {
    let mut lines = Vec::new();
    for actor in hub.actors.iter().filter(|actor| actors.contains(&actor.name)) {
        for message in actor.messages.iter().filter(|message| message.in_flight > 0) {
            lines.push(format!(
                "{} handles {} ({})",
                actor.name, message.kind, message.in_flight
            ));
        }
        if actor.depth > 0 {
            let (depth, age) = (actor.depth, actor.oldest_age_seconds);
            lines.push(format!(
                "{} has {depth} messages queued, the oldest for {age:.0} s",
                actor.name
            ));
        }
    }
    let waits = hub.waits.iter().filter(|edge| actors.contains(&edge.to));
    lines.extend(waits.map(|edge| {
        let (waiting, longest) = (edge.waiting, edge.longest_seconds);
        format!(
            "{} waits for {}: {waiting} asked, the longest ago {longest:.0} s",
            edge.from, edge.to
        )
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silence(thread: &str, seconds: f64) -> ThreadSilence {
        ThreadSilence {
            thread: thread.to_owned(),
            seconds,
        }
    }

    #[test]
    fn a_thread_is_stuck_beyond_its_limit_and_the_catalogs_is_longer() {
        let limit = Duration::from_secs(60);
        let cases = [
            ("main", 59.0, false),
            ("main", 61.0, true),
            ("session", 61.0, true),
            ("lists", 61.0, true),
            ("catalog", 61.0, false),
            ("catalog", 299.0, false),
            ("catalog", 301.0, true),
        ];
        for (thread, seconds, expected) in cases {
            let found = stuck(&[silence("other", 0.0), silence(thread, seconds)], limit);
            assert_eq!(!found.is_empty(), expected, "{thread} {seconds}");
        }
        let long = stuck(&[silence("catalog", 301.0)], Duration::from_secs(600));
        assert!(long.is_empty(), "a longer watchdog holds for the catalog, too");
    }

    #[test]
    fn a_thread_that_answers_is_not_silent_and_one_that_stands_still_is() {
        actix_rt::System::new().block_on(async {
            let (free, held) = (actix_rt::Arbiter::new(), actix_rt::Arbiter::new());
            let (release, released) = std::sync::mpsc::channel::<()>();
            held.spawn_fn(move || {
                released.recv().ok();
            });
            let threads = WatchedThreads::new(
                vec![
                    (ThreadRole::SESSION, free.handle()),
                    (ThreadRole::CATALOG, held.handle()),
                ],
                SILENCE_LIMIT,
            );
            let begun = Instant::now();
            threads.ask(begun);
            let (answered, answer) = tokio::sync::oneshot::channel();
            free.spawn_fn(move || {
                answered.send(()).ok();
            });
            answer.await.unwrap();
            let later = begun + Duration::from_secs(5);
            let told = threads.silences(later);
            assert_eq!(told, [silence("session", 0.0), silence("catalog", 5.0)]);
            threads.forgive(later);
            assert_eq!(
                threads.silences(later)[1],
                silence("catalog", 0.0),
                "it stood still with the process"
            );
            drop(release);
            free.stop();
            held.stop();
            free.join().unwrap();
            held.join().unwrap();
            threads.ask(later);
            assert_eq!(
                threads.silences(later + CATALOG_LIMIT * 2)[0],
                silence("session", 0.0),
                "it has ended"
            );
        });
    }
}
