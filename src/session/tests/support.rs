//! A raw HTTP server for tests, and a session that talks to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use url::Url;

use crate::actor::{ActorRegistry, AskContext};
use crate::grin::{RedirectPolicy, Secret};
use crate::session::{
    ArchiveBody, AuthMode, BodyError, BodyReader, FetchAnswer, HeadRequest, MinimumSpeed, OpenBody, PermitClass,
    RequestKind, Session, SessionConfig, SessionError, SessionSnapshot, SessionThread, SmallAnswer, TokenSource,
};

/// What came in.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Which connection, counted from 0.
    pub connection: usize,
    /// Which request on any connection, counted from 0.
    pub number: usize,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }
}

pub trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// What a test does with a request; `false` closes the connection.
pub type Script = dyn Fn(&Seen, &mut dyn Wire) -> bool + Send + Sync;

struct ClosingTls(rustls::StreamOwned<rustls::ServerConnection, TcpStream>);

impl Read for ClosingTls {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for ClosingTls {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.0.write(buf)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl Drop for ClosingTls {
    fn drop(&mut self) {
        self.0.conn.send_close_notify();
        self.0.flush().ok();
        // TCP outlives TLS: it is closed after the client has closed its own side.
        self.0.sock.set_read_timeout(Some(Duration::from_secs(10))).ok();
        while self.0.sock.read(&mut [0; 64]).is_ok_and(|got| got > 0) {}
    }
}

#[derive(Default)]
struct Book {
    seen: Mutex<Vec<Seen>>,
    accepted: AtomicUsize,
    busy: AtomicUsize,
    most_busy: AtomicUsize,
}

/// A server on a port of its own, one thread a connection.
#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    scheme: &'static str,
    book: Arc<Book>,
}

impl Server {
    pub fn start(script: impl Fn(&Seen, &mut dyn Wire) -> bool + Send + Sync + 'static) -> Self {
        Self::serve("http", Arc::new(script), |stream| Some(Box::new(stream)))
    }

    /// Over TLS, with this configuration.
    pub fn start_tls(
        config: Arc<rustls::ServerConfig>,
        script: impl Fn(&Seen, &mut dyn Wire) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::serve("https", Arc::new(script), move |stream| {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).ok()?;
            Some(Box::new(rustls::StreamOwned::new(connection, stream)))
        })
    }

    /// Over TLS; where the script ends a connection, TLS is closed in good order and TCP stays open for half a second.
    pub fn start_tls_closing(
        config: Arc<rustls::ServerConfig>,
        script: impl Fn(&Seen, &mut dyn Wire) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::serve("https", Arc::new(script), move |stream| {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).ok()?;
            Some(Box::new(ClosingTls(rustls::StreamOwned::new(connection, stream))))
        })
    }

    fn serve(
        scheme: &'static str,
        script: Arc<Script>,
        wire: impl Fn(TcpStream) -> Option<Box<dyn Wire>> + Clone + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            scheme,
            book: Arc::default(),
        };
        let book = Arc::clone(&server.book);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let number = book.accepted.fetch_add(1, SeqCst);
                let (book, script, wire) = (Arc::clone(&book), Arc::clone(&script), wire.clone());
                std::thread::spawn(move || {
                    stream.set_nodelay(true).ok();
                    if let Some(wire) = wire(stream) {
                        book.converse(wire, number, &*script);
                    }
                });
            }
        });
        server
    }

    pub fn url(&self, path: &str) -> Url {
        let host = if self.scheme == "https" {
            "localhost"
        } else {
            "127.0.0.1"
        };
        Url::parse(&format!("{}://{host}:{}{path}", self.scheme, self.address.port())).unwrap()
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.book.seen.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.book.accepted.load(SeqCst)
    }

    /// The most requests that were answered at one moment.
    pub fn most_busy(&self) -> usize {
        self.book.most_busy.load(SeqCst)
    }
}

impl Book {
    fn converse(&self, wire: Box<dyn Wire>, connection: usize, script: &Script) {
        let mut reader = BufReader::new(wire);
        while let Some(mut seen) = read_request(&mut reader) {
            seen.connection = connection;
            {
                let mut all = self.seen.lock().unwrap();
                seen.number = all.len();
                all.push(seen.clone());
            }
            let busy = self.busy.fetch_add(1, SeqCst) + 1;
            self.most_busy.fetch_max(busy, SeqCst);
            let open = script(&seen, reader.get_mut());
            self.busy.fetch_sub(1, SeqCst);
            if !open {
                return;
            }
        }
    }
}

