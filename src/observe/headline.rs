//! How the daemon is, in one plain sentence, and what a person has to do.

use jiff::Timestamp;

use crate::actor::ActorName;
use crate::log::{CountedNoun, DisplayCount};
use crate::observe::chain::BlockingChain;
use crate::observe::daemon::{DaemonSnapshot, DaemonState};
use crate::observe::liveness::ActorStall;
use crate::observe::status::DaemonStatus;
use crate::vocabulary::WaitCause;

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
    /// What happens next by itself, if that is known.
    pub next: Option<NextMoment>,
}

/// When something happens by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextMoment {
    /// What, in the middle of a sentence.
    pub what: &'static str,
    /// When.
    pub at: Timestamp,
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
            return Self {
                mood,
                words,
                why: Some(wait.why.clone()),
                next: wait.until.map(|at| NextMoment {
                    what: next_of(wait.cause),
                    at,
                }),
            };
        }
        if let Some(until) = daemon.gate_closed_until.filter(|until| *until > daemon.taken_at) {
            let why = match status.session.gate_closed_by {
                Some(status) => format!("it answered {status}"),
                None => "it answered so to another program".to_owned(),
            };
            let what = next_of(WaitCause::Gate);
            return Self {
                next: Some(NextMoment { what, at: until }),
                ..waits("Waiting for GRIN, which asked for a pause".to_owned(), Some(why))
            };
        }
        at_work(daemon)
    }
}

fn at_work(daemon: &DaemonSnapshot) -> PlainHeadline {
    let well = |words: &str, why| PlainHeadline {
        mood: DaemonMood::Well,
        words: words.to_owned(),
        why,
        next: None,
    };
    let narrowed = match daemon.download_places {
        places if places.now < places.most => {
            let (now, most) = (places.now, places.most);
            format!("; archives: {now} at once instead of {most}, as GRIN cannot keep up")
        }
        _ => String::new(),
    };
    let books = daemon.books_in_hand;
    let active = daemon.phases.iter().filter(|(_, phase)| phase.active);
    let phases: Vec<_> = active.map(|(phase, _)| phase.as_str()).collect();
    match daemon.state {
        DaemonState::Starting => waits("Starting".to_owned(), None),
        DaemonState::Draining | DaemonState::Stopped => waits("Stopping".to_owned(), None),
        DaemonState::Working if books > 0 => {
            let noun = if books == 1 { "book is" } else { "books are" };
            let why = format!("{} {noun} in work{narrowed}", DisplayCount(books));
            well("Working", Some(why))
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
        next: None,
    }
}

fn needs_person(words: String, why: Option<String>) -> PlainHeadline {
    PlainHeadline {
        mood: DaemonMood::NeedsPerson,
        words,
        why,
        next: None,
    }
}

/// With its message, for how long, and who waits for it.
fn stall_words(status: &DaemonStatus, stall: &ActorStall) -> String {
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
    let threads = status.stuck.iter().map(|silence| {
        let advice = "If that lasts, systemd starts the daemon again; see grind actors --chain and the log.";
        PersonTask::of(&silence.to_string(), advice)
    });
    let actors = status.stalled.iter().map(|stall| {
        let advice = match stall.actor {
            ActorName::StateStore => "Only the published status is not up to date; systemctl restart grind if that lasts.",
            _ => {
                "It may go on by itself; if that lasts, systemd starts the daemon again. See grind actors --chain and the log."
            }
        };
        PersonTask::of(&stall_words(status, stall), advice)
    });
    threads.chain(actors).collect()
}

/// Everything that only a person can mend, the most urgent first.
pub fn person_tasks(status: &DaemonStatus) -> Vec<PersonTask> {
    let daemon = &status.daemon;
    let mut tasks = what_stands_still(status);
    let mut add = |what: String, advice: &str| tasks.push(PersonTask::of(&what, advice));
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
            advice(wait.cause),
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
            format!("What is stored of {} is damaged or gone", books(unsound)),
            "grind report --unsound names them. Where a second copy or GRIN has them, the daemon mends them a day after the check.",
        );
    }
    if let Some(unread) = daemon.fixity.map(|fixity| fixity.unread).filter(|unread| *unread > 0) {
        add(
            format!("What is stored of {} cannot be read", books(unread)),
            "The log names them: journalctl -u grind -g 'could not be checked'. Look at the disk, and at what stands in their places.",
        );
    }
    let given_up = daemon.forecast.as_ref().map_or(0, |forecast| forecast.given_up);
    if given_up > 0 {
        add(
            format!("{} failed and will not be tried again", books(given_up)),
            "See grind report for the reasons; grind retry --failed tries them once more.",
        );
    }
    tasks
}

impl PersonTask {
    /// Each of both becomes a sentence.
    fn of(what: &str, advice: &str) -> Self {
        let [what, advice] = [what, advice].map(sentence);
        Self { what, advice }
    }
}

/// With a capital at its beginning, and a full stop.
fn sentence(words: &str) -> String {
    let mut letters = words.trim_end_matches('.').chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    format!("{}{}.", first.map(String::from).unwrap_or_default(), letters.as_str())
}

/// What the moment is until which a wait for this lasts.
fn next_of(cause: WaitCause) -> &'static str {
    match cause {
        WaitCause::Operator => "the pause ends at",
        WaitCause::Gate => "it is asked again at",
        _ => "next attempt at",
    }
}

/// What a person does about what is waited for, and how work goes on then.
fn advice(cause: WaitCause) -> &'static str {
    match cause {
        WaitCause::Operator => {
            "End the pause with grind resume; where work.paused is set, take it out of the config and run systemctl reload grind"
        }
        WaitCause::Grin | WaitCause::Gate | WaitCause::Token => {
            "See grind check-config --connect; work goes on by itself once GRIN answers"
        }
        WaitCause::Failures => {
            "See grind report for the reasons; work goes on by itself with the first book that can be fetched"
        }
        WaitCause::SignIn => "Sign in as sudo -u grind grind auth login --no-browser; work goes on by itself",
        WaitCause::Passphrase => {
            "Put the right passphrase into archive.passphrase_file; work goes on by itself, or after systemctl restart grind where systemd gives the file (LoadCredential=)"
        }
        WaitCause::Storage => {
            "See grind check-config --connect for what the storage refuses; work goes on by itself once it takes books"
        }
        WaitCause::Mount => {
            "Mount the right storage, and work goes on by itself; grind storage adopt makes this one the library's"
        }
        WaitCause::Disk => {
            "Make room there, or lower storage.disk_reserve and restart; with room work goes on by itself"
        }
        WaitCause::Catalog => "See the log for what the catalog refuses; work goes on by itself once it can be written",
        WaitCause::Members => "Give one of both daemons another name (work.instance), and start it again",
    }
}

fn books(count: u64) -> String {
    CountedNoun(count, "book").to_string()
}

#[cfg(test)]
mod tests;
