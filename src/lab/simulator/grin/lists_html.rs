//! HTML lists, written as a stream of rows (src/grin/PROTOCOL.md, section 4).

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use futures::Stream;
use futures::stream::unfold;

use crate::lab::simulator::config::NextLinkForm;
use crate::lab::simulator::faults::FaultKind;
use crate::lab::simulator::grin::catalogue::SeededCatalogue;
use crate::lab::simulator::grin::dates::push_date;
use crate::lab::simulator::grin::life::BookLife;
use crate::lab::simulator::grin::lists;
use crate::lab::simulator::grin::lists::{ListColumn, PageAsked, SimulatedList};
use crate::lab::simulator::grin::pager::PagerForm;
use crate::lab::simulator::grin::shelf::FAILURES;
use crate::lab::simulator::grin::titles::push_escaped;
use crate::lab::simulator::shared::SimulatorState;

/// Books looked at for one piece of a page, so that the lock is never held for long.
const RUN: u32 = 500;

/// A page being written.
pub(crate) struct HtmlPage {
    shared: Arc<SimulatorState>,
    list: SimulatedList,
    asked: PageAsked,
    columns: Vec<ListColumn>,
    next: u32,
    rows_left: u32,
    /// The page breaks off with a closed connection once this many rows are left.
    cut_at: Option<u32>,
    heading: bool,
    /// What is wrong with the first row.
    odd: Option<FaultKind>,
    step: Step,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Head,
    Rows,
    Done,
}

impl HtmlPage {
    pub fn new(shared: Arc<SimulatorState>, list: SimulatedList, asked: PageAsked) -> Self {
        let columns = list.columns(shared.catalogue.config.lists.extra_column);
        Self {
            shared,
            list,
            asked,
            columns,
            next: asked.start,
            rows_left: asked.rows,
            cut_at: None,
            heading: true,
            odd: None,
            step: Step::Head,
        }
    }

    /// The page breaks off in the middle.
    pub fn cut(mut self) -> Self {
        let rest = self.shared.catalogue.books().saturating_sub(self.asked.start);
        let rows = self.rows_left.min(rest);
        self.cut_at = Some(self.rows_left - rows / 2);
        self
    }

    /// The page has no row, and leads nowhere.
    pub fn without_rows(mut self) -> Self {
        self.next = self.shared.catalogue.books();
        self
    }

    /// The page lacks its heading row.
    pub fn without_heading(mut self) -> Self {
        self.heading = false;
        self
    }

    /// The first row has a cell that no client should take, or lacks the one that matters.
    pub fn with_odd_row(self, odd: FaultKind) -> Self {
        Self { odd: Some(odd), ..self }
    }

    /// The page, piece by piece.
    pub fn stream(self) -> impl Stream<Item = Result<Bytes, io::Error>> {
        unfold(Some(self), |page| async move {
            let mut page = page?;
            if page.cut_at.is_some_and(|left| page.rows_left <= left) {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                return Some((Err(io::Error::other("cut on purpose")), None));
            }
            let piece = page.piece()?;
            Some((Ok(piece), Some(page)))
        })
    }

    fn piece(&mut self) -> Option<Bytes> {
        let mut out = Vec::with_capacity(256 * 1_024);
        match self.step {
            Step::Done => return None,
            Step::Head => {
                self.push_head(&mut out);
                self.step = Step::Rows;
            }
            Step::Rows => {
                self.push_rows(&mut out);
                if self.rows_left == 0 || self.next >= self.shared.catalogue.books() {
                    self.push_foot(&mut out);
                    self.step = Step::Done;
                }
            }
        }
        // A run of a filtered list may hold no row at all; the server skips empty pieces.
        Some(out.into())
    }

