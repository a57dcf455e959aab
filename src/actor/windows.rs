//! What happened in the last 10 s, minute and 15 minutes.
//!
//! Nothing is counted twice for it: every few seconds an observer reads the counters, and keeps what they grew by.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::actor::duration_counts::DurationCounts;
use crate::actor::instance::seconds as nanos_as_seconds;
use crate::actor::{ActorName, SnapshotLabel};

/// The windows and what each is put together of: the oldest part is dropped when a new one is whole.
const WINDOWS: [WindowShape; 3] = [
    WindowShape {
        label: "10s",
        // Each reading is a part.
        part_seconds: 1,
        parts: 4,
    },
    WindowShape {
        label: "1m",
        part_seconds: 10,
        parts: 5,
    },
    WindowShape {
        label: "15m",
        part_seconds: 90,
        parts: 9,
    },
];

#[derive(Debug, Clone, Copy)]
struct WindowShape {
    label: &'static str,
    part_seconds: u64,
    /// Whole parts that are kept beside the one under way.
    parts: usize,
}

/// One actor in one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowSnapshot {
    /// How much time it covers; a young daemon has not lived for longer.
    pub seconds: f64,
    /// Messages that ended, a second.
    pub handled_per_second: f64,
    /// Of these, not with `ok`.
    pub failed_per_second: f64,
    /// Time that handlers compute, a second, all instances together; what they wait for, and the work of threads that may block, is not in it.
    pub busy_share: f64,
    /// Messages in hand on the average, all instances together; also while their handlers wait.
    #[serde(default)]
    pub in_hand: f64,
    /// Send to begin.
    pub wait: WindowQuantiles,
    /// By message, those first that took the most time.
    pub messages: Vec<MessageWindow>,
    /// Messages that ended, a second, in each part of the window, oldest first; the last part is under way.
    #[serde(default)]
    pub course: Vec<f64>,
}

/// One message in one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessageWindow {
    /// The message.
    pub kind: SnapshotLabel,
    /// Ended, a second.
    pub handled_per_second: f64,
    /// Of these, not with `ok`.
    pub failed_per_second: f64,
    /// Time from begin to reply, all of them together, a second.
    pub handle_share: f64,
    /// Begin to reply.
    pub handle: WindowQuantiles,
}

/// Durations of one window, within 5 %; `None` where there are none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the unit is part of each name in the JSON")]
pub struct WindowQuantiles {
    /// Half are not longer.
    pub p50_seconds: Option<f64>,
    /// Nine in ten are not longer.
    pub p90_seconds: Option<f64>,
    /// 99 in a hundred are not longer.
    pub p99_seconds: Option<f64>,
}

impl From<&DurationCounts> for WindowQuantiles {
    fn from(counts: &DurationCounts) -> Self {
        Self {
            p50_seconds: counts.quantile(0.50),
            p90_seconds: counts.quantile(0.90),
            p99_seconds: counts.quantile(0.99),
        }
    }
}

/// The counters of one actor at one moment, or between two.
#[derive(Debug, Clone, Default)]
pub(super) struct ActorCounts {
    pub(super) busy_nanos: u64,
    /// Time in hand of all messages, of those that are being handled so far.
    pub(super) in_hand_nanos: u64,
    pub(super) wait: DurationCounts,
    pub(super) messages: BTreeMap<&'static str, MessageCounts>,
}

/// The counters of one message at one moment, or between two.
#[derive(Debug, Clone, Default)]
pub(super) struct MessageCounts {
    pub(super) failed: u64,
    pub(super) handle: DurationCounts,
}

impl ActorCounts {
    fn since(&self, earlier: &Self) -> Self {
        let messages = self.messages.iter().map(|(kind, now)| {
            let before = earlier.messages.get(kind).cloned().unwrap_or_default();
            let grown = MessageCounts {
                failed: now.failed.saturating_sub(before.failed),
                handle: now.handle.since(&before.handle),
            };
            (*kind, grown)
        });
        Self {
            busy_nanos: self.busy_nanos.saturating_sub(earlier.busy_nanos),
            in_hand_nanos: self.in_hand_nanos.saturating_sub(earlier.in_hand_nanos),
            wait: self.wait.since(&earlier.wait),
            messages: messages.filter(|(_, grown)| grown.handle.count() > 0).collect(),
        }
    }

    fn add(&mut self, other: &Self) {
        self.busy_nanos += other.busy_nanos;
        self.in_hand_nanos += other.in_hand_nanos;
        self.wait.add(&other.wait);
        for (kind, counts) in &other.messages {
            let sum = self.messages.entry(kind).or_default();
            sum.failed += counts.failed;
            sum.handle.add(&counts.handle);
        }
    }

    /// Messages that ended.
    fn handled(&self) -> u64 {
        self.messages.values().map(|message| message.handle.count()).sum()
    }

