//! Parameters that say how a list is shown or which of its books, and not where in it a page begins.

use crate::grin::list_page::pager::held::{is_nothing, plain};

/// Their names, letters and digits alone.
const VIEWS: [&str; 39] = [
    "asc",
    "authuser",
    "col",
    "columns",
    "desc",
    "dir",
    "download",
    "ei",
    "executequery",
    "export",
    "fields",
    "filter",
    "format",
    "hl",
    "lang",
    "language",
    "locale",
    "mode",
    "nocache",
    "output",
    "pli",
    "print",
    "processformat",
    "q",
    "query",
    "rand",
    "refresh",
    "resultcount",
    "sa",
    "search",
    "state",
    "status",
    "theme",
    "time",
    "timestamp",
    "ts",
    "usg",
    "ved",
    "view",
];
/// Beginnings of names of others.
const VIEW_BEGINNINGS: [&str; 4] = ["sort", "order", "filter", "utm"];

/// Whether a link with this parameter, which a page with the value `own` has, may lead to another part of the list: what the parameter
/// means is not known, and its value is neither the page's, nor nothing, nor a number before the page's.
pub(super) fn may_lead_on(name: &str, value: &str, own: Option<&str>) -> bool {
    let plain = plain(name);
    // A name of signs alone keeps a page from being taken from a cache.
    let is_view = plain.is_empty()
        || VIEWS.contains(&plain.as_str())
        || VIEW_BEGINNINGS.iter().any(|begin| plain.starts_with(begin));
    let is_beginning = is_nothing(value) || value.trim() == "1";
    !is_view && !is_beginning && own.is_none_or(|own| is_after(value, own))
}

/// Whether a value differs from the page's own and is no number before it.
pub(super) fn is_after(value: &str, own: &str) -> bool {
    match (own.parse::<u64>(), value.parse::<u64>()) {
        (Ok(own), Ok(value)) => value > own,
        _ => own != value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_known_may_lead_on() {
        for (name, value, own, expected) in [
            ("start", "3", None, true),
            ("pg", "2", None, true),
            ("seite", "2", Some("1"), true),
            ("cursor", "MTAw", Some("NTAw"), true),
            ("letter", "B", None, true),
            ("offset", "100", Some("50"), true),
            ("seite", "1", Some("2"), false),
            ("seite", "2", Some("2"), false),
            ("offset", "0", None, false),
            ("page", "1", None, false),
            ("x", "", None, false),
            ("sort", "title", None, false),
            ("sort_by", "title", None, false),
            ("orderBy", "2", None, false),
            ("result_count", "50", Some("10"), false),
            ("format", "text", None, false),
            ("mode", "all", None, false),
            ("hl", "de", None, false),
            ("_", "123", None, false),
            ("utm_source", "mail", None, false),
            ("state", "NEW", None, false),
        ] {
            assert_eq!(may_lead_on(name, value, own), expected, "{name}={value} on {own:?}");
        }
    }
}
