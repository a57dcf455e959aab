//! Which books to search for at GRIN, and what it answered.

use jiff::Timestamp;

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::next_state::signal_of_state;
use crate::catalog::observations::facts;
use crate::catalog::observations::facts::ColumnValues;
use crate::catalog::observations::record::{FactRecorder, FactSource, RecordRemarks};
use crate::catalog::planning::queue_filter;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::grin::{Barcode, BookEnrichment};
use crate::vocabulary::Queue;

/// Asks for books to search for: never answered, or changed since in the lists, first; then those longest ago.
#[derive(Debug, Clone, Default)]
pub struct ToEnrich {
    /// How many at most.
    pub limit: usize,
    /// Books last asked for before this moment count as well; `None`: only new and changed ones.
    pub older_than: Option<Timestamp>,
    /// Only books of these queues; empty: all.
    pub queues: Vec<Queue>,
    /// Where the last batch ended, so that a pass sees each book once although answers are still out.
    pub after: Option<EnrichCursor>,
}

/// A place in the order of books to be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnrichCursor {
    key: i64,
    id: i64,
}

/// Books to search for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnrichBatch {
    /// In this order.
    pub barcodes: Vec<Barcode>,
    /// For the next batch; `None`: there are no more.
    pub next: Option<EnrichCursor>,
}

impl CatalogOperation for ToEnrich {
    type Output = EnrichBatch;
    const KIND: &'static str = "to_enrich";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<EnrichBatch, CatalogError> {
        let newest = self
            .older_than
            .map_or(0, |before| before.as_millisecond().saturating_sub(1));
        let after = self.after.unwrap_or(EnrichCursor { key: -1, id: 0 });
        let sql = format!(
            "SELECT enrich_key, id, barcode FROM books WHERE (enrich_key, id) > (:key, :id) AND enrich_key <= :newest \
             AND vanished_at IS NULL AND ({}) ORDER BY enrich_key, id LIMIT :limit",
            queue_filter::any_of(&self.queues)
        );
        let given = arguments! { key: after.key, id: after.id, newest: newest, limit: self.limit };
        let mut batch = EnrichBatch::default();
        let places = tx.conn.all(&sql, &given, |row| {
            batch.barcodes.extend(Barcode::parse(&row.get::<String>("barcode")?));
            Ok(EnrichCursor {
                key: row.get("enrich_key")?,
                id: row.get("id")?,
            })
        })?;
        batch.next = places.last().copied().filter(|_| places.len() == self.limit);
        Ok(batch)
    }
}

/// Records the answer to a search. Only books that it names count as enriched.
#[derive(Debug, Clone)]
pub struct RecordEnrichment {
    /// All that were searched for; those without an answer are noted as asked, no more.
    pub asked: Vec<Barcode>,
    /// What came.
    pub answered: Vec<(Barcode, BookEnrichment)>,
}

/// What recording did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct EnrichmentCounts {
    /// Books that GRIN told about.
    pub answered: u64,
    /// Books that it did not name.
    pub unanswered: u64,
    /// Books that it named, and that are not in the catalog.
    pub unknown: u64,
}

impl CatalogOperation for RecordEnrichment {
    type Output = EnrichmentCounts;
    const KIND: &'static str = "record_enrichment";

    fn rows(&self) -> usize {
        self.asked.len()
    }

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<EnrichmentCounts, CatalogError> {
        let mut done = EnrichmentCounts::default();
        let mut recorder = FactRecorder::new(tx.conn, FactSource::Search)?;
        for (barcode, found) in &self.answered {
            let facts = ColumnValues::of_search(found);
            let said = |_| RecordRemarks {
                word: signal_of_state(facts.get(facts::GRIN_STATE)),
                list: None,
                can_be_requested: false,
            };
            match recorder.record(tx, barcode.as_str(), &facts, said)? {
                Some(_) => done.answered += 1,
                None => done.unknown += 1,
            }
        }
        let answered: std::collections::HashSet<_> = self.answered.iter().map(|(barcode, _)| barcode).collect();
        let mut unanswered = tx
            .conn
            .prepare("UPDATE books SET enrich_asked_at = :at, enrich_key = :millis WHERE barcode = :barcode")?;
        for barcode in self.asked.iter().filter(|barcode| !answered.contains(barcode)) {
            unanswered.execute(&arguments! { at: tx.stamp, millis: tx.now.as_millisecond(), barcode: barcode })?;
            done.unanswered += 1;
        }
        Ok(done)
    }
}
