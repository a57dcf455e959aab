//! GRIN's rate, as the members that share the catalog divide it: the session's turns come out of one row of it.

use std::time::Duration;

use futures::future::LocalBoxFuture;

use crate::actor::AskContext;
use crate::catalog::{Catalog, CloseRequests, TakeRateSlice};
use crate::session::{GrantedSlice, RateSource, WantedSlice};

/// Takes turns from the catalog.
pub(super) struct CatalogRate(pub Catalog);

impl RateSource for CatalogRate {
    fn slice(&self, wanted: WantedSlice) -> LocalBoxFuture<'_, Option<GrantedSlice>> {
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
            match self.0.ask(slice, &cx).await {
                Ok(slice) => Some(GrantedSlice {
                    given_at: slice.given_at,
                    begins_in: slice.begins_in,
                    turns: slice.turns,
                    every: slice.every,
                    closed_for: slice.closed_for,
                }),
                Err(error) => {
                    tracing::debug!(%error, "no turns from the catalog");
                    None
                }
            }
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
