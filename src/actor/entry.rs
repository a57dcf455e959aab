//! The way into a mailbox or a pool: may this asker ask, is there a free place, how long was the wait for it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::actor::capacity::{CapacityPlace, MailboxCapacity};
use crate::actor::held_messages::SlabKey;
use crate::actor::stats::{ActorStats, KindStats, MessageRejection};
use crate::actor::{ActorRegistry, AskContext, AskError, lock};

/// One ask before it has its place.
pub(super) struct EnvelopeEntry<'a> {
    pub(super) hub: &'a ActorRegistry,
    pub(super) stats: &'a ActorStats,
    pub(super) places: &'a Arc<MailboxCapacity>,
    /// Index of the message's kind.
    pub(super) kind: u8,
}

impl EnvelopeEntry<'_> {
    /// A place at once, else `Full`.
    pub(super) fn at_once(&self, cx: &AskContext) -> Result<CapacityPlace, AskError> {
        self.may_ask(cx)?;
        self.places.try_take().map_err(|error| self.refused(error))
    }

    /// A place as soon as there is one; the wait is counted for the asker.
    pub(super) async fn in_turn(&self, cx: &AskContext) -> Result<CapacityPlace, AskError> {
        self.may_ask(cx)?;
        match self.places.try_take() {
            Ok(place) => Ok(place),
            Err(AskError::Full) => self.wait(cx).await,
            Err(error) => Err(self.refused(error)),
        }
    }

    async fn wait(&self, cx: &AskContext) -> Result<CapacityPlace, AskError> {
        let _blocked = Blocked::new(self, cx);
        tokio::select! {
            biased;
            place = self.places.take() => place.map_err(|error| self.refused(error)),
            () = cx.cancelled() => Err(own_end(self.stats.kind(self.kind), cx)),
        }
    }

    fn may_ask(&self, cx: &AskContext) -> Result<(), AskError> {
        let (from, to) = (cx.who(), self.stats.name);
        if !from.may_ask(to) {
            self.stats.kind(self.kind).reject(MessageRejection::Upwards);
            tracing::error!(%from, %to, "an ask upwards was refused");
            return Err(AskError::Upwards { from, to });
        }
        if cx.is_cancelled() {
            Err(own_end(self.stats.kind(self.kind), cx))
        } else {
            Ok(())
        }
    }

    /// Counts a refusal.
    pub(super) fn refused(&self, error: AskError) -> AskError {
        let why = match error {
            AskError::Full => MessageRejection::Full,
            AskError::Draining => MessageRejection::Draining,
            _ => MessageRejection::Closed,
        };
        self.stats.kind(self.kind).reject(why);
        error
    }
}

/// The asker's own end: cancelled, or past its deadline (counted).
pub(super) fn own_end(kind: &KindStats, cx: &AskContext) -> AskError {
    if cx.token().is_cancelled() {
        return AskError::Cancelled;
    }
    kind.timeouts[cx.who().row()].fetch_add(1, Relaxed);
    AskError::TimedOut
}

/// An asker waiting for a free place; its time is counted when it goes in or away.
struct Blocked<'a> {
    hub: &'a ActorRegistry,
    stats: &'a ActorStats,
    key: SlabKey,
    row: usize,
    since: u64,
}

impl<'a> Blocked<'a> {
    fn new(entry: &EnvelopeEntry<'a>, cx: &AskContext) -> Self {
        let since = entry.hub.now();
        let key = lock(&entry.stats.waiting).insert((cx.who(), since));
        Self {
            hub: entry.hub,
            stats: entry.stats,
            key,
            row: cx.who().row(),
            since,
        }
    }
}

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        lock(&self.stats.waiting).remove(self.key);
        self.stats.blocked[self.row].fetch_add(self.hub.now().saturating_sub(self.since), Relaxed);
    }
}
