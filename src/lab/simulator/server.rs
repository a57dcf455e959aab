//! Starting, steering and stopping a simulator.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::web::Data;
use actix_web::{App, HttpServer};

use crate::grin::{Barcode, ListKind};
use crate::lab::simulator::archive::cache::ArchiveCache;
use crate::lab::simulator::archive::files;
use crate::lab::simulator::config::SimulatorConfig;
use crate::lab::simulator::faults::{FaultDice, FaultKind, FaultPlan, lock};
use crate::lab::simulator::grin::auth::AuthServer;
use crate::lab::simulator::grin::catalogue::SeededCatalogue;
use crate::lab::simulator::grin::life::SimulatedState;
use crate::lab::simulator::grin::shelf::BookShelf;
use crate::lab::simulator::grin::truth;
use crate::lab::simulator::grin::truth::BookTruth;
use crate::lab::simulator::shared::{BandwidthThrottle, BoundAddresses, SimulatorState};
use crate::lab::simulator::stats::{SimulatorCounters, SimulatorRequest, SimulatorStats};
use crate::lab::simulator::thread::ServerThread;
use crate::lab::simulator::{routes, tls};

/// Longer than any client keeps an idle connection, so that clients decide.
const KEEP_ALIVE: Duration = Duration::from_mins(2);

/// Why a simulator could not start.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// A socket, file or thread could not be had.
    #[error("the simulator could not start: {0}")]
    Io(#[from] std::io::Error),
    /// No certificate could be made.
    #[error("the simulator's certificate could not be made: {0}")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Its thread ended before it listened.
    #[error("the simulator's thread ended before it listened")]
    Ended,
}

/// The GRIN simulator.
#[derive(Debug)]
pub struct Simulator;

/// A simulator that is serving; dropped, it stops.
pub struct RunningSimulator {
    shared: Arc<SimulatorState>,
    address: SocketAddr,
    ca_file: Option<PathBuf>,
    serving: ServerThread,
}

impl Simulator {
    /// Serves on threads of its own until the handle is stopped or dropped.
    pub fn start(config: SimulatorConfig) -> Result<RunningSimulator, SimulatorError> {
        let listener = TcpListener::bind(config.listen)?;
        let address = listener.local_addr()?;
        // Two more loopback addresses stand for the host that serves archives and for one that may not get a token.
        let other = beside(address, 3);
        let foreign = beside(address, 2);
        let host = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => "127.0.0.1".into(),
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let shared = shared(config)?;
        let secured = match &shared.catalogue.config.tls {
            Some(folder) => Some(tls::server_config(folder, &host)?),
            None => None,
        };
        let bound = BoundAddresses {
            scheme: if secured.is_some() { "https" } else { "http" },
            host,
            port: address.port(),
            other: other.as_ref().and_then(|listener| listener.local_addr().ok()),
            foreign: foreign.as_ref().and_then(|listener| listener.local_addr().ok()),
        };
        shared.bound.get_or_init(|| bound);
        let (tls_config, ca_file) = secured.unzip();
        let sockets = Sockets {
            listener,
            other,
            foreign,
            tls_config,
        };
        let serving = ServerThread::start("simulator", {
            let shared = Arc::clone(&shared);
            move || build(&shared, sockets)
        })?;
        Ok(RunningSimulator {
            shared,
            address,
            ca_file,
            serving,
        })
    }
}

fn shared(config: SimulatorConfig) -> Result<Arc<SimulatorState>, SimulatorError> {
    let auth = config.auth.clone().map(|auth| AuthServer::new(auth, config.seed));
    let throttle = config.requests_per_second.map(BandwidthThrottle::new);
    let dice = FaultDice::new(config.seed, config.faults.clone());
    let catalogue = Arc::new(SeededCatalogue::new(config));
    Ok(Arc::new(SimulatorState {
        shelf: BookShelf::new(Arc::clone(&catalogue)),
        cache: Arc::new(ArchiveCache::new(Arc::clone(&catalogue))?),
        catalogue,
        dice,
        auth,
        counters: Arc::new(SimulatorCounters::default()),
        throttle,
        spoilers: Mutex::default(),
        bound: OnceLock::new(),
    }))
}

