//! The five lists: who is on them, which columns they have, and where a page begins and ends.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::lab::simulator::config::PagingForm;
use crate::lab::simulator::grin::catalogue::SeededCatalogue;
use crate::lab::simulator::grin::life::{BookLife, SimulatedState};
use crate::lab::simulator::grin::query::QueryPairs;
use crate::lab::simulator::grin::shelf::BookShelf;
use crate::lab::simulator::seed::DrawPurpose;

/// One of GRIN's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SimulatedList {
    AllBooks,
    Available,
    InProcess,
    Converted,
    Failed,
}

/// A column of an HTML list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListColumn {
    Check,
    Barcode,
    FileName,
    Title,
    State,
    Scanned,
    Analyzed,
    Converted,
    Downloaded,
    Processed,
    Ocr,
    FailedDate,
    FailedInfo,
    FailedDetail,
    Shelfmark,
    Link,
}

use crate::lab::simulator::grin::lists::ListColumn as C;

const ALL_BOOKS: &[ListColumn] = &[
    C::Check,
    C::Barcode,
    C::Title,
    C::State,
    C::Scanned,
    C::Analyzed,
    C::Converted,
    C::Downloaded,
    C::Processed,
    C::Ocr,
    C::Link,
];
const CONVERTED: &[ListColumn] = &[
    C::FileName,
    C::Title,
    C::Scanned,
    C::Processed,
    C::Analyzed,
    C::Converted,
    C::Downloaded,
    C::Ocr,
    C::Link,
];
const FAILED: &[ListColumn] = &[
    C::Check,
    C::Barcode,
    C::Title,
    C::Scanned,
    C::Processed,
    C::Analyzed,
    C::FailedDate,
    C::FailedInfo,
    C::Ocr,
    C::FailedDetail,
    C::Link,
];
const WAITING: &[ListColumn] = &[
    C::Check,
    C::Barcode,
    C::Title,
    C::Scanned,
    C::Processed,
    C::Analyzed,
    C::Ocr,
    C::Link,
];

impl SimulatedList {
    /// The list at this name of the directory.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "_all_books" => Self::AllBooks,
            "_available" => Self::Available,
            "_in_process" => Self::InProcess,
            "_converted" => Self::Converted,
            "_failed" => Self::Failed,
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::AllBooks => "_all_books",
            Self::Available => "_available",
            Self::InProcess => "_in_process",
            Self::Converted => "_converted",
            Self::Failed => "_failed",
        }
    }

    /// Is a book on this list?
    pub fn holds(self, life: &BookLife) -> bool {
        match self {
            Self::AllBooks => true,
            Self::Available => life.state.can_be_requested(),
            Self::InProcess => life.state == SimulatedState::InProcess,
            Self::Converted => life.state == SimulatedState::Converted,
            Self::Failed => life.failed > 0,
        }
    }

    pub fn columns(self, extra: bool) -> Vec<ListColumn> {
        let mut columns = match self {
            Self::AllBooks => ALL_BOOKS,
            Self::Available | Self::InProcess => WAITING,
            Self::Converted => CONVERTED,
            Self::Failed => FAILED,
        }
        .to_vec();
        if extra {
            columns.insert(columns.len() - 1, ListColumn::Shelfmark);
        }
        columns
    }
}

impl ListColumn {
    /// The name in its heading; the checkbox column has none.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Check => "",
            Self::Barcode => "Barcode",
            Self::FileName => "Filename",
            Self::Title => "Title",
            Self::State => "State",
            Self::Scanned => "Scanned Date",
            Self::Analyzed => "Analyzed Date",
            Self::Converted => "Converted Date",
            Self::Downloaded => "Downloaded Date",
            Self::Processed => "Processed Date",
            Self::Ocr => "OCR'd Date",
            Self::FailedDate => "Convert Failed Date",
            Self::FailedInfo => "Convert Failed Info",
            Self::FailedDetail => "Detailed Convert Failed Info",
            Self::Shelfmark => "Shelfmark (new)",
            Self::Link => "Google Books",
        }
    }
}

/// A page of a list as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageAsked {
    /// Number of the book to begin with.
    pub start: u32,
    /// The 1-based place of the page's first row in the list.
    pub first: u64,
    /// Rows at most.
    pub rows: u32,
}

/// Why a page cannot be given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoPage {
    /// The continuation mark is too old or not ours.
    BadMark,
}