fn read_request(reader: &mut BufReader<Box<dyn Wire>>) -> Option<Seen> {
    let line = read_line(reader)?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let line = read_line(reader)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut seen = Seen {
        method,
        path,
        headers,
        body: Vec::new(),
        connection: 0,
        number: 0,
    };
    let length = seen
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    seen.body = vec![0; length];
    reader.read_exact(&mut seen.body).ok()?;
    Some(seen)
}

fn read_line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    let count = reader.read_line(&mut line).ok()?;
    (count > 0).then(|| line.trim_end().to_owned())
}

/// Writes as it is; says whether it could.
pub fn say(wire: &mut dyn Wire, text: impl AsRef<[u8]>) -> bool {
    wire.write_all(text.as_ref()).and_then(|()| wire.flush()).is_ok()
}

/// A whole answer.
pub fn answer(wire: &mut dyn Wire, status: &str, headers: &str, body: impl AsRef<[u8]>) -> bool {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len());
    say(wire, [head.as_bytes(), body].concat())
}

/// The bytes of a case under `tests/cases/http`.
pub fn case(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases/http")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Says nothing until the peer has had enough and closes.
pub fn silence(wire: &mut dyn Wire) {
    while wire.read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
}

/// A session and all that it needs.
pub struct Fixture {
    pub session: Session,
    pub cx: AskContext,
    thread: SessionThread,
}

/// Quick patience, no pace, a fixed token for the server's own address.
pub fn config(server: &Server) -> SessionConfig {
    let mut config = SessionConfig::new(RedirectPolicy::new(&server.url("/"), &[], &[]));
    config.requests_per_second = 0.0;
    config.tokens = TokenSource::Fixed(Secret::new("t0ken"));
    config.timeouts.connect = Duration::from_secs(5);
    config.timeouts.read = Duration::from_secs(5);
    config.timeouts.total = Duration::from_secs(10);
    config.minimum_speed = MinimumSpeed {
        bytes_per_second: 0,
        window: Duration::from_secs(1),
    };
    config
}

impl Fixture {
    pub fn new(config: SessionConfig) -> Self {
        let (session, thread) = Session::start(&ActorRegistry::new(), config).unwrap();
        Self {
            session,
            cx: AskContext::root("test"),
            thread,
        }
    }

    pub fn of(server: &Server) -> Self {
        Self::new(config(server))
    }

    pub async fn get(&self, url: Url) -> Result<SmallAnswer, SessionError> {
        self.session
            .ask(FetchAnswer::get(url, RequestKind::Other, 1 << 20), &self.cx)
            .await
    }

    pub async fn raw(&self, url: Url) -> Result<SmallAnswer, SessionError> {
        self.session
            .ask(
                FetchAnswer {
                    auth: AuthMode::None,
                    ..FetchAnswer::get(url, RequestKind::Other, 1 << 20)
                },
                &self.cx,
            )
            .await
    }

    pub async fn head(&self, url: Url) -> Result<SmallAnswer, SessionError> {
        let head = HeadRequest {
            url,
            class: PermitClass::Check,
            kind: RequestKind::ArchiveHead,
            auth: AuthMode::Grin,
        };
        self.session.ask(head, &self.cx).await
    }

    pub async fn open(&self, url: Url) -> Result<ArchiveBody, SessionError> {
        self.session.ask(OpenBody::new(url), &self.cx).await
    }

    /// Opens and reads an archive.
    pub async fn download(&self, url: Url) -> (Vec<u8>, Result<(), BodyError>) {
        read(self.open(url).await.unwrap().reader).await
    }

    pub fn counted(&self) -> SessionSnapshot {
        self.session.counters().snapshot()
    }

    /// Waits until the counters say what they should.
    pub async fn until(&self, what: &str, good: impl Fn(&SessionSnapshot) -> bool) {
        for _ in 0..1_000 {
            if good(&self.counted()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{what}: {:?}", self.counted());
    }

    pub fn end(self) {
        self.thread.join().unwrap();
    }
}

/// Reads a body on a thread of its own.
pub async fn read(mut reader: BodyReader) -> (Vec<u8>, Result<(), BodyError>) {
    tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        let ended = reader.read_to_end(&mut bytes).map(drop);
        (
            bytes,
            ended.map_err(|error| BodyError::of(&error).expect("an error of ours").clone()),
        )
    })
    .await
    .unwrap()
}

/// Bytes that differ from place to place.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length)
        .map(|place| u8::try_from(place * 31 % 251).unwrap())
        .collect()
}

/// Packed with gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
