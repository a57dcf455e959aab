//! A pass over one list: in which form it is read, and whether it is complete.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use tracing::{debug, info, warn};

use crate::actor::AskContext;
use crate::catalog::{CatalogError, CountMissing, ListPart, ListPass, PassId};
use crate::grin::{Barcode, EndDoubt, ListForm, ListKind, ListRow, RejectedRow, RejectionReason};
use crate::pipeline::workers::collect::{CollectError, CollectResult, CollectorParts};
use crate::pipeline::workers::grin_session::GrinSession;
use crate::pipeline::workers::list_names::PrefixMeaning;
use crate::pipeline::workers::list_proof::{PagesRead, TextSeen};
use crate::pipeline::workers::list_text::{TextRead, TextUse};
use crate::pipeline::workers::page_fault::PageFault;
use crate::session::{ErrorClass, SessionError};

/// Rejected rows and warnings of one page that are logged.
const MOST_LOGGED: usize = 10;

/// A list being read.
pub(super) struct ListReading<'a, S> {
    pub(super) parts: &'a CollectorParts<S>,
    pub(super) list: ListKind,
    /// `None` for rows from which nothing about absence follows.
    pass: Option<PassId>,
    pub(super) seen: CollectResult,
    /// Books that the pass named for the first time since reading began.
    pub(super) fresh: u64,
    /// It goes on at the page where an earlier pass broke off.
    pub(super) is_resuming: bool,
    /// A page that led on had fewer rows than were requested, or told of trouble.
    pub(super) are_cut: bool,
    /// It was counted that the pass saw every book that earlier ones did.
    pub(super) none_missing: bool,
    /// A text ended inside a line.
    pub(super) is_torn: bool,
    /// Prefixes of archives that were told, with what they are taken for.
    pub(super) prefixes: BTreeSet<(String, PrefixMeaning)>,
    /// Volumes of rejected rows, still to be recorded as listed.
    sighted: Vec<Barcode>,
    /// Rejected rows of which it is not known which volume they are about, still to be recorded.
    unsure: u64,
}

/// How a pass ended.
#[derive(Debug)]
pub(super) enum PassState {
    /// Every row was read, and nothing says that there are more.
    Complete,
    /// Read to an end that nothing confirms, because GRIN does not have the text form, or not whole. The rows are good; absence proves nothing.
    Unproven(String),
    /// Stopped at the limit.
    Limited,
    /// Stopped by a fault that may pass; the next pass resumes.
    Interrupted(String),
    /// Stopped, or not sure to be complete; the next pass begins anew.
    Incomplete(String),
    /// GRIN does not have the list in any form.
    Unavailable(String),
}