    fn push_head(&self, out: &mut Vec<u8>) {
        let config = &self.shared.catalogue.config;
        let library = &config.library;
        out.extend_from_slice(format!("<html><head><title>{library}</title></head><body>\n").as_bytes());
        if config.lists.layout_table {
            out.extend_from_slice(
                b"<table width=\"100%\"><tr><td><a href=\"_all_books\">All books</a><br><a href=\"_converted\">Converted</a>\
                  </td><td><div id=\"Main\">\n",
            );
        }
        out.extend_from_slice(b"<form action=\"_process\" method=\"post\">\n<table>");
        if self.heading {
            out.extend_from_slice(b"<thead><tr class=\"heading\">");
            for column in &self.columns {
                match column.heading() {
                    "" => out.extend_from_slice(b"<td></td>"),
                    name => out.extend_from_slice(format!("<td><span class=\"hd3\">{name}</span></td>\n").as_bytes()),
                }
            }
            out.extend_from_slice(b"</tr></thead>");
        }
        out.extend_from_slice(b"\n<tbody>\n");
    }

    fn push_rows(&mut self, out: &mut Vec<u8>) {
        let shared = Arc::clone(&self.shared);
        let closed = !shared.catalogue.config.lists.unclosed_cells;
        let mut books = Vec::with_capacity(RUN as usize);
        let mut left = self.rows_left;
        let floor = self.cut_at.unwrap_or(0);
        self.next = shared
            .shelf
            .visit(self.next, self.next.saturating_add(RUN), |index, life| {
                if self.list.holds(&life) {
                    books.push((index, life));
                    left -= 1;
                }
                left > floor
            });
        self.rows_left = left;
        shared.counters.list_rows.fetch_add(books.len() as u64, Relaxed);
        for (index, life) in books {
            let odd = self.odd.take();
            out.extend_from_slice(b"<tr>");
            for column in &self.columns {
                out.extend_from_slice(b"<td>");
                match (odd, *column) {
                    (Some(FaultKind::LongCell), ListColumn::Title) => out.resize(out.len() + 70_000, b'x'),
                    (Some(FaultKind::NoBarcode), ListColumn::Check | ListColumn::Barcode | ListColumn::FileName) => {}
                    (_, column) => self.push_cell(column, index, &life, out),
                }
                if closed {
                    out.extend_from_slice(b"</td>");
                }
            }
            out.extend_from_slice(if closed { b"</tr>\n" } else { b"\n" });
        }
    }

    fn push_cell(&self, column: ListColumn, index: u32, life: &BookLife, out: &mut Vec<u8>) {
        let catalogue = &self.shared.catalogue;
        let dates = catalogue.dates(index, life.state);
        let failure = FAILURES[index as usize % FAILURES.len()];
        match column {
            ListColumn::Check => self.push_checkbox(index, life, out),
            ListColumn::Barcode => catalogue.push_barcode(index, out),
            ListColumn::FileName => self.push_file_link(index, out),
            ListColumn::Title => self.push_title(index, out),
            ListColumn::State => out.extend_from_slice(life.state.word().as_bytes()),
            ListColumn::Scanned => push_date(dates.scanned, out),
            ListColumn::Analyzed => push_date(dates.analyzed, out),
            ListColumn::Converted => push_date(life.converted, out),
            ListColumn::Downloaded => push_date(life.downloaded, out),
            ListColumn::Processed => push_date(dates.processed, out),
            ListColumn::Ocr => push_date(dates.ocr, out),
            ListColumn::FailedDate => push_date(life.failed, out),
            ListColumn::FailedInfo => push_escaped(failure.0, out),
            ListColumn::FailedDetail => push_escaped(failure.1, out),
            ListColumn::Shelfmark => out.extend_from_slice(b"QA 76"),
            ListColumn::Link if dates.scanned == 0 => {}
            ListColumn::Link => {
                let id = SeededCatalogue::volume_id(index);
                out.extend_from_slice(b"<a href=\"https://books.google.com/books?id=");
                out.extend_from_slice(id.as_bytes());
                out.extend_from_slice(b"\">");
                out.extend_from_slice(id.as_bytes());
                out.extend_from_slice(b"</a>");
            }
        }
    }

    fn push_checkbox(&self, index: u32, life: &BookLife, out: &mut Vec<u8>) {
        if life.state.can_be_requested() {
            out.extend_from_slice(b"<input type=\"checkbox\" name=\"barcodes\" value=\"");
            self.shared.catalogue.push_barcode(index, out);
            out.extend_from_slice(b"\">");
        }
    }

