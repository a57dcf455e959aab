//! The tags of a list page, each turned into an event of the page's state.

use std::borrow::Cow;

use lol_html::html_content::TextType;
use lol_html::send::{Element, SendHandlerTypes};
use lol_html::{DocumentContentHandlers, ElementContentHandlers, HandlerResult, Selector};

use crate::grin::list_page::charset::{charset, charset_of};
use crate::grin::list_page::page::InputTag;
use crate::grin::list_page::pager::{
    HeldValue, LinkTag, calls_later_page, held_value, held_values, is_position, looks_marked, names_onward, script_of,
};
use crate::grin::list_page::parser::SharedListPage;

type Tag<'r, 't> = Element<'r, 't>;

/// All tags, told apart by name here: twenty selectors would each be tried on every tag, which takes longer.
pub(super) fn tags(
    page: SharedListPage,
) -> (
    Cow<'static, Selector>,
    ElementContentHandlers<'static, SendHandlerTypes>,
) {
    let every = "*"
        .parse()
        .expect("a selector that every page of this program's tests uses");
    let handler = move |element: &mut Tag<'_, '_>| -> HandlerResult {
        begin(&page, element);
        Ok(())
    };
    (Cow::Owned(every), ElementContentHandlers::default().element(handler))
}

fn begin(page: &SharedListPage, element: &mut Tag<'_, '_>) {
    let tag = element.tag_name();
    attribute_addresses(page, element, &tag);
    control(page, element, &tag);
    if is_alert(element) && element.can_have_content() && page.get().alert() {
        at_end(element, page, |page| page.get().alert_end());
    }
    match tag.as_str() {
        "td" | "th" => cell(page, element),
        "tr" => row(page, element),
        "a" => link(page, element),
        "area" => page.get().area(&link_tag(element)),
        "iframe" | "frame" => page.get().leads_to(&attribute(element, "src")),
        "link" => page
            .get()
            .relation(&attribute(element, "href"), &attribute(element, "rel")),
        "img" => image(page, element),
        "input" => {
            if attribute(element, "type").eq_ignore_ascii_case("image") && !is_disabled(element) {
                page.get().image_button(image_words(element));
            }
            page.get().input(input_tag(element, ""));
        }
        "button" => button(page, element),
        "select" => {
            page.get().select(&attribute(element, "name"));
            at_end(element, page, |page| page.get().select_end());
        }
        "datalist" => {
            page.get().suggestions();
            at_end(element, page, |page| page.get().select_end());
        }
        "span" => name(page, element),
        "table" => table(page, element),
        "thead" | "tbody" => page.get().section(false),
        "tfoot" => page.get().section(true),
        // Tags at which words end.
        "br" | "hr" => page.get().separator(),
        "p" | "div" | "li" | "ul" | "ol" | "dl" | "dt" | "dd" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "pre"
        | "blockquote" | "caption" | "center" | "section" | "article" | "header" | "footer" | "nav" | "main"
        | "fieldset" | "legend" | "address" => block(page, element),
        "option" => {
            let is_selected = element.has_attribute("selected");
            page.get()
                .option(element.get_attribute("value").as_deref(), is_selected);
            block(page, element);
        }
        "html" | "body" => root(page, element),
        "base" => page.get().base(&attribute(element, "href")),
        "form" => form(page, element),
        "meta" => meta(page, element),
        _ => {}
    }
}

/// What can be clicked and is no link, or is one without an address.
fn control(page: &SharedListPage, element: &mut Tag<'_, '_>, tag: &str) {
    let is_clickable = is_clickable(element, tag);
    if (is_clickable || is_control(element, tag)) && names_way_on(element) {
        page.get().held(HeldValue::More);
    }
    if is_clickable {
        let label = link_tag(element).label.unwrap_or_default();
        page.get().clickable(label);
        at_end(element, page, |page| page.get().clickable_end());
    }
}

/// Addresses of places in a list, and values that lead on, that stand elsewhere than in a link: `onclick`, `data-href`, `formaction`,
/// `value`.
fn attribute_addresses(page: &SharedListPage, element: &Tag<'_, '_>, tag: &str) {
    for attribute in element.attributes() {
        let name = attribute.name();
        let own = matches!(
            (tag, name.as_str()),
            ("a" | "area" | "link" | "base", "href") | ("form", "action") | ("img", "src")
        );
        let value = attribute.value();
        if !own && (looks_marked(&value) || value.contains('?')) {
            page.get().addresses_in(&value);
        }
        if matches!(name.as_str(), "title" | "alt" | "value" | "aria-label") {
            page.get().aside(&value);
        }
        let acts = name.starts_with("on") && names_onward(&value);
        let is_handler = acts || leads_to_later_page(&name, &value);
        let mut held: Vec<_> = held_value(&name, &value).into_iter().collect();
        held.extend(is_handler.then_some(HeldValue::More));
        if value.contains('{') {
            held.extend(held_values(&html_escape::decode_html_entities(&value)));
        }
        if !held.is_empty() && !is_disabled(element) {
            held.into_iter().for_each(|value| page.get().held(value));
        }
    }
}

