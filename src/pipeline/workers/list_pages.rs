//! A list as pages: one after the other, each recorded while the next part of it arrives.

use futures::StreamExt;
use tracing::{info, warn};
use url::Url;

use crate::actor::AskContext;
use crate::catalog::ListPass;
use crate::diagnostics::ListReview;
use crate::grin::{EndDoubt, ListForm, ListKind, ListPage, ListPageParser, ListQuery, ListRow, LoopGuard, PageMark};
use crate::log::DisplayCount;
use crate::pipeline::workers::grin_session::GrinSession;
use crate::pipeline::workers::list_reading::{ListEnd, ListReading};
use crate::pipeline::workers::list_time::{EndlessList, ListTime};
use crate::pipeline::workers::page_fault::PageFault;
use crate::pipeline::workers::passing_answer::PassingAnswer;
use crate::pipeline::workers::retry::retried;
use crate::session::{BodyStream, OpenStream, PermitClass, RequestKind};

/// Rows that go to the catalog in one message: few enough to stay small in memory and, at milliseconds for each on a slow server, to be
/// recorded long before a membership of the catalog ends, which is renewed between them; enough to share one commit.
pub(super) const ROWS_A_BATCH: usize = 500;

impl<S: GrinSession> ListReading<'_, S> {
    /// Follows the links to the next page, from the first page or from where an interrupted pass stopped.
    pub(super) async fn pages(
        &mut self,
        pass: &ListPass,
        limit: Option<u64>,
        cx: &AskContext,
    ) -> Result<ListEnd, PageFault> {
        let first = self.first_page();
        let (mut url, mut resumed) = match self.resume_at(pass) {
            Some(next) => (next, true),
            None => (first.clone(), false),
        };
        let mut visited = LoopGuard::default();
        let mut total = 0;
        self.is_resuming = resumed;
        loop {
            self.describe(pass, total, cx);
            visited.enter(&url).map_err(PageFault::Refused)?;
            let (mut page, mark) = match self.page_with_retries(&url, &visited, cx).await {
                Ok(read) => read,
                // The link of an interrupted pass may have expired (`ctoken`): from the first page then.
                Err(fault) if resumed && fault.is_grins() => {
                    warn!(list = %self.list, %fault, "the interrupted pass cannot be resumed; reading from the first page");
                    (url, resumed, self.is_resuming) = (first.clone(), false, false);
                    continue;
                }
                Err(fault) => return Err(fault),
            };
            resumed = false;
            visited.leave(&mark).map_err(PageFault::Refused)?;
            self.seen.pages += 1;
            total = page.total.max(total);
            let is_short = self
                .page_size()
                .is_some_and(|requested| page.rows < u64::from(requested));
            self.are_cut |= page.next.is_some() && (is_short || page.has_trouble);
            match page.next.take() {
                None => return Ok(end_of(page, &visited, pass.rows + self.fresh)),
                Some(_) if limit.is_some_and(|limit| self.seen.rows >= limit) => return Ok(ListEnd::Limited),
                Some(next) => url = next,
            }
        }
    }

    /// `_all_books: 20 500 of 54 000 books read; reads page 42 of this run`.
    fn describe(&self, pass: &ListPass, total: u64, cx: &AskContext) {
        let (list, rows, next) = (self.list, pass.rows + self.fresh, self.seen.pages + 1);
        let of = match total {
            0 => String::new(),
            total => format!(" of {}", DisplayCount(total)),
        };
        cx.describe(move || {
            format!(
                "{list}: {}{of} books read; reads page {next} of this run",
                DisplayCount(rows)
            )
        });
    }

    /// Rows requested for one page. The failed books are few and come on one (src/grin/PROTOCOL.md, section 1).
    fn page_size(&self) -> Option<u32> {
        (self.list != ListKind::Failed).then_some(self.parts.page_size)
    }

    fn first_page(&self) -> Url {
        let query = ListQuery {
            form: ListForm::Html,
            page_size: Some(self.page_size().map_or(-1, i64::from)),
        };
        self.parts.addresses.list(self.list, &query)
    }

    /// Where an interrupted pass resumes, if that is still this library's list.
    fn resume_at(&self, pass: &ListPass) -> Option<Url> {
        let next = Url::parse(pass.next.as_deref()?).ok()?;
        let same = ListKind::of_address(&next) == Some((self.list, self.parts.library.clone()));
        same.then(|| {
            info!(list = %self.list, rows = pass.rows, began = pass.started_at, "resuming an interrupted pass");
            next
        })
    }

    async fn page_with_retries(
        &mut self,
        url: &Url,
        visited: &LoopGuard,
        cx: &AskContext,
    ) -> Result<(ListPage, PageMark), PageFault> {
        let (policy, before) = (self.parts.backoff, self.seen.rows);
        let ask = async || {
            // Rows of an attempt that failed come again.
            self.seen.rows = before;
            self.page(url, visited, cx).await
        };
        retried(&policy, "list_page", PageFault::wait, ask, cx).await
    }

    /// One page: while one batch of its rows is recorded, the next arrives and is parsed.
    async fn page(
        &mut self,
        url: &Url,
        visited: &LoopGuard,
        cx: &AskContext,
    ) -> Result<(ListPage, PageMark), PageFault> {
        let ask = OpenStream::new(url.clone(), PermitClass::Lists, RequestKind::ListPage);
        let body = self.parts.session.stream(ask, cx).await?;
        let mut arriving = ArrivingPage {
            parser: ListPageParser::served_as(&self.parts.library, &body.url, &body.content_type),
            passing: PassingAnswer::of(&body),
            body,
            time: ListTime::begin(),
            endless: None,
            mark: PageMark::default(),
            over: false,
        };
        let mut batch = cx.waiting_for("transfer", arriving.batch()).await?;
        while !arriving.over {
            let next = cx.waiting_for("transfer", arriving.batch());
            let (recorded, next) = futures::future::join(self.record(batch, None, cx), next).await;
            recorded?;
            batch = next?;
        }
        let ArrivingPage {
            parser,
            mut mark,
            mut passing,
            endless,
            ..
        } = arriving;
        if let Some(endless) = endless {
            // What was read is good.
            self.record(batch, None, cx).await?;
            return Err(endless.into());
        }
        let (rest, page) = parser.finish();
        mark.add(&rest);
        passing.note(&rest);
        passing.report(review(&page, visited), &self.parts.session.diagnostics());
        batch.extend(rest);
        if let Some(refusal) = page.refusal {
            return Err(PageFault::Refused(refusal));
        }
        if !page.complete && page.doubt.is_none() {
            return Err(PageFault::Torn);
        }
        self.note(&page);
        self.record(batch, page.next.as_ref().map(Url::to_string), cx).await?;
        Ok((page, mark))
    }

    fn note(&mut self, page: &ListPage) {
        self.reject(&page.rejected, page.rejected_more);
        self.warn(&page.warnings);
        if self.seen.pages == 0 && !page.unknown_columns.is_empty() {
            info!(list = %self.list, columns = ?page.unknown_columns, "GRIN has columns that are not known here; they are skipped");
        }
    }
}

