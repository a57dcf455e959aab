//! Which conversions to ask GRIN for, and what it answered.

use rusqlite::{Connection, OptionalExtension as _, ToSql};

use crate::catalog::CatalogError;
use crate::catalog::lifecycle::history::{ChangeCause, ChangeNote, ChangeTopic};
use crate::catalog::lifecycle::tallies::TallyKind;
use crate::catalog::observations::dates::OUTDATED;
use crate::catalog::observations::lists;
use crate::catalog::planning::queue_filter;
use crate::catalog::planning::select::BookSelection;
use crate::catalog::queries::ask::StateCounts;
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::clock;
use crate::grin::BlockSet;
use crate::grin::{Barcode, ListKind, ProcessOutcome};
use crate::vocabulary::BookState;
use crate::vocabulary::Queue;

/// Asks for the next conversions to ask for, oldest first by priority, as many as GRIN's queue has room for.
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

    fn run(self, tx: &mut CatalogTransaction<'_>) -> Result<ConversionPlan, CatalogError> {
        let in_queue = in_queue(tx, &self.selection)?;
        let room = self.queue_limit.saturating_sub(in_queue);
        let limit = self.limit.min(usize::try_from(room).unwrap_or(usize::MAX));
        let mut barcodes = Vec::new();
        let mut find = tx.conn.prepare_cached("SELECT barcode FROM books WHERE id = ?1")?;
        for id in candidates(tx, &self.selection, limit)? {
            let barcode: String = find.query_row([id], |row| row.get(0))?;
            barcodes.extend(Barcode::parse(&barcode));
        }
        Ok(ConversionPlan {
            barcodes,
            in_queue,
            room,
        })
    }
}

/// Books in GRIN's queue as far as we know, of the blocks that are meant: each daemon has its part of the queue for these.
fn in_queue(tx: &CatalogTransaction<'_>, selection: &BookSelection) -> Result<u64, CatalogError> {
    // Stored books stay so while a newer archive is on its way: asked for, or listed as in process.
    const STORED: &str = "SELECT barcode FROM books WHERE state = 'stored' AND requested_for IS NOT NULL \
        AND listed_converted = 0 AND next_attempt_at > ?1 \
        UNION SELECT b.barcode FROM sightings s JOIN books b ON b.id = s.book WHERE s.list = ?2 AND b.state = 'stored'";
    let list = lists::number(ListKind::InProcess);
    if selection.blocks.is_none_or(|blocks| blocks == BlockSet::ALL) {
        let counts = StateCounts::read(tx.conn)?;
        let mut count = tx.conn.prepare_cached(&format!("SELECT count(*) FROM ({STORED})"))?;
        let stored: u64 = count.query_row((&tx.stamp, list), |row| row.get(0))?;
        return Ok(counts.of(BookState::Requested) + counts.of(BookState::InProcess) + stored);
    }
    let sql = format!("SELECT barcode FROM books WHERE state IN ('requested', 'in_process') UNION ALL {STORED}");
    let mut select = tx.conn.prepare_cached(&sql)?;
    let mut rows = select.query((&tx.stamp, list))?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += u64::from(selection.may_be(row.get_ref(0)?.as_str().unwrap_or_default()));
    }
    Ok(count)
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
        // Once wanted and lost on the way: whatever queue is served, they are asked for again.
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
    let given: [(&str, &dyn ToSql); 2] = [(":now", &tx.stamp), (":opened", &tx.opened_at)];
    selection.pick(tx.conn, &sql, &given, limit)
}

