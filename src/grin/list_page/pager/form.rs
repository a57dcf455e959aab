//! Forms, as the links that pressing their buttons makes.

use url::Url;

use crate::grin::list_page::page_end::{LinkMeaning, LinkTarget, PageLink};
use crate::grin::list_page::pager::address::{LONGEST_ADDRESS, address, is_mark, names_place};
use crate::grin::list_page::pager::{FoundLink, MOST_LINKS, PagerWatch};

/// `<form>` whose end has not come yet.
#[derive(Debug)]
pub(super) struct OpenForm {
    action: String,
    /// Its fields are sent in a body, which makes no address that could be followed.
    posts: bool,
    /// Fields that are sent whichever button is pressed.
    fields: Vec<(String, String)>,
    /// Buttons that send a field of their own.
    buttons: Vec<(String, String)>,
    pub(super) text: String,
}

impl PagerWatch {
    /// `<form action method>`.
    pub(in crate::grin::list_page) fn form_begin(&mut self, action: &str, method: Option<&str>) {
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
    pub(in crate::grin::list_page) fn field(&mut self, name: &str, value: &str, is_button: bool) {
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
    pub(in crate::grin::list_page) fn select(&mut self, name: &str) {
        self.select = Some(name.to_owned()).filter(|name| is_mark(name));
    }

    /// `<option value>`: a page that may be chosen, as by a button of its own.
    pub(in crate::grin::list_page) fn option(&mut self, value: &str) {
        let Some(name) = self.select.clone() else { return };
        if self.form.is_some() {
            self.field(&name, value, true);
        } else {
            self.take(&FoundLink::bare(format!("?{name}={}", address(value))));
        }
    }

    /// `</select>`.
    pub(in crate::grin::list_page) fn select_end(&mut self) {
        self.select = None;
    }

    /// `</form>`: a link for its fields, and one for each button that adds a field.
    pub(in crate::grin::list_page) fn form_end(&mut self) {
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
}
