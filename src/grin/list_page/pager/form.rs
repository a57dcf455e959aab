//! Forms, as the links that pressing their buttons makes.

use url::Url;

use crate::grin::list_page::page_end::{LinkMeaning, LinkTarget, PageLink};
use crate::grin::list_page::pager::address::{LONGEST_ADDRESS, address, is_mark, looks_marked, names_place};
use crate::grin::list_page::pager::held::{HeldValue, OpenSelect, UntoldOption, held_value};
use crate::grin::list_page::pager::{FoundLink, MOST_LINKS, PagerWatch, say};

/// Bytes of all addresses that a form makes, one for each button with all fields in it.
const MOST_BYTES: usize = 1 << 20;

/// `<form>` whose end has not come yet.
#[derive(Debug)]
pub(super) struct OpenForm {
    action: String,
    /// Its fields are sent in a body, which makes no address that could be followed.
    posts: bool,
    /// Fields that are sent whichever button is pressed.
    fields: FieldSet,
    /// Buttons that send a field of their own.
    buttons: FieldSet,
    pub(super) text: String,
    /// A field says where in a list a page begins.
    marked: bool,
    /// Fields are too many or too long, so that what the form sends is not known.
    left_out: bool,
}

/// Fields, by name and value.
#[derive(Debug, Default)]
struct FieldSet {
    fields: Vec<(String, String)>,
    bytes: usize,
}

impl OpenForm {
    fn new(action: &str, posts: bool) -> Self {
        let is_short = action.len() <= LONGEST_ADDRESS;
        Self {
            action: if is_short { address(action) } else { String::new() },
            posts,
            fields: FieldSet::default(),
            buttons: FieldSet::default(),
            text: String::new(),
            marked: !is_short && looks_marked(action),
            left_out: !is_short,
        }
    }

    fn add(&mut self, name: &str, value: &str, is_button: bool) {
        self.marked |= looks_marked(&format!("{}=", name.trim()));
        let set = if is_button { &mut self.buttons } else { &mut self.fields };
        set.bytes += name.len() + value.len();
        self.left_out |= set.fields.len() >= MOST_LINKS || self.is_too_long();
        if self.left_out {
            // A part of them would make wrong addresses.
            (self.fields, self.buttons) = Default::default();
            return;
        }
        let set = if is_button { &mut self.buttons } else { &mut self.fields };
        set.fields.push((address(name), address(value)));
    }

    fn is_too_long(&self) -> bool {
        let each = self.action.len() + self.fields.bytes;
        each + self.buttons.bytes > LONGEST_ADDRESS || each * self.buttons.fields.len() > MOST_BYTES
    }

    /// The address that it asks for with this button; for none, without one.
    fn address(&self, action: &Url, button: Option<&(String, String)>) -> Url {
        let mut url = action.clone();
        let fields = self.fields.fields.iter().chain(button);
        url.query_pairs_mut()
            .clear()
            .extend_pairs(fields.map(|(name, value)| (name, value)));
        url
    }

    /// What says where it leads. The value of a button that sends a place is that place; of another it is the words on it.
    fn words(&self, button: Option<&(String, String)>) -> String {
        match button {
            None => self.text.clone(),
            Some((name, _)) if is_mark(name) => String::new(),
            Some((_, value)) => value.clone(),
        }
    }
}

impl PagerWatch {
    /// `<form action method>`.
    pub(in crate::grin::list_page) fn form_begin(&mut self, action: &str, method: Option<&str>) {
        self.form_end();
        let posts = method.is_some_and(|method| method.trim().eq_ignore_ascii_case("post"));
        self.form = Some(OpenForm::new(action, posts));
    }

    /// `<input>` or `<button>` with a name and a value, in a form.
    pub(in crate::grin::list_page) fn field(&mut self, name: &str, value: &str, is_button: bool) {
        let Some(form) = &mut self.form else {
            // A button far from its form, which it names: `<button form=f name=first value=4>`.
            if is_button && is_mark(name) && !value.is_empty() {
                self.note_unaddressed(&FoundLink::bare(format!("{name}={value}")));
            }
            if let Some(value) = held_value(name, value).filter(|_| !is_button) {
                self.take(&FoundLink::held(value));
            }
            return;
        };
        if is_button {
            say(&mut form.text, " ");
            say(&mut form.text, value);
        }
        if !name.is_empty() {
            form.add(name, value, is_button);
        }
    }

