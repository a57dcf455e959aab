//! What is known of a list page while its tags and text go by.

use crate::grin::list_page::ListPage;
use crate::grin::list_page::cells::{RowCells, RowRead};
use crate::grin::list_page::heading::ListHeading;
use crate::grin::list_page::outside::OutsideTable;
use crate::grin::list_page::page_end::{PageEnd, PageFacts, page_end, short};
use crate::grin::list_page::pager::{FoundLink, LinkTag, PagerWatch};
use crate::grin::{AnswerRefusal, LibraryDirectory, ListRow, RejectedRow, RejectionReason};

/// Tables nested deeper than this are layout of no interest.
const MOST_TABLES: usize = 64;
/// Rejected rows, and warnings, kept a page; beyond, they are only counted.
const MOST_NOTES: usize = 1_000;

/// The page so far. Its methods are the events of the page, in their order.
#[derive(Debug)]
pub(super) struct ListPageState {
    library: LibraryDirectory,
    cell_limit: usize,
    /// Serial numbers of the open tables, innermost last.
    tables: Vec<u64>,
    /// Tables open beyond [`MOST_TABLES`].
    buried: u64,
    serial: u64,
    /// Heading and place in `tables` of the list's table while it is open.
    list: Option<(ListHeading, usize)>,
    /// The list's table was there, to its end.
    list_closed: bool,
    /// That end is not sure.
    torn: bool,
    /// The list's `<tfoot>` is open: no volume stands there.
    foot: bool,
    row: Option<OpenRow>,
    cells: RowCells,
    /// Links in the row; they are the pager's if the row names no volume.
    row_links: Vec<FoundLink>,
    /// The page has rows without `</tr>`.
    leaves_rows_open: bool,
    /// `<html>` or `<body>` begun, ended.
    root: (bool, bool),
    outside: OutsideTable,
    pager: PagerWatch,
    rows: Vec<ListRow>,
    out: ListPage,
    rows_seen: u64,
    /// Warnings beyond [`MOST_NOTES`].
    unnoted: u64,
}

/// The row whose cells are being read.
#[derive(Debug)]
struct OpenRow {
    serial: u64,
    /// Place of its table in `tables`.
    level: usize,
    kind: RowKind,
    /// It has a `<tr>`, which cells may lack.
    tagged: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowKind {
    /// Names columns; `true` once a `span.hd3` was met, from where on only such spans count in that cell.
    Heading { named: bool, in_name: bool },
    /// One volume.
    Data,
}

impl ListPageState {
    pub(super) fn new(library: &LibraryDirectory, pager: PagerWatch, cell_limit: usize) -> Self {
        Self {
            library: library.clone(),
            cell_limit,
            tables: Vec::new(),
            buried: 0,
            serial: 0,
            list: None,
            list_closed: false,
            torn: false,
            foot: false,
            row: None,
            cells: RowCells::default(),
            row_links: Vec::new(),
            leaves_rows_open: false,
            root: (false, false),
            outside: OutsideTable::default(),
            pager,
            rows: Vec::new(),
            out: ListPage::default(),
            rows_seen: 0,
            unnoted: 0,
        }
    }

    /// A number for the next table or row, by which its end is known.
    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    fn level(&self) -> usize {
        self.tables.len().saturating_sub(1)
    }

    fn in_list(&self) -> bool {
        self.list.is_some()
    }

    /// Whether the innermost table is the list's.
    fn at_list(&self) -> bool {
        self.buried == 0 && matches!(&self.list, Some((_, level)) if *level == self.level())
    }

    /// Whether rows that come now are volumes.
    fn among_rows(&self) -> bool {
        self.at_list() && !self.foot
    }

    fn in_data_row(&self) -> bool {
        matches!(&self.row, Some(row) if row.kind == RowKind::Data)
    }

    /// `<table>`; returns the number for [`ListPageState::table_end`].
    pub(super) fn table_begin(&mut self) -> u64 {
        let serial = self.next_serial();
        if self.tables.len() < MOST_TABLES {
            self.tables.push(serial);
        } else {
            self.buried += 1;
        }
        serial
    }

