//! What a message is, and what a worker does with one.

use crate::actor::{ActorName, AskContext, ExitReason};

/// Something one actor asks another.
pub trait Message: Send + 'static {
    /// What comes back.
    type Reply: Send + 'static;
    /// The metric label `message`; fixed in the code.
    const KIND: &'static str;

    /// Does this reply count as outcome `error`? The mailbox cannot look into a `Result` by itself.
    fn failed(reply: &Self::Reply) -> bool {
        let _ = reply;
        false
    }
}

/// What an actor is made of: its state, rebuilt by a factory after a panic.
pub trait Worker: Sized + 'static {
    /// Which actor this is.
    const NAME: ActorName;

    /// Called once, when the actor has stopped; not for a worker that panicked, nor for one whose arbiter ended while it
    /// was handling a message.
    fn stopped(&mut self, reason: ExitReason) {
        let _ = reason;
    }
}

/// One message at a time: the next one waits in the mailbox until this future is done.
pub trait HandleMessage<M: Message>: Worker {
    /// Answers `message`. The future is dropped when the actor is killed; `cx` is cancelled when the asker went away.
    fn handle(&mut self, message: M, cx: &AskContext) -> impl Future<Output = M::Reply>;
}

/// Many messages at a time: `serve` only begins the work, its future runs beside the others.
pub trait ServeMessages<M: Message>: Worker {
    /// Begins answering `message`; the future owns all it needs.
    fn serve(&mut self, message: M, cx: AskContext) -> impl Future<Output = M::Reply> + 'static;
}
