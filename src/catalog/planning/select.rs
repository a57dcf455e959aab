//! Which books a worker may take now, and which later.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::catalog::CatalogError;
use crate::catalog::engine::value::{SqlArgument, arguments};
use crate::catalog::engine::{SqlConnection, SqlRow};
use crate::catalog::observations::dates::NEWER;
use crate::catalog::planning::queue_filter;
use crate::clock::{read_stamp, stamp};
use crate::grin::Barcode;
use crate::vocabulary::{BookState, FailureReason, Queue};

/// Which books are meant.
#[derive(Debug, Clone, Default)]
pub struct BookSelection {
    /// Served in turn; nothing if empty and no barcodes are named.
    pub queues: Vec<Queue>,
    /// Just these, whatever queue they belong to. Each call looks at all of them (about 2 µs each).
    pub only: Option<Vec<Barcode>>,
    /// Also what is stored and unchanged, once in each run.
    pub force: bool,
    /// Also what is stored and was last compared with GRIN before this moment (queues `changed` and `all`), as long as GRIN has
    /// an archive ready.
    pub recheck_before: Option<Timestamp>,
    /// Of conversions, only those of archives that were ready once and left the pool before they were fetched.
    pub lost_only: bool,
    /// Not these, whatever else is said: few. They are read and skipped each time.
    pub except: HashSet<Barcode>,
}

/// The moments that decide: now; and when this program opened the catalog, for what is tried once in each run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SelectionTimes<'a> {
    pub now: &'a str,
    pub opened_at: &'a str,
}

/// Whether the rows that are found are locked on a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowLock {
    /// Not for a question: it would keep others from claiming, and leave out what they claim.
    Unlocked,
    /// For a claim; what others have locked is left out.
    Locked,
}

impl RowLock {
    fn on(self, sql: &str) -> String {
        match self {
            Self::Unlocked => sql.to_owned(),
            Self::Locked => format!("{sql} /*pg FOR UPDATE SKIP LOCKED*/"),
        }
    }
}

/// A due time that has come, or none.
const DUE: &str = "(next_attempt_at IS NULL OR next_attempt_at <= :now)";
/// A due time that is still to come, of a book that waits for us: what was asked of GRIN without a certain answer waits for GRIN.
const PUT_OFF: &str = "next_attempt_at > :now AND (state = 'failed' OR (state IN ('available', 'known') AND conversion_asks = 0) \
                       OR (state = 'stored' AND (requested_for IS NULL OR listed_converted = 1)))";
/// Oldest conversion first, since the pool drops those.
const OLDEST_FIRST: &str = "ORDER BY priority DESC, ifnull(converted_date, '9'), barcode";

/// Books of which an earlier run may have published an archive without recording it: the store tells.
pub(crate) const UNRECORDED: &str = "SELECT id FROM books WHERE publishing_sha256 IS NOT NULL AND claimed_by IS NULL AND state <> 'forgotten' \
                          AND (next_attempt_at IS NULL OR next_attempt_at <= :now) ORDER BY id LIMIT :limit";
/// Given-up books whose time has come again.
pub(crate) const FAILED_DUE: &str = "SELECT id FROM books WHERE state = 'failed' AND next_attempt_at <= :now \
                          ORDER BY next_attempt_at, id LIMIT :limit";

