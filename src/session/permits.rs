//! Who may have a connection: a limit in all, one by host, and a reserved share by class.
//!
//! awc's own limit counts waiting as request time, is not by host, and under HTTP/2 ends at the answer's head
//! (awc 3.11); so awc has none, and a permit of ours is held from before the request to the end of its body.

mod shares;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;
use url::Url;

use crate::session::counters::locked;
pub(super) use crate::session::permits::shares::PermitView;
use crate::session::permits::shares::{free, shares};
use crate::session::{ConnectionLimits, PermitClass, SessionCounters, SessionError};

const CLASSES: usize = PermitClass::ALL.len();

/// Hosts whose accounts are kept though nobody uses them.
const IDLE_HOSTS: usize = 64;

/// Books of which the operator's hook is told at once, by a command or by a request.
pub(crate) const HOOKS_AT_ONCE: usize = 4;

/// The permits of all classes but `state` and `hook` and, apart from them, those of either.
#[derive(Clone)]
pub(super) struct RequestPermits {
    common: Rc<Pool>,
    state: Rc<Pool>,
    hook: Rc<Pool>,
    counters: Arc<SessionCounters>,
}

/// The right to use one connection; given back when dropped.
pub(super) struct RequestPermit {
    pool: Rc<Pool>,
    counters: Arc<SessionCounters>,
    class: PermitClass,
    host: usize,
}

struct Pool {
    state: RefCell<Books>,
}

struct Books {
    limits: ConnectionLimits,
    shares: [usize; CLASSES],
    host_shares: [usize; CLASSES],
    held: [usize; CLASSES],
    /// Of all hosts together, for archives.
    bulk_places: usize,
    hosts: Vec<Host>,
    waiting: usize,
    next_number: u64,
}

/// One host's account. Its place in the list is its name while it is used.
#[derive(Default)]
struct Host {
    name: String,
    port: u16,
    held: [usize; CLASSES],
    queues: [VecDeque<Rc<Ticket>>; CLASSES],
}

/// A place in a queue.
struct Ticket {
    number: u64,
    granted: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// Waits for a [`RequestPermit`]; dropped, it leaves the queue.
struct Waiting<'a> {
    permits: &'a RequestPermits,
    class: PermitClass,
    host: usize,
    ticket: Rc<Ticket>,
    taken: bool,
}

impl RequestPermits {
    pub(super) fn new(common: &ConnectionLimits, state: &ConnectionLimits, counters: &Arc<SessionCounters>) -> Self {
        let permits = Self {
            common: Pool::new(common),
            state: Pool::new(state),
            hook: Pool::new(&ConnectionLimits::unshared(HOOKS_AT_ONCE, HOOKS_AT_ONCE)),
            counters: Arc::clone(counters),
        };
        permits.publish();
        permits
    }

    /// Takes a permit, waiting in line behind earlier requests of the class to that host.
    pub(super) async fn acquire(&self, class: PermitClass, url: &Url) -> Result<RequestPermit, SessionError> {
        let pool = self.pool(class);
        let (host, ticket) = {
            let mut books = pool.state.borrow_mut();
            let host = books.host(url);
            if books.hosts[host].queues[class.index()].is_empty() && books.may_take(class, host) {
                books.take(class, host);
                drop(books);
                return Ok(self.permit(class, host));
            }
            (host, books.queue(class, host)?)
        };
        let began = Instant::now();
        self.counters.waiting[class.index()].fetch_add(1, Relaxed);
        let permit = Waiting {
            permits: self,
            class,
            host,
            ticket,
            taken: false,
        }
        .await;
        self.counters.permit_wait[class.index()].observe(began.elapsed());
        Ok(permit)
    }

    /// Other limits from now on; what is held beyond them is not taken away.
    pub(super) fn set_limits(&self, limits: &ConnectionLimits) {
        self.common.state.borrow_mut().set_limits(limits);
        self.publish();
        self.common.grant();
    }

    /// So many archives at once from now on; those on their way beyond that are not cut.
    pub(super) fn set_bulk_places(&self, places: usize) {
        self.common.state.borrow_mut().bulk_places = places;
        self.publish();
        self.common.grant();
    }

    fn pool(&self, class: PermitClass) -> &Rc<Pool> {
        match class {
            PermitClass::State => &self.state,
            PermitClass::Hook => &self.hook,
            _ => &self.common,
        }
    }

    fn permit(&self, class: PermitClass, host: usize) -> RequestPermit {
        self.counters.held[class.index()].fetch_add(1, Relaxed);
        RequestPermit {
            pool: Rc::clone(self.pool(class)),
            counters: Arc::clone(&self.counters),
            class,
            host,
        }
    }

    fn publish(&self) {
        let common = self.common.state.borrow();
        *locked(&self.counters.permits) = PermitView {
            limit: common.limits.limit,
            shares: common.shares,
            bulk_places: common.bulk_places,
            state_limit: self.state_limit(),
        };
    }

    fn state_limit(&self) -> usize {
        self.state.state.borrow().limits.limit
    }
}

impl Drop for RequestPermit {
    fn drop(&mut self) {
        self.counters.held[self.class.index()].fetch_sub(1, Relaxed);
        self.pool.release(self.class, self.host);
    }
}