    /// `<select name>`.
    pub(in crate::grin::list_page) fn select(&mut self, name: &str) {
        self.select_end();
        self.select = Some(OpenSelect::new(name, false));
    }

    /// `<datalist>`.
    pub(in crate::grin::list_page) fn suggestions(&mut self) {
        self.select_end();
        self.select = Some(OpenSelect::new("", true));
    }

    /// `<option value>`: a page that may be chosen. Without a value, what it says is its value.
    pub(in crate::grin::list_page) fn option(&mut self, value: Option<&str>, is_selected: bool) {
        self.option_end();
        match (value, &mut self.select) {
            (Some(value), _) => self.choose(value, is_selected),
            (None, Some(select)) => {
                let text = String::new();
                select.untold = Some(UntoldOption { text, is_selected });
            }
            (None, None) => {}
        }
    }

    fn option_end(&mut self) {
        let untold = self.select.as_mut().and_then(|select| select.untold.take());
        if let Some(UntoldOption { text, is_selected }) = untold {
            self.choose(text.trim(), is_selected);
        }
    }

    fn choose(&mut self, value: &str, is_selected: bool) {
        let Some(select) = &mut self.select else { return };
        select.option(value, is_selected);
        let name = select.name.clone();
        self.choice(&name, value);
    }

    /// A value that may be chosen, as by a button of its own: an option, or `<input type=radio>`.
    pub(in crate::grin::list_page) fn choice(&mut self, name: &str, value: &str) {
        if !is_mark(name) {
            return;
        }
        if self.form.is_some() {
            self.field(name, value, true);
        } else {
            self.take(&FoundLink::bare(format!("?{name}={}", address(value))));
        }
    }

    /// `</select>` or `</datalist>`.
    pub(in crate::grin::list_page) fn select_end(&mut self) {
        self.option_end();
        let select = self.select.take();
        if select.is_some_and(|select| select.leads_on()) {
            self.note_unaddressed(&FoundLink::bare("<select>".to_owned()));
        }
    }

    /// `</form>`: a link for its fields, and one for each button that adds a field.
    pub(in crate::grin::list_page) fn form_end(&mut self) {
        let Some(form) = self.form.take() else { return };
        let Ok(action) = self.base.join(&form.action) else {
            return;
        };
        if form.left_out {
            // One that posts is of use only if it sends a place in this list; of another, the words may do.
            let of_list = self.leads_to_list(&action);
            self.left_out |= (of_list && !form.posts) || (form.marked && (of_list || !form.posts));
            return;
        }
        if form.posts && !self.leads_to_list(&action) {
            // The page's own place would be one of its rows or before them.
            let held = form
                .fields
                .fields
                .iter()
                .filter_map(|(name, value)| held_value(name, value));
            let places: Vec<_> = held.filter(|held| matches!(held, HeldValue::Place(..))).collect();
            return places.into_iter().for_each(|place| self.take(&FoundLink::held(place)));
        }
        // What is sent in a body says that there is another page; nothing can be followed.
        let alone = form.posts || form.buttons.fields.is_empty();
        let pressed = form.buttons.fields.iter().map(Some).chain(alone.then_some(None));
        for button in pressed {
            let url = form.address(&action, button);
            if form.posts {
                self.take_posted(&url);
            } else {
                self.take(&FoundLink {
                    text: form.words(button),
                    ..FoundLink::bare(url.into())
                });
            }
        }
    }

    /// Whether an address is this list's, with whatever parameters.
    fn leads_to_list(&self, action: &Url) -> bool {
        let mut url = action.clone();
        url.set_query(Some("first=1"));
        self.target(url.as_str()).place().is_some()
    }

    /// A form of the list that sends a place in its body.
    fn take_posted(&mut self, url: &Url) {
        if self.is_short(url.as_str())
            && let LinkTarget::Own(url) | LinkTarget::Mirror(url) = self.target(url.as_str())
        {
            if self.is_later(&url) {
                self.note_unaddressed(&FoundLink::bare(url.to_string()));
            }
            if names_place(&url) {
                self.keep_mirror(url);
            }
        }
    }

    /// Keeps a place in the list that nobody can be asked for.
    pub(super) fn keep_mirror(&mut self, place: Url) {
        self.keep(PageLink {
            href: place.to_string(),
            target: LinkTarget::Mirror(place),
            marked: true,
            meaning: LinkMeaning::Unknown,
        });
    }
}
