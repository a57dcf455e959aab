//! A pass over one list: in which form it is read, and whether it is complete.

use std::sync::atomic::Ordering;

use jiff::Timestamp;
use tracing::{debug, info, warn};

use crate::actor::AskContext;
use crate::catalog::{CatalogError, ListPart, ListPass, PassId};
use crate::grin::{Barcode, EndDoubt, ListForm, ListKind, ListRow, RejectedRow};
use crate::pipeline::workers::collect::{CollectError, CollectResult, CollectorParts};
use crate::pipeline::workers::grin_session::GrinSession;
use crate::pipeline::workers::list_text::TextUse;
use crate::pipeline::workers::page_fault::PageFault;
use crate::session::ErrorClass;

/// Rejected rows and warnings of one page that are logged.
const MOST_LOGGED: usize = 10;

/// A list being read.
pub(super) struct ListReading<'a, S> {
    pub(super) parts: &'a CollectorParts<S>,
    pub(super) list: ListKind,
    /// `None` for rows from which nothing about absence follows.
    pass: Option<PassId>,
    pub(super) seen: CollectResult,
    /// Volumes of rejected rows, still to be recorded as listed.
    sighted: Vec<Barcode>,
    /// Rejected rows of which it is not known which volume they are about, still to be recorded.
    unsure: u64,
}

/// How a pass ended.
#[derive(Debug)]
pub(super) enum PassState {
    /// Every row was read.
    Complete,
    /// Stopped at the limit.
    Limited,
    /// Stopped by a fault that may pass; the next pass resumes.
    Interrupted(String),
    /// Stopped, or not sure to be complete; the next pass begins anew.
    Incomplete(String),
    /// GRIN does not have the list in any form.
    Unavailable(String),
}

/// Where reading a list in one form came to.
#[derive(Debug)]
pub(super) enum ListEnd {
    /// Its end.
    Complete,
    /// The limit of rows.
    Limited,
    /// A page that may not be the last.
    Doubt(EndDoubt),
}

impl<'a, S: GrinSession> ListReading<'a, S> {
    pub(super) fn new(parts: &'a CollectorParts<S>, list: ListKind, pass: Option<PassId>) -> Self {
        Self {
            parts,
            list,
            pass,
            seen: CollectResult::default(),
            sighted: Vec::new(),
            unsure: 0,
        }
    }

    /// Reads the list in its confirmed form, and in the other one if GRIN does not have it in that.
    pub(super) async fn list(
        &mut self,
        pass: &ListPass,
        limit: Option<u64>,
        cx: &AskContext,
    ) -> Result<PassState, CollectError> {
        let mut refused = Vec::new();
        for form in forms(self.list, pass.next.is_some()) {
            let read = match form {
                ListForm::Html => self.pages(pass, limit, cx).await,
                ListForm::Text | ListForm::TextAll => self.whole_text(form, cx).await.map(|()| ListEnd::Complete),
            };
            match read {
                Ok(ListEnd::Complete) => return Ok(self.confirmed(pass, form, None, cx).await),
                Ok(ListEnd::Doubt(doubt)) => return Ok(self.confirmed(pass, form, Some(doubt), cx).await),
                Ok(ListEnd::Limited) => return Ok(PassState::Limited),
                Err(fault) if fault.concerns_form() && self.seen.pages == 0 && self.seen.rows == 0 => {
                    // In each round again; the task says it once of a list that is to be had in no form.
                    debug!(list = %self.list, %form, %fault, "GRIN does not have the list in this form");
                    refused.push(format!("{form}: {fault}"));
                }
                Err(fault) => return self.stopped(fault),
            }
        }
        Ok(PassState::Unavailable(refused.join("; ")))
    }

    fn stopped(&self, fault: PageFault) -> Result<PassState, CollectError> {
        match fault {
            PageFault::Catalog(error) => Err(error.into()),
            PageFault::Session(error) if !matches!(error.class(), ErrorClass::Transient { .. }) => Err(error.into()),
            fault if fault.may_be_resumed() && self.seen.pages > 0 => Ok(PassState::Interrupted(fault.to_string())),
            fault => Ok(PassState::Incomplete(fault.to_string())),
        }
    }

    /// Whether a list that was read to its last page is complete. Every row that only the text form has is recorded.
    async fn confirmed(
        &mut self,
        pass: &ListPass,
        form: ListForm,
        doubt: Option<EndDoubt>,
        cx: &AskContext,
    ) -> PassState {
        let pages = PagesRead {
            rows: pass.rows + self.seen.rows,
            last_rows: pass.last_rows,
            is_resumed: pass.next.is_some(),
            is_doubted: doubt.is_some(),
        };
        if form != ListForm::Html || !pages.are_compared(self.parts.count_check) {
            return PassState::Complete;
        }
        let rows = pages.rows + self.seen.rejected;
        let text = match self.text(ListForm::Text, TextUse::Count, cx).await {
            Ok(text) => text,
            Err(fault) => {
                warn!(list = %self.list, %fault, "the rows could not be compared with the list's text form");
                return match doubt {
                    Some(doubt) => PassState::Incomplete(doubt.to_string()),
                    None if pages.have_shrunk() && !fault.concerns_form() => PassState::Incomplete(fault.to_string()),
                    None => PassState::Complete,
                };
            }
        };
        info!(list = %self.list, pages = rows, text, "rows in the pages and in the text form");
        if text <= rows {
            return PassState::Complete;
        }
        let missed = format!("its pages have {rows} rows, its text form has {text}");
        warn!(list = %self.list, missed, "reading the rows of the text form too");
        let read = match self.whole_text(ListForm::TextAll, cx).await {
            Err(fault) if fault.concerns_form() => self.whole_text(ListForm::Text, cx).await,
            read => read,
        };
        match read {
            Ok(()) => PassState::Complete,
            Err(fault) => PassState::Incomplete(format!("{missed}, and reading that failed: {fault}")),
        }
    }

