//! Cells, text, links and fields as they go by: each to the row, the pager or what stands outside of the table.

use crate::grin::list_page::counted::tells_of_more;
use crate::grin::list_page::page::{ListPageState, MOST_NOTES, OpenRow, RowKind};
use crate::grin::list_page::pager::{FoundLink, HeldValue, LinkTag, held_values};

/// Longest attribute in which a count is looked for.
const MOST_SHOWN: usize = 1_000;

/// `<input>`'s and `<button>`'s attributes.
#[derive(Debug, Clone, Default)]
pub(in crate::grin::list_page) struct InputTag {
    pub(in crate::grin::list_page) kind: String,
    pub(in crate::grin::list_page) name: String,
    pub(in crate::grin::list_page) value: Option<String>,
    pub(in crate::grin::list_page) disabled: bool,
}

impl ListPageState {
    /// `<td>` or `<th>`, `span` columns wide; returns the number for [`ListPageState::cell_end`] if its row is read.
    pub(in crate::grin::list_page) fn cell(&mut self, span: usize) -> Option<u64> {
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
                let serial = self.next_serial();
                self.cell = Some(serial);
                Some(serial)
            }
            _ => {
                self.separator();
                if self.row.is_none() {
                    self.outside.cell();
                }
                None
            }
        }
    }

    /// The end of a cell of a row.
    pub(in crate::grin::list_page) fn cell_end(&mut self, serial: u64) {
        if self.cell == Some(serial) {
            self.cell = None;
        }
    }

    /// `<span class="hd3">`, the name of a column.
    pub(in crate::grin::list_page) fn name_begin(&mut self) {
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
    pub(in crate::grin::list_page) fn name_end(&mut self) {
        if let Some(OpenRow {
            kind: RowKind::Heading { in_name, .. },
            ..
        }) = &mut self.row
        {
            *in_name = false;
        }
    }

    /// `<br>`, `<p>` and the like: words before and after are not one.
    pub(in crate::grin::list_page) fn separator(&mut self) {
        self.text(" ");
        if self.row.is_none() {
            self.outside.pause(self.foot);
        }
    }

    /// Text, character references still in it.
    pub(in crate::grin::list_page) fn text(&mut self, text: &str) {
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
            Some(row) if row.kind == RowKind::Data && self.cell.is_none() => {
                // Between most cells stands a line's end.
                if !text.trim().is_empty() {
                    self.outside.loose(text);
                }
            }
            Some(_) => self.cells.text(text, self.cell_limit),
            None if self.in_list() && !self.foot => self.outside.loose(text),
            None => self.outside.text(text),
        }
    }

    /// `<a href>`.
    pub(in crate::grin::list_page) fn link(&mut self, tag: LinkTag) {
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
    pub(in crate::grin::list_page) fn link_end(&mut self) {
        let link = self.pager.end();
        self.place_link(link);
    }

    /// `<button>`.
    pub(in crate::grin::list_page) fn button(&mut self, tag: &LinkTag) {
        self.pager.button_begin(tag);
    }

    /// `</button>`.
    pub(in crate::grin::list_page) fn button_end(&mut self) {
        let button = self.pager.button_end();
        self.place_link(button);
    }

    /// An element that can be clicked and is neither link nor button.
    pub(in crate::grin::list_page) fn clickable(&mut self, label: String) {
        self.pager.clickable_begin(label);
    }

    /// Its end.
    pub(in crate::grin::list_page) fn clickable_end(&mut self) {
        let found = self.pager.clickable_end();
        self.place_link(found);
    }

    /// A value that the page holds for a script.
    pub(in crate::grin::list_page) fn held(&mut self, value: HeldValue) {
        self.place_link(Some(FoundLink::held(value)));
    }

    /// `<area href alt>`, which has no end tag.
    pub(in crate::grin::list_page) fn area(&mut self, tag: &LinkTag) {
        let left_open = self.pager.begin(tag);
        self.place_link(left_open);
        self.link_end();
    }

    /// An address that is loaded in or after the page.
    pub(in crate::grin::list_page) fn leads_to(&mut self, href: &str) {
        self.area(&LinkTag {
            href: href.to_owned(),
            ..LinkTag::default()
        });
    }

    /// A box for errors; `true` outside of the list's rows, where its end is to be told, too.
    pub(in crate::grin::list_page) fn alert(&mut self) -> bool {
        let is_outside = self.row.is_none();
        if is_outside {
            self.outside.alert();
        }
        is_outside
    }

    /// Its end.
    pub(in crate::grin::list_page) fn alert_end(&mut self) {
        self.outside.alert_end();
    }

    /// `<img alt>`: what a link says that is an image.
    pub(in crate::grin::list_page) fn image(&mut self, alt: &str) {
        self.pager.text(alt);
    }

    /// An image that does something when it is clicked.
    pub(in crate::grin::list_page) fn image_button(&mut self, words: String) {
        self.place_link(Some(FoundLink::button(words)));
    }

    /// Words in an attribute: what something shows that is no text.
    pub(in crate::grin::list_page) fn aside(&mut self, words: &str) {
        if words.len() <= MOST_SHOWN && tells_of_more(words) {
            self.held(HeldValue::More);
        }
    }

    /// `<link rel href>`.
    pub(in crate::grin::list_page) fn relation(&mut self, href: &str, rel: &str) {
        self.pager.relation(href, rel);
    }

    /// The addresses in an attribute that is no link's own: `data-href`, `onclick`, `value` of an option.
    pub(in crate::grin::list_page) fn addresses_in(&mut self, value: &str) {
        for href in self.pager.addresses_in(value) {
            self.place_link(Some(FoundLink::aside(href)));
        }
    }

    /// Text that is no markup to us: a script, or `<noscript>`; `last`: its element ends here.
    pub(in crate::grin::list_page) fn raw_text(&mut self, text: &str, last: bool) {
        if let Some(text) = self.raw.push(text, last) {
            self.addresses_in(&text);
            held_values(&text).into_iter().for_each(|value| self.held(value));
        }
    }

    /// `<select name>`.
    pub(in crate::grin::list_page) fn select(&mut self, name: &str) {
        self.pager.select(name);
    }

    /// `<datalist>`.
    pub(in crate::grin::list_page) fn suggestions(&mut self) {
        self.pager.suggestions();
    }

    /// `</select>` or `</datalist>`.
    pub(in crate::grin::list_page) fn select_end(&mut self) {
        self.pager.select_end();
    }

    /// `<option value>`.
    pub(in crate::grin::list_page) fn option(&mut self, value: Option<&str>, is_selected: bool) {
        self.pager.option(value, is_selected);
    }

    fn place_link(&mut self, link: Option<FoundLink>) {
        let Some(mut link) = link else { return };
        if !self.in_data_row() {
            // In a heading stand links by which rows are sorted.
            link.may_be_pager &= self.row.is_none();
            self.pager.take(&link);
        } else if self.row_links.len() < MOST_NOTES {
            self.row_links.push(link);
        } else {
            self.row_links_left_out = true;
        }
    }

    /// `<input>` or `<button>`.
    pub(in crate::grin::list_page) fn input(&mut self, tag: InputTag) {
        let is = |kinds: &[&str]| kinds.iter().any(|kind| tag.kind.eq_ignore_ascii_case(kind));
        if is(&["password"]) {
            self.outside.password();
        }
        if tag.name.eq_ignore_ascii_case("barcodes") {
            if let (true, Some(value)) = (self.in_data_row(), tag.value) {
                self.cells.tick(value);
            }
            return;
        }
        let value = tag.value.unwrap_or_default();
        if is(&["submit", "image", "button"]) && !tag.disabled {
            self.place_link(Some(FoundLink::button(value.clone())));
        }
        if is(&["radio"]) {
            self.pager.choice(&tag.name, &value);
        }
        if is(&["", "hidden", "text", "number", "submit", "image"]) {
            self.pager.field(&tag.name, &value, is(&["submit", "image"]));
        }
    }

    /// `<form action method>`.
    pub(in crate::grin::list_page) fn form(&mut self, action: &str, method: Option<&str>) {
        self.outside.address(action);
        self.pager.form_begin(action, method);
    }

    /// `</form>`.
    pub(in crate::grin::list_page) fn form_end(&mut self) {
        self.pager.form_end();
    }

    /// `<meta content>`: an address that the page leads to.
    pub(in crate::grin::list_page) fn address(&mut self, address: &str) {
        self.outside.address(address);
    }

    /// `<base href>`.
    pub(in crate::grin::list_page) fn base(&mut self, href: &str) {
        self.pager.base(href);
    }

    /// Text of `<title>`.
    pub(in crate::grin::list_page) fn title(&mut self, text: &str) {
        self.outside.title(text);
    }

    /// `<html>` or `<body>`.
    pub(in crate::grin::list_page) fn root_begin(&mut self, is_html: bool) {
        if is_html && self.root_begun {
            self.outside.second_page();
        }
        self.root_begun = true;
    }
}
