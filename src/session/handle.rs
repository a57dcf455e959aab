//! Starts the session owner on its thread, and sends it messages.

use std::sync::Arc;

use actix_rt::{Arbiter, ArbiterHandle};

use crate::actor::{
    ActorRegistry, AskContext, ConcurrentRunner, LedgerEntry, Mailbox, ServeMessages, SpawnOptions, spawn,
};
use crate::session::messages::SessionMessage;
use crate::session::owner::SessionOwner;
use crate::session::{RateSource, SessionConfig, SessionCounters, SessionError};

/// Threads for names and token files beside the owner's own.
const HELPERS: usize = 4;

/// Asks the session owner; clones ask the same one.
#[derive(Clone, Debug)]
pub struct Session {
    mailbox: Mailbox<ConcurrentRunner<SessionOwner>>,
    counters: Arc<SessionCounters>,
}

/// The owner's thread.
#[derive(Debug)]
pub struct SessionThread(Arbiter);

impl Session {
    /// Starts the owner on a thread of its own. No connection is made before the first request.
    ///
    /// # Errors
    /// [`SessionError::Setup`]: the CA file cannot be used, or no thread can be started.
    ///
    /// # Panics
    /// Outside of an actix `System`.
    pub fn start(hub: &ActorRegistry, config: SessionConfig) -> Result<(Self, SessionThread), SessionError> {
        Self::begin(hub, config, None)
    }

    /// As [`Session::start`], where `rate` divides the requests a second among several programs.
    ///
    /// # Errors
    /// As [`Session::start`].
    pub(crate) fn start_sharing(
        hub: &ActorRegistry,
        config: SessionConfig,
        rate: Arc<dyn RateSource>,
    ) -> Result<(Self, SessionThread), SessionError> {
        Self::begin(hub, config, Some(rate))
    }

    fn begin(
        hub: &ActorRegistry,
        config: SessionConfig,
        rate: Option<Arc<dyn RateSource>>,
    ) -> Result<(Self, SessionThread), SessionError> {
        crate::session::net::check(&config)?;
        let arbiter = Arbiter::try_with_tokio_rt(|| {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .max_blocking_threads(HELPERS)
                .build()
        })
        .map_err(|error| SessionError::Setup(error.to_string()))?;
        let counters = Arc::new(SessionCounters::default());
        let capacity = SpawnOptions::with_capacity(config.mailbox_capacity);
        let factory = {
            let (hub, counters) = (hub.clone(), Arc::clone(&counters));
            move || SessionOwner::new(config.clone(), rate.clone(), &hub, &counters)
        };
        let mailbox = spawn::concurrent(hub, &arbiter.handle(), capacity, factory);
        Ok((Self { mailbox, counters }, SessionThread(arbiter)))
    }

    /// Asks, and waits for the reply. A body in the reply stays tied to `cx`: cancelled, it ends.
    pub async fn ask<M>(&self, mut message: M, cx: &AskContext) -> Result<M::Ok, SessionError>
    where
        M: SessionMessage,
        SessionOwner: ServeMessages<M>,
    {
        message.tie(cx);
        self.mailbox.ask(message, cx).await?
    }

    /// What the session has counted.
    pub fn counters(&self) -> Arc<SessionCounters> {
        Arc::clone(&self.counters)
    }

    /// Takes nothing new from now on; what is under way is finished, then the owner ends.
    pub fn shut(&self) {
        self.mailbox.close();
    }

    /// Completes when the owner has ended after [`Session::shut`]; says how.
    pub async fn drained(&self) -> LedgerEntry {
        self.mailbox.drained().await
    }
}

impl SessionThread {
    /// The thread, to see whether it answers.
    pub(crate) fn arbiter(&self) -> ArbiterHandle {
        self.0.handle()
    }

    /// Ends the owner's thread and waits for it. Blocks; what is under way is dropped.
    pub fn join(self) -> Result<(), SessionError> {
        self.0.stop();
        self.0
            .join()
            .map_err(|_| SessionError::Setup("the session's thread panicked".to_owned()))
    }
}
