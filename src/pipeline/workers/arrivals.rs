//! What GRIN's text forms are read for: volumes checked in since a day, and how many rows a list really has.

use std::sync::atomic::Ordering;

use futures::StreamExt;
use jiff::Timestamp;
use jiff::civil::Date;
use tracing::{info, warn};
use url::Url;

use crate::actor::{AskContext, HandleMessage, Message};
use crate::catalog::ListPart;
use crate::grin::{ListForm, ListKind, ListQuery, ListRow, TextListParser};
use crate::pipeline::workers::collect::{CollectError, Collector, CollectorParts, ROWS_A_BATCH};
use crate::session::{OpenStream, PermitClass, RequestKind};

/// Rows by which the text form may exceed the pages before they count as torn: the list moves while it is read.
const MOVED: u64 = 10;
/// The same as a part of the whole.
const MOVED_PART: u64 = 1_000;

/// Record the volumes checked in between two days (`_monthly_report`, src/grin/PROTOCOL.md, section 1).
#[derive(Debug)]
pub struct MonthlyArrivals {
    /// The first day, included.
    pub since: Date,
    /// The day after the last.
    pub until: Date,
}

impl Message for MonthlyArrivals {
    /// Books not known before.
    type Reply = Result<u64, CollectError>;
    const KIND: &'static str = "arrivals";
}

impl HandleMessage<MonthlyArrivals> for Collector {
    async fn handle(&mut self, days: MonthlyArrivals, cx: &AskContext) -> Result<u64, CollectError> {
        let mut reading = Reading::of(&self.parts, ListKind::AllBooks);
        for (since, until) in months(days.since, days.until) {
            let url = self.parts.addresses.monthly_report(since, until);
            reading.with_patience(&url, Rows::Recorded, cx).await?;
        }
        let Reading { rows, new, .. } = reading;
        info!(since = %days.since, rows, new, "volumes checked in since then");
        Ok(new)
    }
}

/// The report takes a year and a month, so a span is asked for month by month.
fn months(since: Date, until: Date) -> Vec<(Date, Date)> {
    let mut spans = Vec::new();
    let mut from = since;
    while from < until {
        let Ok(next) = from.last_of_month().tomorrow() else {
            break;
        };
        spans.push((from, next.min(until)));
        from = next;
    }
    spans
}

/// How many rows GRIN's text form of a list has, if they are clearly more than the `read` ones of its pages.
pub(super) async fn missed(
    parts: &CollectorParts,
    list: ListKind,
    read: u64,
    cx: &AskContext,
) -> Result<Option<u64>, CollectError> {
    let query = ListQuery {
        form: ListForm::Text,
        page_size: None,
    };
    let url = parts.addresses.list(list, &query);
    let mut reading = Reading::of(parts, list);
    reading.with_patience(&url, Rows::Counted, cx).await?;
    info!(%list, pages = read, text = reading.rows, "rows in the pages and in the text form");
    Ok(clearly_more(reading.rows, read).then_some(reading.rows))
}

fn clearly_more(text: u64, pages: u64) -> bool {
    text > pages + MOVED.max(text / MOVED_PART)
}

/// What becomes of the rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rows {
    Recorded,
    Counted,
}

struct Reading<'a> {
    parts: &'a CollectorParts,
    list: ListKind,
    rows: u64,
    new: u64,
}

impl<'a> Reading<'a> {
    fn of(parts: &'a CollectorParts, list: ListKind) -> Self {
        Self {
            parts,
            list,
            rows: 0,
            new: 0,
        }
    }

    /// Text comes whole, so after a fault it is read from its beginning again; rows recorded twice change nothing.
    async fn with_patience(&mut self, url: &Url, what: Rows, cx: &AskContext) -> Result<(), CollectError> {
        let before = self.rows;
        for attempt in 1.. {
            self.rows = before;
            let error = match self.whole(url, what, cx).await {
                Ok(()) => break,
                Err(error) => error,
            };
            let delay = self.parts.backoff.delay(attempt, &mut rand::rng());
            let Some(delay) = delay.filter(|_| error.may_pass() && !cx.is_cancelled()) else {
                return Err(error);
            };
            warn!(list = %self.list, %error, attempt, ?delay, "text form failed; asking again");
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = cx.cancelled() => return Err(error),
            }
        }
        Ok(())
    }

    async fn whole(&mut self, url: &Url, what: Rows, cx: &AskContext) -> Result<(), CollectError> {
        let ask = OpenStream::new(url.clone(), PermitClass::Lists, RequestKind::TextList);
        let mut body = self.parts.session.ask(ask, cx).await?;
        let mut parser = TextListParser::new(self.list, &self.parts.library);
        if what == Rows::Recorded {
            // The report's heading is known to be there; a word without one would become a book.
            parser = parser.headed();
        }
        let mut batch = Vec::new();
        while let Some(chunk) = body.next().await {
            batch.extend(parser.push(&chunk?).map_err(CollectError::Refused)?);
            if batch.len() >= ROWS_A_BATCH {
                self.take(std::mem::take(&mut batch), what, cx).await?;
            }
        }
        let end = parser.finish();
        if let Some(refusal) = end.refusal {
            return Err(CollectError::Refused(refusal));
        }
        for warning in end.warnings.iter().take(10) {
            warn!(list = %self.list, warning, "text list");
        }
        batch.extend(end.rows);
        self.rows += end.rejected.len() as u64;
        for rejected in &end.rejected {
            warn!(list = %self.list, ?rejected, "a line that is no book");
        }
        self.take(batch, what, cx).await
    }

    async fn take(&mut self, rows: Vec<ListRow>, what: Rows, cx: &AskContext) -> Result<(), CollectError> {
        let count = rows.len() as u64;
        self.rows += count;
        if what == Rows::Counted || rows.is_empty() {
            return Ok(());
        }
        let part = ListPart {
            list: self.list,
            pass: None,
            rows,
            sighted: Vec::new(),
            unsure: 0,
            observed: Timestamp::now(),
            next: None,
        };
        self.new += self.parts.catalog.ask(part, cx).await?.new;
        self.parts.rows.fetch_add(count, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_list_that_moved_a_little_while_it_was_read_is_whole() {
        for (text, pages, more) in [
            (100, 100, false),
            (90, 100, false),
            (110, 100, false),
            (111, 100, true),
            (1_000_000, 999_000, false),
            (1_000_000, 998_999, true),
        ] {
            assert_eq!(clearly_more(text, pages), more, "{text} against {pages}");
        }
    }

    #[test]
    fn a_span_is_asked_for_month_by_month() {
        assert_eq!(
            months(date(2025, 12, 30), date(2026, 2, 2)),
            [
                (date(2025, 12, 30), date(2026, 1, 1)),
                (date(2026, 1, 1), date(2026, 2, 1)),
                (date(2026, 2, 1), date(2026, 2, 2)),
            ]
        );
        assert!(months(date(2026, 2, 2), date(2026, 2, 2)).is_empty());
    }
}
