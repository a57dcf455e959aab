//! Passes over GRIN's lists, and what a complete one says about books that it did not name.

use crate::catalog::CatalogError;
use crate::catalog::engine::value::arguments;
use crate::catalog::lifecycle::history::{ChangeCause, ChangeNote, ChangeTopic};
use crate::catalog::observations::absent::{MarkedBook, not_listed};
use crate::catalog::observations::believable::{OddPass, PassEvidence, gone_before};
use crate::catalog::observations::listing::ListPartCounts;
use crate::catalog::observations::lists;
use crate::catalog::sharing::tasks::{SharedTask, check_fence};
use crate::catalog::writer::ledger::{CatalogOperation, CatalogTransaction};
use crate::clock::{read_stamp, stamp};
use crate::grin::ListKind;

/// How the note of a pass ends that was read to its end, with odd rows.
const ODD_ROWS: &str = "rows do not tell which books they are about";
/// Passes that are looked back on: days of them, however often lists are read.
const LOOKED_BACK_ON: usize = 5_000;

/// A pass over a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassId {
    /// Its number.
    pub number: i64,
    /// Of [`SharedTask::Reading`]: nothing is recorded of the pass after another member took it over. `None`: nobody else can read lists.
    pub fence: Option<i64>,
}

/// Ends a pass.
#[derive(Debug, Clone)]
pub struct FinishPass {
    /// The pass.
    pub pass: PassId,
    /// Whether the list is complete: read without a refusal, gap or loop. Only then something follows from what it does not name.
    pub complete: bool,
    /// It was counted before ([`CountMissing`]) that it named every book that earlier passes did; that is not counted again.
    pub none_missing: bool,
    /// Why it is incomplete, or anything else worth keeping.
    pub note: Option<String>,
}

/// What a pass came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct PassEnd {
    /// Books that it named, each counted once.
    pub rows: u64,
    /// Books not known before.
    pub new_books: u64,
    /// Books of which something changed.
    pub changed: u64,
    /// Books that the list no longer names.
    pub vanished: u64,
    /// The pass called itself complete, but misses so many books that nothing was concluded from it.
    pub doubtful: bool,
    /// Rows of which it is not known which books they are about: only books that no pass has named for days were taken for gone.
    pub unsure: u64,
}

/// Refuses what is recorded of lists that another member reads by now.
pub(super) fn check_task(tx: &CatalogTransaction<'_>, fence: Option<i64>) -> Result<(), CatalogError> {
    fence.map_or(Ok(()), |fence| check_fence(tx, SharedTask::Reading, fence))
}

impl PassId {
    pub(crate) fn note_page(
        self,
        tx: &CatalogTransaction<'_>,
        next: Option<&str>,
        done: ListPartCounts,
        unsure: u64,
    ) -> Result<(), CatalogError> {
        check_task(tx, self.fence)?;
        let noted = tx.conn.execute(
            "UPDATE list_passes SET pages = pages + 1, rows = rows + :rows, new_books = new_books + :new, \
             changed = changed + :changed, next_url = ifnull(:next, next_url), unsure = unsure + :unsure \
             WHERE id = :pass AND ended_at IS NULL",
            &arguments! {
                rows: done.fresh, new: done.new, changed: done.changed, next: next, unsure: unsure, pass: self.number,
            },
        )?;
        (noted == 1).then_some(()).ok_or(CatalogError::NoPass(self.number))
    }
}

/// How many books earlier passes saw in the list and this one did not, so far.
#[derive(Debug, Clone, Copy)]
pub struct CountMissing(pub PassId);

impl CatalogOperation for CountMissing {
    type Output = u64;
    const KIND: &'static str = "count_missing";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<u64, CatalogError> {
        let (ending, _) = Ending::read(tx, self.0)?;
        Ok(ending.named(tx)?.missing)
    }
}

impl CatalogOperation for FinishPass {
    type Output = PassEnd;
    const KIND: &'static str = "finish_pass";

