//! The front door: starts the actor, and asks it.

use std::sync::Arc;

use actix_rt::ArbiterHandle;

use crate::actor::{
    ActorRegistry, AskContext, ConcurrentRunner, LedgerEntry, Mailbox, ServeMessages, SpawnOptions, spawn,
};
use crate::dapr::{StateActor, StateCounters, StateError, StateMessage, StateStoreConfig};
use crate::session::Session;

/// Asks the state store's client; clones ask the same one.
#[derive(Clone, Debug)]
pub struct StateStore {
    mailbox: Mailbox<ConcurrentRunner<StateActor>>,
    counters: Arc<StateCounters>,
}

impl StateStore {
    /// Starts the actor on `arbiter`. Nothing is sent before the first message; connections are the session's.
    pub fn start(hub: &ActorRegistry, arbiter: &ArbiterHandle, session: &Session, config: StateStoreConfig) -> Self {
        let counters = Arc::new(StateCounters::default());
        let capacity = SpawnOptions::with_capacity(config.mailbox_capacity);
        let factory = {
            let (session, counters) = (session.clone(), Arc::clone(&counters));
            move || StateActor::new(session.clone(), config.clone(), Arc::clone(&counters))
        };
        Self {
            mailbox: spawn::concurrent(hub, arbiter, capacity, factory),
            counters,
        }
    }

    /// Asks, and waits for the reply; never for room in the mailbox.
    ///
    /// # Errors
    /// [`StateError::Busy`] at once when too much is asked already; else whatever became of the message.
    pub async fn ask<M>(&self, message: M, cx: &AskContext) -> Result<M::Ok, StateError>
    where
        M: StateMessage,
        StateActor: ServeMessages<M>,
    {
        self.mailbox.try_ask(message, cx).await?
    }

    /// What the client has counted.
    pub fn counters(&self) -> Arc<StateCounters> {
        Arc::clone(&self.counters)
    }

    /// Takes nothing new from now on; what is under way is finished, then the actor ends.
    pub fn shut(&self) {
        self.mailbox.close();
    }

    /// Completes when the actor has ended after [`StateStore::shut`]; says how.
    pub async fn drained(&self) -> LedgerEntry {
        self.mailbox.drained().await
    }
}
