//! Bench of the session: HEADs through the owner beside the same HEADs by a bare awc client, in one run.
//!
//! `cargo bench --bench session -- [REQUESTS] [ROUNDS]`; prints a line a round and mode: requests a second, and microseconds of CPU
//! (whole process: client, server and askers) for each.

#![allow(clippy::unwrap_used, reason = "a measurement may fail where it stands")]

use std::time::{Duration, Instant};

use futures::StreamExt;
use grind::actor::{ActorRegistry, AskContext};
use grind::grin::RedirectPolicy;
use grind::session::{AuthMode, HeadRequest, MinimumSpeed, PermitClass, RequestKind, Session, SessionConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

const WORKERS: usize = 50;

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let requests = numbers.first().copied().unwrap_or(100_000);
    let rounds = numbers.get(1).copied().unwrap_or(3);
    let url = serve();
    actix_rt::System::new().block_on(async {
        let bare = awc::Client::builder()
            .connector(awc::Connector::new().limit(WORKERS))
            .disable_redirects()
            .finish();
        let (session, thread) = Session::start(&ActorRegistry::new(), config(&url)).expect("a session starts");
        let cx = AskContext::root("bench");
        for round in 0..=rounds {
            // The first round only warms up.
            let owner = measure(requests, || async {
                let (class, kind, auth) = (PermitClass::Check, RequestKind::ArchiveHead, AuthMode::Grin);
                let head = HeadRequest {
                    url: url.clone(),
                    class,
                    kind,
                    auth,
                };
                session.ask(head, &cx).await.is_ok()
            })
            .await;
            let alone = measure(requests, || async { bare.head(url.as_str()).send().await.is_ok() }).await;
            if round > 0 {
                println!("round {round}: owner {owner} | awc alone {alone}");
            }
        }
        let counted = session.counters().snapshot();
        println!(
            "sessions {}, connections {}",
            counted.sessions_created, counted.connections_opened
        );
        thread.join().expect("the owner's thread ends");
    });
}

fn config(url: &Url) -> SessionConfig {
    let mut config = SessionConfig::new(RedirectPolicy::new(url, &[], &[]));
    config.requests_per_second = 0.0;
    config.tokens = grind::session::TokenSource::Fixed(grind::grin::Secret::new("t"));
    config.minimum_speed = MinimumSpeed {
        bytes_per_second: 0,
        window: Duration::from_secs(30),
    };
    config
}

async fn measure<F: Future<Output = bool>>(requests: usize, ask: impl Fn() -> F) -> String {
    let (began, cpu) = (Instant::now(), cpu_seconds());
    let good = futures::stream::iter(0..requests)
        .map(|_| ask())
        .buffer_unordered(WORKERS)
        .filter(|good| std::future::ready(*good))
        .count()
        .await;
    assert_eq!(good, requests, "every HEAD is answered");
    #[expect(clippy::cast_precision_loss, reason = "a count of requests")]
    let requests = requests as f64;
    let rate = requests / began.elapsed().as_secs_f64();
    format!("{rate:.0}/s, {:.1} us CPU each", (cpu_seconds() - cpu) * 1e6 / requests)
}

fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "seconds of CPU of one run")]
    let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    seconds
}

/// Answers every head with the same head; keeps connections open.
fn serve() -> Url {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    listener.set_nonblocking(true).expect("non-blocking");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream));
            }
        });
    });
    Url::parse(&format!("http://{address}/libraries/TEST/TL0000000001.tar.gz.gpg")).expect("an address")
}

async fn converse(mut stream: tokio::net::TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut buffer = [0; 4096];
    let mut filled = 0;
    while let Ok(count @ 1..) = stream.read(&mut buffer[filled..]).await {
        filled += count;
        if !buffer[..filled].ends_with(b"\r\n\r\n") {
            continue;
        }
        filled = 0;
        let answer = b"HTTP/1.1 200 OK\r\netag: \"5f1e\"\r\ncontent-length: 50000000\r\n\r\n";
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}
