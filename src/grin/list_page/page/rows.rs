//! What the end of a row brings: a heading, a volume, a pager, or a reason why it is none of them.

use crate::grin::list_page::cells::RowRead;
use crate::grin::list_page::heading::{ListHeading, field_of};
use crate::grin::list_page::page::{ListPageState, MOST_NOTES};
use crate::grin::refusal::says_trouble;
use crate::grin::{Barcode, GrinState, ListRow, RejectedRow, RejectionReason};

impl ListPageState {
    pub(super) fn take_heading(&mut self, level: usize) {
        let names = self.cells.names();
        let heading = ListHeading::of(names.iter().map(AsRef::as_ref));
        if !heading.names_volumes() {
            // A menu, dressed like a list, or words over a part of it.
            for name in names {
                self.outside.text(&name);
                self.outside.pause(false);
            }
            return;
        }
        for name in &heading.unknown {
            if !self.out.unknown_columns.contains(name) {
                self.out.unknown_columns.push(name.clone());
            }
        }
        for name in &heading.twice {
            let warning = format!("column {name:?} comes twice; the first counts");
            if !self.out.warnings.contains(&warning) {
                self.out.warnings.push(warning);
            }
        }
        // Repeated within the list, it may still name other columns.
        self.list = Some((heading, level));
        self.foot = false;
    }

    pub(super) fn take_row(&mut self) {
        let Some((heading, _)) = &self.list else { return };
        if self.cells.is_pager(heading, |href| self.pager.leads_to_page(href)) {
            return self.release_links();
        }
        match self.cells.read(heading, &self.library, self.cell_limit) {
            RowRead::Row(row) => {
                self.rows_seen += 1;
                // The list goes on behind the row before.
                self.words_at_end = None;
                let words = odd_words(&row);
                if !words.is_empty() {
                    self.take_words(&row.barcode, words);
                }
                self.rows.push(*row);
                // A title may be a link; it is no pager.
                self.row_links.clear();
                self.row_links_left_out = false;
            }
            RowRead::Rejected(rejected) => {
                if let Some(level) = self.level_of_heading(&rejected) {
                    self.take_heading(level);
                    return self.release_links();
                }
                if rejected.because == RejectionReason::Message {
                    self.outside.message(&rejected.barcode);
                }
                self.reject(rejected);
            }
            RowRead::Message(text) => {
                self.outside.message(&text);
                self.warn(format!(
                    "a row of the list says: {}",
                    text.chars().take(200).collect::<String>()
                ));
            }
            RowRead::Blank => {}
        }
        self.release_links();
    }

    /// Words in a row's dates or state are the book's own if the row has all its cells and the list goes on behind them; what breaks off a
    /// list does not go on.
    fn take_words(&mut self, barcode: &Barcode, words: Vec<String>) {
        let is_whole = matches!(&self.list, Some((heading, _)) if self.cells.has_all(heading));
        let last = self.cells.last();
        let ends_in_words = words.iter().any(|words| *words == last);
        match (is_whole, ends_in_words) {
            (true, false) => {}
            (true, true) => self.words_at_end = Some((barcode.clone(), words)),
            (false, _) => self.say_words(barcode, &words),
        }
    }

    /// A server's words may have come to stand in a row.
    pub(super) fn say_words(&mut self, barcode: &Barcode, words: &[String]) {
        for words in words {
            self.outside.message(words);
            let words: String = words.chars().take(200).collect();
            self.warn(format!(
                "the row of {barcode} has {words:?} as its state or one of its dates"
            ));
        }
    }

    /// Where a row that is not marked as a heading names columns as one, the volume's among them.
    fn level_of_heading(&self, rejected: &RejectedRow) -> Option<usize> {
        field_of(&rejected.barcode)?;
        let names = self.cells.names();
        let heading = ListHeading::of(names.iter().map(AsRef::as_ref));
        let (_, level) = self.list.as_ref()?;
        heading.names_volumes().then_some(*level)
    }

    /// The links of a row that names no volume are as good as any on the page.
    pub(super) fn release_links(&mut self) {
        for link in self.row_links.drain(..) {
            self.pager.take(&link);
        }
        if std::mem::take(&mut self.row_links_left_out) {
            self.pager.leave_out();
        }
    }

    pub(super) fn reject(&mut self, rejected: RejectedRow) {
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
}

/// What stands in a row's dates and is none, or in its state and tells of trouble: a server's words may have come to stand there.
fn odd_words(row: &ListRow) -> Vec<String> {
    let dates = row.dates.by_sql().map(|(_, date)| date);
    let failed = row.failure.as_ref().and_then(|failure| failure.date.as_ref());
    let dates = dates.into_iter().chain([failed]).flatten();
    let odd = dates
        .filter(|date| !date.may_be_date())
        .map(|date| date.raw().to_owned());
    let is_trouble = |state: &&GrinState| matches!(state, GrinState::Other(words) if says_trouble(words, false));
    let state = row.grin_state.as_ref().filter(is_trouble);
    odd.chain(state.map(ToString::to_string)).collect()
}