/// Whether an attribute is a script that is given the number of a later page.
fn leads_to_later_page(name: &str, value: &str) -> bool {
    let script = match name {
        "href" => script_of(value),
        _ => name.starts_with("on").then_some(value),
    };
    script.is_some_and(|script| calls_later_page(&html_escape::decode_html_entities(script)))
}

/// Whether what stands in it is an error, by its role, class or colour.
fn is_alert(element: &Tag<'_, '_>) -> bool {
    element
        .attributes()
        .iter()
        .any(|attribute| match attribute.name().as_str() {
            "class" | "id" | "role" => {
                let value = attribute.value().to_ascii_lowercase();
                let mut words = value.split(|c: char| !c.is_ascii_alphanumeric());
                words.any(|word| ["alert", "err", "error", "errors", "exception", "failure", "warning"].contains(&word))
            }
            "color" => attribute.value().eq_ignore_ascii_case("red"),
            _ => false,
        })
}

fn meta(page: &SharedListPage, element: &Tag<'_, '_>) {
    let content = attribute(element, "content");
    page.get().address(&content);
    if attribute(element, "http-equiv").eq_ignore_ascii_case("refresh")
        && let Some((_, href)) = content.split_once('=')
    {
        page.get().leads_to(href.trim_matches(['\'', '"', ' ']));
    }
    let is_type = attribute(element, "http-equiv").eq_ignore_ascii_case("content-type");
    let named = charset(&attribute(element, "charset"));
    if let Some(charset) = named.or_else(|| charset_of(&content).filter(|_| is_type)) {
        page.get().declare_charset(charset);
    }
}

fn image(page: &SharedListPage, element: &Tag<'_, '_>) {
    let words = image_words(element);
    page.get().image(&words);
    if element.has_attribute("onclick") && !is_disabled(element) {
        page.get().image_button(words);
    }
}

/// Whether something does what a script says, and has no address.
fn is_control(element: &Tag<'_, '_>, tag: &str) -> bool {
    let acts = match tag {
        "a" => element
            .get_attribute("href")
            .is_some_and(|href| script_of(&href).is_some()),
        "button" => true,
        "img" => element.has_attribute("onclick"),
        _ => false,
    };
    acts && !is_disabled(element)
}

/// Whether something that can be clicked leads on by its attributes: its class, its id, or what it holds for a script.
fn names_way_on(element: &Tag<'_, '_>) -> bool {
    element.attributes().iter().any(|attribute| {
        let (name, value) = (attribute.name(), attribute.value());
        match name.strip_prefix("data-") {
            Some(name) => names_onward(&value) || is_position(name, &value),
            None => matches!(name.as_str(), "class" | "id" | "name") && names_onward(&value),
        }
    })
}

/// What an image says: by its text, else by its file's name.
fn image_words(element: &Tag<'_, '_>) -> String {
    let alt = attribute(element, "alt");
    if !alt.trim().is_empty() {
        return alt;
    }
    let source = attribute(element, "src");
    let file = source.split(['?', '#']).next().unwrap_or_default();
    let file = file.rsplit('/').next().unwrap_or_default();
    let stem = file.split('.').next().unwrap_or_default();
    match stem {
        "next" => stem.to_owned(),
        _ if names_onward(stem) => "more".to_owned(),
        _ => alt,
    }
}

/// Whether an element other than a link or button can be clicked, as far as its tag tells.
fn is_clickable(element: &Tag<'_, '_>, tag: &str) -> bool {
    let is_plain = matches!(
        tag,
        "span" | "div" | "li" | "p" | "b" | "i" | "u" | "em" | "strong" | "font" | "label" | "td"
    );
    // Without an address, a link is what its handler makes of it.
    let is_bare_link = tag == "a" && !element.has_attribute("href") && element.has_attribute("onclick");
    if !is_plain {
        return is_bare_link && !is_disabled(element);
    }
    let is_role = || ["button", "link"].contains(&attribute(element, "role").to_ascii_lowercase().as_str());
    let class = attribute(element, "class").to_ascii_lowercase();
    let is_styled = ["button", "btn"].iter().any(|word| class.contains(word));
    let has_handler = element.has_attribute("onclick") || element.has_attribute("tabindex");
    (has_handler || is_styled || is_role()) && !is_disabled(element)
}

fn form(page: &SharedListPage, element: &mut Tag<'_, '_>) {
    let method = element.get_attribute("method");
    page.get().form(&attribute(element, "action"), method.as_deref());
    at_end(element, page, |page| page.get().form_end());
}

