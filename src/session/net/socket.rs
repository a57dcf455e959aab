//! A TCP connection that is counted, knows its request, and can be closed though awc keeps it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_rt::net::{ActixStream, Ready, TcpStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::session::SessionCounters;
use crate::session::net::NetSlot;

/// All connections of one owner; awc has no reaper, so this is one.
#[derive(Clone)]
pub(super) struct TrackedSockets {
    open: Rc<RefCell<HashMap<u64, Rc<TrackedSocket>>>>,
    opened: Rc<Cell<u64>>,
    counters: Arc<SessionCounters>,
}

/// What is known of one connection.
pub(in crate::session) struct TrackedSocket {
    host: String,
    stream: RefCell<Option<TcpStream>>,
    owner: RefCell<Weak<NetSlot>>,
    /// Driven by a task and not by a request: HTTP/2. Such a connection is never taken for idle.
    driven: Cell<bool>,
    /// Whether awc holds the connection.
    held: Cell<bool>,
    opened: Instant,
    used: Cell<Instant>,
    /// How long it is kept when nothing goes over it, as its last request wished.
    keep_alive: Cell<Duration>,
    counters: Arc<SessionCounters>,
}

/// The connection as what awc holds is laid over it.
pub(super) struct CountedIo {
    number: u64,
    socket: Rc<TrackedSocket>,
    all: TrackedSockets,
}

impl TrackedSockets {
    pub(super) fn new(counters: &Arc<SessionCounters>) -> Self {
        Self {
            open: Rc::default(),
            opened: Rc::default(),
            counters: Arc::clone(counters),
        }
    }

    pub(super) fn admit(&self, stream: TcpStream, host: String) -> CountedIo {
        let now = Instant::now();
        let slot = NetSlot::current();
        let socket = Rc::new(TrackedSocket {
            host,
            stream: RefCell::new(Some(stream)),
            owner: RefCell::new(slot.as_ref().map_or_else(Weak::new, Rc::downgrade)),
            keep_alive: Cell::new(slot.map_or(Duration::MAX, |slot| slot.keep_alive)),
            driven: Cell::new(false),
            held: Cell::new(true),
            opened: now,
            used: Cell::new(now),
            counters: Arc::clone(&self.counters),
        });
        self.counters.opened.fetch_add(1, Relaxed);
        let number = self.opened.get();
        self.opened.set(number + 1);
        self.open.borrow_mut().insert(number, Rc::clone(&socket));
        CountedIo {
            number,
            socket,
            all: self.clone(),
        }
    }

    /// Closes connections that no request uses: those idle for longer than they are to be kept, or older than `oldest`.
    pub(super) fn reap(&self, oldest: Duration) {
        let idle_too_long = |socket: &TrackedSocket| socket.used.get().elapsed() >= socket.keep_alive.get();
        self.close_idle(|socket| idle_too_long(socket) || socket.opened.elapsed() >= oldest);
    }

    /// Closes the connections to one host that no request uses.
    pub(super) fn close_idle_to(&self, host: &str) {
        self.close_idle(|socket| socket.host == host);
    }

    /// Closes all connections that no request uses.
    pub(super) fn close_all_idle(&self) {
        self.close_idle(|_| true);
    }

    fn close_idle(&self, chosen: impl Fn(&TrackedSocket) -> bool) {
        for socket in self.open.borrow().values() {
            if socket.is_idle() && chosen(socket) {
                socket.close();
            }
        }
    }
}

impl TrackedSocket {
    pub(super) fn is_held(&self) -> bool {
        self.held.get()
    }

    /// Closes the connection at once. awc finds it ended when it next looks.
    pub(super) fn close(&self) {
        if self.stream.take().is_some() {
            self.counters.closed.fetch_add(1, Relaxed);
        }
    }

    fn is_idle(&self) -> bool {
        !self.driven.get() && self.owner.borrow().strong_count() == 0
    }

    fn with<T>(&self, closed: T, work: impl FnOnce(Pin<&mut TcpStream>) -> T) -> T {
        match self.stream.borrow_mut().as_mut() {
            Some(stream) => work(Pin::new(stream)),
            None => closed,
        }
    }
}

impl CountedIo {
    fn note_read(&self, bytes: usize) {
        let bytes = bytes as u64;
        self.socket.counters.received.fetch_add(bytes, Relaxed);
        self.socket.used.set(Instant::now());
        match NetSlot::current() {
            Some(slot) => slot.reads(bytes),
            None => self.socket.driven.set(true),
        }
    }

    /// Bytes go out: from here on the connection belongs to the request that sends them.
    fn note_writer(&self) {
        match NetSlot::current() {
            Some(slot) => {
                slot.writes_to(&self.socket);
                self.socket.keep_alive.set(slot.keep_alive);
                *self.socket.owner.borrow_mut() = Rc::downgrade(&slot);
            }
            None => self.socket.driven.set(true),
        }
    }

    fn note_written(&self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = written {
            self.socket.counters.sent.fetch_add(*bytes as u64, Relaxed);
        }
    }
}

impl AsyncRead for CountedIo {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = self
            .socket
            .with(Poll::Ready(Ok(())), |stream| stream.poll_read(cx, buf));
        let bytes = buf.filled().len() - before;
        if bytes > 0 {
            self.note_read(bytes);
        }
        read
    }
}

impl AsyncWrite for CountedIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.note_writer();
        let written = self.socket.with(gone(), |stream| stream.poll_write(cx, buf));
        self.note_written(&written);
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.with(gone(), |stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.with(Poll::Ready(Ok(())), |stream| stream.poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.note_writer();
        let written = self.socket.with(gone(), |stream| stream.poll_write_vectored(cx, bufs));
        self.note_written(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

impl ActixStream for CountedIo {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        self.socket
            .with(gone(), |stream| ActixStream::poll_read_ready(&*stream, cx))
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        self.socket
            .with(gone(), |stream| ActixStream::poll_write_ready(&*stream, cx))
    }
}

impl fmt::Debug for CountedIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountedIo")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Drop for CountedIo {
    fn drop(&mut self) {
        self.socket.close();
        self.socket.held.set(false);
        self.all.open.borrow_mut().remove(&self.number);
    }
}

fn gone<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
}
