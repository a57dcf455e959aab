//! The links of a list page that could lead to more of the list, wherever and however they are written.

mod address;
mod form;
mod found;
mod held;
mod view;

pub(super) use crate::grin::list_page::pager::address::{RawText, looks_marked, script_of};
pub(super) use crate::grin::list_page::pager::found::{FoundLink, LinkTag};
pub(super) use crate::grin::list_page::pager::held::{
    HeldValue, calls_later_page, held_value, held_values, is_position, names_onward,
};

use url::Url;

use crate::grin::list_page::page_end::{LinkMeaning, LinkTarget, PageLink};
use crate::grin::list_page::pager::address::{
    LONGEST_ADDRESS, address, addresses_in, hides_place, names_place, spelled_out,
};
use crate::grin::list_page::pager::form::OpenForm;
use crate::grin::list_page::pager::held::OpenSelect;
use crate::grin::list_page::pager::view::{is_after, may_lead_on};

/// Longest text of a link that is looked at.
const LONGEST: usize = 4_096;
/// More links of the list than this are not kept, and as many again that say "next": no pager has so many.
const MOST_LINKS: usize = 1_000;
/// Keeps the links of a page whose addresses or words may lead to more of its list; what follows from them is decided by
/// [`super::page_end`].
#[derive(Debug)]
pub(super) struct PagerWatch {
    page: Url,
    base: Url,
    open: Option<OpenLink>,
    form: Option<OpenForm>,
    links: Vec<PageLink>,
    /// Something says "next" or promises more of the list, and tells no address that is known to name a place in it: a button, a link
    /// whose address is a script. The first of them, as it shows itself.
    unaddressed: Option<String>,
    /// Links that may be the list's are too many or too long to be kept.
    left_out: bool,
    select: Option<OpenSelect>,
    /// Words of the element that is open, is no link and can be clicked.
    clickable: Option<FoundLink>,
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
            unaddressed: None,
            left_out: false,
            select: None,
            clickable: None,
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
        // A link says for itself what it is.
        self.clickable = None;
        // Of one that is too long, only what it says is looked at, as of a link that tells no address.
        let href = if self.is_short(&tag.href) { &tag.href } else { "" };
        self.open = Some(OpenLink {
            is_button: false,
            href: address(href),
            rel: tag.rel.as_deref().and_then(LinkMeaning::of_rel),
            label: tag.label.clone().unwrap_or_default(),
            text: String::new(),
        });
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
        let clickable = self.clickable.as_mut().map(|found| &mut found.text);
        let option = self.select.as_mut().and_then(|select| select.untold.as_mut());
        let option = option.map(|option| &mut option.text);
        for kept in [link, form, clickable, option].into_iter().flatten() {
            say(kept, text);
        }
    }

    /// An element that can be clicked and is neither link nor button begins; in a link, its words are the link's.
    pub(super) fn clickable_begin(&mut self, label: String) {
        self.clickable = self.open.is_none().then(|| FoundLink {
            label,
            ..FoundLink::bare(String::new())
        });
    }

    /// It ends; what it says is of interest only if that leads on.
    pub(super) fn clickable_end(&mut self) -> Option<FoundLink> {
        self.clickable.take().filter(FoundLink::says_on)
    }

    /// `</a>`: the link as a whole.
    pub(super) fn end(&mut self) -> Option<FoundLink> {
        let OpenLink {
            is_button,
            href,
            rel,
            label,
            text,
        } = self.open.take()?;
        Some(FoundLink {
            may_be_pager: !is_button,
            rel,
            label,
            text,
            ..FoundLink::bare(href)
        })
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

    /// Whether an address is this list's, with whatever parameters. In a script it is written from the list's name on at least.
    fn is_list(&self, href: &str) -> bool {
        let Ok(url) = self.base.join(href) else { return false };
        !href.starts_with('?') && spelled_out(&url).eq_ignore_ascii_case(&spelled_out(&self.page))
    }

    /// The addresses in a value or script that name this list or a place in a list; of one that is too long, none.
    pub(super) fn addresses_in(&mut self, value: &str) -> Vec<String> {
        if self.is_short(value) {
            addresses_in(value, |href| self.is_list(href))
        } else {
            Vec::new()
        }
    }

    /// Whether an address is short enough to be looked at; if not, it is left out.
    fn is_short(&mut self, href: &str) -> bool {
        let is_short = href.len() <= LONGEST_ADDRESS;
        self.left_out |= !is_short && looks_marked(href);
        is_short
    }

    /// Keeps a link if it could lead to more of the list.
    pub(super) fn take(&mut self, found: &FoundLink) {
        match &found.held {
            None => {}
            Some(HeldValue::More) => return self.note_unaddressed(found),
            Some(HeldValue::Place(mark, value)) => {
                let mut place = self.page.clone();
                place.query_pairs_mut().clear().append_pair(mark, value);
                return self.keep_mirror(place);
            }
        }
        let meaning = found.meaning();
        let Some(script) = script_of(&found.href) else {
            if self.promises_more(found) || self.leads_on_elsewhere(found) {
                self.note_unaddressed(found);
            }
            return self.take_address(&found.href, meaning);
        };
        let addresses = self.addresses_in(script);
        if addresses.is_empty() && found.says_on() {
            self.note_unaddressed(found);
        }
        for href in addresses {
            if script_of(&href).is_some() {
                // A script within a script is not looked into, however deep it goes.
                self.left_out = true;
            } else {
                self.take_address(&href, meaning);
            }
        }
    }

    /// Whether a link of this list promises more of it, or leads anywhere else in it, and its address does not say where that begins.
    fn promises_more(&self, found: &FoundLink) -> bool {
        let Ok(url) = self.base.join(&found.href) else {
            return false;
        };
        let (path, page) = (spelled_out(&url).to_lowercase(), spelled_out(&self.page).to_lowercase());
        let Some(rest) = path.strip_prefix(&page) else {
            return false;
        };
        let is_below = rest.starts_with(['/', ';']);
        let is_other = is_below || rest.is_empty() && url.query() != self.page.query();
        let mut pairs = url.query_pairs();
        let size = pairs.find(|(name, _)| name == "result_count").map(|(_, size)| size);
        let says_on = found.promises_more(size.as_deref());
        let leads_on = is_below || self.is_later(&url) || found.may_be_pager && self.is_elsewhere(&url);
        is_other && !names_place(&url) && (says_on || leads_on && found.meaning() != LinkMeaning::Back)
    }

    /// Whether a link leads on by what it says, or is a place in this list by what its address hides (percent-encoded once more, as in a
    /// redirector's, or with a path that is written in another way), and its address names no place in this list that is understood.
    fn leads_on_elsewhere(&self, found: &FoundLink) -> bool {
        let says_next = found.meaning() == LinkMeaning::NextInWords;
        if found.href.starts_with('#') {
            return says_next || found.may_be_pager && found.promises_more(None);
        }
        if self.target(&found.href).place().is_some() {
            return false;
        }
        // One that is marked, and says "next", is refused by its address.
        says_next && !looks_marked(&found.href)
            || found.meaning() != LinkMeaning::Back && hides_place(&found.href, &self.page)
    }

    /// Whether an address of this list has parameters of which it is not known that they lead nowhere else in it.
    fn is_elsewhere(&self, url: &Url) -> bool {
        url.query_pairs()
            .any(|(name, value)| may_lead_on(&name, &value, self.own(&name).as_deref()))
    }

    /// The value that the page's own address has for a parameter.
    fn own(&self, name: &str) -> Option<String> {
        let mut pairs = self.page.query_pairs();
        pairs.find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
    }

    /// Whether an address of this list may be that of a later page, by parameters that have not been seen.
    fn is_later(&self, url: &Url) -> bool {
        url.query_pairs()
            .any(|(name, value)| is_position(&name, &value) && self.own(&name).is_none_or(|own| is_after(&value, &own)))
    }

    /// Keeps a link that is no script if it could lead to more of the list.
    fn take_address(&mut self, href: &str, meaning: LinkMeaning) {
        if href.starts_with('#') {
            // A place in this very page.
            return;
        }
        if !self.is_short(href) {
            self.left_out |= meaning.rank() > 0;
            return;
        }
        let target = self.target(href);
        let marked = target.place().map_or_else(|| looks_marked(href), names_place);
        let of_use = match (marked, &target) {
            (true, LinkTarget::Own(_) | LinkTarget::Mirror(_)) => true,
            (true, LinkTarget::Foreign) => meaning.rank() > 0,
            // With parameters that are not known, only words count: an arrow may be anything.
            (false, target) => matches!(target, LinkTarget::Own(_)) && meaning == LinkMeaning::NextInWords,
        };
        if of_use {
            self.keep(PageLink {
                href: href.to_owned(),
                target,
                marked,
                meaning,
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
        // A server may put something before the path, as `/u/0` for one of several accounts.
        if url.query_pairs().next().is_none() || !path.to_lowercase().ends_with(&spelled_out(&self.page).to_lowercase())
        {
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

    /// Notes that links that may be the list's are not looked at.
    pub(super) fn leave_out(&mut self) {
        self.left_out = true;
    }

    /// Whether links that may be the list's were too many or too long to be kept.
    pub(super) fn has_left_out(&self) -> bool {
        self.left_out
    }

    /// What says "next" or promises more, and tells no address that is understood, as it shows itself.
    pub(super) fn unaddressed(&self) -> Option<&str> {
        self.unaddressed.as_deref()
    }

    fn note_unaddressed(&mut self, found: &FoundLink) {
        // A value for a script shows nothing of itself.
        if self.unaddressed.as_ref().is_none_or(String::is_empty) {
            self.unaddressed = Some(found.shown());
        }
    }

    /// All links were seen. One that is still open was cut off, and its text may be half of something else.
    pub(super) fn finish(&mut self) -> Vec<PageLink> {
        self.form_end();
        self.select_end();
        std::mem::take(&mut self.links)
    }
}

/// Adds to a text of which no more than its beginning is of interest.
fn say(kept: &mut String, text: &str) {
    if kept.len() + text.len() <= LONGEST {
        kept.push_str(text);
    }
}

#[cfg(test)]
mod tests;
