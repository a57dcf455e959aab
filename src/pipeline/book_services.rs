//! What a book's run and the fan-out ask of others: workers, catalog and storage behind one interface, so that both can be tested
//! without them.

use crate::actor::{ActorName, AskContext, AskError};
use crate::catalog::{
    BookSelection, CatalogError, ClaimBooks, ClaimToken, ClaimedBook, CountBooks, ListPutOff, PutOffBook,
    RecordDoubtfulPublication, RecordDownloading, RenewClaims, SettleClaim,
};
use crate::pipeline::membership::LibraryMembership;
use crate::pipeline::policy::BookFault;
use crate::pipeline::supervisor::WorkerPools;
use crate::pipeline::workers::{CheckBook, CheckResult, DownloadBook, DownloadResult, SecretStamps};
use crate::pipeline::{CLAIM_LEASE, PublicationWindow, PublishedVolume, ReconcileBook, mount, recover};
use crate::storage::{ObjectKey, StorageError};
use crate::vocabulary::BookState;

/// A context for what must be said even while a drain cuts everything else: settlements.
pub(super) fn uncancelled() -> AskContext {
    AskContext::root("supervisor").child_of(ActorName::Supervisor)
}

/// Workers, catalog and storage, as a book's run and the fan-out see them.
pub(super) trait BookServices: 'static {
    /// Compares validators.
    async fn check(&self, ask: CheckBook, cx: &AskContext) -> Result<CheckResult, BookFault>;
    /// Downloads, verifies and publishes.
    async fn download(&self, ask: DownloadBook, cx: &AskContext) -> Result<DownloadResult, BookFault>;
    /// Looks at the store for what an interrupted run published.
    async fn reconcile(&self, book: &ClaimedBook) -> Result<Option<PublishedVolume>, BookFault>;
    /// Records that the body of a claimed book is being fetched.
    async fn record_downloading(&self, claim: ClaimToken, cx: &AskContext) -> Result<(), CatalogError>;
    /// Ends a claim; not cancelled by a drain.
    async fn settle(&self, settle: SettleClaim) -> Result<(), CatalogError>;
    /// Records that store and catalog may disagree about a book.
    async fn record_doubt(&self, doubt: RecordDoubtfulPublication) -> Result<(), CatalogError>;
    /// Claims books.
    async fn claim(&self, claim: ClaimBooks) -> Result<Vec<ClaimedBook>, CatalogError>;
    /// Keeps claims; comes back with those that are lost.
    async fn renew(&self, renew: RenewClaims) -> Result<Vec<ClaimToken>, CatalogError>;
    /// Books that are not taken before their time, the first to come due first, so many at most.
    async fn put_off(&self, selection: BookSelection, limit: usize) -> Result<Vec<PutOffBook>, CatalogError>;
    /// Books in this state.
    async fn count(&self, state: BookState) -> Result<u64, CatalogError>;
    /// Looks whether the storage would take a book now: the reserve of the disk, whether it may be written to.
    async fn check_storage(&self) -> Result<(), StorageError>;
    /// Looks whether the storage is the one that the catalog knows.
    async fn confirm_storage(&self) -> Result<(), BookFault>;
    /// How the files look that hold the secrets by which books are fetched and opened.
    fn secrets(&self) -> SecretStamps;
    /// Workers that check and download.
    fn workers(&self) -> usize;
    /// This program among those that share the catalog.
    fn membership(&self) -> &LibraryMembership;
}

/// An answer of a worker: its own error or the mailbox's, as a fault.
fn answered<T, E>(answer: Result<Result<T, E>, AskError>) -> Result<T, BookFault>
where
    for<'a> BookFault: From<&'a E>,
{
    match answer {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(error)) => Err(BookFault::from(&error)),
        Err(error) => Err(<BookFault as From<&AskError>>::from(&error)),
    }
}

impl BookServices for WorkerPools {
    async fn check(&self, ask: CheckBook, cx: &AskContext) -> Result<CheckResult, BookFault> {
        answered(self.checkers.ask(ask, cx).await)
    }

    async fn download(&self, ask: DownloadBook, cx: &AskContext) -> Result<DownloadResult, BookFault> {
        answered(self.downloaders.ask(ask, cx).await)
    }

    async fn reconcile(&self, book: &ClaimedBook) -> Result<Option<PublishedVolume>, BookFault> {
        let look = recover::reconcile(ReconcileBook {
            barcode: book.claim.barcode.clone(),
            recorded: book.stored.clone(),
            begun: book.publishing.clone(),
            place: book.path.as_deref().and_then(|path| ObjectKey::parse(path).ok()),
            storage: self.storage.clone(),
            layout: self.layout.clone(),
            options: self.options.clone(),
            // It is renewed when a third of its time is over.
            window: PublicationWindow::of(CLAIM_LEASE / 2).within(self.membership.unbroken()),
            looks_closer: false,
        });
        look.await.map_err(|error| BookFault::from(&error))
    }

    async fn record_downloading(&self, claim: ClaimToken, cx: &AskContext) -> Result<(), CatalogError> {
        self.catalog.ask(RecordDownloading(claim), cx).await
    }

    async fn settle(&self, settle: SettleClaim) -> Result<(), CatalogError> {
        self.catalog.ask(settle, &uncancelled()).await.map(drop)
    }

    async fn record_doubt(&self, doubt: RecordDoubtfulPublication) -> Result<(), CatalogError> {
        self.catalog.ask(doubt, &uncancelled()).await.map(drop)
    }

    async fn claim(&self, claim: ClaimBooks) -> Result<Vec<ClaimedBook>, CatalogError> {
        self.catalog.ask(claim, &uncancelled()).await
    }

    async fn renew(&self, renew: RenewClaims) -> Result<Vec<ClaimToken>, CatalogError> {
        // Who is no member for the moment has no claims: what nobody took meanwhile is its own again with its membership.
        if !self.membership.unbroken().lasts() {
            return Ok(Vec::new());
        }
        self.catalog.ask(renew, &uncancelled()).await
    }

    async fn put_off(&self, selection: BookSelection, limit: usize) -> Result<Vec<PutOffBook>, CatalogError> {
        self.catalog.ask(ListPutOff { selection, limit }, &uncancelled()).await
    }

    async fn count(&self, state: BookState) -> Result<u64, CatalogError> {
        let counts = self.catalog.ask(CountBooks, &uncancelled()).await?;
        Ok(counts.of(state))
    }

    async fn check_storage(&self) -> Result<(), StorageError> {
        let storage = self.storage.clone();
        let look = actix_rt::task::spawn_blocking(move || storage.check());
        look.await.unwrap_or(Err(StorageError::Closed))
    }

    async fn confirm_storage(&self) -> Result<(), BookFault> {
        mount::confirm(&self.catalog, &self.storage, &uncancelled()).await
    }

    fn secrets(&self) -> SecretStamps {
        SecretStamps::of(&self.secrets)
    }

    fn workers(&self) -> usize {
        self.downloaders.size() + self.checkers.size()
    }

    fn membership(&self) -> &LibraryMembership {
        &self.membership
    }
}
