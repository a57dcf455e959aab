//! Which conversions to ask GRIN for, and what it answered.

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
use crate::catalog::engine::{SqlConnection, SqlRow};
use crate::catalog::lifecycle::counters::CounterKind;
use crate::catalog::lifecycle::history::{ChangeNote, ChangeTopic};
use crate::catalog::lifecycle::next_state::{BookChange, BookStanding, ConversionAnswer, DueTime, answer_about_book};
use crate::catalog::observations::dates::OUTDATED;
use crate::catalog::observations::lists;
use crate::catalog::planning::queue_filter;
use crate::catalog::planning::select::BookSelection;
use crate::catalog::queries::ask::StateCounts;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction, StateChange};
use crate::clock::stamp;
use crate::grin::{Barcode, ListKind, ProcessOutcome};
use crate::vocabulary::BookState;
use crate::vocabulary::Queue;

/// Asks for the conversions to request next, oldest first by priority, as many as GRIN's queue has room for.
#[derive(Debug, Clone)]
pub struct PlanConversions {
    /// Which books.
    pub selection: BookSelection,
    /// How many at most.
    pub limit: usize,
    /// Books that GRIN's queue holds (`grin.conversion_queue_limit`).
    pub queue_limit: u64,
}

/// What to ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConversionPlan {
    /// In this order.
    pub barcodes: Vec<Barcode>,
    /// Books that are in GRIN's queue as far as we know: asked for, or listed as in process.
    pub in_queue: u64,
    /// Room that is left in it, before these.
    pub room: u64,
}

impl CatalogOperation for PlanConversions {
    type Output = ConversionPlan;
    const KIND: &'static str = "plan_conversions";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<ConversionPlan, CatalogError> {
        let in_queue = in_queue(tx)?;
        let room = self.queue_limit.saturating_sub(in_queue);
        let limit = self.limit.min(usize::try_from(room).unwrap_or(usize::MAX));
        let mut barcodes = Vec::new();
        for id in candidates(tx, &self.selection, limit)? {
            let sql = "SELECT barcode FROM books WHERE id = :id";
            let barcode: String = tx.conn.one(sql, &arguments! { id: id }, |row| row.at(0))?;
            barcodes.extend(Barcode::parse(&barcode));
        }
        Ok(ConversionPlan {
            barcodes,
            in_queue,
            room,
        })
    }
}

/// Books in GRIN's queue as far as we know.
fn in_queue(tx: &CatalogTransaction<'_>) -> Result<u64, CatalogError> {
    // Stored books stay so while a newer archive is on its way: asked for, or listed as in process.
    const STORED: &str = "SELECT count(*) FROM (SELECT id FROM books WHERE state = 'stored' AND requested_for IS NOT NULL \
        AND listed_converted = 0 AND next_attempt_at > :now \
        UNION SELECT b.id FROM sightings s JOIN books b ON b.id = s.book WHERE s.list = :list AND b.state = 'stored') \
        AS asked_for";
    let list = lists::number(ListKind::InProcess);
    let counts = StateCounts::read(tx.conn)?;
    let given = arguments! { now: tx.stamp, list: list };
    let stored: u64 = tx.conn.one(STORED, &given, |row| row.at(0))?;
    Ok(counts.of(BookState::Requested) + counts.of(BookState::InProcess) + stored)
}

/// Ids of books whose conversion may be asked for now, in order.
pub(crate) fn candidates(
    tx: &CatalogTransaction<'_>,
    selection: &BookSelection,
    limit: usize,
) -> Result<Vec<i64>, CatalogError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    if let Some(only) = &selection.only {
        return named_candidates(tx, only, selection, limit);
    }
    let queues = Queue::resolve(&selection.queues);
    let mut lists = Vec::new();
    if !queues.is_empty() {
        // Once requested and pushed out of the pool: whatever queue is served, they are requested again.
        lists.push(ids(
            tx,
            selection,
            "state = 'known' AND pushed_out > 0 AND {due}",
            limit,
        )?);
    }
    for queue in queues {
        for filter in filters(queue) {
            lists.push(ids(tx, selection, filter, limit)?);
        }
    }
    Ok(queue_filter::in_turn(lists, limit))
}