    fn push_file_link(&self, index: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(b"<a href=\"");
        self.shared.catalogue.push_file_name(index, out);
        out.extend_from_slice(b"\">");
        self.shared.catalogue.push_file_name(index, out);
        out.extend_from_slice(b"</a>");
    }

    /// The title; where asked for, some are links and some hold markup of the page's own.
    fn push_title(&self, index: u32, out: &mut Vec<u8>) {
        let title = self.shared.catalogue.title(index);
        let (before, after): (&[u8], &[u8]) = match index % 16 {
            _ if !self.shared.catalogue.config.lists.title_markup => (b"", b""),
            3 => (b"<a href=\"_barcode_search?first=1\">", b"</a>"),
            7 => (b"<b>", b"</b>"),
            11 => (b"<span title=\"&gt;\">", b"</span><br>"),
            _ => (b"", b""),
        };
        out.extend_from_slice(before);
        push_escaped(&title, out);
        out.extend_from_slice(after);
    }

    fn push_foot(&self, out: &mut Vec<u8>) {
        let config = &self.shared.catalogue.config.lists;
        let pager = self.pager();
        let (inside, after) = match config.pager {
            PagerForm::Foot => (pager, None),
            _ => (None, pager),
        };
        out.extend_from_slice(b"</tbody>");
        if let Some(pager) = inside {
            out.extend_from_slice(format!("<tfoot><tr><td>{pager}</td></tr></tfoot>").as_bytes());
        }
        out.extend_from_slice(b"</table></form>\n");
        if config.busy_pager {
            let last = self.link(u32::MAX, u64::from(self.shared.catalogue.books()));
            out.extend_from_slice(format!("<a href=\"{last}\">Last &gt;&gt;</a>\n").as_bytes());
            if self.asked.first > 1 {
                out.extend_from_slice(format!("<a href=\"{}\">&lt; Previous</a>\n", self.link(0, 1)).as_bytes());
            }
        }
        out.extend_from_slice(after.unwrap_or_default().as_bytes());
        if config.layout_table {
            out.extend_from_slice(b"</div></td></tr></table>\n");
        }
        out.extend_from_slice(b"</body></html>\n");
    }

    /// What leads to the next page, if there is one.
    fn pager(&self) -> Option<String> {
        let config = &self.shared.catalogue.config.lists;
        let shown = self.asked.rows - self.rows_left;
        let first = self.asked.first + u64::from(shown);
        let more = lists::next_on(&self.shared.shelf, &self.shared.catalogue, self.list, self.next);
        let leads_on = more.is_some() || (config.empty_last_page && shown > 0);
        leads_on.then(|| config.pager.html(&self.link(more.unwrap_or(self.next), first)))
    }

    fn link(&self, start: u32, first: u64) -> String {
        let catalogue = &self.shared.catalogue;
        let count = match self.asked.rows {
            u32::MAX => String::new(),
            rows => format!("result_count={rows}&amp;"),
        };
        let query = format!("?{count}{}", lists::next_parameter(catalogue, start, first));
        let name = self.list.name();
        let path = format!("/libraries/{}/{name}", catalogue.config.library);
        match catalogue.config.lists.links {
            NextLinkForm::SiteRelative => format!("{path}{query}"),
            NextLinkForm::PageRelative => format!("{name}{query}"),
            NextLinkForm::QueryOnly => query,
            NextLinkForm::Absolute => format!("{}{path}{query}", self.shared.origin()),
        }
    }
}

/// The page with which GRIN refuses (src/grin/PROTOCOL.md, section 8).
pub(crate) fn unavailable() -> String {
    "<html><head><title>Google Books</title></head><body><h1>Your request is unavailable</h1>\
     <p>We're sorry, but we cannot process your request at this time.</p></body></html>"
        .into()
}

/// A sign-in page.
pub(crate) fn sign_in() -> String {
    "<html><head><title>Sign in - Google Accounts</title></head><body><form action=\"/ServiceLogin\">\
     <input name=\"Email\"><input type=\"password\" name=\"Passwd\"></form></body></html>"
        .into()
}
