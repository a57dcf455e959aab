//! One row of a list page while it is being read, and what it says once it is whole.

use std::borrow::Cow;

use crate::grin::list_page::heading::{ListField, ListHeading};
use crate::grin::text_list::is_message;
use crate::grin::{
    ARCHIVE_SUFFIX, BadBarcode, Barcode, FileName, GrinDate, GrinState, LibraryDirectory, ListFailure, ListRow,
    RejectedRow, RejectionReason, text,
};

/// Cells of a row, their raw text one after the other; emptied and filled again for each row.
#[derive(Debug, Default)]
pub(super) struct RowCells {
    text: String,
    columns: Vec<Cell>,
    /// The cell that text goes to.
    current: usize,
    /// Cells in the page's source; one that is several columns wide counts once.
    begun: usize,
    /// Value of the box to tick.
    tick: Option<String>,
    /// A cell was longer than allowed; its text was not kept.
    too_long: bool,
}

#[derive(Debug)]
struct Cell {
    /// Where its text begins and ends.
    start: usize,
    end: usize,
    /// Address of the first link in it.
    href: Option<String>,
}

/// More cells than this are not kept; lists have about ten.
const MOST_CELLS: usize = 256;

/// What became of a row.
pub(super) enum RowRead {
    /// It names a volume.
    Row(Box<ListRow>),
    /// It names none, or not surely.
    Rejected(RejectedRow),
    /// A single wide cell with something to say, such as that there is nothing.
    Message(String),
    /// Nothing stands in it.
    Blank,
}

