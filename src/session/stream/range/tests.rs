//! What each answer to a request for the rest means.

use super::*;
use RangeMode::{IfRange, Range, Whole};
use RangeVerdict::{Complete, NextMode, Restart};

const fn append(skip: u64) -> RangeVerdict {
    RangeVerdict::Append { skip }
}

fn body(etag: &str, length: Option<u64>) -> PartialBody {
    PartialBody {
        validator: Validator::parse(etag).ok(),
        length,
        ..PartialBody::default()
    }
}

/// Status, `Content-Range`, `ETag`, `Content-Length`.
type Given = (u16, &'static str, &'static str, Option<u64>);

fn answer((status, content_range, etag, length): Given) -> RangeAnswer<'static> {
    let given = |text: &'static str| Some(text).filter(|text| !text.is_empty());
    RangeAnswer {
        status,
        content_range: given(content_range),
        etag: given(etag),
        length,
        coded: false,
    }
}

#[test]
fn where_one_version_is_wanted_only_its_tag_continues_it() {
    let whole = |etag| (200, "", etag, Some(1_000));
    let rest = |etag| (206, "bytes 400-999/1000", etag, Some(600));
    for (given, expected) in [
        (rest("\"a\""), append(0)),
        (rest("\"b\""), Restart),
        (rest(""), Restart),
        (whole("\"a\""), append(400)),
        (whole("\"b\""), Restart),
        ((503, "", "", None), NextMode),
    ] {
        let body = PartialBody {
            one_version: true,
            ..body("\"a\"", Some(1_000))
        };
        for mode in [IfRange, Range, Whole] {
            assert_eq!(body.judge(&answer(given), 400, mode), expected, "{given:?} {mode:?}");
        }
        // Nothing is there yet with which it could be mixed.
        assert!(
            given.0 != 200 || body.judge(&answer(given), 0, Whole) == append(0),
            "{given:?}"
        );
    }
}

#[test]
fn each_answer_after_400_of_1000_bytes_has_one_meaning() {
    let cases: [(Given, [RangeVerdict; 3]); 32] = [
        // The exact rest, from the same node or from another one.
        ((206, "bytes 400-999/1000", "\"a\"", Some(600)), [append(0); 3]),
        ((206, "bytes 400-999/1000", "\"b\"", Some(600)), [append(0); 3]),
        ((206, "bytes 400-999/1000", "W/\"a\"", None), [append(0); 3]),
        ((206, "bytes 400-999/1000", "", None), [append(0); 3]),
        ((206, "BYTES 400-999/1000", "", None), [append(0); 3]),
        // The total is unknown, the part begins earlier, or is shorter.
        ((206, "bytes 400-999/*", "\"a\"", Some(600)), [append(0); 3]),
        ((206, "bytes 100-999/1000", "\"a\"", Some(900)), [append(300); 3]),
        ((206, "bytes 400-599/1000", "\"a\"", Some(200)), [append(0); 3]),
        (
            (206, "bytes 400-599/*", "\"b\"", Some(200)),
            [NextMode, Restart, Restart],
        ),
        ((206, "", "\"a\"", Some(600)), [append(0); 3]),
        // The body is shorter than its range says.
        ((206, "bytes 400-999/1000", "\"a\"", Some(599)), [append(0); 3]),
        ((206, "bytes 100-999/1000", "\"a\"", Some(301)), [append(300); 3]),
        ((206, "bytes 100-999/1000", "\"a\"", Some(300)), [NextMode; 3]),
        ((206, "bytes 400-999/1000", "\"a\"", Some(0)), [NextMode; 3]),
        // It is longer, and ends with the whole.
        ((206, "bytes 400-499/1000", "\"a\"", Some(600)), [append(0); 3]),
        ((206, "bytes 400-499/1000", "\"a\"", Some(599)), [NextMode; 3]),
        // Nothing new, a gap, a body longer than its range says, no range at all.
        ((206, "bytes 0-399/1000", "\"a\"", Some(400)), [NextMode; 3]),
        ((206, "bytes 401-999/1000", "\"a\"", Some(599)), [NextMode; 3]),
        ((206, "bytes 400-999/1000", "\"a\"", Some(601)), [NextMode; 3]),
        ((206, "bytes +400-999/1000", "\"a\"", Some(5)), [NextMode; 3]),
        // Another archive.
        ((206, "bytes 400-1000/1001", "\"a\"", Some(601)), [Restart; 3]),
        ((200, "", "\"b\"", Some(1001)), [Restart; 3]),
        ((404, "", "", None), [Restart; 3]),
        // The whole.
        ((200, "", "\"a\"", Some(1000)), [append(400); 3]),
        ((200, "", "\"b\"", Some(1000)), [NextMode, append(400), append(400)]),
        // No rest.
        ((412, "", "", None), [NextMode, Restart, Restart]),
        // The length was wrong, and these are all the bytes there are.
        ((416, "bytes */400", "", None), [Complete; 3]),
        ((416, "bytes */400", "\"a\"", None), [Complete; 3]),
        ((416, "bytes */400", "\"b\"", None), [Restart; 3]),
        ((416, "bytes */399", "\"a\"", None), [Restart; 3]),
        ((416, "", "\"a\"", None), [Restart; 3]),
        ((416, "bytes */1000", "", None), [NextMode; 3]),
    ];
    for (given, expected) in cases {
        for (mode, expected) in [IfRange, Range, Whole].into_iter().zip(expected) {
            let judged = body("\"a\"", Some(1_000)).judge(&answer(given), 400, mode);
            assert_eq!(judged, expected, "{given:?} {mode:?}");
        }
    }
}