impl BookSelection {
    /// Ids of what may be taken now, in the order to take them.
    pub(crate) fn ready(
        &self,
        conn: &SqlConnection,
        times: SelectionTimes<'_>,
        limit: usize,
        lock: RowLock,
    ) -> Result<Vec<i64>, CatalogError> {
        if self.only.is_some() {
            return self.ready_of_named(conn, times, limit, lock);
        }
        let find = |sql: &str, times: SelectionTimes<'_>| self.ids(conn, &lock.on(sql), times, limit);
        let queues = Queue::resolve(&self.queues);
        let mut lists = Vec::new();
        if !queues.is_empty() {
            lists.push(find(UNRECORDED, times)?);
        }
        for queue in &queues {
            lists.push(find(&sql_of(*queue), times)?);
        }
        for BookGroup { which, before } in self.stored_again(times) {
            let before = SelectionTimes {
                opened_at: &before,
                ..times
            };
            // Two statements, so that each ends where its part of the index does.
            for checked in ["last_etag_check IS NULL", "last_etag_check < :before"] {
                let sql = format!(
                    "SELECT id FROM books WHERE {which} AND {checked} AND {DUE} ORDER BY last_etag_check, id LIMIT :limit"
                );
                lists.push(find(&sql, before)?);
            }
        }
        let mut ids = queue_filter::in_turn(lists, limit);
        if ids.len() < limit && !queues.is_empty() {
            // Books that failed before wait for those that did not.
            let failed = find(FAILED_DUE, times)?;
            ids = queue_filter::in_sequence(ids, failed, limit);
        }
        Ok(ids)
    }

    /// Books that failed, or that GRIN wants nobody to ask for yet, and that may be taken later: the first to come due first.
    pub(crate) fn put_off(
        &self,
        conn: &SqlConnection,
        times: SelectionTimes<'_>,
        limit: usize,
    ) -> Result<Vec<PutOffBook>, CatalogError> {
        const COLUMNS: &str = "SELECT barcode, failure_reason, failure_detail, next_attempt_at FROM books WHERE";
        let mut out = BTreeMap::new();
        let mut add = |book: PutOffBook| {
            if self.may_be(book.barcode.as_str()) {
                out.insert((book.until, book.barcode.clone()), book);
            }
        };
        if let Some(only) = &self.only {
            let mut find = conn.prepare(&format!("{COLUMNS} barcode = :barcode AND {PUT_OFF}"))?;
            for barcode in only {
                let given = arguments! { barcode: barcode, now: times.now };
                find.first(&given, PutOffBook::read)?.flatten().map(&mut add);
            }
        } else {
            let most = limit.saturating_add(self.except.len());
            let queues = Queue::resolve(&self.queues);
            let failed = (!queues.is_empty()).then(BookGroup::failed);
            let queued = queues.into_iter().filter_map(BookGroup::of_queue);
            let again = self.stored_again(times).into_iter().map(BookGroup::not_checked);
            for BookGroup { which, before } in queued.chain(again).chain(failed) {
                let sql = format!("{COLUMNS} {which} AND {PUT_OFF} ORDER BY next_attempt_at, id LIMIT :limit");
                let given = arguments! { now: times.now, before: before, limit: most };
                let books = conn.all(&sql, &given, PutOffBook::read)?;
                books.into_iter().flatten().for_each(&mut add);
            }
        }
        Ok(out.into_values().take(limit).collect())
    }

    /// What is stored and to be looked at again all the same, if it was not before the group's moment.
    fn stored_again(&self, times: SelectionTimes<'_>) -> Vec<BookGroup> {
        let group = |more: &str, before: &str| BookGroup {
            which: format!("state = 'stored'{more}"),
            before: before.to_owned(),
        };
        let queues = Queue::resolve(&self.queues);
        let mut out = Vec::new();
        if self.force && !queues.is_empty() {
            let all = queues.contains(&Queue::Changed);
            let more = if all { "" } else { " AND listed_converted = 1" };
            out.push(group(more, times.opened_at));
        }
        if let Some(before) = self.recheck_before
            && queues.contains(&Queue::Changed)
        {
            out.push(group(" AND listed_converted = 1", &stamp(before)));
        }
        out
    }

