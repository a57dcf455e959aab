//! The helper process of `bench sessions`: server and relays, so that the client's CPU is the client's alone.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::lab::bench::error::BenchError;
use crate::lab::bench::rig::answerer::{AnswererCounts, AnswererSnapshot, serve};
use crate::lab::bench::rig::helper::{HelperProcess, ourselves};
use crate::lab::bench::rig::relay::relay;

/// Where the helper listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerPlaces {
    /// Addresses by round trip in milliseconds; 0 is the server itself.
    pub plain: BTreeMap<u64, SocketAddr>,
    /// The same with TLS.
    pub tls: BTreeMap<u64, SocketAddr>,
    /// The authority that signed the server's certificate.
    pub ca_file: PathBuf,
}

/// The helper, seen from the bench.
#[derive(Debug)]
pub struct BenchServer {
    helper: HelperProcess,
    /// Where it listens.
    pub places: ServerPlaces,
}

impl BenchServer {
    /// Starts the helper; it serves at the distances named, and directly.
    pub fn start(certificates: &Path, round_trips: &[u64]) -> Result<Self, BenchError> {
        let mut command = ourselves()?;
        command.args(["bench", "serve", "--certificates"]).arg(certificates);
        for millis in round_trips {
            command.arg("--round-trip-ms").arg(millis.to_string());
        }
        let mut helper = HelperProcess::start(command)?;
        let places = helper.json()?;
        Ok(Self { helper, places })
    }

    /// What it has counted so far.
    pub fn served(&mut self) -> Result<AnswererSnapshot, BenchError> {
        self.helper.ask("counts")
    }
}

/// The helper's own work: serves until its standard input ends; answers each line of it with its counts.
pub fn run(certificates: &Path, round_trips: &[u64]) -> Result<(), BenchError> {
    let counts = Arc::new(AnswererCounts::default());
    let places = in_background(certificates.to_owned(), round_trips.to_vec(), Arc::clone(&counts))?;
    say(&places)?;
    for line in std::io::stdin().lock().lines() {
        if line.is_err() {
            break;
        }
        say(&counts.snapshot())?;
    }
    Ok(())
}

/// Serves on a thread of its own, to the end of the process.
fn in_background(
    certificates: PathBuf,
    round_trips: Vec<u64>,
    counts: Arc<AnswererCounts>,
) -> Result<ServerPlaces, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BenchError::system("no runtime to serve on"))?;
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::Builder::new()
        .name("answerer".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                let begun = begin(&certificates, &round_trips, &counts);
                let serves = begun.is_ok();
                if tell.send(begun).is_ok() && serves {
                    std::future::pending::<()>().await;
                }
            });
        })
        .map_err(BenchError::system("no thread to serve on"))?;
    told.recv()
        .unwrap_or_else(|_| Err(BenchError::Helper("the server's thread ended".to_owned())))
}

fn begin(certificates: &Path, round_trips: &[u64], counts: &Arc<AnswererCounts>) -> Result<ServerPlaces, BenchError> {
    let (config, ca_file) = crate::lab::simulator::tls::server_config(certificates, "127.0.0.1")
        .map_err(|error| BenchError::Tls(error.to_string()))?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (mut plain, mut tls) = (BTreeMap::new(), BTreeMap::new());
    for (addresses, acceptor) in [(&mut plain, None), (&mut tls, Some(acceptor))] {
        let (listener, near) = listen()?;
        tokio::spawn(serve(listener, acceptor, Arc::clone(counts)));
        addresses.insert(0, near);
        for &millis in round_trips.iter().filter(|&&millis| millis > 0) {
            let (listener, far) = listen()?;
            tokio::spawn(relay(listener, near, Duration::from_millis(millis)));
            addresses.insert(millis, far);
        }
    }
    Ok(ServerPlaces { plain, tls, ca_file })
}

fn listen() -> Result<(TcpListener, SocketAddr), BenchError> {
    let no_port = || BenchError::system("no port to listen on");
    // Sessions made for one request each come in bursts: the backlog is long enough that none is refused.
    let socket = tokio::net::TcpSocket::new_v4().map_err(no_port())?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).map_err(no_port())?;
    let listener = socket.listen(1_024).map_err(no_port())?;
    let address = listener.local_addr().map_err(no_port())?;
    Ok((listener, address))
}

fn say(what: &impl Serialize) -> Result<(), BenchError> {
    let text = serde_json::to_string(what).map_err(|error| BenchError::Report(error.to_string()))?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(BenchError::system("nobody listens to the helper"))
}
