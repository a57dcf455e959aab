//! The board of one actor instance, with a line for each message it holds: who asked, since when, how far.

use std::fmt;
use std::sync::Arc;

use crate::actor::MessageSender;

/// Place of an entry; a stale key finds nothing, even when its place was given away again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SlabKey {
    index: u32,
    generation: u32,
}

/// Entries under keys, places used again.
#[derive(Debug)]
pub(super) struct RecordSlab<T> {
    entries: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Default for RecordSlab<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> RecordSlab<T> {
    pub(super) fn insert(&mut self, value: T) -> SlabKey {
        let index = self.free.pop().unwrap_or_else(|| {
            self.entries.push((0, None));
            u32::try_from(self.entries.len() - 1).unwrap_or(u32::MAX)
        });
        let entry = &mut self.entries[index as usize];
        entry.1 = Some(value);
        SlabKey {
            index,
            generation: entry.0,
        }
    }

    pub(super) fn get_mut(&mut self, key: SlabKey) -> Option<&mut T> {
        let (generation, value) = self.entries.get_mut(key.index as usize)?;
        if *generation == key.generation {
            value.as_mut()
        } else {
            None
        }
    }

    pub(super) fn remove(&mut self, key: SlabKey) -> Option<T> {
        let (generation, value) = self.entries.get_mut(key.index as usize)?;
        if *generation != key.generation {
            return None;
        }
        let taken = value.take()?;
        *generation = generation.wrapping_add(1);
        self.free.push(key.index);
        Some(taken)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().filter_map(|(_, value)| value.as_ref())
    }
}

/// How far a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MessagePhase {
    Queued,
    Running,
}

/// A declared wait: what for, and since when.
pub(super) type BoardWait = (&'static str, u64);

/// Waits that a handler has declared and that last. Of two at once, either may end first.
#[derive(Debug, Default)]
pub(super) struct BoardWaits {
    begun: u64,
    /// In the order in which they began, each with its number.
    lasting: Vec<(u64, BoardWait)>,
}

impl BoardWaits {
    /// Adds a wait; returns its number.
    pub(super) fn begin(&mut self, wait: BoardWait) -> u64 {
        self.begun += 1;
        self.lasting.push((self.begun, wait));
        self.begun
    }

    pub(super) fn end(&mut self, number: u64) {
        self.lasting.retain(|(lasting, _)| *lasting != number);
    }

    /// The one that began last and lasts.
    pub(super) fn innermost(&self) -> Option<BoardWait> {
        self.lasting.last().map(|(_, wait)| *wait)
    }
}

/// Says in one sentence what is being done about a message, whenever somebody looks.
#[derive(Clone)]
pub(super) struct WorkDescription(pub(super) Arc<dyn Fn() -> String + Send + Sync>);

impl fmt::Debug for WorkDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WorkDescription").field(&(self.0)()).finish()
    }
}

/// One message an instance holds. Times are nanoseconds since the hub's start.
#[derive(Debug)]
pub(super) struct HeldMessage {
    /// Index of its kind.
    pub(super) kind: u8,
    pub(super) from: MessageSender,
    pub(super) phase: MessagePhase,
    pub(super) sent: u64,
    pub(super) begun: u64,
    /// Nobody waits for the reply any more.
    pub(super) gone: bool,
    /// What the handler has declared to wait for.
    pub(super) waits: BoardWaits,
    /// What the handler has said of what it does.
    pub(super) work: Option<WorkDescription>,
}

/// What an instance holds, and whether it still takes messages.
#[derive(Debug, Default)]
pub(super) struct HeldMessages {
    pub(super) lines: RecordSlab<HeldMessage>,
    pub(super) queued: usize,
    pub(super) running: usize,
    /// Time from begin to end of those that have ended.
    pub(super) ended_nanos: u64,
    /// No new messages are taken.
    pub(super) closing: bool,
}

impl HeldMessages {
    /// Nothing queued, nothing running, nothing to come.
    pub(super) fn wound_up(&self) -> bool {
        self.closing && self.queued == 0 && self.running == 0
    }

    /// Time in hand of all messages until now.
    pub(super) fn in_hand_nanos(&self, now: u64) -> u64 {
        let running = self.lines.iter().filter(|line| line.phase == MessagePhase::Running);
        self.ended_nanos + running.map(|line| now.saturating_sub(line.begun)).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_key_finds_nothing() {
        let mut slab = RecordSlab::default();
        let first = slab.insert('a');
        assert_eq!(slab.remove(first), Some('a'));
        let second = slab.insert('b');
        assert_eq!(slab.get_mut(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get_mut(second), Some(&mut 'b'));
        assert_eq!(slab.iter().count(), 1);
    }

    #[test]
    fn of_two_waits_at_once_the_one_that_lasts_is_told_whichever_ends_first() {
        let (outer, inner) = (("GRIN", 1), ("disk", 2));
        for (first_to_end, left) in [(0, inner), (1, outer)] {
            let mut waits = BoardWaits::default();
            let numbers = [waits.begin(outer), waits.begin(inner)];
            assert_eq!(waits.innermost(), Some(inner));
            waits.end(numbers[first_to_end]);
            assert_eq!(waits.innermost(), Some(left));
            waits.end(numbers[1 - first_to_end]);
            assert_eq!(waits.innermost(), None);
        }
    }

    #[test]
    fn places_are_used_again() {
        let mut slab = RecordSlab::default();
        for _ in 0..1_000 {
            let key = slab.insert(());
            slab.remove(key);
        }
        assert_eq!(slab.entries.len(), 1);
    }
}