impl Future for Waiting<'_> {
    type Output = RequestPermit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<RequestPermit> {
        if self.ticket.granted.get() {
            self.taken = true;
            return Poll::Ready(self.permits.permit(self.class, self.host));
        }
        self.ticket.waker.replace(Some(cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.permits.counters.waiting[self.class.index()].fetch_sub(1, Relaxed);
        if self.taken {
            return;
        }
        let pool = self.permits.pool(self.class);
        if self.ticket.granted.get() {
            pool.release(self.class, self.host);
        } else {
            pool.state.borrow_mut().leave(self.class, self.host, &self.ticket);
        }
    }
}

impl Pool {
    fn new(limits: &ConnectionLimits) -> Rc<Self> {
        let mut books = Books {
            limits: limits.clone(),
            shares: [0; CLASSES],
            host_shares: [0; CLASSES],
            held: [0; CLASSES],
            bulk_places: usize::MAX,
            hosts: Vec::new(),
            waiting: 0,
            next_number: 0,
        };
        books.set_limits(limits);
        Rc::new(Self {
            state: RefCell::new(books),
        })
    }

    fn release(&self, class: PermitClass, host: usize) {
        let mut books = self.state.borrow_mut();
        books.held[class.index()] -= 1;
        books.hosts[host].held[class.index()] -= 1;
        drop(books);
        self.grant();
    }

    /// Gives free permits to those who wait, the longest waiting first among those who may have one.
    fn grant(&self) {
        let mut books = self.state.borrow_mut();
        while books.waiting > 0 {
            let Some((class, host)) = books.next_in_line() else {
                return;
            };
            let Some(ticket) = books.hosts[host].queues[class.index()].pop_front() else {
                return;
            };
            books.waiting -= 1;
            books.take(class, host);
            ticket.granted.set(true);
            if let Some(waker) = ticket.waker.take() {
                waker.wake();
            }
        }
    }
}

impl Books {
    fn set_limits(&mut self, limits: &ConnectionLimits) {
        self.limits = ConnectionLimits {
            limit: limits.limit.max(1),
            limit_per_host: limits.limit_per_host.max(1),
            ..limits.clone()
        };
        self.shares = shares(&self.limits.reserved, self.limits.limit);
        self.host_shares = shares(&self.limits.reserved, self.limits.limit_per_host);
    }

    fn host(&mut self, url: &Url) -> usize {
        let name = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        if let Some(place) = self
            .hosts
            .iter()
            .position(|host| host.port == port && host.name == name)
        {
            return place;
        }
        let host = Host {
            name: name.to_owned(),
            port,
            ..Host::default()
        };
        let unused = if self.hosts.len() < IDLE_HOSTS {
            None
        } else {
            self.hosts.iter().position(Host::is_unused)
        };
        if let Some(place) = unused {
            self.hosts[place] = host;
            return place;
        }
        self.hosts.push(host);
        self.hosts.len() - 1
    }

    fn queue(&mut self, class: PermitClass, host: usize) -> Result<Rc<Ticket>, SessionError> {
        if self.waiting >= self.limits.waiting {
            return Err(SessionError::Busy);
        }
        let ticket = Rc::new(Ticket {
            number: self.next_number,
            granted: Cell::new(false),
            waker: RefCell::new(None),
        });
        self.next_number += 1;
        self.waiting += 1;
        self.hosts[host].queues[class.index()].push_back(Rc::clone(&ticket));
        Ok(ticket)
    }

    fn leave(&mut self, class: PermitClass, host: usize, ticket: &Rc<Ticket>) {
        self.waiting -= 1;
        self.hosts[host].queues[class.index()].retain(|other| !Rc::ptr_eq(other, ticket));
    }

    fn may_take(&self, class: PermitClass, host: usize) -> bool {
        let has_place = class != PermitClass::Bulk || self.held[class.index()] < self.bulk_places;
        has_place
            && free(self.limits.limit, &self.shares, &self.held, class) > 0
            && free(
                self.limits.limit_per_host,
                &self.host_shares,
                &self.hosts[host].held,
                class,
            ) > 0
    }

    fn take(&mut self, class: PermitClass, host: usize) {
        self.held[class.index()] += 1;
        self.hosts[host].held[class.index()] += 1;
    }

    fn next_in_line(&self) -> Option<(PermitClass, usize)> {
        let mut first: Option<(u64, PermitClass, usize)> = None;
        for (place, host) in self.hosts.iter().enumerate() {
            for class in PermitClass::ALL {
                let Some(ticket) = host.queues[class.index()].front() else {
                    continue;
                };
                let earlier = first.is_none_or(|(number, ..)| ticket.number < number);
                if earlier && self.may_take(class, place) {
                    first = Some((ticket.number, class, place));
                }
            }
        }
        first.map(|(_, class, host)| (class, host))
    }
}

impl Host {
    fn is_unused(&self) -> bool {
        self.held.iter().all(|held| *held == 0) && self.queues.iter().all(VecDeque::is_empty)
    }
}

#[cfg(test)]
mod tests;
