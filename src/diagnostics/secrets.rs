//! What no answer is kept with: tokens, cookies, keys and signatures.

use std::net::Ipv6Addr;
use std::ops::Range;

use url::Url;

/// Parts of names whose values are secret.
const NAMES: [&str; 13] = [
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "authorization",
    "cookie",
    "signature",
    "credential",
    "xsrf",
    "csrf",
    "api_key",
    "private_key",
];
/// Headers whose value reaches to the end of its line.
const HEADERS: [&str; 4] = ["cookie", "set_cookie", "authorization", "proxy_authorization"];
/// The mark of a list's next page: a place in the list, and no secret.
const MARK: &str = "ctoken";
/// How Google's access and refresh tokens and its codes of a sign-in begin.
const TOKENS: [&str; 4] = ["ya29.", "1//", "4/0A", "4%2F0A"];
const HIDDEN: &str = "***";

/// A text with `***` for the value of each `name=value`, `"name": "value"` and `<input name="name" value="value">` whose name is one of
/// a secret, for what looks like a token of Google's, for passwords in addresses and in lines of a `.pgpass`, and for e-mail addresses.
pub(crate) fn without_secrets(text: &str) -> String {
    let mut hidden: Vec<Range<usize>> = Vec::new();
    for (at, separator) in text.char_indices().filter(|(_, c)| matches!(c, '=' | ':')) {
        let name = name_before(&text[..at]);
        let value = value_after(text, at + 1);
        if is_secret(name) && !(separator == ':' && text[value.clone()].starts_with("//")) {
            let is_open = !is_quoted(&text[at + 1..]) && has_open_end(name, separator);
            hidden.push(if is_open {
                value.start..line_end(text, value.start)
            } else {
                value
            });
        } else if is_secret(&text[value.clone()]) && name.eq_ignore_ascii_case("name") {
            hidden.extend(value_of_tag(text, at));
        } else if is_code(text, at, name) {
            hidden.push(value);
        }
    }
    for token in TOKENS {
        let begins = |at: usize| !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
        let found = text.match_indices(token).map(|(at, _)| at).filter(|at| begins(*at));
        hidden.extend(found.map(|at| at..at + end_of_value(&text[at..])));
    }
    let addresses = text.match_indices("://").map(|(at, _)| at + 3);
    let users: Vec<_> = addresses.filter_map(|host| user_of_address(text, host)).collect();
    hidden.extend(words_of(text).filter_map(|word| password_of_pgpass(text, word)));
    for at in ["@", "%40"] {
        let found = text.match_indices(at).map(|(from, at)| from..from + at.len());
        let of_mail = found.filter(|at| users.iter().all(|user| user.end != at.start));
        hidden.extend(of_mail.filter_map(|at| mail_address(text, at)));
    }
    hidden.extend(users);
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

/// Whether a value without quotes may hold blanks: those of some headers, and what people type.
fn has_open_end(name: &str, separator: char) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    let is_header = HEADERS.contains(&name.as_str()) || name.ends_with("password");
    name.ends_with("passphrase") || separator == ':' && is_header
}

/// Where the line ends; in a page, the text of its element.
fn line_end(text: &str, from: usize) -> usize {
    let rest = &text[from..];
    let mut begin = text.trim_start().chars();
    let is_page = begin.next() == Some('<') && begin.next().is_some_and(|c| c == '!' || c.is_ascii_alphabetic());
    let ends = |c: char| matches!(c, '\n' | '\r') || is_page && c == '<';
    from + rest.find(ends).unwrap_or(rest.len())
}

/// Whether this is the code of a sign-in, a parameter of an address.
fn is_code(text: &str, at: usize, name: &str) -> bool {
    name == "code" && text[..at - name.len()].ends_with(['?', '&', ';'])
}

/// The words of a text, without quotes round them.
fn words_of(text: &str) -> impl Iterator<Item = Range<usize>> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '=' | '<' | '>' | '(' | ',');
    let mut from = 0;
    text.split(ends).map(move |word| {
        let begin = from;
        let end = begin + word.len();
        from = end + text[end..].chars().next().map_or(0, char::len_utf8);
        begin..end
    })
}

/// Who signs in at the address whose host or user begins here, with the password. A slash in a password is not always escaped.
fn user_of_address(text: &str, from: usize) -> Option<Range<usize>> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>');
    let word = text[from..].split(ends).next().unwrap_or_default();
    let host = word.split(['/', '?', '#']).next().unwrap_or_default();
    let has_password = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.contains(|c: char| c.is_ascii_alphabetic()));
    let user = match host.rfind('@') {
        None if has_password => word.rfind('@'),
        found => found,
    };
    user.map(|end| from..from + end)
}

/// The password of a line `host:port:database:user:password`; it may hold blanks.
fn password_of_pgpass(text: &str, word: Range<usize>) -> Option<Range<usize>> {
    let line = &text[word.clone()];
    // The groups of an address may be digits, too.
    let address = line.trim_end_matches(['.', ':', ';', ')']).split(['/', '%']).next()?;
    if is_ipv6(address) {
        return None;
    }
    let (host, rest) = line.split_at(end_of_host(line));
    let mut fields = rest.strip_prefix(':')?.splitn(4, ':');
    let (port, database) = (fields.next()?, fields.next()?);
    let (user, password) = (fields.next()?, fields.next()?);
    let is_port = port == "*" || !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let is_line = is_port && !host.is_empty() && !database.is_empty() && !user.is_empty();
    is_line.then(|| word.end - password.len()..line_end(text, word.end))
}

