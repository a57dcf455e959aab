//! Text lists, `_barcode_search` and `_monthly_report` (src/grin/PROTOCOL.md, sections 1, 5 and 6).

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use futures::Stream;
use futures::stream::unfold;

use crate::lab::simulator::grin::catalogue::SeededCatalogue;
use crate::lab::simulator::grin::dates::{DAY, EpochMinutes, date_text, parse_day, push_date};
use crate::lab::simulator::grin::life::{BookLife, FixedDates, SimulatedState};
use crate::lab::simulator::grin::lists::SimulatedList;
use crate::lab::simulator::grin::query::QueryPairs;
use crate::lab::simulator::grin::shelf::FAILURES;
use crate::lab::simulator::seed::DrawPurpose;
use crate::lab::simulator::shared::SimulatorState;

const RUN: u32 = 1_000;

/// The columns of `_barcode_search`.
const HEADINGS: [&str; 25] = [
    "Barcode",
    "Check-In Date",
    "State",
    "Viewability",
    "Conditions",
    "Scannable",
    "Opted-Out (post-scan)",
    "Tagging",
    "Audit",
    "Material Error%",
    "Overall Error%",
    "Scanned Date",
    "Processed Date",
    "Analyzed Date",
    "Converted Date",
    "Allow Download Updated Date",
    "Viewability Updated Date",
    "Source Library Bibkey",
    "Rubbish",
    "Downloaded Date",
    "Claimed",
    "OCR GTD Score",
    "OCR Analysis Score",
    "Digitization Method",
    "OCR'd Date",
];

/// What a stream of lines tells of each book.
#[derive(Clone, Copy)]
pub(crate) enum TextColumns {
    /// A text list, in its short or its `mode=all` form.
    List { list: SimulatedList, all: bool },
    /// The books checked in between two days, with the columns of `_barcode_search`.
    CheckedIn { start: EpochMinutes, end: EpochMinutes },
}

/// Lines being written.
pub(crate) struct TextPage {
    shared: Arc<SimulatorState>,
    lines: TextColumns,
    next: u32,
    left: u32,
    begun: bool,
}

impl TextPage {
    pub fn new(shared: Arc<SimulatorState>, lines: TextColumns, query: &QueryPairs) -> Self {
        let count = query.number("result_count").filter(|count| *count > 0);
        Self {
            shared,
            lines,
            next: 0,
            left: count.and_then(|count| u32::try_from(count).ok()).unwrap_or(u32::MAX),
            begun: false,
        }
    }

    /// The lines, piece by piece.
    pub fn stream(self) -> impl Stream<Item = Result<Bytes, io::Error>> {
        unfold(
            self,
            |mut page| async move { page.piece().map(|piece| (Ok(piece), page)) },
        )
    }

    fn piece(&mut self) -> Option<Bytes> {
        let mut out = Vec::with_capacity(128 * 1_024);
        if !self.begun && matches!(self.lines, TextColumns::CheckedIn { .. }) {
            push_headings(&mut out);
        }
        if self.begun && (self.left == 0 || self.next >= self.shared.catalogue.books()) {
            return None;
        }
        self.begun = true;
        let shared = Arc::clone(&self.shared);
        let mut rows = 0;
        self.next = shared
            .shelf
            .visit(self.next, self.next.saturating_add(RUN), |index, life| {
                if self.lines.push(&shared.catalogue, index, &life, &mut out) {
                    rows += 1;
                    self.left -= 1;
                }
                self.left > 0
            });
        shared.counters.list_rows.fetch_add(rows, Relaxed);
        Some(out.into())
    }
}

impl TextColumns {
    fn push(self, catalogue: &SeededCatalogue, index: u32, life: &BookLife, out: &mut Vec<u8>) -> bool {
        match self {
            Self::List { list, all } => {
                let held = list.holds(life);
                if held {
                    push_line(catalogue, list, all, ListedBook { index, life }, out);
                }
                held
            }
            Self::CheckedIn { start, end } => {
                let checked_in = catalogue.dates(index, life.state).checked_in;
                let held = (start..end).contains(&checked_in);
                if held {
                    push_facts(catalogue, index, life, out);
                }
                held
            }
        }
    }
}

/// A book of a list, with what changes about it.
#[derive(Clone, Copy)]
struct ListedBook<'a> {
    index: u32,
    life: &'a BookLife,
}

fn push_line(catalogue: &SeededCatalogue, list: SimulatedList, all: bool, book: ListedBook<'_>, out: &mut Vec<u8>) {
    let ListedBook { index, life } = book;
    match list {
        SimulatedList::Converted => catalogue.push_file_name(index, out),
        _ => catalogue.push_barcode(index, out),
    }
    if all {
        push_rest(list, &catalogue.dates(index, life.state), book, out);
    }
    out.push(b'\n');
}

