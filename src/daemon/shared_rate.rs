//! GRIN's rate, as the members that share the catalog divide it: the session's turns come out of one row of it.

use std::time::Duration;

use futures::future::LocalBoxFuture;

use crate::actor::AskContext;
use crate::catalog::{Catalog, CloseRequests, TakeRateSlice};
use crate::session::{GrantedSlice, RateSource, WantedSlice};

/// Takes turns from the catalog.
pub(super) struct CatalogRate(pub Catalog);

impl RateSource for CatalogRate {
    fn slice(&self, wanted: WantedSlice) -> LocalBoxFuture<'_, Result<GrantedSlice, String>> {
        Box::pin(async move {
            let cx = AskContext::root("rate");
            let WantedSlice {
                turns,
                every,
                ahead,
                behind,
            } = wanted;
            let slice = TakeRateSlice {
                turns,
                every,
                ahead,
                behind,
            };
            let slice = self.0.ask(slice, &cx).await.map_err(|error| {
                tracing::debug!(%error, "no turns from the catalog");
                error.to_string()
            })?;
            Ok(GrantedSlice {
                given_at: slice.given_at,
                begins_in: slice.begins_in,
                turns: slice.turns,
                every: slice.every,
                closed_for: slice.closed_for,
            })
        })
    }

    fn closed(&self, pause: Duration) -> LocalBoxFuture<'_, ()> {
        Box::pin(async move {
            if let Err(error) = self.0.ask(CloseRequests { pause }, &AskContext::root("rate")).await {
                tracing::warn!(%error, seconds = pause.as_secs(), "other members were not told that GRIN asks for a pause");
            }
        })
    }
}
