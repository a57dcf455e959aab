//! ENRICH asks GRIN for the facts of a batch of barcodes and records those that were answered.

use std::sync::atomic::Ordering;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::actor::{ActorName, AskContext, HandleMessage, Message, Worker};
use crate::catalog::{CatalogError, EnsureKnown, RecordEnrichment};
use crate::diagnostics::ListReview;
use crate::grin::{AnswerRefusal, AskedBooks, Barcode, BookEnrichment, TsvReader, parse_tsv};
use crate::log::{CountedNoun, MOST_NAMED};
use crate::pipeline::workers::grin_session::{BatchParts, GrinSession};
use crate::pipeline::workers::retry;
use crate::session::{FetchAnswer, RequestKind, Session, SessionError};

/// Longest answer taken; a row is about 300 bytes and a batch some hundreds of barcodes.
const ANSWER_LIMIT: usize = 8 << 20;

/// One enrichment worker: one batch at a time.
pub struct EnrichWorker<S = Session> {
    parts: BatchParts<S>,
    /// Unknown columns were logged.
    told: bool,
}

/// Ask for these barcodes; they fit one address (src/grin/PROTOCOL.md, section 3).
#[derive(Debug)]
pub struct EnrichBarcodes {
    /// The batch.
    pub barcodes: Vec<Barcode>,
    /// Attempts at most; `None`: as many as are configured.
    pub attempts: Option<u32>,
    /// A person named them, and the catalog does not have them: those that GRIN knows are added to it.
    pub adds: bool,
    /// Cancelled while GRIN wants no request: nothing is asked.
    pub stop: CancellationToken,
}

impl Message for EnrichBarcodes {
    type Reply = Result<EnrichAnswer, EnrichError>;
    const KIND: &'static str = "enrich";
}

/// An answer about a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct EnrichAnswer {
    /// Books of the catalog that GRIN told about.
    pub answered: u64,
    /// Books of which it has no row, or none that is whole; nothing is recorded of them. Of books that the catalog does not have none
    /// is named here.
    pub unnamed: Vec<Barcode>,
}

/// Why a batch has no answer; none of its books counts as enriched.
#[derive(Debug, thiserror::Error)]
pub enum EnrichError {
    /// The session could not get an answer, or a person must act.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// GRIN answered with something that is not a table of books.
    #[error("GRIN's answer to _barcode_search is not a table of books: {0}")]
    Refused(AnswerRefusal),
    /// GRIN answered with such a table, and none of so many books has a row in it that is whole.
    #[error("GRIN's answer to _barcode_search has no whole row of {0} books")]
    Unnamed(usize),
    /// GRIN has no such page.
    #[error("GRIN answered _barcode_search with status {0}")]
    Status(u16),
    /// The answer could not be recorded.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl EnrichError {
    /// One of the books may be the reason: a smaller batch may be answered.
    pub fn parts_may_be_answered(&self) -> bool {
        match self {
            Self::Session(error) => retry::parts_may_be_answered(error),
            Self::Refused(refusal) => retry::parts_may_not_be_refused(*refusal),
            Self::Unnamed(_) | Self::Status(_) => true,
            Self::Catalog(_) => false,
        }
    }
}

impl<S: GrinSession> EnrichWorker<S> {
    /// A worker over shared parts.
    pub fn new(parts: BatchParts<S>) -> Self {
        Self { parts, told: false }
    }
}

impl<S: GrinSession> Worker for EnrichWorker<S> {
    const NAME: ActorName = ActorName::Enricher;
}

impl<S: GrinSession> HandleMessage<EnrichBarcodes> for EnrichWorker<S> {
    async fn handle(&mut self, batch: EnrichBarcodes, cx: &AskContext) -> Result<EnrichAnswer, EnrichError> {
        let books = batch.barcodes.len() as u64;
        cx.describe(move || format!("asks GRIN for the data of {}", CountedNoun(books, "book")));
        let url = self.parts.addresses.barcode_search(&batch.barcodes);
        let ask = FetchAnswer::get(url, RequestKind::Search, ANSWER_LIMIT);
        let policy = self.parts.backoff.limited(batch.attempts);
        let answer = retry::fetch(&self.parts.session, ask, &policy, &batch.stop, cx).await?;
        if answer.status != 200 {
            return Err(EnrichError::Status(answer.status));
        }
        let asked = AskedBooks {
            barcodes: Some(&batch.barcodes),
            rows_are_trimmed: self.parts.rows_are_trimmed.load(Ordering::Relaxed),
        };
        let table = parse_tsv(&answer.body, &asked);
        if let Some(trimmed) = table.rows_are_trimmed {
            self.parts.rows_are_trimmed.store(trimmed, Ordering::Relaxed);
        }
        let review = ListReview {
            refusal: table.refusal,
            unknown_columns: &table.columns_unknown,
            rejected: &table.rejected,
            ..ListReview::default()
        };
        review.report(&self.parts.session.diagnostics(), &answer.source());
        if let Some(refusal) = table.refusal {
            return Err(EnrichError::Refused(refusal));
        }
        for warning in &table.warnings {
            warn!(%warning, "enrichment answer");
        }
        for rejected in table.rejected.iter().take(10) {
            warn!(barcode = rejected.barcode, because = %rejected.because, "skipping a row that cannot be parsed");
        }
        if !table.columns_unknown.is_empty() && !std::mem::replace(&mut self.told, true) {
            info!(columns = ?table.columns_unknown, "GRIN has columns that are not known here; they are skipped");
        }
        let (answered, unnamed) = named(batch.barcodes, &table);
        if batch.adds {
            // Where rows could not be read, GRIN may know the books all the same.
            let has_unread = !(table.torn.is_empty() && table.rejected.is_empty());
            let unread = unnamed.into_iter().filter(|_| has_unread);
            let known = answered.iter().map(|(barcode, _)| barcode.clone()).chain(unread);
            self.parts.catalog.ask(EnsureKnown(known.collect()), cx).await?;
            return Ok(self.record(answered, Vec::new(), cx).await?);
        }
        if answered.is_empty() {
            return Err(EnrichError::Unnamed(unnamed.len()));
        }
        Ok(self.record(answered, unnamed, cx).await?)
    }
}

impl<S: GrinSession> EnrichWorker<S> {
    async fn record(
        &self,
        answered: Vec<(Barcode, BookEnrichment)>,
        unnamed: Vec<Barcode>,
        cx: &AskContext,
    ) -> Result<EnrichAnswer, CatalogError> {
        if !unnamed.is_empty() {
            let barcodes: Vec<_> = unnamed.iter().take(MOST_NAMED).map(Barcode::as_str).collect();
            warn!(
                books = unnamed.len(),
                answered = answered.len(),
                ?barcodes,
                "GRIN has no whole row of these books; they are requested again"
            );
        }
        let record = RecordEnrichment {
            asked: Vec::new(),
            answered,
        };
        let counts = self.parts.catalog.ask(record, cx).await?;
        Ok(EnrichAnswer {
            answered: counts.answered,
            unnamed,
        })
    }
}

/// The books of which the answer tells, with what it tells, and the others.
fn named(asked: Vec<Barcode>, table: &TsvReader) -> (Vec<(Barcode, BookEnrichment)>, Vec<Barcode>) {
    let (mut answered, mut unnamed) = (Vec::new(), Vec::new());
    for barcode in asked {
        match table.of(&barcode) {
            Some(facts) => answered.push((barcode, facts.clone())),
            None => unnamed.push(barcode),
        }
    }
    (answered, unnamed)
}