impl RowCells {
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.columns.clear();
        self.begun = 0;
        self.tick = None;
        self.too_long = false;
    }

    /// A cell begins that is `span` columns wide; what it holds belongs to the first of them.
    pub(super) fn begin(&mut self, span: usize) {
        self.begun += 1;
        self.current = self.columns.len();
        let room = MOST_CELLS - self.columns.len();
        let at = self.text.len();
        let columns = std::iter::repeat_with(|| Cell {
            start: at,
            end: at,
            href: None,
        });
        self.columns.extend(columns.take(span.clamp(1, MOST_CELLS).min(room)));
    }

    /// Text of the cell.
    pub(super) fn text(&mut self, text: &str, limit: usize) {
        let Some(cell) = self.columns.get_mut(self.current) else {
            return;
        };
        if cell.end - cell.start + text.len() > limit {
            self.too_long = true;
        } else {
            self.text.push_str(text);
            cell.end = self.text.len();
        }
    }

    /// Forgets the cell's text.
    pub(super) fn restart(&mut self) {
        if let Some(cell) = self.columns.get_mut(self.current) {
            self.text.truncate(cell.start);
            cell.end = cell.start;
        }
    }

    /// `<a href>` in a cell.
    pub(super) fn link(&mut self, href: String) {
        if let Some(cell) = self.columns.get_mut(self.current) {
            cell.href.get_or_insert(href);
        }
    }

    /// `<input name="barcodes" value>` in a cell.
    pub(super) fn tick(&mut self, value: String) {
        self.tick.get_or_insert(value);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    fn raw(&self, index: usize) -> &str {
        self.columns
            .get(index)
            .map_or("", |cell| &self.text[cell.start..cell.end])
    }

    fn shown(&self, index: usize) -> Cow<'_, str> {
        text::from_html(self.raw(index))
    }

    /// The texts of all cells, as names of columns.
    pub(super) fn names(&self) -> Vec<Cow<'_, str>> {
        (0..self.columns.len()).map(|index| self.shown(index)).collect()
    }

    /// Whether the row is a pager in the list's own table: where the volume should be named, or in the row's only cell, stands a
    /// link to a page of the list.
    pub(super) fn is_pager(&self, heading: &ListHeading, leads_to_page: impl Fn(&str) -> bool) -> bool {
        let leads = |cell: &Cell| cell.href.as_deref().is_some_and(&leads_to_page);
        let naming = |(column, field): (usize, &ListField)| {
            let names = matches!(field, ListField::Barcode | ListField::FileName);
            names && self.columns.get(column).is_some_and(leads)
        };
        self.tick.is_none()
            && (heading.fields.iter().enumerate().any(naming)
                || (self.begun == 1 && heading.fields.len() > 1 && self.columns.first().is_some_and(leads)))
    }

    /// What the row says under this heading.
    pub(super) fn read(&self, heading: &ListHeading, library: &LibraryDirectory, limit: usize) -> RowRead {
        if self.too_long {
            // Which volume it is may well be known.
            let named = match self.volume(heading, library, self.shift(heading)) {
                Ok((barcode, _)) => barcode.to_string(),
                Err(rejected) => rejected.barcode,
            };
            return RowRead::Rejected(RejectedRow::new(&named, RejectionReason::TooLongCell(limit)));
        }
        if self.tick.is_none() && text::from_html(&self.text).is_empty() {
            return RowRead::Blank;
        }
        if self.is_message(heading, library) {
            return RowRead::Message(self.shown(0).into_owned());
        }
        let shift = self.shift(heading);
        match self.volume(heading, library, shift) {
            Ok((barcode, file_name)) => RowRead::Row(Box::new(self.fill(heading, shift, barcode, file_name))),
            Err(rejected) => RowRead::Rejected(rejected),
        }
    }

    /// Rows without a box to tick may lack its cell; then all cells stand one column further left.
    fn shift(&self, heading: &ListHeading) -> usize {
        let lacks_box = heading.box_column
            && self.tick.is_none()
            && self.columns.len() < heading.fields.len()
            && !self.shown(0).is_empty();
        usize::from(lacks_box)
    }

    /// Whether the row has a cell for each column.
    pub(super) fn has_all(&self, heading: &ListHeading) -> bool {
        self.columns.len() + self.shift(heading) >= heading.fields.len()
    }

    /// The text of the last cell.
    pub(super) fn last(&self) -> Cow<'_, str> {
        self.shown(self.columns.len().saturating_sub(1))
    }

    /// A single cell over several columns, or in place of them.
    fn is_message(&self, heading: &ListHeading, library: &LibraryDirectory) -> bool {
        let is_nameless = || heading.fields.len() > 1 && name_of(&self.shown(0), library).is_err();
        self.tick.is_none() && self.begun == 1 && (self.columns.len() > 1 || is_nameless())
    }

    fn volume(
        &self,
        heading: &ListHeading,
        library: &LibraryDirectory,
        shift: usize,
    ) -> Result<(Barcode, Option<FileName>), RejectedRow> {
        let mut named: Option<(Barcode, Option<FileName>)> = None;
        let mut refused = None;
        let ticked = self.tick.as_deref().map(text::from_html);
        let columns = heading.fields.iter().enumerate().filter_map(|(column, field)| {
            matches!(field, ListField::Barcode | ListField::FileName)
                .then(|| self.name_in(column.checked_sub(shift)?, *field))?
        });
        for text in columns.chain(ticked) {
            match (name_of(&text, library), &mut named) {
                (Err(_), _) if is_message(&text) => {
                    refused = refused.or(Some(RejectedRow::new(&text, RejectionReason::Message)));
                }
                (Err(because), _) => refused = refused.or(Some(RejectedRow::new(&text, because))),
                (Ok((barcode, file_name)), Some((known, known_file))) if barcode == *known => {
                    *known_file = known_file.take().or(file_name);
                }
                // One column has the barcode, another one its archive with a prefix.
                (Ok((_, Some(file_name))), Some((known, known_file))) if file_name.may_be_of(known) => {
                    known_file.get_or_insert(file_name);
                }
                (Ok((barcode, None)), Some((known, Some(file_name)))) if file_name.may_be_of(&barcode) => {
                    *known = barcode;
                }
                (Ok((barcode, _)), Some((known, _))) => {
                    let both = RejectionReason::Disagree(known.to_string(), barcode.to_string());
                    return Err(RejectedRow::new(known.as_str(), both));
                }
                (Ok(found), None) => named = Some(found),
            }
        }
        match (refused, named) {
            (Some(rejected), _) => Err(rejected),
            (None, Some(named)) => Ok(named),
            (None, None) => Err(self.nameless(heading, shift)),
        }
    }

    /// What stands in a column that names the volume. Where the text is no archive's name (a word such as "Download"), an archive that the
    /// link's address names goes before it; any other address does so only where there is no text.
    fn name_in(&self, index: usize, field: ListField) -> Option<Cow<'_, str>> {
        let text = self.shown(index);
        let is_file = |name: &str| FileName::parse(name).is_ok();
        let linked = || {
            let href = text::from_html(self.columns.get(index)?.href.as_deref()?).into_owned();
            let name = href.split(['?', '#']).next()?.rsplit('/').next()?;
            Some(text::percent_decoded(name))
        };
        let linked = (field == ListField::FileName).then(linked).flatten();
        let linked = linked.filter(|name| !name.is_empty());
        let is_better = |name: &str| text.is_empty() || (!is_file(&text) && is_file(name));
        match linked.filter(|name| is_better(name)) {
            Some(name) => Some(Cow::Owned(name)),
            None => (!text.is_empty()).then_some(text),
        }
    }

    fn nameless(&self, heading: &ListHeading, shift: usize) -> RejectedRow {
        let column = heading
            .fields
            .iter()
            .position(|field| matches!(field, ListField::Barcode | ListField::FileName));
        let reached = column.is_some_and(|column| column < self.columns.len() + shift);
        let because = if reached {
            BadBarcode::Length(0).into()
        } else {
            RejectionReason::TooFewCells(self.columns.len())
        };
        RejectedRow::new(&self.shown(0), because)
    }

    fn fill(&self, heading: &ListHeading, shift: usize, barcode: Barcode, file_name: Option<FileName>) -> ListRow {
        let mut row = ListRow {
            file_name,
            can_be_requested: self.tick.is_some(),
            ..ListRow::bare(barcode)
        };
        for (column, field) in heading.fields.iter().enumerate().skip(shift) {
            if *field != ListField::Ignored && column - shift < self.columns.len() {
                let index = column - shift;
                set(
                    &mut row,
                    *field,
                    &self.shown(index),
                    self.columns[index].href.as_deref(),
                );
            }
        }
        row
    }
}