/// What to look for in each queue; each has an index of its own.
fn filters(queue: Queue) -> &'static [&'static str] {
    match queue {
        Queue::Converted | Queue::All => &[],
        Queue::Previous => &[
            "state = 'known' AND grin_state = 'PREVIOUSLY_DOWNLOADED' AND {due}",
            "state = 'conversion_failed' AND next_attempt_at <= :now AND requested_for = 'previous'",
        ],
        Queue::Unconverted => &[
            "state = 'known' AND grin_state IN ('NEW', 'AVAILABLE') AND {due}",
            "state = 'known' AND can_be_requested = 1 \
             AND ifnull(grin_state, '') NOT IN ('NEW', 'AVAILABLE', 'PREVIOUSLY_DOWNLOADED') AND {due}",
            "state = 'conversion_failed' AND next_attempt_at <= :now AND ifnull(requested_for, '') <> 'previous'",
        ],
        Queue::Changed => &["state = 'stored' AND {outdated} AND {due}"],
        Queue::Failed => &["state = 'conversion_failed' AND state_at < :opened"],
    }
}

fn ids(
    tx: &CatalogTransaction<'_>,
    selection: &BookSelection,
    filter: &str,
    limit: usize,
) -> Result<Vec<i64>, CatalogError> {
    let filter = filter
        .replace("{due}", "(next_attempt_at IS NULL OR next_attempt_at <= :now)")
        .replace("{outdated}", OUTDATED);
    let sql = format!("SELECT id FROM books WHERE {filter} ORDER BY priority DESC, id LIMIT :limit");
    let given = arguments! { now: tx.stamp, opened: tx.opened_at };
    selection.pick(tx.conn, &sql, &given, limit)
}

/// Of the books named: those that GRIN is known not to have ready. Others are looked for first (CHECK).
fn named_candidates(
    tx: &CatalogTransaction<'_>,
    only: &[Barcode],
    selection: &BookSelection,
    limit: usize,
) -> Result<Vec<i64>, CatalogError> {
    let mut find = tx.conn.prepare(&format!(
        "SELECT id FROM books WHERE barcode = :barcode AND (next_attempt_at IS NULL OR next_attempt_at <= :now OR :force) \
         AND ((state = 'known' AND pushed_out > 0) OR (NOT :lost_only AND ( \
           (state = 'known' AND (:force OR ifnull(grin_state, '') = 'NEW' \
             OR (absent_at IS NOT NULL AND ifnull(grin_state, '') <> 'CHECKED_IN'))) \
           OR (state = 'conversion_failed' AND (:force OR next_attempt_at IS NOT NULL)) \
           OR (state = 'unavailable' AND :force) \
           OR (state = 'stored' AND {OUTDATED}))))"
    ))?;
    let mut out = Vec::new();
    for barcode in only.iter().filter(|barcode| selection.may_be(barcode.as_str())) {
        if out.len() == limit {
            break;
        }
        let given = arguments! {
            barcode: barcode, now: tx.stamp, force: selection.force, lost_only: selection.lost_only,
        };
        let id = find.first(&given, |row| row.at(0))?;
        out.extend(id.filter(|id| !out.contains(id)));
    }
    Ok(out)
}

/// Records what GRIN answered to a request for conversions: barcode, outcome, its words.
#[derive(Debug, Clone)]
pub struct RecordConversions(pub Vec<(Barcode, ProcessOutcome, String)>);

/// What the answers came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct ConversionsRecorded {
    /// Asked for now.
    pub requested: u64,
    /// Were asked for before.
    pub in_process: u64,
    /// Are ready.
    pub available: u64,
    /// Are not given out.
    pub unavailable: u64,
    /// No certain answer: requested again later.
    pub later: u64,
    /// Nothing was said about the book itself (queue full, no right, service down).
    pub untouched: u64,
    /// Not in the catalog.
    pub unknown: u64,
}

impl CatalogOperation for RecordConversions {
    type Output = ConversionsRecorded;
    const KIND: &'static str = "record_conversions";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<ConversionsRecorded, CatalogError> {
        let mut done = ConversionsRecorded::default();
        for (barcode, outcome, words) in &self.0 {
            let Some(answer) = answer_about_book(*outcome) else {
                done.untouched += 1;
                continue;
            };
            let Some(book) = RequestedBook::read(tx.conn, barcode.as_str())? else {
                done.unknown += 1;
                continue;
            };
            let said = GrinAnswer {
                outcome: *outcome,
                answer,
                words: &words[..words.floor_char_boundary(500)],
            };
            book.record(tx, barcode.as_str(), said)?;
            let counter = match answer {
                ConversionAnswer::Requested => &mut done.requested,
                ConversionAnswer::InProcess => &mut done.in_process,
                ConversionAnswer::Available => &mut done.available,
                ConversionAnswer::Unavailable => &mut done.unavailable,
                ConversionAnswer::Unclear => &mut done.later,
            };
            *counter += 1;
        }
        Ok(done)
    }
}

/// GRIN's answer about one book, and its words.
#[derive(Debug, Clone, Copy)]
struct GrinAnswer<'a> {
    outcome: ProcessOutcome,
    answer: ConversionAnswer,
    words: &'a str,
}

