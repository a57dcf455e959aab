//! Addresses as pages write them: in attributes and scripts, and whether they name a place in a list.

use std::borrow::Cow;

use url::Url;

use crate::grin::text;

/// Longest address, script and the like that is looked at.
pub(super) const LONGEST_ADDRESS: usize = 64 << 10;
/// Parameters that say where in a list a page begins.
const MARKS: [&str; 2] = ["first", "ctoken"];

/// Text in which addresses of places in a list are looked for, as it comes in pieces of at most 16 KiB.
#[derive(Debug, Default)]
pub(in crate::grin::list_page) struct RawText(String);

impl RawText {
    /// The next piece; gives all of it when it is the last one, or when there is much of it.
    pub(in crate::grin::list_page) fn push(&mut self, piece: &str, last: bool) -> Option<String> {
        self.0.push_str(piece);
        let enough = last || self.0.len() >= LONGEST_ADDRESS / 2;
        enough.then(|| std::mem::take(&mut self.0))
    }
}

/// What a link's address is a script for, or nothing: then only the link's words say what it is.
pub(in crate::grin::list_page) fn script_of(href: &str) -> Option<&str> {
    let is_script = |start: &str| start.eq_ignore_ascii_case("javascript:");
    match href.split_at_checked("javascript:".len()) {
        Some((start, script)) if is_script(start) => Some(script),
        _ if href.is_empty() || href == "#" => Some(""),
        _ => None,
    }
}

/// The addresses in an attribute's value or a script that name a place in a list, `location.href='_all_books?first=3'`, or the list that
/// `is_list` knows. See [`PagerWatch::addresses_in`](super::PagerWatch::addresses_in) for values that may be long.
pub(super) fn addresses_in(value: &str, is_list: impl Fn(&str) -> bool) -> Vec<String> {
    let value = unescaped(value);
    if !looks_marked(&value) && !value.contains('?') {
        return Vec::new();
    }
    let value = address(&value);
    let names = ["href=", "url="];
    value
        .split(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '`' | '(' | ')' | '<' | '>' | ';' | ','))
        .map(|word| names.iter().find_map(|name| word.strip_prefix(name)).unwrap_or(word))
        .filter(|word| looks_marked(word) || word.contains('?') && is_list(word))
        .map(str::to_owned)
        .collect()
}

/// A script's text with the escapes read that scripts and JSON write within addresses.
fn unescaped(script: &str) -> Cow<'_, str> {
    if !script.contains('\\') {
        return Cow::Borrowed(script);
    }
    let escapes = [
        ("\\/", "/"),
        ("\\u0026", "&"),
        ("\\x26", "&"),
        ("\\u003d", "="),
        ("\\x3d", "="),
    ];
    let read = |text: String, (escape, plain)| text.replace(escape, plain);
    let script = script.replace("\\u003D", "=").replace("\\x3D", "=");
    Cow::Owned(escapes.into_iter().fold(script, read))
}

/// An attribute's value, character references read.
pub(super) fn address(value: &str) -> String {
    html_escape::decode_html_entities(value.trim()).into_owned()
}

/// The path with its percent-encoding read and without a slash at its end.
pub(super) fn spelled_out(url: &Url) -> String {
    text::percent_decoded(url.path()).trim_end_matches('/').to_owned()
}

/// Whether an address says where in the list its page begins, however its parameters are written.
pub(super) fn names_place(url: &Url) -> bool {
    // Read, because `%66irst=4` and `first%3D4` are just as good; plain, because `;` may part parameters too.
    let read: String = url
        .query_pairs()
        .map(|(name, value)| format!("{name}={value}&"))
        .collect();
    [url.query().unwrap_or_default(), &read]
        .iter()
        .any(|query| has_mark(&query.to_ascii_lowercase()))
}

fn has_mark(query: &str) -> bool {
    MARKS.iter().any(|mark| {
        query.match_indices(mark).any(|(at, _)| {
            let begins = !query[..at].ends_with(|c: char| c.is_alphanumeric());
            let value = query[at + mark.len()..].strip_prefix('=');
            begins && value.is_some_and(|value| !value.is_empty() && !value.starts_with(['&', ';']))
        })
    })
}

/// Whether an address that leads elsewhere has in it, percent-encoded once or twice or in a path that is written in another way, one that
/// names a place in the list of this page. Another library's list of the same name is another one.
pub(super) fn hides_place(href: &str, page: &Url) -> bool {
    let path = spelled_out(page).to_lowercase();
    let mut parts = path.rsplit('/');
    let (Some(list), Some(library)) = (parts.next(), parts.next()) else {
        return false;
    };
    let once = text::percent_decoded(href);
    let twice = text::percent_decoded(&once);
    [href, &once, &twice].into_iter().any(|href| {
        let href = href.to_lowercase();
        let Some((before, after)) = href.split_once(list) else {
            return false;
        };
        let folder = before.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        (folder.is_empty() || folder == library) && looks_marked(after)
    })
}

/// Whether a parameter of this name says where in a list a page begins.
pub(super) fn is_mark(name: &str) -> bool {
    mark_of(name).is_some()
}

/// The parameter of this name that says where in a list a page begins.
pub(super) fn mark_of(name: &str) -> Option<&'static str> {
    MARKS.into_iter().find(|mark| mark.eq_ignore_ascii_case(name))
}

/// Whether something in it looks like a parameter that says where in a list a page begins.
pub(in crate::grin::list_page) fn looks_marked(text: &str) -> bool {
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
