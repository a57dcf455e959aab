//! The HTTP server, on a thread and runtime of its own, so that it answers while the daemon is stuck.

use std::any::Any;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

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
use crate::observe::socket;
use crate::observe::socket::SocketFile;
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
}

impl ObserverServer {
    /// Refuses a socket at which another daemon answers.
    ///
    /// # Errors
    /// [`ObserverError::Running`], or the file cannot be looked at.
    pub fn check_free(socket: &Path) -> Result<(), ObserverError> {
        socket::clear_stale(socket)
    }

    /// Listens on an address, a Unix socket, or both.
    pub fn start(
        listen: Option<SocketAddr>,
        socket: Option<PathBuf>,
        door: FrontDoor,
        view: Arc<dyn DaemonView>,
    ) -> Result<Self, ObserverError> {
        let (unix, file) = socket.map(socket::listen).transpose()?.unzip();
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
            };
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
                () = read_windows(&*view, &live) => {}
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

/// Reads the counters at intervals, and tells those who watch.
async fn read_windows(view: &dyn DaemonView, live: &LivePage) {
    let mut due = tokio::time::interval(READ_EVERY);
    loop {
        due.tick().await;
        view.note_windows();
        live.tell(view);
    }
}

/// The system cuts off a client that takes nothing of what it was sent: as many of them as there are places would keep everybody out.
/// Those of the Unix socket are let be, as its mode says who they may be.
fn bound_silence(connection: &dyn Any, _: &mut Extensions) {
    if let Some(tcp) = connection.downcast_ref::<TcpStream>() {
        let milliseconds = u32::try_from(LONGEST_SILENCE.as_millis()).unwrap_or(u32::MAX);
        sockopt::set_tcp_user_timeout(tcp, milliseconds).ok();
    }
}

fn server(door: ObserverDoor, data: ObserverData) -> io::Result<Server> {
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
        .on_connect(bound_silence)
        .disable_signals();
    let server = match door {
        ObserverDoor::Tcp(listener) => server.listen(listener)?,
        ObserverDoor::Unix(listener) => server.listen_uds(listener)?,
    };
    Ok(server.run())
}
