//! COLLECT reads one of GRIN's lists, page by page, into the catalog.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt;
use jiff::Timestamp;
use tracing::{info, warn};
use url::Url;

use crate::actor::{ActorName, AskContext, HandleMessage, Message, Worker};
use crate::catalog::{BeginPass, Catalog, CatalogError, FinishPass, ListPart, ListPass, PassId};
use crate::grin::{
    AnswerRefusal, Barcode, GrinAddresses, LibraryDirectory, ListForm, ListKind, ListPage, ListPageParser, ListQuery,
    ListRow, LoopGuard, PageMark,
};
use crate::pipeline::workers::arrivals;
use crate::pipeline::workers::page_fault::PageFault;
use crate::session::{
    BodyError, BodyStream, ErrorClass, OpenStream, PermitClass, RequestKind, RetryBackoff, Session, SessionError,
};

/// Rows that go to the catalog in one message: few enough to stay small in memory, enough to share one commit.
pub(super) const ROWS_A_BATCH: usize = 2_000;

/// One collector: one list at a time.
pub struct Collector {
    pub(super) parts: CollectorParts,
}

/// What a collector works with.
#[derive(Clone)]
pub struct CollectorParts {
    /// The one session.
    pub session: Session,
    /// Where the lists lie.
    pub addresses: GrinAddresses,
    /// Whose lists they are; its name is stripped from listed files.
    pub library: LibraryDirectory,
    /// Where rows go.
    pub catalog: Catalog,
    /// Rows asked for on one page.
    pub page_size: u32,
    /// A pass that read all pages is held against the list's text form; see [`crate::pipeline::workers::arrivals`].
    pub count_check: bool,
    /// How often and how long after a page is asked for again.
    pub backoff: RetryBackoff,
    /// Rows recorded so far, for progress.
    pub rows: Arc<AtomicU64>,
}

/// Read this list to its end.
#[derive(Debug)]
pub struct CollectList {
    /// Which list.
    pub list: ListKind,
    /// Stop after about so many rows; the pass is then incomplete by wish.
    pub limit: Option<u64>,
    /// From the first page, also where an earlier pass could be gone on with.
    pub afresh: bool,
}

impl Message for CollectList {
    type Reply = Result<CollectResult, CollectError>;
    const KIND: &'static str = "collect";
}

/// A pass over a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CollectResult {
    /// Rows read.
    pub rows: u64,
    /// Books not known before.
    pub new: u64,
    /// Pages read.
    pub pages: u64,
    /// Rows that were no books, with the reason in the log.
    pub rejected: u64,
    /// Stopped at the limit that was asked for.
    pub limited: bool,
    /// Why the end of the list was not reached; `None` when it was. Nothing is concluded from absence then.
    pub incomplete: Option<String>,
}

/// Why a pass could not even be kept as incomplete.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The session could not get a page, or a person must act.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Rows could not be recorded.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The body of a text form broke off.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// What came is no list.
    #[error("GRIN's answer is no list: {0}")]
    Refused(AnswerRefusal),
}

impl CollectError {
    /// Asking again may help.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Session(error) => matches!(error.class(), ErrorClass::Transient { .. }),
            Self::Body(_) | Self::Refused(_) => true,
            Self::Catalog(_) => false,
        }
    }
}

impl Collector {
    /// A collector over shared parts.
    pub fn new(parts: CollectorParts) -> Self {
        Self { parts }
    }
}

impl Worker for Collector {
    const NAME: ActorName = ActorName::Collector;
}

