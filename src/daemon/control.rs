//! What an operator asks of the running daemon: done by its actors, recorded in the catalog's history.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use tracing::{info, warn};

use crate::actor::{AskContext, AskError, ConcurrentRunner, Mailbox};
use crate::catalog::{
    AskPause, BeginPause, BookWish, Catalog, CatalogError, CatalogOperation, ChangeBooks, ChangedBooks, EndPause,
    OperatorPause, ResetFailed, WantedBooks,
};
use crate::grin::Barcode;
use crate::observe::{ControlError, ControlReply, ControlRequest, RetryRequest};
use crate::pipeline::{ChangePause, LibraryMembership, LookAgain, Supervisor};
use crate::session::{ReconfigureSession, Session};
use crate::vocabulary::{BookState, UnrequestedBook};

/// A catalog that another program locks answers after 15 s; the client waits for 30 s.
const LONGEST: Duration = Duration::from_secs(25);

/// Asks the actors on an operator's behalf, from any thread.
#[derive(Debug, Clone)]
pub(super) struct DaemonControl {
    pub catalog: Catalog,
    pub supervisor: Mailbox<ConcurrentRunner<Supervisor>>,
    pub session: Session,
    /// Which books this daemon fetches.
    pub asked: WantedBooks,
    /// The daemon's name among the members, under which its pause stands.
    pub instance: String,
}

impl DaemonControl {
    /// Does what is asked for; of books, and the supervisor looks for them at once.
    pub async fn done(self, request: ControlRequest) -> Result<ControlReply, ControlError> {
        match request {
            ControlRequest::Retry(RetryRequest::Failed { reason }) => self.retry_failed(reason).await,
            ControlRequest::Retry(RetryRequest::Barcodes(barcodes)) => self.change(barcodes, BookWish::Retry).await,
            ControlRequest::Prioritise(barcodes) => self.change(barcodes, BookWish::First).await,
            ControlRequest::Forget(barcodes) => self.change(barcodes, BookWish::Forget).await,
            ControlRequest::Pause { until } => self.pause(until).await,
            ControlRequest::Resume => self.resume().await,
        }
    }

    fn cx() -> AskContext {
        AskContext::root("operator").with_timeout(LONGEST)
    }

    async fn ask<O: CatalogOperation>(&self, operation: O) -> Result<O::Output, ControlError> {
        self.catalog.ask(operation, &Self::cx()).await.map_err(refused)
    }

    async fn retry_failed(&self, reason: Option<String>) -> Result<ControlReply, ControlError> {
        let changed = self.ask(ResetFailed { only: None, reason }).await?;
        self.look_again(changed, BookWish::Retry).await;
        Ok(ControlReply {
            changed,
            ..ControlReply::default()
        })
    }

    async fn change(&self, barcodes: Vec<Barcode>, wish: BookWish) -> Result<ControlReply, ControlError> {
        let named = barcodes.clone();
        let done = self.ask(ChangeBooks { barcodes, wish }).await?;
        let unserved = match wish {
            BookWish::First => self.unserved(named, &done),
            BookWish::Retry | BookWish::Forget => Vec::new(),
        };
        self.look_again(done.changed, wish).await;
        let unchanged = done.unchanged.into_iter();
        Ok(ControlReply {
            unserved,
            changed: done.changed,
            unchanged: unchanged.map(|(barcode, state)| (barcode, state.to_string())).collect(),
            unknown: done.unknown,
            paused: None,
        })
    }

    /// Of books that are to go before others those that are not fetched, and why.
    fn unserved(&self, mut named: Vec<Barcode>, done: &ChangedBooks) -> Vec<(Barcode, String)> {
        // As many as the library may have.
        let only: Option<BTreeSet<&Barcode>> = self.asked.only.as_ref().map(|only| only.iter().collect());
        let is_wanted = |barcode: &Barcode| only.as_ref().is_none_or(|only| only.contains(barcode));
        let has_nothing = |barcode: &Barcode| {
            done.unchanged
                .iter()
                .any(|(other, state)| other == barcode && *state != BookState::Known)
        };
        named.retain(|barcode| !has_nothing(barcode) && !done.unknown.contains(barcode));
        let why = |barcode: Barcode| {
            let book = done.unrequested.iter().find(|(other, _)| *other == barcode);
            let why = match book {
                _ if !is_wanted(&barcode) => Some("work.barcodes_file does not name it"),
                Some((_, book)) => unserved_because(&self.asked, *book),
                None => None,
            };
            Some((barcode, why?.to_owned()))
        };
        named.into_iter().filter_map(why).collect()
    }