/// Puts one cell's text into its place; nothing, if it is blank.
pub(in crate::grin) fn set(row: &mut ListRow, field: ListField, shown: &str, href: Option<&str>) {
    let text = || (!shown.is_empty()).then(|| shown.to_owned());
    let failure = |row: &mut ListRow, put: &dyn Fn(&mut ListFailure)| {
        if !shown.is_empty() {
            put(row.failure.get_or_insert_default());
        }
    };
    match field {
        ListField::Barcode | ListField::FileName | ListField::Ignored => {}
        ListField::Title => row.title = text(),
        ListField::State => row.grin_state = GrinState::read(shown),
        ListField::Scanned => row.dates.scanned = GrinDate::read(shown),
        ListField::Analyzed => row.dates.analyzed = GrinDate::read(shown),
        ListField::Converted => row.dates.converted = GrinDate::read(shown),
        ListField::Downloaded => row.dates.downloaded = GrinDate::read(shown),
        ListField::Processed => row.dates.processed = GrinDate::read(shown),
        ListField::Ocr => row.dates.ocr = GrinDate::read(shown),
        ListField::Link => row.google_books_link = href.map(|h| text::from_html(h).into_owned()).or_else(text),
        ListField::FailedDate => failure(row, &|failure| failure.date = GrinDate::read(shown)),
        ListField::FailedInfo => failure(row, &|failure| failure.info = text()),
        ListField::FailedDetail => failure(row, &|failure| failure.detail = text()),
    }
}

/// The volume that a text names: an archive's name or a barcode.
pub(in crate::grin) fn name_of(
    text: &str,
    library: &LibraryDirectory,
) -> Result<(Barcode, Option<FileName>), RejectionReason> {
    if text.ends_with(ARCHIVE_SUFFIX) {
        let file_name = FileName::parse(text)?;
        let barcode = Barcode::listed(file_name.barcode(library)?.as_str())?;
        return Ok((barcode, Some(file_name)));
    }
    Ok((Barcode::listed(text)?, None))
}
