//! The links of a list page that could lead to more of the list, wherever and however they are written.

use url::{Url, form_urlencoded};

use crate::grin::list_page::page_end::{LinkMeaning, LinkTarget, PageLink};
use crate::grin::text;

/// Longest text of a link that is looked at.
const LONGEST: usize = 4_096;
/// Longest address, script and the like that is looked at.
const LONGEST_ADDRESS: usize = 64 << 10;
/// More links of the list than this are not kept, and as many again that say "next": no pager has so many.
const MOST_LINKS: usize = 1_000;
/// Parameters that say where in a list a page begins.
const MARKS: [&str; 2] = ["first", "ctoken"];

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
    /// Links that may be the list's are too many or too long to be kept.
    left_out: bool,
    /// Name of the open `<select>`.
    select: Option<String>,
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

/// Text in which addresses of places in a list are looked for, as it comes in pieces of at most 16 KiB.
#[derive(Debug, Default)]
pub(super) struct RawText(String);

impl RawText {
    /// The next piece; the addresses in all of it when it is the last one, or when there is much of it.
    pub(super) fn push(&mut self, piece: &str, last: bool) -> Vec<String> {
        self.0.push_str(piece);
        if !last && self.0.len() < LONGEST_ADDRESS / 2 {
            return Vec::new();
        }
        let found = addresses_in(&self.0).collect();
        self.0.clear();
        found
    }
}