    /// `</table>`, and with it the end of everything that it left open. Or else, if not `surely`, the end of something
    /// round the table, by a tag that may have been meant for something within it: rows may follow that are not seen.
    pub(super) fn table_end(&mut self, serial: u64, surely: bool) {
        let Some(level) = self.tables.iter().position(|open| *open == serial) else {
            self.buried = self.buried.saturating_sub(1);
            return;
        };
        self.close_row_of(level);
        self.tables.truncate(level);
        self.buried = 0;
        if matches!(&self.list, Some((_, list)) if *list >= level) {
            self.list = None;
            self.foot = false;
            self.list_closed = true;
            self.torn |= !surely;
        }
        self.separator();
    }

    /// `<tr>`; returns the number for [`ListPageState::row_end`].
    pub(super) fn row_begin(&mut self, heading: bool) -> u64 {
        let serial = self.next_serial();
        if self.tables.is_empty() || self.buried > 0 {
            return serial;
        }
        let level = self.level();
        self.leaves_rows_open |= self.row_is_open();
        self.close_row_of(level);
        if heading && !self.list_closed {
            self.open_row(
                serial,
                RowKind::Heading {
                    named: false,
                    in_name: false,
                },
            );
        } else if self.among_rows() {
            self.open_row(serial, RowKind::Data);
        } else {
            self.separator();
        }
        serial
    }

    fn open_row(&mut self, serial: u64, kind: RowKind) {
        // A heading in a table within a row of the list: that row was layout.
        self.cells.clear();
        self.release_links();
        self.row = Some(OpenRow {
            serial,
            level: self.level(),
            kind,
            tagged: true,
        });
    }

    /// Whether the page has rows without `</tr>`.
    pub(super) fn leaves_rows_open(&self) -> bool {
        self.leaves_rows_open
    }

    /// Whether a `<tr>` that came now would end a row of the list.
    pub(super) fn row_is_open(&self) -> bool {
        self.at_list() && matches!(&self.row, Some(row) if row.kind == RowKind::Data && row.tagged)
    }

    /// `</tr>`.
    pub(super) fn row_end(&mut self, serial: u64) {
        if self.row.as_ref().is_some_and(|row| row.serial == serial) {
            self.close_row();
        }
    }

    /// `<thead>`, `<tbody>`, `<tfoot>`: a row left open ends.
    pub(super) fn section(&mut self, is_foot: bool) {
        if self.buried == 0 && !self.tables.is_empty() {
            self.close_row_of(self.level());
        }
        if self.at_list() {
            self.foot = is_foot;
        }
    }

    fn close_row_of(&mut self, level: usize) {
        if self.row.as_ref().is_some_and(|row| row.level >= level) {
            self.close_row();
        }
    }

    fn close_row(&mut self) {
        let Some(row) = self.row.take() else { return };
        match row.kind {
            RowKind::Heading { .. } => self.take_heading(row.level),
            RowKind::Data => self.take_row(),
        }
    }

    fn take_heading(&mut self, level: usize) {
        if matches!(&self.list, Some((_, list)) if *list == level) {
            return; // repeated within the list
        }
        let names = self.cells.names();
        let heading = ListHeading::of(names.iter().map(AsRef::as_ref));
        if !heading.names_volumes() {
            return; // a menu, dressed like a list
        }
        for name in &heading.unknown {
            self.out.unknown_columns.push(name.clone());
        }
        for name in &heading.twice {
            self.out
                .warnings
                .push(format!("column {name:?} comes twice; the first counts"));
        }
        self.list = Some((heading, level));
    }

    fn take_row(&mut self) {
        let Some((heading, _)) = &self.list else { return };
        if self.cells.is_pager(heading, |href| self.pager.leads_to_page(href)) {
            return self.release_links();
        }
        match self.cells.read(heading, &self.library, self.cell_limit) {
            RowRead::Row(row) => {
                self.rows_seen += 1;
                self.rows.push(*row);
                // A title may be a link; it is no pager.
                self.row_links.clear();
            }
            RowRead::Rejected(rejected) => self.reject(rejected),
            RowRead::Message(text) => {
                self.outside.text(&text);
                self.warn(format!(
                    "a row of the list says: {}",
                    text.chars().take(200).collect::<String>()
                ));
            }
            RowRead::Blank => {}
        }
        self.release_links();
    }

