//! What counting all messages keeps in memory, computed from what is kept: the process's own figure tells no tenth of it from noise.

use std::mem::size_of;
use std::time::Duration;

use crate::actor::duration_counts::DurationCounts;
use crate::actor::windows::{ActivityWindows, ActorCounts, MessageCounts, WindowPart};
use crate::actor::{ActorName, ActorRegistry, lock};

/// What issue and documents promise.
const MOST: usize = 2 << 20;

/// The actors and their messages, as the map of `actors.md` has them.
fn messages() -> Vec<(ActorName, Vec<&'static str>)> {
    let rows = include_str!("../../../actors.md")
        .lines()
        .filter(|line| line.starts_with("| `"));
    let all = rows.filter_map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let actor = ActorName::ALL
            .into_iter()
            .find(|name| cells[1] == format!("`{name}`"))?;
        Some((actor, cells[4].split('`').skip(1).step_by(2).collect()))
    });
    all.collect()
}

fn counts(counts: &DurationCounts) -> usize {
    counts.buckets.len() * (size_of::<u32>() + size_of::<u64>())
}

fn actor_counts(actor: &ActorCounts) -> usize {
    let messages = actor.messages.values().map(|message| counts(&message.handle));
    let rows = actor.messages.len() * (size_of::<&str>() + size_of::<MessageCounts>());
    size_of::<ActorCounts>() + counts(&actor.wait) + rows + messages.sum::<usize>()
}

fn part(part: &WindowPart) -> usize {
    part.actors.values().map(actor_counts).sum()
}

fn windows(windows: &ActivityWindows) -> usize {
    let parts = windows.windows.iter().flat_map(|window| &window.0).map(part);
    parts.sum::<usize>() + windows.last.values().map(actor_counts).sum::<usize>()
}

/// Every actor is in use, each of its messages was sent, the black boxes are full, and for a quarter of an hour every other message is
/// handled five times a second, in times that differ.
#[tokio::test(start_paused = true)]
async fn telemetry_of_all_actors_and_messages_takes_two_mebibytes_at_most() {
    let hub = ActorRegistry::new();
    let all = messages();
    assert_eq!(all.len(), ActorName::ALL.len(), "{all:?}");
    for look in 0..450_u64 {
        for (actor, messages) in &all {
            let stats = hub.stats(*actor);
            for (place, message) in (1..).zip(messages) {
                let kind = stats.kind(stats.kind_index(message));
                assert_eq!(kind.kind, *message, "it is counted apart");
                if look > 0 && place % 2 == 0 {
                    continue;
                }
                for number in 0..10 {
                    // From half to one and a half of a time of its own: 20 µs, 40 µs …
                    let spread = 50 + (look * 7 + number * 13) % 100;
                    let nanos = (20_000 << (place % 12)) * spread / 100;
                    kind.handle.observe_nanos(nanos);
                    stats.wait.observe_nanos(nanos / 2);
                }
            }
        }
        hub.note_windows();
        tokio::time::advance(Duration::from_secs(2)).await;
    }
    let fixed: usize = hub.all_stats().iter().map(crate::actor::stats::ActorStats::bytes).sum();
    let windows = windows(&lock(&hub.inner.windows));
    let kib = |bytes: usize| bytes / 1024;
    println!(
        "{} KiB of counters and black boxes, {} KiB of windows",
        kib(fixed),
        kib(windows)
    );
    assert!(windows > 10 << 10, "{windows}");
    assert!(fixed + windows <= MOST, "{} KiB and {} KiB", kib(fixed), kib(windows));
}
