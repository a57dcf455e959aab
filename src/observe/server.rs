//! The HTTP server, on a thread and runtime of its own, so that it answers while the daemon is stuck.

use std::any::Any;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix_web::dev::{Extensions, Server, ServerHandle};
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpServer, web};
use futures::future::try_join_all;
use rustix::net::sockopt;

use crate::grin::SecretFileError;
use crate::observe::front_door::{FrontDoor, let_in};
use crate::observe::page::LivePage;
use crate::observe::routes;
use crate::observe::silent_clients::SilentClients;
use crate::observe::socket::{BoundSocket, SocketFile};
use crate::observe::view::DaemonView;

/// Connections at once over the network, and as many over the Unix socket; more wait in the kernel's queue.
const MOST_CONNECTIONS: usize = 16;
/// The kernel's queue.
const BACKLOG: u32 = 64;
/// How long a connection may take to ask, or be idle between two questions.
const IDLE: Duration = Duration::from_secs(5);

/// How long a client may take nothing of what it was sent.
const LONGEST_SILENCE: Duration = Duration::from_secs(10);

/// How often the counters are read for what is shown of the last seconds and minutes.
pub(super) const READ_EVERY: Duration = Duration::from_secs(2);

/// Why nobody can look at the daemon.
#[derive(Debug, thiserror::Error)]
pub enum ObserverError {
    /// The address cannot be had.
    #[error("cannot listen on {address}")]
    Listen {
        /// `observe.listen`.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The socket file cannot be had.
    #[error("cannot make the socket {}", path.display())]
    Socket {
        /// `observe.socket`.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another daemon answers at this socket.
    #[error("a daemon is already running at {}", path.display())]
    Running {
        /// `observe.socket`.
        path: PathBuf,
    },
    /// The file with the token cannot be read.
    #[error("cannot read observe.token_file")]
    Token(#[source] SecretFileError),
    /// Nothing stands in it.
    #[error("{} has no token in its first line (observe.token_file)", path.display())]
    NoToken {
        /// `observe.token_file`.
        path: PathBuf,
    },
    /// The server could not be set up.
    #[error("cannot start the server for page and metrics")]
    Server(#[source] io::Error),
}

/// The running server; ends with [`ObserverServer::stop`] or when dropped.
#[derive(Debug)]
pub struct ObserverServer {
    address: Option<SocketAddr>,
    handles: Vec<ServerHandle>,
    thread: Option<JoinHandle<()>>,
    _socket: Option<SocketFile>,
}

/// What is listened on; everything is bound before the thread starts, so that errors reach the caller. Each has places of its own, so that
/// whoever may use the Unix socket is kept out by nobody who asks over the network.
enum ObserverDoor {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// What those who ask are answered from.
#[derive(Clone)]
struct ObserverData {
    view: web::Data<dyn DaemonView>,
    live: web::Data<LivePage>,
    front: web::Data<FrontDoor>,
    silent: SilentClients,
}

impl ObserverServer {
    /// Listens on an address, a Unix socket, or both.
    #[cfg(test)]
    pub fn start(
        listen: Option<SocketAddr>,
        socket: Option<PathBuf>,
        door: FrontDoor,
        view: Arc<dyn DaemonView>,
    ) -> Result<Self, ObserverError> {
        let socket = socket.map(crate::observe::socket::listen).transpose()?;
        Self::start_at(listen, socket, door, view)
    }

    /// Listens on an address, and answers at a socket that is listened at already.
    ///
    /// # Errors
    /// The address cannot be had, or no thread.
    pub fn start_at(
        listen: Option<SocketAddr>,
        socket: Option<BoundSocket>,
        door: FrontDoor,
        view: Arc<dyn DaemonView>,
    ) -> Result<Self, ObserverError> {
        let (unix, file) = socket.map(|socket| (socket.listener, socket.file)).unzip();
        let tcp = listen.map(bind).transpose()?;
        let address = tcp.as_ref().and_then(|listener| listener.local_addr().ok());
        let doors = tcp.map(ObserverDoor::Tcp).into_iter();
        let doors = doors.chain(unix.map(ObserverDoor::Unix)).collect();
        let (thread, handles) = spawn(doors, door, view)?;
        Ok(Self {
            address,
            handles,
            thread: Some(thread),
            _socket: file,
        })
    }

    /// The address listened on, with the port the system chose if 0 was asked for.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Stops listening, cuts open connections, and waits for the thread.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(thread) = self.thread.take() {
            // The command is sent by the call itself; joining the thread is the waiting.
            self.handles.iter().for_each(|handle| drop(handle.stop(false)));
            drop(thread.join());
        }
    }
}

impl Drop for ObserverServer {
    fn drop(&mut self) {
        self.end();
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, ObserverError> {
    TcpListener::bind(address).map_err(|source| ObserverError::Listen { address, source })
}

fn spawn(
    doors: Vec<ObserverDoor>,
    front: FrontDoor,
    view: Arc<dyn DaemonView>,
) -> Result<(JoinHandle<()>, Vec<ServerHandle>), ObserverError> {
    let (started, starting) = mpsc::sync_channel(1);
    let serve = move || {
        actix_rt::System::new().block_on(async move {
            let live = Arc::new(LivePage::default());
            let data = ObserverData {
                view: web::Data::from(Arc::clone(&view)),
                live: web::Data::from(Arc::clone(&live)),
                front: web::Data::new(front),
                silent: SilentClients::default(),
            };
            let silent = data.silent.clone();
            let servers = doors.into_iter().map(|door| server(door, data.clone()));
            let servers: Vec<_> = match servers.collect() {
                Ok(servers) => servers,
                Err(error) => return drop(started.send(Err(error))),
            };
            drop(started.send(Ok(servers.iter().map(Server::handle).collect())));
            tokio::select! {
                ended = try_join_all(servers) => if let Err(error) = ended {
                    tracing::error!(%error, "the server for page and metrics has ended");
                },
                () = read_windows(&*view, &live, &silent) => {}
            }
        });
    };
    let thread = std::thread::Builder::new()
        .name("observe".into())
        .spawn(serve)
        .map_err(ObserverError::Server)?;
    let gone = || Err(io::Error::other("its thread ended"));
    let handles = starting
        .recv()
        .unwrap_or_else(|_| gone())
        .map_err(ObserverError::Server)?;
    Ok((thread, handles))
}

/// Reads the counters at intervals, tells those who watch, and cuts off those who take nothing.
async fn read_windows(view: &dyn DaemonView, live: &LivePage, silent: &SilentClients) {
    let mut due = tokio::time::interval(READ_EVERY);
    loop {
        due.tick().await;
        view.note_windows();
        live.tell(view);
        silent.look(Instant::now(), LONGEST_SILENCE);
    }
}

/// A client that takes nothing of what it was sent is cut off: as many of them as there are places would keep everybody out. Over the
/// network the system does it, at the Unix socket it is looked for.
fn bound_silence(connection: &dyn Any, kept: &mut Extensions, silent: &SilentClients) {
    if let Some(tcp) = connection.downcast_ref::<TcpStream>() {
        let milliseconds = u32::try_from(LONGEST_SILENCE.as_millis()).unwrap_or(u32::MAX);
        sockopt::set_tcp_user_timeout(tcp, milliseconds).ok();
    }
    silent.watch(connection, kept);
}

fn server(door: ObserverDoor, data: ObserverData) -> io::Result<Server> {
    let silent = data.silent.clone();
    let app = move || {
        let headers = DefaultHeaders::new()
            .add(("Cache-Control", "no-store"))
            .add((
                "Content-Security-Policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
                 form-action 'none'; frame-ancestors 'none'",
            ))
            .add(("X-Content-Type-Options", "nosniff"))
            .add(("Referrer-Policy", "no-referrer"))
            .add(("Cross-Origin-Resource-Policy", "same-origin"));
        App::new()
            .wrap(from_fn(let_in))
            .wrap(headers)
            .app_data(web::Data::clone(&data.view))
            .app_data(web::Data::clone(&data.live))
            .app_data(web::Data::clone(&data.front))
            .configure(routes::all)
    };
    let server = HttpServer::new(app)
        .workers(1)
        .max_connections(MOST_CONNECTIONS)
        .backlog(BACKLOG)
        .keep_alive(IDLE)
        .client_request_timeout(IDLE)
        .client_disconnect_timeout(Duration::from_secs(1))
        .shutdown_timeout(1)
        .on_connect(move |connection, kept| bound_silence(connection, kept, &silent))
        .disable_signals();
    let server = match door {
        ObserverDoor::Tcp(listener) => server.listen(listener)?,
        ObserverDoor::Unix(listener) => server.listen_uds(listener)?,
    };
    Ok(server.run())
}
