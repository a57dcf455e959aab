//! One sentence on each actor: what it does now.
//!
//! A pure function over snapshots: the sentence is made of what the handlers of its messages say, of its counters and its state as they
//! are when somebody looks, and of nothing that was said before.

use std::collections::BTreeMap;

use crate::actor::{ActorName, ActorSnapshot, ActorState, HubSnapshot};
use crate::log::{CountedNoun, DisplayCount, DisplayDuration};
use crate::observe::daemon::DaemonSnapshot;
use crate::session::SessionSnapshot;
use crate::vocabulary::BookOutcome;

/// The sentence of each actor that was started or asked.
pub fn sentences(hub: &HubSnapshot, session: &SessionSnapshot, daemon: &DaemonSnapshot) -> BTreeMap<ActorName, String> {
    let told = hub.actors.iter().map(|actor| {
        let sentence = faults(actor).or_else(|| work(actor));
        let sentence = sentence.or_else(|| of_its_own(actor, session, daemon));
        (actor.name, sentence.unwrap_or_else(|| idle(actor, daemon)))
    });
    told.collect()
}

/// An actor that is not well says so first.
fn faults(actor: &ActorSnapshot) -> Option<String> {
    let count = |state| actor.states.get(&state).copied().unwrap_or_default();
    if actor.gave_up {
        let fault = actor
            .instances
            .iter()
            .find_map(|instance| instance.first_fault.as_deref());
        return Some(format!(
            "could not be kept alive: {}",
            fault.unwrap_or("its fault is in the log")
        ));
    }
    (count(ActorState::Backoff) > 0).then(|| {
        let longest = DisplayDuration(actor.restart_backoff_seconds);
        format!("is built anew after a fault, within {longest}")
    })
}

/// What its handlers say.
fn work(actor: &ActorSnapshot) -> Option<String> {
    let works: Vec<_> = actor
        .instances
        .iter()
        .flat_map(|instance| &instance.work)
        .map(String::as_str)
        .collect();
    (!works.is_empty()).then(|| works.join("; "))
}

fn of_its_own(actor: &ActorSnapshot, session: &SessionSnapshot, daemon: &DaemonSnapshot) -> Option<String> {
    match actor.name {
        ActorName::Supervisor if actor.in_flight() > 0 => Some(match daemon.waiting.first() {
            Some(wait) => format!("waits for {}: {}", wait.cause.label(), wait.why),
            None => format!(
                "{} in hand, {} stored in this run",
                CountedNoun(daemon.books_in_hand, "book"),
                DisplayCount(daemon.finished(BookOutcome::Stored))
            ),
        }),
        ActorName::SessionOwner if session.requests_in_flight > 0 => Some(format!(
            "{} under way over {}",
            CountedNoun(session.requests_in_flight as u64, "request"),
            CountedNoun(session.connections_open, "connection")
        )),
        ActorName::Catalog if actor.in_flight() > 0 => Some(format!("writes: {}", under_way(actor))),
        _ if actor.in_flight() > 0 => Some(format!("handles: {}", under_way(actor))),
        _ if actor.depth > 0 => Some(format!("messages not begun: {}", DisplayCount(actor.depth))),
        _ => None,
    }
}

/// `claim, settle 3`.
fn under_way(actor: &ActorSnapshot) -> String {
    let messages = actor.messages.iter().filter(|message| message.in_flight > 0);
    let words = messages.map(|message| match message.in_flight {
        1 => message.kind.to_string(),
        many => format!("{} {}", message.kind, DisplayCount(many)),
    });
    words.collect::<Vec<_>>().join(", ")
}

fn idle(actor: &ActorSnapshot, daemon: &DaemonSnapshot) -> String {
    let is_over = !actor.instances.is_empty() && actor.instances.iter().all(|instance| instance.exit.is_some());
    if is_over {
        return "has ended".to_owned();
    }
    let last = actor.last_progress_timestamp_seconds.filter(|_| actor.handled() > 0);
    match last {
        None => "idle; nobody has asked it yet".to_owned(),
        Some(last) => {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of an age")]
            let now = daemon.taken_at.as_millisecond() as f64 / 1e3;
            format!("idle for {}", DisplayDuration(now - last))
        }
    }
}

#[cfg(test)]
mod tests;
