//! The counters of one actor name; they outlive its instances, so they never run backwards.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};

use jiff::Timestamp;

use crate::actor::black_box::{BlackBox, MessageEvent, RawEvent};
use crate::actor::held_messages::RecordSlab;
use crate::actor::{ActorName, DurationHistogram, ExitReason, MessageOutcome, MessageSender};

/// Message kinds counted apart for one actor; any more share the kind `other`.
const KINDS: usize = 64;

/// When its asker gave a message up; the metric label `when`.
pub const ABANDONED_WHEN: [&str; 2] = ["queued", "running"];
/// Why a message was not taken; the metric label `reason`.
pub const REJECTION_REASONS: [&str; 4] = ["full", "closed", "draining", "upwards"];
/// Why a worker was rebuilt; the metric label `reason`.
pub const RESTART_REASONS: [&str; 2] = ["panic", "build"];

/// Why a message was not taken, in the order of [`REJECTION_REASONS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MessageRejection {
    Full,
    Closed,
    Draining,
    Upwards,
}

/// Why a worker was rebuilt, in the order of [`RESTART_REASONS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RestartReason {
    /// A handler panicked.
    Panic,
    /// The factory itself panicked.
    Build,
}

/// What is kept of messages. All of it, but for measurements of what that costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptTelemetry {
    /// All.
    All,
    /// All but the black boxes.
    NoBlackBox,
    /// Neither counters nor times: nobody sees what waits, nor what stands still.
    Nothing,
}

impl KeptTelemetry {
    pub(super) fn counts(self) -> bool {
        self != Self::Nothing
    }
}

/// Counters of one message kind at one actor.
#[derive(Debug)]
pub(super) struct KindStats {
    pub(super) kind: &'static str,
    pub(super) sent: AtomicU64,
    pub(super) handled: [AtomicU64; MessageOutcome::ALL.len()],
    pub(super) rejected: [AtomicU64; REJECTION_REASONS.len()],
    pub(super) abandoned_queued: AtomicU64,
    pub(super) abandoned_running: AtomicU64,
    pub(super) in_flight: AtomicU64,
    pub(super) timeouts: [AtomicU64; MessageSender::ROWS],
    pub(super) handle: DurationHistogram,
}

impl KindStats {
    fn new(kind: &'static str) -> Self {
        Self {
            kind,
            sent: AtomicU64::new(0),
            handled: Default::default(),
            rejected: Default::default(),
            abandoned_queued: AtomicU64::new(0),
            abandoned_running: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            timeouts: Default::default(),
            handle: DurationHistogram::new(),
        }
    }

    pub(super) fn reject(&self, why: MessageRejection) {
        self.rejected[why as usize].fetch_add(1, Relaxed);
    }
}

/// Counters of one actor name, all its instances together.
#[derive(Debug)]
pub(super) struct ActorStats {
    pub(super) name: ActorName,
    kinds: [OnceLock<Box<KindStats>>; KINDS],
    other: KindStats,
    pub(super) depth: AtomicU64,
    pub(super) peak: AtomicU64,
    pub(super) wait: DurationHistogram,
    pub(super) busy_nanos: AtomicU64,
    /// Time in hand of the messages of instances that are gone.
    pub(super) past_in_hand_nanos: AtomicU64,
    /// Nanoseconds since the hub's start; 0: never.
    pub(super) progress: AtomicU64,
    pub(super) restarts: [AtomicU64; RESTART_REASONS.len()],
    pub(super) exits: [AtomicU64; ExitReason::ALL.len()],
    /// Nanoseconds that each asker spent waiting for a free place.
    pub(super) blocked: [AtomicU64; MessageSender::ROWS],
    /// Made with the first event; `None`: it is switched off.
    black_box: Option<OnceLock<BlackBox>>,
    /// See [`KeptTelemetry`].
    pub(super) counts: bool,
    /// Those who wait for a free place now, and since when.
    pub(super) waiting: Mutex<RecordSlab<(MessageSender, u64)>>,
}

impl ActorStats {
    pub(super) fn new(name: ActorName, kept: KeptTelemetry) -> Self {
        Self {
            name,
            black_box: (kept == KeptTelemetry::All).then(OnceLock::new),
            counts: kept.counts(),
            kinds: [const { OnceLock::new() }; KINDS],
            other: KindStats::new("other"),
            depth: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            wait: DurationHistogram::new(),
            busy_nanos: AtomicU64::new(0),
            past_in_hand_nanos: AtomicU64::new(0),
            progress: AtomicU64::new(0),
            restarts: Default::default(),
            exits: Default::default(),
            blocked: Default::default(),
            waiting: Mutex::default(),
        }
    }

    /// Where the counters of `kind` are; the first message of a kind makes them.
    pub(super) fn kind_index(&self, kind: &'static str) -> u8 {
        for (index, cell) in self.kinds.iter().enumerate() {
            let known = cell.get_or_init(|| Box::new(KindStats::new(kind))).kind;
            if std::ptr::eq(known, kind) || known == kind {
                return u8::try_from(index).unwrap_or(u8::MAX);
            }
        }
        u8::MAX
    }

