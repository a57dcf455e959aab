//! The envelope round every message, and the asker's end of it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::actor::entry::own_end;
use crate::actor::held_messages::{MessagePhase, SlabKey};
use crate::actor::instance::ActorInstance;
use crate::actor::queued::{QueuedMessage, RunningMessage};
use crate::actor::runner::discard;
use crate::actor::{AskContext, AskError, Message, MessageOutcome, lock};
use crate::traces::EndingSpan;

/// A message on its way. Dropped unopened, it is counted as rejected, and its asker learns that the actor has ended.
pub struct MessageEnvelope<M: Message> {
    // Dropped in this order: counted first, then the asker is told.
    queued: QueuedMessage,
    message: M,
    cx: AskContext,
    reply: oneshot::Sender<Result<M::Reply, AskError>>,
}

impl<M: Message> fmt::Debug for MessageEnvelope<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("kind", &M::KIND)
            .field("from", &self.cx.asked_by())
            .finish_non_exhaustive()
    }
}

impl<M: Message> actix::Message for MessageEnvelope<M> {
    type Result = ();
}

impl<M: Message> MessageEnvelope<M> {
    pub(super) fn seal(message: M, queued: QueuedMessage, cx: &AskContext) -> (Self, PendingReply<M::Reply>) {
        let (reply, answer) = oneshot::channel();
        let token = cx.token().child_token();
        let guard = Guard {
            instance: Arc::clone(queued.instance()),
            key: queued.key(),
            kind: queued.kind(),
            token: token.clone(),
            answered: false,
        };
        let span = cx.span().message(queued.instance().name().as_str(), M::KIND);
        let cx = AskContext::delivered(cx, token, queued.instance(), queued.key()).traced(span);
        (
            Self {
                queued,
                message,
                cx,
                reply,
            },
            PendingReply { answer, guard },
        )
    }

    /// Handling begins: the message, its context, and the call to answer. `None` if nobody waits any more.
    pub fn open(self) -> Option<(M, AskContext, ReplyDuty<M>)> {
        let Self {
            queued,
            message,
            cx,
            reply,
        } = self;
        if let Some(running) = queued.begin(cx.is_cancelled()) {
            let span = EndingSpan(cx.span().clone());
            return Some((message, cx, ReplyDuty { running, reply, span }));
        }
        // It may panic when dropped; that must not take the actor along.
        discard(message);
        None
    }
}

/// The duty to answer. Dropped unanswered, the message counts as cancelled and its asker gets `Closed` or `Draining`.
pub struct ReplyDuty<M: Message> {
    running: RunningMessage,
    reply: oneshot::Sender<Result<M::Reply, AskError>>,
    span: EndingSpan,
}

impl<M: Message> fmt::Debug for ReplyDuty<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("kind", &M::KIND).finish_non_exhaustive()
    }
}

impl<M: Message> ReplyDuty<M> {
    /// Answers, and counts the outcome.
    pub fn answer(self, reply: M::Reply) {
        let outcome = if M::failed(&reply) {
            MessageOutcome::Error
        } else {
            MessageOutcome::Ok
        };
        self.settle(Ok(reply), outcome);
    }

    /// The handler panicked: counts it, keeps the fault, tells the asker.
    pub fn panicked(self, fault: &str) {
        self.running.instance().note_fault(fault);
        self.settle(Err(AskError::Panicked), MessageOutcome::Panicked);
    }

    fn settle(self, answer: Result<M::Reply, AskError>, outcome: MessageOutcome) {
        let EndingSpan(span) = &self.span;
        span.word("outcome", outcome.as_str());
        if outcome != MessageOutcome::Ok {
            span.fail();
        }
        // Before the asker goes on: a part of its work does not end after it.
        span.end();
        self.running.finish(outcome);
        let _ = self.reply.send(answer);
    }
}

/// The asker's end of a sent message.
pub(super) struct PendingReply<R> {
    answer: oneshot::Receiver<Result<R, AskError>>,
    guard: Guard,
}

impl<R> PendingReply<R> {
    /// Waits for the reply, or for the asker's own end.
    pub(super) async fn reply(mut self, cx: &AskContext) -> Result<R, AskError> {
        tokio::select! {
            biased;
            answer = &mut self.answer => {
                self.guard.answered = true;
                answer.unwrap_or_else(|_| Err(self.guard.instance.refusal()))
            }
            () = cx.cancelled() => Err(own_end(self.guard.instance.stats().kind(self.guard.kind), cx)),
        }
    }
}

/// Dropped before the answer came, it takes the message back if queued, or cancels it if running.
struct Guard {
    instance: Arc<ActorInstance>,
    key: SlabKey,
    kind: u8,
    token: CancellationToken,
    answered: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        let phase = lock(&self.instance.held).lines.get_mut(self.key).map(|line| {
            line.gone = true;
            line.phase
        });
        let kind = self.instance.stats().kind(self.kind);
        match phase {
            Some(MessagePhase::Queued) => kind.abandoned_queued.fetch_add(1, Relaxed),
            Some(MessagePhase::Running) => kind.abandoned_running.fetch_add(1, Relaxed),
            None => 0,
        };
        self.token.cancel();
    }
}
