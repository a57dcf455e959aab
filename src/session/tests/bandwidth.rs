//! `session.bandwidth` over real sockets.

use std::time::{Duration, Instant};

use crate::session::ReconfigureSession;
use crate::session::tests::support::*;
use crate::settings::BandwidthTimetable;

const KIBIBYTE: usize = 1 << 10;

fn archive(_: &Seen, wire: &mut dyn Wire) -> bool {
    answer(wire, "200 OK", "etag: \"a\"\r\n", pattern(150 * KIBIBYTE))
}

fn of_session(fixture: &Fixture, bandwidth: BandwidthTimetable) -> impl Future<Output = ()> + '_ {
    let changed = ReconfigureSession {
        bandwidth: Some(bandwidth),
        ..ReconfigureSession::default()
    };
    async move { fixture.session.ask(changed, &fixture.cx).await.unwrap() }
}

#[actix_rt::test]
async fn bodies_together_take_no_more_bytes_a_second_than_is_allowed() {
    let server = Server::start(archive);
    let fixture = Fixture::of(&server);
    of_session(&fixture, BandwidthTimetable::always(200 << 10)).await;
    assert_eq!(fixture.counted().bandwidth, Some(200 << 10));
    let began = Instant::now();
    let bodies = (0..2).map(|_| fixture.download(server.url("/archive")));
    let bodies = futures::future::join_all(bodies).await;
    let took = began.elapsed();
    for (bytes, end) in bodies {
        assert_eq!((bytes.len(), end), (150 * KIBIBYTE, Ok(())));
    }
    // Of the 300 KiB, those of a quarter of a second may come at once, and the last pieces need not wait.
    assert!(took > Duration::from_millis(700), "{took:?}");
    assert_eq!(fixture.counted().download_bytes, 300 << 10);
    fixture.end();
}

#[actix_rt::test]
async fn a_body_that_waits_for_bandwidth_goes_on_at_once_when_the_limit_is_lifted() {
    let server = Server::start(archive);
    let mut config = config(&server);
    // A day and more for one archive: the server is not to blame for it, neither by its silence nor by its speed.
    config.bandwidth = BandwidthTimetable::always(1);
    config.timeouts.read = Duration::from_millis(300);
    config.minimum_speed.bytes_per_second = 1 << 20;
    config.minimum_speed.window = Duration::from_millis(50);
    let fixture = Fixture::new(config);
    let body = fixture.open(server.url("/archive")).await.unwrap();
    let reading = read(body.reader);
    let lift = async {
        fixture
            .until("bytes have come", |counted| counted.download_bytes > 0)
            .await;
        // Longer than the time-out of a read and the window of the least speed.
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(fixture.counted().download_bytes < 150 << 10, "it waits");
        assert_eq!(fixture.counted().bandwidth_waiting, 1);
        of_session(&fixture, BandwidthTimetable::OFF).await;
    };
    let ((bytes, end), ()) = tokio::join!(reading, lift);
    assert_eq!((bytes.len(), end), (150 * KIBIBYTE, Ok(())));
    assert_eq!((server.seen().len(), fixture.counted().stalls), (1, 0));
    assert_eq!(fixture.counted().bandwidth_waiting, 0);
    fixture.end();
}

#[actix_rt::test]
async fn a_body_that_has_come_whole_waits_for_no_bandwidth() {
    let server = Server::start(|_, wire| answer(wire, "200 OK", "etag: \"a\"\r\n", pattern(100)));
    let mut config = config(&server);
    config.bandwidth = BandwidthTimetable::always(1);
    let fixture = Fixture::new(config);
    let began = Instant::now();
    let (bytes, end) = fixture.download(server.url("/archive")).await;
    assert_eq!((bytes.len(), end), (100, Ok(())));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    fixture.end();
}