    /// The same of the books that are named.
    fn ready_of_named(
        &self,
        conn: &SqlConnection,
        times: SelectionTimes<'_>,
        limit: usize,
        lock: RowLock,
    ) -> Result<Vec<i64>, CatalogError> {
        let mut find = conn.prepare(&lock.on(&format!(
            "SELECT id, state, next_attempt_at, absent_at IS NOT NULL AS absent, state_at, last_etag_check, \
             ifnull({NEWER}, FALSE) AS newer, ifnull(grin_state IN ('NEW', 'CHECKED_IN'), FALSE) AS never_converted, \
             publishing_sha256 IS NOT NULL AS unrecorded FROM books WHERE barcode = :barcode"
        )))?;
        let mut out = Vec::new();
        let mut taken = HashSet::new();
        let named = self.only.iter().flatten();
        for barcode in named.filter(|barcode| self.may_be(barcode.as_str())) {
            if out.len() == limit {
                break;
            }
            let book = find.first(&arguments! { barcode: barcode }, NamedBook::read)?;
            if let Some(book) = book.filter(|book| book.is_ready(self, times) && taken.insert(book.id)) {
                out.push(book.id);
            }
        }
        Ok(out)
    }
}

/// Books that may be taken when they are due: what they have in common, in SQL, and the moment that it calls `:before`.
struct BookGroup {
    which: String,
    before: String,
}

impl BookGroup {
    /// Those of a queue; failed books are not taken by their due time.
    fn of_queue(queue: Queue) -> Option<Self> {
        let which = match queue {
            Queue::Converted | Queue::All => "state = 'available'".to_owned(),
            Queue::Previous => "state = 'available' AND (requested_for = 'previous' \
                                OR grin_state = 'PREVIOUSLY_DOWNLOADED')"
                .to_owned(),
            Queue::Unconverted => "state = 'available' AND requested_for = 'unconverted'".to_owned(),
            Queue::Changed => format!("state = 'stored' AND {NEWER}"),
            Queue::Failed => return None,
        };
        let before = String::new();
        Some(Self { which, before })
    }

    /// Books that were given up, whatever the queue.
    fn failed() -> Self {
        Self {
            which: "state = 'failed'".to_owned(),
            before: String::new(),
        }
    }

    /// Those of them that were not compared with GRIN's since the moment.
    fn not_checked(self) -> Self {
        Self {
            which: format!("{} AND ifnull(last_etag_check, '') < :before", self.which),
            ..self
        }
    }
}

/// A book that is not taken before its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutOffBook {
    /// The book.
    pub barcode: Barcode,
    /// Why it was not done, in one word.
    pub reason: Option<FailureReason>,
    /// And in a sentence.
    pub detail: String,
    /// When it is taken again.
    pub until: Timestamp,
}

impl PutOffBook {
    /// `None` if its barcode or its time is none of ours (somebody else wrote into the catalog).
    fn read(row: &SqlRow<'_>) -> Result<Option<Self>, CatalogError> {
        let reason: Option<String> = row.get("failure_reason")?;
        let detail: Option<String> = row.get("failure_detail")?;
        let barcode = Barcode::parse(&row.get::<String>("barcode")?);
        let until = read_stamp(&row.get::<String>("next_attempt_at")?);
        Ok(barcode.ok().zip(until).map(|(barcode, until)| Self {
            barcode,
            reason: reason.and_then(|word| word.parse().ok()),
            detail: detail.unwrap_or_default(),
            until,
        }))
    }
}

/// A book that was named, as far as it decides whether it may be taken.
struct NamedBook {
    id: i64,
    state: BookState,
    next_attempt_at: Option<String>,
    absent: bool,
    state_at: String,
    last_check: Option<String>,
    newer: bool,
    /// An earlier run may have published an archive without recording it.
    unrecorded: bool,
    /// GRIN's state says that there never was an archive: looking for it is of no use.
    never_converted: bool,
}

