//! Why an ask got no answer.

use crate::actor::{ActorName, MessageSender};

/// Why an ask was refused or ended without its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The mailbox has no free place; only from asks that do not wait for it.
    #[error("the mailbox is full")]
    Full,
    /// The actor has ended.
    #[error("the actor has ended")]
    Closed,
    /// The actor finishes what it has and takes nothing new.
    #[error("the actor is draining and takes no new messages")]
    Draining,
    /// The handler panicked on this message.
    #[error("the handler panicked")]
    Panicked,
    /// The asker's own context was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The asker's deadline passed.
    #[error("timed out")]
    TimedOut,
    /// Asks go down the layers only; this one would allow two actors to wait for each other.
    #[error("{from} must not ask {to}: asks go down only")]
    Upwards {
        /// Who asked.
        from: MessageSender,
        /// Who was asked.
        to: ActorName,
    },
}
