//! Faults of answers as a client sees them: their coding, framing and dates, parts of bodies, hosts that refuse.

use std::io::Read;

use super::support::{Answer, ask, client, get, start};
use awc::http::{Method, StatusCode};
use grind::lab::simulator::{FaultKind, RunningSimulator, SimulatorConfig, SimulatorRequest, StateMix};

fn address(running: &RunningSimulator, rest: &str) -> String {
    format!("{}TESTLIB/{rest}", running.base_url())
}

fn archive(running: &RunningSimulator) -> String {
    let name = running.file_name(&running.barcode(1).unwrap()).unwrap();
    address(running, &name)
}

async fn struck(running: &RunningSimulator, op: SimulatorRequest, fault: FaultKind, url: &str) -> Answer {
    running.inject(op, None, fault);
    get(url).await
}

#[actix_rt::test]
async fn parts_of_a_body_come_in_every_way() {
    let running = start(SimulatorConfig::default());
    let url = archive(&running);
    let whole = get(&url).await.body;
    let total = whole.len();
    let half = 5_000 + (total - 5_000).div_ceil(2);
    for (fault, status, said, first, end) in [
        (
            FaultKind::RangeTotalUnknown,
            206,
            format!("bytes 5000-{}/*", total - 1),
            5_000,
            total,
        ),
        (
            FaultKind::RangeEarlier,
            206,
            format!("bytes 4096-{}/{total}", total - 1),
            4_096,
            total,
        ),
        (
            FaultKind::RangeShorter,
            206,
            format!("bytes 5000-{}/{total}", half - 1),
            5_000,
            half,
        ),
        (FaultKind::RangeIgnored, 200, String::new(), 0, total),
    ] {
        running.inject(SimulatorRequest::Get, None, fault);
        let part = ask(&client(), Method::GET, &url, &[("range", "bytes=5000-")], "").await;
        assert_eq!(part.status.as_u16(), status, "{fault:?}");
        assert_eq!(part.header("content-range").unwrap_or_default(), said, "{fault:?}");
        assert!(part.whole && part.body == whole[first..end], "{fault:?}");
    }
}

#[actix_rt::test]
async fn bodies_are_coded_cut_and_without_a_frame() {
    let running = start(SimulatorConfig::default());
    for (op, url) in [
        (SimulatorRequest::ListPage, address(&running, "_all_books")),
        (SimulatorRequest::TextList, address(&running, "_all_books?format=text")),
        (SimulatorRequest::Get, archive(&running)),
    ] {
        let good = get(&url).await.body;
        let coded = struck(&running, op, FaultKind::Coded, &url).await;
        assert_eq!(coded.header("content-encoding"), Some("gzip"), "{op:?}");
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&coded.body[..])
            .read_to_end(&mut plain)
            .unwrap();
        assert!(plain == good, "{op:?}");
    }
    let url = address(&running, "_all_books");
    let unframed = struck(&running, SimulatorRequest::ListPage, FaultKind::Unframed, &url).await;
    let told = (unframed.header("content-length"), unframed.header("transfer-encoding"));
    assert_eq!((told, unframed.header("connection")), ((None, None), Some("close")));
    let empty = struck(&running, SimulatorRequest::ListPage, FaultKind::EmptyList, &url)
        .await
        .text();
    assert!(
        empty.contains("hd3") && !empty.contains("<tr><td>") && empty.ends_with("</html>\n"),
        "{empty}"
    );
    let url = address(&running, "_all_books?format=text");
    let good = get(&url).await.body;
    let cut = struck(&running, SimulatorRequest::TextList, FaultKind::CutText, &url).await;
    assert!(!cut.body.is_empty() && cut.body.len() < good.len() && good.starts_with(&cut.body));
}

#[actix_rt::test]
async fn an_address_that_is_signed_for_get_refuses_head() {
    let running = start(SimulatorConfig::default());
    let url = archive(&running);
    let whole = get(&url).await.body;
    running.inject(SimulatorRequest::Head, None, FaultKind::RedirectSigned);
    let redirect = ask(&client(), Method::HEAD, &url, &[], "").await;
    assert_eq!(redirect.status, StatusCode::FOUND);
    let location = redirect.header("location").unwrap();
    let head = ask(&client(), Method::HEAD, location, &[], "").await;
    assert_eq!(head.status, StatusCode::FORBIDDEN);
    assert!(get(location).await.body == whole);
}

#[actix_rt::test]
async fn another_node_has_another_tag_for_the_same_bytes() {
    let running = start(SimulatorConfig::default());
    let url = archive(&running);
    let good = get(&url).await;
    let other = struck(&running, SimulatorRequest::Get, FaultKind::OtherTag, &url).await;
    assert!(good.header("etag") != other.header("etag") && good.body == other.body);
    let missing = struck(&running, SimulatorRequest::Get, FaultKind::Status404, &url).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[actix_rt::test]
async fn rows_of_an_answer_to_process_may_be_odd() {
    let running = start(SimulatorConfig {
        mix: StateMix::NEW,
        ..SimulatorConfig::default()
    });
    let [one, two] = [0, 1].map(|index| running.barcode(index).unwrap());
    let url = address(&running, &format!("_process?barcodes={one}&barcodes={two}"));
    let answer = struck(&running, SimulatorRequest::Process, FaultKind::OddRows, &url)
        .await
        .text();
    let rows: Vec<_> = answer.lines().collect();
    assert_eq!(rows[1], format!("{one}  Success"));
    assert_eq!(rows[2], format!("{two}\tSuccess\tasked for by a program"));
}
