//! Publishes what was fetched, under its claim and as soon as the catalog answers.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::actor::{AskContext, AskError};
use crate::catalog::{BeginPublication, CatalogError};
use crate::pipeline::book_services::uncancelled;
use crate::pipeline::publish::{PublicationWindow, ReplaceDecision, StagedVolume, VolumePublished};
use crate::pipeline::workers::download::{
    DownloadBook, DownloadError, DownloadResult, DownloadWorker, as_downloader, describe,
};
use crate::pipeline::workers::grin_session::GrinSession;

/// The claim is renewed six times in each lease while objects are published, and they are published only while at least a sixth of
/// the lease is left: whoever takes the claim over later meets no object of ours that appears afterwards.
const RENEWALS: u32 = 6;
/// After which a catalog is asked again that could not confirm the claim.
const CONFIRM_AGAIN: Duration = Duration::from_secs(1);

impl<S: GrinSession> DownloadWorker<S> {
    /// Tells the catalog what is about to be published, which fails if the claim is lost; then publishes, and renews the claim for as
    /// long as that takes. While it cannot be renewed nothing more is published, and what was fetched waits.
    pub(super) async fn publish(
        &self,
        download: &DownloadBook,
        staged: StagedVolume,
        cx: &AskContext,
    ) -> Result<DownloadResult, DownloadError> {
        describe(cx, &download.barcode, || "is verified, and being published".to_owned());
        let lease = self.parts.lease;
        let begin = BeginPublication {
            claim: download.claim.clone(),
            archive: staged.archive(),
            lease,
        };
        let asked_at = Instant::now();
        let waits = || !cx.is_cancelled() && asked_at.elapsed() < download.patience;
        let replaces = !matches!(staged.decision(), ReplaceDecision::KeepStored(_));
        let window = self.confirm(replaces.then_some(&begin), &waits, cx).await?;
        let window = if waits() { window.waited_for() } else { window };
        let theirs = window.clone();
        let mut publishing = actix_rt::task::spawn_blocking(move || as_downloader(|| staged.publish(&theirs)));
        let published = async {
            loop {
                let renewal = if window.is_open() {
                    lease / RENEWALS
                } else {
                    CONFIRM_AGAIN
                };
                tokio::select! {
                    published = &mut publishing => break published,
                    () = cx.cancelled(), if window.is_waited_for() => {}
                    () = sleep(renewal) => self.confirm_again(&begin, &window).await,
                }
                if !waits() {
                    window.wait_no_longer();
                }
            }
        };
        match cx
            .span()
            .during("publish", cx.waiting_for("storage", Box::pin(published)))
            .await
            .map_err(|_panic| DownloadError::Panicked(download.barcode.clone()))?
        {
            Ok(VolumePublished::Stored(book)) => Ok(DownloadResult::Stored(book)),
            Ok(VolumePublished::KeptAside {
                reason,
                remark,
                key,
                stored,
            }) => Ok(DownloadResult::KeptAside {
                detail: format!("{reason}{}; it is kept as {key}{remark}", stored.remark()),
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// Has the claim confirmed anew, for the time to come.
    async fn confirm_again(&self, begin: &BeginPublication, window: &PublicationWindow) {
        let membership = self.parts.membership.unbroken();
        // Who is no member has no claims, and may have this one again when it is one.
        if !membership.lasts() {
            return;
        }
        match self.parts.catalog.ask(begin.clone(), &uncancelled()).await {
            Ok(()) => window.open_again(begin.lease - begin.lease / RENEWALS, membership),
            Err(CatalogError::Stale { .. }) => window.close(),
            // The window ends by itself.
            Err(error) => {
                warn!(barcode = %begin.claim.barcode, %error, "the claim could not be renewed while publishing");
            }
        }
    }

    /// Has the claim confirmed, by this question where there is one, and waits for a catalog that is away: what was fetched is not to
    /// be fetched again for that. Comes back with the time in which may be published.
    async fn confirm(
        &self,
        begin: Option<&BeginPublication>,
        waits: &impl Fn() -> bool,
        cx: &AskContext,
    ) -> Result<PublicationWindow, DownloadError> {
        let mut is_told = false;
        loop {
            // Known before the claim is confirmed: what ends it afterwards ends the window.
            let membership = self.parts.membership.unbroken();
            let is_member = membership.lasts();
            let window = PublicationWindow::of(self.parts.lease - self.parts.lease / RENEWALS).within(membership);
            let confirmed = match begin {
                Some(begin) => self.parts.catalog.ask(begin.clone(), cx).await,
                None => Ok(()),
            };
            match confirmed {
                // The catalog answers again, and the membership is about to be renewed; with it the claim may be had again.
                Ok(()) if waits() && !window.is_open() => {}
                Err(CatalogError::Stale { .. }) if waits() && !is_member => {}
                Err(error) if waits() && is_away(&error) => {
                    if !std::mem::replace(&mut is_told, true) {
                        let barcode = begin.map(|begin| begin.claim.barcode.as_str());
                        warn!(barcode, %error, "fetched, and published as soon as the catalog answers");
                    }
                }
                confirmed => return Ok(confirmed.map(|()| window)?),
            }
            tokio::select! {
                () = cx.cancelled() => {}
                () = cx.waiting_for("claim", sleep(CONFIRM_AGAIN)) => {}
            }
        }
    }
}

/// Whether the catalog may answer later.
fn is_away(error: &CatalogError) -> bool {
    error.may_pass() && !matches!(error, CatalogError::Asked(AskError::Closed | AskError::Draining))
}
