//! Names in a text that are, or may be, barcodes.

use crate::cli::support_bundle::pseudonyms::IN_ANSWERS;
use crate::grin::Barcode;

/// How `$` and `+` stand in keys and addresses.
const ESCAPES: [(&str, &str); 6] = [
    ("=24", "$"),
    ("%24", "$"),
    ("=2B", "+"),
    ("=2b", "+"),
    ("%2B", "+"),
    ("%2b", "+"),
];
/// Characters from which on a run of capitals and digits is taken for a barcode.
const OF_CAPITALS: usize = 6;

/// Names that may be barcodes: as they stand, as a key or an address writes them, behind the library's name, and in capitals.
pub(super) fn names_in(text: &str) -> Vec<Barcode> {
    let plain = ESCAPES
        .into_iter()
        .fold(text.to_owned(), |text, (escape, plain)| text.replace(escape, plain));
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$' | '+');
    let mut found = Vec::new();
    for name in [text, &plain]
        .into_iter()
        .flat_map(|text| text.split(|c: char| !is_of_name(c)))
    {
        let behind = name.split_once('_').map(|(_, name)| name);
        for name in [Some(name), behind].into_iter().flatten() {
            found.extend(Barcode::parse(name));
            if name.contains(|c: char| c.is_ascii_lowercase()) {
                found.extend(Barcode::parse(&name.to_ascii_uppercase()));
            }
        }
    }
    found
}

/// What the fields `barcode=`, `BARCODE=` and `"barcode":` of a log hold.
pub(super) fn barcode_fields(log: &str) -> Vec<Barcode> {
    let lower = log.to_ascii_lowercase();
    let values = lower.match_indices("barcode").filter_map(|(at, name)| {
        let rest = &log[at + name.len()..];
        let rest = rest.trim_start_matches(['s', 'S']).trim_start_matches('\\');
        let quoted = rest
            .strip_prefix('"')
            .and_then(|rest| rest.trim_start().strip_prefix(':'))
            .filter(|value| value.trim_start().starts_with(['"', '[', '\\']));
        let value = quoted
            .or_else(|| rest.strip_prefix('='))?
            .trim_start_matches([' ', '\\']);
        Some(value_at_front(value))
    });
    values.flat_map(names_in).collect()
}

/// A value up to its end: a list in brackets, a text in quotes, or a word.
fn value_at_front(value: &str) -> &str {
    let first = value.chars().next().unwrap_or(' ');
    let ends = |c: char| match first {
        '[' => c == ']' || c == '\n',
        '"' => c == '"' || c == '\n',
        _ => c.is_whitespace() || matches!(c, '"' | '}' | ')'),
    };
    let from = usize::from(matches!(first, '[' | '"'));
    value[from..].split(ends).next().unwrap_or_default()
}

/// Whether a run of letters and digits in a log looks like a barcode, though nobody knows it.
pub(super) fn is_barcode_shaped(run: &str) -> bool {
    let digits = run.bytes().filter(u8::is_ascii_digit).count();
    let is_of_capitals = run
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    run.starts_with(|c: char| c.is_ascii_alphabetic())
        && (digits >= IN_ANSWERS || digits > 0 && is_of_capitals && run.len() >= OF_CAPITALS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_log_name_books() {
        for (log, expected) in [
            ("stored barcode=HXSPBQ bytes=12345", &["HXSPBQ"][..]),
            ("BARCODE=$B98", &["$B98"]),
            ("{\"barcode\":\"HXSPBQ\",\"a\":1}", &["HXSPBQ"]),
            ("x=\"{\\\"barcode\\\":\\\"HXSPBQ\\\"}\"", &["HXSPBQ"]),
            ("barcodes=[\"HXSPBQ\", \"HXSPBR\"] done", &["HXSPBQ", "HXSPBR"]),
            ("barcode=", &[]),
            ("{\"barcode\":null}", &[]),
            ("unknown barcode: neither GRIN nor", &[]),
        ] {
            let mut found: Vec<String> = barcode_fields(log).iter().map(ToString::to_string).collect();
            found.sort();
            found.dedup();
            assert_eq!(found, expected, "{log}");
        }
    }

    #[test]
    fn names_are_found_as_keys_and_addresses_write_them() {
        for (text, name) in [
            ("raw/=24B98/x", "$B98"),
            ("?barcodes=%24B98", "$B98"),
            ("bytes=2439015000000017", "2439015000000017"),
            ("TESTLIB_HXSPBQ.tar.gz.gpg", "HXSPBQ"),
            ("is hxspbq", "HXSPBQ"),
        ] {
            assert!(names_in(text).contains(&Barcode::parse(name).unwrap()), "{text}");
        }
    }

    #[test]
    fn words_of_a_log_are_no_barcodes() {
        for (run, expected) in [
            ("B988123", true),
            ("b988123", true),
            ("HW3KRF", true),
            ("12345", false),
            ("12345ms", false),
            ("29T10", false),
            ("CONVERTED", false),
            ("HTTP2", false),
            ("utf8", false),
        ] {
            assert_eq!(is_barcode_shaped(run), expected, "{run}");
        }
    }
}
