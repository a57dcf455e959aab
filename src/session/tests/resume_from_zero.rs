//! A cut archive of a server that knows no ranges, or gives one that nobody asked for.

use crate::session::tests::resume::{LENGTH, first_byte, part};
use crate::session::tests::support::*;
use crate::session::{BodyError, ErrorClass};

/// Where each answer of a server is cut that knows no ranges, whether the archive comes, and after how many requests that is known.
#[actix_rt::test]
async fn a_server_that_cuts_and_knows_no_ranges_is_asked_from_zero_as_long_as_that_may_bring_more() {
    type Case = (&'static str, &'static [usize], &'static str, bool, usize);
    let cases: [Case; 8] = [
        // With the condition left out it might give the rest; the answer is not read once more.
        ("always there", &[300_000], "\"a\"", false, 3),
        ("always there, no condition", &[300_000], "", false, 2),
        ("before its first byte", &[0], "\"a\"", false, 3),
        ("nowhere again", &[300_000, LENGTH], "\"a\"", true, 2),
        (
            "before that place, then nowhere",
            &[300_000, 200_000, LENGTH],
            "\"a\"",
            true,
            3,
        ),
        (
            "behind that place, then nowhere",
            &[300_000, 500_000, LENGTH],
            "",
            true,
            3,
        ),
        (
            "here and there",
            &[300_000, 500_000, 400_000, LENGTH],
            "\"a\"",
            false,
            3,
        ),
        (
            "here and there, no condition",
            &[300_000, 500_000, 700_000, LENGTH],
            "",
            false,
            3,
        ),
    ];
    for (what, cuts, etag, comes, requests) in cases {
        let server = Server::start(move |seen, wire| {
            let most = cuts[seen.number.min(cuts.len() - 1)];
            part(wire, 0, most, etag)
        });
        let fixture = Fixture::of(&server);
        let (bytes, ended) = fixture.download(server.url("/a")).await;
        assert_eq!(ended.is_ok(), comes, "{what}: {ended:?}");
        assert!(!comes || bytes == pattern(LENGTH), "{what}");
        assert_eq!(server.seen().len(), requests, "{what}");
        fixture.end();
    }
}

/// Some servers give a part for a request without a range, and give only that for every other.
#[actix_rt::test]
async fn a_beginning_that_nobody_asked_for_is_continued() {
    fn given(seen: &Seen, wire: &mut dyn Wire) -> bool {
        let first = match seen.path.as_str() {
            "/middle" => 10,
            "/same" => 0,
            _ => first_byte(seen),
        };
        let total = if seen.path == "/no-total" { "*" } else { "1000000" };
        let last = (first + 399_999).min(LENGTH - 1);
        let range = match seen.path.as_str() {
            "/no-range" => String::new(),
            _ => format!("etag: \"a\"\r\ncontent-range: bytes {first}-{last}/{total}\r\n"),
        };
        match first {
            LENGTH => answer(wire, "416 No", "content-range: bytes */1000000\r\n", ""),
            _ => answer(wire, "206 Partial Content", &range, &pattern(LENGTH)[first..=last]),
        }
    }
    let server = Server::start(given);
    let fixture = Fixture::of(&server);
    let asked = |path: &str| server.seen().iter().filter(|seen| seen.path == path).count();
    for (path, requests) in [("/parts", 3), ("/no-total", 4)] {
        let (bytes, ended) = fixture.download(server.url(path)).await;
        assert_eq!(ended, Ok(()), "{path}");
        assert!(bytes == pattern(LENGTH), "{path}");
        assert_eq!(asked(path), requests, "{path}");
    }
    let (_, ended) = fixture.download(server.url("/same")).await;
    assert!(matches!(ended, Err(BodyError::Cut { got: 400_000, .. })), "{ended:?}");
    assert_eq!(asked("/same"), 3);
    for path in ["/middle", "/no-range"] {
        let error = fixture.open(server.url(path)).await.map(drop).unwrap_err();
        assert!(
            matches!(error.class(), ErrorClass::Transient { .. }),
            "{path}: {error:?}"
        );
    }
    fixture.end();
}

#[actix_rt::test]
async fn an_archive_that_was_cut_before_its_first_byte_is_continued_by_range_afterwards() {
    let server = Server::start(|seen, wire| {
        let most = [0, 300_000, LENGTH][seen.number.min(2)];
        part(wire, first_byte(seen), most, "\"a\"")
    });
    let fixture = Fixture::of(&server);
    let (bytes, ended) = fixture.download(server.url("/a")).await;
    assert_eq!(ended, Ok(()));
    assert!(bytes == pattern(LENGTH));
    let seen = server.seen();
    let ranges: Vec<_> = seen.iter().map(|seen| seen.header("range")).collect();
    assert_eq!(ranges, [None, None, Some("bytes=300000-")]);
    assert_eq!(seen[2].header("if-range"), Some("\"a\""));
    fixture.end();
}
