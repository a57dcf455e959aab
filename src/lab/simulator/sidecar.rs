//! A simulated Dapr sidecar with one state store: starting, steering and stopping it.

mod answers;
pub(crate) mod keys;
pub(crate) mod routes;

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::dev::Server;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use serde::Serialize;

use crate::lab::simulator::SimulatorError;
use crate::lab::simulator::sidecar::keys::SidecarKeys;
use crate::lab::simulator::thread::ServerThread;

/// Longer than any client keeps an idle connection, so that clients decide.
const KEEP_ALIVE: Duration = Duration::from_mins(2);

/// What a sidecar simulator is started with.
#[derive(Debug, Clone)]
pub struct SidecarConfig {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Names of its state stores; none: not configured at all.
    pub stores: Vec<String>,
    /// Keys are kept as `<app id>||<key>`.
    pub app_id: String,
    /// Requests without this `dapr-api-token` are answered 401; `None`: none is wanted.
    pub api_token: Option<String>,
    /// Before every answer.
    pub delay: Duration,
    /// Threads that serve.
    pub workers: usize,
}

impl Default for SidecarConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            stores: vec!["statestore".to_owned()],
            app_id: "grind".to_owned(),
            api_token: None,
            delay: Duration::ZERO,
            workers: 1,
        }
    }
}

/// What befalls a request of the state API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SidecarFault {
    /// 500 with the code of the operation; nothing is done.
    Fail,
    /// No answer for this long, then 500.
    Stall(Duration),
    /// The operation is done, but its answer never comes: the connection is closed.
    LoseAnswer,
    /// The answer comes in so many pieces with a pause before each.
    Drip {
        /// Pieces of the body.
        pieces: u32,
        /// The pause before each chunk.
        pause: Duration,
    },
    /// 500 with a body of so many bytes.
    LongError(usize),
}

/// What a sidecar was asked so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SidecarStats {
    /// Connections accepted.
    pub connections_accepted: u64,
    /// Connections open now.
    pub connections_open: u64,
    /// Most connections open at once.
    pub connections_peak: u64,
    /// Requests of the state API, whatever their answer.
    pub requests: u64,
    /// Gets of one key.
    pub gets: u64,
    /// Saves.
    pub saves: u64,
    /// Deletes.
    pub deletes: u64,
    /// Bulk gets.
    pub bulk_gets: u64,
    /// Transactions.
    pub transactions: u64,
    /// Most requests being answered at once.
    pub busy_peak: u64,
}

/// Starts simulated sidecars.
#[derive(Debug)]
pub struct SidecarSimulator;

/// A sidecar that is serving; dropped, it stops.
pub struct RunningSidecar {
    shared: Arc<SidecarState>,
    address: SocketAddr,
    _serving: ServerThread,
}

/// What the serving threads share.
pub(super) struct SidecarState {
    pub config: SidecarConfig,
    pub keys: Mutex<SidecarKeys>,
    pub counters: Arc<SidecarCounters>,
    steering: Mutex<Steering>,
    began: Instant,
}

#[derive(Default)]
struct Steering {
    delay: Duration,
    ahead: Duration,
    faults: VecDeque<SidecarFault>,
    down: bool,
}

#[derive(Default)]
pub(super) struct SidecarCounters {
    accepted: AtomicU64,
    open: AtomicU64,
    peak: AtomicU64,
    pub requests: AtomicU64,
    pub gets: AtomicU64,
    pub saves: AtomicU64,
    pub deletes: AtomicU64,
    pub bulk_gets: AtomicU64,
    pub transactions: AtomicU64,
    pub busy: AtomicU64,
    pub busy_peak: AtomicU64,
}

/// An open connection; counts down when dropped.
struct Open(Arc<SidecarCounters>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

impl SidecarCounters {
    fn connection(self: &Arc<Self>) -> Open {
        self.accepted.fetch_add(1, Relaxed);
        let open = self.open.fetch_add(1, Relaxed) + 1;
        self.peak.fetch_max(open, Relaxed);
        Open(Arc::clone(self))
    }
}

impl SidecarState {
    fn steering(&self) -> MutexGuard<'_, Steering> {
        self.steering.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds on the store's clock.
    pub fn now(&self) -> u64 {
        let elapsed = self.began.elapsed() + self.steering().ahead;
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }

    pub fn delay(&self) -> Duration {
        self.steering().delay
    }

    /// What befalls the next request.
    pub fn fault(&self) -> Option<SidecarFault> {
        let mut steering = self.steering();
        let ordered = steering.faults.pop_front();
        ordered.or_else(|| steering.down.then_some(SidecarFault::Fail))
    }
}

impl SidecarSimulator {
    /// Serves on threads of its own until the handle is stopped or dropped.
    pub fn start(config: SidecarConfig) -> Result<RunningSidecar, SimulatorError> {
        let listener = TcpListener::bind(config.listen)?;
        let address = listener.local_addr()?;
        let steering = Steering {
            delay: config.delay,
            ..Steering::default()
        };
        let shared = Arc::new(SidecarState {
            config,
            keys: Mutex::default(),
            counters: Arc::default(),
            steering: Mutex::new(steering),
            began: Instant::now(),
        });
        let serving = ServerThread::start("sidecar", {
            let shared = Arc::clone(&shared);
            move || build(&shared, listener)
        })?;
        Ok(RunningSidecar {
            shared,
            address,
            _serving: serving,
        })
    }
}

fn build(shared: &Arc<SidecarState>, listener: TcpListener) -> std::io::Result<Server> {
    let data = Data::new(Arc::clone(shared));
    let counters = Arc::clone(&shared.counters);
    let server = HttpServer::new(move || App::new().app_data(data.clone()).configure(routes::configure))
        .workers(shared.config.workers)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(KEEP_ALIVE)
        .disable_signals()
        .shutdown_timeout(0)
        .tcp_nodelay(true)
        .on_connect(move |_, extensions| {
            extensions.insert(counters.connection());
        })
        .listen(listener)?;
    Ok(server.run())
}

impl RunningSidecar {
    /// Scheme, host and port, as `state_store.url` wants it.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked so far.
    pub fn stats(&self) -> SidecarStats {
        let counters = &self.shared.counters;
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        SidecarStats {
            connections_accepted: read(&counters.accepted),
            connections_open: read(&counters.open),
            connections_peak: read(&counters.peak),
            requests: read(&counters.requests),
            gets: read(&counters.gets),
            saves: read(&counters.saves),
            deletes: read(&counters.deletes),
            bulk_gets: read(&counters.bulk_gets),
            transactions: read(&counters.transactions),
            busy_peak: read(&counters.busy_peak),
        }
    }

    /// Before every answer from now on.
    pub fn set_delay(&self, delay: Duration) {
        self.shared.steering().delay = delay;
    }

    /// Orders a fault for the next request; several come one after the other.
    pub fn inject(&self, fault: SidecarFault) {
        self.shared.steering().faults.push_back(fault);
    }

    /// Every request fails (500) until the store is up again.
    pub fn set_down(&self, down: bool) {
        self.shared.steering().down = down;
    }

    /// Moves the store's clock forwards: values run out.
    pub fn pass(&self, time: Duration) {
        self.shared.steering().ahead += time;
    }

    /// Keys that hold something.
    pub fn keys(&self) -> usize {
        let now = self.shared.now();
        self.shared.keys.lock().unwrap_or_else(PoisonError::into_inner).len(now)
    }
}

impl std::fmt::Debug for RunningSidecar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunningSidecar")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
