//! A cut archive is continued only while its server and GRIN let it: what the one asks for, and what the other.

use std::sync::{Arc, Barrier};
use std::time::Duration;

use crate::session::tests::resume::{LENGTH, first_byte, part};
use crate::session::tests::support::*;
use crate::session::{BodyError, SessionError};

#[actix_rt::test]
async fn a_resume_whose_reader_has_gone_ends_at_once() {
    let cut = Arc::new(Barrier::new(2));
    let cutting = Arc::clone(&cut);
    let server = Server::start(move |seen, wire| match seen.path.as_str() {
        "/a" => {
            part(wire, 0, 300_000, "\"a\"");
            cutting.wait();
            false
        }
        _ => answer(wire, "429 Slow down", "retry-after: 3600\r\n", ""),
    });
    let fixture = Fixture::of(&server);
    let body = fixture.open(server.url("/a")).await.unwrap();
    fixture.get(server.url("/list")).await.unwrap_err();
    cut.wait();
    fixture
        .until("the rest is asked for", |counted| !counted.retries.is_empty())
        .await;
    drop(body);
    fixture
        .until("nothing goes on", |counted| counted.requests_in_flight == 0)
        .await;
    fixture.end();
}

#[actix_rt::test]
async fn what_is_asked_to_wait_for_one_archive_is_left_to_its_next_attempt() {
    let server = Server::start(|seen, wire| match seen.header("range") {
        None => part(wire, 0, 300_000, "\"a\""),
        Some(_) => answer(wire, "429 Slow down", "retry-after: 3600\r\n", ""),
    });
    let fixture = Fixture::of(&server);
    let (_, ended) = fixture.download(server.url("/a")).await;
    let refused = SessionError::NotServed {
        status: 429,
        retry_after: Some(Duration::from_hours(1)),
    };
    assert_eq!(ended, Err(BodyError::Session(refused)));
    assert_eq!((server.seen().len(), fixture.counted().gate_closed_until), (2, None));
    fixture.end();
}

#[actix_rt::test]
async fn waiting_at_the_gate_is_not_charged_to_the_body() {
    let server = Server::start(|seen, wire| match seen.number {
        0 => answer(wire, "429 Slow down", "retry-after: 2\r\n", ""),
        1 => part(wire, 0, 300_000, "\"a\""),
        _ => part(wire, first_byte(seen), LENGTH, "\"a\""),
    });
    let mut config = config(&server);
    config.timeouts.download = Duration::from_millis(1_500);
    let fixture = Fixture::new(config);
    assert!(fixture.get(server.url("/list")).await.is_err());
    let (bytes, ended) = fixture.download(server.url("/a")).await;
    assert_eq!((bytes.len(), ended), (LENGTH, Ok(())));
    fixture.end();
}
