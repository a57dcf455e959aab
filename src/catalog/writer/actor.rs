//! The actor round the one writer; serves many at a time, so that they share a commit.

use std::rc::Rc;

use crate::actor::{ActorName, AskContext, ExitReason, Message, ServeMessages, Worker};
use crate::catalog::CatalogError;
use crate::catalog::writer::group::WriteGroup;
use crate::catalog::writer::ledger::CatalogOperation;

/// The one writer of the catalog, alone on its thread.
pub(crate) struct CatalogWriter {
    group: Rc<WriteGroup>,
}

impl CatalogWriter {
    pub(crate) fn new(group: WriteGroup) -> Self {
        Self { group: Rc::new(group) }
    }
}

impl Worker for CatalogWriter {
    const NAME: ActorName = ActorName::Catalog;

    fn stopped(&mut self, reason: ExitReason) {
        tracing::debug!(?reason, "the catalog's writer stops");
        self.group.close();
    }
}

/// An operation on its way to the writer.
pub(crate) struct CatalogMessage<O>(pub O);

impl<O: CatalogOperation> Message for CatalogMessage<O> {
    type Reply = Result<O::Output, CatalogError>;
    const KIND: &'static str = O::KIND;

    fn failed(reply: &Self::Reply) -> bool {
        reply.is_err()
    }
}

impl<O: CatalogOperation> ServeMessages<CatalogMessage<O>> for CatalogWriter {
    fn serve(
        &mut self,
        message: CatalogMessage<O>,
        _: AskContext,
    ) -> impl Future<Output = <CatalogMessage<O> as Message>::Reply> + 'static {
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