#[test]
fn what_brings_the_whole_is_read_as_the_whole() {
    for (status, asks_for_part, content_range, length, read) in [
        (200, false, "", None, 200),
        (203, false, "", Some(9), 200),
        (203, true, "", Some(9), 200),
        (206, false, "bytes 0-999/1000", Some(1_000), 200),
        (206, false, "bytes 0-999/1000", None, 200),
        // Asked for, with a length that does not fit, or not the whole.
        (206, true, "bytes 0-999/1000", Some(1_000), 206),
        (206, false, "bytes 0-999/1000", Some(999), 206),
        (206, false, "bytes 0-998/1000", Some(999), 206),
        (206, false, "bytes 1-999/1000", Some(999), 206),
        (206, false, "bytes 0-999/*", Some(1_000), 206),
        (206, false, "", Some(1_000), 206),
        (404, false, "bytes 0-999/1000", Some(1_000), 404),
    ] {
        let range = Some(content_range).filter(|range| !range.is_empty());
        let found = status_read(status, asks_for_part, range, length);
        assert_eq!(found, read, "{status} {asks_for_part} {content_range} {length:?}");
    }
}

#[test]
fn a_part_that_nobody_asked_for_is_taken_where_it_is_the_beginning() {
    // Whether it is taken, the length of the whole, whether it is a part.
    for (given, expected) in [
        ((200, "", "\"a\"", Some(1_000)), Some((Some(1_000), false))),
        ((200, "", "\"a\"", None), Some((None, false))),
        ((206, "bytes 0-399/1000", "\"a\"", Some(400)), Some((Some(1_000), true))),
        ((206, "bytes 0-399/1000", "\"a\"", None), Some((Some(1_000), true))),
        ((206, "bytes 0-399/*", "\"a\"", Some(400)), Some((None, true))),
        ((206, "bytes 0-399/1000", "\"a\"", Some(399)), Some((Some(1_000), true))),
        ((206, "bytes 0-399/1000", "\"a\"", Some(401)), None),
        ((206, "bytes 1-399/1000", "\"a\"", Some(399)), None),
        ((206, "bytes 400-999/1000", "\"a\"", None), None),
        ((206, "bytes */1000", "\"a\"", Some(400)), None),
        ((206, "", "\"a\"", Some(1_000)), None),
    ] {
        let begun = PartialBody::begun_by(&answer(given));
        assert_eq!(begun.map(|body| (body.length, body.is_part)), expected, "{given:?}");
    }
}

#[test]
fn a_body_without_a_length_ends_where_the_server_says_so() {
    for (given, expected) in [
        ((206, "bytes 400-999/1000", "\"a\"", None), append(0)),
        ((206, "bytes 400-999/*", "\"a\"", None), append(0)),
        ((206, "bytes 400-999/1000", "\"b\"", None), Restart),
        ((416, "bytes */400", "", None), Complete),
        ((416, "", "", None), Complete),
        ((200, "", "\"b\"", None), Restart),
        ((200, "", "\"a\"", None), append(400)),
    ] {
        assert_eq!(
            body("\"a\"", None).judge(&answer(given), 400, Range),
            expected,
            "{given:?}"
        );
    }
    let total = PartialBody::total_of(&answer((206, "bytes 400-999/1000", "", None)));
    assert_eq!(total, Some(1_000));
}

#[test]
fn a_coded_part_does_not_continue_a_plain_body() {
    let coded = RangeAnswer {
        coded: true,
        ..answer((206, "bytes 400-999/1000", "\"a\"", Some(600)))
    };
    assert_eq!(body("\"a\"", Some(1_000)).judge(&coded, 400, IfRange), NextMode);
}

#[test]
fn only_a_strong_validator_is_sent_as_a_condition() {
    for (etag, got, mode) in [
        ("\"a\"", 1, IfRange),
        ("W/\"a\"", 1, Range),
        ("", 1, Range),
        ("\"a\"", 0, Whole),
    ] {
        assert_eq!(body(etag, Some(1_000)).first_mode(got), mode, "{etag} {got}");
    }
    assert_eq!(range(400), "bytes=400-");
}
