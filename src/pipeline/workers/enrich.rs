//! ENRICH asks GRIN for the facts of a batch of barcodes and records those that were answered.

use std::sync::atomic::Ordering;

use tracing::{info, warn};

use crate::actor::{ActorName, AskContext, HandleMessage, Message, Worker};
use crate::catalog::{CatalogError, EnrichmentCounts, EnsureKnown, RecordEnrichment};
use crate::grin::{AnswerRefusal, AskedBooks, Barcode, TsvReader, parse_tsv};
use crate::pipeline::workers::grin_session::{BatchParts, GrinSession};
use crate::pipeline::workers::retry;
use crate::session::{FetchAnswer, RequestKind, Session, SessionError};

/// Longest answer taken; a row is about 300 bytes and a batch some hundreds of barcodes.
const ANSWER_LIMIT: usize = 8 << 20;
/// Barcodes named in one line of the log.
const MOST_NAMED: usize = 10;

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
    /// GRIN answered with something that is not a table of books.
    #[error("GRIN's answer to _barcode_search is not a table of books: {0}")]
    Refused(AnswerRefusal),
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
            Self::Status(_) => true,
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
    async fn handle(&mut self, batch: EnrichBarcodes, cx: &AskContext) -> Result<EnrichmentCounts, EnrichError> {
        let url = self.parts.addresses.barcode_search(&batch.barcodes);
        let ask = FetchAnswer::get(url, RequestKind::Search, ANSWER_LIMIT);
        let policy = self.parts.backoff.limited(batch.attempts);
        let answer = retry::fetch(&self.parts.session, ask, &policy, cx).await?;
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
        let answered: Vec<_> = batch
            .barcodes
            .iter()
            .filter_map(|asked| Some((asked.clone(), table.of(asked)?.clone())))
            .collect();
        let adds = batch.adds;
        let settled = settled(batch.barcodes.clone(), &table);
        if adds {
            // Where rows could not be read, GRIN may know the books all the same.
            let unread = batch
                .barcodes
                .iter()
                .filter(|barcode| !settled.contains(barcode))
                .cloned();
            let known = answered
                .iter()
                .map(|(barcode, _)| barcode.clone())
                .chain(unread)
                .collect();
            self.parts.catalog.ask(EnsureKnown(known), cx).await?;
        }
        let record = RecordEnrichment {
            asked: settled,
            answered,
        };
        Ok(self.parts.catalog.ask(record, cx).await?)
    }
}

/// The books of which the answer says something: their facts, or that GRIN does not know them. Where rows could not be read, a
/// book without one may be known all the same; it is not noted as asked for, so that the next pass asks again.
fn settled(asked: Vec<Barcode>, table: &TsvReader) -> Vec<Barcode> {
    if table.torn.is_empty() && table.rejected.is_empty() {
        return asked;
    }
    let (answered, absent): (Vec<_>, Vec<_>) = asked.into_iter().partition(|barcode| table.of(barcode).is_some());
    if !absent.is_empty() {
        let named: Vec<_> = absent.iter().take(MOST_NAMED).map(Barcode::as_str).collect();
        warn!(books = absent.len(), barcodes = ?named, "the answer has rows that cannot be read, and none for these books; they are requested again");
    }
    answered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_whose_row_cannot_be_read_is_not_noted_as_asked_for() {
        let names =
            |names: &[&str]| -> Vec<Barcode> { names.iter().map(|name| Barcode::parse(name).unwrap()).collect() };
        let asked = names(&["TL0001", "TL0002", "TL0003"]);
        for (rows, expected) in [
            // GRIN does not know the other two.
            ("TL0001\tNEW\tx\n", &["TL0001", "TL0002", "TL0003"][..]),
            ("TL0001\tNEW\tx\nTL0002\tNE\nW and so on\tx\n", &["TL0001"]),
            ("TL0001\tNEW\tx\n???\tNEW\tx\n", &["TL0001"]),
            // Half a row says nothing, and nothing about the others either.
            ("TL0001\tNEW\tx\nTL0002\tNE", &["TL0001"]),
            ("TL0001\tNEW\nTL0002\tNEW\tx\n", &["TL0002"]),
        ] {
            let books = AskedBooks {
                barcodes: Some(&asked),
                ..AskedBooks::default()
            };
            let table = parse_tsv(format!("Barcode\tState\tAudit\n{rows}").as_bytes(), &books);
            assert_eq!(settled(asked.clone(), &table), names(expected), "{rows}");
        }
    }
}