    fn shown(&self, seconds: f64) -> WindowSnapshot {
        let (mut handled, mut failed) = (0.0, 0.0);
        let messages = self.messages.iter().map(|(kind, counts)| {
            let window = MessageWindow {
                kind: (*kind).into(),
                handled_per_second: a_second(counts.handle.count(), seconds),
                failed_per_second: a_second(counts.failed, seconds),
                handle_share: counts.handle.sum_seconds() / seconds,
                handle: (&counts.handle).into(),
            };
            handled += window.handled_per_second;
            failed += window.failed_per_second;
            window
        });
        let mut messages: Vec<_> = messages.collect();
        messages.sort_by(|one, other| other.handle_share.total_cmp(&one.handle_share));
        WindowSnapshot {
            seconds,
            handled_per_second: handled,
            failed_per_second: failed,
            busy_share: nanos_as_seconds(self.busy_nanos) / seconds,
            in_hand: nanos_as_seconds(self.in_hand_nanos) / seconds,
            wait: (&self.wait).into(),
            messages,
            course: Vec::new(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for the eye")]
fn a_second(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

/// What the actors did in one stretch of time.
#[derive(Debug, Clone, Default)]
pub(super) struct WindowPart {
    nanos: u64,
    pub(super) actors: BTreeMap<ActorName, ActorCounts>,
}

impl WindowPart {
    fn add(&mut self, other: &Self) {
        self.nanos += other.nanos;
        for (name, counts) in &other.actors {
            self.actors.entry(*name).or_default().add(counts);
        }
    }
}

/// The parts of one window, oldest first; the last one is under way.
#[derive(Debug, Default)]
pub(super) struct WindowParts(pub(super) VecDeque<WindowPart>);

impl WindowParts {
    fn note(&mut self, shape: WindowShape, grown: &WindowPart) {
        let whole = shape.part_seconds * 1_000_000_000;
        match self.0.back_mut().filter(|last| last.nanos < whole) {
            Some(last) => last.add(grown),
            None => self.0.push_back(grown.clone()),
        }
        while self.0.len() > shape.parts + 1 {
            self.0.pop_front();
        }
    }

    /// Messages of an actor that ended, a second, part by part.
    fn course(&self, name: ActorName) -> Vec<f64> {
        let handled = |part: &WindowPart| part.actors.get(&name).map_or(0, ActorCounts::handled);
        let parts = self.0.iter().filter(|part| part.nanos > 0);
        parts
            .map(|part| a_second(handled(part), nanos_as_seconds(part.nanos)))
            .collect()
    }

    fn sum(&self) -> WindowPart {
        let mut sum = WindowPart::default();
        self.0.iter().for_each(|part| sum.add(part));
        sum
    }
}

/// Each actor in each window, by the window's label.
type WindowsByActor = BTreeMap<ActorName, BTreeMap<SnapshotLabel, WindowSnapshot>>;

/// All windows, and the counters as they were read last.
#[derive(Debug, Default)]
pub(super) struct ActivityWindows {
    at: u64,
    pub(super) last: BTreeMap<ActorName, ActorCounts>,
    pub(super) windows: [WindowParts; WINDOWS.len()],
    /// Made with each reading: whoever looks between two pays a copy.
    shown: WindowsByActor,
}

impl ActivityWindows {
    /// Takes a reading of the counters, `now` nanoseconds after they began at 0.
    pub(super) fn note(&mut self, now: u64, counts: BTreeMap<ActorName, ActorCounts>) {
        let none = ActorCounts::default();
        let actors = counts.iter().map(|(name, counts)| {
            let before = self.last.get(name).unwrap_or(&none);
            (*name, counts.since(before))
        });
        let grown = WindowPart {
            nanos: now.saturating_sub(self.at),
            actors: actors.collect(),
        };
        for (shape, window) in WINDOWS.into_iter().zip(&mut self.windows) {
            window.note(shape, &grown);
        }
        (self.at, self.last) = (now, counts);
        self.shown = shown(&self.windows);
    }

    /// Each actor in each window, as of the last reading; empty before the first.
    pub(super) fn shown(&self) -> WindowsByActor {
        self.shown.clone()
    }
}

fn shown(windows: &[WindowParts; WINDOWS.len()]) -> WindowsByActor {
    let mut shown = WindowsByActor::new();
    for (shape, window) in WINDOWS.into_iter().zip(windows) {
        let sum = window.sum();
        let stretch = nanos_as_seconds(sum.nanos);
        for (name, counts) in sum.actors.iter().filter(|_| stretch > 0.0) {
            let of_actor = shown.entry(*name).or_default();
            let course = window.course(*name);
            let shown = counts.shown(stretch);
            of_actor.insert(shape.label.into(), WindowSnapshot { course, ..shown });
        }
    }
    shown
}

#[cfg(test)]
mod tests;
