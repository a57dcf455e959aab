//! The fields of an answer's head, put into a form that awc reads where servers send them in one that it refuses.

use std::borrow::Cow;

/// More fields than these awc refuses.
const MOST_FIELDS: usize = 96;

/// The fields that are read, here or in awc. Of a head with too many fields they are what is left.
const NEEDED: [&str; 11] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "etag",
    "location",
    "retry-after",
    "transfer-encoding",
    "upgrade",
];

/// A head as awc reads it; `None`: it is to be left as it is.
///
/// A line that begins with a blank continues the one before it (RFC 9112, 5.2). Lengths that are all the same are one length
/// (RFC 9110, 8.6); different ones are left for awc to refuse.
pub(super) fn readable(head: &[u8]) -> Option<Vec<u8>> {
    let mut lines = head
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let status = lines.next().filter(|line| line.starts_with(b"HTTP/1."))?;
    let lines: Vec<&[u8]> = lines.take_while(|line| !line.is_empty()).collect();
    let mut fields = unfolded(&lines);
    join_lengths(&mut fields);
    if fields.len() > MOST_FIELDS {
        fields.retain(|field| NEEDED.iter().any(|name| is_named(field, name)));
    }
    if fields.iter().map(|field| &field[..]).eq(lines) {
        return None;
    }
    let mut head = [status, b"\r\n"].concat();
    for field in &fields {
        head.extend_from_slice(field);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    Some(head)
}

fn unfolded<'h>(lines: &[&'h [u8]]) -> Vec<Cow<'h, [u8]>> {
    let mut fields: Vec<Cow<'h, [u8]>> = Vec::with_capacity(lines.len());
    for line in lines {
        match fields.last_mut() {
            Some(before) if line.starts_with(b" ") || line.starts_with(b"\t") => {
                let before = before.to_mut();
                before.push(b' ');
                before.extend_from_slice(line.trim_ascii_start());
            }
            _ => fields.push(Cow::Borrowed(line)),
        }
    }
    fields
}

fn join_lengths(fields: &mut Vec<Cow<'_, [u8]>>) {
    let lengths = fields.iter().filter(|field| is_named(field, "content-length"));
    let values = lengths.flat_map(|field| value(field).split(|byte| *byte == b',').map(<[u8]>::trim_ascii));
    let values: Vec<Vec<u8>> = values.map(<[u8]>::to_vec).collect();
    let [first, others @ ..] = &values[..] else { return };
    if others.is_empty() || others.iter().any(|other| other != first) {
        return;
    }
    fields.retain(|field| !is_named(field, "content-length"));
    fields.push([b"Content-Length: ", &first[..]].concat().into());
}

/// Whether a line of a head is the field of this name.
pub(super) fn is_named(field: &[u8], name: &str) -> bool {
    let end = field.iter().position(|byte| *byte == b':').unwrap_or(field.len());
    field[..end].eq_ignore_ascii_case(name.as_bytes())
}

fn value(field: &[u8]) -> &[u8] {
    let colon = field.iter().position(|byte| *byte == b':');
    colon.map_or(&[], |colon| &field[colon + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_awc_refuses_is_changed() {
        let cases = [
            ("HTTP/1.1 200 OK\r\nA: b\r\n\r\n", None),
            ("HTTP/1.1 200 OK\nContent-Length: 4\n\n", None),
            ("SSH-2.0\r\nA: b\r\n c\r\n\r\n", None),
            (
                "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\t d\r\nB: e\r\n\r\n",
                Some("HTTP/1.1 200 OK\r\nA: b c d\r\nB: e\r\n\r\n"),
            ),
            (
                "HTTP/1.1 200 OK\nA:\n \nB: e\n\n",
                Some("HTTP/1.1 200 OK\r\nA: \r\nB: e\r\n\r\n"),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nA: b\r\ncontent-length:4\r\n\r\n",
                Some("HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 4\r\n\r\n"),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 4, 4\r\n\r\n",
                Some("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"),
            ),
            // Which of two is true nobody knows.
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n",
                None,
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: 4, 5\r\n\r\n", None),
        ];
        for (head, expected) in cases {
            let found = readable(head.as_bytes()).map(|head| String::from_utf8(head).unwrap());
            assert_eq!(found.as_deref(), expected, "{head:?}");
        }
    }

    #[test]
    fn of_too_many_fields_the_needed_ones_are_left() {
        let head = |others: usize| {
            let others: String = (0..others).map(|number| format!("X-{number}: y\r\n")).collect();
            format!("HTTP/1.1 200 OK\r\n{others}ETag: \"a\"\r\nContent-Length: 4\r\n\r\n")
        };
        assert_eq!(readable(head(94).as_bytes()), None);
        assert_eq!(readable(head(95).as_bytes()), Some(head(0).into_bytes()));
        assert_eq!(readable(head(5_000).as_bytes()), Some(head(0).into_bytes()));
    }
}
