//! HEAD and GET of archives, ranges, and every fault of a body.

use std::time::Duration;

use super::support::{Answer, ask, client, get, start};
use awc::http::{Method, StatusCode};
use futures::future::join_all;
use grind::lab::simulator::{
    AfterDownload, FaultKind, FaultPlan, RunningSimulator, SimulatedState, SimulatorConfig, SimulatorRequest, StateMix,
};

fn address(running: &RunningSimulator, index: u32) -> String {
    let name = running.file_name(&running.barcode(index).unwrap()).unwrap();
    format!("{}TESTLIB/{name}", running.base_url())
}

async fn head(url: &str) -> Answer {
    ask(&client(), Method::HEAD, url, &[], "").await
}

async fn range(url: &str, range: &str, validator: Option<&str>) -> Answer {
    let mut headers = vec![("range", range)];
    headers.extend(validator.map(|validator| ("if-range", validator)));
    ask(&client(), Method::GET, url, &headers, "").await
}

#[actix_rt::test]
async fn head_and_get_agree_with_each_other_and_with_the_truth() {
    let running = start(SimulatorConfig::default());
    for index in 0..5 {
        let truth = running.truth(&running.barcode(index).unwrap()).unwrap();
        let url = address(&running, index);
        let (head, got) = (head(&url).await, get(&url).await);
        assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
        for answer in [&head, &got] {
            assert_eq!(answer.header("etag"), Some(truth.etag.as_str()));
            assert_eq!(answer.promised(), Some(usize::try_from(truth.encrypted_bytes).unwrap()));
        }
        assert_eq!(got.promised(), Some(got.body.len()));
    }
    let stats = running.stop();
    assert_eq!(
        (stats.count(SimulatorRequest::Head), stats.count(SimulatorRequest::Get)),
        (5, 5)
    );
}

#[actix_rt::test]
async fn one_connection_serves_many_heads_and_gets() {
    let running = start(SimulatorConfig::default());
    let client = client();
    for index in 0..20 {
        let url = address(&running, index);
        ask(&client, Method::HEAD, &url, &[], "").await;
        assert!(ask(&client, Method::GET, &url, &[], "").await.whole);
    }
    let stats = running.stats();
    assert_eq!((stats.connections_accepted, stats.connections_peak), (1, 1));
}

#[actix_rt::test]
async fn ranges_give_the_part_and_another_tag_gives_the_whole() {
    let running = start(SimulatorConfig::default());
    let url = address(&running, 1);
    let whole = get(&url).await;
    let etag = whole.header("etag").unwrap().to_owned();
    let total = whole.body.len();
    let part = range(&url, "bytes=100-", Some(&etag)).await;
    assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(
        part.header("content-range"),
        Some(format!("bytes 100-{}/{total}", total - 1).as_str())
    );
    assert_eq!(part.body, whole.body[100..]);
    let other = range(&url, "bytes=100-", Some("\"other\"")).await;
    assert_eq!((other.status, other.body), (StatusCode::OK, whole.body.clone()));
    let beyond = range(&url, &format!("bytes={total}-"), None).await;
    assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(
        beyond.header("content-range"),
        Some(format!("bytes */{total}").as_str())
    );

    let without = start(SimulatorConfig {
        ranges: false,
        ..SimulatorConfig::default()
    });
    assert_eq!(
        range(&address(&without, 1), "bytes=100-", None).await.status,
        StatusCode::OK
    );
}

#[actix_rt::test]
async fn what_is_not_in_the_pool_is_not_found() {
    let running = start(SimulatorConfig {
        mix: StateMix::NEW,
        ..SimulatorConfig::default()
    });
    let url = address(&running, 0);
    assert_eq!(head(&url).await.status, StatusCode::NOT_FOUND);
    running.set_state(&running.barcode(0).unwrap(), SimulatedState::Converted);
    assert_eq!(get(&url).await.status, StatusCode::OK);
    let foreign = format!("{}TESTLIB/NOSUCH.tar.gz.gpg", running.base_url());
    assert_eq!(get(&foreign).await.status, StatusCode::NOT_FOUND);
    let prefixed = url.replace("/TESTLIB/", "/TESTLIB/TESTLIB_");
    assert_eq!(
        get(&prefixed).await.status,
        StatusCode::NOT_FOUND,
        "only the listed name is known"
    );
}

#[actix_rt::test]
async fn a_download_marks_or_drops_the_book() {
    for (after_download, found, state) in [
        (AfterDownload::Keeps, StatusCode::OK, SimulatedState::Converted),
        (
            AfterDownload::Marks,
            StatusCode::OK,
            SimulatedState::PreviouslyDownloaded,
        ),
        (
            AfterDownload::Drops,
            StatusCode::NOT_FOUND,
            SimulatedState::PreviouslyDownloaded,
        ),
    ] {
        let running = start(SimulatorConfig {
            after_download,
            ..SimulatorConfig::default()
        });
        let url = address(&running, 2);
        assert!(get(&url).await.whole);
        assert_eq!(running.truth(&running.barcode(2).unwrap()).unwrap().state, state);
        assert_eq!(head(&url).await.status, found, "{after_download:?}");
        let page = get(&format!("{}TESTLIB/_all_books", running.base_url())).await.text();
        assert!(page.contains("2026/01/05"), "the day of the download is listed");
    }
}