    /// The links of a row that names no volume are as good as any on the page.
    fn release_links(&mut self) {
        for link in self.row_links.drain(..) {
            self.pager.take(&link);
        }
    }

    fn reject(&mut self, rejected: RejectedRow) {
        if self.out.rejected.len() < MOST_NOTES {
            self.out.rejected.push(rejected);
        } else {
            self.out.rejected_more += 1;
        }
    }

    fn warn(&mut self, warning: String) {
        if self.out.warnings.len() < MOST_NOTES {
            self.out.warnings.push(warning);
        } else {
            self.unnoted += 1;
        }
    }

    /// `<td>` or `<th>`, `span` columns wide.
    pub(super) fn cell(&mut self, span: usize) {
        if self.row.is_none() && self.among_rows() {
            // A row whose `<tr>` was left out.
            let serial = self.next_serial();
            self.open_row(serial, RowKind::Data);
            self.row.iter_mut().for_each(|row| row.tagged = false);
        }
        let level = self.level();
        match &mut self.row {
            Some(row) if row.level == level && self.buried == 0 => {
                if let RowKind::Heading { named, in_name } = &mut row.kind {
                    (*named, *in_name) = (false, false);
                }
                self.cells.begin(span);
            }
            _ => self.separator(),
        }
    }

    /// `<span class="hd3">`, the name of a column.
    pub(super) fn name_begin(&mut self) {
        if let Some(OpenRow {
            kind: RowKind::Heading { named, in_name },
            ..
        }) = &mut self.row
        {
            if !*named {
                self.cells.restart();
            }
            (*named, *in_name) = (true, true);
        }
    }

    /// The end of a column's name.
    pub(super) fn name_end(&mut self) {
        if let Some(OpenRow {
            kind: RowKind::Heading { in_name, .. },
            ..
        }) = &mut self.row
        {
            *in_name = false;
        }
    }

    /// `<br>`, `<p>` and the like: words before and after are not one.
    pub(super) fn separator(&mut self) {
        self.text(" ");
    }

    /// Text, character references still in it.
    pub(super) fn text(&mut self, text: &str) {
        self.pager.text(text);
        match &self.row {
            Some(OpenRow {
                kind:
                    RowKind::Heading {
                        named: true,
                        in_name: false,
                    },
                ..
            }) => {}
            Some(_) => self.cells.text(text, self.cell_limit),
            None if self.in_list() && !self.foot => {}
            None => self.outside.text(text),
        }
    }

    /// `<a href>`.
    pub(super) fn link(&mut self, tag: LinkTag) {
        if self.row.is_none() {
            self.outside.address(&tag.href);
        }
        let left_open = self.pager.begin(&tag);
        self.place_link(left_open);
        if self.in_data_row() {
            self.cells.link(tag.href);
        }
    }

    /// `</a>`.
    pub(super) fn link_end(&mut self) {
        let link = self.pager.end();
        self.place_link(link);
    }

    /// `<area href alt>`, which has no end tag.
    pub(super) fn area(&mut self, tag: &LinkTag) {
        let left_open = self.pager.begin(tag);
        self.place_link(left_open);
        self.link_end();
    }

    /// `<img alt>`: what a link says that is an image.
    pub(super) fn image(&mut self, alt: &str) {
        self.pager.text(alt);
    }

    /// `<link rel href>`.
    pub(super) fn relation(&mut self, href: &str, rel: &str) {
        self.pager.relation(href, rel);
    }

    /// An address in an attribute that is no link's own: `data-href`, `onclick`, `value` of an option.
    pub(super) fn attribute_address(&mut self, href: String) {
        self.place_link(Some(FoundLink::bare(href)));
    }

    fn place_link(&mut self, link: Option<FoundLink>) {
        let Some(link) = link else { return };
        if !self.in_data_row() {
            self.pager.take(&link);
        } else if self.row_links.len() < MOST_NOTES {
            self.row_links.push(link);
        }
    }