impl NamedBook {
    fn read(row: &SqlRow<'_>) -> Result<Self, CatalogError> {
        Ok(Self {
            id: row.get("id")?,
            state: row.get("state")?,
            next_attempt_at: row.get("next_attempt_at")?,
            absent: row.get("absent")?,
            state_at: row.get("state_at")?,
            last_check: row.get("last_etag_check")?,
            newer: row.get("newer")?,
            unrecorded: row.get("unrecorded")?,
            never_converted: row.get("never_converted")?,
        })
    }

    fn is_ready(&self, selection: &BookSelection, times: SelectionTimes<'_>) -> bool {
        // A person who names a failed book does not wait for its time, but tries it once in each run.
        let not_due = self.next_attempt_at.as_deref().is_some_and(|at| at > times.now);
        if not_due && self.state != BookState::Failed {
            return false;
        }
        let checked_before = |moment: &str| self.last_check.as_deref().is_none_or(|at| at < moment);
        match self.state {
            BookState::Available => true,
            // GRIN may have it although no list told us yet; a 404 settles that until a list or an answer says more.
            BookState::Known => selection.force || !(self.absent || self.never_converted),
            BookState::Failed => self.state_at.as_str() < times.opened_at,
            BookState::Stored => {
                self.newer
                    || self.unrecorded
                    || (selection.force && checked_before(times.opened_at))
                    || selection
                        .recheck_before
                        .is_some_and(|before| checked_before(&stamp(before)))
            }
            _ => false,
        }
    }
}

/// The books of one queue that may be taken, each from an index of its own.
fn sql_of(queue: Queue) -> String {
    match BookGroup::of_queue(queue) {
        Some(group) => {
            let which = group.which;
            format!("SELECT id FROM books WHERE {which} AND {DUE} {OLDEST_FIRST} LIMIT :limit")
        }
        None => String::from(
            "SELECT id FROM books WHERE state = 'failed' AND state_at < :before ORDER BY priority DESC, id LIMIT :limit",
        ),
    }
}

impl BookSelection {
    /// Whether a book with this barcode is none of those that are left out.
    pub(crate) fn may_be(&self, barcode: &str) -> bool {
        !self.except.contains(barcode)
    }

    fn ids(
        &self,
        conn: &SqlConnection,
        sql: &str,
        times: SelectionTimes<'_>,
        limit: usize,
    ) -> Result<Vec<i64>, CatalogError> {
        let given = arguments! { now: times.now, before: times.opened_at };
        self.pick(conn, sql, &given, limit)
    }

    /// The ids that `SELECT id … LIMIT :limit` gives. Only where books are left out, barcodes are read too, and rows until there are
    /// enough.
    pub(crate) fn pick(
        &self,
        conn: &SqlConnection,
        sql: &str,
        given: &[SqlArgument<'_>],
        limit: usize,
    ) -> Result<Vec<i64>, CatalogError> {
        let all = self.except.is_empty();
        let filtered = sql.replacen("SELECT id ", "SELECT id, barcode ", 1);
        let sql = if all { sql } else { &filtered };
        let rows_limit = if all { limit } else { usize::MAX };
        let own = arguments! { limit: rows_limit };
        let given: Vec<_> = given.iter().copied().chain(own).collect();
        if all {
            return conn.all(sql, &given, |row| row.get("id"));
        }
        let mut out = Vec::new();
        conn.each(sql, &given, |row| {
            if out.len() >= limit {
                return Ok::<_, CatalogError>(ControlFlow::Break(()));
            }
            if self.may_be(&row.get::<String>("barcode")?) {
                out.push(row.get("id")?);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(out)
    }
}

/// The earliest moment at which a book that waits for its time comes due; `None` if none waits.
pub(crate) fn next_due(conn: &SqlConnection, now: &str) -> Result<Option<Timestamp>, CatalogError> {
    let sql = "SELECT min(next_attempt_at) FROM books WHERE next_attempt_at > :now";
    let at: Option<String> = conn.one(sql, &arguments! { now: now }, |row| row.at(0))?;
    Ok(at.as_deref().and_then(read_stamp))
}
