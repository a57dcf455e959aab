//! The context of a piece of work: who asks, how long it may take, whether anyone still waits for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::actor::held_messages::{SlabKey, WorkDescription};
use crate::actor::instance::ActorInstance;
use crate::actor::{ActorName, MessageSender};
use crate::traces::WorkSpan;

/// Goes with every ask, and comes with every message. Clones share one cancellation.
#[derive(Debug, Clone)]
pub struct AskContext {
    who: MessageSender,
    asked_by: Option<MessageSender>,
    token: CancellationToken,
    deadline: Option<Instant>,
    seat: Option<Seat>,
    span: WorkSpan,
}

/// Where the message stands that this context came with.
#[derive(Debug, Clone)]
struct Seat {
    instance: Arc<ActorInstance>,
    key: SlabKey,
}

impl AskContext {
    /// For callers that are no actors: the command line, tests, the daemon's own wiring.
    pub fn root(name: &'static str) -> Self {
        Self {
            who: MessageSender::Outside(name),
            asked_by: None,
            token: CancellationToken::new(),
            deadline: None,
            seat: None,
            span: WorkSpan::default(),
        }
    }

    /// For an actor's own long-lived work, which outlives the message that began it: cancelled with `token`.
    pub fn of(actor: ActorName, token: CancellationToken) -> Self {
        Self {
            who: MessageSender::Actor(actor),
            token,
            ..Self::root("")
        }
    }

    /// The context that a message gets: asked by `asker`, seen from the actor of `instance`.
    pub(super) fn delivered(
        asker: &Self,
        token: CancellationToken,
        instance: &Arc<ActorInstance>,
        key: SlabKey,
    ) -> Self {
        Self {
            who: MessageSender::Actor(instance.name()),
            asked_by: Some(asker.who),
            token,
            deadline: asker.deadline,
            seat: Some(Seat {
                instance: Arc::clone(instance),
                key,
            }),
            span: WorkSpan::default(),
        }
    }

    /// The same, and what is asked with it becomes a part of this span.
    #[must_use]
    pub(crate) fn traced(self, span: WorkSpan) -> Self {
        Self { span, ..self }
    }

    /// The span of this work.
    pub(crate) fn span(&self) -> &WorkSpan {
        &self.span
    }

    /// Who asks when this context is passed on.
    pub fn who(&self) -> MessageSender {
        self.who
    }

    /// Who asked for the message that this context came with.
    pub fn asked_by(&self) -> Option<MessageSender> {
        self.asked_by
    }

    /// When the work must be done; asks made with this context end with `TimedOut` then.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Is the work no longer wanted (asker gone, cancelled, or past its deadline)?
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled() || self.is_late()
    }

    /// Completes when the work is no longer wanted.
    pub async fn cancelled(&self) {
        match self.deadline {
            None => self.token.cancelled().await,
            Some(deadline) => {
                let _ = tokio::time::timeout_at(deadline, self.token.cancelled()).await;
            }
        }
    }

    /// Cancels this context and all made from it.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// The token behind this context, for code that takes one. It does not know the deadline.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// A context that is cancelled with this one, but can also be cancelled by itself.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            token: self.token.child_token(),
            ..self.clone()
        }
    }

    /// As [`AskContext::child`], asking in the name of `actor`.
    #[must_use]
    pub fn child_of(&self, actor: ActorName) -> Self {
        Self {
            who: MessageSender::Actor(actor),
            ..self.child()
        }
    }

    /// As [`AskContext::child`], ending after `limit` at the latest; never later than this context itself.
    #[must_use]
    pub fn with_timeout(&self, limit: Duration) -> Self {
        let end = Instant::now().checked_add(limit);
        let deadline = match (self.deadline, end) {
            (Some(own), Some(end)) => Some(own.min(end)),
            (own, end) => own.or(end),
        };
        Self {
            deadline,
            ..self.child()
        }
    }

    /// Runs `future` as a declared wait: while it lasts, the blame for silence goes to `what`.
    pub async fn waiting_for<F: Future>(&self, what: &'static str, future: F) -> F::Output {
        let _declared = self.declare(what);
        future.await
    }

    /// Says in one sentence what is being done about the message that this context came with. It is made when somebody looks, from
    /// what `words` shares with the work, and is gone with the message: nobody is told of what is over.
    pub fn describe(&self, words: impl Fn() -> String + Send + Sync + 'static) {
        if let Some(Seat { instance, key }) = &self.seat {
            instance.describe(*key, WorkDescription(Arc::new(words)));
        }
    }

    pub(super) fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    pub(super) fn declare(&self, what: &'static str) -> Option<DeclaredWait<'_>> {
        let Seat { instance, key } = self.seat.as_ref()?;
        let number = instance.begin_wait(*key, (what, instance.now()))?;
        Some(DeclaredWait {
            instance,
            key: *key,
            number,
        })
    }
}

/// A declared wait; it is over when this is dropped.
pub(super) struct DeclaredWait<'a> {
    instance: &'a ActorInstance,
    key: SlabKey,
    number: u64,
}

impl Drop for DeclaredWait<'_> {
    fn drop(&mut self) {
        self.instance.end_wait(self.key, self.number);
        self.instance.note_progress();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancelling_reaches_children_but_not_parents() {
        let root = AskContext::root("test");
        let child = root.child_of(ActorName::Checker);
        let grandchild = child.child();
        child.cancel();
        assert!(!root.is_cancelled());
        assert!(grandchild.is_cancelled());
        assert_eq!(grandchild.who(), MessageSender::Actor(ActorName::Checker));
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_never_outlasts_its_parent() {
        let short = AskContext::root("test").with_timeout(Duration::from_secs(1));
        let long = short.with_timeout(Duration::from_mins(1));
        assert_eq!(long.deadline(), short.deadline());
        let begun = Instant::now();
        long.cancelled().await;
        assert!(begun.elapsed() <= Duration::from_millis(1_010));
        assert!(long.is_cancelled());
    }

    #[test]
    fn an_endless_timeout_does_not_overflow() {
        assert_eq!(AskContext::root("test").with_timeout(Duration::MAX).deadline(), None);
    }
}
