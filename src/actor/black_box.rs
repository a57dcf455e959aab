//! The last messages of each actor: what a person wants to see who comes when it is over.
//!
//! Writing takes no lock, so whoever reads keeps no actor waiting; what is being overwritten meanwhile is left out.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::actor::snapshot::ProtectedWait;
use crate::actor::{ActorName, MessageOutcome, MessageSender, SnapshotLabel};

/// Events kept of each actor, 24 bytes each.
const EVENTS: usize = 4_096;

/// Messages in hand that are told: an actor that handles more of them stands still with the oldest.
pub(super) const MOST_IN_HAND: usize = 64;

/// One message and how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessageEvent {
    /// When it ended.
    pub at: Timestamp,
    /// The message.
    pub message: SnapshotLabel,
    /// Who asked; all outside askers share `outside`.
    pub from: SnapshotLabel,
    /// Send to begin, or to its end where it was not begun.
    pub wait_seconds: f64,
    /// Begin to end.
    pub handle_seconds: f64,
    /// `ok`, `error`, `cancelled`, `panicked`; not begun: `dropped` with its actor, `abandoned` by its asker.
    pub outcome: SnapshotLabel,
}

/// One message that was being handled when the black box was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessageInHand {
    /// The message.
    pub message: SnapshotLabel,
    /// Who asked; all outside askers share `outside`.
    pub from: SnapshotLabel,
    /// Send to now.
    pub age_seconds: f64,
    /// Begin to now.
    pub handle_seconds: f64,
    /// What its handler has declared to wait for, and since when; `None`: nothing.
    pub waits_for: Option<ProtectedWait>,
}

/// What one actor does, and what it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlackBoxDump {
    /// Which actor.
    pub actor: ActorName,
    /// When it was read.
    pub at: Timestamp,
    /// Why: `request`, `panic`, `stall`, `watchdog`, `SIGUSR1`.
    pub why: SnapshotLabel,
    /// What is being handled, the oldest first, at most [`MOST_IN_HAND`].
    #[serde(default)]
    pub in_hand: Vec<MessageInHand>,
    /// What it keeps, the oldest first, at most [`EVENTS`].
    pub events: Vec<MessageEvent>,
}

/// How a message ended, begun or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventOutcome {
    Handled(MessageOutcome),
    /// Its actor ended before.
    Dropped,
    /// Its asker went away before.
    Abandoned,
}

impl EventOutcome {
    const UNBEGUN: [&str; 2] = ["dropped", "abandoned"];

    const fn code(self) -> u8 {
        match self {
            Self::Handled(outcome) => outcome as u8,
            Self::Dropped => MessageOutcome::ALL.len() as u8,
            Self::Abandoned => MessageOutcome::ALL.len() as u8 + 1,
        }
    }

    fn label(code: u8) -> &'static str {
        let labels = MessageOutcome::ALL.map(MessageOutcome::as_str);
        let mut all = labels.into_iter().chain(Self::UNBEGUN);
        all.nth(code.into()).unwrap_or("other")
    }
}

/// What is noted of one message. Times are nanoseconds since the registry was made.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawEvent {
    pub(super) kind: u8,
    pub(super) from: u8,
    pub(super) sent: u64,
    /// Not before it was sent; the end where it was not begun.
    pub(super) begun: u64,
    pub(super) ended: u64,
    pub(super) outcome: EventOutcome,
}

/// The stamp of a place that is being written.
const BEING_WRITTEN: u64 = u64::MAX;

/// One event in three words. `stamp` is its number, from 1 on.
#[derive(Debug, Default)]
struct EventSlot {
    stamp: AtomicU64,
    /// Wait and handle time in seconds, as two numbers of 32 bits: exact to the seventh digit.
    times: AtomicU64,
    /// When it ended, in milliseconds, which have room for 34 years, and a byte each for message, sender and outcome.
    end: AtomicU64,
}

/// Bits of the labels in [`EventSlot::end`].
const LABEL_BITS: u32 = 24;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// A ring of the last events of one actor.
#[derive(Debug)]
pub(super) struct BlackBox {
    next: AtomicU64,
    slots: Box<[EventSlot]>,
}

impl Default for BlackBox {
    fn default() -> Self {
        Self {
            next: AtomicU64::new(0),
            slots: (0..EVENTS).map(|_| EventSlot::default()).collect(),
        }
    }
}

impl BlackBox {
    /// What it takes in memory.
    #[cfg(test)]
    pub(super) fn bytes() -> usize {
        EVENTS * size_of::<EventSlot>()
    }