struct Sockets {
    listener: TcpListener,
    other: Option<TcpListener>,
    foreign: Option<TcpListener>,
    tls_config: Option<rustls::ServerConfig>,
}

fn build(shared: &Arc<SimulatorState>, sockets: Sockets) -> std::io::Result<Server> {
    let data = Data::new(Arc::clone(shared));
    let counters = Arc::clone(&shared.counters);
    let mut server = HttpServer::new(move || App::new().app_data(data.clone()).configure(routes::configure))
        .workers(shared.catalogue.config.workers)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(KEEP_ALIVE)
        .disable_signals()
        .shutdown_timeout(0)
        .tcp_nodelay(true)
        .on_connect(move |_, extensions| {
            extensions.insert(counters.connection());
        });
    for listener in [Some(sockets.listener), sockets.other].into_iter().flatten() {
        server = match &sockets.tls_config {
            Some(config) => server.listen_rustls_0_23(listener, config.clone())?,
            None => server.listen(listener)?,
        };
    }
    if let Some(foreign) = sockets.foreign {
        server = server.listen(foreign)?;
    }
    Ok(server.run())
}

/// The same port on another loopback address; not every system has more than one.
fn beside(address: SocketAddr, last: u8) -> Option<TcpListener> {
    if address.ip() != IpAddr::from([127, 0, 0, 1]) {
        return None;
    }
    TcpListener::bind((IpAddr::from([127, 0, 0, last]), address.port())).ok()
}

impl RunningSimulator {
    /// What goes before a library's directory: `http://127.0.0.1:PORT/libraries/`.
    pub fn base_url(&self) -> String {
        format!("{}/libraries/", self.shared.origin())
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        self.shared.origin()
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The certificate authority to trust, with TLS.
    pub fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }

    /// What it was started with.
    pub fn config(&self) -> &SimulatorConfig {
        &self.shared.catalogue.config
    }

    /// What was asked and answered so far.
    pub fn stats(&self) -> SimulatorStats {
        self.shared.counters.snapshot()
    }

    /// The barcode of book number `index`.
    pub fn barcode(&self, index: u32) -> Option<Barcode> {
        Barcode::parse(&self.shared.catalogue.barcode(index))
            .ok()
            .filter(|_| index < self.config().books)
    }

    /// All barcodes in the order of the list.
    pub fn barcodes(&self) -> impl Iterator<Item = Barcode> {
        (0..self.config().books).filter_map(|index| self.barcode(index))
    }

    /// A book's state at this moment.
    pub fn state(&self, barcode: &Barcode) -> Option<SimulatedState> {
        Some(self.shared.shelf.life(self.index_of(barcode)?).state)
    }

    /// How often a book's archive, or a part of it, was sent.
    pub fn times_sent(&self, barcode: &Barcode) -> u64 {
        self.index_of(barcode)
            .map_or(0, |index| self.shared.counters.sent(index))
    }

    /// The most requests that came within any window of this length.
    pub fn most_within(&self, window: Duration) -> usize {
        self.shared.counters.most_within(window)
    }

    /// Waits until so many requests of this kind have come; `false` when the time is over first.
    pub fn wait_for(&self, op: SimulatorRequest, count: u64, limit: Duration) -> bool {
        self.shared.counters.wait_for(op, count, limit)
    }

    /// The name under which a book's archive is listed.
    pub fn file_name(&self, barcode: &Barcode) -> Option<String> {
        let mut name = Vec::new();
        self.shared.catalogue.push_file_name(self.index_of(barcode)?, &mut name);
        String::from_utf8(name).ok()
    }

    /// What is true of a book; makes its archive once to know the digest.
    pub fn truth(&self, barcode: &Barcode) -> Option<BookTruth> {
        truth::of(&self.shared, self.index_of(barcode)?).ok()
    }

