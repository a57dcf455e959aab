//! Room `mailbox`: the handle through which an actor is asked.

use std::fmt;
use std::sync::Arc;

use actix::{Actor, Addr, Context, Handler};

use super::desk::Desk;
use super::{AskError, Cx, Envelope, LedgerEntry, Message};

/// Asks one actor; clones ask the same one. When the last is dropped, the actor finishes its queue and ends.
pub struct Mailbox<A: Shell> {
    inner: Arc<Inner<A>>,
}

struct Inner<A: Shell> {
    addr: Addr<A>,
    desk: Arc<Desk>,
}

/// An actor that this room can end: [`Serial`](super::Serial) and [`Concurrent`](super::Concurrent).
pub trait Shell: Actor<Context = Context<Self>> + Handler<Poke> {}

impl<A: Actor<Context = Context<A>> + Handler<Poke>> Shell for A {}

/// Makes an actor look whether its end has come.
#[derive(Debug, Clone, Copy)]
pub struct Poke;

impl actix::Message for Poke {
    type Result = ();
}

impl<A: Shell> Clone for Mailbox<A> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<A: Shell> fmt::Debug for Mailbox<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox")
            .field("actor", &self.inner.desk.name())
            .finish_non_exhaustive()
    }
}

impl<A: Shell> Mailbox<A> {
    pub(super) fn new(addr: Addr<A>, desk: Arc<Desk>) -> Self {
        Self {
            inner: Arc::new(Inner { addr, desk }),
        }
    }

    /// Sends `message` and waits for its reply; waits for room first when there is none.
    pub async fn ask<M: Message>(&self, message: M, cx: &Cx) -> Result<M::Reply, AskError>
    where
        A: Handler<Envelope<M>>,
    {
        self.inner
            .desk
            .ask(message, cx, |envelope| post(&self.inner.addr, envelope))
            .await
    }

    /// As [`Mailbox::ask`], but `Full` at once when there is no room.
    pub async fn try_ask<M: Message>(&self, message: M, cx: &Cx) -> Result<M::Reply, AskError>
    where
        A: Handler<Envelope<M>>,
    {
        self.inner
            .desk
            .try_ask(message, cx, |envelope| post(&self.inner.addr, envelope))
            .await
    }

    /// Takes nothing new from now on (`Draining`); what is queued is finished, then the actor ends.
    pub fn close(&self) {
        self.inner.desk.close();
        post(&self.inner.addr, Poke);
    }

    /// Ends the actor at once: what runs is dropped, what is queued goes back to its askers.
    pub fn kill(&self) {
        self.inner.desk.kill();
        post(&self.inner.addr, Poke);
    }

    /// Completes when the actor has ended; says how. Does not close by itself.
    pub async fn drained(&self) -> LedgerEntry {
        self.inner.desk.drained().await
    }

    pub(super) fn desk(&self) -> &Arc<Desk> {
        &self.inner.desk
    }

    pub(super) fn addr(&self) -> &Addr<A> {
        &self.inner.addr
    }
}

impl<A: Shell> Drop for Inner<A> {
    fn drop(&mut self) {
        self.desk.abandon();
        post(&self.addr, Poke);
    }
}

/// The one place where anything is put into an actix mailbox.
#[expect(
    clippy::disallowed_methods,
    reason = "the bound and the counting are done by the ticket inside the envelope"
)]
pub(super) fn post<A, M>(addr: &Addr<A>, message: M)
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: actix::Message<Result = ()> + Send + 'static,
{
    addr.do_send(message);
}
