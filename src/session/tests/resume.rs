//! A cut archive goes on where it was, or begins anew and says so.

use std::time::Duration;

use crate::session::tests::support::*;
use crate::session::{BodyError, MinimumSpeed, RestartWhy, SessionError};

const LENGTH: usize = 1_000_000;

/// First of all, and from where on, a request asks for.
fn first_byte(seen: &Seen) -> usize {
    let range = seen
        .header("range")
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
    range.map_or(0, |first| first.parse().unwrap())
}

/// Sends the archive from `first` on, but at most `most` bytes; keeps to HTTP's rules for ranges.
fn part(wire: &mut dyn Wire, first: usize, most: usize, etag: &str) -> bool {
    let archive = pattern(LENGTH);
    let status = if first == 0 {
        "200 OK".to_owned()
    } else {
        format!(
            "206 Partial Content\r\ncontent-range: bytes {first}-{}/{LENGTH}",
            LENGTH - 1
        )
    };
    let head = format!(
        "HTTP/1.1 {status}\r\netag: {etag}\r\ncontent-length: {}\r\n\r\n",
        LENGTH - first
    );
    let end = LENGTH.min(first + most);
    say(wire, head) && say(wire, &archive[first..end]) && end == LENGTH
}

#[actix_rt::test]
async fn a_cut_archive_is_continued_byte_for_byte() {
    let server = Server::start(|seen, wire| part(wire, first_byte(seen), 300_000, "\"a\""));
    let fixture = Fixture::of(&server);
    let (bytes, ended) = fixture.download(server.url("/a")).await;
    assert_eq!(ended, Ok(()));
    assert!(bytes == pattern(LENGTH));
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    assert_eq!(
        (seen[1].header("range"), seen[1].header("if-range")),
        (Some("bytes=300000-"), Some("\"a\""))
    );
    assert_eq!(seen[1].header("authorization"), Some("Bearer t0ken"));
    assert_eq!(seen[3].header("range"), Some("bytes=900000-"));
    let counted = fixture.counted();
    assert_eq!((counted.download_resumes["appended"], counted.discarded_bytes), (3, 0));
    assert_eq!((counted.sessions_created, counted.permits["bulk"].held), (1, 0));
    fixture.end();
}

#[actix_rt::test]
async fn another_archive_or_another_part_begins_the_book_anew() {
    type Offer = fn(&mut dyn Wire) -> bool;
    let wrong_range: Offer = |wire| {
        answer(
            wire,
            "206 Partial",
            "etag: \"a\"\r\ncontent-range: bytes 299999-999999/1000000\r\n",
            vec![0; 700_001],
        )
    };
    let cases: [(Offer, RestartWhy, &str); 4] = [
        (
            |wire| part(wire, 0, LENGTH, "\"a\""),
            RestartWhy::RangeIgnored,
            "restarted",
        ),
        (|wire| part(wire, 0, LENGTH, "\"b\""), RestartWhy::Changed, "mismatch"),
        (
            |wire| part(wire, 300_000, LENGTH, "\"b\""),
            RestartWhy::Changed,
            "mismatch",
        ),
        (wrong_range, RestartWhy::WrongRange, "mismatch"),
    ];
    for (offer, why, outcome) in cases {
        let server = Server::start(move |seen, wire| match seen.header("range") {
            None => part(wire, 0, 300_000, "\"a\""),
            Some(_) => offer(wire),
        });
        let fixture = Fixture::of(&server);
        let (bytes, ended) = fixture.download(server.url("/a")).await;
        assert_eq!(ended, Err(BodyError::Restart { why }));
        assert_eq!(bytes.len(), 300_000, "nothing of the other archive is handed out");
        let counted = fixture.counted();
        assert_eq!(
            (counted.download_resumes[outcome], counted.discarded_bytes),
            (1, 300_000)
        );
        fixture.end();
    }
}

#[actix_rt::test]
async fn an_archive_pushed_out_of_the_pool_meanwhile_begins_anew() {
    let server = Server::start(|seen, wire| match seen.header("range") {
        None => part(wire, 0, 300_000, "\"a\""),
        Some(_) => answer(wire, "404 Gone", "", ""),
    });
    let fixture = Fixture::of(&server);
    let (_, ended) = fixture.download(server.url("/a")).await;
    assert_eq!(
        ended,
        Err(BodyError::Restart {
            why: RestartWhy::Changed
        })
    );
    fixture.end();
}