#[actix_rt::test]
async fn a_remade_archive_has_another_tag_and_other_bytes() {
    let running = start(SimulatorConfig::default());
    let barcode = running.barcode(4).unwrap();
    let url = address(&running, 4);
    let before = head(&url).await;
    running.inject(SimulatorRequest::Get, Some(&barcode), FaultKind::Remade);
    let after = get(&url).await;
    assert_ne!(before.header("etag"), after.header("etag"));
    let truth = running.truth(&barcode).unwrap();
    assert_eq!(after.header("etag"), Some(truth.etag.as_str()), "the truth follows");
    assert_eq!(get(&url).await.body, after.body);
}

/// What a body fault looks like from outside.
async fn struck(running: &RunningSimulator, fault: FaultKind) -> (Answer, Answer) {
    let url = address(running, 3);
    let good = get(&url).await;
    running.inject(SimulatorRequest::Get, running.barcode(3).as_ref(), fault);
    (good, get(&url).await)
}

#[actix_rt::test]
async fn faults_of_bodies_look_as_they_should() {
    let faults = FaultPlan {
        stall: Duration::from_millis(50),
        trickle: Duration::from_millis(200),
        ..FaultPlan::default()
    };
    let running = start(SimulatorConfig {
        faults,
        ..SimulatorConfig::default()
    });
    for fault in [FaultKind::Cut, FaultKind::Stall, FaultKind::LongLength] {
        let (good, bad) = struck(&running, fault).await;
        assert!(bad.promised() >= Some(good.body.len()), "{fault:?}");
        assert!(
            bad.body.len() < bad.promised().unwrap() && good.body.starts_with(&bad.body),
            "{fault:?}"
        );
    }
    for fault in [FaultKind::TruncatedOnce, FaultKind::ShortLength] {
        let (good, bad) = struck(&running, fault).await;
        assert_eq!(bad.promised(), Some(bad.body.len()), "{fault:?}");
        assert!(
            bad.body.len() < good.body.len() && good.body.starts_with(&bad.body),
            "{fault:?}"
        );
    }
    let (good, bad) = struck(&running, FaultKind::DamagedOnce).await;
    let differing: Vec<_> = good.body.iter().zip(&bad.body).filter(|(a, b)| a != b).collect();
    assert_eq!((differing.len(), good.body.len()), (1, bad.body.len()));
    assert_eq!((differing[0].0 ^ differing[0].1).count_ones(), 1);

    let (good, chunked) = struck(&running, FaultKind::Chunked).await;
    assert_eq!((chunked.promised(), &chunked.body), (None, &good.body));
    let (good, trickled) = struck(&running, FaultKind::Trickle).await;
    assert_eq!(trickled.body, good.body);
    let (_, html) = struck(&running, FaultKind::Html).await;
    assert_eq!(html.status, StatusCode::OK);
    assert!(html.header("content-type").unwrap().starts_with("text/html"));
    let (_, untagged) = struck(&running, FaultKind::NoTag).await;
    assert_eq!(untagged.header("etag"), None);
    assert_eq!(running.stats().faults.values().sum::<u64>(), 10);
}

#[actix_rt::test]
async fn redirects_lead_where_they_say() {
    let running = start(SimulatorConfig::default());
    let url = address(&running, 6);
    let good = get(&url).await.body;
    for fault in [
        FaultKind::RedirectSameHost,
        FaultKind::RedirectRelative,
        FaultKind::RedirectOtherHost,
    ] {
        running.inject(SimulatorRequest::Get, None, fault);
        let answer = get(&url).await;
        assert_eq!(answer.status, StatusCode::FOUND, "{fault:?}");
        let location = url::Url::parse(&url)
            .unwrap()
            .join(answer.header("location").unwrap())
            .unwrap();
        let own_host = location.host_str() == Some("127.0.0.1");
        assert_eq!(own_host, fault != FaultKind::RedirectOtherHost);
        assert_eq!(get(location.as_str()).await.body, good, "{fault:?}");
    }
    running.inject(SimulatorRequest::Head, None, FaultKind::RedirectLoop);
    let mut at = url::Url::parse(&url).unwrap();
    for _ in 0..8 {
        let answer = head(at.as_str()).await;
        assert_eq!(answer.status, StatusCode::FOUND);
        at = at.join(answer.header("location").unwrap()).unwrap();
    }
    running.inject(SimulatorRequest::Get, None, FaultKind::RedirectForeign);
    let location = get(&url).await.header("location").unwrap().to_owned();
    if location.contains("127.0.0.2") {
        ask(&client(), Method::GET, &location, &[("authorization", "Bearer x")], "").await;
        let stats = running.stats();
        assert_eq!((stats.foreign_requests, stats.tokens_leaked), (1, 1));
    }
}

#[actix_rt::test]
async fn with_all_faults_every_archive_comes_in_a_few_attempts_or_is_damaged_for_good() {
    let faults = FaultPlan {
        stall: Duration::from_millis(20),
        trickle: Duration::from_millis(20),
        ..FaultPlan::all()
    };
    let running = start(SimulatorConfig {
        books: 150,
        faults,
        pages: 2,
        image_bytes: 500,
        ..SimulatorConfig::default()
    });
    let fetch = async |index: u32| {
        let url = address(&running, index);
        for _ in 0..3 {
            let answer = get(&url).await;
            let truth = running.truth(&running.barcode(index).unwrap()).unwrap();
            if answer.status == StatusCode::OK && answer.body.len() as u64 == truth.encrypted_bytes {
                return true;
            }
        }
        false
    };
    let came = join_all((0..150).map(fetch)).await;
    assert!(came.iter().all(|came| *came), "faults end after two attempts");
    let stats = running.stop();
    assert!(stats.faults.len() > 10, "{:?}", stats.faults);
}
