//! Values that a page holds for a script, in attributes, scripts and JSON: `data-next-token="x"`, `{"next": {"ctoken": "x"}}`.
//!
//! What the script does with them is not known, so nothing is followed; they leave the end in doubt where they may lead on.

use crate::grin::list_page::pager::address::mark_of;

/// Parts of names of values that lead on, without signs and in lower case.
const ONWARD: [&str; 10] = [
    "next",
    "hasmore",
    "loadmore",
    "showmore",
    "moreavailable",
    "morepages",
    "moreresults",
    "continuation",
    "pagetoken",
    "endcursor",
];
/// Names of parameters that may say where in a list a page begins, beside those that have been seen.
const POSITIONS: [&str; 14] = [
    "after",
    "begin",
    "cursor",
    "from",
    "index",
    "offset",
    "p",
    "page",
    "pageno",
    "pagenum",
    "pagenumber",
    "skip",
    "start",
    "startindex",
];
/// Values that say that there is nothing.
const NOTHING: [&str; 9] = ["", "0", "-1", "false", "null", "none", "no", "undefined", "off"];
/// Longest value that is kept.
const LONGEST: usize = 4_096;

/// What a named value says about the rest of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::grin::list_page) enum HeldValue {
    /// A place in it, as a parameter that has been seen names it.
    Place(&'static str, String),
    /// There is more, wherever.
    More,
}

/// `<select>` or `<datalist>` whose end has not come yet.
#[derive(Debug)]
pub(super) struct OpenSelect {
    pub(super) name: String,
    /// It only suggests what may be typed, such as titles; of interest are numbers.
    suggests: bool,
    /// An option stands after the one that is selected.
    leads_on: bool,
    options: u64,
    /// The last option, if what it says is its value.
    pub(super) untold: Option<UntoldOption>,
}

/// `<option>` without a value.
#[derive(Debug, Default)]
pub(super) struct UntoldOption {
    pub(super) text: String,
    pub(super) is_selected: bool,
}

impl OpenSelect {
    pub(super) fn new(name: &str, suggests: bool) -> Self {
        Self {
            // What it is for is told by the field that it belongs to, or not at all.
            name: if suggests { "page" } else { name }.to_owned(),
            suggests,
            leads_on: false,
            options: 0,
            untold: None,
        }
    }

    /// An option.
    pub(super) fn option(&mut self, value: &str, is_selected: bool) {
        let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
        if is_selected {
            self.leads_on = false;
        } else {
            let is_later = is_position(&self.name, value) && (is_number || !self.suggests);
            self.leads_on |= is_later && (self.options > 0 || self.suggests);
        }
        self.options += 1;
    }

    /// Whether a later page can be chosen.
    pub(super) fn leads_on(&self) -> bool {
        self.leads_on
    }
}

/// What a value says by its name.
pub(in crate::grin::list_page) fn held_value(name: &str, value: &str) -> Option<HeldValue> {
    let name = plain(name);
    let name = name.strip_prefix("data").unwrap_or(&name);
    let value = value.trim();
    if let Some(mark) = mark_of(name) {
        let is_place = match mark {
            "first" => value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty(),
            _ => !is_nothing(value),
        };
        return is_place.then(|| HeldValue::Place(mark, value.to_owned()));
    }
    let leads_on = ONWARD.iter().any(|part| name.contains(part));
    // What CSS calls a cursor is a word.
    let is_cursor = name == "cursor" && !value.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    ((leads_on || is_cursor) && !is_nothing(value)).then_some(HeldValue::More)
}

/// Whether a parameter of this name and value may be the place of a later page.
pub(in crate::grin::list_page) fn is_position(name: &str, value: &str) -> bool {
    let (name, value) = (plain(name), value.trim());
    POSITIONS.contains(&name.as_str()) && value != "1" && !is_nothing(value)
}

/// Whether a value says that there is nothing.
pub(super) fn is_nothing(value: &str) -> bool {
    NOTHING.iter().any(|nothing| value.trim().eq_ignore_ascii_case(nothing))
}

/// Whether words for a script, such as the name of a function, a class or an image, say that it leads on: `nextPage()`, `btn-next`.
pub(in crate::grin::list_page) fn names_onward(words: &str) -> bool {
    let words = plain(words);
    // A handler that reads what is beside it in the page leads nowhere.
    let words = words.replace("nextsibling", "").replace("nextelementsibling", "");
    ["next", "loadmore", "showmore", "viewmore", "getmore", "morerows"]
        .iter()
        .any(|part| words.contains(part))
}

/// Whether a script is given the number of a later page, or the place where one begins: `page(2)`, `doPostBack('pager', 'Page$2')`.
pub(in crate::grin::list_page) fn calls_later_page(script: &str) -> bool {
    let words = script.split(|c: char| !c.is_alphanumeric());
    let words: Vec<String> = words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    let is_later = |word: &str| word.parse::<u64>().is_ok_and(|number| number > 1);
    let names_place = |word: &str| {
        let ends = ["page", "pager", "first", "offset"];
        POSITIONS.contains(&word) || ends.iter().any(|end| word.ends_with(end))
    };
    words.windows(2).any(|pair| names_place(&pair[0]) && is_later(&pair[1]))
}

