//! A link, button or value for a script as it stands in the page, and what it says about where it leads.

use crate::grin::list_page::page_end::{LinkMeaning, are_onward_arrows, promises_more, short};
use crate::grin::list_page::pager::held::HeldValue;
use crate::grin::text;

/// `<a>`'s or `<button>`'s attributes.
#[derive(Debug, Clone, Default)]
pub(in crate::grin::list_page) struct LinkTag {
    /// Empty for a button.
    pub(in crate::grin::list_page) href: String,
    pub(in crate::grin::list_page) rel: Option<String>,
    /// `aria-label` or `title`.
    pub(in crate::grin::list_page) label: Option<String>,
}

/// A link as its tags and text tell it, with its address as it stands in the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::grin::list_page) struct FoundLink {
    pub(in crate::grin::list_page) href: String,
    pub(super) rel: Option<LinkMeaning>,
    pub(super) label: String,
    pub(super) text: String,
    /// A link as pagers have them, of which also an address with parameters that are not known may lead on.
    pub(in crate::grin::list_page) may_be_pager: bool,
    /// It is no link: a value that the page holds for a script.
    pub(super) held: Option<HeldValue>,
}

impl FoundLink {
    /// An address without words.
    pub(in crate::grin::list_page) fn bare(href: String) -> Self {
        Self {
            href,
            rel: None,
            label: String::new(),
            text: String::new(),
            may_be_pager: false,
            held: None,
        }
    }

    /// An address of the list in an attribute or script.
    pub(in crate::grin::list_page) fn aside(href: String) -> Self {
        Self {
            may_be_pager: true,
            ..Self::bare(href)
        }
    }

    /// A value for a script.
    pub(in crate::grin::list_page) fn held(value: HeldValue) -> Self {
        Self {
            held: Some(value),
            ..Self::bare(String::new())
        }
    }

    /// A button with these words on it.
    pub(in crate::grin::list_page) fn button(words: String) -> Self {
        Self {
            text: words,
            ..Self::bare(String::new())
        }
    }

    /// Its words and its address, for whoever has to find it on the page.
    pub(super) fn shown(&self) -> String {
        let words = [&self.text, &self.label].map(|text| short(&text::from_html(text)));
        let words = words.into_iter().find(|words| !words.is_empty());
        let words = words.map(|words| format!("{words:?}"));
        let address = Some(short(&self.href)).filter(|href| !href.is_empty());
        let shown: Vec<_> = [words, address].into_iter().flatten().collect();
        shown.join(" at ")
    }

    /// See [`promises_more`].
    pub(super) fn promises_more(&self, size: Option<&str>) -> bool {
        [&self.text, &self.label]
            .iter()
            .any(|text| promises_more(&text::from_html(text), size))
    }

    /// Whether it leads on by its words.
    pub(in crate::grin::list_page) fn says_on(&self) -> bool {
        let is_arrow = [&self.text, &self.label]
            .iter()
            .any(|text| are_onward_arrows(&text::from_html(text)));
        is_arrow || self.meaning().rank() > 0 || self.promises_more(None)
    }

    /// What it says: by `rel`, else by its text, else by its label.
    pub(super) fn meaning(&self) -> LinkMeaning {
        let of = |text: &str| LinkMeaning::of_text(&text::from_html(text));
        self.rel.unwrap_or_else(|| match of(&self.text) {
            LinkMeaning::Unknown => of(&self.label),
            known => known,
        })
    }
}