#[actix_rt::test]
async fn without_a_strong_validator_nothing_is_continued() {
    for etag in ["W/\"a\"", ""] {
        let server = Server::start(move |seen, wire| part(wire, first_byte(seen), 300_000, etag));
        let fixture = Fixture::of(&server);
        let (_, ended) = fixture.download(server.url("/a")).await;
        assert!(matches!(ended, Err(BodyError::Cut { got: 300_000, .. })), "{ended:?}");
        assert_eq!(server.seen().len(), 1);
        fixture.end();
    }
}

#[actix_rt::test]
async fn attempts_without_progress_are_bounded() {
    let server = Server::start(|seen, wire| {
        part(
            wire,
            first_byte(seen),
            if seen.number == 0 { 300_000 } else { 0 },
            "\"a\"",
        )
    });
    let mut config = config(&server);
    config.resume_attempts = 2;
    let fixture = Fixture::new(config);
    let (_, ended) = fixture.download(server.url("/a")).await;
    assert_eq!(
        ended,
        Err(BodyError::Cut {
            got: 300_000,
            expected: Some(1_000_000)
        })
    );
    assert_eq!(server.seen().len(), 3);
    fixture.end();
}

#[actix_rt::test]
async fn errors_in_between_are_outlasted_and_final_ones_are_told() {
    let server = Server::start(|seen, wire| match (seen.number, seen.path.as_str()) {
        (0, _) => part(wire, 0, 300_000, "\"a\""),
        (_, "/forbidden") => answer(wire, "403 No", "", "no"),
        (1, _) => answer(wire, "500 Oops", "", ""),
        (2, _) => false,
        _ => part(wire, first_byte(seen), LENGTH, "\"a\""),
    });
    let fixture = Fixture::of(&server);
    let (bytes, ended) = fixture.download(server.url("/a")).await;
    assert_eq!((bytes.len(), ended), (LENGTH, Ok(())));
    fixture.end();

    let server = Server::start(|seen, wire| match seen.number {
        0 => part(wire, 0, 300_000, "\"a\""),
        _ => answer(wire, "403 No", "", "no"),
    });
    let fixture = Fixture::of(&server);
    let (_, ended) = fixture.download(server.url("/a")).await;
    assert_eq!(
        ended,
        Err(BodyError::Session(SessionError::Forbidden { snippet: "no".into() }))
    );
    assert_eq!(server.seen().len(), 2);
    fixture.end();
}

#[actix_rt::test]
async fn stalled_and_trickling_archives_are_continued_over_another_connection() {
    let server = Server::start(|seen, wire| match seen.number {
        0 => {
            part(wire, 0, 300_000, "\"a\"");
            if seen.path == "/stall" {
                silence();
            }
            while say(wire, &pattern(LENGTH)[300_000..300_000]) {
                std::thread::sleep(Duration::from_millis(10));
            }
            false
        }
        _ => part(wire, first_byte(seen), LENGTH, "\"a\""),
    });
    let mut config = config(&server);
    config.timeouts.read = Duration::from_millis(300);
    config.minimum_speed = MinimumSpeed {
        bytes_per_second: 1_000_000,
        window: Duration::from_millis(200),
    };
    let fixture = Fixture::new(config);
    let (bytes, ended) = fixture.download(server.url("/stall")).await;
    assert_eq!(ended, Ok(()));
    assert!(bytes == pattern(LENGTH));
    let counted = fixture.counted();
    assert_eq!((counted.stalls, counted.download_resumes["appended"]), (1, 1));
    fixture.end();
}

#[actix_rt::test]
async fn a_trickling_archive_is_continued_without_losing_a_byte() {
    let server = Server::start(|seen, wire| match seen.number {
        0 => {
            let archive = pattern(LENGTH);
            part(wire, 0, 300_000, "\"a\"");
            (300_000..LENGTH).all(|place| {
                std::thread::sleep(Duration::from_millis(10));
                say(wire, &archive[place..=place])
            })
        }
        _ => part(wire, first_byte(seen), LENGTH, "\"a\""),
    });
    let mut config = config(&server);
    config.minimum_speed = MinimumSpeed {
        bytes_per_second: 10_000_000,
        window: Duration::from_millis(200),
    };
    let fixture = Fixture::new(config);
    let (bytes, ended) = fixture.download(server.url("/a")).await;
    assert_eq!(ended, Ok(()));
    assert!(bytes == pattern(LENGTH));
    assert!(first_byte(&server.seen()[1]) > 300_000);
    fixture.end();
}