impl HandleMessage<CollectList> for Collector {
    async fn handle(&mut self, collect: CollectList, cx: &AskContext) -> Result<CollectResult, CollectError> {
        let begin = BeginPass {
            list: collect.list,
            resume: collect.limit.is_none() && !collect.afresh,
        };
        let pass = self.parts.catalog.ask(begin, cx).await?;
        let resumed = pass.next.is_some();
        let mut reading = Reading {
            parts: &self.parts,
            list: collect.list,
            pass: pass.id,
            seen: CollectResult::default(),
            sighted: Vec::new(),
            unsure: 0,
        };
        let incomplete = match reading.to_the_end(&pass, collect.limit, cx).await {
            Ok(incomplete) => incomplete,
            Err(PageFault::Catalog(error)) => return Err(error.into()),
            Err(PageFault::Session(error)) if !matches!(error.class(), ErrorClass::Transient { .. }) => {
                return Err(error.into());
            }
            // It is gone on with from the page that failed. If that led nowhere once, the next pass begins anew.
            Err(fault) if fault.may_be_gone_on_with() && reading.seen.pages > 0 => {
                reading.seen.incomplete = Some(fault.to_string());
                report(collect.list, &reading.seen);
                return Ok(reading.seen);
            }
            Err(fault) => Some(fault.to_string()),
        };
        let mut collected = CollectResult {
            incomplete,
            ..reading.seen
        };
        if self.parts.count_check && !resumed && collected.incomplete.is_none() && !collected.limited {
            collected.incomplete = self.count(collect.list, &collected, cx).await;
        }
        let finish = FinishPass {
            pass: pass.id,
            complete: collected.incomplete.is_none() && !collected.limited,
            note: collected.incomplete.clone(),
        };
        let end = self.parts.catalog.ask(finish, cx).await?;
        if end.unsure > 0 {
            let rows = end.unsure;
            warn!(list = %collect.list, rows, "rows do not tell which books they are about; nothing is concluded from what is missing");
        }
        if end.vanished > 0 || end.doubtful {
            info!(list = %collect.list, end.vanished, end.doubtful, "books that the list no longer names");
        }
        report(collect.list, &collected);
        Ok(collected)
    }
}

impl Collector {
    /// Why the pages are not the whole list, if its text form says so. A check that cannot be made says nothing.
    async fn count(&self, list: ListKind, seen: &CollectResult, cx: &AskContext) -> Option<String> {
        let read = seen.rows + seen.rejected;
        match arrivals::missed(&self.parts, list, read, cx).await {
            Ok(None) => None,
            Ok(Some(rows)) => Some(format!("its pages had {read} rows, its text form has {rows}")),
            Err(error) => {
                warn!(%list, %error, "the rows could not be held against the list's text form");
                None
            }
        }
    }
}

fn report(list: ListKind, seen: &CollectResult) {
    let CollectResult {
        rows,
        new,
        pages,
        rejected,
        incomplete,
        limited: _,
    } = seen;
    match incomplete {
        None => info!(%list, rows, new, pages, rejected, "list read to its end"),
        Some(why) => {
            warn!(%list, rows, new, pages, why, "list not read to its end; nothing is concluded from what is missing")
        }
    }
}

struct Reading<'a> {
    parts: &'a CollectorParts,
    list: ListKind,
    pass: PassId,
    seen: CollectResult,
    /// Volumes of rejected rows, still to be recorded as listed.
    sighted: Vec<Barcode>,
    /// Rejected rows of which it is not known which volume they are about, still to be recorded.
    unsure: u64,
}

