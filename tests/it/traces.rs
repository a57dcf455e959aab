//! The spans that a collector gets: one tree a book.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc;

use actix_web::{App, HttpResponse, HttpServer, web};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use crate::daemon::small;
use crate::support::Home;

/// A collector on a free port: what it got, and its end.
struct Collector {
    address: std::net::SocketAddr,
    received: mpsc::Receiver<Vec<u8>>,
    server: actix_web::dev::ServerHandle,
    thread: std::thread::JoinHandle<()>,
}

impl Collector {
    fn start() -> Self {
        let (sender, received) = mpsc::channel::<Vec<u8>>();
        let (told, begun) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let app = move || {
                    let sender = sender.clone();
                    let take = move |body: web::Bytes| {
                        sender.send(body.to_vec()).unwrap();
                        std::future::ready(HttpResponse::Ok().finish())
                    };
                    App::new()
                        .app_data(web::PayloadConfig::new(1 << 24))
                        .route("/v1/traces", web::post().to(take))
                };
                let server = HttpServer::new(app).workers(1).disable_signals();
                let server = server.bind(("127.0.0.1", 0)).unwrap();
                let address = server.addrs()[0];
                let server = server.run();
                told.send((address, server.handle())).unwrap();
                server.await.unwrap();
            });
        });
        let (address, server) = begun.recv().unwrap();
        Self {
            address,
            received,
            server,
            thread,
        }
    }

    fn config(&self) -> String {
        format!("[observe]\ntraces_url = \"http://{}/v1/traces\"\n", self.address)
    }

    /// All that came, once the program has ended.
    fn end(self) -> Vec<ExportTraceServiceRequest> {
        actix_rt::System::new().block_on(self.server.stop(true));
        self.thread.join().unwrap();
        let decode = |body: Vec<u8>| ExportTraceServiceRequest::decode(&*body).unwrap();
        self.received.into_iter().map(decode).collect()
    }
}

fn spans(requests: &[ExportTraceServiceRequest]) -> Vec<&Span> {
    let resources = requests.iter().flat_map(|request| &request.resource_spans);
    let scopes = resources.flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| &scope.spans).collect()
}

fn word<'a>(span: &'a Span, key: &str) -> Option<&'a str> {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(word) => Some(word),
        _ => None,
    }
}

/// The names from the root of the tree down to this span.
fn way(span: &Span, of_trace: &[&Span]) -> String {
    let parent = of_trace.iter().find(|other| other.span_id == span.parent_span_id);
    match parent {
        Some(parent) => {
            let (begin, end) = (parent.start_time_unix_nano, parent.end_time_unix_nano);
            assert!(begin <= span.start_time_unix_nano, "{span:?} begins before {parent:?}");
            assert!(span.end_time_unix_nano <= end, "{span:?} ends after {parent:?}");
            format!("{} > {}", way(parent, of_trace), span.name)
        }
        None => {
            assert!(span.parent_span_id.is_empty(), "the parent of {span:?} is not there");
            span.name.clone()
        }
    }
}

/// What is done about a book that a list calls converted.
const WAYS: [&str; 9] = [
    "book",
    "book > reconcile",
    "book > catalog downloading",
    "book > downloader download",
    "book > downloader download > session_owner open_body",
    "book > downloader download > session_owner open_body > request",
    "book > downloader download > archive_pass",
    "book > downloader download > publish",
    "book > record",
];

#[test]
fn each_book_is_one_tree_of_spans() {
    let collector = Collector::start();
    let home = Home::new(small(), &collector.config());
    let run = home.grind(&["run", "--once"]);
    assert!(run.status.success(), "{}", run.err);
    let requests = collector.end();
    let mut traces: BTreeMap<&[u8], Vec<&Span>> = BTreeMap::new();
    for span in spans(&requests) {
        traces.entry(&span.trace_id).or_default().push(span);
    }
    let mut barcodes = BTreeSet::new();
    for of_trace in traces.values() {
        let ways: BTreeSet<_> = of_trace.iter().map(|span| way(span, of_trace)).collect();
        for expected in WAYS {
            assert!(ways.contains(expected), "{expected} is not in {ways:?}");
        }
        let roots: Vec<_> = of_trace.iter().filter(|span| span.parent_span_id.is_empty()).collect();
        assert_eq!(roots.len(), 1, "{roots:?}");
        assert!(roots[0].end_time_unix_nano > roots[0].start_time_unix_nano);
        assert_eq!(word(roots[0], "outcome"), Some("stored"));
        barcodes.insert(word(roots[0], "barcode").unwrap().to_owned());
    }
    let all: BTreeSet<_> = home.simulator.barcodes().map(|barcode| barcode.to_string()).collect();
    assert_eq!(barcodes, all);
    assert_eq!(traces.len(), all.len());
    let told = format!("{requests:?}");
    for secret in ["Bearer", "http://", "ya29"] {
        assert!(!told.contains(secret), "{secret} is in a span");
    }
}

#[test]
fn a_collector_that_is_away_costs_no_book_and_is_told_once() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let config = format!("[observe]\ntraces_url = \"http://{address}/v1/traces\"\n");
    let home = Home::new(small(), &config);
    let run = home.grind(&["run", "--once"]);
    assert!(run.status.success(), "{}", run.err);
    assert_eq!(home.whole_books().len(), 5);
    assert_eq!(run.err.matches("does not take spans").count(), 1, "{}", run.err);
}

#[test]
fn no_book_is_traced_where_the_share_is_none() {
    let collector = Collector::start();
    let config = collector.config() + "traces_share = 0.0\n";
    let run = Home::new(small(), &config).grind(&["run", "--once"]);
    assert!(run.status.success(), "{}", run.err);
    assert_eq!(collector.end().len(), 0);
}