/// A book whose conversion was requested.
struct RequestedBook {
    id: i64,
    standing: BookStanding,
    requested_for: Option<String>,
    requested_at: Option<String>,
    grin_state: Option<String>,
    pushed_out: bool,
    next_attempt_at: Option<String>,
}

impl RequestedBook {
    fn read(conn: &SqlConnection, barcode: &str) -> Result<Option<Self>, CatalogError> {
        conn.first(
            "SELECT id, state, absent_at IS NOT NULL AS absent, conversion_asks, requested_for, \
             processing_request_timestamp, grin_state, pushed_out > 0 AS pushed_out, next_attempt_at \
             FROM books WHERE barcode = :barcode /*pg FOR UPDATE*/",
            &arguments! { barcode: barcode },
            Self::of,
        )
    }

    fn of(row: &SqlRow<'_>) -> Result<Self, CatalogError> {
        Ok(Self {
            id: row.get("id")?,
            standing: BookStanding {
                absent: row.get("absent")?,
                asks: row.get("conversion_asks")?,
                ..BookStanding::of(row.get("state")?)
            },
            requested_for: row.get("requested_for")?,
            requested_at: row.get("processing_request_timestamp")?,
            grin_state: row.get("grin_state")?,
            pushed_out: row.get("pushed_out")?,
            next_attempt_at: row.get("next_attempt_at")?,
        })
    }

    fn record(&self, tx: &mut CatalogTransaction<'_>, barcode: &str, said: GrinAnswer<'_>) -> Result<(), CatalogError> {
        let next = tx.next_state(&self.standing, BookChange::Answer(said.answer));
        let due = match next.due {
            DueTime::Keep => self.next_attempt_at.clone(),
            DueTime::Clear => None,
            DueTime::At(at) => Some(stamp(at)),
        };
        let unclear = due.is_some() && matches!(said.answer, ConversionAnswer::Unclear | ConversionAnswer::Available);
        let requested_at = match said.answer {
            ConversionAnswer::Requested => Some(tx.stamp.clone()),
            ConversionAnswer::InProcess => self.requested_at.clone().or_else(|| Some(tx.stamp.clone())),
            _ => self.requested_at.clone(),
        };
        tx.conn.execute(
            "UPDATE books SET state_at = CASE WHEN state = :state THEN state_at ELSE :now END, state = :state, \
                 updated_at = :now, next_attempt_at = :due, conversion_words = :words, \
                 processing_request_timestamp = :requested_at, requested_for = :requested_for, \
                 conversion_asks = CASE WHEN :unclear THEN conversion_asks + 1 ELSE 0 END, left_process_at = NULL, \
                 listed_converted = CASE WHEN :available THEN 1 ELSE listed_converted END, \
                 enrich_key = CASE WHEN :available THEN 0 ELSE enrich_key END WHERE id = :id",
            &arguments! {
                state: next.state, now: tx.stamp, due: due, words: said.words, requested_at: requested_at,
                requested_for: self.queue(said.answer), unclear: unclear,
                available: said.answer == ConversionAnswer::Available, id: self.id,
            },
        )?;
        let note = ChangeNote {
            words: Some(said.words),
            next: due.as_deref(),
            ..ChangeNote::of(next.cause)
        };
        let from = self.standing.state;
        if next.state == from {
            tx.append_history(barcode, ChangeTopic::Conversion, said.outcome.as_str(), &note.text())?;
        } else {
            tx.record_transition(barcode, StateChange { from, to: next.state }, note)?;
        }
        if said.answer == ConversionAnswer::Requested {
            let day = tx.day().to_owned();
            tx.totals.add(CounterKind::RequestedOn, &day, 1);
        }
        Ok(())
    }

    /// The queue that the book belongs to from its request until it is stored, whatever GRIN's state becomes meanwhile.
    fn queue(&self, answer: ConversionAnswer) -> Option<&str> {
        match answer {
            ConversionAnswer::Requested | ConversionAnswer::InProcess | ConversionAnswer::Available => {}
            ConversionAnswer::Unavailable | ConversionAnswer::Unclear => return self.requested_for.as_deref(),
        }
        let now = match (self.standing.state, self.grin_state.as_deref()) {
            (BookState::Stored, _) => Queue::Changed,
            (BookState::ConversionFailed, _) if self.requested_for.is_some() => return self.requested_for.as_deref(),
            (_, Some("PREVIOUSLY_DOWNLOADED")) => Queue::Previous,
            _ if self.pushed_out => Queue::Converted,
            _ => Queue::Unconverted,
        };
        self.requested_for.as_deref().or(Some(now.as_str()))
    }
}
