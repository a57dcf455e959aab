//! The handle through which an actor is asked.

use std::fmt;
use std::sync::Arc;

use actix::{Actor, Addr, Context, Handler};

use crate::actor::instance::ActorInstance;
use crate::actor::{AskContext, AskError, LedgerEntry, Message, MessageEnvelope};

/// Asks one actor; clones ask the same one. When the last is dropped, the actor finishes its queue and ends.
pub struct Mailbox<A: ActorRunner> {
    inner: Arc<Inner<A>>,
}

struct Inner<A: ActorRunner> {
    addr: Addr<A>,
    instance: Arc<ActorInstance>,
}

/// An actor that this module can end: [`SerialRunner`](crate::actor::SerialRunner) and [`ConcurrentRunner`](crate::actor::ConcurrentRunner).
pub trait ActorRunner: Actor<Context = Context<Self>> + Handler<WakeRunner> {}

impl<A: Actor<Context = Context<A>> + Handler<WakeRunner>> ActorRunner for A {}

/// Makes an actor look whether its end has come.
#[derive(Debug, Clone, Copy)]
pub struct WakeRunner;

impl actix::Message for WakeRunner {
    type Result = ();
}

impl<A: ActorRunner> Clone for Mailbox<A> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<A: ActorRunner> fmt::Debug for Mailbox<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox")
            .field("actor", &self.inner.instance.name())
            .finish_non_exhaustive()
    }
}

impl<A: ActorRunner> Mailbox<A> {
    pub(super) fn new(addr: Addr<A>, instance: Arc<ActorInstance>) -> Self {
        Self {
            inner: Arc::new(Inner { addr, instance }),
        }
    }

    /// Sends `message` and waits for its reply; waits for a free place first when there is none.
    pub async fn ask<M: Message>(&self, message: M, cx: &AskContext) -> Result<M::Reply, AskError>
    where
        A: Handler<MessageEnvelope<M>>,
    {
        self.inner
            .instance
            .ask(message, cx, |envelope| post(&self.inner.addr, envelope))
            .await
    }

    /// As [`Mailbox::ask`], but `Full` at once when there is no free place.
    pub async fn try_ask<M: Message>(&self, message: M, cx: &AskContext) -> Result<M::Reply, AskError>
    where
        A: Handler<MessageEnvelope<M>>,
    {
        self.inner
            .instance
            .try_ask(message, cx, |envelope| post(&self.inner.addr, envelope))
            .await
    }

    /// Takes nothing new from now on (`Draining`); what is queued is finished, then the actor ends.
    pub fn close(&self) {
        self.inner.instance.close();
        post(&self.inner.addr, WakeRunner);
    }

    /// Completes when the actor has ended; says how. Does not close by itself.
    pub async fn drained(&self) -> LedgerEntry {
        self.inner.instance.drained().await
    }

    pub(super) fn instance(&self) -> &Arc<ActorInstance> {
        &self.inner.instance
    }

    pub(super) fn addr(&self) -> &Addr<A> {
        &self.inner.addr
    }
}

impl<A: ActorRunner> Drop for Inner<A> {
    fn drop(&mut self) {
        self.instance.abandon();
        post(&self.addr, WakeRunner);
    }
}

/// The one place where anything is put into an actix mailbox.
#[expect(
    clippy::disallowed_methods,
    reason = "the bound and the counting are done by the queued inside the envelope"
)]
pub(super) fn post<A, M>(addr: &Addr<A>, message: M)
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: actix::Message<Result = ()> + Send + 'static,
{
    addr.do_send(message);
}