/// The page a request asks for.
pub(crate) fn page_asked(
    shelf: &BookShelf,
    catalogue: &SeededCatalogue,
    list: SimulatedList,
    query: &QueryPairs,
) -> Result<PageAsked, NoPage> {
    let config = &catalogue.config.lists;
    let rows = match query.number("result_count") {
        Some(-1) => u32::MAX,
        Some(count) if count > 0 => u32::try_from(count).unwrap_or(u32::MAX).min(config.max_page_size),
        _ => config.page_size,
    };
    if let Some(mark) = query.get("ctoken") {
        let (start, first) = read_mark(catalogue, mark, config.ctoken_lifetime).ok_or(NoPage::BadMark)?;
        return Ok(PageAsked { start, first, rows });
    }
    let first = query
        .number("first")
        .and_then(|first| u64::try_from(first).ok())
        .unwrap_or(1)
        .max(1);
    let start = skip(shelf, catalogue, list, first - 1);
    Ok(PageAsked { start, first, rows })
}

/// The number of the book that follows `count` rows of the list.
fn skip(shelf: &BookShelf, catalogue: &SeededCatalogue, list: SimulatedList, count: u64) -> u32 {
    if list == SimulatedList::AllBooks {
        return u32::try_from(count).unwrap_or(u32::MAX).min(catalogue.books());
    }
    let (mut left, mut next) = (count, 0);
    while left > 0 && next < catalogue.books() {
        next = shelf.visit(next, next.saturating_add(10_000), |_, life| {
            left -= u64::from(list.holds(&life));
            left > 0
        });
    }
    next
}

/// The number of the first book on the list at or after `from`.
pub(crate) fn next_on(shelf: &BookShelf, catalogue: &SeededCatalogue, list: SimulatedList, from: u32) -> Option<u32> {
    let mut next = from;
    let mut found = None;
    while found.is_none() && next < catalogue.books() {
        next = shelf.visit(next, next.saturating_add(10_000), |index, life| {
            if list.holds(&life) {
                found = Some(index);
            }
            found.is_none()
        });
    }
    found
}

/// The parameter that names the next page.
pub(crate) fn next_parameter(catalogue: &SeededCatalogue, start: u32, first: u64) -> String {
    match catalogue.config.lists.paging {
        PagingForm::First => format!("first={first}"),
        PagingForm::Ctoken => format!("ctoken={}", write_mark(catalogue, start, first)),
    }
}

/// Where the page begins that a mark leads to, whether or not the mark still holds.
pub(crate) fn place_of_mark(mark: &str) -> Option<String> {
    let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(mark).ok()?).ok()?;
    plain.split('.').nth(1).map(str::to_owned)
}

fn write_mark(catalogue: &SeededCatalogue, start: u32, first: u64) -> String {
    let plain = format!("{start}.{first}.{}", milliseconds());
    let seal = catalogue.draw(DrawPurpose::Token, seal_key(&plain)).next();
    URL_SAFE_NO_PAD.encode(format!("{plain}.{seal:016x}"))
}

fn read_mark(catalogue: &SeededCatalogue, mark: &str, lifetime: Option<Duration>) -> Option<(u32, u64)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(mark).ok()?).ok()?;
    let (plain, seal) = text.rsplit_once('.')?;
    let expected = catalogue.draw(DrawPurpose::Token, seal_key(plain)).next();
    let mut parts = plain.split('.');
    let (start, first) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let made: u64 = parts.next()?.parse().ok()?;
    let age = Duration::from_millis(milliseconds().saturating_sub(made));
    let fresh = lifetime.is_none_or(|lifetime| age < lifetime);
    (seal == format!("{expected:016x}") && fresh).then_some((start, first))
}

fn seal_key(plain: &str) -> u64 {
    plain.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

fn milliseconds() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::simulator::SimulatorConfig;

    #[test]
    fn marks_lead_back_unless_old_or_forged() {
        let catalogue = SeededCatalogue::new(SimulatorConfig::default());
        let mark = write_mark(&catalogue, 7, 8);
        assert_eq!(read_mark(&catalogue, &mark, None), Some((7, 8)));
        assert_eq!(read_mark(&catalogue, &mark, Some(Duration::ZERO)), None);
        for forged in ["", "x", &mark[1..], &URL_SAFE_NO_PAD.encode("7.8.0.0000000000000000")] {
            assert_eq!(read_mark(&catalogue, forged, None), None, "{forged}");
        }
    }
}
