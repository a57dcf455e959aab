//! What is known of a list page while its tags and text go by: its tables, and which rows of them are the list's.

mod conclusion;
mod content;
mod rows;

pub(in crate::grin) use crate::grin::list_page::page::conclusion::EMPTY_IN_WORDS;
pub(super) use crate::grin::list_page::page::content::InputTag;

use lol_html::AsciiCompatibleEncoding;

use crate::grin::list_page::ListPage;
use crate::grin::list_page::cells::RowCells;
use crate::grin::list_page::heading::ListHeading;
use crate::grin::list_page::outside::OutsideTable;
use crate::grin::list_page::pager::{FoundLink, PagerWatch, RawText};
use crate::grin::{Barcode, LibraryDirectory, ListRow};

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
    /// Heading and place in `tables` of the list's table while it is open; a list may have several, one after the other.
    list: Option<(ListHeading, usize)>,
    /// A table of the list was there, to its end.
    list_closed: bool,
    /// That end is not sure.
    torn: bool,
    /// The list's `<tfoot>` is open: no volume stands there.
    foot: bool,
    row: Option<OpenRow>,
    cells: RowCells,
    /// Number of the row's cell that is open, if one is.
    cell: Option<u64>,
    /// Links in the row; they are the pager's if the row names no volume.
    row_links: Vec<FoundLink>,
    /// The row has more links than are kept.
    row_links_left_out: bool,
    /// The page has rows without `</tr>`.
    leaves_rows_open: bool,
    /// `<html>` or `<body>` was there.
    root_begun: bool,
    /// The first that a `<meta>` names.
    charset: Option<AsciiCompatibleEncoding>,
    outside: OutsideTable,
    pager: PagerWatch,
    raw: RawText,
    rows: Vec<ListRow>,
    /// The last row so far ends in these words, which may have taken the place of further rows.
    words_at_end: Option<(Barcode, Vec<String>)>,
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
            cell: None,
            row_links: Vec::new(),
            row_links_left_out: false,
            leaves_rows_open: false,
            root_begun: false,
            charset: None,
            outside: OutsideTable::default(),
            pager,
            raw: RawText::default(),
            rows: Vec::new(),
            words_at_end: None,
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
        self.outside.pause(self.foot);
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
        self.outside.pause(self.foot);
        self.outside.cell_over();
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
        if heading {
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
        self.outside.pause(self.foot);
        // A heading in a table within a row of the list: that row was layout.
        self.cells.clear();
        self.cell = None;
        self.release_links();
        self.row = Some(OpenRow {
            serial,
            level: self.level(),
            kind,
            tagged: true,
        });
    }

    /// `<meta>` names the encoding, which the tokenizer decodes by if the header names none.
    pub(super) fn declare_charset(&mut self, charset: AsciiCompatibleEncoding) {
        self.charset.get_or_insert(charset);
    }

    pub(super) fn charset(&self) -> Option<AsciiCompatibleEncoding> {
        self.charset
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

    /// The rows that have become whole since the last call.
    pub(super) fn take_rows(&mut self) -> Vec<ListRow> {
        std::mem::take(&mut self.rows)
    }
}
