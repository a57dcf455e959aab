//! COLLECT reads one of GRIN's lists, page by page, into the catalog.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tracing::{debug, info, warn};

use crate::actor::{ActorName, AskContext, HandleMessage, Message, Worker};
use crate::catalog::{BeginPass, Catalog, CatalogError, FinishPass};
use crate::grin::{GrinAddresses, LibraryDirectory, ListKind};
use crate::pipeline::workers::grin_session::GrinSession;
use crate::pipeline::workers::list_reading::{ListReading, PassState};
use crate::pipeline::workers::retry;
use crate::session::{RetryBackoff, Session, SessionError};

/// One collector: one list at a time.
pub struct CollectWorker<S = Session> {
    pub(super) parts: CollectorParts<S>,
}

/// What a collector works with.
#[derive(Clone)]
pub struct CollectorParts<S = Session> {
    /// The one session.
    pub session: S,
    /// Where the lists lie.
    pub addresses: GrinAddresses,
    /// Whose lists they are; its name is stripped from listed files.
    pub library: LibraryDirectory,
    /// Where rows go.
    pub catalog: Catalog,
    /// Rows asked for on one page.
    pub page_size: u32,
    /// Each pass over pages is compared with the list's text form, not only the first.
    pub count_check: bool,
    /// How often and how long after a page is requested again.
    pub backoff: RetryBackoff,
    /// Rows recorded so far, for progress.
    pub rows: Arc<AtomicU64>,
}

/// Read this list completely.
#[derive(Debug)]
pub struct CollectList {
    /// Which list.
    pub list: ListKind,
    /// Stop after about so many rows; the pass is then incomplete by wish.
    pub limit: Option<u64>,
    /// From the first page, also where an earlier pass could be resumed.
    pub afresh: bool,
    /// The fence of the task under which lists are read; `None`: nobody else can read lists.
    pub fence: Option<i64>,
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
    /// Rows that could not be taken, with the reason in the log.
    pub rejected: u64,
    /// Stopped at the limit that was asked for.
    pub limited: bool,
    /// Why the list is not complete; `None` when it is. Nothing is concluded from absence then.
    pub incomplete: Option<String>,
    /// A fault that may pass broke it off; else it is incomplete for what was read.
    pub is_interrupted: bool,
    /// GRIN does not have the list in any form, and what it said to each; then it is not `incomplete`.
    pub unavailable: Option<String>,
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
    /// The report of volumes checked in could not be read.
    #[error("cannot read the report of volumes checked in: {0}")]
    Report(String),
}

impl CollectError {
    /// Whatever is asked next would meet it too.
    pub fn needs_person(&self) -> bool {
        match self {
            Self::Session(error) => retry::needs_person(error),
            Self::Catalog(error) => !error.may_pass(),
            Self::Report(_) => false,
        }
    }
}

impl<S: GrinSession> CollectWorker<S> {
    /// A collector over shared parts.
    pub fn new(parts: CollectorParts<S>) -> Self {
        Self { parts }
    }
}

impl<S: GrinSession> Worker for CollectWorker<S> {
    const NAME: ActorName = ActorName::Collector;
}

impl<S: GrinSession> HandleMessage<CollectList> for CollectWorker<S> {
    async fn handle(&mut self, collect: CollectList, cx: &AskContext) -> Result<CollectResult, CollectError> {
        let begin = BeginPass {
            list: collect.list,
            resume: collect.limit.is_none() && !collect.afresh,
            fence: collect.fence,
        };
        let pass = self.parts.catalog.ask(begin, cx).await?;
        let mut reading = ListReading::new(&self.parts, collect.list, Some(pass.id));
        let mut state = reading.list(&pass, collect.limit, cx).await?;
        if matches!(state, PassState::Complete) && reading.is_torn {
            state = PassState::Incomplete("its text form ends inside a line".to_owned());
        }
        let mut seen = reading.seen;
        let why = state.why().map(str::to_owned);
        match state {
            PassState::Complete | PassState::Unproven(_) => {}
            PassState::Limited => seen.limited = true,
            PassState::Interrupted(_) | PassState::Incomplete(_) => seen.incomplete.clone_from(&why),
            PassState::Unavailable(_) => seen.unavailable.clone_from(&why),
        }
        // An interrupted pass stays open: the next one resumes at the page that failed.
        if matches!(state, PassState::Interrupted(_)) {
            seen.is_interrupted = true;
            report(collect.list, &seen, &state, true);
            return Ok(seen);
        }
        cx.describe(move || format!("{}: concludes its pass", collect.list));
        let finish = FinishPass {
            pass: pass.id,
            complete: matches!(state, PassState::Complete),
            none_missing: reading.none_missing,
            note: why,
        };
        let end = self.parts.catalog.ask(finish, cx).await?;
        report(collect.list, &seen, &state, end.unsure == 0 && !end.doubtful);
        if end.unsure > 0 {
            let rows = end.unsure;
            warn!(list = %collect.list, rows, "rows do not tell which books they are about; of those that are missing, only what no pass has named for two days is taken for gone");
        }
        if end.doubtful {
            warn!(list = %collect.list, rows = end.rows, "the list lost more books at once than is believed; nothing is concluded until a later pass confirms it");
        } else if end.vanished > 0 {
            info!(list = %collect.list, end.vanished, "books that the list no longer names");
        }
        Ok(seen)
    }
}

/// What is logged of a pass. `concludes`: the catalog has nothing against taking it for complete; what it has is said by itself.
fn report(list: ListKind, seen: &CollectResult, state: &PassState, concludes: bool) {
    let CollectResult {
        rows,
        new,
        pages,
        rejected,
        ..
    } = seen;
    match state {
        PassState::Complete if !concludes => info!(%list, rows, new, pages, rejected, "list read"),
        PassState::Complete => info!(%list, rows, new, pages, rejected, "list complete"),
        PassState::Limited => info!(%list, rows, new, pages, rejected, "list read as far as the limit of this run"),
        PassState::Interrupted(why) | PassState::Incomplete(why) => {
            // The task warns of it, unless the program is being stopped.
            debug!(%list, rows, new, pages, why, "list incomplete");
        }
        PassState::Unproven(why) => {
            warn!(%list, rows, why, "list read, and nothing confirms its end; nothing is concluded from what is missing");
        }
        // The task says it, once.
        PassState::Unavailable(_) => {}
    }
}
