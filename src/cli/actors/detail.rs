//! One actor: its state, its messages, its instances.

use std::collections::BTreeMap;

use crate::actor::{ActorSnapshot, InstanceSnapshot, MessageSnapshot, SnapshotLabel, WindowQuantiles};
use crate::log::ShortDuration;
use crate::observe::{DaemonStatus, DisplayCount, DisplayDuration};

/// The lines about the actor of this name.
pub fn of_one(seen: &DaemonStatus, name: &str) -> Vec<String> {
    let Some(actor) = seen.hub.actors.iter().find(|actor| actor.name.as_str() == name) else {
        return vec![format!("{name} has not been started, and nobody has asked it.")];
    };
    let mut lines = head(actor);
    let sentence = seen.sentences.get(&actor.name).map(String::as_str);
    lines.insert(1, format!("{:<15}{}", "does", sentence.unwrap_or_default()));
    lines.extend(windows(actor));
    lines.push(String::new());
    lines.push(format!(
        "{:<21}{:>9}{:>7}{:>4}{:>7}{:>7}{:>7}{:>9}{:>9}",
        "MESSAGE", "HANDLED", "FAILED", "RUN", "10s /s", "1m /s", "15m /s", "99% 1m", "99% ALL"
    ));
    let mut messages: Vec<_> = actor.messages.iter().collect();
    // The top messages of the last minute first; the others as they were met first.
    let place = |message: &MessageSnapshot| {
        let window = actor.windows.get("1m")?;
        window.messages.iter().position(|recent| recent.kind == message.kind)
    };
    messages.sort_by_key(|message| place(message).unwrap_or(usize::MAX));
    lines.extend(messages.into_iter().map(|message| row(actor, message)));
    lines.extend(instances(actor));
    lines
}

fn head(actor: &ActorSnapshot) -> Vec<String> {
    let states: Vec<_> = actor
        .states
        .iter()
        .map(|(state, n)| format!("{n} {}", state.as_str()))
        .collect();
    let mut facts = vec![
        (actor.name.as_str(), states.join(", ")),
        (
            "mailbox",
            format!(
                "{} of {} places taken, {} at the most; {} wait for a place; the oldest message waits for {}",
                actor.depth,
                actor.capacity,
                actor.peak,
                actor.waiting_for_room,
                DisplayDuration(actor.oldest_age_seconds)
            ),
        ),
        (
            "waited",
            quantiles(&WindowQuantiles {
                p50_seconds: actor.wait.p50_seconds,
                p90_seconds: actor.wait.p90_seconds,
                p99_seconds: actor.wait.p99_seconds,
            }),
        ),
        ("busy", DisplayDuration(actor.busy_seconds).to_string()),
    ];
    let counted = [("restarts", &actor.restarts), ("exits", &actor.exits)];
    facts.extend(
        counted
            .into_iter()
            .filter(|(_, counts)| !counts.is_empty())
            .map(|(what, counts)| (what, listed(counts))),
    );
    let blocked = actor.send_blocked_seconds.iter();
    let blocked: Vec<_> = blocked
        .map(|(from, seconds)| format!("{from} {}", DisplayDuration(*seconds)))
        .collect();
    facts.extend((!blocked.is_empty()).then(|| ("kept waiting", blocked.join(", "))));
    facts
        .iter()
        .map(|(heading, text)| format!("{heading:<15}{text}"))
        .collect()
}

fn listed(counts: &BTreeMap<SnapshotLabel, u64>) -> String {
    let words: Vec<_> = counts.iter().map(|(label, count)| format!("{label} {count}")).collect();
    words.join(", ")
}

fn quantiles(of: &WindowQuantiles) -> String {
    format!(
        "half {}, 90 % {}, 99 % {}",
        short(of.p50_seconds),
        short(of.p90_seconds),
        short(of.p99_seconds)
    )
}

/// A stretch of time, or `-` where there is none.
pub fn short(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "-".to_owned(), |seconds| ShortDuration(seconds).to_string())
}

/// A line for each window of time.
fn windows(actor: &ActorSnapshot) -> Vec<String> {
    let line = |label: &str| {
        let window = actor.windows.get(label)?;
        let top: Vec<_> = window.messages.iter().take(3).map(|message| &*message.kind).collect();
        let text = format!(
            "{:.1} handled/s, {:.1} failed/s, busy {:.0} %, {:.1} in hand; waited {}; most time: {}",
            window.handled_per_second,
            window.failed_per_second,
            window.busy_share * 100.0,
            window.in_hand,
            quantiles(&window.wait),
            if top.is_empty() { "-".to_owned() } else { top.join(", ") }
        );
        Some(format!("{:<15}{text}", format!("last {label}")))
    };
    ["10s", "1m", "15m"].into_iter().filter_map(line).collect()
}

fn row(actor: &ActorSnapshot, message: &MessageSnapshot) -> String {
    let recent = |label: &str| {
        let window = actor.windows.get(label)?;
        window.messages.iter().find(|recent| recent.kind == message.kind)
    };
    let rate =
        |label| recent(label).map_or_else(|| "-".to_owned(), |recent| format!("{:.1}", recent.handled_per_second));
    let handled = message.handled.values().sum();
    let answered = message.handled.get("ok").copied().unwrap_or_default();
    format!(
        "{:<21}{:>9}{:>7}{:>4}{:>7}{:>7}{:>7}{:>9}{:>9}",
        message.kind,
        DisplayCount(handled),
        DisplayCount(handled - answered),
        message.in_flight,
        rate("10s"),
        rate("1m"),
        rate("15m"),
        short(recent("1m").and_then(|recent| recent.handle.p99_seconds)),
        short(message.handle.p99_seconds),
    )
}

fn instances(actor: &ActorSnapshot) -> Vec<String> {
    let line = |instance: &InstanceSnapshot| {
        let mut words = vec![format!(
            "{} for {}",
            instance.state.as_str(),
            DisplayDuration(instance.state_seconds)
        )];
        words.push(format!("last step {} ago", DisplayDuration(instance.idle_seconds)));
        let wait = instance.protected.as_ref();
        words.extend(wait.map(|wait| format!("waits for {} for {}", wait.what, DisplayDuration(wait.seconds))));
        words.extend(
            instance
                .first_fault
                .as_ref()
                .map(|fault| format!("first fault: {fault}")),
        );
        format!("{:<15}{}", format!("instance {}", instance.instance), words.join("; "))
    };
    let mut lines: Vec<_> = actor.instances.iter().map(line).collect();
    if !lines.is_empty() {
        lines.insert(0, String::new());
    }
    lines
}