    pub(super) fn kind(&self, index: u8) -> &KindStats {
        self.kinds
            .get(usize::from(index))
            .and_then(OnceLock::get)
            .map_or(&self.other, |kind| kind)
    }

    /// Every kind seen so far.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &KindStats> {
        let other = self.other.sent.load(Relaxed) > 0;
        self.kinds
            .iter()
            .map_while(|cell| cell.get().map(|kind| &**kind))
            .chain(other.then_some(&self.other))
    }

    /// What it takes in memory with all that it has made so far, and its black box.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let kinds = self.kinds.iter().filter_map(OnceLock::get).count();
        // Those of the kinds, of `other`, and of the waits.
        let histograms = (kinds + 2) * DurationHistogram::bytes();
        size_of::<Self>() + kinds * size_of::<KindStats>() + histograms + BlackBox::bytes()
    }

    /// One message more is queued.
    pub(super) fn entered(&self, kind: u8) {
        if !self.counts {
            return;
        }
        self.kind(kind).sent.fetch_add(1, Relaxed);
        let depth = self.depth.fetch_add(1, Relaxed) + 1;
        if depth > self.peak.load(Relaxed) {
            self.peak.fetch_max(depth, Relaxed);
        }
    }

    /// Keeps how a message ended.
    pub(super) fn note_event(&self, event: RawEvent) {
        if let Some(black_box) = &self.black_box {
            black_box.get_or_init(BlackBox::default).note(event);
        }
    }

    /// The last messages; empty where none has ended.
    pub(super) fn events(&self, at: impl Fn(u64) -> Timestamp) -> Vec<MessageEvent> {
        let black_box = self.black_box.as_ref().and_then(OnceLock::get);
        black_box.map_or_else(Vec::new, |black_box| black_box.read(at, |kind| self.kind(kind).kind))
    }

    pub(super) fn left(&self) {
        if self.counts {
            self.depth.fetch_sub(1, Relaxed);
        }
    }

    /// A message is begun after this wait.
    pub(super) fn begun(&self, kind: u8, waited_nanos: u64) {
        if self.counts {
            self.wait.observe_nanos(waited_nanos);
            self.kind(kind).in_flight.fetch_add(1, Relaxed);
        }
    }

    /// A message has ended.
    pub(super) fn ended(&self, event: RawEvent, outcome: MessageOutcome) {
        if !self.counts {
            return;
        }
        let kind = self.kind(event.kind);
        kind.in_flight.fetch_sub(1, Relaxed);
        kind.handled[outcome as usize].fetch_add(1, Relaxed);
        kind.handle.observe_nanos(event.ended.saturating_sub(event.begun));
        self.note_event(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::black_box::EventOutcome;

    #[test]
    fn the_same_kind_keeps_its_counters() {
        let stats = ActorStats::new(ActorName::Checker, KeptTelemetry::All);
        let first = stats.kind_index("check");
        let second = stats.kind_index("other_kind");
        assert_ne!(first, second);
        assert_eq!(stats.kind_index(&String::from("check").leak()[..]), first);
        assert_eq!(stats.kinds().count(), 2);
    }

    #[test]
    fn kinds_are_bounded() {
        let stats = ActorStats::new(ActorName::Checker, KeptTelemetry::All);
        for number in 0..KINDS + 10 {
            let kind: &'static str = format!("kind{number}").leak();
            stats.kind(stats.kind_index(kind)).sent.fetch_add(1, Relaxed);
        }
        assert_eq!(stats.kinds().count(), KINDS + 1);
        assert_eq!(stats.kind(u8::MAX).sent.load(Relaxed), 10);
    }

    #[test]
    fn the_peak_stays() {
        let stats = ActorStats::new(ActorName::Checker, KeptTelemetry::All);
        let kind = stats.kind_index("check");
        stats.entered(kind);
        stats.entered(kind);
        stats.left();
        stats.entered(kind);
        assert_eq!((stats.depth.load(Relaxed), stats.peak.load(Relaxed)), (2, 2));
    }
    #[test]
    fn what_is_not_kept_is_not_counted() {
        let counted = |kept| {
            let stats = ActorStats::new(ActorName::Checker, kept);
            let kind = stats.kind_index("check");
            stats.entered(kind);
            stats.begun(kind, 5);
            stats.left();
            let ok = MessageOutcome::ALL[0];
            let event = RawEvent {
                kind,
                from: 0,
                sent: 0,
                begun: 5,
                ended: 9,
                outcome: EventOutcome::Handled(ok),
            };
            stats.ended(event, ok);
            let handled = stats.kind(kind).handled[0].load(Relaxed);
            (handled, stats.events(|_| Timestamp::UNIX_EPOCH).len())
        };
        let kept = [KeptTelemetry::All, KeptTelemetry::NoBlackBox, KeptTelemetry::Nothing];
        assert_eq!(kept.map(counted), [(1, 1), (1, 0), (0, 0)]);
    }
}