    fn run(&self, tx: &mut CatalogTransaction<'_>) -> Result<PassEnd, CatalogError> {
        check_task(tx, self.pass.fence)?;
        let (mut ending, mut end) = Ending::read(tx, self.pass)?;
        let mut note = self.note.clone();
        let complete = self.complete && end.unsure == 0;
        if self.complete {
            if end.unsure > 0 {
                note = Some(format!("{} {ODD_ROWS}", end.unsure));
            }
            end.doubtful = !self.none_missing && !ending.is_believable(tx)?;
            if end.doubtful {
                note = Some("too few rows to be believed: nothing was marked as vanished".into());
            } else if end.unsure == 0 || ending.looks_back(tx, &end)? {
                end.vanished = ending.conclude(tx)?;
            }
        }
        tx.conn.execute(
            "UPDATE list_passes SET ended_at = :now, complete = :complete, doubtful = :doubtful, vanished = :vanished, \
             next_url = NULL, note = :note WHERE id = :pass",
            &arguments! {
                now: tx.stamp, complete: complete && !end.doubtful, doubtful: end.doubtful,
                vanished: end.vanished, note: note, pass: self.pass.number,
            },
        )?;
        Ok(end)
    }
}

/// How many books are looked at in one go when conclusions are drawn, so that memory stays small.
const STEP: usize = 5_000;

/// Books of a list.
struct NamedBooks {
    seen: u64,
    missing: u64,
}

/// A pass that is about to end.
struct Ending {
    pass: i64,
    list: ListKind,
    started_at: String,
    started: i64,
    /// A book that was named last before this moment is not listed any more: before the pass began, or earlier.
    gone_before: i64,
    gone_before_at: String,
}

impl Ending {
    fn read(tx: &CatalogTransaction<'_>, pass: PassId) -> Result<(Self, PassEnd), CatalogError> {
        let found = tx.conn.first(
            "SELECT list, started_at, rows, new_books, changed, unsure FROM list_passes \
             WHERE id = :pass AND ended_at IS NULL",
            &arguments! { pass: pass.number },
            |row| {
                let end = PassEnd {
                    rows: row.get("rows")?,
                    new_books: row.get("new_books")?,
                    changed: row.get("changed")?,
                    unsure: row.get("unsure")?,
                    ..PassEnd::default()
                };
                Ok((row.get::<String>("list")?, row.get::<String>("started_at")?, end))
            },
        )?;
        let (name, started_at, end) = found.ok_or(CatalogError::NoPass(pass.number))?;
        let list = ListKind::ALL.into_iter().find(|list| lists::name(*list) == name);
        let started = read_stamp(&started_at).map_or(0, jiff::Timestamp::as_millisecond);
        let ending = Self {
            pass: pass.number,
            list: list.ok_or_else(|| CatalogError::Fault(format!("a pass over {name:?}")))?,
            started,
            gone_before: started,
            gone_before_at: started_at.clone(),
            started_at,
        };
        Ok((ending, end))
    }

    /// Of a pass with odd rows: whether anything follows from what it and those before it did not name.
    fn looks_back(&mut self, tx: &CatalogTransaction<'_>, end: &PassEnd) -> Result<bool, CatalogError> {
        let sql = "SELECT started_at, rows, unsure FROM list_passes WHERE list = :list AND id < :pass \
                   AND (complete = 1 OR note LIKE :odd) ORDER BY id DESC LIMIT :most";
        let (list, odd) = (lists::name(self.list), format!("%{ODD_ROWS}"));
        let given = arguments! { list: list, pass: self.pass, odd: odd, most: LOOKED_BACK_ON };
        let before = tx.conn.all(sql, &given, |row| {
            let started_at: String = row.get("started_at")?;
            Ok(OddPass::read(&started_at, row.get("rows")?, row.get("unsure")?))
        })?;
        let this = OddPass::read(&self.started_at, end.rows, end.unsure);
        let passes: Vec<_> = std::iter::once(this).chain(before).flatten().collect();
        let Some(gone_before) = gone_before(&passes) else {
            return Ok(false);
        };
        self.gone_before = gone_before.as_millisecond();
        self.gone_before_at = stamp(gone_before);
        Ok(true)
    }