    /// `<input>` or `<button>`.
    pub(super) fn input(&mut self, tag: InputTag) {
        let is = |kinds: &[&str]| kinds.iter().any(|kind| tag.kind.eq_ignore_ascii_case(kind));
        if is(&["password"]) {
            self.outside.password();
        }
        if tag.name.eq_ignore_ascii_case("barcodes") {
            if let (true, Some(value)) = (self.in_data_row(), tag.value) {
                self.cells.tick(value);
            }
        } else if is(&["", "hidden", "text", "number", "submit", "image"]) {
            let value = tag.value.unwrap_or_default();
            self.pager.field(&tag.name, &value, is(&["submit", "image"]));
        }
    }

    /// `<form action method>`.
    pub(super) fn form(&mut self, action: &str, method: Option<&str>) {
        self.outside.address(action);
        self.pager.form_begin(action, method);
    }

    /// `</form>`.
    pub(super) fn form_end(&mut self) {
        self.pager.form_end();
    }

    /// `<meta content>`: an address that the page leads to.
    pub(super) fn address(&mut self, address: &str) {
        self.outside.address(address);
    }

    /// `<base href>`.
    pub(super) fn base(&mut self, href: &str) {
        self.pager.base(href);
    }

    /// Text of `<title>`.
    pub(super) fn title(&mut self, text: &str) {
        self.outside.title(text);
    }

    /// `<html>` or `<body>`.
    pub(super) fn root_begin(&mut self) {
        self.root.0 = true;
    }

    /// `</html>` or `</body>`.
    pub(super) fn root_end(&mut self) {
        self.root.1 = true;
    }

    /// The rows that have become whole since the last call.
    pub(super) fn take_rows(&mut self) -> Vec<ListRow> {
        std::mem::take(&mut self.rows)
    }

    /// The page is over; `stopped` says why it was not read to its end.
    pub(super) fn finish(&mut self, stopped: Option<AnswerRefusal>) -> ListPage {
        let cut = self.in_list() || self.row.is_some() || self.torn;
        if self.row.take().is_some_and(|row| row.kind == RowKind::Data) && !self.cells.is_empty() {
            let shown = self
                .cells
                .names()
                .into_iter()
                .find(|text| !text.is_empty())
                .unwrap_or_default()
                .into_owned();
            self.reject(RejectedRow::new(&shown, RejectionReason::CutOff));
        }
        if self.unnoted > 0 {
            self.out.warnings.push(format!("{} more warnings", self.unnoted));
        }
        if self.out.rejected_more > 0 {
            let more = self.out.rejected_more;
            self.out.warnings.push(format!("{more} more rejected rows"));
        }
        self.row_links.clear();
        let end = self.end(self.out.rejected.len() as u64 + self.out.rejected_more);
        let open_end = cut || (self.root == (true, false) && !matches!(end, PageEnd::Next(..)));
        let listed = self.list_closed || cut;
        let by_pager = match &end {
            PageEnd::Refused(refusal, _) => Some(*refusal),
            _ => None,
        };
        let refusal = stopped
            .or_else(|| self.outside.refusal(listed))
            .or((!listed).then_some(AnswerRefusal::NotAList))
            .or(by_pager)
            .or(open_end.then_some(AnswerRefusal::Truncated));
        let mut page = ListPage {
            refusal,
            rows: self.rows_seen,
            ..std::mem::take(&mut self.out)
        };
        match end {
            PageEnd::Next(url, warning) => {
                page.warnings.extend(warning);
                page.next = refusal.is_none().then_some(url);
            }
            PageEnd::Doubt(doubt) => {
                page.warnings.push(doubt.to_string());
                page.doubt = refusal.is_none().then_some(doubt);
            }
            PageEnd::Refused(refusal, href) => page.warnings.push(format!("{refusal}: {}", short(&href))),
            PageEnd::Last => {}
        }
        page.complete = refusal.is_none() && page.doubt.is_none();
        page
    }

    fn end(&mut self, rejected: u64) -> PageEnd {
        let links = self.pager.finish();
        page_end(&PageFacts {
            page: self.pager.page(),
            rows: self.rows_seen + rejected,
            links: &links,
        })
    }
}

/// `<input>`'s and `<button>`'s attributes.
#[derive(Debug, Clone, Default)]
pub(super) struct InputTag {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) value: Option<String>,
}
