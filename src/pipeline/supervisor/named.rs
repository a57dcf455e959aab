//! Books that a person named and no list has brought: GRIN is asked for them before anything is done with them.

use tracing::{info, warn};

use crate::catalog::CatalogError;
use crate::grin::{Barcode, SEARCH_ADDRESS_LIMIT, batches};
use crate::pipeline::supervisor::{RunScope, SupervisorState};
use crate::pipeline::task_services::TaskServices;
use crate::pipeline::workers::EnrichBarcodes;

impl<S: TaskServices> SupervisorState<S> {
    /// Adds the books named to the catalog that GRIN knows. Those that neither knows are said, and nothing is added of them.
    pub async fn look_up_named(&self, scope: &RunScope) {
        let Some(only) = &scope.only else { return };
        if let Err(error) = self.look_up(only.to_vec()).await {
            self.incomplete(format!("named books could not be looked up: {error}"));
        }
    }

    async fn look_up(&self, named: Vec<Barcode>) -> Result<(), CatalogError> {
        let new = self.services.unknown(named, &self.cx()).await?;
        if new.is_empty() {
            return Ok(());
        }
        info!(
            books = new.len(),
            "named books that no list has brought; GRIN is asked for them"
        );
        let mut may_ask = !self.options.borrow().is_paused();
        for batch in batches(&new, self.services.addresses(), SEARCH_ADDRESS_LIMIT) {
            may_ask = may_ask && self.search(batch).await;
            if !may_ask {
                // Whether GRIN knows them is open: whatever is done with them tells.
                self.services.ensure_known(batch.to_vec(), &self.cx()).await?;
            }
        }
        for barcode in self.services.unknown(new, &self.cx()).await? {
            warn!(%barcode, "unknown barcode: neither the catalog nor GRIN knows it; nothing is added");
            self.report.borrow_mut().unknown.push(barcode.to_string());
        }
        Ok(())
    }

    /// Asks GRIN for a batch; `false` when there is no answer.
    async fn search(&self, batch: &[Barcode]) -> bool {
        let ask = EnrichBarcodes {
            barcodes: batch.to_vec(),
            attempts: None,
            adds: true,
            stop: self.intake.clone(),
        };
        match self.services.enrich(ask, &self.reading_cx()).await {
            Ok(answer) => {
                self.progress.enriched(answer.answered);
                self.looked_up.borrow_mut().extend(batch.iter().cloned());
                true
            }
            Err(fault) => {
                warn!(why = fault.why, "GRIN could not be asked for the books named");
                false
            }
        }
    }
}