    async fn look_again(&self, books: u64, wish: BookWish) {
        if books == 0 {
            return;
        }
        info!(books, ?wish, "an operator changed these books");
        if let Err(error) = self.supervisor.ask(LookAgain, &Self::cx()).await {
            warn!(%error, "the supervisor was not told of these books; it looks for work again within half a minute");
        }
    }

    async fn pause(&self, until: Option<Timestamp>) -> Result<ControlReply, ControlError> {
        let since = Timestamp::now();
        let pause = OperatorPause { since, until };
        let instance = self.instance.clone();
        // Recorded first, so that a pause of which the operator heard outlives a restart.
        self.ask(BeginPause { instance, pause }).await?;
        info!(
            until = until.map(tracing::field::display),
            "an operator paused this daemon"
        );
        self.change_pause(Some(pause)).await
    }

    async fn resume(&self) -> Result<ControlReply, ControlError> {
        let (instance, by_itself) = (self.instance.clone(), false);
        if self.ask(EndPause { instance, by_itself }).await? {
            info!("an operator ended the pause of this daemon");
        }
        let anew = ReconfigureSession {
            tries_to_sign_in: true,
            ..ReconfigureSession::default()
        };
        if let Err(error) = self.session.ask(anew, &Self::cx()).await {
            warn!(%error, "the session was not told to try to sign in at once; it does so when its pause is over");
        }
        self.change_pause(None).await
    }

    /// Tells the supervisor of what is recorded already.
    async fn change_pause(&self, pause: Option<OperatorPause>) -> Result<ControlReply, ControlError> {
        let changed = self.supervisor.ask(ChangePause(pause), &Self::cx()).await;
        Ok(ControlReply {
            paused: changed.map_err(|_| ControlError::StoppingRecorded)?,
            ..ControlReply::default()
        })
    }
}

/// A pause that outlived a restart; a step by hand has none.
pub(super) async fn pause_of(
    catalog: &Catalog,
    membership: &LibraryMembership,
    step: Option<&str>,
) -> Option<OperatorPause> {
    if step.is_some() {
        return None;
    }
    let instance = membership.instance().to_owned();
    let asked = catalog.ask(AskPause { instance }, &AskContext::root("daemon")).await;
    asked.unwrap_or_else(|error| {
        warn!(%error, "whether an operator paused this daemon could not be read; it begins its work");
        None
    })
}

/// Why a book that GRIN has not ready is not fetched, and what to change.
fn unserved_because(asked: &WantedBooks, book: Option<UnrequestedBook>) -> Option<&'static str> {
    match book {
        None => Some("GRIN has no archive of it, and takes no request for one so far"),
        Some(book) if asked.asks_for(book) => None,
        Some(UnrequestedBook::Previous) => {
            Some("GRIN has no archive of it ready, and is not asked for one: add \"previous\" to work.queues")
        }
        Some(UnrequestedBook::Lost) => Some("no queue is served: name some in work.queues"),
        Some(_) => Some("GRIN has never converted it, and is not asked to: add \"unconverted\" to work.queues"),
    }
}

fn refused(error: CatalogError) -> ControlError {
    match error {
        CatalogError::Asked(AskError::Closed | AskError::Draining) => ControlError::Stopping,
        error => ControlError::Catalog(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::Queue;

    #[test]
    fn a_book_that_no_queue_asks_for_is_said_so_with_the_key_to_change() {
        use UnrequestedBook as U;
        for (queues, book, key) in [
            (
                &[Queue::Converted][..],
                Some(U::Unconverted),
                Some("\"unconverted\" to work.queues"),
            ),
            (
                &[Queue::Converted],
                Some(U::Previous),
                Some("\"previous\" to work.queues"),
            ),
            (
                &[Queue::Converted, Queue::Previous],
                Some(U::Unconverted),
                Some("\"unconverted\""),
            ),
            (&[Queue::Converted, Queue::Previous], Some(U::Previous), None),
            (&[Queue::Converted], Some(U::Lost), None),
            (&[], Some(U::Lost), Some("work.queues")),
            (&[Queue::All], Some(U::Unconverted), None),
            (&[Queue::All], None, Some("no archive")),
        ] {
            let asked = WantedBooks {
                queues: queues.to_vec(),
                ..WantedBooks::default()
            };
            let told = unserved_because(&asked, book);
            assert_eq!(told.is_some(), key.is_some(), "{queues:?} {book:?}");
            assert!(told.unwrap_or_default().contains(key.unwrap_or_default()), "{told:?}");
        }
    }
}
