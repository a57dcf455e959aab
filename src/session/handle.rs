//! Starts the session owner on its thread, and sends it messages.

use std::sync::Arc;
use std::time::Duration;

use actix_rt::{Arbiter, ArbiterHandle};

use crate::actor::{
    ActorRegistry, AskContext, ConcurrentRunner, LedgerEntry, Mailbox, ServeMessages, SpawnOptions, spawn,
};
use crate::diagnostics::DiagnosticsFolder;
use crate::session::messages::SessionMessage;
use crate::session::owner::SessionOwner;
use crate::session::unrecognised::unrecognised;
use crate::session::{RateSource, SessionConfig, SessionCounters, SessionError};

/// Threads for names and token files beside the owner's own.
const HELPERS: usize = 4;
/// A disk that does not answer must not keep a program from ending.
const LAST_WRITES: Duration = Duration::from_secs(2);

/// Asks the session owner; clones ask the same one.
#[derive(Clone, Debug)]
pub struct Session {
    mailbox: Mailbox<ConcurrentRunner<SessionOwner>>,
    counters: Arc<SessionCounters>,
}

/// The owner's thread.
#[derive(Debug)]
pub struct SessionThread {
    arbiter: Arbiter,
    diagnostics: DiagnosticsFolder,
}

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
        let diagnostics = config.diagnostics.clone();
        let counters = Arc::new(SessionCounters::reporting_to(diagnostics.clone()));
        let capacity = SpawnOptions::with_capacity(config.mailbox_capacity);
        let factory = {
            let (hub, counters) = (hub.clone(), Arc::clone(&counters));
            move || SessionOwner::new(config.clone(), rate.clone(), &hub, &counters)
        };
        let mailbox = spawn::concurrent(hub, &arbiter.handle(), capacity, factory);
        Ok((Self { mailbox, counters }, SessionThread { arbiter, diagnostics }))
    }

    /// Asks, and waits for the reply. A body in the reply stays tied to `cx`: cancelled, it ends.
    pub async fn ask<M>(&self, mut message: M, cx: &AskContext) -> Result<M::Ok, SessionError>
    where
        M: SessionMessage,
        SessionOwner: ServeMessages<M>,
    {
        message.tie(cx);
        let asked = message.asked_of_grin().cloned();
        let answer = self.mailbox.ask(message, cx).await?;
        if let (Err(error), Some(url)) = (&answer, asked)
            && let Some(unrecognised) = unrecognised(error)
        {
            self.diagnostics().report(unrecognised.asked_at(&url));
        }
        answer
    }

    /// Where answers are reported that are not recognised.
    pub(crate) fn diagnostics(&self) -> &DiagnosticsFolder {
        &self.counters.diagnostics
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
        self.arbiter.handle()
    }

    /// Ends the owner's thread and waits for it, and for what is kept of answers that were not recognised. Blocks; what is under way is
    /// dropped.
    pub fn join(self) -> Result<(), SessionError> {
        self.arbiter.stop();
        self.diagnostics.finish(LAST_WRITES);
        self.arbiter
            .join()
            .map_err(|_| SessionError::Setup("the session's thread panicked".to_owned()))
    }
}
