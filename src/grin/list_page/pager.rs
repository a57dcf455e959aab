//! The links of a list page that could lead to more of the list, wherever and however they are written.

use url::Url;

use crate::grin::list_page::page_end::{LinkMeaning, PageLink};
use crate::grin::text;

/// Longest text and address of a link that are looked at.
const LONGEST: usize = 4_096;
/// More links of the list than this are not kept: no pager has so many.
const MOST_LINKS: usize = 1_000;

/// Collects links. It decides nothing; see [`super::page_end`].
#[derive(Debug)]
pub(super) struct PagerWatch {
    page: Url,
    base: Url,
    open: Option<OpenLink>,
    form: Option<OpenForm>,
    links: Vec<PageLink>,
    /// Something says "next" and tells no address: a button, a link whose address is a script.
    unaddressed_next: bool,
}

/// `<a href>` or `<button>` whose end has not come yet.
#[derive(Debug)]
struct OpenLink {
    is_button: bool,
    href: String,
    rel: Option<LinkMeaning>,
    label: String,
    text: String,
}

/// `<a>`'s or `<button>`'s attributes.
#[derive(Debug, Clone, Default)]
pub(super) struct LinkTag {
    /// Empty for a button.
    pub(super) href: String,
    pub(super) rel: Option<String>,
    /// `aria-label` or `title`.
    pub(super) label: Option<String>,
}

/// `<form method="get">` whose end has not come yet.
#[derive(Debug)]
struct OpenForm {
    action: String,
    /// Fields that are sent whichever button is pressed.
    fields: Vec<(String, String)>,
    /// Buttons that send a field of their own.
    buttons: Vec<(String, String)>,
    text: String,
}

/// A link as its tags and text tell it, with its address as it stands in the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundLink {
    pub(super) href: String,
    rel: Option<LinkMeaning>,
    label: String,
    text: String,
}

impl FoundLink {
    /// An address in an attribute, such as `data-href` or `onclick`.
    pub(super) fn bare(href: String) -> Self {
        Self {
            href,
            rel: None,
            label: String::new(),
            text: String::new(),
        }
    }

    /// A button with these words on it.
    pub(super) fn button(words: String) -> Self {
        Self {
            text: words,
            ..Self::bare(String::new())
        }
    }

    /// What it says: by `rel`, else by its text, else by its label.
    fn meaning(&self) -> LinkMeaning {
        let of = |text: &str| LinkMeaning::of_text(&text::from_html(text));
        self.rel.unwrap_or_else(|| match of(&self.text) {
            LinkMeaning::Unknown => of(&self.label),
            known => known,
        })
    }
}

impl PagerWatch {
    pub(super) fn new(page: &Url) -> Self {
        let mut page = page.clone();
        page.set_fragment(None);
        Self {
            base: page.clone(),
            page,
            open: None,
            form: None,
            links: Vec::new(),
            unaddressed_next: false,
        }
    }

    pub(super) fn page(&self) -> &Url {
        &self.page
    }

    /// `<base href>`: what relative addresses are relative to, as long as it stays on the same server.
    pub(super) fn base(&mut self, href: &str) {
        if let Ok(base) = self.page.join(&address(href))
            && base.origin() == self.page.origin()
        {
            self.base = base;
        }
    }

    /// `<a href>`: a link begins. Returns the one that was left open before it, if there is one.
    pub(super) fn begin(&mut self, tag: &LinkTag) -> Option<FoundLink> {
        let left_open = self.end();
        if tag.href.len() <= LONGEST {
            self.open = Some(OpenLink {
                is_button: false,
                href: address(&tag.href),
                rel: tag.rel.as_deref().and_then(LinkMeaning::of_rel),
                label: tag.label.clone().unwrap_or_default(),
                text: String::new(),
            });
        }
        left_open
    }

    /// `<button>`: in a link, its text is the link's.
    pub(super) fn button_begin(&mut self, tag: &LinkTag) {
        if self.open.is_none() {
            self.begin(tag);
            self.open.iter_mut().for_each(|open| open.is_button = true);
        }
    }

    /// `</button>`.
    pub(super) fn button_end(&mut self) -> Option<FoundLink> {
        let is_button = self.open.as_ref().is_some_and(|open| open.is_button);
        if is_button { self.end() } else { None }
    }

    /// Text of the page, or what stands for an image; it belongs to the open link and form, if there are such.
    pub(super) fn text(&mut self, text: &str) {
        let link = self.open.as_mut().map(|link| &mut link.text);
        let form = self.form.as_mut().map(|form| &mut form.text);
        for kept in [link, form].into_iter().flatten() {
            if kept.len() + text.len() <= LONGEST {
                kept.push_str(text);
            }
        }
    }

    /// `</a>`: the link as a whole.
    pub(super) fn end(&mut self) -> Option<FoundLink> {
        let OpenLink {
            href, rel, label, text, ..
        } = self.open.take()?;
        Some(FoundLink { href, rel, label, text })
    }

    /// `<link rel href>`, which has no text.
    pub(super) fn relation(&mut self, href: &str, rel: &str) {
        if let Some(rel) = LinkMeaning::of_rel(rel) {
            self.take(&FoundLink {
                rel: Some(rel),
                ..FoundLink::bare(address(href))
            });
        }
    }

