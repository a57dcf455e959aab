//! Which books a configuration fetches, and how many of those that are left it does not.

use std::sync::Arc;

use jiff::Timestamp;

use crate::catalog::CatalogError;
use crate::catalog::engine::value::{arguments, json_list};
use crate::catalog::engine::{SqlConnection, SqlRow};
use crate::catalog::planning::queue_filter::ready_of;
use crate::catalog::queries::remaining::RemainingBooks;
use crate::clock::stamp;
use crate::grin::Barcode;
use crate::vocabulary::{BookState, Queue, UnrequestedBook};

pub(crate) const LOST: &str = "SELECT CASE WHEN grin_state = 'PREVIOUSLY_DOWNLOADED' THEN 'previous' ELSE 'other' END, \
     count(*) FROM books WHERE state = 'known' AND pushed_out > 0 GROUP BY 1";
pub(crate) const PREVIOUS: &str =
    "SELECT count(*) FROM books WHERE state = 'known' AND grin_state = 'PREVIOUSLY_DOWNLOADED'";
pub(crate) const NOT_CONVERTED: &str = "SELECT CASE WHEN next_attempt_at IS NULL THEN 'for_good' \
     WHEN requested_for = 'previous' THEN 'previous' ELSE 'unconverted' END, count(*) \
     FROM books WHERE state = 'conversion_failed' GROUP BY 1";

/// Named books that the catalog is asked for at once.
const NAMED_AT_ONCE: usize = 10_000;

/// Which books are fetched.
#[derive(Debug, Clone)]
pub struct WantedBooks {
    /// Those of these queues.
    pub queues: Vec<Queue>,
    /// Of them only these.
    pub only: Option<Arc<[Barcode]>>,
    /// So many at most.
    pub limit: Option<u64>,
}

impl Default for WantedBooks {
    /// All that can be had.
    fn default() -> Self {
        Self {
            queues: vec![Queue::All],
            only: None,
            limit: None,
        }
    }
}

impl WantedBooks {
    /// Whether GRIN is asked to convert such a book.
    pub fn asks_for(&self, book: UnrequestedBook) -> bool {
        match &self.only {
            Some(_) => book == UnrequestedBook::Lost || self.converts_named(),
            None => book.is_asked_for(&self.queues),
        }
    }

    /// Whether GRIN is asked to convert a book that is named: whichever queue it is of, unless `converted` alone is served.
    fn converts_named(&self) -> bool {
        self.queues.iter().any(|queue| *queue != Queue::Converted)
    }

    /// Of all that are left those that are not fetched.
    pub(super) fn unasked(
        &self,
        conn: &SqlConnection,
        now: Timestamp,
        all: RemainingBooks,
    ) -> Result<RemainingBooks, CatalogError> {
        let asked = match &self.only {
            Some(only) => named(conn, now, only, self.converts_named())?,
            None if self.queues.is_empty() => RemainingBooks::default(),
            None => of_queues(conn, now, &Queue::resolve(&self.queues), all)?,
        };
        Ok(all.without(asked))
    }
}

fn of_queues(
    conn: &SqlConnection,
    now: Timestamp,
    queues: &[Queue],
    all: RemainingBooks,
) -> Result<RemainingBooks, CatalogError> {
    let unrequested = unrequested(conn, all.unrequested)?;
    let asked = unrequested.into_iter().filter(|(book, _)| book.is_asked_for(queues));
    let asked = RemainingBooks {
        unrequested: asked.map(|(_, count)| count).sum(),
        ..all
    };
    let Some(filter) = ready_of(queues) else {
        return Ok(asked);
    };
    let count = |which: &str| {
        let sql = format!("SELECT count(*) FROM books WHERE {which} AND ({filter})");
        conn.one(&sql, &arguments! { now: stamp(now) }, |row| row.at(0))
    };
    Ok(RemainingBooks {
        available: count("state = 'available'")?,
        later: count("state = 'available' AND next_attempt_at > :now")?,
        converting: count("state IN ('requested', 'in_process')")?,
        ..asked
    })
}

