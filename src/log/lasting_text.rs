//! What stays the same in what a server or the system says of a fault that lasts.

/// A run of letters and digits of this length that has a digit in it, or of base64, is a name made for one occasion.
const SHORTEST_ID: usize = 16;

/// The text without what is another each time, a `#` in its place: times, lengths, addresses, ports, and identifiers of requests. Statuses of
/// HTTP stay: they say what is wrong.
pub fn lasting_text(text: &str) -> String {
    let mut lasting = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(end) = rest.find(is_border) {
        push_token(&mut lasting, &rest[..end]);
        let border = rest[end..].chars().next().map_or(1, char::len_utf8);
        lasting.push_str(&rest[end..end + border]);
        rest = &rest[end + border..];
    }
    push_token(&mut lasting, rest);
    lasting
}

/// What stands between words, and round values.
fn is_border(c: char) -> bool {
    c.is_whitespace() || "<>()[]{}\"'`,;=?&".contains(c)
}

fn push_token(lasting: &mut String, token: &str) {
    let has_digit = |text: &str| text.bytes().any(|byte| byte.is_ascii_digit());
    if !has_digit(token) || is_status(token.trim_end_matches([':', '.'])) {
        lasting.push_str(token);
        return;
    }
    let is_of_base64 = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '/';
    if token.len() >= SHORTEST_ID && token.chars().all(is_of_base64) && !token.starts_with('/') {
        lasting.push('#');
        return;
    }
    let mut parts = token.split_inclusive(|c: char| !c.is_alphanumeric()).peekable();
    while let Some(part) = parts.next() {
        let word = part.trim_end_matches(|c: char| !c.is_alphanumeric());
        let mark = &part[word.len()..];
        if !has_digit(word) {
            lasting.push_str(part);
            continue;
        }
        // `127.0.0.1:9000`, `2026-11-30T07:12:42.5Z` and what has hyphens in it are one each.
        if !lasting.ends_with('#') {
            lasting.push('#');
        }
        let is_next_of_it = parts.peek().is_some_and(|next| has_digit(next));
        if !is_next_of_it || mark == "/" {
            lasting.push_str(mark);
        }
    }
}

/// A status of HTTP that tells of a fault.
fn is_status(token: &str) -> bool {
    token.len() == 3 && token.parse().is_ok_and(|number: u16| (400..600).contains(&number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_another_each_time_is_left_out_and_what_tells_the_fault_stays() {
        for (text, expected) in [
            ("permission denied", "permission denied"),
            ("", ""),
            (
                "no answer within 12.5 s, 4096 bytes sent",
                "no answer within # s, # bytes sent",
            ),
            ("GRIN answered 503: slow down", "GRIN answered 503: slow down"),
            ("status 404.", "status 404."),
            (
                "cannot connect to 127.0.0.1:43211: refused (os error 111)",
                "cannot connect to #: refused (os error #)",
            ),
            ("at 2026-11-30T07:12:42.123Z it ended", "at # it ended"),
            ("id 4b1d6f0a-9c1e-4f2a-8b7d-0123456789ab", "id #"),
            (
                "https://s3.example.org/bucket/raw/32044000000001/32044000000001.tar.gz",
                "https://#.example.org/bucket/raw/#/#.tar.gz",
            ),
            (
                "url (http://store:9000/b?partNumber=3&uploadId=VXBsb2Fk1)",
                "url (http://store:#/b?partNumber=#&uploadId=#)",
            ),
            (
                "<Code>SlowDown</Code><RequestId>4442587FB7D0A2F9</RequestId><HostId>vlR7PnpV2Ce81l0PRw6j/UpckJTlKl+A=</HostId>",
                "<Code>SlowDown</Code><RequestId>#</RequestId><HostId>#=</HostId>",
            ),
            ("schöne Grüße № 7", "schöne Grüße № #"),
        ] {
            assert_eq!(lasting_text(text), expected, "{text}");
        }
    }
}