    /// `<form action method>`; one that posts is none.
    pub(super) fn form_begin(&mut self, action: &str, method: Option<&str>) {
        self.form_end();
        if action.len() <= LONGEST && method.is_none_or(|method| method.trim().eq_ignore_ascii_case("get")) {
            self.form = Some(OpenForm {
                action: address(action),
                fields: Vec::new(),
                buttons: Vec::new(),
                text: String::new(),
            });
        }
    }

    /// `<input>` or `<button>` with a name and a value, in a form.
    pub(super) fn field(&mut self, name: &str, value: &str, is_button: bool) {
        let Some(form) = &mut self.form else { return };
        if is_button {
            form.text.push(' ');
            form.text.push_str(value);
        }
        let fields = if is_button { &mut form.buttons } else { &mut form.fields };
        if !name.is_empty() && fields.len() < MOST_LINKS && name.len() + value.len() <= LONGEST {
            fields.push((address(name), address(value)));
        }
    }

    /// `</form>`: a link for its fields, and one for each button that adds a field.
    pub(super) fn form_end(&mut self) {
        let Some(form) = self.form.take() else { return };
        let Ok(action) = self.base.join(&form.action) else {
            return;
        };
        let link = |more: Option<&(String, String)>| {
            let mut url = action.clone();
            url.query_pairs_mut()
                .clear()
                .extend_pairs(form.fields.iter().chain(more).map(|(name, value)| (name, value)));
            url
        };
        if form.buttons.is_empty() {
            let text = form.text.clone();
            self.take(&FoundLink {
                text,
                ..FoundLink::bare(link(None).into())
            });
        }
        let urls: Vec<_> = form.buttons.iter().map(|button| (link(Some(button)), button)).collect();
        for (url, (name, value)) in urls {
            // The value of a button that sends a place is that place; of another it is the words on it.
            let text = if is_mark(name) { String::new() } else { value.clone() };
            self.take(&FoundLink {
                text,
                ..FoundLink::bare(url.into())
            });
        }
    }

    /// Keeps a link if it could lead to more of the list.
    pub(super) fn take(&mut self, found: &FoundLink) {
        let meaning = found.meaning();
        if let Some(script) = script_of(&found.href) {
            let mut addresses = addresses_in(script).peekable();
            self.unaddressed_next |= meaning.rank() > 0 && addresses.peek().is_none();
            for href in addresses {
                self.take(&FoundLink { href, ..found.clone() });
            }
            return;
        }
        if found.href.starts_with('#') {
            // A place in this very page.
            return;
        }
        let same = self.same_list(&found.href);
        let marked = same.as_ref().map_or_else(|| looks_marked(&found.href), is_marked);
        let of_use = if marked {
            same.is_some() || meaning.rank() > 0
        } else {
            // With parameters that are not known, only words count: an arrow may be anything.
            same.is_some() && meaning == LinkMeaning::NextInWords
        };
        if of_use && self.links.len() < MOST_LINKS {
            self.links.push(PageLink {
                href: found.href.clone(),
                url: same,
                marked,
                meaning,
            });
        }
    }

    /// Whether a link leads to a place in this list.
    pub(super) fn leads_to_page(&self, href: &str) -> bool {
        self.same_list(&address(href)).is_some_and(|url| is_marked(&url))
    }

    /// The address, if it is the same list's on the same server.
    fn same_list(&self, href: &str) -> Option<Url> {
        let mut url = self.base.join(href).ok()?;
        url.set_fragment(None);
        let plain = url.username().is_empty() && url.password().is_none();
        let same = url.origin() == self.page.origin() && url.path() == self.page.path();
        let has_query = url.query_pairs().next().is_some();
        (plain && same && has_query).then_some(url)
    }

    /// Whether something says "next" and tells no address.
    pub(super) fn has_unaddressed_next(&self) -> bool {
        self.unaddressed_next
    }

    /// All links were seen. One that is still open was cut off, and its text may be half of something else.
    pub(super) fn finish(&mut self) -> Vec<PageLink> {
        self.form_end();
        std::mem::take(&mut self.links)
    }
}

/// What a link's address is a script for, or nothing: then only the link's words say what it is.
pub(super) fn script_of(href: &str) -> Option<&str> {
    let is_script = |start: &str| start.eq_ignore_ascii_case("javascript:");
    match href.split_at_checked("javascript:".len()) {
        Some((start, script)) if is_script(start) => Some(script),
        _ if href.is_empty() || href == "#" => Some(""),
        _ => None,
    }
}

/// The addresses in an attribute's value that name a place in a list: `location.href='_all_books?first=3'`.
pub(super) fn addresses_in(value: &str) -> impl Iterator<Item = String> {
    let value = if value.len() <= LONGEST && looks_marked(value) {
        value
    } else {
        ""
    };
    let value = address(value);
    let words: Vec<String> = value
        .split(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '`' | '(' | ')' | ';' | ','))
        .filter(|word| looks_marked(word))
        .map(str::to_owned)
        .collect();
    words.into_iter()
}

/// An attribute's value, character references read.
fn address(value: &str) -> String {
    html_escape::decode_html_entities(value.trim()).into_owned()
}

/// Whether an address says where in the list its page begins.
fn is_marked(url: &Url) -> bool {
    url.query_pairs()
        .any(|(name, value)| is_mark(&name) && !value.is_empty())
}

/// Whether a parameter of this name says where in a list a page begins.
fn is_mark(name: &str) -> bool {
    matches!(name, "first" | "ctoken")
}

fn looks_marked(text: &str) -> bool {
    ["first=", "ctoken="].iter().any(|mark| text.contains(mark))
}

#[cfg(test)]
mod tests;
