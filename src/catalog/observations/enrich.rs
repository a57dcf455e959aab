//! Which books to search for at GRIN, and what it answered.

use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::next_state::signal_of_state;
use crate::catalog::observations::facts;
use crate::catalog::observations::facts::ColumnValues;
use crate::catalog::observations::record::{FactRecorder, FactSource, RecordRemarks, SearchTime};
use crate::catalog::planning::queue_filter;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::clock::stamp;
use crate::grin::BlockSet;
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
    /// Only books of these blocks; `None`: of all. Books of other blocks are read and skipped.
    pub blocks: Option<BlockSet>,
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
             AND vanished_at IS NULL AND ({}) ORDER BY enrich_key, id",
            queue_filter::any_of(&self.queues)
        );
        let mut batch = EnrichBatch::default();
        let (mut found, mut is_full) = (0, self.limit == 0);
        // Rows are read until there are enough of the blocks that are meant.
        let given = arguments! { key: after.key, id: after.id, newest: newest };
        tx.conn.each(&sql, &given, |row| {
            if is_full {
                return Ok::<_, CatalogError>(ControlFlow::Break(()));
            }
            batch.next = Some(EnrichCursor {
                key: row.get("enrich_key")?,
                id: row.get("id")?,
            });
            let barcode: String = row.get("barcode")?;
            if self.blocks.is_none_or(|blocks| blocks.has(&barcode)) {
                found += 1;
                batch.barcodes.extend(Barcode::parse(&barcode));
            }
            is_full = found >= self.limit;
            Ok(if is_full {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })?;
        if !is_full {
            batch.next = None;
        }
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
    /// When it came.
    pub at: Timestamp,
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
        let (at, millis) = (stamp(self.at), self.at.as_millisecond());
        let mut done = EnrichmentCounts::default();
        let mut recorder = FactRecorder::new(tx.conn, FactSource::Search)?;
        for (barcode, found) in &self.answered {
            let facts = ColumnValues::of_search(found);
            let said = |_| RecordRemarks {
                word: signal_of_state(facts.get(facts::GRIN_STATE)),
                list: None,
                can_be_requested: false,
                enriched: Some(SearchTime { stamp: &at, millis }),
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
            unanswered.execute(&arguments! { at: at, millis: millis, barcode: barcode })?;
            done.unanswered += 1;
        }
        Ok(done)
    }
}