/// Where the host of such a line ends, whose own colons are in brackets or behind a backslash.
fn end_of_host(line: &str) -> usize {
    let inner = line.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    if let Some((address, _)) = inner.filter(|(address, _)| is_ipv6(address)) {
        return address.len() + 2;
    }
    let mut colons = line.match_indices(':').map(|(at, _)| at);
    colons.find(|at| !line[..*at].ends_with('\\')).unwrap_or(line.len())
}

fn is_ipv6(address: &str) -> bool {
    address.parse::<Ipv6Addr>().is_ok()
}

/// The e-mail address whose `@` is here.
fn mail_address(text: &str, at: Range<usize>) -> Option<Range<usize>> {
    let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '+' | '-');
    let begin = text[..at.start].trim_end_matches(is_of_name).len();
    let rest = &text[at.end..];
    let host = rest
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-')))
        .next()?;
    let host = host.trim_end_matches(['.', '-']);
    (begin < at.start && host.contains('.')).then(|| begin..at.end + host.len())
}

/// The name that ends here, in quotes or not.
fn name_before(text: &str) -> &str {
    let text = text.trim_end_matches([' ', '"', '\'', '\\']);
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    &text[text.trim_end_matches(is_of_name).len()..]
}

/// Where the value is that begins here, without quotes and `Bearer`.
fn value_after(text: &str, from: usize) -> Range<usize> {
    let rest = text[from..].trim_start_matches(' ');
    let inner = rest.trim_start_matches('\\');
    let value = inner.strip_prefix(['"', '\'']);
    let quote = value.map(|value| &rest[..rest.len() - value.len()]);
    let mut value = value.unwrap_or(rest);
    for scheme in ["Bearer ", "bearer ", "Basic "] {
        value = value.strip_prefix(scheme).unwrap_or(value);
    }
    let begin = text.len() - value.len();
    begin..begin + quote.map_or_else(|| end_of_value(value), |quote| end_of_quoted(value, quote))
}

fn is_quoted(value: &str) -> bool {
    value.trim_start_matches([' ', '\\']).starts_with(['"', '\''])
}

/// Where a value in quotes ends: at the same quote, which in a text inside another is escaped.
fn end_of_quoted(value: &str, quote: &str) -> usize {
    let line = value.find('\n').unwrap_or(value.len());
    let is_escaped = |at: usize| quote.len() == 1 && value[..at].ends_with('\\');
    let mut found = value[..line].match_indices(quote).map(|(at, _)| at);
    found.find(|at| !is_escaped(*at)).unwrap_or(line)
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
                "Authorization: Bearer ***\nSet-Cookie: ***",
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
    fn secrets_of_a_log_go_whole() {
        for (text, expected) in [
            (
                "at postgres://grind:S3@db.example:5432/g",
                "at postgres://***@db.example:5432/g",
            ),
            ("passphrase: don't tell", "passphrase: ***"),
            (
                "{\"authorization\": \"Bearer S3\", \"x\": 1}",
                "{\"authorization\": \"Bearer ***\", \"x\": 1}",
            ),
            ("at postgres://grind:S/3@db/g", "at postgres://***@db/g"),
            (
                "http://[::1]:80/x and http://h:80/@x",
                "http://[::1]:80/x and http://h:80/@x",
            ),
            (
                "db.example.org:5432:grind:grind:S3 S4:5\nnext",
                "db.example.org:5432:grind:grind:***\nnext",
            ),
            ("line=\"*:*:*:grind:S3\"", "line=\"*:*:*:grind:***"),
            (
                "[2001:0:1:2:3:4:5:6]:443 refused, at 2001:0:1:2:3:4:5:6. Next",
                "[2001:0:1:2:3:4:5:6]:443 refused, at 2001:0:1:2:3:4:5:6. Next",
            ),
            ("at 2001:0:1:2:3:4:5:6/64: next", "at 2001:0:1:2:3:4:5:6/64: next"),
            (
                "[2001:0:1:2:3:4:5:6]:5432:grind:grind:S3",
                "[2001:0:1:2:3:4:5:6]:5432:grind:grind:***",
            ),
            ("\\:\\:1:5432:grind:grind:S3", "\\:\\:1:5432:grind:grind:***"),
            ("[db:5432:grind:grind:S3]", "[db:5432:grind:grind:***"),
            ("10:00:00 src/a.rs:12:5: x", "10:00:00 src/a.rs:12:5: x"),
            ("GET /?state=1&code=4/0S3&scope=x", "GET /?state=1&code=***&scope=x"),
            (
                "got 4/0AS3-x on 4/07/2024, exit code=69",
                "got *** on 4/07/2024, exit code=69",
            ),
            ("Cookie: SID=S3; HSID=S4\nAccept: */*", "Cookie: ***\nAccept: */*"),
            (
                "headers={\"cookie\": \"a=S3; b=S4\", \"x\": 1}",
                "headers={\"cookie\": \"***\", \"x\": 1}",
            ),
            ("by jane.doe+x@lib.example.org, a@b", "by ***, a@b"),
            ("?user=jane%40lib.example.org&x=1", "?user=***&x=1"),
            ("passphrase: correct horse battery", "passphrase: ***"),
            ("passphrase=correct horse battery", "passphrase=***"),
            ("passphrase=\"correct horse\" tries=2", "passphrase=\"***\" tries=2"),
            ("password='a \\' b' port=1", "password='***' port=1"),
            (
                "body=\"{\\\"secret\\\":\\\"S3 S4\\\",\\\"a\\\":1}\"",
                "body=\"{\\\"secret\\\":\\\"***\\\",\\\"a\\\":1}\"",
            ),
            ("{\"token\": \"\", \"a\": 1}", "{\"token\": \"\", \"a\": 1}"),
            (
                "<p>Password: <input><a href=x>Next</a>",
                "<p>Password: <input><a href=x>Next</a>",
            ),
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