/// A page without a next one ends the list, unless it has links that may lead on, or says that there are more books. Links that this
/// pass came by lead nowhere new, and it may have seen as many `books` as the page says there are in total.
fn end_of(page: ListPage, visited: &LoopGuard, books: u64) -> ListEnd {
    match page.doubt {
        Some(doubt) if !is_settled(&doubt, visited, books) => ListEnd::Doubt(doubt),
        // What was settled came before the counts.
        Some(_) if page.total > books => ListEnd::Doubt(EndDoubt::CountsMore(page.total)),
        Some(_) if page.library_total > books => ListEnd::Doubt(EndDoubt::CountsLibrary(page.library_total)),
        _ => ListEnd::Complete,
    }
}

fn is_settled(doubt: &EndDoubt, visited: &LoopGuard, books: u64) -> bool {
    match doubt {
        EndDoubt::CountsMore(total) | EndDoubt::CountsLibrary(total) => *total <= books,
        EndDoubt::OpenLinks(links) => links.iter().all(|link| visited.has_entered(link)),
        _ => false,
    }
}

/// What of a page is to be kept as not recognised. A count of books is understood, whatever comes of it.
fn review<'a>(page: &'a ListPage, visited: &LoopGuard) -> ListReview<'a> {
    ListReview {
        refusal: page.refusal,
        doubt: page
            .doubt
            .as_ref()
            .filter(|doubt| !is_settled(doubt, visited, u64::MAX)),
        unknown_columns: &page.unknown_columns,
        rejected: &page.rejected,
        words: Vec::new(),
    }
}

/// A page on its way.
struct ArrivingPage {
    body: BodyStream,
    parser: ListPageParser,
    passing: PassingAnswer,
    time: ListTime,
    /// Why it is not read on.
    endless: Option<EndlessList>,
    mark: PageMark,
    /// Its last byte was read.
    over: bool,
}

impl ArrivingPage {
    /// The next rows, many at a time; fewer at the page's end.
    async fn batch(&mut self) -> Result<Vec<ListRow>, PageFault> {
        let mut batch = Vec::new();
        while batch.len() < ROWS_A_BATCH {
            let Some(chunk) = self.body.next().await else {
                self.over = true;
                break;
            };
            let chunk = chunk?;
            self.passing.push(&chunk);
            let rows = self.parser.push(&chunk)?;
            self.mark.add(&rows);
            self.passing.note(&rows);
            self.endless = self.time.note(rows.len()).err();
            batch.extend(rows);
            if self.endless.is_some() {
                self.over = true;
                break;
            }
        }
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pass_has_seen_is_no_doubt_any_more() {
        let url = |mark: &str| Url::parse(&format!("https://x.example/l/X/_all_books?ctoken={mark}")).unwrap();
        let mut visited = LoopGuard::default();
        visited.enter(&url("a")).unwrap();
        let open = |marks: &[&str]| Some(EndDoubt::OpenLinks(marks.iter().map(|mark| url(mark)).collect()));
        for (doubt, total, library_total, is_complete) in [
            (None, 0, 0, true),
            (open(&["a"]), 0, 0, true),
            (open(&["a"]), 60, 0, true),
            (open(&["a"]), 61, 0, false),
            (open(&["a"]), 60, 61, false),
            (open(&["a", "b"]), 0, 0, false),
            (Some(EndDoubt::FullPage), 0, 0, false),
            (Some(EndDoubt::OtherService), 0, 0, false),
            (Some(EndDoubt::CountsMore(60)), 60, 0, true),
            (Some(EndDoubt::CountsMore(61)), 61, 0, false),
            (Some(EndDoubt::CountsLibrary(60)), 0, 60, true),
            (Some(EndDoubt::CountsLibrary(61)), 0, 61, false),
        ] {
            let page = ListPage {
                doubt: doubt.clone(),
                total,
                library_total,
                ..ListPage::default()
            };
            let end = end_of(page, &visited, 60);
            assert_eq!(matches!(end, ListEnd::Complete), is_complete, "{doubt:?}");
        }
    }
}