/// Of the books named: those that GRIN is known not to have ready. Others are looked for first (CHECK).
fn named_candidates(
    tx: &CatalogTransaction<'_>,
    only: &[Barcode],
    selection: &BookSelection,
    limit: usize,
) -> Result<Vec<i64>, CatalogError> {
    let force = selection.force;
    let mut find = tx.conn.prepare_cached(&format!(
        "SELECT id FROM books WHERE barcode = ?1 AND (next_attempt_at IS NULL OR next_attempt_at <= ?2 OR ?3) AND ( \
           (state = 'known' AND pushed_out > 0) \
           OR (NOT ?4 AND state = 'known' AND (?3 OR ifnull(grin_state, '') = 'NEW' \
             OR (absent_at IS NOT NULL AND ifnull(grin_state, '') <> 'CHECKED_IN'))) \
           OR (NOT ?4 AND state = 'conversion_failed' AND (?3 OR next_attempt_at IS NOT NULL)) \
           OR (NOT ?4 AND state = 'unavailable' AND ?3) \
           OR (NOT ?4 AND state = 'stored' AND {OUTDATED}))"
    ))?;
    let mut out = Vec::new();
    for barcode in only.iter().filter(|barcode| selection.may_be(barcode.as_str())) {
        if out.len() == limit {
            break;
        }
        let id = find
            .query_row((barcode.as_str(), &tx.stamp, force, selection.lost_only), |row| {
                row.get(0)
            })
            .optional()?;
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
    /// No certain answer: asked for again later.
    pub later: u64,
    /// Nothing was said about the book itself (queue full, no right, service down).
    pub untouched: u64,
    /// Not in the catalog.
    pub unknown: u64,
}

impl CatalogOperation for RecordConversions {
    type Output = ConversionsRecorded;
    const KIND: &'static str = "record_conversions";

    fn run(self, tx: &mut CatalogTransaction<'_>) -> Result<ConversionsRecorded, CatalogError> {
        let mut done = ConversionsRecorded::default();
        for (barcode, outcome, words) in &self.0 {
            let Some(then) = Then::after(*outcome) else {
                done.untouched += 1;
                continue;
            };
            let Some(book) = Asked::read(tx.conn, barcode.as_str())? else {
                done.unknown += 1;
                continue;
            };
            let words = &words[..words.floor_char_boundary(500)];
            book.record(tx, barcode.as_str(), (*outcome, then, words))?;
            let counter = match then {
                Then::Requested => &mut done.requested,
                Then::InProcess => &mut done.in_process,
                Then::Available => &mut done.available,
                Then::Unavailable => &mut done.unavailable,
                Then::Later => &mut done.later,
            };
            *counter += 1;
        }
        Ok(done)
    }
}

/// What follows from an answer for one book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Requested,
    InProcess,
    Available,
    Unavailable,
    Later,
}

impl Then {
    /// `None` where the answer says nothing about the book. Words that are not known never make a book unavailable.
    fn after(outcome: ProcessOutcome) -> Option<Self> {
        match outcome {
            ProcessOutcome::Requested => Some(Self::Requested),
            ProcessOutcome::InProcess => Some(Self::InProcess),
            ProcessOutcome::AlreadyAvailable => Some(Self::Available),
            ProcessOutcome::NotAllowed => Some(Self::Unavailable),
            ProcessOutcome::NotFound
            | ProcessOutcome::RetryLater
            | ProcessOutcome::Unknown
            | ProcessOutcome::NoAnswer => Some(Self::Later),
            ProcessOutcome::QueueFull | ProcessOutcome::Forbidden | ProcessOutcome::UnavailableService => None,
        }
    }

    fn state(self) -> Option<BookState> {
        match self {
            Self::Requested => Some(BookState::Requested),
            Self::InProcess => Some(BookState::InProcess),
            Self::Available => Some(BookState::Available),
            Self::Unavailable => Some(BookState::Unavailable),
            Self::Later => None,
        }
    }
}

/// A book that was asked for.
struct Asked {
    id: i64,
    state: BookState,
    absent: bool,
    asks: u32,
    requested_for: Option<String>,
    requested_at: Option<String>,
    grin_state: Option<String>,
    pushed_out: bool,
    next_attempt_at: Option<String>,
}

impl Asked {
    fn read(conn: &Connection, barcode: &str) -> Result<Option<Self>, CatalogError> {
        let mut select = conn.prepare_cached(
            "SELECT id, state, absent_at IS NOT NULL, conversion_asks, requested_for, processing_request_timestamp, \
             grin_state, pushed_out > 0, next_attempt_at FROM books WHERE barcode = ?1",
        )?;
        let found = select.query_row([barcode], |row| {
            Ok(Self {
                id: row.get(0)?,
                state: row.get(1)?,
                absent: row.get(2)?,
                asks: row.get(3)?,
                requested_for: row.get(4)?,
                requested_at: row.get(5)?,
                grin_state: row.get(6)?,
                pushed_out: row.get(7)?,
                next_attempt_at: row.get(8)?,
            })
        });
        Ok(found.optional()?)
    }

