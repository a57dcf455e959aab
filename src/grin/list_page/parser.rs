//! Turns the bytes of a list page into the events of [`ListPageState`], by `lol_html`, which keeps no document.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lol_html::errors::RewritingError;
use lol_html::send::{HtmlRewriter, Settings};
use lol_html::{AsciiCompatibleEncoding, MemorySettings};
use url::Url;

use crate::grin::list_page::ListPage;
use crate::grin::list_page::charset::charset_of;
use crate::grin::list_page::page::ListPageState;
use crate::grin::list_page::pager::PagerWatch;
use crate::grin::list_page::tags::{tags, texts};
use crate::grin::text::Utf8Check;
use crate::grin::{AnswerRefusal, LibraryDirectory, ListRow};

/// How much of a page is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::grin) struct PageLimits {
    /// Bytes of the page.
    pub(in crate::grin) page: usize,
    /// Bytes of a cell's text; a row with a longer one is rejected.
    pub(in crate::grin) cell: usize,
    /// Bytes that the tokenizer may hold: a tag or attribute in one piece, and about 150 a tag left open.
    pub(in crate::grin) memory: usize,
}

impl Default for PageLimits {
    fn default() -> Self {
        Self {
            page: 256 << 20,
            cell: 64 << 10,
            memory: 128 << 20,
        }
    }
}

/// Why reading of a page was given up in its middle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListRefusal {
    /// More bytes than a page may have.
    #[error("the page is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// More memory than may be used for tags left open, or for one tag.
    #[error("the page's tags need more than {limit} bytes of memory")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// The tokenizer gave up for another reason.
    #[error("the page cannot be read: {0}")]
    Markup(String),
}

impl ListRefusal {
    fn refusal(&self) -> AnswerRefusal {
        match self {
            Self::TooLarge { .. } => AnswerRefusal::TooLarge,
            Self::TooDeep { .. } => AnswerRefusal::TooDeep,
            Self::Markup(_) => AnswerRefusal::NotAList,
        }
    }
}

/// The rewriter, whose output goes nowhere.
type Tokenizer = HtmlRewriter<'static, fn(&[u8])>;

/// Reads one list page as its bytes arrive.
pub struct ListPageParser {
    page: SharedListPage,
    rewriter: Option<Tokenizer>,
    limits: PageLimits,
    taken: usize,
    /// Bytes that the tokenizer has not had yet; fewer than [`PIECE`].
    held: Vec<u8>,
    utf8: Utf8Check,
    /// As the header says.
    charset: Option<AsciiCompatibleEncoding>,
    refused: Option<ListRefusal>,
}

/// The page, shared by the tokenizer's handlers; only ever locked for one event, by one thread at a time.
#[derive(Clone)]
pub(super) struct SharedListPage(Arc<Mutex<ListPageState>>);

impl SharedListPage {
    pub(super) fn get(&self) -> MutexGuard<'_, ListPageState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes given to the tokenizer at once, at most. What lol_html 3 makes of broken markup (a tag within a tag, `<plaintext>`, a
/// torn end) depends on where the bytes are cut. So they are cut where the page says, never where the network did: a
/// page reads the same however it arrives.
const PIECE: usize = 16 << 10;

impl ListPageParser {
    /// `page_url` is the address that the page came from: next links are judged by it. Columns are found by name, in any list.
    pub fn new(library: &LibraryDirectory, page_url: &Url) -> Self {
        Self::with_limits(library, page_url, PageLimits::default())
    }

    /// As [`ListPageParser::new`], of a page that was sent with this `Content-Type`.
    pub fn served_as(library: &LibraryDirectory, page_url: &Url, content_type: &str) -> Self {
        Self::build(library, page_url, PageLimits::default(), charset_of(content_type))
    }

    /// As [`ListPageParser::new`], with other limits.
    pub(in crate::grin) fn with_limits(library: &LibraryDirectory, page_url: &Url, limits: PageLimits) -> Self {
        Self::build(library, page_url, limits, None)
    }

    fn build(
        library: &LibraryDirectory,
        page_url: &Url,
        limits: PageLimits,
        charset: Option<AsciiCompatibleEncoding>,
    ) -> Self {
        let page = SharedListPage(Arc::new(Mutex::new(ListPageState::new(
            library,
            PagerWatch::new(page_url),
            limits.cell,
        ))));
        let discard: fn(&[u8]) = |_| {};
        let rewriter = HtmlRewriter::new(settings(&page, limits.memory, charset), discard);
        Self {
            page,
            rewriter: Some(rewriter),
            limits,
            taken: 0,
            held: Vec::with_capacity(PIECE),
            utf8: Utf8Check::default(),
            charset,
            refused: None,
        }
    }

