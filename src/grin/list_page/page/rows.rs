//! What the end of a row brings: a heading, a volume, a pager, or a reason why it is none of them.

use crate::grin::RejectedRow;
use crate::grin::list_page::cells::RowRead;
use crate::grin::list_page::heading::ListHeading;
use crate::grin::list_page::page::{ListPageState, MOST_NOTES};

impl ListPageState {
    pub(super) fn take_heading(&mut self, level: usize) {
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

    pub(super) fn take_row(&mut self) {
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
                self.row_links_left_out = false;
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