/// Books of which GRIN converts no archive now, each counted once: `all` of them. Those of which no list says anything count as never
/// converted.
fn unrequested(conn: &SqlConnection, all: u64) -> Result<[(UnrequestedBook, u64); 6], CatalogError> {
    let groups = |sql: &str| conn.all(sql, &[], |row| Ok((row.at::<String>(0)?, row.at::<u64>(1)?)));
    let sum = |groups: &[(String, u64)]| groups.iter().map(|(_, count)| count).sum::<u64>();
    let of = |groups: &[(String, u64)], kind: &str| {
        let found = groups.iter().find(|(told, _)| told == kind);
        found.map_or(0, |(_, count)| *count)
    };
    let (lost, failed) = (groups(LOST)?, groups(NOT_CONVERTED)?);
    let previous: u64 = conn.one(PREVIOUS, &[], |row| row.at(0))?;
    let previous = previous.saturating_sub(of(&lost, "previous"));
    let others = sum(&lost) + sum(&failed) + previous;
    Ok([
        (UnrequestedBook::Lost, sum(&lost)),
        (UnrequestedBook::Previous, previous),
        (UnrequestedBook::Unconverted, all.saturating_sub(others)),
        (UnrequestedBook::FailedPrevious, of(&failed, "previous")),
        (UnrequestedBook::FailedUnconverted, of(&failed, "unconverted")),
        (UnrequestedBook::FailedForGood, of(&failed, "for_good")),
    ])
}

/// A book that is named, as far as it decides whether it is fetched.
struct NamedBook {
    state: BookState,
    has_due: bool,
    is_later: bool,
    is_lost: bool,
    is_absent: bool,
    grin_state: String,
}

/// Those of these books that are left and fetched, whatever queue they are of; `asks`: also what GRIN has to convert first. They may be as
/// many as the library has, and a server is asked for many at once.
fn named(conn: &SqlConnection, now: Timestamp, only: &[Barcode], asks: bool) -> Result<RemainingBooks, CatalogError> {
    let sql = "SELECT state, next_attempt_at IS NOT NULL AS has_due, ifnull(next_attempt_at > :now, FALSE) AS is_later, \
               pushed_out > 0 AS is_lost, absent_at IS NOT NULL AS is_absent, ifnull(grin_state, '') AS grin_state \
               FROM books WHERE barcode IN (SELECT value FROM json_each(:barcodes))";
    let (now, mut left) = (stamp(now), RemainingBooks::default());
    for part in only.chunks(NAMED_AT_ONCE) {
        let barcodes = json_list(part.iter().map(Barcode::as_str));
        let books = conn.all(sql, &arguments! { barcodes: barcodes, now: now }, NamedBook::read)?;
        for book in books {
            left = left.map(book.counted(asks), |sum, one| sum + one);
        }
    }
    Ok(left)
}

impl NamedBook {
    fn read(row: &SqlRow<'_>) -> Result<Self, CatalogError> {
        Ok(Self {
            state: row.get("state")?,
            has_due: row.get("has_due")?,
            is_later: row.get("is_later")?,
            is_lost: row.get("is_lost")?,
            is_absent: row.get("is_absent")?,
            grin_state: row.get("grin_state")?,
        })
    }

    /// `asks`: GRIN is asked to convert what is named, also what never was ready.
    fn counted(&self, asks: bool) -> RemainingBooks {
        use BookState as S;
        let never_converted = self.is_absent || self.grin_state == "NEW";
        let mut left = RemainingBooks::default();
        match self.state {
            S::Available => (left.available, left.later) = (1, u64::from(self.is_later)),
            S::Requested | S::InProcess => left.converting = 1,
            S::Failed => (left.failed, left.again) = (1, u64::from(self.has_due)),
            S::Known if self.grin_state == "CHECKED_IN" => left.unscanned = 1,
            // Where no list says that there is none, the archive is looked for first.
            S::Known => left.unrequested = u64::from(self.is_lost || asks || !never_converted),
            S::ConversionFailed => left.unrequested = u64::from(asks && self.has_due),
            S::Checking | S::Downloading | S::Stored | S::Unavailable | S::Forgotten => {}
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_named_books_those_are_counted_that_are_fetched() {
        use BookState as S;
        // State, GRIN's word for it, lost from the pool, absent from the list, asked for a conversion: counted as unrequested.
        for (state, word, is_lost, is_absent, asks, unrequested) in [
            (S::Known, "PREVIOUSLY_DOWNLOADED", false, false, false, 1),
            (S::Known, "PREVIOUSLY_DOWNLOADED", false, true, false, 0),
            (S::Known, "PREVIOUSLY_DOWNLOADED", true, true, false, 1),
            (S::Known, "NEW", false, false, false, 0),
            (S::Known, "NEW", false, false, true, 1),
            (S::Known, "CHECKED_IN", false, false, true, 0),
            (S::ConversionFailed, "", false, false, true, 1),
            (S::ConversionFailed, "", false, false, false, 0),
            (S::Stored, "", false, false, true, 0),
        ] {
            let book = NamedBook {
                state,
                has_due: true,
                is_later: false,
                is_lost,
                is_absent,
                grin_state: word.to_owned(),
            };
            assert_eq!(
                book.counted(asks).unrequested,
                unrequested,
                "{state} {word} {is_lost} {asks}"
            );
        }
    }
}