/// The columns that `mode=all` adds.
fn push_rest(list: SimulatedList, dates: &FixedDates, book: ListedBook<'_>, out: &mut Vec<u8>) {
    let ListedBook { index, life } = book;
    let columns: &[EpochMinutes] = match list {
        SimulatedList::AllBooks => &[
            dates.scanned,
            dates.processed,
            dates.analyzed,
            life.converted,
            dates.ocr,
        ],
        SimulatedList::Available | SimulatedList::InProcess => {
            &[dates.scanned, dates.processed, dates.analyzed, dates.ocr]
        }
        SimulatedList::Converted => &[dates.scanned, life.converted, life.downloaded],
        SimulatedList::Failed => &[dates.scanned, dates.processed, dates.analyzed, life.failed],
    };
    for minutes in columns {
        out.push(b'\t');
        push_date(*minutes, out);
    }
    if list == SimulatedList::Failed {
        let (info, detail) = FAILURES[index as usize % FAILURES.len()];
        out.extend_from_slice(format!("\t{info}\t{}\t{detail}", date_text(dates.ocr)).as_bytes());
    }
    out.push(b'\t');
    if dates.scanned > 0 {
        out.extend_from_slice(b"https://books.google.com/books?id=");
        out.extend_from_slice(SeededCatalogue::volume_id(index).as_bytes());
    }
}

/// The answer of `_barcode_search`: a header and one row for each book that is known, in no promised order.
pub(crate) fn search(shared: &SimulatorState, barcodes: &[&str]) -> Vec<u8> {
    let mut out = Vec::with_capacity(400 * (barcodes.len() + 1));
    push_headings(&mut out);
    for barcode in barcodes.iter().rev() {
        if let Some(index) = shared.catalogue.index_of(barcode) {
            push_facts(&shared.catalogue, index, &shared.shelf.life(index), &mut out);
        }
    }
    out
}

/// The days a report is asked for: two days, or a month of a year.
pub(crate) fn report_span(query: &QueryPairs) -> Option<(EpochMinutes, EpochMinutes)> {
    if let (Some(start), Some(end)) = (query.get("check_in_date_start"), query.get("check_in_date_end")) {
        return Some((parse_day(start)?, parse_day(end)?));
    }
    let (year, month) = (query.number("year")?, query.number("month")?);
    let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    let day = |(year, month)| parse_day(&format!("{year:04}-{month:02}-01"));
    Some((day((year, month))?, day(next)?))
}

fn push_headings(out: &mut Vec<u8>) {
    out.extend_from_slice(HEADINGS.join("\t").as_bytes());
    out.push(b'\n');
}

fn push_facts(catalogue: &SeededCatalogue, index: u32, life: &BookLife, out: &mut Vec<u8>) {
    let dates = catalogue.dates(index, life.state);
    let mut draw = catalogue.draw(DrawPurpose::Columns, u64::from(index));
    let mut truth = |share: u64| if draw.once_in(share) { "true" } else { "false" };
    let [unscannable, opted_out, tagged, claimed] = [30, 90, 2, 60].map(&mut truth);
    let scannable = if unscannable == "true" { "false" } else { "true" };
    let viewability = ["VIEW_FULL", "VIEW_SNIPPET", "VIEW_METADATA", "VIEW_NONE"][draw.pick(4)];
    let method = ["NON_DESTRUCTIVE", "SHEETFED", "DIGIFEED"][draw.pick(3)];
    let conditions = ["", "31", "21,31", "2"][draw.pick(4)];
    let audit = if draw.once_in(10) { "0%" } else { "" };
    let bibkey = if draw.once_in(200) { "OTHER:39000000000001" } else { "" };
    let rubbish = ["", "false"][draw.pick(2)];
    let [material, overall, garbage, analysis] = [5, 9, 101, 101].map(|bound| draw.below(bound));
    let allowed = if life.state == SimulatedState::NotAvailable {
        0
    } else {
        dates.checked_in + DAY
    };
    catalogue.push_barcode(index, out);
    let row = [
        date_text(dates.checked_in),
        life.state.word().into(),
        viewability.into(),
        conditions.into(),
        scannable.into(),
        opted_out.into(),
        tagged.into(),
        audit.into(),
        format!("{material}%"),
        format!("{overall}%"),
        date_text(dates.scanned),
        date_text(dates.processed),
        date_text(dates.analyzed),
        date_text(life.converted),
        date_text(allowed),
        date_text(dates.checked_in + 2 * DAY),
        bibkey.into(),
        rubbish.into(),
        date_text(life.downloaded),
        claimed.into(),
        garbage.to_string(),
        analysis.to_string(),
        method.into(),
        date_text(dates.ocr),
    ];
    for value in row {
        out.push(b'\t');
        out.extend_from_slice(value.as_bytes());
    }
    out.push(b'\n');
}
