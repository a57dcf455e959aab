//! What the workers ask of the session, behind one interface, so that each can be tested without a network.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio_util::sync::CancellationToken;

use crate::actor::AskContext;
use crate::catalog::Catalog;
use crate::diagnostics::DiagnosticsFolder;
use crate::grin::GrinAddresses;
use crate::session::{
    ArchiveBody, BodyStream, FetchAnswer, HeadRequest, OpenBody, OpenStream, RetryBackoff, Session, SessionError,
    SmallAnswer,
};

/// GRIN, as the workers see it.
pub trait GrinSession: Clone + Send + Sync + 'static {
    /// Asks for headers only.
    fn head(&self, ask: HeadRequest, cx: &AskContext) -> impl Future<Output = Result<SmallAnswer, SessionError>>;
    /// Asks for a small answer.
    fn fetch(&self, ask: FetchAnswer, cx: &AskContext) -> impl Future<Output = Result<SmallAnswer, SessionError>>;
    /// Asks for an archive.
    fn archive(&self, ask: OpenBody, cx: &AskContext) -> impl Future<Output = Result<ArchiveBody, SessionError>>;
    /// Asks for a long list.
    fn stream(&self, ask: OpenStream, cx: &AskContext) -> impl Future<Output = Result<BodyStream, SessionError>>;
    /// Where answers are reported that are not recognised.
    fn diagnostics(&self) -> DiagnosticsFolder {
        DiagnosticsFolder::default()
    }
    /// GRIN asked for a pause that is not over: no request is sent to it.
    fn is_held_back(&self) -> bool;
}

/// Asks, and gives up when a drain begins while GRIN wants no request: the answer would not come before the drain's end.
pub(super) async fn unless_held_back<T>(
    session: &impl GrinSession,
    stop: &CancellationToken,
    cx: &AskContext,
    ask: impl AsyncFnOnce(&AskContext) -> T,
) -> Option<T> {
    let own = cx.child();
    let held_back = async {
        stop.cancelled().await;
        if !session.is_held_back() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        answer = ask(&own) => Some(answer),
        () = held_back => {
            own.cancel();
            None
        }
    }
}

impl GrinSession for Session {
    async fn head(&self, ask: HeadRequest, cx: &AskContext) -> Result<SmallAnswer, SessionError> {
        self.ask(ask, cx).await
    }

    async fn fetch(&self, ask: FetchAnswer, cx: &AskContext) -> Result<SmallAnswer, SessionError> {
        self.ask(ask, cx).await
    }

    async fn archive(&self, ask: OpenBody, cx: &AskContext) -> Result<ArchiveBody, SessionError> {
        self.ask(ask, cx).await
    }

    async fn stream(&self, ask: OpenStream, cx: &AskContext) -> Result<BodyStream, SessionError> {
        self.ask(ask, cx).await
    }

    fn diagnostics(&self) -> DiagnosticsFolder {
        self.diagnostics().clone()
    }

    fn is_held_back(&self) -> bool {
        self.counters().is_gate_closed()
    }
}

/// What a worker needs that asks about batches of books.
#[derive(Debug, Clone)]
pub struct BatchParts<S = Session> {
    /// The one session.
    pub session: S,
    /// Where to ask.
    pub addresses: GrinAddresses,
    /// Where the answers go.
    pub catalog: Catalog,
    /// How often and how long after a batch is requested again.
    pub backoff: RetryBackoff,
    /// An answer about books proved that GRIN leaves out empty cells at a row's end.
    pub rows_are_trimmed: Arc<AtomicBool>,
}