    /// Which books the list named in this pass, and which in earlier ones only.
    fn named(&self, tx: &CatalogTransaction<'_>) -> Result<NamedBooks, CatalogError> {
        tx.conn.one(
            "SELECT count(*) FILTER (WHERE pass = :pass OR observed >= :started) AS seen, \
             count(*) FILTER (WHERE pass <> :pass AND observed < :started) AS missing FROM sightings WHERE list = :list",
            &arguments! { pass: self.pass, started: self.started, list: lists::number(self.list) },
            |row| {
                Ok(NamedBooks {
                    seen: row.get("seen")?,
                    missing: row.get("missing")?,
                })
            },
        )
    }

    fn is_believable(&self, tx: &CatalogTransaction<'_>) -> Result<bool, CatalogError> {
        let NamedBooks { seen, missing } = self.named(tx)?;
        let doubted_at = self.doubted_at(tx)?;
        let doubtful_for = doubted_at
            .as_deref()
            .and_then(read_stamp)
            .zip(read_stamp(&self.started_at));
        let evidence = PassEvidence {
            list: self.list,
            seen,
            known: self.known(tx, doubted_at.as_ref())?,
            missing,
            believable_percent: tx.policy.believable_percent.into(),
            doubtful_for: doubtful_for.map(|(began, now)| now.duration_since(began)),
        };
        Ok(evidence.is_believable())
    }

    /// When the first of the doubtful passes directly before this one began. A complete one ends such a series, and of a list that was
    /// found empty, one that named books.
    fn doubted_at(&self, tx: &CatalogTransaction<'_>) -> Result<Option<String>, CatalogError> {
        let ends = match self.list {
            ListKind::AllBooks => "complete = 1",
            _ => "rows > 0 AND doubtful = 0",
        };
        tx.conn.one(
            &format!(
                "SELECT min(started_at) FROM list_passes WHERE list = :list AND id < :pass AND doubtful = 1 AND id > \
                 (SELECT ifnull(max(id), 0) FROM list_passes WHERE list = :list AND id < :pass AND {ends})"
            ),
            &arguments! { list: lists::name(self.list), pass: self.pass },
            |row| row.at(0),
        )
    }

    /// How many of the books that the list of all books names were known before this pass and the doubtful ones directly before it.
    fn known(&self, tx: &CatalogTransaction<'_>, doubted_at: Option<&String>) -> Result<u64, CatalogError> {
        if self.list != ListKind::AllBooks {
            return Ok(0);
        }
        tx.conn.one(
            "SELECT count(*) FROM sightings s JOIN books b ON b.id = s.book WHERE s.list = :list \
             AND (s.pass = :pass OR s.observed >= :started) AND b.created_at < :since",
            &arguments! {
                list: lists::number(self.list), pass: self.pass, started: self.started,
                since: doubted_at.unwrap_or(&self.started_at),
            },
            |row| row.at(0),
        )
    }

    fn conclude(&self, tx: &mut CatalogTransaction<'_>) -> Result<u64, CatalogError> {
        match self.list {
            ListKind::AllBooks => self.mark_vanished(tx),
            ListKind::Converted => {
                let pushed_out = self.mark_pushed_out(tx)?;
                self.mark_lost(tx)?;
                self.forget_sightings(tx)?;
                Ok(pushed_out)
            }
            ListKind::InProcess => {
                let left = self.mark_left_process(tx)?;
                self.forget_sightings(tx)?;
                Ok(left)
            }
            ListKind::Available | ListKind::Failed => self.forget_sightings(tx),
        }
    }

    /// Books that the list of all books names no more.
    fn mark_vanished(&self, tx: &mut CatalogTransaction<'_>) -> Result<u64, CatalogError> {
        let sql = "SELECT b.id, b.barcode, b.state FROM sightings s JOIN books b ON b.id = s.book \
                   WHERE s.list = 0 AND s.book > :after AND s.pass <> :pass AND s.observed < :gone \
                   AND b.vanished_at IS NULL AND b.state <> 'forgotten' ORDER BY s.book LIMIT :limit";
        let note = ChangeNote::of(ChangeCause::NotListed).text();
        self.each(tx, sql, |tx, book| {
            tx.conn.execute(
                "UPDATE books SET vanished_at = :now, updated_at = :now WHERE id = :id",
                &arguments! { now: tx.stamp, id: book.id },
            )?;
            tx.append_history(&book.barcode, ChangeTopic::Listing, "vanished", &note)
        })
    }