    pub(super) fn note(&self, event: RawEvent) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let slot = &self.slots[place(number)];
        if slot.stamp.swap(BEING_WRITTEN, Ordering::Acquire) == BEING_WRITTEN {
            // Whoever writes here was overtaken by all other places of the ring: one event is lost, none is a mixture.
            return;
        }
        // A reader that sees any of the new words sees this stamp before, too.
        fence(Ordering::Release);
        let wait = bits(event.begun.saturating_sub(event.sent));
        let handle = bits(event.ended.saturating_sub(event.begun));
        slot.times.store(wait << 32 | handle, Ordering::Relaxed);
        let labels = [event.kind, event.from, event.outcome.code()];
        let labels = labels.iter().fold(0, |labels, label| labels << 8 | u64::from(*label));
        let end = (event.ended / NANOS_PER_MILLI) << LABEL_BITS | labels;
        slot.end.store(end, Ordering::Relaxed);
        slot.stamp.store(number + 1, Ordering::Release);
    }

    /// The events that are kept, oldest first. `at` gives the moment of an end, `kind` the name of a message.
    pub(super) fn read(&self, at: impl Fn(u64) -> Timestamp, kind: impl Fn(u8) -> &'static str) -> Vec<MessageEvent> {
        let next = self.next.load(Ordering::Acquire);
        let first = next.saturating_sub(EVENTS as u64);
        let events = (first..next).filter_map(|number| {
            let slot = &self.slots[place(number)];
            let stamp = slot.stamp.load(Ordering::Acquire);
            let [times, end] = [&slot.times, &slot.end].map(|word| word.load(Ordering::Relaxed));
            fence(Ordering::Acquire);
            let is_whole = stamp == number + 1 && slot.stamp.load(Ordering::Relaxed) == stamp;
            is_whole.then(|| MessageEvent {
                at: at((end >> LABEL_BITS) * NANOS_PER_MILLI),
                message: kind(byte(end, 2)).into(),
                from: MessageSender::row_label(byte(end, 1).into()).into(),
                wait_seconds: seconds(times >> 32),
                handle_seconds: seconds(times),
                outcome: EventOutcome::label(byte(end, 0)).into(),
            })
        });
        events.collect()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "less than the number of slots")]
fn place(number: u64) -> usize {
    (number % EVENTS as u64) as usize
}

#[expect(clippy::cast_possible_truncation, reason = "the byte that is meant")]
fn byte(word: u64, place: u32) -> u8 {
    (word >> (8 * place)) as u8
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "seven digits of a duration are enough"
)]
fn bits(nanos: u64) -> u64 {
    u64::from(((nanos as f64 / 1e9) as f32).to_bits())
}

/// The lower half of a word as a duration.
#[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
fn seconds(word: u64) -> f64 {
    f64::from(f32::from_bits(word as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(ended: u64) -> RawEvent {
        RawEvent {
            kind: 7,
            from: 0,
            sent: ended.saturating_sub(3_000),
            begun: ended.saturating_sub(1_000),
            ended,
            outcome: EventOutcome::Handled(MessageOutcome::Error),
        }
    }

    fn read(black_box: &BlackBox) -> Vec<MessageEvent> {
        let at = |nanos: u64| Timestamp::from_nanosecond(nanos.into()).unwrap();
        black_box.read(at, |kind| if kind == 7 { "seven" } else { "other" })
    }

    #[test]
    fn an_event_comes_back_as_it_was() {
        let black_box = BlackBox::default();
        assert!(read(&black_box).is_empty());
        black_box.note(event(5_000_000));
        let read = read(&black_box);
        assert_eq!(read.len(), 1);
        assert_eq!(
            (&*read[0].message, &*read[0].from, &*read[0].outcome),
            ("seven", "supervisor", "error")
        );
        assert!((read[0].wait_seconds / 2e-6 - 1.0).abs() < 1e-6, "{read:?}");
        assert!((read[0].handle_seconds / 1e-6 - 1.0).abs() < 1e-6, "{read:?}");
        assert_eq!(read[0].at.as_nanosecond(), 5_000_000);
    }

    #[test]
    fn the_last_ones_are_kept_in_their_order() {
        let black_box = BlackBox::default();
        let many = EVENTS as u64 * 2 + 5;
        (1..=many).for_each(|number| black_box.note(event(number * NANOS_PER_MILLI)));
        let times: Vec<_> = read(&black_box).iter().map(|event| event.at.as_millisecond()).collect();
        let expected: Vec<_> = (many - EVENTS as u64 + 1..=many).map(u64::cast_signed).collect();
        assert_eq!(times, expected);
    }

    #[test]
    fn every_outcome_has_its_word() {
        let handled = MessageOutcome::ALL.map(EventOutcome::Handled);
        let all = handled
            .into_iter()
            .chain([EventOutcome::Dropped, EventOutcome::Abandoned]);
        let words: Vec<_> = all.map(|outcome| EventOutcome::label(outcome.code())).collect();
        assert_eq!(words, ["ok", "error", "cancelled", "panicked", "dropped", "abandoned"]);
    }

    /// Whoever reads while others write sees whole events only: here all words of an event are made of one number.
    #[test]
    fn no_event_is_put_together_of_two() {
        let black_box = std::sync::Arc::new(BlackBox::default());
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let black_box = std::sync::Arc::clone(&black_box);
                std::thread::spawn(move || {
                    for number in 1..200_000_u64 {
                        let ended = NANOS_PER_MILLI << (number % 30);
                        let whole = RawEvent {
                            sent: 0,
                            begun: 0,
                            ..event(ended)
                        };
                        black_box.note(whole);
                    }
                })
            })
            .collect();
        while writers.iter().any(|writer| !writer.is_finished()) {
            for event in read(&black_box) {
                let ended = event.at.as_nanosecond() as f64 / 1e9;
                assert!((event.handle_seconds / ended - 1.0).abs() < 1e-6, "{event:?}");
            }
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap());
    }
}
