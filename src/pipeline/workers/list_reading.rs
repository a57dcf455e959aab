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

/// Rows by which the text form may exceed the pages before some count as missed: the list moves while it is read.
const MOVED: u64 = 10;
/// The same as a part of the whole.
const MOVED_PART: u64 = 1_000;
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

    /// Whether a list that was read to its last page is complete. Pages are compared with the text form if their end is in
    /// doubt, in the first pass over the list, and always where the configuration says so.
    async fn confirmed(
        &mut self,
        pass: &ListPass,
        form: ListForm,
        doubt: Option<EndDoubt>,
        cx: &AskContext,
    ) -> PassState {
        let resumed = pass.next.is_some();
        let compares = form == ListForm::Html && !resumed && (pass.first || self.parts.count_check);
        if !compares && doubt.is_none() {
            return PassState::Complete;
        }
        let pages = pass.rows + self.seen.rows + self.seen.rejected;
        let text = match self.text(ListForm::Text, TextUse::Count, cx).await {
            Ok(text) => text,
            Err(fault) => {
                warn!(list = %self.list, %fault, "the rows could not be compared with the list's text form");
                return doubt.map_or(PassState::Complete, |doubt| PassState::Incomplete(doubt.to_string()));
            }
        };
        info!(list = %self.list, pages, text, "rows in the pages and in the text form");
        if !clearly_more(text, pages) {
            return PassState::Complete;
        }
        let missed = format!("its pages have {pages} rows, its text form has {text}");
        warn!(list = %self.list, missed, "reading the rows of the text form too");
        match self.whole_text(ListForm::TextAll, cx).await {
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

/// Whether the text form has more rows than can have come while the pages were read.
fn clearly_more(text: u64, pages: u64) -> bool {
    text > pages + MOVED.max(text / MOVED_PART)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_moved_a_little_while_it_was_read_is_complete() {
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
    fn the_confirmed_form_comes_first_and_pages_are_resumed_as_pages() {
        assert_eq!(forms(ListKind::AllBooks, false)[0], ListForm::Html);
        assert_eq!(forms(ListKind::InProcess, false)[0], ListForm::TextAll);
        assert_eq!(forms(ListKind::InProcess, true), [ListForm::Html]);
    }
}
