//! A cut archive is continued where it was cut, or begins again and says so.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use crate::session::tests::support::*;
use crate::session::{BodyError, MinimumSpeed, SessionError};

pub(super) const LENGTH: usize = 1_000_000;

/// First of all, and from where on, a request asks for.
pub(super) fn first_byte(seen: &Seen) -> usize {
    let range = seen
        .header("range")
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
    range.map_or(0, |first| first.parse().unwrap())
}

/// Sends the archive from `first` on, but at most `most` bytes; keeps to HTTP's rules for ranges.
pub(super) fn part(wire: &mut dyn Wire, first: usize, most: usize, etag: &str) -> bool {
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
    let reader = fixture.open(server.url("/a")).await.unwrap().reader;
    let spliced = reader.spliced();
    let (bytes, ended) = read(reader).await;
    assert_eq!(ended, Ok(()));
    assert!(bytes == pattern(LENGTH) && spliced.load(SeqCst));
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
async fn another_archive_begins_again_from_its_first_byte() {
    for whole in [true, false] {
        let server = Server::start(move |seen, wire| match seen.header("range") {
            None => part(wire, 0, 300_000, "\"a\""),
            Some(_) if whole => answer(wire, "200 OK", "etag: \"b\"\r\n", pattern(LENGTH + 1)),
            Some(_) => {
                let range = format!("etag: \"b\"\r\ncontent-range: bytes 300000-{LENGTH}/{}\r\n", LENGTH + 1);
                answer(wire, "206 Partial", &range, &pattern(LENGTH + 1)[300_000..])
            }
        });
        let fixture = Fixture::of(&server);
        let (bytes, ended) = fixture.download(server.url("/a")).await;
        assert_eq!(ended, Err(BodyError::Restart));
        assert_eq!(bytes.len(), 300_000, "nothing of the other archive is handed out");
        let counted = fixture.counted();
        assert_eq!(
            (counted.download_resumes["mismatch"], counted.discarded_bytes),
            (1, 300_000)
        );
        fixture.end();
    }
}

/// What a server gives for a request of the rest, and what is asked for until the archive is there.
#[actix_rt::test]
async fn the_rest_is_taken_as_servers_really_send_it() {
    type Offer = fn(&Seen, &mut dyn Wire) -> bool;
    /// A part as asked for, whose total is unknown.
    fn no_total(seen: &Seen, wire: &mut dyn Wire) -> bool {
        let first = first_byte(seen);
        let range = format!("content-range: bytes {first}-{}/*\r\n", LENGTH - 1);
        answer(wire, "206 Partial", &range, &pattern(LENGTH)[first..])
    }
    let earlier: Offer = |_, wire| {
        let range = "etag: \"a\"\r\ncontent-range: bytes 262144-999999/1000000\r\n";
        answer(wire, "206 Partial", range, &pattern(LENGTH)[262_144..])
    };
    let shorter: Offer = |seen, wire| {
        let (first, last) = (first_byte(seen), (first_byte(seen) + 199_999).min(LENGTH - 1));
        let range = format!("etag: \"a\"\r\ncontent-range: bytes {first}-{last}/1000000\r\n");
        answer(wire, "206 Partial", &range, &pattern(LENGTH)[first..=last])
    };
    let ignored: Offer = |_, wire| part(wire, 0, LENGTH, "\"a\"");
    let other_node: Offer = |seen, wire| part(wire, first_byte(seen), LENGTH, "\"b\"");
    let other_node_with_condition: Offer = |seen, wire| match seen.header("if-range") {
        Some(_) => part(wire, 0, LENGTH, "\"b\""),
        None => part(wire, first_byte(seen), LENGTH, "\"c\""),
    };
    let gap: Offer = |seen, wire| match seen.header("range") {
        Some(_) => answer(
            wire,
            "206 Partial",
            "content-range: bytes 300001-999999/1000000\r\n",
            "x",
        ),
        None => part(wire, 0, LENGTH, "\"a\""),
    };
    let cases: [(&str, Offer, usize); 7] = [
        ("earlier", earlier, 2),
        ("shorter", shorter, 5),
        ("no total", no_total, 2),
        ("ranges ignored", ignored, 2),
        ("another node", other_node, 2),
        (
            "another node that takes the condition seriously",
            other_node_with_condition,
            3,
        ),
        ("a gap", gap, 4),
    ];
    for (name, offer, requests) in cases {
        let server = Server::start(move |seen, wire| match seen.number {
            0 => part(wire, 0, 300_000, "\"a\""),
            _ => offer(seen, wire),
        });
        let fixture = Fixture::of(&server);
        let (bytes, ended) = fixture.download(server.url("/a")).await;
        assert_eq!(ended, Ok(()), "{name}");
        assert!(bytes == pattern(LENGTH), "{name}");
        assert_eq!(server.seen().len(), requests, "{name}");
        fixture.end();
    }
}

/// Each case is served as it stands, after a first answer that is cut at byte 5000.
#[actix_rt::test]
async fn the_recorded_answers_for_a_rest_bring_the_archive() {
    for name in [
        "206-total-unknown.answer",
        "206-begins-earlier.answer",
        "206-shorter.answer",
    ] {
        let server = Server::start(move |seen, wire| match seen.header("range") {
            None => {
                say(wire, case("200-cut.answer"));
                false
            }
            Some("bytes=5000-") => say(wire, case(name)),
            Some(_) => {
                let archive = case("TL7700000042.tar.gz.gpg");
                let first = first_byte(seen);
                let range = format!(
                    "content-range: bytes {first}-{}/{}\r\n",
                    archive.len() - 1,
                    archive.len()
                );
                answer(wire, "206 Partial Content", &range, &archive[first..])
            }
        });
        let fixture = Fixture::of(&server);
        let (bytes, ended) = fixture.download(server.url("/a")).await;
        assert_eq!(ended, Ok(()), "{name}");
        assert!(bytes == case("TL7700000042.tar.gz.gpg"), "{name}");
        let requests = if name.starts_with("206-shorter") { 3 } else { 2 };
        assert_eq!(server.seen().len(), requests, "{name}");
        assert_eq!(server.seen()[1].header("if-range"), Some("\"c-7f3a\""), "{name}");
        fixture.end();
    }
}

#[actix_rt::test]
async fn a_chunked_body_is_continued_and_its_end_is_the_servers_word() {
    let server = Server::start(|seen, wire| match seen.header("range") {
        None => {
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\n0123456789\r\n";
            say(wire, head);
            false
        }
        Some("bytes=10-") => answer(wire, "206 Partial", "content-range: bytes 10-19/*\r\n", "9876543210"),
        Some(_) => answer(wire, "416 No", "content-range: bytes */20\r\n", ""),
    });
    let fixture = Fixture::of(&server);
    let (bytes, ended) = fixture.download(server.url("/a")).await;
    assert_eq!((bytes.as_slice(), ended), (&b"01234567899876543210"[..], Ok(())));
    fixture.end();
}

#[actix_rt::test]
async fn an_archive_pushed_out_of_the_pool_meanwhile_begins_anew() {
    let server = Server::start(|seen, wire| match seen.header("range") {
        None => part(wire, 0, 300_000, "\"a\""),
        Some(_) => answer(wire, "404 Gone", "", ""),
    });
    let fixture = Fixture::of(&server);
    let (_, ended) = fixture.download(server.url("/a")).await;
    assert_eq!(ended, Err(BodyError::Restart));
    fixture.end();
}

#[actix_rt::test]
async fn without_a_strong_validator_no_condition_is_sent() {
    for etag in ["W/\"a\"", ""] {
        let server = Server::start(move |seen, wire| part(wire, first_byte(seen), 300_000, etag));
        let fixture = Fixture::of(&server);
        let (bytes, ended) = fixture.download(server.url("/a")).await;
        assert_eq!(ended, Ok(()));
        assert!(bytes == pattern(LENGTH));
        assert!(server.seen().iter().all(|seen| seen.header("if-range").is_none()));
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
async fn a_little_of_an_archive_with_each_connection_is_progress() {
    let server = Server::start(|seen, wire| part(wire, first_byte(seen), 260_000, "\"a\""));
    let mut config = config(&server);
    config.resume_attempts = 1;
    let fixture = Fixture::new(config);
    let (bytes, ended) = fixture.download(server.url("/a")).await;
    assert_eq!(ended, Ok(()));
    assert!(bytes == pattern(LENGTH));
    assert_eq!(server.seen().len(), 4);
    fixture.end();
}

/// However few come with each, they come within the time that the archive has.
#[actix_rt::test]
async fn a_byte_with_each_connection_is_not_in_vain() {
    let server = Server::start(|seen, wire| {
        let most = if seen.number == 0 { LENGTH - 3 } else { 1 };
        part(wire, first_byte(seen), most, "\"a\"")
    });
    let mut config = config(&server);
    config.resume_attempts = 1;
    let fixture = Fixture::new(config);
    let (bytes, ended) = fixture.download(server.url("/a")).await;
    assert_eq!(ended, Ok(()));
    assert!(bytes == pattern(LENGTH));
    assert_eq!(server.seen().len(), 4);
    fixture.end();
}

/// Such an archive would take a request for each of them.
#[actix_rt::test]
async fn parts_that_are_too_small_are_bounded() {
    let server = Server::start(|seen, wire| {
        let first = first_byte(seen);
        let last = first + 1_099;
        let range = format!("etag: \"a\"\r\ncontent-range: bytes {first}-{last}/{LENGTH}\r\n");
        answer(wire, "206 Partial", &range, &pattern(LENGTH)[first..=last])
    });
    let fixture = Fixture::of(&server);
    let (bytes, ended) = fixture.download(server.url("/a")).await;
    let got = bytes.len() as u64;
    assert_eq!(ended, Err(BodyError::Morsels { got }));
    assert!(server.seen().len() < 100, "{}", server.seen().len());
    fixture.end();
}

#[actix_rt::test]
async fn a_length_that_was_wrong_ends_where_the_server_has_no_more() {
    let server = Server::start(|seen, wire| match seen.header("range") {
        None => {
            let head = format!(
                "HTTP/1.1 200 OK\r\netag: \"a\"\r\ncontent-length: {}\r\n\r\n",
                LENGTH + 9
            );
            say(wire, head);
            say(wire, pattern(LENGTH));
            false
        }
        Some(_) => answer(wire, "416 No", &format!("content-range: bytes */{LENGTH}\r\n"), ""),
    });
    let fixture = Fixture::of(&server);
    let (bytes, ended) = fixture.download(server.url("/a")).await;
    assert_eq!(ended, Ok(()));
    assert!(bytes == pattern(LENGTH));
    assert_eq!(server.seen().len(), 2);
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
                silence(wire);
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