impl PassState {
    /// What keeps the pass from being complete; that it stopped at the limit needs no words.
    pub(super) fn why(&self) -> Option<&str> {
        match self {
            Self::Complete | Self::Limited => None,
            Self::Unproven(why) | Self::Interrupted(why) | Self::Incomplete(why) | Self::Unavailable(why) => Some(why),
        }
    }
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
            fresh: 0,
            is_resuming: false,
            are_cut: false,
            none_missing: false,
            is_torn: false,
            prefixes: BTreeSet::new(),
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
        let (mut refused, mut has_failed) = (Vec::new(), false);
        for form in forms(self.list, pass.next.is_some()) {
            let fresh = self.fresh;
            let read = match form {
                ListForm::Html => self.pages(pass, limit, cx).await,
                ListForm::Text | ListForm::TextAll => match self.whole_text(form, cx).await {
                    // The pages of an interrupted pass may have named books before.
                    Ok(read) => return Ok(self.seen_in(&read, fresh).alone(pass.rows + fresh)),
                    Err(fault) => Err(fault),
                },
            };
            match read {
                Ok(ListEnd::Complete) => return Ok(self.confirmed(pass, None, cx).await?),
                Ok(ListEnd::Doubt(doubt)) => return Ok(self.confirmed(pass, Some(doubt), cx).await?),
                Ok(ListEnd::Limited) => return Ok(PassState::Limited),
                Err(fault) if fault.concerns_form() && self.seen.pages == 0 && self.seen.rows == 0 => {
                    // In each round again; the task says it once of a list that is to be had in no form.
                    debug!(list = %self.list, %form, %fault, "the list cannot be had in this form");
                    has_failed |= matches!(fault, PageFault::Session(SessionError::Server { .. }));
                    refused.push(format!("{form}: {fault}"));
                }
                Err(fault) if form == ListForm::Html && refused.is_empty() && fault.ends_pages() => {
                    return self.text_instead(pass, fault, cx).await;
                }
                Err(fault) => return self.stopped(fault),
            }
        }
        Ok(in_no_form(&refused.join("; "), has_failed))
    }

    /// The pages broke off for good after they began: a whole text form that names more makes the list complete. Without one, the pass ends
    /// as the pages did.
    async fn text_instead(
        &mut self,
        pass: &ListPass,
        fault: PageFault,
        cx: &AskContext,
    ) -> Result<PassState, CollectError> {
        if cx.is_cancelled() {
            return self.stopped(fault);
        }
        warn!(list = %self.list, %fault, "the pages cannot be read to their end; reading the list's text form");
        let (fresh, rows, pages) = (self.fresh, self.seen.rows, self.seen.pages);
        match self.rows_of_text(cx).await {
            Ok(read) => Ok(self
                .seen_in(&read, fresh)
                .instead_of(pass.rows + fresh, !fault.leads_back())),
            Err(PageFault::Catalog(error)) => Err(error.into()),
            Err(other) => {
                warn!(list = %self.list, fault = %other, "nor can the text form");
                (self.seen.rows, self.seen.pages) = (rows, pages);
                self.stopped(fault)
            }
        }
    }

    /// A text that was recorded, where the pass had named so many books for the first time before it.
    fn seen_in(&self, read: &TextRead, fresh: u64) -> TextSeen {
        TextSeen {
            books: read.books,
            added: self.fresh - fresh,
        }
    }

    /// Records the rows of the text form with columns, or of the short one if that is all there is.
    async fn rows_of_text(&mut self, cx: &AskContext) -> Result<TextRead, PageFault> {
        match self.whole_text(ListForm::TextAll, cx).await {
            Err(fault) if fault.concerns_form() => self.whole_text(ListForm::Text, cx).await,
            read => read,
        }
    }

    fn stopped(&self, fault: PageFault) -> Result<PassState, CollectError> {
        match fault {
            PageFault::Catalog(error) => Err(error.into()),
            PageFault::Session(error) if !matches!(error.class(), ErrorClass::Transient { .. }) => Err(error.into()),
            fault if fault.may_be_resumed() && (self.seen.pages > 0 || self.is_resuming && fault.spares_page()) => {
                Ok(PassState::Interrupted(fault.to_string()))
            }
            fault => Ok(PassState::Incomplete(fault.to_string())),
        }
    }

    /// Whether a list whose pages were read to the last one is complete. Every row that only the text form has is recorded.
    async fn confirmed(
        &mut self,
        pass: &ListPass,
        doubt: Option<EndDoubt>,
        cx: &AskContext,
    ) -> Result<PassState, CatalogError> {
        let pages = PagesRead {
            books: pass.rows + self.fresh,
            last_books: pass.last_rows,
            pages: self.seen.pages,
            uncompared: pass.uncompared,
            is_resumed: pass.next.is_some(),
            is_doubted: doubt.is_some(),
            // A resumed pass reads rows again that it has recorded.
            repeats: pass.next.is_none() && self.seen.rows > self.fresh,
            are_cut: self.are_cut,
        };
        self.none_missing = !pages.are_compared(self.parts.count_check) && self.missing(cx).await? == 0;
        if self.none_missing {
            return Ok(PassState::Complete);
        }
        let said = doubt.as_ref().filter(|doubt| !doubt.may_be_of_others());
        let said = said.map(ToString::to_string);
        let named_before = self.fresh;
        let text = match self.text_form(cx).await {
            Ok(text) => text,
            Err(PageFault::Catalog(error)) => return Err(error),
            Err(fault) => {
                warn!(list = %self.list, %fault, "the pages could not be compared with the list's text form");
                return Ok(pages.without_text(said, fault.denies_form(), &fault.to_string()));
            }
        };
        let text = TextSeen {
            books: text.books,
            added: self.fresh - named_before + text.unknown,
        };
        info!(list = %self.list, pages = pages.books, text = text.books, added = text.added, "books in the pages and in the text form");
        let disagreement = text.disagrees(pages.books);
        if text.added == 0 {
            let agreed = || text.settle(doubt.as_ref());
            return Ok(disagreement.map_or_else(agreed, |lacks| pages.with_part(said, lacks)));
        }
        let missed = format!("its text form names {} books that its pages do not", text.added);
        warn!(list = %self.list, missed, "reading the rows of the text form too");
        let read = self.rows_of_text(cx).await;
        // The rows of both forms are recorded, also where they disagree and nothing is concluded from what is missing.
        Ok(match (read, disagreement) {
            (Ok(_), None) => text.settle(doubt.as_ref()),
            (Ok(_), Some(why)) => PassState::Incomplete(why),
            (Err(fault), _) => PassState::Incomplete(format!("{missed}, and reading them failed: {fault}")),
        })
    }

    /// The books of the list's text form: of the short one, or of the one with columns if that is all there is.
    async fn text_form(&mut self, cx: &AskContext) -> Result<TextRead, PageFault> {
        let fault = match self.text(ListForm::Text, TextUse::Compare, cx).await {
            Err(fault) if fault.concerns_form() => fault,
            read => return read,
        };
        let read = self.text(ListForm::TextAll, TextUse::Compare, cx).await;
        read.map_err(|other| match other {
            PageFault::Catalog(_) => other,
            _ if fault.denies_form() => other,
            // It is trouble, whatever is said of the other form.
            _ => fault,
        })
    }

    /// How many books earlier passes saw in the list and this one did not.
    async fn missing(&self, cx: &AskContext) -> Result<u64, CatalogError> {
        match self.pass {
            Some(pass) => self.parts.catalog.ask(CountMissing(pass), cx).await,
            None => Ok(0),
        }
    }

    /// Notes rows that were not taken.
    pub(super) fn reject(&mut self, rejected: &[RejectedRow], more: u64) {
        self.seen.rejected += rejected.len() as u64 + more;
        self.unsure += more;
        self.is_torn |= rejected.iter().any(|row| row.because == RejectionReason::Torn);
        for row in rejected {
            match row.about() {
                // The reader of the text looks whether the catalog knows it.
                _ if row.because == RejectionReason::LoneWord => {}
                Some(volumes) => self.sighted.extend(volumes),
                None => self.unsure += 1,
            }
        }
        let told = rejected.iter().filter(|row| row.because != RejectionReason::LoneWord);
        for row in told.take(MOST_LOGGED) {
            warn!(list = %self.list, barcode = row.barcode, because = %row.because, "skipping a row that cannot be parsed");
        }
    }

    /// Notes a row that is about one of these books and cannot be taken.
    pub(super) fn put_aside(&mut self, books: impl IntoIterator<Item = Barcode>) {
        self.seen.rejected += 1;
        self.unsure += 1;
        self.sighted.extend(books);
    }

    /// Notes words unlike the barcodes around them: books if the catalog knows them, else maybe a server's words in place of the rest,
    /// so that nothing is concluded from what the list does not name.
    pub(super) fn doubt_words(&mut self, words: &[Barcode], unknown: &[Barcode]) {
        self.unsure += unknown.len() as u64;
        for word in words.iter().take(MOST_LOGGED) {
            if unknown.contains(word) {
                warn!(list = %self.list, barcode = %word, because = %RejectionReason::LoneWord, "skipping a row that cannot be parsed");
            } else {
                debug!(list = %self.list, barcode = %word, "a word unlike the barcodes around it is a book of the catalog");
            }
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
        let rows = self.settle_names(rows, cx).await?;
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
            next,
        };
        let upserted = self.parts.catalog.ask(part, cx).await?;
        self.fresh += upserted.fresh;
        self.seen.rows += count;
        self.seen.new += upserted.new;
        self.parts.rows.fetch_add(count, Ordering::Relaxed);
        Ok(())
    }

    /// Records that the list names these books, and nothing else about them; returns how many of them are not known.
    pub(super) async fn sight(&mut self, books: Vec<Barcode>, cx: &AskContext) -> Result<u64, CatalogError> {
        if books.is_empty() {
            return Ok(0);
        }
        let part = ListPart {
            list: self.list,
            pass: self.pass,
            rows: Vec::new(),
            sighted: books,
            unsure: 0,
            next: None,
        };
        let seen = self.parts.catalog.ask(part, cx).await?;
        self.fresh += seen.fresh;
        Ok(seen.unknown)
    }
}

/// How a pass ends that could read its list in no form. GRIN says of each that it does not have it, or gives another page; or its
/// server `has_failed` at one, which passes, and the list may be there.
fn in_no_form(why: &str, has_failed: bool) -> PassState {
    if has_failed {
        PassState::Incomplete(format!("it could not be read now: {why}"))
    } else {
        PassState::Unavailable(why.to_owned())
    }
}

/// The forms to try, the confirmed one first; a pass over pages goes on with pages.
fn forms(list: ListKind, resumed: bool) -> [ListForm; 2] {
    match resumed {
        true => [ListForm::Html, ListForm::TextAll],
        false => list.forms(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_confirmed_form_comes_first_and_a_pass_over_pages_goes_on_with_pages() {
        assert_eq!(forms(ListKind::AllBooks, false)[0], ListForm::Html);
        assert_eq!(forms(ListKind::InProcess, false)[0], ListForm::TextAll);
        assert_eq!(forms(ListKind::InProcess, true)[0], ListForm::Html);
    }
}