/// `<form>` whose end has not come yet.
#[derive(Debug)]
struct OpenForm {
    action: String,
    /// Its fields are sent in a body, which makes no address that could be followed.
    posts: bool,
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
            left_out: false,
            select: None,
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
        if self.is_short(&tag.href) {
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

    /// Whether an address is short enough to be looked at.
    fn is_short(&mut self, href: &str) -> bool {
        let is_short = href.len() <= LONGEST_ADDRESS;
        self.left_out |= !is_short && looks_marked(href);
        is_short
    }

    /// `<form action method>`.
    pub(super) fn form_begin(&mut self, action: &str, method: Option<&str>) {
        self.form_end();
        if self.is_short(action) {
            self.form = Some(OpenForm {
                action: address(action),
                posts: method.is_some_and(|method| method.trim().eq_ignore_ascii_case("post")),
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
        if !name.is_empty() && fields.len() < MOST_LINKS && name.len() + value.len() <= LONGEST_ADDRESS {
            fields.push((address(name), address(value)));
        }
    }

    /// `<select name>`.
    pub(super) fn select(&mut self, name: &str) {
        self.select = Some(name.to_owned()).filter(|name| is_mark(name));
    }

    /// `<option value>`: a page that may be chosen, as by a button of its own.
    pub(super) fn option(&mut self, value: &str) {
        let Some(name) = self.select.clone() else { return };
        if self.form.is_some() {
            self.field(&name, value, true);
        } else {
            self.take(&FoundLink::bare(format!("?{name}={}", address(value))));
        }
    }

    /// `</select>`.
    pub(super) fn select_end(&mut self) {
        self.select = None;
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
        if form.posts {
            // The fields say that there is another page; nothing can be followed.
            let pressed = form.buttons.iter().map(Some).chain([None]);
            let urls: Vec<_> = pressed.map(link).collect();
            urls.iter().for_each(|url| self.take_posted(url));
            return;
        }
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
        let target = self.target(&found.href);
        let marked = target.place().map_or_else(|| looks_marked(&found.href), names_place);
        let of_use = match (marked, &target) {
            (true, LinkTarget::Own(_) | LinkTarget::Mirror(_)) => true,
            (true, LinkTarget::Foreign) => meaning.rank() > 0,
            // With parameters that are not known, only words count: an arrow may be anything.
            (false, target) => matches!(target, LinkTarget::Own(_)) && meaning == LinkMeaning::NextInWords,
        };
        if of_use {
            self.keep(PageLink {
                href: found.href.clone(),
                target,
                marked,
                meaning,
            });
        }
    }

    /// A form of the list that sends a place in its body.
    fn take_posted(&mut self, url: &Url) {
        if let LinkTarget::Own(url) | LinkTarget::Mirror(url) = self.target(url.as_str())
            && names_place(&url)
        {
            self.keep(PageLink {
                href: url.to_string(),
                target: LinkTarget::Mirror(url),
                marked: true,
                meaning: LinkMeaning::Unknown,
            });
        }
    }

    fn keep(&mut self, link: PageLink) {
        let room = if link.meaning.rank() > 0 { 2 } else { 1 } * MOST_LINKS;
        if self.links.len() < room {
            self.links.push(link);
        } else {
            self.left_out = true;
        }
    }

    /// Whether a link leads to a place in this list.
    pub(super) fn leads_to_page(&self, href: &str) -> bool {
        let target = self.target(&address(href));
        matches!(&target, LinkTarget::Own(url) if names_place(url))
    }

    /// What an address leads to, seen from this page.
    fn target(&self, href: &str) -> LinkTarget {
        let Ok(mut url) = self.base.join(href) else {
            return LinkTarget::Foreign;
        };
        url.set_fragment(None);
        let path = spelled_out(&url);
        if url.query_pairs().next().is_none() || path.to_lowercase() != spelled_out(&self.page).to_lowercase() {
            return LinkTarget::Foreign;
        }
        let plain = url.username().is_empty() && url.password().is_none();
        let same = url.origin() == self.page.origin() && path == spelled_out(&self.page);
        if plain && same && !url.path().ends_with('/') {
            return LinkTarget::Own(url);
        }
        let mut place = self.page.clone();
        place.set_query(url.query());
        LinkTarget::Mirror(place)
    }

    /// Whether links that may be the list's were too many or too long to be kept.
    pub(super) fn has_left_out(&self) -> bool {
        self.left_out
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

/// The addresses in an attribute's value or a script that name a place in a list: `location.href='_all_books?first=3'`.
pub(super) fn addresses_in(value: &str) -> impl Iterator<Item = String> {
    let value = if value.len() <= LONGEST_ADDRESS && looks_marked(value) {
        value
    } else {
        ""
    };
    let value = address(value);
    let words: Vec<String> = value
        .split(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '`' | '(' | ')' | '<' | '>' | ';' | ','))
        .map(|word| {
            ["href=", "url="]
                .iter()
                .find_map(|name| word.strip_prefix(name))
                .unwrap_or(word)
        })
        .filter(|word| looks_marked(word))
        .map(str::to_owned)
        .collect();
    words.into_iter()
}

/// An attribute's value, character references read.
fn address(value: &str) -> String {
    html_escape::decode_html_entities(value.trim()).into_owned()
}

/// The path with its percent-encoding read and without a slash at its end.
fn spelled_out(url: &Url) -> String {
    let path = url.path().replace('+', "%2B").replace(['&', '='], "%00");
    let read = form_urlencoded::parse(path.as_bytes()).next();
    let path = read.map(|(path, _)| path.into_owned()).unwrap_or_default();
    path.trim_end_matches('/').to_owned()
}

/// Whether an address says where in the list its page begins, however its parameters are written.
fn names_place(url: &Url) -> bool {
    let query = url.query().unwrap_or_default().to_ascii_lowercase();
    MARKS.iter().any(|mark| {
        query.match_indices(mark).any(|(at, _)| {
            let begins = !query[..at].ends_with(|c: char| c.is_alphanumeric());
            let value = query[at + mark.len()..].strip_prefix('=');
            begins && value.is_some_and(|value| !value.is_empty() && !value.starts_with(['&', ';']))
        })
    })
}

/// Whether a parameter of this name says where in a list a page begins.
fn is_mark(name: &str) -> bool {
    MARKS.iter().any(|mark| mark.eq_ignore_ascii_case(name))
}

fn looks_marked(text: &str) -> bool {
    let is_mark = |text: &[u8], mark: &str| {
        let named = text
            .get(..mark.len())
            .is_some_and(|name| name.eq_ignore_ascii_case(mark.as_bytes()));
        named && text.get(mark.len()) == Some(&b'=')
    };
    let bytes = text.as_bytes();
    MARKS
        .iter()
        .any(|mark| (0..bytes.len()).any(|at| is_mark(&bytes[at..], mark)))
}

#[cfg(test)]
mod tests;