    /// The plain text of each page that has one, by page number, as it stands in the archive.
    pub fn texts(&self, barcode: &Barcode) -> Option<std::collections::BTreeMap<u32, Vec<u8>>> {
        Some(truth::texts(&self.shared, self.index_of(barcode)?))
    }

    /// Makes the archives of the first `books` books now, so that making them is not measured.
    pub fn prepare(&self, books: u32) -> Result<(), SimulatorError> {
        for index in 0..books.min(self.config().books) {
            let life = self.shared.shelf.life(index);
            self.shared.cache.make(index, life.generation)?;
        }
        Ok(())
    }

    /// Changes the faults of answers from now on; those that stay with a book are fixed at the start.
    pub fn set_faults(&self, faults: FaultPlan) {
        self.shared.dice.set(faults);
    }

    /// Orders one fault for the next request of a kind, for one book or for whichever comes first.
    pub fn inject(&self, op: SimulatorRequest, barcode: Option<&Barcode>, fault: FaultKind) {
        let key = barcode.and_then(|barcode| self.index_of(barcode)).map(u64::from);
        self.shared.dice.order(op, key, fault);
    }

    /// Orders one fault for the next request of a list's page that begins with this row, counted from 1.
    pub fn inject_page(&self, list: ListKind, first: u64, fault: FaultKind) {
        let path = format!("/libraries/{}/{}", self.config().library, list.path());
        let key = crate::lab::simulator::routes::key_of_page(&path, &first.to_string());
        self.shared.dice.order(SimulatorRequest::ListPage, Some(key), fault);
    }

    /// From now on every search and request for conversion that names this book is answered with 500.
    pub fn spoil(&self, barcode: &Barcode) {
        lock(&self.shared.spoilers).insert(barcode.to_string());
    }

    /// Forgets all faults that were ordered and did not come yet.
    pub fn forget_injected(&self) {
        self.shared.dice.forget();
    }

    /// Ends every access token.
    pub fn expire_tokens(&self) {
        if let Some(auth) = &self.shared.auth {
            auth.expire_all();
        }
    }

    /// Issues an access token without asking anybody.
    pub fn issue_token(&self) -> Option<crate::grin::Secret> {
        self.shared
            .auth
            .as_ref()
            .map(|auth| crate::grin::Secret::new(auth.issue()))
    }

    /// Kills the refresh token (`invalid_grant`) or brings it back.
    pub fn set_refresh_alive(&self, alive: bool) {
        if let Some(auth) = &self.shared.auth {
            auth.set_refresh_alive(alive);
        }
    }

    /// Moves the simulated clock forwards and works the conversion queue up to then.
    pub fn pass_minutes(&self, minutes: u32) {
        self.shared.shelf.pass_minutes(minutes);
    }

    /// Books in process now.
    pub fn in_process(&self) -> usize {
        self.shared.shelf.in_process()
    }

    /// Sets a book's state, as a person at GRIN might.
    pub fn set_state(&self, barcode: &Barcode, state: SimulatedState) {
        if let Some(index) = self.index_of(barcode) {
            self.shared.shelf.set_state(index, state);
        }
    }

    /// GRIN makes a book's archive anew: another tag, other bytes.
    pub fn remake(&self, barcode: &Barcode) {
        if let Some(index) = self.index_of(barcode) {
            self.shared.shelf.remake(index);
        }
    }

    /// Writes a config, credentials and passphrase into `folder` that point here; gives the config's path.
    pub fn write_config(&self, folder: &Path) -> Result<PathBuf, SimulatorError> {
        let written = files::write(&self.shared, self.ca_file.as_deref(), folder)?;
        Ok(written)
    }

    /// Stops serving: sockets are closed, running answers cut.
    pub fn stop(mut self) -> SimulatorStats {
        self.serving.end();
        self.stats()
    }

    fn index_of(&self, barcode: &Barcode) -> Option<u32> {
        self.shared.catalogue.index_of(barcode.as_str())
    }
}

impl std::fmt::Debug for RunningSimulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