    fn record(
        &self,
        tx: &mut CatalogTransaction<'_>,
        barcode: &str,
        (outcome, then, words): (ProcessOutcome, Then, &str),
    ) -> Result<(), CatalogError> {
        let state = then.state().filter(|_| self.state.follows_grin()).unwrap_or(self.state);
        let next = self.next_attempt(tx, then, state);
        let unclear = next.is_some() && matches!(then, Then::Later | Then::Available);
        let requested_at = match then {
            Then::Requested => Some(tx.stamp.clone()),
            Then::InProcess => self.requested_at.clone().or_else(|| Some(tx.stamp.clone())),
            _ => self.requested_at.clone(),
        };
        tx.conn
            .prepare_cached(
                "UPDATE books SET state = ?2, state_at = CASE WHEN state = ?2 THEN state_at ELSE ?3 END, updated_at = ?3, \
                 next_attempt_at = ?4, conversion_words = ?5, processing_request_timestamp = ?6, requested_for = ?7, \
                 conversion_asks = CASE WHEN ?8 THEN conversion_asks + 1 ELSE 0 END, left_process_at = NULL, \
                 listed_converted = listed_converted OR ?9, enrich_key = CASE WHEN ?9 THEN 0 ELSE enrich_key END \
                 WHERE id = ?1",
            )?
            .execute((
                self.id,
                state,
                &tx.stamp,
                next.as_deref(),
                words,
                requested_at,
                self.queue(then),
                unclear,
                then == Then::Available,
            ))?;
        self.note(tx, barcode, (outcome, state, words, next.as_deref()))?;
        if then == Then::Requested {
            let day = tx.day().to_owned();
            tx.totals.add(TallyKind::RequestedOn, &day, 1);
        }
        Ok(())
    }

    /// When the book may be touched again.
    fn next_attempt(&self, tx: &CatalogTransaction<'_>, then: Then, state: BookState) -> Option<String> {
        let again = || clock::stamp(tx.policy.after_unclear_answer(self.asks.saturating_add(1), tx.now));
        match then {
            Then::Later => Some(again()),
            // Said to be ready, and yet it was not there when we looked: not in a circle without pause.
            Then::Available if self.absent || state == BookState::Stored => Some(again()),
            // Stored books keep their state, so time must tell that they have been asked for.
            Then::Requested | Then::InProcess | Then::Unavailable if state == BookState::Stored => {
                Some(clock::stamp(clock::later(tx.now, tx.policy.ask_again_cap)))
            }
            _ if state == self.state => self.next_attempt_at.clone(),
            _ => None,
        }
    }

    /// The queue that the book belongs to from its request until it is stored, whatever GRIN's state becomes meanwhile.
    fn queue(&self, then: Then) -> Option<&str> {
        match then {
            Then::Requested | Then::InProcess | Then::Available => {}
            Then::Unavailable | Then::Later => return self.requested_for.as_deref(),
        }
        let now = match (self.state, self.grin_state.as_deref()) {
            (BookState::Stored, _) => Queue::Changed,
            (BookState::ConversionFailed, _) if self.requested_for.is_some() => return self.requested_for.as_deref(),
            (_, Some("PREVIOUSLY_DOWNLOADED")) => Queue::Previous,
            _ if self.pushed_out => Queue::Converted,
            _ => Queue::Unconverted,
        };
        self.requested_for.as_deref().or(Some(now.as_str()))
    }

    fn note(
        &self,
        tx: &mut CatalogTransaction<'_>,
        barcode: &str,
        (outcome, state, words, next): (ProcessOutcome, BookState, &str, Option<&str>),
    ) -> Result<(), CatalogError> {
        let note = ChangeNote {
            words: Some(words),
            next,
            ..ChangeNote::of(ChangeCause::Asked)
        };
        if state == self.state {
            tx.noted(barcode, (ChangeTopic::Conversion, outcome.as_str()), &note.text())
        } else {
            tx.moved_with(barcode, (self.state, state), note)
        }
    }
}
