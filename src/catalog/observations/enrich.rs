//! Which books to search for at GRIN, and what it answered.

use std::time::Duration;

use jiff::Timestamp;

use crate::catalog::CatalogError;
use crate::catalog::engine::SqlRow;
use crate::catalog::engine::value::{arguments, json_list};
use crate::catalog::lifecycle::history::{ChangeCause, ChangeNote, ChangeTopic};
use crate::catalog::observations::record::{BookReport, FactSource, RowChange, batches, record_batch};
use crate::catalog::planning::queue_filter;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::clock::{earlier, later, read_stamp, stamp};
use crate::grin::{Barcode, BookEnrichment};
use crate::vocabulary::Queue;

/// Facts that are older are asked for again, after those that are missing or changed.
pub(crate) const RENEW_FACTS_AFTER: Duration = Duration::from_hours(30 * 24);

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
             AND vanished_at IS NULL AND state <> 'forgotten' AND ({}) ORDER BY enrich_key, id LIMIT :limit",
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
    /// All that were searched for; those without an answer are put off, longer each time.
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
        for answers in batches(&self.answered, |(barcode, _)| barcode) {
            let reports = answers
                .iter()
                .map(|(barcode, found)| BookReport::of_search(barcode, found));
            for change in record_batch(tx, FactSource::Search, &reports.collect::<Vec<_>>())? {
                match change {
                    RowChange::Unknown => done.unknown += 1,
                    _ => done.answered += 1,
                }
            }
        }
        let answered: std::collections::HashSet<_> = self.answered.iter().map(|(barcode, _)| barcode).collect();
        let unanswered = self.asked.iter().filter(|barcode| !answered.contains(barcode));
        for barcodes in batches(&unanswered.collect::<Vec<_>>(), |barcode| barcode) {
            done.unanswered += put_off(tx, barcodes)?;
        }
        Ok(done)
    }
}

/// Books that have no answer are asked for again after a wait that grows; comes back with the number of those in the catalog.
fn put_off(tx: &mut CatalogTransaction<'_>, barcodes: &[&Barcode]) -> Result<u64, CatalogError> {
    let sql = "SELECT barcode, enrich_key, enrich_asked_at, enrichment_timestamp FROM books \
               WHERE barcode IN (SELECT value FROM json_each(:barcodes)) ORDER BY id /*pg FOR UPDATE*/";
    let named = json_list(barcodes.iter().map(|barcode| barcode.as_str()));
    let found = tx.conn.all(sql, &arguments! { barcodes: named }, EarlierSearch::read)?;
    let mut keys = Vec::with_capacity(found.len());
    for before in &found {
        let wait = tx.policy.after_no_facts(before.wait());
        keys.push(key_after(tx.now, wait));
        let next = stamp(later(tx.now, wait));
        let note = ChangeNote {
            next: Some(&next),
            ..ChangeNote::of(ChangeCause::Enriched)
        };
        tx.append_history(&before.barcode, ChangeTopic::Facts, "unanswered", &note.text())?;
    }
    let each = found.iter().zip(&keys).map(|(before, key)| {
        let given = arguments! { at: tx.stamp, key: *key, barcode: before.barcode };
        given.to_vec()
    });
    tx.conn.execute_each(
        "UPDATE books SET enrich_asked_at = :at, enrich_key = :key WHERE barcode = :barcode",
        each,
    )?;
    Ok(found.len() as u64)
}

/// When a book was searched for last.
struct EarlierSearch {
    barcode: String,
    key: i64,
    asked_at: Option<String>,
    answered_at: Option<String>,
}

impl EarlierSearch {
    fn read(row: &SqlRow<'_>) -> Result<Self, CatalogError> {
        Ok(Self {
            barcode: row.get("barcode")?,
            key: row.get("enrich_key")?,
            asked_at: row.get("enrich_asked_at")?,
            answered_at: row.get("enrichment_timestamp")?,
        })
    }

    /// How long it was put off then; `None`: it was answered, was not searched for, or has changed since.
    fn wait(&self) -> Option<Duration> {
        let asked = self.asked_at.as_deref().filter(|_| self.asked_at != self.answered_at);
        let asked = read_stamp(asked?)?.as_millisecond();
        let due = self
            .key
            .checked_add(i64::try_from(RENEW_FACTS_AFTER.as_millis()).ok()?)?;
        u64::try_from(due.checked_sub(asked)?).ok().map(Duration::from_millis)
    }
}

/// The key of a book that is due again after this wait: as though it had been searched for so much earlier.
fn key_after(now: Timestamp, wait: Duration) -> i64 {
    later(earlier(now, RENEW_FACTS_AFTER), wait).as_millisecond()
}