/// The values that a script or JSON gives names to: `first: 3`, `"nextToken": "x"`, `var next = 'x'`.
pub(in crate::grin::list_page) fn held_values(script: &str) -> Vec<HeldValue> {
    let mut found = Vec::new();
    for (at, sign) in script.match_indices([':', '=']) {
        let (before, after) = (&script[..at], &script[at + sign.len()..]);
        let name = named(before);
        // In an address, which is looked at as such.
        let is_parameter = ["?", "&", "&amp;"]
            .iter()
            .any(|sign| before.trim_end_matches(is_of_name).ends_with(sign));
        if !is_parameter
            && !name.is_empty()
            && let Some(value) = literal(after)
        {
            found.extend(held_value(name, value));
        }
    }
    found
}

/// The name that ends here, in quotes or without.
fn named(before: &str) -> &str {
    let before = before.trim_end().trim_end_matches(['"', '\'', '`', '\\']);
    let begin = before
        .rfind(|c: char| !is_of_name(c))
        .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    &before[begin..]
}

/// The value that begins here, if it stands for itself: a text, a number, `true`, or something that has more in it.
fn literal(after: &str) -> Option<&str> {
    let after = after.trim_start();
    let unescaped = after.trim_start_matches('\\');
    let first = unescaped.chars().next()?;
    match first {
        '"' | '\'' | '`' => {
            let text = &unescaped[1..];
            let end = text.find([first, '\\']).unwrap_or(text.len());
            Some(&text[..text.floor_char_boundary(end.min(LONGEST))])
        }
        '{' | '[' => {
            let inside = after[1..].trim_start();
            (!inside.is_empty() && !inside.starts_with(['}', ']'])).then_some("more")
        }
        _ => {
            let end = after.find(|c: char| !is_of_name(c) && c != '.').unwrap_or(after.len());
            let word = &after[..end];
            (word == "true" || word.starts_with(|c: char| c.is_ascii_digit())).then_some(word)
        }
    }
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '$')
}

/// Letters and digits alone, in lower case.
pub(super) fn plain(name: &str) -> String {
    let kept = name.chars().filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use HeldValue::More;

    fn place(name: &'static str, value: &str) -> HeldValue {
        HeldValue::Place(name, value.to_owned())
    }

    #[test]
    fn values_that_lead_on_are_known_by_their_names() {
        for (name, value, expected) in [
            ("data-first", "3", Some(place("first", "3"))),
            ("first", "0", Some(place("first", "0"))),
            ("data-first", "Adams", None),
            ("data-first", "", None),
            ("data-ctoken", "abc", Some(place("ctoken", "abc"))),
            ("cToken", "abc", Some(place("ctoken", "abc"))),
            ("ctoken", "null", None),
            ("data-next-page-token", "abc", Some(More)),
            ("nextPage", "2", Some(More)),
            ("has_more", "true", Some(More)),
            ("hasMore", "false", None),
            ("next", "null", None),
            ("data-next", "", None),
            ("pageToken", "x", Some(More)),
            ("continuation", "x", Some(More)),
            ("cursor", "MTAw", Some(More)),
            ("cursor", "pointer", None),
            ("data-page", "3", None),
            ("context", "x", None),
            ("firstname", "3", None),
        ] {
            assert_eq!(held_value(name, value), expected, "{name}={value}");
        }
    }

    #[test]
    fn values_in_scripts_and_json() {
        for (script, expected) in [
            (r#"{"rows": 2, "next": "abc"}"#, vec![More]),
            (
                r#"{"next": {"first": 3}}"#,
                vec![More, HeldValue::Place("first", "3".into())],
            ),
            (r#"{"next": null, "first": ""}"#, vec![]),
            (r#"{"next": {}, "more": []}"#, vec![]),
            ("var ctoken = 'a&b';", vec![HeldValue::Place("ctoken", "a&b".into())]),
            ("load({first:3,size:2})", vec![HeldValue::Place("first", "3".into())]),
            ("state.hasMore=true", vec![More]),
            (r#"var s = "{\"nextToken\":\"x\"}";"#, vec![More]),
            ("if (next == 'x' && a.next != 3) { b.next === c }", vec![]),
            ("el.style.cursor = 'pointer'; p:hover { cursor: pointer }", vec![]),
            ("var next = document.getElementById('next');", vec![]),
            ("next: function() {}", vec![]),
            ("first = ", vec![]),
            ("go('_all_books?first=3&amp;ctoken=4')", vec![]),
            ("日本: 3, =", vec![]),
        ] {
            assert_eq!(held_values(script), expected, "{script}");
        }
    }

    #[test]
    fn positions_and_words_for_scripts() {
        for (name, value, expected) in [
            ("page", "2", true),
            ("Start", "40", true),
            ("cursor", "abc", true),
            ("page", "1", false),
            ("start", "0", false),
            ("offset", "", false),
            ("result_count", "50", false),
            ("sort", "title", false),
        ] {
            assert_eq!(is_position(name, value), expected, "{name}={value}");
        }
        for (script, expected) in [
            ("__doPostBack('ctl00$pager','Page$2')", true),
            ("loadPage(2);return false", true),
            ("p(3)", true),
            ("list.setFirst(101)", true),
            ("__doPostBack('ctl00$pager','Page$1')", false),
            ("sort(2)", false),
            ("page()", false),
            ("void(0)", false),
            ("", false),
        ] {
            assert_eq!(calls_later_page(script), expected, "{script}");
        }
        for (words, expected) in [
            ("nextPage()", true),
            ("btn btn-next", true),
            ("load_more(3)", true),
            ("toggle(this.nextSibling)", false),
            ("help()", false),
            ("context-menu", false),
        ] {
            assert_eq!(names_onward(words), expected, "{words}");
        }
    }
}