    /// Archives that left the pool before we fetched them: their conversion is requested again, without counting a failure. One that
    /// became available after the pass began may stand on a page that was read before.
    fn mark_pushed_out(&self, tx: &mut CatalogTransaction<'_>) -> Result<u64, CatalogError> {
        tx.conn.execute(
            "UPDATE books SET listed_converted = 0 WHERE id IN \
             (SELECT book FROM sightings WHERE list = 3 AND pass <> :pass AND observed < :gone) \
             AND state <> 'available'",
            &arguments! { pass: self.pass, gone: self.gone_before },
        )?;
        let sql = "SELECT id, barcode, state FROM books b WHERE state = 'available' AND id > :after \
                   AND state_at < :gone_at AND NOT EXISTS (SELECT 1 FROM sightings s WHERE s.list = 3 \
                   AND s.book = b.id AND (s.pass = :pass OR s.observed >= :gone)) \
                   ORDER BY id LIMIT :limit /*pg FOR UPDATE*/";
        self.each(tx, sql, not_listed)
    }

    /// Conversions that were asked for and are neither in process nor converted: the request was lost.
    fn mark_lost(&self, tx: &mut CatalogTransaction<'_>) -> Result<u64, CatalogError> {
        let sql = "SELECT id, barcode, state FROM books WHERE state IN ('requested', 'in_process') AND id > :after \
                   AND left_process_at < :gone_at ORDER BY id LIMIT :limit /*pg FOR UPDATE*/";
        self.each(tx, sql, not_listed)
    }

    /// Books that left the list of those in process; where to, the next pass over the converted ones tells.
    fn mark_left_process(&self, tx: &mut CatalogTransaction<'_>) -> Result<u64, CatalogError> {
        let seen = "EXISTS (SELECT 1 FROM sightings s WHERE s.list = 2 AND s.book = books.id \
                    AND (s.pass = :pass OR s.observed >= :since))";
        tx.conn.execute(
            &format!(
                "UPDATE books SET left_process_at = NULL \
                 WHERE state IN ('requested', 'in_process') AND left_process_at IS NOT NULL AND {seen}"
            ),
            &arguments! { pass: self.pass, since: self.started },
        )?;
        tx.conn.execute(
            &format!(
                "UPDATE books SET left_process_at = :now WHERE state IN ('requested', 'in_process') \
                 AND left_process_at IS NULL AND ifnull(processing_request_timestamp, state_at) < :gone_at AND NOT {seen}"
            ),
            &arguments! {
                now: tx.stamp, gone_at: self.gone_before_at, pass: self.pass, since: self.gone_before,
            },
        )
    }

    /// Takes books off a list that names them no more.
    fn forget_sightings(&self, tx: &CatalogTransaction<'_>) -> Result<u64, CatalogError> {
        tx.conn.execute(
            "DELETE FROM sightings WHERE list = :list AND pass <> :pass AND observed < :gone",
            &arguments! { list: lists::number(self.list), pass: self.pass, gone: self.gone_before },
        )
    }

    /// Calls `mark` for each book that `sql` finds, a bounded number at a time.
    fn each(
        &self,
        tx: &mut CatalogTransaction<'_>,
        sql: &str,
        mark: impl Fn(&mut CatalogTransaction<'_>, &MarkedBook) -> Result<(), CatalogError>,
    ) -> Result<u64, CatalogError> {
        let (mut last, mut done) = (0, 0);
        loop {
            let given = arguments! {
                after: last, pass: self.pass, gone: self.gone_before, gone_at: self.gone_before_at, limit: STEP,
            };
            let found = tx.conn.all(sql, &given, MarkedBook::read)?;
            let Some(book) = found.last() else {
                return Ok(done);
            };
            last = book.id;
            for marked in &found {
                mark(tx, marked)?;
                done += 1;
            }
        }
    }
}
