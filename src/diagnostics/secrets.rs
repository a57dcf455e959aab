//! What no answer is kept with: tokens, cookies, keys and signatures.

use std::ops::Range;

use url::Url;

/// Parts of names whose values are secret.
const NAMES: [&str; 11] = [
    "token",
    "secret",
    "password",
    "passphrase",
    "authorization",
    "cookie",
    "signature",
    "credential",
    "xsrf",
    "csrf",
    "api_key",
];
/// The mark of a list's next page: a place in the list, and no secret.
const MARK: &str = "ctoken";
/// How Google's access and refresh tokens begin.
const TOKENS: [&str; 2] = ["ya29.", "1//"];
const HIDDEN: &str = "***";

/// A text with `***` for the value of each `name=value`, `"name": "value"` and `<input name="name" value="value">` whose name is one of
/// a secret, and for what looks like a token of Google's.
pub(crate) fn without_secrets(text: &str) -> String {
    let mut hidden: Vec<Range<usize>> = Vec::new();
    for (at, separator) in text.char_indices().filter(|(_, c)| matches!(c, '=' | ':')) {
        let name = name_before(&text[..at]);
        let value = value_after(text, at + 1);
        if is_secret(name) && !(separator == ':' && text[value.clone()].starts_with("//")) {
            hidden.push(value);
        } else if is_secret(&text[value.clone()]) && name.eq_ignore_ascii_case("name") {
            hidden.extend(value_of_tag(text, at));
        }
    }
    for token in TOKENS {
        let begins = |at: usize| !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
        let found = text.match_indices(token).map(|(at, _)| at).filter(|at| begins(*at));
        hidden.extend(found.map(|at| at..at + end_of_value(&text[at..])));
    }
    replaced(text, hidden)
}

/// The same of an address, of which the user name goes too.
pub(super) fn url_without_secrets(url: &Url) -> String {
    let mut url = url.clone();
    // An address that cannot have them has none.
    let _ = (url.set_username(""), url.set_password(None));
    without_secrets(url.as_str())
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    name != MARK && name.len() < 80 && NAMES.iter().any(|secret| name.contains(secret))
}

/// The name that ends here, in quotes or not.
fn name_before(text: &str) -> &str {
    let text = text.trim_end_matches([' ', '"', '\'']);
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    &text[text.trim_end_matches(is_of_name).len()..]
}

/// Where the value is that begins here, without quotes and `Bearer`.
fn value_after(text: &str, from: usize) -> Range<usize> {
    let rest = &text[from..];
    let mut value = rest.trim_start_matches([' ', '"', '\'']);
    for scheme in ["Bearer ", "bearer ", "Basic "] {
        value = value.strip_prefix(scheme).unwrap_or(value);
    }
    let begin = from + rest.len() - value.len();
    begin..begin + end_of_value(value)
}

fn end_of_value(value: &str) -> usize {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '&' | ';' | ',' | '<' | '>' | '}' | ')');
    value.find(ends).unwrap_or(value.len())
}

/// The value in the tag that is open here.
fn value_of_tag(text: &str, at: usize) -> Vec<Range<usize>> {
    let begin = text[..at].rfind('<').unwrap_or(0);
    let end = text[at..].find('>').map_or(text.len(), |end| at + end);
    let tag = &text[begin..end];
    let values = ["value=", "content="].into_iter().filter_map(|name| {
        let value = tag.find(name)? + name.len();
        Some(value_after(text, begin + value))
    });
    values.collect()
}

fn replaced(text: &str, mut hidden: Vec<Range<usize>>) -> String {
    hidden.sort_by_key(|range| range.start);
    let (mut out, mut from) = (String::with_capacity(text.len()), 0);
    for range in hidden.into_iter().filter(|range| !range.is_empty()) {
        if range.start >= from {
            out.push_str(&text[from..range.start]);
            out.push_str(HIDDEN);
        }
        from = from.max(range.end);
    }
    out.push_str(&text[from..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_and_what_pagers_need_stays() {
        for (text, expected) in [
            (
                "<a href=\"_all_books?first=100&ctoken=abc&xsrf_token=S3\">Next</a>",
                "<a href=\"_all_books?first=100&ctoken=abc&xsrf_token=***\">Next</a>",
            ),
            (
                "<input type=hidden name=\"csrf\" value=\"S3\"><input name=first value=100>",
                "<input type=hidden name=\"csrf\" value=\"***\"><input name=first value=100>",
            ),
            (
                "<meta name=csrf-token content='S3'>",
                "<meta name=csrf-token content='***'>",
            ),
            (
                "{\"access_token\": \"S3\", \"a\": 1}",
                "{\"access_token\": \"***\", \"a\": 1}",
            ),
            (
                "Authorization: Bearer S3\nSet-Cookie: S3; path=/",
                "Authorization: Bearer ***\nSet-Cookie: ***; path=/",
            ),
            ("var xsrfToken = 'S3';", "var xsrfToken = '***';"),
            ("X-Goog-Signature=S3&x=1", "X-Goog-Signature=***&x=1"),
            ("got ya29.S3_x and 1//S3-y.", "got *** and ***"),
            ("https://example.org/a1//b", "https://example.org/a1//b"),
            ("the token: https", "the token: ***"),
            ("Barcode\tStatus\nTL1\tNEW", "Barcode\tStatus\nTL1\tNEW"),
            ("ä=ö", "ä=ö"),
        ] {
            assert_eq!(without_secrets(text), expected);
        }
    }

    #[test]
    fn an_address_has_no_password() {
        let url = Url::parse("https://me:S3@example.org/x?sig=1&access_token=S3&first=2").unwrap();
        assert_eq!(
            url_without_secrets(&url),
            "https://example.org/x?sig=1&access_token=***&first=2"
        );
    }
}
