//! A message that waits to be handled (`QueuedMessage`), and one that is being handled (`RunningMessage`); both count when dropped.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::actor::black_box::{EventOutcome, RawEvent};
use crate::actor::capacity::CapacityPlace;
use crate::actor::held_messages::{BoardWaits, HeldMessage, MessagePhase, SlabKey};
use crate::actor::instance::ActorInstance;
use crate::actor::stats::MessageRejection;
use crate::actor::{AskError, MessageOutcome, MessageSender, lock};

/// A queued message; holds its place in the mailbox until handling begins.
#[derive(Debug)]
pub(super) struct QueuedMessage {
    instance: Arc<ActorInstance>,
    key: SlabKey,
    kind: u8,
    from: u8,
    sent: u64,
    place: Option<CapacityPlace>,
    done: bool,
}

impl QueuedMessage {
    /// Writes the message on the board; refused when the actor closed since the place was given.
    pub(super) fn enter(
        instance: &Arc<ActorInstance>,
        place: CapacityPlace,
        kind: u8,
        from: MessageSender,
    ) -> Result<Self, AskError> {
        let sent = instance.now();
        let line = HeldMessage {
            kind,
            from,
            phase: MessagePhase::Queued,
            sent,
            begun: 0,
            gone: false,
            waits: BoardWaits::default(),
            work: None,
        };
        let key = {
            let mut held = lock(&instance.held);
            if held.closing {
                return Err(instance.refusal());
            }
            held.queued += 1;
            held.lines.insert(line)
        };
        instance.stats().entered(kind);
        Ok(Self {
            instance: Arc::clone(instance),
            key,
            kind,
            from: from.row_code(),
            sent,
            place: Some(place),
            done: false,
        })
    }

    pub(super) fn instance(&self) -> &Arc<ActorInstance> {
        &self.instance
    }

    pub(super) fn key(&self) -> SlabKey {
        self.key
    }

    pub(super) fn kind(&self) -> u8 {
        self.kind
    }

    /// Handling begins; `None` if nobody waits for the reply any more (`unwanted`, or the asker has gone).
    pub(super) fn begin(mut self, unwanted: bool) -> Option<RunningMessage> {
        self.done = true;
        self.place = None;
        let begun = self.instance.now();
        let wanted = {
            let mut held = lock(&self.instance.held);
            held.queued -= 1;
            let gone = held.lines.get_mut(self.key).is_none_or(|line| line.gone);
            if gone || unwanted {
                held.lines.remove(self.key);
                if !gone {
                    self.instance
                        .stats()
                        .kind(self.kind)
                        .abandoned_queued
                        .fetch_add(1, Relaxed);
                }
                self.note_unbegun(begun, EventOutcome::Abandoned);
                false
            } else {
                if let Some(line) = held.lines.get_mut(self.key) {
                    (line.phase, line.begun) = (MessagePhase::Running, begun);
                }
                held.running += 1;
                true
            }
        };
        self.instance.stats().left();
        wanted.then(|| self.count_begin(begun))
    }

    fn note_unbegun(&self, ended: u64, outcome: EventOutcome) {
        self.instance.stats().note_event(RawEvent {
            kind: self.kind,
            from: self.from,
            sent: self.sent,
            begun: ended,
            ended,
            outcome,
        });
    }

    fn count_begin(&self, begun: u64) -> RunningMessage {
        let waited = begun.saturating_sub(self.sent);
        self.instance.stats().begun(self.kind, waited);
        self.instance.note_progress_at(begun);
        RunningMessage {
            instance: Arc::clone(&self.instance),
            key: self.key,
            kind: self.kind,
            from: self.from,
            sent: self.sent,
            begun,
            done: false,
        }
    }
}

impl Drop for QueuedMessage {
    /// Dropped unhandled: a dead letter, unless its asker had already gone.
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let gone = {
            let mut held = lock(&self.instance.held);
            held.queued -= 1;
            held.lines.remove(self.key).is_none_or(|line| line.gone)
        };
        let stats = self.instance.stats();
        stats.left();
        let outcome = if gone {
            EventOutcome::Abandoned
        } else {
            EventOutcome::Dropped
        };
        self.note_unbegun(self.instance.now(), outcome);
        if !gone {
            let why = if self.instance.refusal() == AskError::Draining {
                MessageRejection::Draining
            } else {
                MessageRejection::Closed
            };
            stats.kind(self.kind).reject(why);
            self.instance.handed_back.fetch_add(1, Relaxed);
        }
    }
}

/// A message whose handler runs.
#[derive(Debug)]
pub(super) struct RunningMessage {
    instance: Arc<ActorInstance>,
    key: SlabKey,
    kind: u8,
    from: u8,
    sent: u64,
    begun: u64,
    done: bool,
}

impl RunningMessage {
    pub(super) fn instance(&self) -> &Arc<ActorInstance> {
        &self.instance
    }

    /// The handler is done; an outcome nobody waited for counts as cancelled.
    pub(super) fn finish(mut self, outcome: MessageOutcome) {
        self.done = true;
        self.instance.handled.fetch_add(1, Relaxed);
        self.leave(outcome);
    }

    fn leave(&self, outcome: MessageOutcome) {
        let now = self.instance.now();
        let gone = {
            let mut held = lock(&self.instance.held);
            held.running -= 1;
            held.ended_nanos += now.saturating_sub(self.begun);
            held.lines.remove(self.key).is_none_or(|line| line.gone)
        };
        let outcome = if gone && outcome != MessageOutcome::Panicked {
            MessageOutcome::Cancelled
        } else {
            outcome
        };
        let event = RawEvent {
            kind: self.kind,
            from: self.from,
            sent: self.sent,
            begun: self.begun,
            ended: now,
            outcome: EventOutcome::Handled(outcome),
        };
        self.instance.stats().ended(event, outcome);
        if outcome == MessageOutcome::Panicked {
            self.instance.keep_black_box();
        }
        self.instance.note_progress_at(now);
    }
}

impl Drop for RunningMessage {
    /// Cut off: killed, or its arbiter ended.
    fn drop(&mut self) {
        if !self.done {
            self.instance.handed_back.fetch_add(1, Relaxed);
            self.leave(MessageOutcome::Cancelled);
        }
    }
}
