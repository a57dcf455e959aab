//! Room `catalog`: the actor round the one writer; serves many at a time, so that they share a commit.

use std::rc::Rc;

use super::CatalogError;
use super::group::Group;
use super::ledger::Operation;
use crate::mailbox::{ActorName, Cx, ExitReason, Message, Serve, Worker};

/// The one writer of the catalog, alone on its thread.
pub(crate) struct Writer {
    group: Rc<Group>,
}

impl Writer {
    pub(crate) fn new(group: Group) -> Self {
        Self { group: Rc::new(group) }
    }
}

impl Worker for Writer {
    const NAME: ActorName = ActorName::Catalog;

    fn stopped(&mut self, reason: ExitReason) {
        tracing::debug!(?reason, "the catalog's writer stops");
        self.group.close();
    }
}

/// An operation on its way to the writer.
pub(crate) struct Do<O>(pub O);

impl<O: Operation> Message for Do<O> {
    type Reply = Result<O::Output, CatalogError>;
    const KIND: &'static str = O::KIND;

    fn failed(reply: &Self::Reply) -> bool {
        reply.is_err()
    }
}

impl<O: Operation> Serve<Do<O>> for Writer {
    fn serve(&mut self, message: Do<O>, _: Cx) -> impl Future<Output = <Do<O> as Message>::Reply> + 'static {
        let group = Rc::clone(&self.group);
        let answer = group.join(message.0);
        async move {
            // The mailbox is emptied before this goes on (a fact of actix, pinned by a test of `mailbox`), so whoever comes
            // first finds all that was queued, and does it for all.
            tokio::task::yield_now().await;
            group.flush();
            answer
                .await
                .unwrap_or_else(|_| Err(CatalogError::Fault("the operation was dropped".into())))
        }
    }
}