    /// Takes the next bytes; returns the rows that have become whole, so never more than the bytes hold. Up to 16 KiB wait for
    /// more, or for [`ListPageParser::finish`].
    ///
    /// # Errors
    /// Once refused, always refused; [`ListPageParser::finish`] tells the same.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<ListRow>, ListRefusal> {
        if let Some(refused) = &self.refused {
            return Err(refused.clone());
        }
        self.taken = self.taken.saturating_add(bytes.len());
        if self.taken > self.limits.page {
            return Err(self.refuse(ListRefusal::TooLarge {
                limit: self.limits.page,
            }));
        }
        self.utf8.push(bytes);
        match self.feed(bytes) {
            Ok(()) => Ok(self.page.get().take_rows()),
            Err(error) => {
                let refused = self.explain(&error);
                Err(self.refuse(refused))
            }
        }
    }

    /// Cuts the page into pieces, each ending after its last `>` where it has one.
    fn feed(&mut self, mut bytes: &[u8]) -> Result<(), RewritingError> {
        let mut held = std::mem::take(&mut self.held);
        while held.len() + bytes.len() >= PIECE {
            let (now, later) = bytes.split_at(PIECE - held.len());
            held.extend_from_slice(now);
            let cut = held.iter().rposition(|byte| *byte == b'>').map_or(PIECE, |at| at + 1);
            self.write(&held[..cut])?;
            held.drain(..cut);
            bytes = later;
        }
        held.extend_from_slice(bytes);
        self.held = held;
        Ok(())
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), RewritingError> {
        let Some(rewriter) = &mut self.rewriter else {
            return Ok(());
        };
        let mut rest = piece;
        while self.page.get().leaves_rows_open()
            && let Some(at) = next_row(rest)
        {
            rewriter.write(&rest[..at])?;
            if self.page.get().row_is_open() {
                // The tokenizer keeps every tag that is left open. Said now, this frees a row's worth of them.
                rewriter.write(b"</tr>")?;
            }
            rest = &rest[at..];
        }
        rewriter.write(rest)
    }

    fn refuse(&mut self, refused: ListRefusal) -> ListRefusal {
        self.rewriter = None;
        self.refused.insert(refused).clone()
    }

    fn explain(&self, error: &RewritingError) -> ListRefusal {
        match error {
            RewritingError::MemoryLimitExceeded(_) => ListRefusal::TooDeep {
                limit: self.limits.memory,
            },
            other => ListRefusal::Markup(other.to_string()),
        }
    }

    /// The page is over: the rows that were not handed out yet, and what the page was.
    pub fn finish(mut self) -> (Vec<ListRow>, ListPage) {
        if let Err(error) = self.end() {
            self.refused = Some(self.explain(&error));
        }
        let rows = self.page.get().take_rows();
        let charset = self.charset.or(self.page.get().charset());
        let is_utf8 = charset.is_none_or(|charset| charset == AsciiCompatibleEncoding::utf_8());
        let mut page = self.page.get().finish(self.refused.as_ref().map(ListRefusal::refusal));
        page.warnings.extend(self.refused.map(|refused| refused.to_string()));
        match self.utf8.finish() {
            bad if bad == 0 || !is_utf8 => {}
            bad => page
                .warnings
                .push(format!("{bad} places that are not UTF-8 were replaced")),
        }
        (rows, page)
    }

    fn end(&mut self) -> Result<(), RewritingError> {
        let rest = std::mem::take(&mut self.held);
        self.write(&rest)?;
        self.rewriter.take().map_or(Ok(()), HtmlRewriter::end)
    }
}

/// Where the next `<tr` stands, the first byte aside.
fn next_row(bytes: &[u8]) -> Option<usize> {
    let found = bytes
        .get(1..)?
        .windows(3)
        .position(|window| window.eq_ignore_ascii_case(b"<tr"))?;
    Some(found + 1)
}

/// Reads a list page that is there as a whole.
#[cfg(test)]
pub(in crate::grin) fn parse_list_page(
    bytes: &[u8],
    library: &LibraryDirectory,
    page_url: &Url,
) -> (Vec<ListRow>, ListPage) {
    let mut parser = ListPageParser::new(library, page_url);
    // A refusal is told by the page, too.
    let mut rows = parser.push(bytes).unwrap_or_default();
    let (rest, page) = parser.finish();
    rows.extend(rest);
    (rows, page)
}

impl std::fmt::Debug for ListPageParser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ListPageParser")
            .field("taken", &self.taken)
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

fn settings(
    page: &SharedListPage,
    memory: usize,
    charset: Option<AsciiCompatibleEncoding>,
) -> Settings<'static, 'static> {
    Settings::new_send()
        .with_encoding(charset.unwrap_or_else(AsciiCompatibleEncoding::utf_8))
        .with_adjust_charset_on_meta_tag(charset.is_none())
        .with_memory_settings(MemorySettings::new().with_max_allowed_memory_usage(memory))
        .with_strict(false)
        .append_document_content_handler(texts(page.clone()))
        .append_element_content_handler(tags(page.clone()))
}
