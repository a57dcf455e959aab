//! What an operator asks of the running daemon: done by its actors, recorded in the catalog's history.

use std::time::Duration;

use tracing::{info, warn};

use crate::actor::{AskContext, AskError, ConcurrentRunner, Mailbox};
use crate::catalog::{Catalog, CatalogError, ResetFailed, RetryBooks};
use crate::observe::{ControlError, RetryReply, RetryRequest};
use crate::pipeline::{LookAgain, Supervisor};

/// A catalog that another program locks answers after 15 s; the client waits for 30 s.
const LONGEST: Duration = Duration::from_secs(25);

/// Asks the actors on an operator's behalf, from any thread.
#[derive(Debug, Clone)]
pub(super) struct DaemonControl {
    pub catalog: Catalog,
    pub supervisor: Mailbox<ConcurrentRunner<Supervisor>>,
}

impl DaemonControl {
    /// Has books tried again, and the supervisor look for them at once.
    pub async fn retry(self, request: RetryRequest) -> Result<RetryReply, ControlError> {
        let cx = AskContext::root("operator").with_timeout(LONGEST);
        let reply = match request {
            RetryRequest::Barcodes(barcodes) => {
                let done = self.catalog.ask(RetryBooks(barcodes), &cx).await.map_err(refused)?;
                let unchanged = done.unchanged.into_iter();
                RetryReply {
                    reset: done.reset,
                    unchanged: unchanged.map(|(barcode, state)| (barcode, state.to_string())).collect(),
                    unknown: done.unknown,
                }
            }
            RetryRequest::Failed { reason } => {
                let reset = self.catalog.ask(ResetFailed { only: None, reason }, &cx).await;
                RetryReply {
                    reset: reset.map_err(refused)?,
                    ..RetryReply::default()
                }
            }
        };
        if reply.reset > 0 {
            info!(
                books = reply.reset,
                "an operator asked for these books to be tried again"
            );
            if let Err(error) = self.supervisor.ask(LookAgain, &cx).await {
                warn!(%error, "the supervisor was not told of these books; it looks for work again within half a minute");
            }
        }
        Ok(reply)
    }
}

fn refused(error: CatalogError) -> ControlError {
    match error {
        CatalogError::Asked(AskError::Closed | AskError::Draining) => ControlError::Stopping,
        error => ControlError::Catalog(error.to_string()),
    }
}