impl Reading<'_> {
    /// Follows `Next` from the first page; answers with why it stopped early, if it did.
    async fn to_the_end(
        &mut self,
        pass: &ListPass,
        limit: Option<u64>,
        cx: &AskContext,
    ) -> Result<Option<String>, PageFault> {
        let first = self.first_page();
        let (mut url, mut resumed) = match self.resume_at(pass) {
            Some(next) => (next, true),
            None => (first.clone(), false),
        };
        let mut visited = LoopGuard::default();
        loop {
            visited.enter(&url).map_err(PageFault::Refused)?;
            let (page, mark) = match self.page_with_patience(&url, cx).await {
                Ok(read) => read,
                // The link of an interrupted pass may have run out (`ctoken`): from the first page then.
                Err(fault) if resumed && fault.is_grins() => {
                    warn!(list = %self.list, %fault, "the interrupted pass cannot be gone on with; reading from the first page");
                    (url, resumed) = (first.clone(), false);
                    continue;
                }
                Err(fault) => return Err(fault),
            };
            resumed = false;
            visited.leave(&mark).map_err(PageFault::Refused)?;
            self.seen.pages += 1;
            match page.next {
                None => return Ok(None),
                Some(_) if limit.is_some_and(|limit| self.seen.rows >= limit) => {
                    self.seen.limited = true;
                    return Ok(None);
                }
                Some(next) => url = next,
            }
        }
    }

    fn first_page(&self) -> Url {
        // The failed books are few and come on one page (src/grin/PROTOCOL.md, section 1).
        let page_size = if self.list == ListKind::Failed {
            -1
        } else {
            i64::from(self.parts.page_size)
        };
        self.parts.addresses.list(
            self.list,
            &ListQuery {
                form: ListForm::Html,
                page_size: Some(page_size),
            },
        )
    }

    /// Where an interrupted pass goes on, if that is still this library's list.
    fn resume_at(&self, pass: &ListPass) -> Option<Url> {
        let next = Url::parse(pass.next.as_deref()?).ok()?;
        let same = ListKind::of_address(&next) == Some((self.list, self.parts.library.clone()));
        same.then(|| {
            info!(list = %self.list, rows = pass.rows, began = pass.started_at, "going on with an interrupted pass");
            next
        })
    }

    fn note(&mut self, page: &ListPage) {
        self.seen.rejected += page.rejected.len() as u64 + page.rejected_more;
        self.unsure += page.rejected_more;
        for rejected in &page.rejected {
            match rejected.about() {
                Some(volumes) => self.sighted.extend(volumes),
                None => self.unsure += 1,
            }
        }
        for rejected in page.rejected.iter().take(10) {
            warn!(list = %self.list, barcode = rejected.barcode, because = %rejected.because, "row is no book");
        }
        for warning in page.warnings.iter().take(10) {
            warn!(list = %self.list, warning, "list page");
        }
        if self.seen.pages == 0 && !page.unknown_columns.is_empty() {
            info!(list = %self.list, columns = ?page.unknown_columns, "GRIN has columns that are not known here; they are passed over");
        }
    }

    /// Asks for a page again while the fault may pass.
    async fn page_with_patience(&mut self, url: &Url, cx: &AskContext) -> Result<(ListPage, PageMark), PageFault> {
        let mut attempt = 0;
        let before = self.seen.rows;
        loop {
            let fault = match self.page(url, cx).await {
                Ok(read) => return Ok(read),
                Err(fault) => fault,
            };
            // They come again.
            self.seen.rows = before;
            attempt += 1;
            let Some(delay) = self
                .parts
                .backoff
                .delay(attempt, &mut rand::rng())
                .filter(|_| fault.may_pass() && !cx.is_cancelled())
            else {
                return Err(fault);
            };
            let delay = delay.max(fault.wait());
            warn!(list = %self.list, %fault, attempt, ?delay, "list page failed; asking again");
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = cx.cancelled() => return Err(fault),
            }
        }
    }

    /// One page: while one batch of its rows is recorded, the next arrives and is parsed.
    async fn page(&mut self, url: &Url, cx: &AskContext) -> Result<(ListPage, PageMark), PageFault> {
        let ask = OpenStream::new(url.clone(), PermitClass::Lists, RequestKind::ListPage);
        let body = self.parts.session.ask(ask, cx).await?;
        let mut arriving = Arriving {
            parser: ListPageParser::new(self.list, &self.parts.library, &body.url),
            body,
            mark: PageMark::default(),
            over: false,
        };
        let mut batch = arriving.batch().await?;
        while !arriving.over {
            let (recorded, next) = futures::join!(self.record(batch, None, cx), arriving.batch());
            recorded?;
            batch = next?;
        }
        let Arriving { parser, mut mark, .. } = arriving;
        let (rest, page) = parser.finish();
        mark.add(&rest);
        batch.extend(rest);
        if let Some(refusal) = page.refusal {
            return Err(PageFault::Refused(refusal));
        }
        if !page.complete {
            return Err(PageFault::Torn);
        }
        self.note(&page);
        self.record(batch, page.next.as_ref(), cx).await?;
        Ok((page, mark))
    }

    async fn record(&mut self, rows: Vec<ListRow>, next: Option<&Url>, cx: &AskContext) -> Result<(), CatalogError> {
        if rows.is_empty() && next.is_none() && self.sighted.is_empty() && self.unsure == 0 {
            return Ok(());
        }
        let count = rows.len() as u64;
        let part = ListPart {
            list: self.list,
            pass: Some(self.pass),
            rows,
            sighted: std::mem::take(&mut self.sighted),
            unsure: std::mem::take(&mut self.unsure),
            observed: Timestamp::now(),
            next: next.map(ToString::to_string),
        };
        let upserted = self.parts.catalog.ask(part, cx).await?;
        self.seen.rows += count;
        self.seen.new += upserted.new;
        self.parts.rows.fetch_add(count, Ordering::Relaxed);
        Ok(())
    }
}

/// A page on its way.
struct Arriving {
    body: BodyStream,
    parser: ListPageParser,
    mark: PageMark,
    /// Its last byte was read.
    over: bool,
}

impl Arriving {
    /// The next rows, many at a time; fewer at the page's end.
    async fn batch(&mut self) -> Result<Vec<ListRow>, PageFault> {
        let mut batch = Vec::new();
        while batch.len() < ROWS_A_BATCH {
            let Some(chunk) = self.body.next().await else {
                self.over = true;
                break;
            };
            let rows = self.parser.push(&chunk?)?;
            self.mark.add(&rows);
            batch.extend(rows);
        }
        Ok(batch)
    }
}