pub(super) fn texts(page: SharedListPage) -> DocumentContentHandlers<'static, SendHandlerTypes> {
    DocumentContentHandlers::default().text(
        move |chunk: &mut lol_html::html_content::TextChunk<'_>| -> HandlerResult {
            match chunk.text_type() {
                TextType::Data | TextType::PlainText => page.get().text(chunk.as_str()),
                TextType::RCData => page.get().title(chunk.as_str()),
                TextType::RawText | TextType::ScriptData | TextType::CDataSection => {
                    page.get().raw_text(chunk.as_str(), chunk.last_in_text_node());
                }
            }
            Ok(())
        },
    )
}

/// At the element's end tag, or at the end tag of one around it if its own was left out.
fn at_end(element: &mut Tag<'_, '_>, page: &SharedListPage, event: impl FnOnce(&SharedListPage) + Send + 'static) {
    if let Some(handlers) = element.end_tag_handlers() {
        let page = page.clone();
        handlers.push(Box::new(move |_| {
            event(&page);
            Ok(())
        }));
    }
}

fn attribute(element: &Tag<'_, '_>, name: &str) -> String {
    element.get_attribute(name).unwrap_or_default()
}

fn table(page: &SharedListPage, element: &mut Tag<'_, '_>) {
    let serial = page.get().table_begin();
    let page = page.clone();
    if let Some(handlers) = element.end_tag_handlers() {
        handlers.push(Box::new(move |tag| {
            let surely = matches!(tag.name().as_str(), "table" | "body" | "html");
            page.get().table_end(serial, surely);
            Ok(())
        }));
    }
}

fn row(page: &SharedListPage, element: &mut Tag<'_, '_>) {
    let class = attribute(element, "class");
    let heading = class
        .split_ascii_whitespace()
        .any(|class| class.eq_ignore_ascii_case("heading"));
    let serial = page.get().row_begin(heading);
    at_end(element, page, move |page| page.get().row_end(serial));
}

fn block(page: &SharedListPage, element: &mut Tag<'_, '_>) {
    page.get().separator();
    at_end(element, page, |page| page.get().separator());
}

fn cell(page: &SharedListPage, element: &mut Tag<'_, '_>) {
    let span = element
        .get_attribute("colspan")
        .and_then(|span| span.trim().parse().ok());
    let begun = page.get().cell(span.unwrap_or(1));
    if let Some(serial) = begun {
        at_end(element, page, move |page| page.get().cell_end(serial));
    }
}

fn link(page: &SharedListPage, element: &mut Tag<'_, '_>) {
    if !element.has_attribute("href") {
        return;
    }
    let tag = link_tag(element);
    if is_disabled(element) && script_of(&tag.href).is_some() {
        return;
    }
    page.get().link(tag);
    at_end(element, page, |page| page.get().link_end());
}

fn button(page: &SharedListPage, element: &mut Tag<'_, '_>) {
    let tag = input_tag(element, "submit");
    if !tag.disabled {
        page.get().button(&link_tag(element));
        at_end(element, page, |page| page.get().button_end());
    }
    page.get().input(tag);
}

/// Whether it is shown and does nothing.
fn is_disabled(element: &Tag<'_, '_>) -> bool {
    let said = attribute(element, "aria-disabled").eq_ignore_ascii_case("true");
    let mut classes = attribute(element, "class").to_ascii_lowercase();
    classes.retain(|c| c != '-' && c != '_');
    said || element.has_attribute("disabled")
        || classes
            .split_ascii_whitespace()
            .any(|class| class.ends_with("disabled"))
}

fn link_tag(element: &Tag<'_, '_>) -> LinkTag {
    let label = ["aria-label", "title", "alt"]
        .into_iter()
        .find_map(|name| element.get_attribute(name));
    LinkTag {
        href: attribute(element, "href"),
        rel: element.get_attribute("rel"),
        label,
    }
}

fn input_tag(element: &Tag<'_, '_>, usual: &str) -> InputTag {
    InputTag {
        kind: element.get_attribute("type").unwrap_or_else(|| usual.to_owned()),
        name: attribute(element, "name"),
        value: element.get_attribute("value"),
        disabled: is_disabled(element),
    }
}

fn name(page: &SharedListPage, element: &mut Tag<'_, '_>) {
    if !attribute(element, "class")
        .split_ascii_whitespace()
        .any(|class| class.eq_ignore_ascii_case("hd3"))
    {
        return;
    }
    page.get().name_begin();
    at_end(element, page, |page| page.get().name_end());
}

fn root(page: &SharedListPage, element: &mut Tag<'_, '_>) {
    page.get().root_begin(element.tag_name() == "html");
}
