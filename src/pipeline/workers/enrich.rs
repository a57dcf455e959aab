//! ENRICH asks GRIN for the facts of a batch of barcodes and records those that were answered.

use jiff::Timestamp;
use tracing::{info, warn};

use crate::actor::{ActorName, AskContext, HandleMessage, Message, Worker};
use crate::catalog::{Catalog, CatalogError, EnrichmentCounts, RecordEnrichment};
use crate::grin::{AnswerRefusal, Barcode, GrinAddresses, parse_tsv};
use crate::pipeline::workers::retry;
use crate::session::{FetchAnswer, RequestKind, RetryBackoff, Session, SessionError};

/// Longest answer taken; a row is about 300 bytes and a batch some hundreds of barcodes.
const ANSWER_LIMIT: usize = 8 << 20;

/// One enrichment worker: one batch at a time.
pub struct Enricher {
    /// The one session.
    pub session: Session,
    /// Where to ask.
    pub addresses: GrinAddresses,
    /// Where the answers go.
    pub catalog: Catalog,
    /// How often and how long after a batch is asked for again.
    pub backoff: RetryBackoff,
    /// Unknown columns were told of.
    told: bool,
}

/// Ask for these barcodes; they fit one address (src/grin/PROTOCOL.md, section 3).
#[derive(Debug)]
pub struct EnrichBarcodes {
    /// The batch.
    pub barcodes: Vec<Barcode>,
}

impl Message for EnrichBarcodes {
    type Reply = Result<EnrichmentCounts, EnrichError>;
    const KIND: &'static str = "enrich";
}

/// Why a batch has no answer; none of its books counts as enriched.
#[derive(Debug, thiserror::Error)]
pub enum EnrichError {
    /// The session could not get an answer, or a person must act.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// GRIN answered with something that is no table of books.
    #[error("GRIN's answer to _barcode_search is not a table of books: {0}")]
    Refused(AnswerRefusal),
    /// The answer could not be recorded.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl Enricher {
    /// A worker over shared parts.
    pub fn new((session, addresses, catalog): (Session, GrinAddresses, Catalog), backoff: RetryBackoff) -> Self {
        Self {
            session,
            addresses,
            catalog,
            backoff,
            told: false,
        }
    }
}

impl Worker for Enricher {
    const NAME: ActorName = ActorName::Enricher;
}

impl HandleMessage<EnrichBarcodes> for Enricher {
    async fn handle(&mut self, batch: EnrichBarcodes, cx: &AskContext) -> Result<EnrichmentCounts, EnrichError> {
        let url = self.addresses.barcode_search(&batch.barcodes);
        let ask = FetchAnswer::get(url, RequestKind::Search, ANSWER_LIMIT);
        let answer = retry::fetch(&self.session, ask, &self.backoff, cx).await?;
        let table = parse_tsv(&answer.body);
        if let Some(refusal) = table.refusal {
            return Err(EnrichError::Refused(refusal));
        }
        for warning in &table.warnings {
            warn!(%warning, "enrichment answer");
        }
        for rejected in table.rejected.iter().take(10) {
            warn!(barcode = rejected.barcode, because = %rejected.because, "row is no book");
        }
        if !table.columns_unknown.is_empty() && !std::mem::replace(&mut self.told, true) {
            info!(columns = ?table.columns_unknown, "GRIN has columns that are not known here; they are passed over");
        }
        let answered = batch
            .barcodes
            .iter()
            .filter_map(|asked| Some((asked.clone(), table.of(asked)?.clone())))
            .collect();
        let record = RecordEnrichment {
            asked: batch.barcodes,
            answered,
            at: Timestamp::now(),
        };
        Ok(self.catalog.ask(record, cx).await?)
    }
}
