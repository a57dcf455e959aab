//! All actors, a row each.

use crate::actor::ActorSnapshot;
use crate::cli::actors::detail::short;
use crate::observe::{DaemonStatus, DisplayDuration};

/// The window whose figures are shown.
const WINDOW: &str = "1m";

/// A heading and a row for each actor; what is least needed stands last, where a narrow terminal cuts it off.
pub fn of_all(seen: &DaemonStatus) -> Vec<String> {
    let heading = format!(
        "{:<14}{:>9}{:>9}{:>8}{:>9}{:>9}{:>6}  {}",
        "LAST MINUTE", "MAILBOX", "OLDEST", "RUNNING", "HANDLED", "WAIT 99%", "BUSY", "WAITS FOR"
    );
    let rows = seen.hub.actors.iter().map(|actor| row(seen, actor));
    std::iter::once(heading).chain(rows).collect()
}

fn row(seen: &DaemonStatus, actor: &ActorSnapshot) -> String {
    let chain = seen.chains.by_actor.get(&actor.name);
    let links = chain.iter().flat_map(|chain| &chain.links).skip(1);
    let stall = seen.stalled.iter().find(|stall| stall.actor == actor.name);
    let nodes: Vec<_> = match stall {
        Some(stall) => vec![stall.to_string()],
        None => links.map(|link| link.node.clone()).collect(),
    };
    let window = actor.windows.get(WINDOW);
    let told = |figure: Option<String>| figure.unwrap_or_else(|| "-".to_owned());
    let row = format!(
        "{:<14}{:>9}{:>9}{:>8}{:>9}{:>9}{:>6}  {}",
        actor.name.as_str(),
        format!("{} / {}", actor.depth, actor.capacity),
        DisplayDuration(actor.oldest_age_seconds),
        actor.in_flight(),
        told(window.map(|window| format!("{:.1}/s", window.handled_per_second))),
        short(window.and_then(|window| window.wait.p99_seconds)),
        told(window.map(|window| format!("{:.0}%", window.busy_share * 100.0))),
        nodes.join(" ← "),
    );
    row.trim_end().to_owned()
}

/// A line on what each actor does, after an empty one.
pub fn sentences(seen: &DaemonStatus) -> Vec<String> {
    let lines = seen
        .sentences
        .iter()
        .map(|(name, sentence)| format!("{:<14}{sentence}", name.as_str()));
    std::iter::once(String::new()).chain(lines).collect()
}

/// The line up to so many characters; one that is longer ends with `…`. Wide scripts do not occur in what we draw.
pub fn cut(line: &str, columns: usize) -> String {
    if line.chars().count() <= columns {
        return line.to_owned();
    }
    let kept: String = line.chars().take(columns.saturating_sub(1)).collect();
    kept + "…"
}
