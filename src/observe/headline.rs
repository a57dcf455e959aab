//! How the daemon is, in one plain sentence, and what a person has to do.

use crate::actor::ActorName;
use crate::log::DisplayCount;
use crate::observe::chain::BlockingChain;
use crate::observe::daemon::{DaemonSnapshot, DaemonState};
use crate::observe::liveness::ActorStall;
use crate::observe::status::DaemonStatus;
use crate::vocabulary::WaitReason;

/// How the daemon is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DaemonMood {
    /// All is as it should be.
    Well,
    /// It waits for something that passes by itself, or was told to wait.
    Waits,
    /// A person is needed.
    NeedsPerson,
}

impl DaemonMood {
    /// In a word or two.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Waits => "waits",
            Self::NeedsPerson => "needs a person",
        }
    }
}

/// The sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainHeadline {
    /// How it is.
    pub mood: DaemonMood,
    /// In a few words.
    pub words: String,
    /// What more there is to say.
    pub why: Option<String>,
}

/// Something that only a person can mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonTask {
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub advice: String,
}

impl PlainHeadline {
    /// The first of these that is so: a thread or an actor has failed, the end, nothing can be done without a person, nothing can be
    /// done now, the work.
    pub fn of(status: &DaemonStatus) -> Self {
        let daemon = &status.daemon;
        if let Some(silence) = status.stuck.first() {
            let words = format!("A part of the daemon does not answer: its thread {}", silence.thread);
            return needs_person(words, None);
        }
        if let Some(gave_up) = &status.hub.gave_up {
            let words = format!("A part of the daemon could not be kept alive: {}", gave_up.actor);
            return needs_person(words, gave_up.fault.clone());
        }
        if let Some(stall) = status.stalled.first() {
            let words = format!("A part of the daemon stands still: {}", stall.actor);
            return needs_person(words, Some(stall_words(status, stall)));
        }
        if let Some(phase) = daemon.shutdown {
            return waits(
                "Stopping".to_owned(),
                Some(format!("step {}", phase.as_str().replace('_', " "))),
            );
        }
        if let Some(signed_out) = &daemon.signed_out {
            return needs_person("Signed out of GRIN".to_owned(), Some(signed_out.why.clone()));
        }
        if let Some(wait) = daemon.waiting.first() {
            let mood = if wait.needs_person {
                DaemonMood::NeedsPerson
            } else {
                DaemonMood::Waits
            };
            let words = match daemon.state {
                DaemonState::Paused => "Paused by an operator".to_owned(),
                _ => format!("Waiting for {}", wait.cause.label()),
            };
            let why = Some(wait.why.clone());
            return Self { mood, words, why };
        }
        if daemon.gate_closed_until.is_some_and(|until| until > daemon.taken_at) {
            return waits("Waiting for GRIN, which asked for a pause".to_owned(), None);
        }
        at_work(daemon)
    }
}

fn at_work(daemon: &DaemonSnapshot) -> PlainHeadline {
    let well = |words: &str, why| PlainHeadline {
        mood: DaemonMood::Well,
        words: words.to_owned(),
        why,
    };
    let books = daemon.books_in_hand;
    let active = daemon.phases.iter().filter(|(_, phase)| phase.active);
    let phases: Vec<_> = active.map(|(phase, _)| phase.as_str()).collect();
    match daemon.state {
        DaemonState::Starting => waits("Starting".to_owned(), None),
        DaemonState::Draining | DaemonState::Stopped => waits("Stopping".to_owned(), None),
        DaemonState::Working if books > 0 => {
            let noun = if books == 1 { "book is" } else { "books are" };
            well("Working", Some(format!("{} {noun} in work", DisplayCount(books))))
        }
        DaemonState::Working => well("Working", Some(phases.join(", "))),
        DaemonState::Waiting | DaemonState::Paused => well("Up to date: nothing can be fetched now", None),
    }
}

fn waits(words: String, why: Option<String>) -> PlainHeadline {
    PlainHeadline {
        mood: DaemonMood::Waits,
        words,
        why,
    }
}

