//! Which socket serves which request, which awc does not tell.
//!
//! The owner's thread polls one request at a time, so a thread-local says for whom a socket is read or written.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::session::TimeoutPhase;
use crate::session::net::socket::TrackedSocket;

thread_local! {
    static CURRENT: RefCell<Option<Rc<NetSlot>>> = const { RefCell::new(None) };
}

/// One request's place on the network.
pub(in crate::session) struct NetSlot {
    pub(super) connect_timeout: Duration,
    /// How long the connection is kept when nothing goes over it.
    pub(super) keep_alive: Duration,
    /// The answer may have a body: it is not one to HEAD.
    pub(super) expects_body: bool,
    /// The answer's head has not been made ready for yet.
    head_to_come: Cell<bool>,
    phase: Cell<TimeoutPhase>,
    /// When connecting began, if it did.
    connecting: Cell<Option<Instant>>,
    /// When a connection was opened for this request; `None`: it goes over one that was open.
    opened: Cell<Option<Instant>>,
    received: Cell<u64>,
    /// Where the connection that was opened leads.
    peer: Cell<Option<SocketAddr>>,
    socket: RefCell<Option<Rc<TrackedSocket>>>,
}

impl NetSlot {
    pub(in crate::session) fn new(connect_timeout: Duration, keep_alive: Duration, expects_body: bool) -> Rc<Self> {
        Rc::new(Self {
            connect_timeout,
            keep_alive,
            expects_body,
            head_to_come: Cell::new(true),
            connecting: Cell::new(None),
            phase: Cell::new(TimeoutPhase::Head),
            opened: Cell::new(None),
            received: Cell::new(0),
            peer: Cell::new(None),
            socket: RefCell::new(None),
        })
    }

    /// Runs `future` so that every socket it touches knows for whom.
    pub(in crate::session) async fn within<F: Future>(self: &Rc<Self>, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| self.enter(|| future.as_mut().poll(cx))).await
    }

    /// Runs `work`, in which sockets belong to this request.
    pub(in crate::session) fn enter<T>(self: &Rc<Self>, work: impl FnOnce() -> T) -> T {
        let _inside = Inside(CURRENT.replace(Some(Rc::clone(self))));
        work()
    }

    /// The request being polled on this thread.
    pub(super) fn current() -> Option<Rc<Self>> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Whether the head of an answer is to be made ready for: once for each request.
    pub(super) fn takes_head(&self) -> bool {
        self.head_to_come.replace(false)
    }

    pub(super) fn connecting(&self) {
        self.phase.set(TimeoutPhase::Connect);
        self.connecting.set(Some(Instant::now()));
    }

    pub(super) fn connected(&self, secure: bool) {
        self.phase.set(if secure {
            TimeoutPhase::Handshake
        } else {
            TimeoutPhase::Head
        });
        self.opened.set(Some(Instant::now()));
    }

    /// The connection that is opened leads there.
    pub(super) fn leads_to(&self, peer: Option<SocketAddr>) {
        self.peer.set(peer);
    }

    /// Where the connection leads that was opened for this request.
    pub(in crate::session) fn peer(&self) -> Option<SocketAddr> {
        self.peer.get()
    }

    /// The TLS handshake is through.
    pub(super) fn secured(&self) {
        if self.phase.get() == TimeoutPhase::Handshake {
            self.phase.set(TimeoutPhase::Head);
            self.opened.set(Some(Instant::now()));
        }
    }

    /// Until when name, TCP connection and TLS handshake may take together; `None`: nothing is being connected.
    pub(in crate::session) fn connects_until(&self) -> Option<Instant> {
        let connecting = matches!(self.phase.get(), TimeoutPhase::Connect | TimeoutPhase::Handshake);
        let began = self.connecting.get().filter(|_| connecting)?;
        Some(began + self.connect_timeout)
    }

    /// The socket takes bytes of this request.
    pub(super) fn writes_to(&self, socket: &Rc<TrackedSocket>) {
        let mut own = self.socket.borrow_mut();
        if !own.as_ref().is_some_and(|own| Rc::ptr_eq(own, socket)) {
            *own = Some(Rc::clone(socket));
        }
    }

    pub(super) fn reads(&self, bytes: u64) {
        self.received.set(self.received.get() + bytes);
    }

    /// The part of the request going on before its answer's head.
    pub(in crate::session) fn phase(&self) -> TimeoutPhase {
        self.phase.get()
    }

    /// When a connection was opened for this request, if one was.
    pub(in crate::session) fn opened(&self) -> Option<Instant> {
        self.opened.get()
    }

    /// Whether the request goes over a connection that was open before.
    pub(in crate::session) fn is_reused(&self) -> bool {
        self.opened.get().is_none()
    }

    /// Whether bytes came for this request, those of TLS itself included.
    pub(in crate::session) fn has_received(&self) -> bool {
        self.received.get() > 0
    }

    /// Whether awc holds the connection, in use or in its pool.
    pub(in crate::session) fn is_connected(&self) -> bool {
        self.socket.borrow().as_ref().is_some_and(|socket| socket.is_held())
    }

    /// Closes the connection, wherever awc keeps it.
    pub(in crate::session) fn close(&self) {
        if let Some(socket) = self.socket.borrow().as_ref() {
            socket.close();
        }
    }
}

/// Puts back, on leaving, what was current before.
struct Inside(Option<Rc<NetSlot>>);

impl Drop for Inside {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}
