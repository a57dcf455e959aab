//! Books that a person named and no list has brought: GRIN is asked for them before anything is done with them.

use tracing::{info, warn};

use crate::catalog::CatalogError;
use crate::grin::{Barcode, SEARCH_ADDRESS_LIMIT, batches};
use crate::log::MOST_NAMED;
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
        if self.options.borrow().is_paused() {
            self.not_asked(&new, "the work is paused");
            return Ok(());
        }
        for batch in batches(&new, self.services.addresses(), SEARCH_ADDRESS_LIMIT) {
            if let Err(why) = self.search(batch).await {
                // Whether GRIN knows them is open. A slip of the pen would stay in the catalog for ever.
                self.not_asked(&new, &why);
                return Ok(());
            }
        }
        for barcode in self.services.unknown(new, &self.cx()).await? {
            warn!(%barcode, "unknown barcode: neither the catalog nor GRIN knows it; nothing is added");
            self.report.borrow_mut().unknown.push(barcode.to_string());
        }
        Ok(())
    }

    fn not_asked(&self, books: &[Barcode], why: &str) {
        let named: Vec<_> = books.iter().take(MOST_NAMED).map(Barcode::as_str).collect();
        let (count, named) = (books.len(), named.join(", "));
        self.incomplete(format!(
            "GRIN could not be asked for named books that the catalog does not know, and none of them is added without its answer ({count}: {named}): {why}"
        ));
    }

    /// Asks GRIN for a batch; why there is no answer.
    async fn search(&self, batch: &[Barcode]) -> Result<(), String> {
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
                Ok(())
            }
            Err(fault) => {
                warn!(why = fault.why, "GRIN could not be asked for the books named");
                Err(fault.why)
            }
        }
    }
}