fn needs_person(words: String, why: Option<String>) -> PlainHeadline {
    PlainHeadline {
        mood: DaemonMood::NeedsPerson,
        words,
        why,
    }
}

/// With its message, for how long, and who waits for it.
pub(super) fn stall_words(status: &DaemonStatus, stall: &ActorStall) -> String {
    let chain = status.chains.heaviest.iter().chain(status.chains.by_actor.values());
    let ends_there = |chain: &&BlockingChain| {
        let end = chain.links.last().is_some_and(|end| end.node == stall.actor.as_str());
        end && chain.links.len() > 1
    };
    let waiting = chain.filter(ends_there).max_by_key(|chain| chain.links.len());
    match waiting {
        Some(chain) => format!("{stall}: {}", chain.nodes()),
        None => stall.to_string(),
    }
}

/// Threads and actors that come no step further.
fn what_stands_still(status: &DaemonStatus) -> Vec<PersonTask> {
    let task = |what: String, advice: &str| PersonTask {
        what: sentence(&what),
        advice: advice.to_owned(),
    };
    let threads = status.stuck.iter().map(|silence| {
        let advice = "systemd starts the daemon again if that lasts; see grind actors --chain and the log.";
        task(silence.to_string(), advice)
    });
    let actors = status.stalled.iter().map(|stall| {
        let advice = match stall.actor {
            ActorName::StateStore => "Only the published status is not up to date; systemctl restart grind if that lasts.",
            _ => {
                "It may go on by itself; if that lasts, systemd starts the daemon again. See grind actors --chain and the log."
            }
        };
        task(stall_words(status, stall), advice)
    });
    threads.chain(actors).collect()
}

/// Everything that only a person can mend, the most urgent first.
pub fn person_tasks(status: &DaemonStatus) -> Vec<PersonTask> {
    let daemon = &status.daemon;
    let mut tasks = what_stands_still(status);
    let mut add = |what: String, advice: &str| {
        let advice = advice.to_owned();
        tasks.push(PersonTask { what, advice });
    };
    if let Some(gave_up) = &status.hub.gave_up {
        let fault = gave_up.fault.as_deref().unwrap_or("its fault is in the log");
        add(
            format!("The actor {} could not be kept alive: {fault}", gave_up.actor),
            "See the log; start the daemon again.",
        );
    }
    if let Some(signed_out) = &daemon.signed_out {
        add(format!("Signed out of GRIN: {}", signed_out.why), &signed_out.advice);
    }
    for wait in daemon.waiting.iter().filter(|wait| wait.needs_person) {
        add(
            format!("Waiting for {}: {}", wait.cause.label(), wait.why),
            advice(wait),
        );
    }
    if let Some(reload) = daemon.reload.as_ref().filter(|reload| !reload.successful) {
        add(
            format!("The changed config is not in force: {}", reload.summary),
            "Run grind check-config, then systemctl reload grind; for keys that wait for a restart, systemctl restart grind.",
        );
    }
    if let Some(unsound) = daemon
        .fixity
        .map(|fixity| fixity.unsound)
        .filter(|unsound| *unsound > 0)
    {
        add(
            format!("{} of what is stored is damaged or gone.", books(unsound)),
            "See grind report and grind verify --quick.",
        );
    }
    let given_up = daemon.forecast.as_ref().map_or(0, |forecast| forecast.given_up);
    if given_up > 0 {
        add(
            format!("{} failed and will not be tried again.", books(given_up)),
            "See the reasons below; grind retry --failed tries them once more.",
        );
    }
    tasks
}

/// With a capital at its beginning, and a full stop.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    format!("{}{}.", first.map(String::from).unwrap_or_default(), letters.as_str())
}

fn advice(wait: &WaitReason) -> &'static str {
    if wait.resumes_by_itself {
        "Work goes on by itself once this is mended."
    } else {
        "Work goes on after grind resume, or once the config says so."
    }
}

fn books(count: u64) -> String {
    let noun = if count == 1 { "book" } else { "books" };
    format!("{} {noun}", DisplayCount(count))
}

#[cfg(test)]
mod tests;
