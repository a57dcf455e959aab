//! 429 and 503 over the network: whom they hold back, and for how long.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::session::tests::support::*;
use crate::session::{FetchAnswer, RequestKind, SessionError};

#[actix_rt::test]
async fn one_refusal_holds_everyone_back_for_as_long_as_grin_says() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |_, wire| match asked.fetch_add(1, SeqCst) {
        0 => answer(wire, "429 Slow down", "retry-after: 3\r\n", ""),
        _ => answer(wire, "200 OK", "", ""),
    });
    let fixture = Fixture::of(&server);
    let error = fixture.get(server.url("/")).await.unwrap_err();
    assert_eq!(
        error,
        SessionError::Throttled {
            status: 429,
            retry_after: Some(Duration::from_secs(3))
        }
    );
    assert!(fixture.counted().gate_closed_until.is_some());
    let began = Instant::now();
    let (head, get) = tokio::join!(fixture.head(server.url("/")), fixture.get(server.url("/")));
    assert!(head.is_ok() && get.is_ok());
    assert!(began.elapsed() >= Duration::from_millis(2_900), "{:?}", began.elapsed());
    fixture.end();
}

#[actix_rt::test]
async fn one_archive_that_is_not_served_stops_no_other() {
    let server = Server::start(|seen, wire| match seen.path.as_str() {
        "/bad" | "/worse" => answer(wire, "503 No", "retry-after: 3600\r\n", ""),
        "/busy" => answer(wire, "429 No", "retry-after: 3600\r\n", ""),
        _ => answer(wire, "200 OK", "", ""),
    });
    let fixture = Fixture::of(&server);
    let retry_after = Some(Duration::from_hours(1));
    for (path, status) in [("/bad", 503), ("/busy", 429)].repeat(3) {
        let error = fixture.head(server.url(path)).await.unwrap_err();
        assert_eq!(error, SessionError::NotServed { status, retry_after });
        assert!(fixture.head(server.url("/good")).await.is_ok());
    }
    assert_eq!(fixture.counted().gate_closed_until, None);
    // Two archives one after the other, and nothing in between that is answered: GRIN itself may be meant. The hour is theirs alone.
    fixture.head(server.url("/bad")).await.unwrap_err();
    let error = fixture.head(server.url("/worse")).await.unwrap_err();
    let SessionError::Throttled {
        status: 503,
        retry_after: Some(pause),
    } = error
    else {
        panic!("{error:?}");
    };
    assert!(pause < Duration::from_secs(4), "our own back-off: {pause:?}");
    assert!(fixture.counted().gate_closed_until.is_some());
    let began = Instant::now();
    assert!(fixture.head(server.url("/good")).await.is_ok());
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    fixture.end();
}

/// Nothing shows that one bad archive speaks for GRIN while another is answered that was asked for as late.
#[actix_rt::test]
async fn an_hour_that_an_archive_asks_for_after_a_pause_ends_when_another_is_served() {
    let (asked, refused) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (both_asked, is_refused) = (Arc::clone(&asked), Arc::clone(&refused));
    let server = Server::start(move |seen, wire| match seen.path.as_str() {
        "/good" => {
            both_asked.wait();
            is_refused.wait();
            answer(wire, "200 OK", "", "")
        }
        path => {
            if path == "/worst" {
                both_asked.wait();
            }
            answer(wire, "503 No", "retry-after: 3600\r\n", "")
        }
    });
    let fixture = Fixture::of(&server);
    fixture.head(server.url("/bad")).await.unwrap_err();
    fixture.head(server.url("/worse")).await.unwrap_err();
    let refusal = async {
        let error = fixture.head(server.url("/worst")).await.unwrap_err();
        let hour = SessionError::Throttled {
            status: 503,
            retry_after: Some(Duration::from_hours(1)),
        };
        let closed_for = fixture
            .counted()
            .gate_closed_until
            .unwrap()
            .duration_since(Timestamp::now());
        refused.wait();
        assert_eq!(error, hour);
        assert!(closed_for.as_secs() > 3_000, "{closed_for:?}");
    };
    let (good, ()) = tokio::join!(fixture.head(server.url("/good")), refusal);
    assert_eq!(good.unwrap().status, 200);
    let until = fixture.counted().gate_closed_until;
    let left = until.map_or(0, |until| until.duration_since(Timestamp::now()).as_secs());
    assert!(left <= 4, "our own back-off: {left}");
    fixture.end();
}

#[actix_rt::test]
async fn a_list_that_answers_503_speaks_for_all_of_grin() {
    let server = Server::start(|_, wire| answer(wire, "503 No", "", ""));
    let fixture = Fixture::of(&server);
    let error = fixture.get(server.url("/_all_books")).await.unwrap_err();
    let wait = Some(Duration::from_secs(2));
    assert_eq!(
        error,
        SessionError::Throttled {
            status: 503,
            retry_after: wait
        }
    );
    assert!(fixture.counted().gate_closed_until.is_some());
    fixture.end();
}

#[actix_rt::test]
async fn a_full_conversion_queue_stops_nobody_else() {
    let server = Server::start(|seen, wire| match seen.path.as_str() {
        "/_process" => answer(wire, "429 Full", "", ""),
        "/_process?wait" => answer(wire, "429 Slow down", "retry-after: 3600\r\n", ""),
        _ => answer(wire, "200 OK", "", ""),
    });
    let fixture = Fixture::of(&server);
    let process = |path| FetchAnswer::get(server.url(path), RequestKind::Process, 100);
    let error = fixture
        .session
        .ask(process("/_process"), &fixture.cx)
        .await
        .unwrap_err();
    assert_eq!(error, SessionError::QueueFull);
    let began = Instant::now();
    assert!(fixture.get(server.url("/")).await.is_ok());
    assert!(began.elapsed() < Duration::from_secs(1));
    // How long to wait is said to everybody.
    let error = fixture
        .session
        .ask(process("/_process?wait"), &fixture.cx)
        .await
        .unwrap_err();
    let hour = SessionError::Throttled {
        status: 429,
        retry_after: Some(Duration::from_hours(1)),
    };
    assert_eq!(error, hour);
    fixture.end();
}
