//! Volumes checked in between two days, from GRIN's monthly report.

use jiff::civil::Date;
use tracing::info;

use crate::actor::{AskContext, HandleMessage, Message};
use crate::grin::ListKind;
use crate::pipeline::workers::collect::{CollectError, CollectWorker};
use crate::pipeline::workers::grin_session::GrinSession;
use crate::pipeline::workers::list_reading::ListReading;
use crate::pipeline::workers::list_text::TextUse;
use crate::pipeline::workers::page_fault::PageFault;

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

impl<S: GrinSession> HandleMessage<MonthlyArrivals> for CollectWorker<S> {
    async fn handle(&mut self, days: MonthlyArrivals, cx: &AskContext) -> Result<u64, CollectError> {
        let mut reading = ListReading::new(&self.parts, ListKind::AllBooks, None);
        for (since, until) in months(days.since, days.until) {
            cx.describe(move || format!("reads which volumes were checked in from {since} on"));
            let url = self.parts.addresses.monthly_report(since, until);
            let read = reading.text_at(&url, TextUse::RecordHeaded, cx).await;
            read.map_err(|fault| match fault {
                PageFault::Session(error) => CollectError::Session(error),
                PageFault::Catalog(error) => CollectError::Catalog(error),
                other => CollectError::Report(other.to_string()),
            })?;
        }
        let (rows, new) = (reading.seen.rows, reading.seen.new);
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

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

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
