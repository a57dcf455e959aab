//! The threads that the daemon cannot do without, and whether each of them still answers.
//!
//! A thread answers when it comes to a closure that was put into its queue. Nobody waits for the answer: it is asked again only after it
//! came, and how long it has been outstanding is what others see.

use std::ffi::CStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_rt::ArbiterHandle;

use crate::actor::{ActorName, HubSnapshot, WaitEdge};
use crate::log::CountedNoun;
use crate::observe::ThreadSilence;

/// How long a thread may be silent where systemd sets no watchdog.
pub(crate) const SILENCE_LIMIT: Duration = Duration::from_secs(60);

/// A thread by the name that it has in the log and in `ps -L` (the main one has the program's there), and the actors on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ThreadRole {
    pub name: &'static str,
    c_name: &'static CStr,
    actors: &'static [ActorName],
    /// How long it may wait for others, whatever limit holds for all.
    longest_wait: Duration,
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
        longest_wait: Duration::ZERO,
    };
    pub(crate) const LISTS: Self = Self {
        name: "lists",
        c_name: c"lists",
        actors: &[ActorName::Collector, ActorName::Enricher, ActorName::Converter],
        longest_wait: Duration::ZERO,
    };
    pub(crate) const CATALOG: Self = Self {
        name: "catalog",
        c_name: c"catalog",
        actors: &[ActorName::Catalog],
        // A server has 180 s for one statement, and a connection that broke is made again.
        longest_wait: Duration::from_secs(300),
    };
    pub(crate) const SESSION: Self = Self {
        name: "session",
        c_name: c"session",
        actors: &[ActorName::SessionOwner],
        longest_wait: Duration::ZERO,
    };

    const ALL: [Self; 4] = [Self::MAIN, Self::LISTS, Self::CATALOG, Self::SESSION];

    /// Whether it has been silent for longer than it may; `limit` holds for all whose waits have no longer bound.
    fn is_stuck(self, silent: Duration, limit: Duration) -> bool {
        silent > limit.max(self.longest_wait)
    }
}

/// How long an actor may wait for others without a word, whatever limit holds for all.
pub(crate) fn longest_wait(actor: ActorName) -> Duration {
    let role = ThreadRole::ALL.iter().find(|role| role.actors.contains(&actor));
    role.map_or(Duration::ZERO, |role| role.longest_wait)
}

/// One thread.
#[derive(Debug)]
struct WatchedThread {
    role: ThreadRole,
    arbiter: ArbiterHandle,
    /// Since when an answer is outstanding.
    asked: Arc<Mutex<Option<Instant>>>,
}

impl WatchedThread {
    /// How long it has been silent.
    fn silence(&self, now: Instant) -> Duration {
        lock(&self.asked).map_or(Duration::ZERO, |asked| now.saturating_duration_since(asked))
    }
}

/// All of them.
#[derive(Debug)]
pub(crate) struct WatchedThreads {
    threads: Vec<WatchedThread>,
    limit: Duration,
}

impl WatchedThreads {
    /// Names the threads, for `ps -L` and debuggers; `limit`: for how long each may be silent whose waits have no longer bound.
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

    /// Those that have been silent for longer than they may.
    pub(crate) fn stuck(&self, now: Instant) -> Vec<ThreadSilence> {
        let stuck = self.threads.iter().filter_map(|thread| {
            let silent = thread.silence(now);
            thread.role.is_stuck(silent, self.limit).then(|| ThreadSilence {
                thread: thread.role.name.into(),
                seconds: silent.as_secs_f64(),
                actors: thread.role.actors.to_vec(),
            })
        });
        stuck.collect()
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

/// What these actors have in hand, who waits for them, and for whom they wait, a line each.
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
            let (queued, age) = (CountedNoun(actor.depth, "message"), actor.oldest_age_seconds);
            lines.push(format!("{} has {queued} queued, the oldest for {age:.0} s", actor.name));
        }
    }
    let is_asked_by = |edge: &WaitEdge| actors.iter().any(|actor| edge.from == actor.as_str());
    let waits = hub.waits.iter();
    let waits = waits.filter(|edge| actors.contains(&edge.to) || is_asked_by(edge));
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

    #[test]
    fn a_thread_is_stuck_beyond_its_limit_and_the_catalogs_is_longer() {
        let seconds = Duration::from_secs;
        for (thread, silent, limit, expected) in [
            (ThreadRole::MAIN, 60, 60, false),
            (ThreadRole::MAIN, 61, 60, true),
            (ThreadRole::SESSION, 61, 60, true),
            (ThreadRole::LISTS, 61, 60, true),
            (ThreadRole::CATALOG, 61, 60, false),
            (ThreadRole::CATALOG, 300, 60, false),
            (ThreadRole::CATALOG, 301, 60, true),
            // A longer watchdog holds for the catalog, too.
            (ThreadRole::CATALOG, 301, 600, false),
        ] {
            let is_stuck = thread.is_stuck(seconds(silent), seconds(limit));
            assert_eq!(is_stuck, expected, "{} {silent} of {limit}", thread.name);
        }
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
            let silences = |now| {
                threads
                    .threads
                    .iter()
                    .map(|thread| thread.silence(now))
                    .collect::<Vec<_>>()
            };
            assert_eq!(silences(later), [Duration::ZERO, Duration::from_secs(5)]);
            let much_later = begun + ThreadRole::CATALOG.longest_wait * 2;
            let stuck = threads.stuck(much_later);
            assert_eq!(
                stuck.iter().map(|silence| &*silence.thread).collect::<Vec<_>>(),
                ["catalog"]
            );
            threads.forgive(later);
            assert_eq!(silences(later)[1], Duration::ZERO, "it stood still with the process");
            drop(release);
            free.stop();
            held.stop();
            free.join().unwrap();
            held.join().unwrap();
            threads.ask(later);
            assert_eq!(silences(much_later)[0], Duration::ZERO, "it has ended");
        });
    }

    #[test]
    fn what_is_in_hand_names_who_waits_on_either_side() {
        let edge = |from: &'static str, to| WaitEdge {
            from: from.into(),
            to,
            waiting: 1,
            for_room: 0,
            queued: 0,
            handled: Vec::new(),
            longest_seconds: 11.0,
        };
        let mut hub = crate::actor::ActorRegistry::new().snapshot();
        hub.waits = vec![
            edge("supervisor", ActorName::Downloader),
            edge("downloader", ActorName::SessionOwner),
            edge("collector", ActorName::Catalog),
        ];
        assert_eq!(
            in_hand(&[ActorName::Downloader], &hub),
            [
                "supervisor waits for downloader: 1 asked, the longest ago 11 s",
                "downloader waits for session_owner: 1 asked, the longest ago 11 s",
            ]
        );
    }
}