    /// Notes rows that were not taken.
    pub(super) fn reject(&mut self, rejected: &[RejectedRow], more: u64) {
        self.seen.rejected += rejected.len() as u64 + more;
        self.unsure += more;
        for row in rejected {
            match row.about() {
                Some(volumes) => self.sighted.extend(volumes),
                None => self.unsure += 1,
            }
        }
        for row in rejected.iter().take(MOST_LOGGED) {
            warn!(list = %self.list, barcode = row.barcode, because = %row.because, "skipping a row that cannot be parsed");
        }
    }

    pub(super) fn warn(&self, warnings: &[String]) {
        for warning in warnings.iter().take(MOST_LOGGED) {
            warn!(list = %self.list, warning, "list");
        }
    }

    /// Records rows, and where the list goes on after them.
    pub(super) async fn record(
        &mut self,
        rows: Vec<ListRow>,
        next: Option<String>,
        cx: &AskContext,
    ) -> Result<(), CatalogError> {
        if rows.is_empty() && next.is_none() && self.sighted.is_empty() && self.unsure == 0 {
            return Ok(());
        }
        let count = rows.len() as u64;
        let part = ListPart {
            list: self.list,
            pass: self.pass,
            rows,
            sighted: std::mem::take(&mut self.sighted),
            unsure: std::mem::take(&mut self.unsure),
            observed: Timestamp::now(),
            next,
        };
        let upserted = self.parts.catalog.ask(part, cx).await?;
        self.seen.rows += count;
        self.seen.new += upserted.new;
        self.parts.rows.fetch_add(count, Ordering::Relaxed);
        Ok(())
    }
}

/// The forms to try, the confirmed one first; a pass over pages is resumed as such.
fn forms(list: ListKind, resumed: bool) -> Vec<ListForm> {
    if resumed {
        return vec![ListForm::Html];
    }
    list.forms().to_vec()
}

/// A list that was read page by page, to a page without a next one.
#[derive(Debug, Clone, Copy)]
struct PagesRead {
    rows: u64,
    /// Rows of the last complete pass, those of its text form included if it was read too; `None`: there was none.
    last_rows: Option<u64>,
    is_resumed: bool,
    /// The last page may not be the last one.
    is_doubted: bool,
}

impl PagesRead {
    /// Whether the rows are compared with the list's text form: in the first pass, where the end is in doubt, and where there are fewer
    /// than before, so that a way on that was not seen makes no book vanish. After a pass whose text form had more rows, that is
    /// every pass. `always`: the configuration says so of each pass that was read in one go.
    fn are_compared(self, always: bool) -> bool {
        let is_first = self.last_rows.is_none();
        self.is_doubted || self.have_shrunk() || !self.is_resumed && (is_first || always)
    }

    /// There are fewer rows than before.
    fn have_shrunk(self) -> bool {
        self.last_rows.is_some_and(|last| self.rows < last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_compared_wherever_rows_may_be_missing() {
        // Rows, rows of the last complete pass, resumed, in doubt, always.
        for (rows, last_rows, is_resumed, is_doubted, always, compared) in [
            (60, None, false, false, false, true),
            (60, None, true, false, false, false),
            (60, Some(60), false, false, false, false),
            (61, Some(60), false, false, false, false),
            (60, Some(60), false, false, true, true),
            (60, Some(60), true, false, true, false),
            // Fewer than before, also because the text form was read too.
            (59, Some(60), false, false, false, true),
            (59, Some(60), true, false, false, true),
            (40, Some(100), false, false, false, true),
            // A way on that is not understood.
            (60, Some(60), false, true, false, true),
            (60, None, true, true, false, true),
        ] {
            let pages = PagesRead {
                rows,
                last_rows,
                is_resumed,
                is_doubted,
            };
            assert_eq!(pages.are_compared(always), compared, "{pages:?} {always}");
        }
    }

    #[test]
    fn the_confirmed_form_comes_first_and_pages_are_resumed_as_pages() {
        assert_eq!(forms(ListKind::AllBooks, false)[0], ListForm::Html);
        assert_eq!(forms(ListKind::InProcess, false)[0], ListForm::TextAll);
        assert_eq!(forms(ListKind::InProcess, true), [ListForm::Html]);
    }
}
