//! A message's right to be handled (`Ticket`), and its being handled (`Running`); both count when dropped.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::actor::capacity::CapacityPlace;
use crate::actor::held_messages::{HeldMessage, MessagePhase, SlabKey};
use crate::actor::instance::ActorInstance;
use crate::actor::stats::MessageRejection;
use crate::actor::{AskError, MessageOutcome, MessageSender, lock};

/// A queued message; holds its place in the room until handling begins.
#[derive(Debug)]
pub(super) struct QueuedMessage {
    desk: Arc<ActorInstance>,
    key: SlabKey,
    kind: u8,
    sent: u64,
    place: Option<CapacityPlace>,
    done: bool,
}

impl QueuedMessage {
    /// Writes the message on the board; refused when the actor closed since the place was given.
    pub(super) fn enter(
        desk: &Arc<ActorInstance>,
        place: CapacityPlace,
        kind: u8,
        from: MessageSender,
    ) -> Result<Self, AskError> {
        let sent = desk.now();
        let line = HeldMessage {
            from,
            phase: MessagePhase::Queued,
            sent,
            begun: 0,
            gone: false,
            waits: None,
        };
        let key = {
            let mut board = lock(&desk.board);
            if board.closing {
                return Err(desk.refusal());
            }
            board.queued += 1;
            board.lines.insert(line)
        };
        desk.stats().entered();
        desk.stats().kind(kind).sent.fetch_add(1, Relaxed);
        Ok(Self {
            desk: Arc::clone(desk),
            key,
            kind,
            sent,
            place: Some(place),
            done: false,
        })
    }

    pub(super) fn desk(&self) -> &Arc<ActorInstance> {
        &self.desk
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
        let begun = self.desk.now();
        let wanted = {
            let mut board = lock(&self.desk.board);
            board.queued -= 1;
            let gone = board.lines.get_mut(self.key).is_none_or(|line| line.gone);
            if gone || unwanted {
                board.lines.remove(self.key);
                if !gone {
                    self.desk.stats().kind(self.kind).abandoned_queued.fetch_add(1, Relaxed);
                }
                false
            } else {
                if let Some(line) = board.lines.get_mut(self.key) {
                    (line.phase, line.begun) = (MessagePhase::Running, begun);
                }
                board.running += 1;
                true
            }
        };
        self.desk.stats().left();
        wanted.then(|| self.count_begin(begun))
    }

    fn count_begin(&self, begun: u64) -> RunningMessage {
        let stats = self.desk.stats();
        stats.wait.observe_nanos(begun.saturating_sub(self.sent));
        stats.kind(self.kind).in_flight.fetch_add(1, Relaxed);
        self.desk.note_progress_at(begun);
        RunningMessage {
            desk: Arc::clone(&self.desk),
            key: self.key,
            kind: self.kind,
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
            let mut board = lock(&self.desk.board);
            board.queued -= 1;
            board.lines.remove(self.key).is_none_or(|line| line.gone)
        };
        let stats = self.desk.stats();
        stats.left();
        if !gone {
            let why = if self.desk.refusal() == AskError::Draining {
                MessageRejection::Draining
            } else {
                MessageRejection::Closed
            };
            stats.kind(self.kind).reject(why);
            self.desk.handed_back.fetch_add(1, Relaxed);
        }
    }
}

/// A message whose handler runs.
#[derive(Debug)]
pub(super) struct RunningMessage {
    desk: Arc<ActorInstance>,
    key: SlabKey,
    kind: u8,
    begun: u64,
    done: bool,
}

impl RunningMessage {
    pub(super) fn desk(&self) -> &Arc<ActorInstance> {
        &self.desk
    }

    /// The handler is done; an outcome nobody waited for counts as cancelled.
    pub(super) fn finish(mut self, outcome: MessageOutcome) {
        self.done = true;
        self.desk.handled.fetch_add(1, Relaxed);
        self.leave(outcome);
    }

    fn leave(&self, outcome: MessageOutcome) {
        let now = self.desk.now();
        let gone = {
            let mut board = lock(&self.desk.board);
            board.running -= 1;
            board.lines.remove(self.key).is_none_or(|line| line.gone)
        };
        let outcome = if gone && outcome != MessageOutcome::Panicked {
            MessageOutcome::Cancelled
        } else {
            outcome
        };
        let kind = self.desk.stats().kind(self.kind);
        kind.in_flight.fetch_sub(1, Relaxed);
        kind.handled[outcome as usize].fetch_add(1, Relaxed);
        kind.handle.observe_nanos(now.saturating_sub(self.begun));
        self.desk.note_progress_at(now);
    }
}

impl Drop for RunningMessage {
    /// Cut off: killed, or its arbiter ended.
    fn drop(&mut self) {
        if !self.done {
            self.desk.handed_back.fetch_add(1, Relaxed);
            self.leave(MessageOutcome::Cancelled);
        }
    }
}
